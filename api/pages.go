package api

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
)

// NewServer makes an http.Server for everything the gateway serves, with bounds on what a client may take. Streams of
// events and SIP WebSockets have deadlines of their own, which replace these.
func NewServer(h http.Handler, log *zap.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second, // pitfall W1: a client that connects and stays silent
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          zap.NewStdLog(log.Named("http")),
	}
}

// Pages wraps the handler of our pages (the phone, the center) with the headers that keep a browser safe: nothing from
// elsewhere runs in them, and only Config.FrameAncestors, besides ourselves, may show them in a frame.
func (a *API) Pages(next http.Handler) http.Handler {
	csp := strings.Join([]string{
		"default-src 'self'",
		"connect-src 'self' ws: wss:", // Safari before 15.4 does not take ws for 'self'
		"img-src 'self' data:",
		"media-src 'self' blob: mediastream:",
		"style-src 'self' 'unsafe-inline'", // the design system sets styles on elements
		"object-src 'none'",
		"base-uri 'none'",
		"form-action 'self'",
		"frame-ancestors " + strings.Join(append([]string{"'self'"}, a.cfg.FrameAncestors...), " "),
	}, "; ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", csp)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Permissions-Policy", "microphone=(self), camera=(), geolocation=()")
		if r.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// foreign lets pages of the allowed origins in (CORS), and reports whether the request was but their question beforehand.
// Sessions are bearer tokens and never cookies, so a page has only what its own user gave it.
func (a *API) foreign(w http.ResponseWriter, r *http.Request) (answered bool) {
	origin := r.Header.Get("Origin")
	if origin == "" || len(a.cfg.Origins) == 0 {
		return false
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	if !slices.ContainsFunc(a.cfg.Origins, func(o string) bool { return o == "*" || strings.EqualFold(strings.TrimSuffix(o, "/"), origin) }) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", "Retry-After")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, POST, PUT")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}
