package soql

import (
	"strconv"
	"strings"
)

// ParseQuery reads a SELECT statement. The error is an *Error.
func ParseQuery(src string) (*Query, error) {
	p, err := newParser(src, "MALFORMED_QUERY")
	if err != nil {
		return nil, err
	}
	q, err := p.query()
	if err != nil {
		return nil, err
	}
	if !p.at(end) {
		return nil, p.unexpected()
	}
	return q, nil
}

// parser walks over tokens, the last of which is the end.
type parser struct {
	src   string
	code  string
	toks  []token
	i     int
	depth int
}

func newParser(src, code string) (*parser, error) {
	toks, err := lex(src, code)
	if err != nil {
		return nil, err
	}
	return &parser{src: src, code: code, toks: toks}, nil
}

func (p *parser) now() token           { return p.toks[p.i] }
func (p *parser) at(k kind) bool       { return p.now().kind == k }
func (p *parser) isSign(s string) bool { return p.at(sign) && p.now().text == s }

func (p *parser) isWord(s string) bool { return p.at(word) && strings.EqualFold(p.now().text, s) }

func (p *parser) take() token {
	t := p.now()
	if t.kind != end {
		p.i++
	}
	return t
}

func (p *parser) takeSign(s string) bool {
	if p.isSign(s) {
		p.i++
		return true
	}
	return false
}

func (p *parser) takeWord(s string) bool {
	if p.isWord(s) {
		p.i++
		return true
	}
	return false
}

// takeWords takes all of the words or none.
func (p *parser) takeWords(words ...string) bool {
	for n, w := range words {
		if p.i+n >= len(p.toks) || p.toks[p.i+n].kind != word || !strings.EqualFold(p.toks[p.i+n].text, w) {
			return false
		}
	}
	p.i += len(words)
	return true
}

func (p *parser) fault(at int, format string, args ...any) error {
	return fault(p.src, at, p.code, format, args...)
}

func (p *parser) unexpected() error {
	t := p.now()
	return p.fault(t.at, "unexpected token: '%s'", t.text)
}

func (p *parser) expectSign(s string) error {
	if p.takeSign(s) {
		return nil
	}
	if p.at(end) {
		return p.fault(p.now().at, "expecting a right parentheses, found '<EOF>'")
	}
	return p.unexpected()
}

// deeper bounds recursion.
func (p *parser) deeper() error {
	p.depth++
	if p.depth > maxDepth {
		return p.fault(p.now().at, "the query is nested too deeply")
	}
	return nil
}

