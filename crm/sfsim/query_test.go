package sfsim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// namesOf runs a query for Name and lists what it found.
func namesOf(t *testing.T, o *Org, q string) string {
	t.Helper()
	rows, err := o.Query(q)
	if err != nil {
		t.Errorf("%s: %v", q, err)
		return ""
	}
	var names []string
	for _, r := range rows {
		names = append(names, scalar(r["Name"]))
	}
	return strings.Join(names, ", ")
}

func TestWhatAQueryFinds(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) // a Sunday
	o := New(Options{Now: func() time.Time { return now }, Contents: &Contents{Records: map[string][]map[string]any{
		"Account": {
			{"Name": "Alpha", "NumberOfEmployees": 5, "CreatedDate": "2026-11-22T00:00:00Z", "SLA__c": "Gold", "AnnualRevenue": 10.5},
			{"Name": "beta 100%", "NumberOfEmployees": 50, "CreatedDate": "2026-11-21T23:59:59Z", "SLA__c": "Platinum", "AnnualRevenue": 2},
			{"Name": "Gamma_1", "NumberOfEmployees": 500, "CreatedDate": "2026-11-10T10:00:00Z"},
			{"Name": "Delta's", "CreatedDate": "2025-12-31T10:00:00Z", "SLA__c": "Gold"},
		},
		"Opportunity": {{"Name": "o1", "CloseDate": "2026-11-22", "StageName": "Prospecting"}, {"Name": "o2", "CloseDate": "2026-12-01", "StageName": "Prospecting"}},
	}}})
	for where, want := range map[string]string{
		`Name = 'alpha'`:                                  "Alpha",
		`Name != 'alpha'`:                                 "beta 100%, Gamma_1, Delta's",
		`Name <> 'alpha' AND SLA__c != null`:              "beta 100%, Delta's",
		`Name LIKE '%A'`:                                  "Alpha",
		`Name LIKE 'B%'`:                                  "beta 100%",
		`Name LIKE '%\%'`:                                 "beta 100%",
		`Name LIKE '%a\__'`:                               "Gamma_1",
		`Name LIKE '_elta%'`:                              "Delta's",
		`Name = 'Delta\'s'`:                               "Delta's",
		`SLA__c = 'Gold' AND Name LIKE 'A%'`:              "Alpha",
		`SLA__c = 'Platinum' OR (Name = 'Alpha')`:         "Alpha, beta 100%",
		`NOT (SLA__c = 'Gold' OR SLA__c = 'Platinum')`:    "Gamma_1",
		`(NOT SLA__c = 'Gold') AND SLA__c != NULL`:        "beta 100%",
		`SLA__c = null`:                                   "Gamma_1",
		`SLA__c != 'Gold'`:                                "beta 100%, Gamma_1",
		`SLA__c IN ('Gold', 'Platinum')`:                  "Alpha, beta 100%, Delta's",
		`SLA__c NOT IN ('Gold')`:                          "beta 100%, Gamma_1",
		`NumberOfEmployees > 5`:                           "beta 100%, Gamma_1",
		`NumberOfEmployees >= 5 AND NumberOfEmployees<50`: "Alpha",
		`NumberOfEmployees <= 50.5`:                       "Alpha, beta 100%",
		`NumberOfEmployees IN (5, 500)`:                   "Alpha, Gamma_1",
		`AnnualRevenue = 10.5`:                            "Alpha",
		`NumberOfEmployees > -1`:                          "Alpha, beta 100%, Gamma_1",
		`IsDeleted = false AND Name > 'c'`:                "Gamma_1, Delta's",
		`CreatedDate = TODAY`:                             "Alpha",
		`CreatedDate = YESTERDAY`:                         "beta 100%",
		`CreatedDate < TODAY`:                             "beta 100%, Gamma_1, Delta's",
		`CreatedDate <= YESTERDAY`:                        "beta 100%, Gamma_1, Delta's",
		`CreatedDate >= YESTERDAY`:                        "Alpha, beta 100%",
		`CreatedDate > YESTERDAY`:                         "Alpha",
		`CreatedDate = LAST_N_DAYS:1`:                     "Alpha, beta 100%",
		`CreatedDate = LAST_N_DAYS:12`:                    "Alpha, beta 100%, Gamma_1",
		`CreatedDate = N_DAYS_AGO:12`:                     "Gamma_1",
		`CreatedDate = THIS_WEEK`:                         "Alpha, beta 100%",
		`CreatedDate = THIS_MONTH`:                        "Alpha, beta 100%, Gamma_1",
		`CreatedDate = LAST_YEAR`:                         "Delta's",
		`CreatedDate != THIS_YEAR`:                        "Delta's",
		`CreatedDate > 2026-11-21T23:59:59Z`:              "Alpha",
		`CreatedDate >= 2026-11-22T01:59:59+02:00`:        "Alpha, beta 100%",
		`Id IN (SELECT AccountId FROM Contact)`:           "",
		`Owner.Username = 'admin@cordboard.demo' LIMIT 1`: "Alpha",
		`Name != null ORDER BY Name DESC LIMIT 2`:         "Gamma_1, Delta's",
		`Name != '' ORDER BY Name LIMIT 1 OFFSET 1`:       "beta 100%",
		`Name LIKE '%' ORDER BY SLA__c, Name`:             "Gamma_1, Alpha, Delta's, beta 100%",
		`Name LIKE '%' ORDER BY SLA__c NULLS LAST, Name`:  "Alpha, Delta's, beta 100%, Gamma_1",
		`Name LIKE '%' ORDER BY NumberOfEmployees DESC`:   "Delta's, Gamma_1, beta 100%, Alpha",
	} {
		if got := namesOf(t, o, "SELECT Name FROM Account WHERE "+where); got != want {
			t.Errorf("WHERE %s: %s\nwant %s", where, got, want)
		}
	}
	for where, want := range map[string]string{"CloseDate = TODAY": "o1", "CloseDate > 2026-11-22": "o2", "CloseDate = NEXT_N_DAYS:9": "o2", "CloseDate = NEXT_MONTH": "o2"} {
		if got := namesOf(t, o, "SELECT Name FROM Opportunity WHERE "+where); got != want {
			t.Errorf("WHERE %s: %s, want %s", where, got, want)
		}
	}
	if got := namesOf(t, o, "SELECT a.Name FROM Account a WHERE Name = 'Alpha'"); got != "Alpha" {
		t.Errorf("with an alias: %q", got)
	}
}

