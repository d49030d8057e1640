package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"go.uber.org/zap"

	"github.com/cordboard/cordboard/access"
)

// serve is what all requests have in common.
func (a *API) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'") // nothing here is a page
	h.Set("Cache-Control", noStore)
	if a.foreign(w, r) {
		return
	}
	start := time.Now()
	seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	a.mux.ServeHTTP(seen, r)
	// The pattern, not the path: paths and queries may hold ids, numbers and tokens.
	a.cfg.Log.Debug("api", zap.String("request", r.Pattern), zap.Int("status", seen.status), zap.Duration("took", time.Since(start)))
}

// statusWriter remembers the status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// contextKey is what a request's context carries for its handler.
type contextKey int

const (
	sessionKey contextKey = iota
	clientKey
)

// sessionOf is the session of an operation that needs one.
func sessionOf(ctx context.Context) access.Session {
	s, _ := ctx.Value(sessionKey).(access.Session)
	return s
}

// clientOf is the client's address.
func clientOf(ctx context.Context) netip.Addr {
	addr, _ := ctx.Value(clientKey).(netip.Addr)
	return addr
}

// whoAsks stands before every operation: it lets nobody through to one that needs a session and has none.
func (a *API) whoAsks(api huma.API) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, _ := humago.Unwrap(ctx)
		ctx = huma.WithValue(ctx, clientKey, a.clientAddr(r))
		op := ctx.Operation()
		if len(op.Security) == 0 {
			next(ctx)
			return
		}
		token := access.BearerToken(r.Header.Get("Authorization"))
		byQuery := slices.ContainsFunc(op.Security, func(s map[string][]string) bool { _, ok := s["stream"]; return ok })
		if token == "" && byQuery {
			token = r.URL.Query().Get("access_token")
		}
		if token == "" {
			a.turnAway(api, ctx, "no session; log in by POST /api/v1/login and send its token as Authorization: Bearer")
			return
		}
		s, err := a.cfg.Guard.Verify(token)
		if err != nil {
			a.turnAway(api, ctx, err.Error())
			return
		}
		next(huma.WithValue(ctx, sessionKey, s))
	}
}

func (a *API) turnAway(api huma.API, ctx huma.Context, detail string) {
	ctx.SetHeader("WWW-Authenticate", `Bearer realm="cordboard"`) // RFC 9110 section 11.6.1
	if err := huma.WriteErr(api, ctx, http.StatusUnauthorized, detail); err != nil {
		a.cfg.Log.Debug("answer not written", zap.Error(err))
	}
}

// nameTheProblem makes a problem's detail say what is wrong with which value. Our own troubles go to the log alone.
func (a *API) nameTheProblem(ctx huma.Context, _ string, v any) (any, error) {
	p, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	if p.Status >= http.StatusInternalServerError {
		for _, e := range p.Errors {
			a.cfg.Log.Error("request went wrong", zap.String("operation", ctx.Operation().OperationID), zap.Error(e))
		}
		p.Errors = nil
		if p.Status == http.StatusInternalServerError {
			p.Detail = "something went wrong in the gateway; its log says what"
		}
		return p, nil
	}
	details := make([]string, 0, len(p.Errors))
	for _, e := range p.Errors {
		if e == nil {
			continue
		}
		text := e.Message
		if e.Location != "" {
			text = e.Location + ": " + text
		}
		if value := shortValue(e); value != "" {
			text += ", got " + value
		}
		details = append(details, text)
	}
	if len(details) > 0 {
		p.Detail = strings.Join(details, "; ")
	}
	return p, nil
}

// shortValue is the value of a detail when it may be repeated. It empties the value of one that may not: passwords.
func shortValue(e *huma.ErrorDetail) string {
	if strings.Contains(strings.ToLower(e.Location), "password") || e.Location == "body" {
		e.Value = nil
	}
	switch v := e.Value.(type) {
	case string:
		return fmt.Sprintf("%.60q", v)
	case float64, bool, int, int64:
		return fmt.Sprint(v)
	}
	return ""
}

// notFound answers for paths and methods that are not there.
func (a *API) notFound(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := a.mux.Handler(other); pattern != "" && pattern != prefix+"/" {
			allowed = append(allowed, method)
		}
	}
	p := huma.ErrorModel{Title: "Not Found", Status: http.StatusNotFound,
		Detail: fmt.Sprintf("there is nothing at %.100q; see %s/openapi.json", r.URL.Path, prefix)}
	if len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		p = huma.ErrorModel{Title: "Method Not Allowed", Status: http.StatusMethodNotAllowed,
			Detail: fmt.Sprintf("method %.20q; use %s", r.Method, strings.Join(allowed, " or "))}
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the asker may have gone
}

// clientAddr is who asks: the other end of the connection, or, when that is a proxy we trust, the last address in
// X-Forwarded-For that is no such proxy.
func (a *API) clientAddr(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := peer.Addr().Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		if !a.trusted(addr) {
			return addr
		}
		next, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			return addr
		}
		addr = next.Unmap()
	}
	return addr
}

func (a *API) trusted(addr netip.Addr) bool {
	return slices.ContainsFunc(a.cfg.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(addr) })
}
