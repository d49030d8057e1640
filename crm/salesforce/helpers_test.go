package salesforce

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/outbox"
)

// canned answers everything with 200 and that body.
type canned string

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(c))), Request: r}, nil
}

func nopLogger() *zap.Logger { return zap.NewNop() }

func message(key string) outbox.Message {
	return outbox.Message{Kind: "task", Key: key, Body: json.RawMessage(`{"Subject":"Call - Sales","TaskSubtype":"Call","OwnerId":"005Dn000000annaIAA","WhoId":"003Dn00000Xenia1AA"}`)}
}
