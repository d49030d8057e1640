package soql

import (
	"strconv"
	"strings"
)

// condition reads a WHERE clause. AND and OR on one level need parentheses: SOQL has no precedence between them. [D]
func (p *parser) condition() (Cond, error) {
	if err := p.deeper(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	first, err := p.simple()
	if err != nil {
		return nil, err
	}
	parts := []Cond{first}
	joint := ""
	for p.isWord("AND") || p.isWord("OR") {
		if joint == "" {
			joint = strings.ToUpper(p.now().text)
		}
		if !p.takeWord(joint) {
			return nil, p.unexpected()
		}
		part, err := p.simple()
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	switch joint {
	case "AND":
		return And{parts}, nil
	case "OR":
		return Or{parts}, nil
	}
	return first, nil
}

func (p *parser) simple() (Cond, error) {
	if err := p.deeper(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	if p.takeWord("NOT") {
		part, err := p.simple()
		return Not{part}, err
	}
	if p.takeSign("(") {
		part, err := p.condition()
		if err != nil {
			return nil, err
		}
		return part, p.expectSign(")")
	}
	return p.comparison()
}

func (p *parser) comparison() (Cond, error) {
	path, err := p.path()
	if err != nil {
		return nil, err
	}
	c := Compare{Path: path}
	switch {
	case p.takeWord("LIKE"):
		c.Op = Like
	case p.takeWord("IN"):
		c.Op = In
		return p.list(c)
	case p.takeWords("NOT", "IN"):
		c.Op = NotIn
		return p.list(c)
	default:
		if c.Op, err = p.operator(); err != nil {
			return nil, err
		}
	}
	v, err := p.value()
	c.Values = []Value{v}
	return c, err
}

func (p *parser) operator() (Op, error) {
	if p.at(sign) {
		switch op := Op(p.now().text); op {
		case Equal, Unequal, Less, Greater, LessEqual, GreaterEqual:
			p.i++
			return op, nil
		case "<>":
			p.i++
			return Unequal, nil
		case Like, In, NotIn: // words, never signs
		}
	}
	return "", p.unexpected()
}

func (p *parser) list(c Compare) (Cond, error) {
	if err := p.expectSign("("); err != nil {
		return nil, err
	}
	if p.isWord("SELECT") {
		q, err := p.query()
		if err != nil {
			return nil, err
		}
		c.In = q
		return c, p.expectSign(")")
	}
	for {
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		c.Values = append(c.Values, v)
		if !p.takeSign(",") {
			return c, p.expectSign(")")
		}
	}
}

func (p *parser) value() (Value, error) {
	t := p.now()
	switch t.kind {
	case text:
		p.i++
		return Value{Kind: String, Text: t.text}, nil
	case number:
		n, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			return Value{}, p.unexpected()
		}
		p.i++
		return Value{Kind: Number, Text: t.text, Number: n}, nil
	case dateLike:
		p.i++
		if len(t.text) == len("2006-01-02") {
			return Value{Kind: Date, Text: t.text}, nil
		}
		return Value{Kind: DateTime, Text: t.text}, nil
	case word:
		return p.wordValue()
	case end, sign:
	}
	return Value{}, p.unexpected()
}

func (p *parser) wordValue() (Value, error) {
	switch w := strings.ToUpper(p.now().text); w {
	case "NULL":
		p.i++
		return Value{Kind: Null}, nil
	case "TRUE", "FALSE":
		p.i++
		return Value{Kind: Bool, Bool: w == "TRUE"}, nil
	case "TODAY", "YESTERDAY", "TOMORROW", "THIS_WEEK", "LAST_WEEK", "NEXT_WEEK", "THIS_MONTH", "LAST_MONTH", "NEXT_MONTH",
		"THIS_YEAR", "LAST_YEAR", "NEXT_YEAR", "LAST_90_DAYS", "NEXT_90_DAYS":
		p.i++
		return Value{Kind: DateLiteral, Text: w}, nil
	case "LAST_N_DAYS", "NEXT_N_DAYS", "N_DAYS_AGO":
		p.i++
		if !p.takeSign(":") {
			return Value{}, p.unexpected()
		}
		n, err := p.count()
		if err == nil && n > 100_000 {
			err = p.fault(p.now().at, "the number of days is too large")
		}
		return Value{Kind: DateLiteral, Text: w, N: n}, err
	}
	return Value{}, p.unexpected()
}
