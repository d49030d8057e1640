package sfsim

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestEachFaultOfAWriteHasItsCodeAndStatus(t *testing.T) {
	c := newClient(t, Options{})
	aino, lead, anna := namedID("003", "aino"), namedID("00Q", "sara"), DemoUserID("anna")
	task := idOf(t, c.want(http.MethodPost, "sobjects/Task", `{"Subject":"s","TaskSubtype":"Call"}`, 201))
	gone := idOf(t, c.want(http.MethodPost, "sobjects/Contact", `{"LastName":"Gone"}`, 201))
	c.want(http.MethodDelete, "sobjects/Contact/"+gone, "", 204)
	c.want(http.MethodPost, "/_sim/records/User", `{"Id":"`+DemoUserID("asleep")+`","Username":"asleep","LastName":"A","IsActive":false}`, 201)
	for name, test := range map[string]struct {
		method, path, body string
		status             int
		code               string
		pieces             string
	}{
		"unknown field":           {"POST", "sobjects/Task", `{"Nonsense__c":1}`, 400, "INVALID_FIELD", "No such column 'Nonsense__c' on sobject of type Task"},
		"unknown type":            {"POST", "sobjects/Nonsense__c", `{}`, 404, "NOT_FOUND", "The requested resource does not exist"},
		"required":                {"POST", "sobjects/Contact", `{"FirstName":"A"}`, 400, "REQUIRED_FIELD_MISSING", `"fields":["LastName"]`},
		"required emptied":        {"PATCH", "sobjects/Contact/" + aino, `{"LastName":""}`, 400, "REQUIRED_FIELD_MISSING", "LastName"},
		"two required":            {"POST", "sobjects/Lead", `{}`, 400, "REQUIRED_FIELD_MISSING", "[LastName, Company]"},
		"too long":                {"POST", "sobjects/Task", `{"Subject":"` + strings.Repeat("ä", 256) + `"}`, 400, "STRING_TOO_LONG", "(max length=255)"},
		"restricted picklist":     {"POST", "sobjects/Task", `{"CallType":"Sideways"}`, 400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "bad value for restricted picklist field: Sideways"},
		"read-only on create":     {"POST", "sobjects/Task", `{"IsClosed":true}`, 400, "INVALID_FIELD_FOR_INSERT_UPDATE", "IsClosed"},
		"TaskSubtype on update":   {"PATCH", "sobjects/Task/" + task, `{"TaskSubtype":"Call"}`, 400, "INVALID_FIELD_FOR_INSERT_UPDATE", "TaskSubtype"},
		"Id on create":            {"POST", "sobjects/Task", `{"Id":"` + task + `"}`, 400, "INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call"},
		"Id on update":            {"PATCH", "sobjects/Task/" + task, `{"Id":"` + task + `"}`, 400, "INVALID_FIELD", "The Id field should not be specified in the sobject data."},
		"not an id":               {"POST", "sobjects/Task", `{"OwnerId":"INVALID_OWNER"}`, 400, "MALFORMED_ID", "Owner ID: id value of incorrect type: INVALID_OWNER"},
		"id of another kind":      {"POST", "sobjects/Task", `{"WhoId":"` + anna + `"}`, 400, "MALFORMED_ID", "id value of incorrect type: " + anna},
		"who does not exist":      {"POST", "sobjects/Task", `{"WhoId":"003Dn0000000zzz"}`, 400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"},
		"what does not exist":     {"POST", "sobjects/Task", `{"WhatId":"500Dn0000000zzz"}`, 400, "INVALID_CROSS_REFERENCE_KEY", "WhatId"},
		"owner does not exist":    {"POST", "sobjects/Task", `{"OwnerId":"005Dn0000000zzz"}`, 400, "INVALID_CROSS_REFERENCE_KEY", "OwnerId"},
		"owner inactive":          {"POST", "sobjects/Task", `{"OwnerId":"` + DemoUserID("asleep") + `"}`, 400, "INACTIVE_OWNER_OR_USER", "inactive user"},
		"who was deleted":         {"POST", "sobjects/Task", `{"WhoId":"` + gone + `"}`, 400, "ENTITY_IS_DELETED", "entity is deleted"},
		"lead and what":           {"POST", "sobjects/Task", `{"WhoId":"` + lead + `","WhatId":"` + namedID("500", "planks") + `"}`, 400, "FIELD_INTEGRITY_EXCEPTION", "WhatId"},
		"number as text":          {"POST", "sobjects/Task", `{"CallDurationInSeconds":"long"}`, 400, "JSON_PARSER_ERROR", "Cannot deserialize instance of int"},
		"half a second":           {"POST", "sobjects/Task", `{"CallDurationInSeconds":1.5}`, 400, "JSON_PARSER_ERROR", "int"},
		"an object as text":       {"POST", "sobjects/Task", `{"Subject":["a"]}`, 400, "JSON_PARSER_ERROR", "START_ARRAY"},
		"no date":                 {"POST", "sobjects/Task", `{"ActivityDate":"yesterday"}`, 400, "JSON_PARSER_ERROR", "date"},
		"no JSON":                 {"POST", "sobjects/Task", `{"Subject":}`, 400, "JSON_PARSER_ERROR", "Unexpected character"},
		"no body":                 {"POST", "sobjects/Task", ``, 400, "JSON_PARSER_ERROR", "no entity body"},
		"more after the body":     {"POST", "sobjects/Task", `{} {}`, 400, "JSON_PARSER_ERROR", "Unexpected character"},
		"null as body":            {"POST", "sobjects/Task", `null`, 400, "JSON_PARSER_ERROR", "no entity body"},
		"read a missing record":   {"GET", "sobjects/Task/00TDn0000000zzz", ``, 404, "NOT_FOUND", "does not exist"},
		"update a missing record": {"PATCH", "sobjects/Task/00TDn0000000zzz", `{"Subject":"x"}`, 404, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"},
		"delete a missing record": {"DELETE", "sobjects/Task/00TDn0000000zzz", ``, 404, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"},
		"update a deleted record": {"PATCH", "sobjects/Contact/" + gone, `{"LastName":"x"}`, 404, "ENTITY_IS_DELETED", "entity is deleted"},
		"read a deleted record":   {"GET", "sobjects/Contact/" + gone, ``, 404, "NOT_FOUND", "does not exist"},
		"no external id":          {"PATCH", "sobjects/Task/Subject/x", `{}`, 404, "NOT_FOUND", "Provided external ID field does not exist or is not accessible: Subject"},
		"key in the body":         {"PATCH", "sobjects/Task/Cordboard_Call_Key__c/x", `{"Cordboard_Call_Key__c":"x"}`, 400, "INVALID_FIELD", "should not be specified in the sobject data"},
		"presence is read-only":   {"POST", "sobjects/UserServicePresence", `{"UserId":"` + anna + `"}`, 400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "cannot be inserted"},
		"users stay":              {"DELETE", "sobjects/User/" + anna, ``, 400, "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access"},
		"e-mail":                  {"POST", "sobjects/Contact", `{"LastName":"x","Email":"nobody"}`, 400, "INVALID_EMAIL_ADDRESS", "Email"},
		"method":                  {"PUT", "sobjects/Task/" + task, `{}`, 405, "METHOD_NOT_ALLOWED", "PUT"},
		"version too old":         {"GET", "/services/data/v12.0/limits", ``, 404, "NOT_FOUND", ""},
		"unknown resource":        {"GET", "nothing", ``, 404, "NOT_FOUND", ""},
	} {
		status, body := c.do(test.method, test.path, test.body)
		if status != test.status || !strings.Contains(body, `"errorCode":"`+test.code+`"`) || !strings.Contains(body, test.pieces) || !strings.HasPrefix(body, "[") {
			t.Errorf("%s: %d %s\nwant %d %s %s", name, status, body, test.status, test.code, test.pieces)
		}
	}
}

func TestG3_AnUpsertTellsCreatedFromUpdatedAndNeverMakesTwo(t *testing.T) {
	c := newClient(t, Options{})
	key := "sobjects/Task/Cordboard_Call_Key__c/01hx%2Fslash:005"
	first := idOf(t, c.want(http.MethodPatch, key, `{"Subject":"Call","TaskSubtype":"Call"}`, 201, `"created":true`, `"success":true`))
	second := idOf(t, c.want(http.MethodPatch, key, `{"Cordboard_Queue_Wait__c":"12 s"}`, 200, `"created":false`))
	if first != second || len(c.org.Records("Task")) != 1 {
		t.Errorf("%s and %s, %d tasks", first, second, len(c.org.Records("Task")))
	}
	task := c.org.Records("Task")[0]
	if task["Subject"] != "Call" || task["Cordboard_Queue_Wait__c"] != "12 s" || task["Cordboard_Call_Key__c"] != "01hx/slash:005" {
		t.Errorf("%v", task)
	}
	c.want(http.MethodPatch, key, `{"TaskSubtype":"Call"}`, 400, "INVALID_FIELD_FOR_INSERT_UPDATE")
	c.want(http.MethodGet, key, "", 200, `"Subject":"Call"`)
	c.want(http.MethodPatch, strings.ToUpper(key[:40])+key[40:], `{}`, 404)
	c.want(http.MethodPatch, "sobjects/Task/Cordboard_Call_Key__c/01HX%2FSLASH:005", `{"Subject":"case does not matter"}`, 200, first)
	c.want(http.MethodPatch, "sobjects/Task/Cordboard_Call_Key__c/other?updateOnly=true", `{"Subject":"x"}`, 404, "NOT_FOUND")
	c.want(http.MethodPatch, "sobjects/Task/Id/"+first, `{"Subject":"by id"}`, 200, `"created":false`)
}

func TestAKeyThatTwoRecordsHaveIsAnsweredWithWhereTheyAre(t *testing.T) {
	c := newClient(t, Options{})
	c.want(http.MethodPost, "/_sim/records/Task", `[{"Cordboard_Call_Key__c":"twin"},{"Cordboard_Call_Key__c":"twin"}]`, 201)
	two := c.org.Records("Task")
	c.want(http.MethodPatch, "sobjects/Task/Cordboard_Call_Key__c/twin", `{"Subject":"x"}`, 300,
		`["/services/data/v67.0/sobjects/Task/`+two[0]["Id"].(string)+`","/services/data/v67.0/sobjects/Task/`+two[1]["Id"].(string)+`"]`)
}

func TestAUniqueValueIsTakenOnce(t *testing.T) {
	c := newClient(t, Options{})
	first := idOf(t, c.want(http.MethodPost, "sobjects/Task", `{"Cordboard_Call_Key__c":"k"}`, 201))
	c.want(http.MethodPost, "sobjects/Task", `{"Cordboard_Call_Key__c":"K"}`, 400, "DUPLICATE_VALUE", "duplicate value found: Cordboard_Call_Key__c duplicates value on record with id: "+first)
	c.want(http.MethodPatch, "sobjects/Task/"+first, `{"Cordboard_Call_Key__c":"k"}`, 204)
	c.want(http.MethodDelete, "sobjects/Task/"+first, "", 204)
	c.want(http.MethodPost, "sobjects/Task", `{"Cordboard_Call_Key__c":"k"}`, 201)
}

func TestWhatSalesforceComputesOfATask(t *testing.T) {
	c := newClient(t, Options{})
	id := idOf(t, c.want(http.MethodPost, "sobjects/Task", `{"Subject":"  Call ","Priority":"High","WhoId":"`+namedID("003", "aino")[:15]+`","Description":"","CallDurationInSeconds":12.0,"Cordboard_Call_End_Time__c":"2026-11-22T21:46:36+02:00"}`, 201))
	text := c.want(http.MethodGet, "sobjects/Task/"+id, "", 200,
		`"Status":"Not Started"`, `"IsClosed":false`, `"IsHighPriority":true`, `"AccountId":"`+namedID("001", "timber")+`"`, `"Description":null`,
		`"OwnerId":"`+DemoUserID("gateway")+`"`, `"Subject":"Call"`, `"CallDurationInSeconds":12,`, `"Cordboard_Call_End_Time__c":"2026-11-22T19:46:36.000+0000"`, `"CompletedDateTime":null`)
	if !strings.HasPrefix(text, `{"attributes":{"type":"Task","url":"/services/data/v67.0/sobjects/Task/`+id+`"},"Id":`) {
		t.Error(text)
	}
	c.want(http.MethodPatch, "sobjects/Task/"+id, `{"Status":"Completed","WhatId":"`+namedID("500", "booking")+`"}`, 204)
	c.want(http.MethodGet, "sobjects/Task/"+id+"?fields=IsClosed,AccountId", "", 200, `"IsClosed":true`, `"AccountId":"`+namedID("001", "harbour")+`"`, `"Id":"`+id)
	c.want(http.MethodGet, "sobjects/Task/"+id+"?fields=Nonsense", "", 400, "INVALID_FIELD")
}

func TestAQueueMayOwnATaskAGroupMayNot(t *testing.T) {
	c := newClient(t, Options{})
	c.want(http.MethodPost, "sobjects/Task", `{"OwnerId":"`+DemoQueueID("Sales")+`"}`, 201)
	c.want(http.MethodPost, "/_sim/records/Group", `{"Id":"00GDn0000000001","Name":"All"}`, 201)
	c.want(http.MethodPost, "sobjects/Task", `{"OwnerId":"00GDn0000000001"}`, 400, "INVALID_CROSS_REFERENCE_KEY")
}

func TestAParentMayBeNamedByItsKey(t *testing.T) {
	c := newClient(t, Options{})
	c.want(http.MethodPost, "sobjects/Contact", `{"LastName":"Child","ReportsTo":{"Email":"aino@timber.example"}}`, 201)
	c.want(http.MethodPost, "sobjects/Contact", `{"LastName":"Child","ReportsTo":{"Email":"nobody@timber.example"}}`, 400, "Foreign key external ID")
	c.want(http.MethodPost, "sobjects/Contact", `{"LastName":"Child","Nonsense":{"Email":"x"}}`, 400, "No such column 'Nonsense'")
	c.soql("SELECT ReportsTo.Name FROM Contact WHERE LastName = 'Child'", 200, `"Name":"Aino Virtanen"`)
}

func TestARecordThatWasChangedSinceIsNotOverwritten(t *testing.T) {
	c := newClient(t, Options{})
	path := "sobjects/Contact/" + namedID("003", "aino")
	before := time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)
	after := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	if status, body := c.do(http.MethodPatch, path, `{"Title":"x"}`, "If-Unmodified-Since", before); status != 412 {
		t.Error(status, body)
	}
	if status, body := c.do(http.MethodPatch, path, `{"Title":"x"}`, "If-Unmodified-Since", after); status != 204 {
		t.Error(status, body)
	}
}

func TestDescribeTellsOfTheFieldsThatTheGatewayWrites(t *testing.T) {
	c := newClient(t, Options{})
	for _, object := range []string{"Task", "Case"} {
		text := c.want(http.MethodGet, "sobjects/"+object+"/describe", "", 200, `"keyPrefix":`)
		for _, name := range []string{
			"Call_Key", "Call_End_Time", "Queue", "Queue_Wait", "Queue_Wait_Seconds", "Call_Details_URL", "Call_Result", "Phone_Number", "Phone_From",
			"Phone_To", "Call_Date", "Callback_Key", "Callback_Channel_In", "Callback_Creation_Time", "Callback_Contact_Number", "Callback_Recording_URL", "Callback_Message",
		} {
			if !strings.Contains(text, `"name":"Cordboard_`+name+`__c"`) {
				t.Errorf("%s has no Cordboard_%s__c", object, name)
			}
		}
	}
	c.want(http.MethodGet, "sobjects", "", 200, `"name":"AgentWork"`, `"maxBatchSize":200`)
	c.want(http.MethodGet, "sobjects/Task", "", 200, `"objectDescribe":{"name":"Task"`)
	c.want(http.MethodGet, "sobjects/Nothing/describe", "", 404, "NOT_FOUND")
	if status, _ := c.do(http.MethodGet, "sobjects/Task/describe", "", "If-Modified-Since", time.Now().UTC().Format(http.TimeFormat)); status != 304 {
		t.Error("a describe that did not change:", status)
	}
}

func TestTheSchemaIsSound(t *testing.T) {
	s := loadSchema()
	for _, obj := range s.objects {
		if len(obj.Prefix) != 3 || len(obj.byName) != len(obj.Fields) {
			t.Errorf("%s: prefix %q, %d names for %d fields", obj.Name, obj.Prefix, len(obj.byName), len(obj.Fields))
		}
		for _, f := range obj.Fields {
			for _, to := range f.To {
				if s.object(to) == nil {
					t.Errorf("%s.%s leads to %s, which does not exist", obj.Name, f.Name, to)
				}
			}
			if f.isText() && f.Length == 0 {
				t.Errorf("%s.%s has no length", obj.Name, f.Name)
			}
			if text, isText := f.Default.(string); isText && len(f.Values) > 0 && !strings.Contains("|"+strings.Join(f.Values, "|")+"|", "|"+text+"|") {
				t.Errorf("%s.%s: default %s is no value", obj.Name, f.Name, text)
			}
		}
	}
}
