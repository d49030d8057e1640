package api

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write openapi.json")

func TestTheDocumentIsWhatTheHandlersAre(t *testing.T) {
	h := newHouse(t)
	served := h.want(200, "", "GET", "/openapi.json", nil, nil)
	var got bytes.Buffer
	if err := json.Indent(&got, served.body, "", "  "); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	if *update {
		if err := os.WriteFile("openapi.json", got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Error("openapi.json is not what the handlers are; run go generate ./api")
	}
}

func TestEveryOperationButLoginNeedsASession(t *testing.T) {
	h := newHouse(t)
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID string
			Security    []map[string][]string
		}
	}
	h.want(200, "", "GET", "/openapi.json", nil, &doc)
	if !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("OpenAPI %q", doc.OpenAPI)
	}
	var operations []string
	for path, methods := range doc.Paths {
		for method, op := range methods {
			operations = append(operations, op.OperationID)
			if op.OperationID == "login" {
				continue
			}
			path := strings.NewReplacer("{id}", "x", "{form}", "text").Replace(path)
			a := h.wantProblem(401, "", strings.ToUpper(method), path, nil, "log in")
			if a.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s does not say how to authenticate", op.OperationID)
			}
			if byQuery := h.ask("", strings.ToUpper(method), path+"?access_token=x", nil); byQuery.StatusCode != 401 {
				t.Errorf("%s: %d with a wrong token in the query", op.OperationID, byQuery.StatusCode)
			}
		}
	}
	slices.Sort(operations)
	want := []string{"announce-call", "begin-capture", "create-sip-credentials", "drain", "draw-ladder", "end-capture", "get-call", "get-capture", "get-gateway", "get-ladder", "get-me", "get-quality", "list-active-calls", "list-agents", "list-calls",
		"list-my-calls", "list-queues", "list-trunks", "login", "logout", "reload", "reopen", "set-availability", "watch"}
	if !slices.Equal(operations, want) {
		t.Errorf("operations %q\nwant %q", operations, want)
	}
}
