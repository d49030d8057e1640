package gateway

import (
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/lab"
)

// The main job: a customer calls, Salesforce says where to, it rings in the browser, both hear each other, and a Task
// stands in the org.
func TestACustomersCallReachesABrowserAndLeavesATask(t *testing.T) {
	h := openHouse(t, demoHouse("127.0.0.1:9"))
	anna, carrier := h.phone("anna", lab.PCMA()), h.carrier(lab.PCMA())
	customer := h.dial(carrier, mainNumber, lab.CallOptions{Sound: lab.Tone(440, -16)})
	customer.MustRing(t, patience)
	rung := h.rings(anna, 0)
	customer.MustAnswer(t, patience)
	if got := rung.Invite.Get("X-Cordboard-Queue"); got != "Customer%20Service%20EN" {
		t.Errorf("the phone is told of queue %q", got)
	}
	if err := rung.Answer(h.soon()); err != nil {
		t.Fatal(err)
	}
	h.connected(rung)
	rung.Say(lab.Tone(annasTone, -16))
	rung.Ear().MustHear(t, 440, patience, time.Second)
	customer.Ear().MustHear(t, annasTone, patience, time.Second)
	if err := customer.Bye(h.soon()); err != nil {
		t.Fatal(err)
	}
	rung.MustEnd(t, patience)
	if r := customer.Ear().Report(); r.SSRCs != 1 || r.Lost != 0 || r.Jumps != 0 {
		t.Errorf("what the customer heard: %v", r)
	}
	task := h.tasks(1)[0]
	for field, want := range map[string]any{"CallType": "Inbound", "Cordboard_Call_Result__c": "Answered", "Cordboard_Queue__c": "Customer Service EN",
		"Cordboard_Phone_Number__c": maija, "Status": "Completed"} {
		if task[field] != want {
			t.Errorf("Task.%s = %v, want %v", field, task[field], want)
		}
	}
	if task["WhoId"] == nil || task["OwnerId"] == nil {
		t.Errorf("the Task is related to nobody: %v", task)
	}
}
