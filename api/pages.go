package api

import (
	"net/http"
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
// elsewhere runs in them, and only frameAncestors, besides ourselves, may show them in a frame.
func Pages(next http.Handler, frameAncestors []string) http.Handler {
	csp := strings.Join([]string{
		"default-src 'self'",
		"connect-src 'self' ws: wss:", // Safari before 15.4 does not take ws for 'self'
		"img-src 'self' data:",
		"media-src 'self' blob: mediastream:",
		"style-src 'self' 'unsafe-inline'", // the design system sets styles on elements
		"object-src 'none'",
		"base-uri 'none'",
		"form-action 'self'",
		"frame-ancestors " + strings.Join(append([]string{"'self'"}, frameAncestors...), " "),
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
