package api

import (
	"encoding/json"
	"errors"
	"testing"
)

func TestAnAdministratorDrainsTheGatewayAndOpensItAgain(t *testing.T) {
	h := newHouse(t)
	root := h.in("root")
	var g Gateway
	h.want(200, root, "GET", "/gateway", nil, &g)
	if g.Draining || g.DrainingSince != nil || g.Calls != 2 || g.Version != "dev" {
		t.Errorf("before: %+v", g)
	}
	h.want(200, root, "POST", "/gateway/drain", nil, &g)
	if !g.Draining || g.DrainingSince == nil {
		t.Errorf("draining: %+v", g)
	}
	h.want(200, root, "DELETE", "/gateway/drain", nil, &g)
	if g.Draining {
		t.Errorf("open again: %+v", g)
	}
	h.ops.ending = errors.New("too late")
	h.wantProblem(409, root, "DELETE", "/gateway/drain", nil, "too late")
}

func TestAReloadSaysWhatItChangedOrWhatIsWrong(t *testing.T) {
	h := newHouse(t)
	root := h.in("root")
	h.ops.done = Reloaded{Changed: []string{"trunks[0].target"}, Restart: []string{"http.listen"}}
	var done Reloaded
	a := h.want(200, root, "POST", "/gateway/reload", nil, &done)
	if len(done.Changed) != 1 || done.Changed[0] != "trunks[0].target" || len(done.Restart) != 1 || done.Warnings == nil {
		t.Errorf("reloaded %s", a.body)
	}
	h.ops.bad = &BadConfig{Problems: []string{`trunks[0].target (line 12): "x" is no address; write host:port`, "queues: second"}}
	h.wantProblem(422, root, "POST", "/gateway/reload", nil, "line 12", "is no address", "second")
	h.wantProblem(403, h.in("sue"), "POST", "/gateway/reload", nil, "admin")
}

func TestAnAdministratorSeesHowTheTrunksStand(t *testing.T) {
	h := newHouse(t)
	var got struct{ Trunks []Trunk }
	h.want(200, h.in("root"), "GET", "/trunks", nil, &got)
	if len(got.Trunks) != 2 || got.Trunks[0].Hops[0].Why != "503" || got.Trunks[0].Register.State != "waiting" || got.Trunks[1].Hops == nil || got.Trunks[1].Register != nil {
		t.Errorf("%+v", got.Trunks)
	}
	h.wantProblem(403, h.in("sue"), "GET", "/trunks", nil, "admin")
}

func TestNobodyButAnAdministratorTouchesTheGateway(t *testing.T) {
	h := newHouse(t)
	for _, who := range []string{"anna", "sue"} {
		token := h.in(who)
		h.wantProblem(403, token, "GET", "/gateway", nil, who, "admin")
		h.wantProblem(403, token, "POST", "/gateway/drain", nil, who, "admin")
		h.wantProblem(403, token, "DELETE", "/gateway/drain", nil, who, "admin")
	}
	if h.ops.Standing().Draining {
		t.Error("it drains all the same")
	}
}

func TestNoCallIsAnnouncedToAGatewayThatDrains(t *testing.T) {
	h := newHouse(t)
	anna := h.in("anna")
	h.ops.Drain()
	a := h.wantProblem(503, anna, "POST", "/me/calls", map[string]any{"to": "+358401234567"}, "no new calls", "30 seconds")
	if a.Header.Get("Retry-After") != "30" {
		t.Errorf("Retry-After %q", a.Header.Get("Retry-After"))
	}
	if err := h.ops.Reopen(); err != nil {
		t.Fatal(err)
	}
	h.want(201, anna, "POST", "/me/calls", map[string]any{"to": "+358401234567"}, nil)
}

func TestPagesLearnThatTheGatewayDrains(t *testing.T) {
	h := newHouse(t)
	anna := h.in("anna")
	s := h.open(t, anna, "")
	var hello Hello
	if err := json.Unmarshal([]byte(s.next("hello")), &hello); err != nil || hello.Draining {
		t.Fatalf("hello %+v: %v", hello, err)
	}
	h.ops.Drain()
	h.GatewayChanged(true)
	if got := s.next("gateway"); got != `{"draining":true}` {
		t.Errorf("gateway %s", got)
	}
	late := h.open(t, anna, "")
	if err := json.Unmarshal([]byte(late.next("hello")), &hello); err != nil || !hello.Draining {
		t.Errorf("hello of who comes later %+v: %v", hello, err)
	}
}
