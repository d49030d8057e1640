package sfsim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestACollectionTellsOfEachRecord(t *testing.T) {
	c := newClient(t, Options{})
	text := c.want(http.MethodPost, "composite/sobjects", `{"records":[
		{"attributes":{"type":"Task"},"Subject":"one"},
		{"attributes":{"type":"Task"},"OwnerId":"INVALID_OWNER"},
		{"attributes":{"type":"Nothing"}},
		{"Subject":"no type"},
		{"attributes":{"type":"Contact"},"LastName":"mixed"}]}`, 200,
		`{"id":"00T`, `{"success":false,"errors":[{"statusCode":"MALFORMED_ID","message":"Owner ID: id value of incorrect type: INVALID_OWNER","fields":["OwnerId"]}]}`, `"statusCode":"INVALID_TYPE"`)
	var results []saveResult
	if err := json.Unmarshal([]byte(text), &results); err != nil || len(results) != 5 || !results[4].Success {
		t.Fatal(err, text)
	}
	c.want(http.MethodPatch, "composite/sobjects", `{"records":[
		{"attributes":{"type":"Task"},"id":"`+results[0].ID+`","Subject":"two"},
		{"attributes":{"type":"Task"},"Subject":"no id"},
		{"attributes":{"type":"Task"},"Id":"00TDn0000000zzz","Subject":"x"}]}`, 200, `"success":true`, "MISSING_ARGUMENT", "INVALID_CROSS_REFERENCE_KEY")
	c.want(http.MethodGet, "composite/sobjects/Task?ids="+results[0].ID+",00TDn0000000zzz&fields=Subject", "", 200, `"Subject":"two"`, `,null]`)
	c.want(http.MethodPost, "composite/sobjects/Task", `{"ids":["00TDn0000000zzz","`+results[0].ID+`"],"fields":["Id","Subject"]}`, 200, `[null,{"attributes"`)
	c.want(http.MethodPost, "composite/sobjects/Task", `{"ids":["`+results[0].ID+`"],"fields":["Nonsense"]}`, 400, "INVALID_FIELD")
	c.want(http.MethodDelete, "composite/sobjects?ids="+results[0].ID+","+results[0].ID+"&allOrNone=false", "", 200, `"success":true`, "ENTITY_IS_DELETED")
	c.want(http.MethodDelete, "composite/sobjects", "", 400, "MISSING_ARGUMENT")
}

func TestAnUpsertOfManyTellsCreatedFromUpdated(t *testing.T) {
	c := newClient(t, Options{})
	c.want(http.MethodPatch, "sobjects/Task/Cordboard_Call_Key__c/old", `{"Subject":"x"}`, 201)
	c.want(http.MethodPost, "/_sim/records/Task", `[{"Cordboard_Call_Key__c":"twin"},{"Cordboard_Call_Key__c":"twin"}]`, 201)
	record := func(key string) string {
		return `{"attributes":{"type":"Task"},"Cordboard_Call_Key__c":"` + key + `","Subject":"y"}`
	}
	text := c.want(http.MethodPatch, "composite/sobjects/Task/Cordboard_Call_Key__c",
		`{"allOrNone":false,"records":[`+strings.Join([]string{record("old"), record("new"), record("twin"), record("again"), record("again"), record("")}, ",")+`]}`, 200,
		"DUPLICATE_EXTERNAL_ID", "Duplicate external id specified: again", "Cordboard_Call_Key__c not specified")
	var results []saveResult
	if err := json.Unmarshal([]byte(text), &results); err != nil || len(results) != 6 {
		t.Fatal(err, text)
	}
	for i, want := range []struct{ success, created bool }{{true, false}, {true, true}, {false, false}, {false, false}, {false, false}, {false, false}} {
		if results[i].Success != want.success || results[i].Created == nil || *results[i].Created != want.created {
			t.Errorf("record %d: %+v", i, results[i])
		}
	}
	c.want(http.MethodPatch, "composite/sobjects/Task/Subject", `{"records":[]}`, 400, "INVALID_FIELD")
}

func TestAllOrNoneLeavesNothingBehind(t *testing.T) {
	c := newClient(t, Options{})
	before := len(c.org.Records("UpsertTable__c"))
	text := c.want(http.MethodPatch, "composite/sobjects/UpsertTable__c/ExtId__c", `{"allOrNone":true,"records":[
		{"attributes":{"type":"UpsertTable__c"},"ExtId__c":"1"},{"attributes":{"type":"UpsertTable__c"},"ExtId__c":"2","OwnerId":"INVALID_OWNER"}]}`, 200,
		"ALL_OR_NONE_OPERATION_ROLLED_BACK", "MALFORMED_ID", "Record rolled back because not all records were valid and the request was using AllOrNone header")
	if strings.Count(text, `"success":false`) != 2 || strings.Count(text, `"created":true`) != 2 || strings.Contains(text, `"id"`) {
		t.Error(text)
	}
	if len(c.org.Records("UpsertTable__c")) != before {
		t.Error("records stayed")
	}
	c.want(http.MethodPatch, "sobjects/UpsertTable__c/ExtId__c/1", `{"Name":"the index was rolled back too"}`, 201)

	aino, tom := namedID("003", "aino"), namedID("003", "tom")
	c.want(http.MethodPatch, "composite/sobjects", `{"allOrNone":true,"records":[{"attributes":{"type":"Contact"},"id":"`+aino+`","Title":"changed"},{"attributes":{"type":"Contact"},"id":"`+tom+`","LastName":""}]}`, 200, "REQUIRED_FIELD_MISSING")
	c.want(http.MethodDelete, "composite/sobjects?allOrNone=true&ids="+aino+",003Dn0000000zzz", "", 200, "ROLLED_BACK")
	c.want(http.MethodGet, "sobjects/Contact/"+aino, "", 200, `"Title":"Purchasing Manager"`)
}

func TestACollectionHoldsTwoHundred(t *testing.T) {
	c := newClient(t, Options{})
	records := make([]string, 201)
	for i := range records {
		records[i] = fmt.Sprintf(`{"attributes":{"type":"Task"},"Subject":"%d"}`, i)
	}
	c.want(http.MethodPost, "composite/sobjects", `{"records":[`+strings.Join(records, ",")+`]}`, 400, "EXCEEDED_ID_LIMIT")
	c.want(http.MethodPost, "composite/sobjects", `{"records":[`+strings.Join(records[:200], ",")+`]}`, 200)
	if n := len(c.org.Records("Task")); n != 200 {
		t.Error(n, "tasks")
	}
}

func TestAFaultMayFallOnSingleRecords(t *testing.T) {
	c := newClient(t, Options{})
	c.want(http.MethodPut, "/_sim/faults", `{"error_code":"UNABLE_TO_LOCK_ROW","every":2,"per_record":true}`, 200)
	text := c.want(http.MethodPost, "composite/sobjects", `{"records":[{"attributes":{"type":"Task"}},{"attributes":{"type":"Task"}},{"attributes":{"type":"Task"}}]}`, 200, `"statusCode":"UNABLE_TO_LOCK_ROW"`)
	if strings.Count(text, `"success":true`) != 2 {
		t.Error(text)
	}
}
