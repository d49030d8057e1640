package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() state {
	return state{gauges: metrics{"cordboard_browser_sockets": 32, "cordboard_sip_devices": 48}, goroutines: 60, files: 50, heap: 8 << 20, tasks: 100, calls: 100}
}

func TestWhatIsLeftBehindIsNamed(t *testing.T) {
	const calls = 1000
	for name, c := range map[string]struct {
		change func(*state)
		wrong  string // "" when all is well
	}{
		"nothing":               {func(*state) {}, ""},
		"a timer of the moment": {func(s *state) { s.goroutines++ }, ""},
		"a goroutine a call":    {func(s *state) { s.goroutines += calls }, "goroutines"},
		"a leg":                 {func(s *state) { s.gauges["cordboard_legs_active"] = 1 }, "cordboard_legs_active"},
		"a resting port":        {func(s *state) { s.gauges["cordboard_rtp_ports_resting"] = 1 }, "cordboard_rtp_ports_resting"},
		"a browser went away":   {func(s *state) { s.gauges["cordboard_browser_sockets"]-- }, "cordboard_browser_sockets"},
		"descriptors":           {func(s *state) { s.files += 5 }, "open files"},
		"two kilobytes a call":  {func(s *state) { s.heap += 2048 * calls }, "live heap"},
		"a call without a Task": {func(s *state) { s.tasks-- }, "1099 Tasks of 1100 calls"},
		"a Task too many":       {func(s *state) { s.tasks++ }, "1101 Tasks of 1100 calls"},
	} {
		t.Run(name, func(t *testing.T) {
			before, after := quiet(), quiet()
			after.calls, after.tasks = after.calls+calls, after.tasks+calls
			c.change(&after)
			err := verdict(before, after, calls, time.Second, nil)
			if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%v, want %q", err, c.wrong)
			}
		})
	}
	if err := verdict(quiet(), quiet(), 0, time.Second, []error{errors.New("a call")}); err == nil {
		t.Error("a call that failed was passed over")
	}
}

func TestMetricsAreAddedUpOverTheirLabels(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("# HELP a b\na{x=\"1 2\"} 3\na{x=\"}\"} 4\nb 5e+06\n"))
	}))
	defer server.Close()
	g := &gateway{client: server.Client()}
	m, err := g.metrics(context.Background(), server.URL)
	if err != nil || m["a"] != 7 || m["b"] != 5e6 {
		t.Fatal(m, err)
	}
	server.Client().CloseIdleConnections()
}
