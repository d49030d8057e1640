package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

func get(t *testing.T, h http.Handler, method, target string) *http.Response {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w.Result()
}

func build() fstest.MapFS {
	return fstest.MapFS{
		"index.html":            {Data: []byte("<!doctype html><title>phone</title>")},
		"assets/index-abc12.js": {Data: []byte("export {}")},
		".placeholder":          {Data: []byte("x")},
	}
}

func TestThePageIsNeverCachedAndItsHashedAssetsAre(t *testing.T) {
	h := serve("/phone", build())
	for _, c := range []struct {
		target, kind, cache string
		status              int
	}{
		{"/phone/", "text/html; charset=utf-8", "no-cache", 200},
		{"/phone/index.html", "text/html; charset=utf-8", "no-cache", 200},
		{"/phone/assets/index-abc12.js", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable", 200},
		{"/phone/assets/index-other.js", "text/plain; charset=utf-8", "", 404},
		{"/phone/assets/", "text/plain; charset=utf-8", "", 404},
		{"/phone/.placeholder", "text/plain; charset=utf-8", "", 404},
		{"/phone/../phone.go", "text/plain; charset=utf-8", "", 404},
		{"/phonebook", "text/plain; charset=utf-8", "", 404},
	} {
		r := get(t, h, "GET", c.target)
		if r.StatusCode != c.status {
			t.Errorf("%s: status %d, want %d", c.target, r.StatusCode, c.status)
		}
		if got := r.Header.Get("Content-Type"); got != c.kind {
			t.Errorf("%s: content type %q, want %q", c.target, got, c.kind)
		}
		if got := r.Header.Get("Cache-Control"); got != c.cache {
			t.Errorf("%s: cache control %q, want %q", c.target, got, c.cache)
		}
	}
}

func TestThePathWithoutItsSlashRedirectsAndKeepsTheQuery(t *testing.T) {
	r := get(t, serve("/phone", build()), "GET", "/phone?dial=%2B358401234567")
	if r.StatusCode != http.StatusPermanentRedirect || r.Header.Get("Location") != "/phone/?dial=%2B358401234567" {
		t.Fatalf("got %d to %q", r.StatusCode, r.Header.Get("Location"))
	}
}

func TestOnlyReadingIsAllowed(t *testing.T) {
	r := get(t, serve("/phone", build()), "POST", "/phone/")
	if r.StatusCode != http.StatusMethodNotAllowed || r.Header.Get("Allow") != "GET, HEAD" {
		t.Fatalf("got %d, Allow %q", r.StatusCode, r.Header.Get("Allow"))
	}
}

func TestABinaryWithoutThePageSaysHowToBuildIt(t *testing.T) {
	w := httptest.NewRecorder()
	serve("/phone", fstest.MapFS{".placeholder": {Data: []byte("x")}}).ServeHTTP(w, httptest.NewRequest("GET", "/phone/", nil))
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "npm run build") {
		t.Fatalf("got %d: %s", w.Code, w.Body)
	}
}

func TestThePhoneAnswersWhetherItIsBuiltOrNot(t *testing.T) {
	r := get(t, Phone(), "GET", "/phone/")
	if r.StatusCode != http.StatusOK && r.StatusCode != http.StatusServiceUnavailable {
		t.Fatalf("got %d", r.StatusCode)
	}
}
