package api

import (
	"strings"
	"testing"
)

func TestASupervisorSeesHowACallWentOnTheWire(t *testing.T) {
	h := newHouse(t)
	h.traces["x1"] = Ladder{Call: "x1", Legs: []Leg{{ID: "l1", Kind: "trunk", Quality: &Quality{Codec: "PCMA", Lost: 3, MOS: 4.1}}},
		Messages: []Message{{Leg: "l1", Direction: "in", Summary: "INVITE SDP", Text: "INVITE …"}}}
	sue := h.in("sue")
	var l Ladder
	h.want(200, sue, "GET", "/calls/x1/ladder", nil, &l)
	if len(l.Legs) != 1 || len(l.Messages) != 1 || l.Messages[0].Summary != "INVITE SDP" || l.Legs[0].Quality.Lost != 3 {
		t.Errorf("ladder %+v", l)
	}
	a := h.want(200, sue, "GET", "/calls/x1/ladder/text", nil, nil)
	if string(a.body) != "a ladder as text" || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/plain") {
		t.Errorf("%s: %q", a.Header.Get("Content-Type"), a.body)
	}
	if a := h.want(200, sue, "GET", "/calls/x1/ladder/mermaid", nil, nil); string(a.body) != "a ladder as mermaid" {
		t.Errorf("%q", a.body)
	}
	var q struct{ Legs []Leg }
	h.want(200, sue, "GET", "/calls/x1/quality", nil, &q)
	if len(q.Legs) != 1 || q.Legs[0].Quality.MOS != 4.1 {
		t.Errorf("quality %+v", q)
	}
	h.wantProblem(404, sue, "GET", "/calls/x2/ladder", nil, "x2", "trace.calls")
	h.wantProblem(422, sue, "GET", "/calls/x1/ladder/svg", nil, "form")
	for _, path := range []string{"/calls/x1/ladder", "/calls/x1/ladder/text", "/calls/x1/quality"} {
		h.wantProblem(403, h.in("anna"), "GET", path, nil, "anna", "supervisor")
	}
}
