package configs

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Secret is a password or a key. It may be written as it is, as "${NAME}" (an environment variable) or as "file:PATH" (the
// first line of a file); Load replaces the latter two by what they stand for. It never prints; convert it to string to use it.
type Secret string

const masked = "••••••"

// String hides the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return masked
}

// GoString hides it from %#v too.
func (s Secret) GoString() string { return `"` + s.String() + `"` }

// MarshalText hides it from JSON, YAML and logs.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// readSecret replaces ${NAME} and file:PATH by what they stand for. No message shows a secret.
func (r *reader) readSecret(path string, n ast.Node, v reflect.Value) {
	text, ok := r.scalar(path, n, "one text")
	if !ok {
		return
	}
	if name := environment.FindStringSubmatch(text); name != nil {
		text = os.Getenv(name[1])
		if text == "" {
			r.bad(path, n, "${"+name[1]+"}", "is not set; set this environment variable, or write the secret itself")
		}
		v.SetString(text)
		return
	}
	file, isFile := strings.CutPrefix(text, "file:")
	if !isFile {
		if text != "" {
			r.plain++
		}
		v.SetString(text)
		return
	}
	if !filepath.IsAbs(file) {
		file = filepath.Join(r.dir, file)
	}
	whole, err := os.ReadFile(file)
	line, _, _ := strings.Cut(string(whole), "\n")
	if line = strings.TrimSpace(line); err != nil || line == "" {
		r.bad(path, n, "file:"+file, "gives no secret; put it into the first line of this file, readable for the gateway")
	}
	v.SetString(line)
}

func plainText(n int) string {
	return fmt.Sprintf("%d secrets stand in the file in plain text; good for a demo, elsewhere write password_hash, ${NAME} or file:PATH", n)
}
