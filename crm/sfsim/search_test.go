package sfsim

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/crm/sfsim/soql"
)

// found runs a FIND and lists the names of what it gave, over HTTP.
func (c *client) found(find string) string {
	c.t.Helper()
	status, text := c.do(http.MethodGet, "search?q="+url.QueryEscape(find), "")
	var answer struct {
		Records []struct{ Name, LastName string } `json:"searchRecords"`
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil || status != 200 {
		c.t.Errorf("%s: %d %s", find, status, text)
		return ""
	}
	var names []string
	for _, r := range answer.Records {
		names = append(names, r.Name)
	}
	return strings.Join(names, ", ")
}

func TestWhoIsFoundByWhichDigits(t *testing.T) {
	c := newClient(t, Options{Contents: &Contents{Records: map[string][]map[string]any{
		"Contact": {
			{"LastName": "E164", "Phone": "+358400835862"},
			{"LastName": "Spaced", "MobilePhone": "+358 (0)40 083-5862"},
			{"LastName": "National", "HomePhone": "040 083 5862"},
			{"LastName": "Fax", "Fax": "358400835862"},
			{"LastName": "Mail", "Email": "x358400835862@example.com", "Description": "358400835862"},
		},
		"Account": {{"Name": "Firm", "Phone": "0400835862"}},
		"Lead":    {{"LastName": "Lead", "Company": "c", "Phone": "+358 40 0835862"}, {"LastName": "Gone", "Company": "c", "Phone": "+358400835862", "IsConverted": true}},
	}}})
	for find, want := range map[string]string{
		`FIND {358400835862} IN PHONE FIELDS RETURNING Contact(Name)`:                                                                                          "E164, Fax",
		`FIND {\+358400835862} IN PHONE FIELDS RETURNING Contact(Name)`:                                                                                        "E164, Fax",
		`FIND {0400835862} IN PHONE FIELDS RETURNING Contact(Name), Account(Name)`:                                                                             "National, Firm",
		`FIND {"040 083 5862"} IN PHONE FIELDS RETURNING Contact(Name)`:                                                                                        "National",
		`FIND {040\-0835862} IN PHONE FIELDS RETURNING Contact(Name)`:                                                                                          "National",
		`FIND {358400835862 OR 0400835862 OR 400835862} IN PHONE FIELDS RETURNING Contact(Name LIMIT 11), Account(Name), Lead(Name WHERE IsConverted = false)`: "E164, National, Fax, Firm, Lead",
		`FIND {358400835862} IN PHONE FIELDS RETURNING Lead(Name ORDER BY Name)`:                                                                               "Gone, Lead",
		`FIND {35840*} IN PHONE FIELDS RETURNING Contact(Name ORDER BY Name DESC LIMIT 1)`:                                                                     "Fax",
		`FIND {*400835862} IN PHONE FIELDS RETURNING Contact(Name)`:                                                                                            "",
		`FIND {358?00835862} IN PHONE FIELDS RETURNING Contact(Name)`:                                                                                          "E164, Fax",
		`FIND {358400835862} IN EMAIL FIELDS RETURNING Contact(Name)`:                                                                                          "",
		`FIND {358400835862} RETURNING Contact(Name)`:                                                                                                          "E164, Fax, Mail",
		`FIND {358400835862 AND NOT e164} RETURNING Contact(Name)`:                                                                                             "Fax, Mail",
		`FIND {e164 OR (spaced AND 3580400835862)} RETURNING Contact(Name)`:                                                                                    "E164, Spaced",
		`FIND {"E164"} IN NAME FIELDS RETURNING Contact(Name), Account(Name)`:                                                                                  "E164",
		`find {e164 spaced} in name fields returning Contact(Name)`:                                                                                            "",
		`FIND {358400835862} IN PHONE FIELDS RETURNING Contact(Name), Lead(Name) LIMIT 3`:                                                                      "E164, Fax, Lead",
		`FIND {nobody} IN ALL FIELDS RETURNING Contact(Name)`:                                                                                                  "",
		`FIND {firm} RETURNING Account`:                                                                                                                        "",
	} {
		if got := c.found(find); got != want {
			t.Errorf("%s: %q, want %q", find, got, want)
		}
	}
	c.want(http.MethodGet, "search?q="+url.QueryEscape("FIND {firm}"), "", 200, `{"searchRecords":[{"attributes":{"type":"Account"`, `"Id":"001`)
	c.want(http.MethodGet, "search?q="+url.QueryEscape("FIND {firm} WITH SPELL_CORRECTION = false LIMIT 5"), "", 200, `"type":"Account"`)
}

func TestEachFaultOfASearchHasItsCode(t *testing.T) {
	c := newClient(t, Options{})
	for find, want := range map[string]string{
		"":                                     "MALFORMED_SEARCH",
		"SEARCH {x}":                           "MALFORMED_SEARCH|unexpected token: 'SEARCH'",
		"FIND x":                               "MALFORMED_SEARCH|expecting '{'",
		"FIND {xx":                             "MALFORMED_SEARCH|expecting '}'",
		"FIND {}":                              "MALFORMED_SEARCH",
		"FIND {x}":                             "MALFORMED_SEARCH|longer than one character",
		"FIND {x*}":                            "MALFORMED_SEARCH|longer than one character",
		"FIND {+358400}":                       "MALFORMED_SEARCH|unexpected token: '+'",
		"FIND {xx OR}":                         "MALFORMED_SEARCH",
		`FIND {"xx}`:                           "MALFORMED_SEARCH",
		"FIND {(xx}":                           "MALFORMED_SEARCH",
		"FIND {xx} IN FAX FIELDS":              "MALFORMED_SEARCH|unexpected token: 'FAX'",
		"FIND {xx} RETURNING Nothing(Id)":      "INVALID_TYPE|sObject type 'Nothing' is not supported",
		"FIND {xx} RETURNING Contact(Nothing)": "INVALID_FIELD|No such column 'Nothing'",
		"FIND {xx} RETURNING Contact(Id WHERE Nope = 1)": "INVALID_FIELD",
		"FIND {xx} RETURNING Contact(Id":                 "MALFORMED_SEARCH",
		"FIND {xx} NONSENSE":                             "MALFORMED_SEARCH|unexpected token: 'NONSENSE'",
	} {
		status, body := c.do(http.MethodGet, "search?q="+url.QueryEscape(find), "")
		for _, piece := range strings.Split(want, "|") {
			if status != 400 || !strings.Contains(body, piece) {
				t.Errorf("%s: %d %s\nwant %s", find, status, body, piece)
			}
		}
	}
}

func TestSearchFindsAChangeOnlyOnceItIsIndexed(t *testing.T) {
	now := time.Now()
	c := newClient(t, Options{Now: func() time.Time { return now }, IndexDelay: 10 * time.Second})
	find := `FIND {358111222} IN PHONE FIELDS RETURNING Contact(Name)`
	id := idOf(t, c.want(http.MethodPost, "sobjects/Contact", `{"LastName":"New","Phone":"+358 111 222"}`, 201))
	c.soql("SELECT Id FROM Contact WHERE LastName = 'New'", 200, `"totalSize":1`) // SOQL sees it at once
	if got := c.found(find); got != "" {
		t.Errorf("found %q before it was indexed", got)
	}
	now = now.Add(10 * time.Second)
	if got := c.found(find); got != "New" {
		t.Errorf("found %q when it was indexed", got)
	}
	c.want(http.MethodPatch, "sobjects/Contact/"+id, `{"Phone":"+358 333"}`, 204)
	if got := c.found(find); got != "New" {
		t.Errorf("found %q by the old number before the change was indexed", got)
	}
	now = now.Add(10 * time.Second)
	if got := c.found(find); got != "" {
		t.Errorf("found %q by the old number", got)
	}
}

func TestParameterizedSearch(t *testing.T) {
	c := newClient(t, Options{})
	c.want(http.MethodPost, "parameterizedSearch", `{"q":"+358400000002","in":"PHONE","sobjects":[{"name":"Contact","limit":2},{"name":"Account"}],"fields":["Id","Name"],"overallLimit":100,"spellCorrection":false}`, 200,
		`"Name":"Peter Holm"`, `"Name":"Harbour Lights Hotel"`, `"metadata"`)
	c.want(http.MethodGet, "parameterizedSearch?q=358400000001&in=PHONE&sobject=Contact&Contact.fields=Id,Name&Contact.limit=5", "", 200, `{"searchRecords":[{"attributes":{"type":"Contact"`, "Aino Virtanen")
	c.want(http.MethodPost, "parameterizedSearch", `{"q":"  "}`, 400, "MALFORMED_SEARCH")
	c.want(http.MethodPost, "parameterizedSearch", `{"q":"} RETURNING User(Id) {","sobjects":[{"name":"Contact"}]}`, 200, `"searchRecords":[]`)
	c.want(http.MethodPost, "parameterizedSearch", `{"q":"xx","sobjects":[{"name":"Contact(Id), User"}]}`, 400)
}

// FuzzSearch: no search may stop the org.
func FuzzSearch(f *testing.F) {
	for _, seed := range []string{
		`FIND {358400835862 OR 0400835862} IN PHONE FIELDS RETURNING Contact(Id,Name,Account.Name WHERE Name LIKE 'A%' ORDER BY LastModifiedDate DESC LIMIT 11), Lead`,
		`FIND {"a b" AND NOT (c?d* OR \+e)} RETURNING Account(Id)`, "FIND {aino} IN NAME FIELDS", "FIND {}", `FIND {\}`,
	} {
		f.Add(seed)
	}
	o := New(Options{})
	f.Fuzz(func(t *testing.T, find string) {
		parsed, err := soql.ParseSearch(find)
		if err != nil {
			return
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		rows, fault := o.find(parsed, "v67.0")
		if fault == nil && rows == nil {
			t.Error("neither rows nor an error")
		}
	})
}
