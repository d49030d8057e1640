package api

import (
	"net/http"
	"strings"
)

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
