package sfsim

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const at67 = "/services/data/v67.0/"

func part(method, url, ref, body string) string {
	if body == "" {
		return fmt.Sprintf(`{"method":%q,"url":%q,"referenceId":%q}`, method, at67+url, ref)
	}
	return fmt.Sprintf(`{"method":%q,"url":%q,"referenceId":%q,"body":%s}`, method, at67+url, ref, body)
}

func composite(allOrNone bool, parts ...string) string {
	return fmt.Sprintf(`{"allOrNone":%v,"collateSubrequests":false,"compositeRequest":[%s]}`, allOrNone, strings.Join(parts, ","))
}

func TestALaterPartUsesWhatAnEarlierOneAnswered(t *testing.T) {
	c := newClient(t, Options{})
	c.want(http.MethodPost, "composite", composite(true,
		part("PATCH", "sobjects/Case/Cordboard_Callback_Key__c/cb-42", "cb", `{"Subject":"CallBack - 07.03.2020 18:08"}`),
		part("POST", "sobjects/Task", "t", `{"WhatId":"@{cb.id}","Subject":"Callback"}`),
		part("GET", "sobjects/Task/@{t.id}?fields=WhatId", "read", ""),
		part("GET", "query?q=SELECT Id, Name FROM Contact WHERE Name = 'Tom Reid'", "q", ""),
		part("PATCH", "sobjects/Contact/@{q.records[0].Id}", "p", `{"Description":"@{q.records[0].Name} \"called\""}`),
		part("POST", "composite/sobjects", "many", `{"records":[{"attributes":{"type":"Task"},"WhatId":"@{cb.id}"}]}`),
	), 200, `"referenceId":"cb"`, `"httpStatusCode":201`, `"httpHeaders":{"Location":"/services/data/v67.0/sobjects/Case/500`, `"httpStatusCode":204`)
	cases := c.org.Records("Case")
	made := cases[len(cases)-1]["Id"]
	for _, task := range c.org.Records("Task") {
		if task["WhatId"] != made {
			t.Errorf("%v is about %v, not %v", task["Subject"], task["WhatId"], made)
		}
	}
	c.soql("SELECT Title, Name FROM Contact WHERE Name = 'Tom Reid'", 200, `"totalSize":1`)
}

func TestAFailureTakesTheWholeCompositeBack(t *testing.T) {
	c := newClient(t, Options{})
	parts := []string{
		part("POST", "sobjects/Task", "a", `{"Subject":"before"}`),
		part("POST", "sobjects/Task", "b", `{"Nonsense":1}`),
		part("POST", "sobjects/Task", "c", `{"Subject":"after"}`),
	}
	text := c.want(http.MethodPost, "composite", composite(true, parts...), 200, "INVALID_FIELD",
		"The transaction was rolled back since another operation in the same transaction failed.")
	if strings.Count(text, "PROCESSING_HALTED") != 2 || strings.Count(text, `"httpStatusCode":400`) != 3 {
		t.Error(text)
	}
	if n := len(c.org.Records("Task")); n != 0 {
		t.Errorf("%d tasks stayed", n)
	}
	c.want(http.MethodPost, "composite", composite(false, parts...), 200)
	if n := len(c.org.Records("Task")); n != 2 {
		t.Errorf("%d tasks without allOrNone, want 2", n)
	}
}

func TestAPartThatNeedsAFailedOneIsNotDone(t *testing.T) {
	c := newClient(t, Options{})
	c.want(http.MethodPost, "composite", composite(false,
		part("POST", "sobjects/Case", "a", `{"Nonsense":1}`),
		part("POST", "sobjects/Task", "b", `{"WhatId":"@{a.id}"}`),
		part("POST", "sobjects/Case", "c", `{}`),
		part("POST", "sobjects/Task", "d", `{"WhatId":"@{c.Id}"}`), // case matters: a create answers "id"
	), 200, "Invalid reference specified. No value for @{a.id} found", "No value for @{c.Id} found")
	if n := len(c.org.Records("Task")); n != 0 {
		t.Errorf("%d tasks", n)
	}
}

func TestRulesThatSpoilACompositeAsAWhole(t *testing.T) {
	c := newClient(t, Options{})
	read := part("GET", "limits", "r", "")
	many := func(n int, form string) string {
		parts := make([]string, n)
		for i := range parts {
			parts[i] = strings.Replace(form, `"r"`, fmt.Sprintf(`"r%d"`, i), 1)
		}
		return composite(false, parts...)
	}
	c.want(http.MethodPost, "composite", many(25, read), 200)
	c.want(http.MethodPost, "composite", many(26, read), 400, "LIMIT_EXCEEDED")
	query := part("GET", "query?q=SELECT Id FROM Task", "r", "")
	c.want(http.MethodPost, "composite", many(5, query), 200)
	c.want(http.MethodPost, "composite", many(6, query), 400, "LIMIT_EXCEEDED")
	c.want(http.MethodPost, "composite", composite(false, part("GET", "limits", "a-b", "")), 400, "reference")
	c.want(http.MethodPost, "composite", composite(false, part("GET", "limits", "a", ""), part("GET", "limits", "a", "")), 400, "Duplicate")
	c.want(http.MethodPost, "composite", `{"compositeRequest":[{"method":"GET","url":"/sobjects","referenceId":"a"}]}`, 400, "must begin with")
	c.want(http.MethodPost, "composite", `{"compositeRequest":[{"method":"GET","url":"/services/data/v67.0/limits","referenceId":"a","httpHeaders":{"Authorization":"x"}}]}`, 400, "Authorization")
	c.want(http.MethodPost, "composite", `{"compositeRequest":[]}`, 400)
	c.want(http.MethodPost, "composite", composite(false, part("post", "sobjects/Task", "a", `{}`)), 200, `"httpStatusCode":405`) // the method is case-sensitive [D]
	c.want(http.MethodPost, "composite", composite(false, part("POST", "composite", "a", `{}`)), 200, `"httpStatusCode":404`)
}

func TestACompositeCountsAsOneRequest(t *testing.T) {
	c := newClient(t, Options{})
	c.want(http.MethodPost, "composite", composite(false, part("GET", "limits", "a", ""), part("GET", "limits", "b", "")), 200)
	if info := c.last.Header.Get("Sforce-Limit-Info"); info != "api-usage=1/5000000" {
		t.Error(info)
	}
}

// FuzzReferences: whatever a part refers to, the answer is an answer.
func FuzzReferences(f *testing.F) {
	for _, seed := range []string{"@{a.id}", "@{a.records[0].Id}", "@{a[99999999999999999999]}", "@{.}", "@{a.id", `@{a.id}"}`} {
		f.Add(seed)
	}
	done := map[string]any{"a": map[string]any{"id": "00T", "records": []any{map[string]any{"Id": "x"}}}}
	f.Fuzz(func(t *testing.T, text string) {
		out, good := resolve(text, done)
		if good && !strings.Contains(text, "@{") && out != text {
			t.Errorf("%q became %q", text, out)
		}
	})
}
