package sfsim

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

const flowPath = "actions/custom/flow/"

func TestAFlowAnswersInItsEnvelope(t *testing.T) {
	c := newClient(t, Options{})
	text := c.want(http.MethodPost, flowPath+"Cordboard_Route_By_SLA", `{"inputs":[{"callId":"1","contactId":"`+namedID("003", "aino")+`","queueName":"Sales"},{"callId":"2"}]}`, 200,
		`{"actionName":"Cordboard_Route_By_SLA","errors":null,"invocationId":null,"isSuccess":true,"outcome":null,"outputValues":{`,
		`"priority":10`, `"targetQueue":"Sales"`, `"Flow__InterviewStatus":"Finished"`, `"sortOrder":-1,"version":1}`)
	if strings.Count(text, `"isSuccess":true`) != 2 || !strings.Contains(text, `"action":"continue"`) {
		t.Error("two interviews in one call:", text)
	}
	c.want(http.MethodGet, "actions/custom/flow", "", 200, `"name":"Cordboard_Smart_Routing"`, `"url":"/services/data/v67.0/actions/custom/flow/Cordboard_Smart_Routing"`)
	describe := c.want(http.MethodGet, flowPath+"Cordboard_Smart_Routing", "", 200)
	for _, name := range []string{
		"callId", "callerNumber", "calledNumber", "queueName", "contactId", "accountId", "matchCount",
		"action", "targetQueue", "targetUserId", "targetNumber", "priority", "language", "skipLanguageMenu",
	} {
		if !strings.Contains(describe, `"name":"`+name+`"`) {
			t.Errorf("the flow has no variable %s", name)
		}
	}
}

func TestTheDemoFlowSendsEachCallerWhereTheDemoSays(t *testing.T) {
	c := newClient(t, Options{})
	ask := func(inputs string, pieces ...string) {
		t.Helper()
		c.want(http.MethodPost, flowPath+"Cordboard_Smart_Routing", `{"inputs":[{"callId":"1","queueName":"Customer Service EN",`+inputs+`}]}`, 200, pieces...)
	}
	ask(`"contactId":"`+namedID("003", "aino")+`","matchCount":1`, `"action":"agent"`, `"targetUserId":"`+DemoUserID("anna")+`"`, `"priority":10`, `"language":"en"`, `"skipLanguageMenu":true`)
	ask(`"accountId":"`+namedID("001", "timber")+`"`, `"action":"queue"`, `"priority":10`, `"targetQueue":"Customer Service EN"`)
	ask(`"contactId":"`+namedID("003", "peter")+`"`, `"action":"continue"`, `"targetUserId":null`) // a queue owns his case
	ask(`"matchCount":0`, `"action":"continue"`, `"priority":null`)
	ask(`"contactId":null`, `"action":"continue"`)
	c.want(http.MethodPost, flowPath+"Cordboard_Smart_Routing", `{"inputs":[{"contactId":"' OR Name != '"}]}`, 400, "FLOW_EXCEPTION", "invalid ID field: ' OR Name != '") // text stays text
	c.want(http.MethodPatch, "sobjects/Case/"+namedID("500", "planks"), `{"Status":"Closed"}`, 204)
	c.want(http.MethodPost, flowPath+"Cordboard_Route_By_Case_Owner", `{"inputs":[{"contactId":"`+namedID("003", "aino")+`"}]}`, 200, `"targetUserId":"`+DemoUserID("carl")+`"`) // her next open case
}

func TestFaultsOfAFlow(t *testing.T) {
	c := newClient(t, Options{})
	c.org.Register(Flow{Name: "Broken", Run: func(context.Context, *Org, map[string]any) (map[string]any, error) {
		return nil, errors.New("the flow failed to access the value for Contact.Name")
	}})
	c.want(http.MethodPost, flowPath+"Broken", `{"inputs":[{}]}`, 400, `"isSuccess":false`, `"outputValues":null`, `"statusCode":"FLOW_EXCEPTION"`, "failed to access")
	c.want(http.MethodPost, flowPath+"Cordboard_Smart_Routing", `{"inputs":[{"CallId":"1"}]}`, 400, "INVALID_API_INPUT", `"isSuccess":false`) // case matters
	c.want(http.MethodPost, flowPath+"Cordboard_Smart_Routing", `{"inputs":[{"matchCount":"many"}]}`, 400, "INVALID_ARGUMENT_TYPE")
	c.want(http.MethodPost, flowPath+"Nothing", `{"inputs":[{}]}`, 404, `[{"message":"The requested resource does not exist","errorCode":"NOT_FOUND"}]`)
	c.want(http.MethodPost, flowPath+"Broken", `nothing`, 400, "JSON_PARSER_ERROR")
	c.want(http.MethodGet, "actions/standard/email", "", 404, "NOT_FOUND")
	c.want(http.MethodDelete, flowPath+"Broken", "", 405)
}

func TestASlowFlowIsLeftByItsCaller(t *testing.T) {
	c := newClient(t, Options{FlowLatency: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.at+"/services/data/v67.0/"+flowPath+"Cordboard_Smart_Routing", strings.NewReader(`{"inputs":[{}]}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	if status, _ := c.send(r); status != 0 {
		t.Error("an answer came:", status)
	}
	c.want(http.MethodGet, "limits", "", 200) // nobody else waits for it
}
