package sfsim

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The org runs inside the gateway's process during its own benchmarks: it should cost little beside it.

func BenchmarkUpsertOneTask(b *testing.B) {
	o := New(Options{})
	o.TrustSecret(DemoClientID, "s", DemoUsername)
	o.mu.Lock()
	token := o.open(DemoClientID, DemoUserID("gateway")).token
	o.mu.Unlock()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		r := httptest.NewRequest(http.MethodPatch, fmt.Sprintf("/services/data/v67.0/sobjects/Task/Cordboard_Call_Key__c/call-%d", i),
			strings.NewReader(`{"Subject":"Call - Sales","Status":"Completed","CallType":"Inbound","CallDurationInSeconds":12,"Cordboard_Queue__c":"Sales"}`))
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		o.ServeHTTP(w, r)
		if w.Code != http.StatusCreated {
			b.Fatal(w.Code, w.Body)
		}
	}
}

func BenchmarkSearchByPhone(b *testing.B) {
	o := New(Options{})
	o.TrustSecret(DemoClientID, "s", DemoUsername)
	o.mu.Lock()
	token := o.open(DemoClientID, DemoUserID("gateway")).token
	o.mu.Unlock()
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodGet, "/services/data/v67.0/search?q=FIND+%7B358400000001+OR+0400000001%7D+IN+PHONE+FIELDS+RETURNING+Contact(Id,Name,Account.Name)", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		o.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Code, w.Body)
		}
	}
}
