package soql

import (
	"fmt"
	"regexp"
	"strings"
)

type kind int

const (
	end kind = iota
	word
	number
	dateLike
	text
	sign
)

// token is one piece of a query; at is its byte offset.
type token struct {
	kind kind
	text string // words as written, strings unescaped
	at   int
}

// MaxLength is the longest query that is looked at. [D] 100,000 characters
const MaxLength = 100_000

// maxDepth bounds nested parentheses, so that no query can use up the stack.
const maxDepth = 100

var dateForm = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2}))?`)

// lex cuts a query into tokens.
func lex(src, code string) ([]token, error) {
	if len(src) > MaxLength {
		return nil, &Error{code, fmt.Sprintf("SOQL statements cannot be longer than %d characters.", MaxLength)}
	}
	var out []token
	for i := 0; i < len(src); {
		c := src[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case isLetter(c):
			n := span(src[i:], func(c byte) bool { return isLetter(c) || isDigit(c) })
			out = append(out, token{word, src[i : i+n], i})
			i += n
		case isDigit(c) || (c == '-' || c == '+') && i+1 < len(src) && isDigit(src[i+1]):
			n, k := numberAt(src[i:])
			out = append(out, token{k, src[i : i+n], i})
			i += n
		case c == '\'':
			s, n, good := stringAt(src[i:])
			if !good {
				return nil, fault(src, i, code, "line 1:%d mismatched character '<EOF>' expecting '''", len(src))
			}
			out = append(out, token{text, s, i})
			i += n
		default:
			n := signAt(src[i:])
			if n == 0 {
				return nil, fault(src, i, code, "unexpected token: '%s'", firstRune(src[i:]))
			}
			out = append(out, token{sign, src[i : i+n], i})
			i += n
		}
	}
	return append(out, token{end, "<EOF>", len(src)}), nil
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

func firstRune(s string) string {
	for _, r := range s {
		return string(r)
	}
	return ""
}

func span(s string, in func(byte) bool) int {
	n := 0
	for n < len(s) && in(s[n]) {
		n++
	}
	return n
}

func numberAt(s string) (int, kind) {
	if m := dateForm.FindString(s); m != "" {
		return len(m), dateLike
	}
	n := 1
	for n < len(s) && (isDigit(s[n]) || s[n] == '.') {
		n++
	}
	return n, number
}

// stringAt reads a literal in single quotes with the escapes of SOQL. [D] Quoted String Escape Sequences
func stringAt(s string) (value string, n int, ok bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\'':
			return b.String(), i + 1, true
		case '\\':
			i++
			if i == len(s) {
				return "", 0, false
			}
			switch s[i] {
			case 'n', 'N':
				b.WriteByte('\n')
			case 'r', 'R':
				b.WriteByte('\r')
			case 't', 'T':
				b.WriteByte('\t')
			case 'b', 'B':
				b.WriteByte('\b')
			case 'f', 'F':
				b.WriteByte('\f')
			case '_', '%': // kept for LIKE, where the backslash takes the wildcard's meaning away
				b.WriteByte('\\')
				b.WriteByte(s[i])
			default: // \' \" \\
				b.WriteByte(s[i])
			}
		default:
			b.WriteByte(s[i])
		}
	}
	return "", 0, false
}

func signAt(s string) int {
	for _, two := range []string{"!=", "<>", "<=", ">="} {
		if strings.HasPrefix(s, two) {
			return 2
		}
	}
	if strings.IndexByte("(),.=<>:*", s[0]) >= 0 {
		return 1
	}
	return 0
}

// fault words an error with the place it is at, as Salesforce does. [P]
func fault(src string, at int, code, format string, args ...any) *Error {
	from := max(0, at-30)
	to := min(len(src), at+30)
	row := 1 + strings.Count(src[:at], "\n")
	column := at - strings.LastIndex(src[:at], "\n")
	near := strings.ReplaceAll(src[from:to], "\n", " ")
	return &Error{code, fmt.Sprintf("\n%s\n%s^\nERROR at Row:%d:Column:%d\n", near, strings.Repeat(" ", at-from), row, column) + fmt.Sprintf(format, args...)}
}

// Fault words an error about a place in a query, for those who find it later: a field that does not exist.
func Fault(query string, at int, code, format string, args ...any) *Error {
	return fault(query, min(max(at, 0), len(query)), code, format, args...)
}
