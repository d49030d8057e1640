package sfsim

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	salesforce "github.com/k-capehart/go-salesforce/v3"
)

// These tests let go-salesforce, a client that others wrote, judge the org.

func testKey(t *testing.T) (*rsa.PrivateKey, string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key, string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}

func goSalesforce(t *testing.T, o *Org, at string) *salesforce.Salesforce {
	t.Helper()
	key, text := testKey(t)
	o.Trust(DemoClientID, DemoUsername, &key.PublicKey)
	sf, err := salesforce.Init(salesforce.Creds{Domain: at, Username: DemoUsername, ConsumerKey: DemoClientID, ConsumerRSAPem: text})
	if err != nil {
		t.Fatal(err)
	}
	return sf
}

type callTask struct {
	Cordboard_Call_Key__c string
	Subject               string
	Status                string
	CallDurationInSeconds int
	WhoId                 string
}

func TestGoSalesforceWritesAndReadsTasks(t *testing.T) {
	o, at := serve(t, Options{})
	sf := goSalesforce(t, o, at)
	who := namedID("003", "aino")

	first := callTask{Cordboard_Call_Key__c: "k1", Subject: "Call", Status: "Completed", CallDurationInSeconds: 12, WhoId: who}
	made, err := sf.UpsertOne("Task", "Cordboard_Call_Key__c", first)
	if err != nil || !made.Success {
		t.Fatal(made, err)
	}
	first.CallDurationInSeconds = 13
	again, err := sf.UpsertOne("Task", "Cordboard_Call_Key__c", first)
	if err != nil || again.Id != made.Id {
		t.Fatal("the second upsert made another record", again, err)
	}
	many := []callTask{{Cordboard_Call_Key__c: "k1", Subject: "Call"}, {Cordboard_Call_Key__c: "k2", Subject: "Call"}}
	for _, upsert := range []func(string, string, any, int) (salesforce.SalesforceResults, error){
		sf.UpsertCollection,
		func(obj, key string, recs any, n int) (salesforce.SalesforceResults, error) {
			return sf.UpsertComposite(obj, key, recs, n, true)
		},
	} {
		for i := range many {
			many[i].Status, many[i].WhoId = "Completed", who
		}
		res, err := upsert("Task", "Cordboard_Call_Key__c", many, 200)
		if err != nil || res.HasSalesforceErrors || len(res.Results) != 2 {
			t.Fatal(res, err)
		}
	}
	var got []struct {
		Id    string
		WhoId string
	}
	if err := sf.Query("SELECT Id, WhoId FROM Task WHERE Cordboard_Call_Key__c IN ('k1','k2') ORDER BY Cordboard_Call_Key__c", &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].Id != made.Id || got[1].WhoId != who {
		t.Errorf("got %+v", got)
	}
}

func TestGoSalesforceAsksFlowAndSearch(t *testing.T) {
	o, at := serve(t, Options{})
	sf := goSalesforce(t, o, at)
	text := func(method, uri, body string) string {
		t.Helper()
		resp, err := sf.DoRequest(method, uri, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		out, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	for number, want := range map[string]int{"358400000001": 1, "358400000002": 4, "358400000003": 0, "358400000004": 1} {
		find := "FIND {" + number + " OR 0" + number[3:] + "} IN PHONE FIELDS RETURNING Contact(Id, Name, Account.Name LIMIT 11), Account(Id, Name), Lead(Id WHERE IsConverted = false)"
		found := text(http.MethodGet, "/search?q="+url.QueryEscape(find), "")
		if got := strings.Count(found, `"attributes":{"type":"Contact"`) + strings.Count(found, `"type":"Lead"`) + strings.Count(found, `"url":"/services/data/v63.0/sobjects/Account/`+namedID("001", "harbour")+`"},"Id"`); got != want {
			t.Errorf("%s matches %d records, want %d: %s", number, got, want, found)
		}
	}
	advice := text(http.MethodPost, "/actions/custom/flow/Cordboard_Smart_Routing",
		`{"inputs":[{"callId":"c1","callerNumber":"+358400000001","queueName":"Customer Service EN","contactId":"`+namedID("003", "aino")+`","matchCount":1}]}`)
	for _, piece := range []string{`"action":"agent"`, `"targetUserId":"` + DemoUserID("anna") + `"`, `"priority":10`, `"isSuccess":true`} {
		if !strings.Contains(advice, piece) {
			t.Errorf("no %s in %s", piece, advice)
		}
	}
}

// publicPEM is a public key in PEM as a JSON string.
func publicPEM(t *testing.T, key *rsa.PublicKey) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestGoSalesforceByClientCredentialsOnEveryRoad(t *testing.T) {
	o, at := serve(t, Options{})
	o.TrustSecret(DemoClientID, "s3cret", DemoUsername)
	sf, err := salesforce.Init(salesforce.Creds{Domain: at, ConsumerKey: DemoClientID, ConsumerSecret: "s3cret"}, salesforce.WithCompressionHeaders(true), salesforce.WithAPIVersion("v67.0"))
	if err != nil {
		t.Fatal(err)
	}
	type contact struct {
		Id       string
		LastName string
	}
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	one, err := sf.InsertOne("Contact", contact{LastName: "One"})
	must("insert one", err)
	must("update one", sf.UpdateOne("Contact", contact{Id: one.Id, LastName: "Changed"}))
	type fresh struct{ LastName string }
	many, err := sf.InsertCollection("Contact", []fresh{{"Two"}, {"Three"}, {""}}, 2)
	must("insert many", err)
	if !many.HasSalesforceErrors || many.Results[2].Errors[0].StatusCode != "REQUIRED_FIELD_MISSING" {
		t.Errorf("%+v", many)
	}
	two := many.Results[0].Id
	changed, err := sf.UpdateCollection("Contact", []contact{{one.Id, "A"}, {two, "B"}}, 200)
	must("update many", err)
	composed, err := sf.UpdateComposite("Contact", []contact{{one.Id, "C"}, {two, "D"}}, 200, true)
	must("update composite", err)
	if changed.HasSalesforceErrors || composed.HasSalesforceErrors {
		t.Error(changed, composed)
	}
	inserted, err := sf.InsertComposite("Contact", []fresh{{"E"}, {"F"}, {"G"}}, 2, true)
	must("insert composite", err)
	if inserted.HasSalesforceErrors || len(inserted.Results) != 3 {
		t.Error(inserted)
	}

	o.SetFaults(Fault{ExpireTokens: true})
	var got []contact
	must("query after the session ended", sf.Query("SELECT Id, LastName FROM Contact WHERE LastName IN ('C','D') ORDER BY LastName", &got))
	if len(got) != 2 || got[0].Id != one.Id {
		t.Errorf("%+v", got)
	}
	must("delete one", sf.DeleteOne("Contact", got[0]))
	gone, err := sf.DeleteCollection("Contact", []contact{{Id: two}}, 200)
	must("delete many", err)
	if gone.HasSalesforceErrors || len(o.Records("Contact")) != 4+4 {
		t.Error(gone, len(o.Records("Contact")))
	}
}
