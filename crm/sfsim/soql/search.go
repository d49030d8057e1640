package soql

import (
	"fmt"
	"strings"
	"unicode"
)

// ParseSearch reads a FIND statement. The error is an *Error.
func ParseSearch(src string) (*Search, error) {
	const code = "MALFORMED_SEARCH"
	head := strings.TrimLeft(src, " \t\r\n")
	if len(src) > MaxLength || len(head) < 4 || !strings.EqualFold(head[:4], "FIND") {
		return nil, fault(src, len(src)-len(head), code, "unexpected token: '%s'", firstWord(head))
	}
	at := len(src) - len(head) + 4
	for at < len(src) && unicode.IsSpace(rune(src[at])) {
		at++
	}
	inner, rest, err := braces(src, at)
	if err != nil {
		return nil, err
	}
	find, err := ParseTerm(inner)
	if err != nil {
		return nil, err
	}
	// what follows is lexed at its own place, so that errors point into the whole
	p, err := newParser(strings.Repeat(" ", rest)+src[rest:], code)
	if err != nil {
		return nil, err
	}
	p.src = src
	s := &Search{Find: find, Group: "ALL", Limit: -1}
	if err := p.searchClauses(s); err != nil {
		return nil, err
	}
	if !p.at(end) {
		return nil, p.unexpected()
	}
	return s, nil
}

func firstWord(s string) string {
	if i := strings.IndexFunc(s, unicode.IsSpace); i >= 0 {
		return s[:i]
	}
	return s
}

// braces finds the text between { and }, which may hold escaped braces.
func braces(src string, at int) (inner string, rest int, err error) {
	if at >= len(src) || src[at] != '{' {
		return "", 0, fault(src, min(at, len(src)), "MALFORMED_SEARCH", "expecting '{' after FIND")
	}
	for i := at + 1; i < len(src); i++ {
		switch src[i] {
		case '\\':
			i++
		case '}':
			return src[at+1 : i], i + 1, nil
		}
	}
	return "", 0, fault(src, len(src), "MALFORMED_SEARCH", "expecting '}', found '<EOF>'")
}

func (p *parser) searchClauses(s *Search) (err error) {
	if p.takeWord("IN") {
		s.Group = strings.ToUpper(p.take().text)
		switch s.Group {
		case "ALL", "NAME", "EMAIL", "PHONE", "SIDEBAR":
		default:
			p.i--
			return p.unexpected()
		}
		if !p.takeWord("FIELDS") {
			return p.unexpected()
		}
	}
	if p.takeWord("RETURNING") {
		if s.Returning, err = p.returning(); err != nil {
			return err
		}
	}
	for p.takeWord("WITH") { // WITH SNIPPET, WITH HIGHLIGHT, WITH SPELL_CORRECTION = false …: they change no result here
		for p.at(word) && !p.isWord("WITH") && !p.isWord("LIMIT") || p.isSign("=") || p.at(text) || p.isSign("(") || p.isSign(")") || p.at(number) {
			p.i++
		}
	}
	if p.takeWord("LIMIT") {
		s.Limit, err = p.count()
	}
	return err
}

func (p *parser) returning() ([]Returning, error) {
	var list []Returning
	for {
		if !p.at(word) {
			return nil, p.unexpected()
		}
		t := p.take()
		r := Returning{Object: t.text, At: t.at, Query: Query{From: t.text, FromAt: t.at, Limit: -1, Text: p.src}}
		if p.takeSign("(") {
			var err error
			if r.Query.Select, err = p.selectList(); err != nil {
				return nil, err
			}
			if err := p.clauses(&r.Query); err != nil {
				return nil, err
			}
			if err := p.expectSign(")"); err != nil {
				return nil, err
			}
		}
		list = append(list, r)
		if !p.takeSign(",") {
			return list, nil
		}
	}
}

// ParseTerm reads what stands between the braces: words, "phrases", AND, OR, AND NOT, parentheses. Words side by side
// must all be found. The reserved characters & | ! { } [ ] ^ ~ : ' + need a backslash. [D] SOSL: Reserved Characters
func ParseTerm(src string) (Term, error) {
	if len(src) > 10_000 { // [D] SOSL: 10,000 characters, else no result; an error is easier to notice
		return nil, &Error{"MALFORMED_SEARCH", "search term too long"}
	}
	p := &termParser{src: []rune(src)}
	t, err := p.any()
	if err != nil {
		return nil, err
	}
	if p.space(); p.i < len(p.src) {
		return nil, p.unexpected()
	}
	if p.literal < 2 { // besides wildcards [K]
		return nil, &Error{"MALFORMED_SEARCH", fmt.Sprintf("search term must be longer than one character: FIND {%s}", src)} // [P]
	}
	return t, nil
}

