package main

import (
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheDebugListenerShowsTheHeapOnLoopbackAndNothingElsewhere(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", "192.0.2.1:6060", ":6060", "localhost:6060", ""} {
		if d, err := listenDebug(address); err == nil {
			t.Errorf("%q was opened", address)
			_ = d.Close(t.Context())
		}
	}
	d, err := listenDebug("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, c := range []struct {
		path, host string
		status     int
	}{
		{"heap?debug=1", "", http.StatusOK},
		{"goroutine?debug=1", "localhost:6060", http.StatusOK},
		{"profile?seconds=3600", "", http.StatusBadRequest},
		{"heap", "evil.example", http.StatusForbidden},
		{"no-such-profile", "", http.StatusNotFound},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+d.addr.String()+"/debug/pprof/"+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = c.host
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != c.status {
			t.Errorf("%s as %q: %d, want %d", c.path, c.host, res.StatusCode, c.status)
		}
	}
	if err := d.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := client.Get("http://" + d.addr.String() + "/debug/pprof/"); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("after Close: %v", err)
	}
}