func (p *parser) query() (*Query, error) {
	if err := p.deeper(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	q := &Query{Limit: -1, Text: p.src}
	if !p.takeWord("SELECT") {
		return nil, p.unexpected()
	}
	var err error
	if q.Select, err = p.selectList(); err != nil {
		return nil, err
	}
	if !p.takeWord("FROM") {
		return nil, p.unexpected()
	}
	if !p.at(word) {
		return nil, p.unexpected()
	}
	from := p.take()
	q.From, q.FromAt = from.text, from.at
	p.alias(q)
	return q, p.clauses(q)
}

// alias skips a name for the object and takes it off the fields: FROM Account a … a.Name.
func (p *parser) alias(q *Query) {
	if !p.at(word) || p.isClause() {
		return
	}
	name := p.take().text
	for i := range q.Select {
		q.Select[i].Path = q.Select[i].Path.without(name)
	}
}

func (path Path) without(alias string) Path {
	if len(path.Names) > 1 && strings.EqualFold(path.Names[0], alias) {
		path.Names = path.Names[1:]
	}
	return path
}

func (p *parser) isClause() bool {
	for _, w := range []string{"WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "FOR", "WITH", "USING", "ALL"} {
		if p.isWord(w) {
			return true
		}
	}
	return false
}

// clauses reads what follows the object, in the order that the grammar fixes. It serves RETURNING too.
func (p *parser) clauses(q *Query) (err error) {
	if p.takeWord("WHERE") {
		if q.Where, err = p.condition(); err != nil {
			return err
		}
	}
	if p.takeWords("WITH", "SECURITY_ENFORCED") || p.takeWords("WITH", "USER_MODE") {
		_ = q // the simulated user sees everything
	}
	if p.takeWords("GROUP", "BY") {
		if q.GroupBy, err = p.paths(); err != nil {
			return err
		}
	}
	if p.takeWords("ORDER", "BY") {
		if q.OrderBy, err = p.orders(); err != nil {
			return err
		}
	}
	if p.takeWord("LIMIT") {
		if q.Limit, err = p.count(); err != nil {
			return err
		}
	}
	if p.takeWord("OFFSET") {
		if q.Offset, err = p.count(); err != nil {
			return err
		}
		if q.Offset > 2000 { // [D]
			return &Error{"NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000"}
		}
	}
	if p.takeWord("FOR") && !p.takeWord("VIEW") && !p.takeWord("REFERENCE") && !p.takeWord("UPDATE") {
		return p.unexpected()
	}
	return nil
}

func (p *parser) count() (int, error) {
	t := p.now()
	n, err := strconv.Atoi(t.text)
	if t.kind != number || err != nil || n < 0 {
		return 0, p.unexpected()
	}
	p.i++
	return n, nil
}

func (p *parser) selectList() ([]Selected, error) {
	var list []Selected
	for {
		s, err := p.selected()
		if err != nil {
			return nil, err
		}
		list = append(list, s)
		if !p.takeSign(",") {
			return list, nil
		}
	}
}

func (p *parser) selected() (Selected, error) {
	if p.isSign("(") {
		return Selected{}, p.fault(p.now().at, "child queries are not supported by the simulator")
	}
	var s Selected
	var err error
	if s.Path, err = p.path(); err != nil {
		return s, err
	}
	if p.takeSign("(") {
		s.Function = strings.ToUpper(strings.Join(s.Path.Names, "."))
		if s.Path, err = p.argument(s); err != nil {
			return s, err
		}
		if err := p.expectSign(")"); err != nil {
			return s, err
		}
	}
	if p.isAlias() {
		s.Alias = p.take().text
	}
	return s, nil
}

// isAlias tells a name for a column from a misspelt FROM.
func (p *parser) isAlias() bool {
	if !p.at(word) || p.isWord("FROM") {
		return false
	}
	next := p.toks[p.i+1] // there is one: the end is no word
	return next.kind == word && strings.EqualFold(next.text, "FROM") || next.kind == sign && (next.text == "," || next.text == ")")
}

// argument reads what a function is of. Only COUNT may be of nothing.
func (p *parser) argument(s Selected) (Path, error) {
	switch s.Function {
	case "COUNT", "COUNT_DISTINCT", "MIN", "MAX", "SUM", "AVG", "FIELDS", "TOLABEL", "FORMAT":
	default:
		return Path{}, p.fault(s.Path.At, "unexpected token: '('")
	}
	if s.Function == "COUNT" && p.isSign(")") {
		return Path{At: s.Path.At}, nil
	}
	return p.path()
}

func (p *parser) paths() ([]Path, error) {
	var list []Path
	for {
		path, err := p.path()
		if err != nil {
			return nil, err
		}
		list = append(list, path)
		if !p.takeSign(",") {
			return list, nil
		}
	}
}

func (p *parser) path() (Path, error) {
	path := Path{At: p.now().at}
	for {
		if !p.at(word) || p.isWord("FROM") {
			return path, p.unexpected()
		}
		path.Names = append(path.Names, p.take().text)
		if !p.takeSign(".") {
			break
		}
	}
	if len(path.Names) > 6 { // five parents [D]
		return path, p.fault(path.At, "cannot reference a foreign key relationship more than 5 levels away")
	}
	return path, nil
}

func (p *parser) orders() ([]Order, error) {
	var list []Order
	for {
		var o Order
		var err error
		if o.Path, err = p.path(); err != nil {
			return nil, err
		}
		if p.isSign("(") {
			p.i++
			s := Selected{Function: strings.ToUpper(strings.Join(o.Path.Names, ".")), Path: o.Path}
			if o.Path, err = p.argument(s); err != nil {
				return nil, err
			}
			o.Function = s.Function
			if err := p.expectSign(")"); err != nil {
				return nil, err
			}
		}
		if p.takeWord("DESC") {
			o.Descending = true
		} else {
			p.takeWord("ASC")
		}
		if p.takeWords("NULLS", "LAST") {
			o.NullsLast = true
		} else {
			p.takeWords("NULLS", "FIRST")
		}
		list = append(list, o)
		if !p.takeSign(",") {
			return list, nil
		}
	}
}