type termParser struct {
	src     []rune
	i       int
	depth   int
	literal int // characters that are no wildcards
}

func (p *termParser) unexpected() error {
	found := "<EOF>"
	if p.i < len(p.src) {
		found = string(p.src[p.i])
	}
	return &Error{"MALFORMED_SEARCH", fmt.Sprintf("unexpected token: '%s' in FIND {%s}", found, string(p.src))}
}

func (p *termParser) space() {
	for p.i < len(p.src) && unicode.IsSpace(p.src[p.i]) {
		p.i++
	}
}

func (p *termParser) takeWord(w string) bool {
	p.space()
	end := p.i + len(w)
	if end > len(p.src) || !strings.EqualFold(string(p.src[p.i:end]), w) || end < len(p.src) && !unicode.IsSpace(p.src[end]) && p.src[end] != '(' && p.src[end] != '"' {
		return false
	}
	p.i = end
	return true
}

func (p *termParser) any() (Term, error) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxDepth {
		return nil, &Error{"MALFORMED_SEARCH", "the search term is nested too deeply"}
	}
	first, err := p.every()
	if err != nil {
		return nil, err
	}
	parts := []Term{first}
	for p.takeWord("OR") {
		part, err := p.every()
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	if len(parts) == 1 {
		return first, nil
	}
	return Any{parts}, nil
}

func (p *termParser) every() (Term, error) {
	first, err := p.one()
	if err != nil {
		return nil, err
	}
	all := first
	for {
		before := p.i
		if p.takeWord("OR") {
			p.i = before
			return all, nil
		}
		and := p.takeWord("AND")
		if and && p.takeWord("NOT") {
			absent, err := p.one()
			if err != nil {
				return nil, err
			}
			all = Without{all, absent}
			continue
		}
		if p.space(); !and && (p.i == len(p.src) || p.src[p.i] == ')') {
			return all, nil
		}
		part, err := p.one()
		if err != nil {
			return nil, err
		}
		all = Every{[]Term{all, part}}
	}
}

func (p *termParser) one() (Term, error) {
	p.space()
	if p.i == len(p.src) {
		return nil, p.unexpected()
	}
	switch p.src[p.i] {
	case '(':
		p.i++
		t, err := p.any()
		if err != nil {
			return nil, err
		}
		if p.space(); p.i == len(p.src) || p.src[p.i] != ')' {
			return nil, p.unexpected()
		}
		p.i++
		return t, nil
	case '"':
		return p.quoted()
	}
	w, err := p.word(false)
	if err != nil {
		return nil, err
	}
	return Phrase{Words: []Word{w}}, nil
}

func (p *termParser) quoted() (Term, error) {
	p.i++
	ph := Phrase{Quoted: true}
	for {
		if p.space(); p.i == len(p.src) {
			return nil, p.unexpected()
		}
		if p.src[p.i] == '"' {
			p.i++
			return ph, nil
		}
		w, err := p.word(true)
		if err != nil {
			return nil, err
		}
		ph.Words = append(ph.Words, w)
	}
}

func (p *termParser) word(quoted bool) (Word, error) {
	var w Word
	for ; p.i < len(p.src) && !unicode.IsSpace(p.src[p.i]); p.i++ {
		c := p.src[p.i]
		switch {
		case c == '\\':
			p.i++
			if p.i == len(p.src) {
				return nil, p.unexpected()
			}
			p.literal++
			w = append(w, Char{Rune: p.src[p.i]})
			continue
		case c == '"' || !quoted && (c == '(' || c == ')'):
			if len(w) == 0 {
				return nil, p.unexpected()
			}
			return w, nil
		case c == '*' || c == '?':
			w = append(w, Char{c, true})
			continue
		case !quoted && strings.ContainsRune("&|!{}[]^~:'+", c):
			return nil, p.unexpected()
		}
		p.literal++
		w = append(w, Char{Rune: c})
	}
	return w, nil
}
