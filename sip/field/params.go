package field

import (
	"strings"
)

// Header is a header field of a message.
type Header struct{ Name, Value string }

// Param is one parameter: ;lr, ;expires=60, ;text="a b". Its value is without the quotes.
type Param struct{ Name, Value string }

// Params are parameters in their order. A name given twice counts the first time.
type Params []Param

// Get returns the value of a parameter. Names are compared without regard to case.
func (p Params) Get(name string) (value string, ok bool) {
	for _, q := range p {
		if strings.EqualFold(q.Name, name) {
			return q.Value, true
		}
	}
	return "", false
}

// Value is Get for a parameter whose absence and emptiness mean the same.
func (p Params) Value(name string) string {
	v, _ := p.Get(name)
	return v
}

// Has reports whether the parameter is there, with a value or without.
func (p Params) Has(name string) bool {
	_, ok := p.Get(name)
	return ok
}

// String writes them as they stand in a message, each with its semicolon in front.
func (p Params) String() string {
	var b strings.Builder
	for _, q := range p {
		b.WriteByte(';')
		b.WriteString(clean(q.Name))
		if q.Value == "" {
			continue
		}
		b.WriteByte('=')
		if plain(q.Value) {
			b.WriteString(q.Value)
		} else {
			b.WriteString(Quote(q.Value))
		}
	}
	return b.String()
}

// plain reports whether a value needs no quotes: a token or a host (RFC 3261 section 25.1, gen-value).
func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if !alphanumeric(s[i]) && strings.IndexByte("-.!%*_+`'~[]:", s[i]) < 0 {
			return false
		}
	}
	return s != ""
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// ParseParams reads ";a=b;c"; the first semicolon may be missing. What has no name is passed over.
func ParseParams(s string) Params {
	var all Params
	for _, item := range split(s, ';') {
		name, value, _ := strings.Cut(item, "=")
		if name = strings.TrimSpace(name); name == "" || len(all) == mostParams {
			continue
		}
		all = append(all, Param{name, Unquote(strings.TrimSpace(value))})
	}
	return all
}

// List takes a comma-separated value apart, at the commas outside quotes and angle brackets (RFC 3261 section 7.3.1).
// Empty elements are left out.
func List(value string) []string {
	all := split(value, ',')
	return all[:min(len(all), mostItems)]
}

// split cuts at a separator outside quotes and angle brackets, trims, and leaves out what is empty.
func split(s string, separator byte) []string {
	if len(s) > longest {
		s = s[:longest]
	}
	var out []string
	quoted, inside, start := false, false, 0
	take := func(part string) {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '<':
			inside = true
		case c == '>':
			inside = false
		case c == separator && !inside:
			take(s[start:i])
			start = i + 1
		}
	}
	take(s[start:])
	return out
}

// Quote writes a quoted-string (RFC 3261 section 25.1). Control characters, which would end the line, become spaces.
func Quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(clean(s)) + `"`
}

// Unquote reads a quoted-string; anything else is returned as it is.
func Unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	s = s[1 : len(s)-1]
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// clean makes spaces of control characters, byte by byte, so that nothing grows.
func clean(s string) string {
	if strings.IndexFunc(s, control) < 0 {
		return s
	}
	b := []byte(s)
	for i, c := range b {
		if control(rune(c)) {
			b[i] = ' '
		}
	}
	return string(b)
}

func control(r rune) bool { return r < ' ' || r == 0x7f }
