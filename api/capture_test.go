package api

import (
	"testing"
	"time"
)

func TestAnAdministratorTakesThePacketsOfACall(t *testing.T) {
	h := newHouse(t)
	h.traces["x1"] = Ladder{}
	root := h.in("root")
	var c Capture
	h.want(201, root, "POST", "/calls/x1/capture", nil, &c)
	if c.Sound || c.Until.Unix() != int64(captureFor/time.Second) {
		t.Errorf("capture %+v", c)
	}
	h.want(201, root, "POST", "/calls/x1/capture", map[string]any{"seconds": 5}, &c)
	if c.Until.Unix() != 5 {
		t.Errorf("capture %+v", c)
	}
	a := h.want(200, root, "GET", "/calls/x1/capture", nil, nil)
	if string(a.body) != "a file" || a.Header.Get("Content-Type") != pcapType || a.Header.Get("X-Packets") != "7" {
		t.Errorf("%v %q", a.Header, a.body)
	}
	h.want(204, root, "DELETE", "/calls/x1/capture", nil, nil)
	h.wantProblem(404, root, "POST", "/calls/x2/capture", nil, "x2", "does not go on")
	h.wantProblem(404, root, "GET", "/calls/x2/capture", nil, "x2")
	h.wantProblem(404, root, "DELETE", "/calls/x2/capture", nil, "x2")
	for _, method := range []string{"POST", "GET", "DELETE"} {
		h.wantProblem(403, h.in("sue"), method, "/calls/x1/capture", nil, "sue", "admin")
	}
}

func TestWhatIsSaidIsTakenOnlyWhereTheConfigurationLetsAdministrators(t *testing.T) {
	h := newHouse(t)
	h.traces["x1"] = Ladder{}
	h.wantProblem(403, h.in("root"), "POST", "/calls/x1/capture", map[string]any{"sound": true}, "trace.sound")
	h = newHouse(t, func(c *Config) { c.CaptureSound = true })
	h.traces["x1"] = Ladder{}
	var c Capture
	h.want(201, h.in("root"), "POST", "/calls/x1/capture", map[string]any{"sound": true}, &c)
	if !c.Sound {
		t.Errorf("capture %+v", c)
	}
}