func TestCountsAndGroups(t *testing.T) {
	c := newClient(t, Options{})
	c.soql("SELECT COUNT() FROM Contact", 200, `{"totalSize":4,"done":true,"records":[]}`)
	c.soql("select count() from Contact where AccountId = '"+namedID("001", "harbour")+"'", 200, `"totalSize":3`)
	c.soql("SELECT COUNT(Id), MAX(LastName) latest FROM Contact", 200, `[{"attributes":{"type":"AggregateResult"},"expr0":4,"latest":"Virtanen"}]`)
	c.soql("SELECT Account.Name, COUNT(Id) n FROM Contact GROUP BY Account.Name ORDER BY COUNT(Id) DESC", 200,
		`{"attributes":{"type":"AggregateResult"},"Name":"Harbour Lights Hotel","n":3},{"attributes":{"type":"AggregateResult"},"Name":"Nordic Timber Oy","n":1}`)
	c.soql("SELECT COUNT_DISTINCT(AccountId), MIN(Name) FROM Contact", 200, `"expr0":2,"expr1":"Aino Virtanen"`)
	c.soql("SELECT Name, COUNT(Id) FROM Contact GROUP BY AccountId", 400, "Field must be grouped or aggregated: Name")
}

func TestParentsAreRecordsWithin(t *testing.T) {
	c := newClient(t, Options{})
	aino := namedID("003", "aino")
	c.want(http.MethodPost, "sobjects/Task", `{"Subject":"a","WhoId":"`+aino+`","WhatId":"`+namedID("500", "planks")+`"}`, 201)
	c.want(http.MethodPost, "sobjects/Task", `{"Subject":"b"}`, 201)
	text := c.soql("SELECT Subject, Who.Name, Who.Type, What.Name, Owner.Name, Account.Owner.Name FROM Task ORDER BY Subject", 200,
		`"Who":{"attributes":{"type":"Name","url":"/services/data/v67.0/sobjects/Contact/`+aino+`"},"Name":"Aino Virtanen","Type":"Contact"}`,
		`"What":{"attributes":{"type":"Name"`, `"Name":"00000003"`, `"Account":{"attributes":{"type":"Account"`, `"Owner":{"attributes":{"type":"User"`, `"Who":null`)
	var answer struct {
		Records []map[string]any `json:"records"`
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil || len(answer.Records) != 2 {
		t.Fatal(err, text)
	}
	c.soql("SELECT Subject FROM Task WHERE Who.Name LIKE 'Aino%' AND What.Type = 'Case'", 200, `"totalSize":1`)
}

func TestEachFaultOfAQueryHasItsCodeAndWords(t *testing.T) {
	c := newClient(t, Options{})
	for q, want := range map[string]string{
		"SELECT Id FORM Task":                               `MALFORMED_QUERY|ERROR at Row:1:Column:11|unexpected token: 'FORM'`,
		"SELECT FROM Task":                                  `MALFORMED_QUERY|unexpected token: 'FROM'`,
		"SELECT Id":                                         `MALFORMED_QUERY|unexpected token: '\u003cEOF\u003e'`,
		"":                                                  `MALFORMED_QUERY`,
		"SELECT Id FROM Nothing":                            `INVALID_TYPE|Column:16|sObject type 'Nothing' is not supported`,
		"SELECT Nothing FROM Task":                          `INVALID_FIELD|ERROR at Row:1:Column:8|No such column 'Nothing' on entity 'Task'`,
		"SELECT Nothing.Name FROM Task":                     `INVALID_FIELD|Didn't understand relationship 'Nothing' in field path`,
		"SELECT Id FROM Task WHERE Nothing = 1":             `INVALID_FIELD|No such column 'Nothing'`,
		"SELECT Id FROM Task ORDER BY Nothing":              `INVALID_FIELD|No such column 'Nothing'`,
		"SELECT Id FROM Task WHERE Subject = 1":             `INVALID_FIELD|must be of type string and should be enclosed in quotes`,
		"SELECT Id FROM Task WHERE IsClosed = 'true'":       `INVALID_FIELD|must be of type boolean and should not be enclosed in quotes`,
		"SELECT Id FROM Task WHERE CreatedDate > '2026'":    `INVALID_FIELD|must be of type dateTime`,
		"SELECT Id FROM Task WHERE Description = 'x'":       `INVALID_FIELD|field 'Description' can not be filtered in a query call`,
		"SELECT Id FROM Task WHERE Id = 'x'":                `INVALID_FIELD|invalid ID field: x`,
		"SELECT Id FROM Task WHERE Id = '' AND a=1 OR b=2":  `MALFORMED_QUERY|unexpected token: 'OR'`,
		"SELECT Id FROM Task WHERE Subject = 'x":            `MALFORMED_QUERY|mismatched character`,
		"SELECT Id FROM Task WHERE (Subject = 'x'":          `MALFORMED_QUERY|expecting a right parentheses`,
		"SELECT Id FROM Task LIMIT x":                       `MALFORMED_QUERY|unexpected token: 'x'`,
		"SELECT Id FROM Task OFFSET 2001":                   `NUMBER_OUTSIDE_VALID_RANGE`,
		"SELECT Id FROM Task; DELETE":                       `MALFORMED_QUERY|unexpected token: ';'`,
		"SELECT UPPER(Id) FROM Task":                        `MALFORMED_QUERY`,
		"SELECT FIELDS(ALL) FROM Task":                      `MALFORMED_QUERY|LIMIT`,
		"SELECT Id, (SELECT Id FROM Contacts) FROM Account": `MALFORMED_QUERY|child queries`,
	} {
		status, body := c.do(http.MethodGet, "query?q="+url.QueryEscape(q), "")
		for _, piece := range strings.Split(want, "|") {
			if status != 400 || !strings.Contains(body, piece) {
				t.Errorf("%s: %d %s\nwant %s", q, status, body, piece)
			}
		}
	}
}

func TestALongAnswerComesInPages(t *testing.T) {
	c := newClient(t, Options{})
	rows := make([]string, 450)
	for i := range rows {
		rows[i] = fmt.Sprintf(`{"Value__c":%d}`, i)
	}
	c.want(http.MethodPost, "/_sim/records/BigTable__c", "["+strings.Join(rows, ",")+"]", 201)
	path, seen := "query/?q="+url.QueryEscape("SELECT Value__c FROM BigTable__c ORDER BY Value__c"), 0
	for page := range 4 {
		status, text := c.do(http.MethodGet, path, "", "Sforce-Query-Options", "batchSize=200")
		var answer queryPage
		if err := json.Unmarshal([]byte(text), &answer); err != nil || status != 200 || answer.TotalSize != 450 {
			t.Fatal(err, status, text)
		}
		for _, r := range answer.Records {
			if r.Value != float64(seen) {
				t.Fatalf("row %d is %v", seen, r.Value)
			}
			seen++
		}
		if answer.Done {
			if page != 2 || answer.Next != "" {
				t.Errorf("done on page %d, next %q", page, answer.Next)
			}
			break
		}
		path = answer.Next
	}
	if seen != 450 {
		t.Errorf("%d rows", seen)
	}
	c.want(http.MethodGet, "query/01gDn0000000zzz-200", "", 400, "INVALID_QUERY_LOCATOR")
	c.want(http.MethodGet, "query/"+url.PathEscape("x-y"), "", 400, "INVALID_QUERY_LOCATOR")
}

type queryPage struct {
	TotalSize int    `json:"totalSize"`
	Done      bool   `json:"done"`
	Next      string `json:"nextRecordsUrl"`
	Records   []struct {
		Value float64 `json:"Value__c"`
	} `json:"records"`
}

func TestQueryAllSeesWhatWasDeleted(t *testing.T) {
	c := newClient(t, Options{})
	c.want(http.MethodDelete, "sobjects/Contact/"+namedID("003", "tom"), "", 204)
	q := url.QueryEscape("SELECT Id FROM Contact WHERE IsDeleted = true")
	c.want(http.MethodGet, "query?q="+q, "", 200, `"totalSize":0`)
	c.want(http.MethodGet, "queryAll?q="+q, "", 200, `"totalSize":1`)
}

func TestTheQueriesOfTheCommandLineTool(t *testing.T) {
	c := newClient(t, Options{})
	c.want(http.MethodGet, "/services/data/v51.0/query?q="+url.QueryEscape("SELECT Id FROM ScratchOrgInfo limit 1"), "", 400, "INVALID_TYPE")
	c.soql("SELECT Name, InstanceName, IsSandbox, TrialExpirationDate, NamespacePrefix, OrganizationType FROM Organization", 200,
		`"IsSandbox":false`, `"TrialExpirationDate":null`, `"OrganizationType":"Developer Edition"`, `"totalSize":1`)
	c.want(http.MethodGet, "query?columns=true&q="+url.QueryEscape("SELECT Id, Account.Name FROM Contact"), "", 200,
		`"columnMetadata":[{"aggregate":false,"apexType":"Id"`, `"columnName":"Account.Name"`, `"joinColumns":[]`)
	c.soql("SELECT MasterLabel, IsClosed, IsDefault FROM TaskStatus WHERE IsClosed = true", 200, `"MasterLabel":"Completed"`)
	c.soql("SELECT FIELDS(ALL) FROM Contact LIMIT 1", 200, `"MobilePhone":"+358 40 000 0001"`)
	c.want(http.MethodGet, "", "", 200, `"query":"/services/data/v67.0/query"`, `"identity":"`+c.at+"/id/")
	c.want(http.MethodGet, "/services/data", "", 200, `{"label":"Summer '26","url":"/services/data/v67.0","version":"67.0"}`)
}

// FuzzQuery: no query may stop the org, and what it answers is an answer.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"SELECT Id, Account.Name FROM Contact WHERE Name LIKE 'A%' AND (CreatedDate > LAST_N_DAYS:3 OR NOT Id IN ('003Dn000000ainoIAA')) ORDER BY Name DESC NULLS LAST LIMIT 3 OFFSET 1",
		"SELECT COUNT(Id) c, Account.Name FROM Contact GROUP BY Account.Name", "SELECT COUNT() FROM Task", "SELECT Who.Name FROM Task WHERE What.Type = 'Case'",
		"SELECT FIELDS(ALL) FROM Lead LIMIT 5", "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact WHERE Title != null)", "SELECT MAX(CreatedDate) FROM Case",
	} {
		f.Add(seed)
	}
	o := New(Options{})
	f.Fuzz(func(t *testing.T, q string) {
		rows, err := o.Query(q)
		if err == nil && rows == nil {
			t.Error("neither rows nor an error")
		}
	})
}
