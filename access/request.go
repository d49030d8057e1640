package access

import (
	"net/http"
	"strings"
)

// SubprotocolPrefix marks the item of Sec-WebSocket-Protocol that carries a session token: a page cannot set headers on a
// WebSocket, but `new WebSocket(url, ["sip", "session." + token])` keeps the token out of the URL and so out of logs.
const SubprotocolPrefix = "session."

// Authenticate says whose session a request for a SIP WebSocket carries, in Authorization, Sec-WebSocket-Protocol or the
// query parameter access_token: the user's id; "" when it carries none; ErrNoSession when what it carries is not valid.
func (g *Guard) Authenticate(r *http.Request) (aor string, err error) {
	token := socketToken(r)
	if token == "" {
		return "", nil
	}
	s, err := g.Verify(token)
	if err != nil {
		return "", err
	}
	return s.User.ID, nil
}

// BearerToken is the token of an Authorization header (RFC 6750 section 2.1), or "".
func BearerToken(header string) string {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

func socketToken(r *http.Request) string {
	if token := BearerToken(r.Header.Get("Authorization")); token != "" {
		return token
	}
	for _, value := range r.Header.Values("Sec-WebSocket-Protocol") {
		for item := range strings.SplitSeq(value, ",") {
			if token, ok := strings.CutPrefix(strings.TrimSpace(item), SubprotocolPrefix); ok {
				return token
			}
		}
	}
	return r.URL.Query().Get("access_token")
}
