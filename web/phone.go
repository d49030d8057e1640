// Package web carries the pages of the product inside the binary: the agent's phone, built from web/phone.
package web

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

// built is what `npm run build` leaves in web/phone/dist. Without a build it holds nothing but a placeholder file, so
// that `go build` needs no Node.
//
//go:embed all:phone/dist
var built embed.FS

//go:embed not-built.html
var notBuilt []byte

// Phone serves the agent's phone under /phone/: the page itself never cached, the assets, whose names carry a hash of
// their content, cached for a year. Paths it does not know get 404, other methods than GET and HEAD 405, and /phone a
// redirect to /phone/. The query of that redirect is kept.
//
// A binary built without the page answers /phone/ with 503 and a page that says how to build it.
func Phone() http.Handler {
	dist, err := fs.Sub(built, "phone/dist")
	if err != nil {
		panic(fmt.Sprintf("web: the embedded folder has another name than the code: %v", err)) // cannot happen once compiled
	}
	return serve("/phone", dist)
}

// serve answers for the files of dist under the prefix, which has no slash at its end.
func serve(prefix string, dist fs.FS) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		if r.URL.Path == prefix {
			target := *r.URL
			target.Path += "/"
			http.Redirect(w, r, target.RequestURI(), http.StatusPermanentRedirect)
			return
		}
		name, ok := strings.CutPrefix(r.URL.Path, prefix+"/")
		if !ok {
			http.NotFound(w, r)
			return
		}
		file(w, r, dist, name)
	})
}

// file sends one file of the build, or the page for the empty name.
func file(w http.ResponseWriter, r *http.Request, dist fs.FS, name string) {
	if name == "" {
		name = "index.html"
	}
	if strings.HasPrefix(path.Base(name), ".") {
		http.NotFound(w, r)
		return
	}
	body, err := fs.ReadFile(dist, name)
	if err != nil && name == "index.html" {
		explain(w)
		return
	}
	if err != nil {
		http.NotFound(w, r)
		return
	}

	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-cache")
	if strings.HasPrefix(name, "assets/") {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if path.Ext(name) == ".html" {
		h.Set("Referrer-Policy", "same-origin")
	}
	// The zero time: the files of an embed have no date, and what may be cached has its hash in its name.
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(body))
}

// explain tells whoever built the binary that the page is missing, and the cure.
func explain(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = w.Write(notBuilt) // a reader who has gone away needs no page
}
