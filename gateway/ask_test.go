package gateway

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
)

// ask puts a request to the API, as who has the token, and reads the answer into out: JSON, or *[]byte as it is.
func (h *house) ask(token, method, path string, body, out any) (status int) {
	h.t.Helper()
	var question bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&question).Encode(body); err != nil {
			h.t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(h.soon(), method, "http://"+h.web.Addr().String()+"/api/v1"+path, &question)
	if err != nil {
		h.t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	switch out := out.(type) {
	case nil:
	case *[]byte:
		*out = text
	default:
		if err := json.Unmarshal(text, out); err != nil {
			h.t.Fatalf("%s %s: %d %s: %v", method, path, resp.StatusCode, text, err)
		}
	}
	return resp.StatusCode
}

// login is a token of who has the demo's password.
func (h *house) login(user string) string {
	h.t.Helper()
	var l struct{ Token string }
	if status := h.ask("", http.MethodPost, "/login", map[string]string{"user": user, "password": "demo-" + user}, &l); status != http.StatusOK {
		h.t.Fatalf("login of %s: %d", user, status)
	}
	return l.Token
}
