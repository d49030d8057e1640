package sfsim

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/cordboard/cordboard/crm/sfsim/soql"
)

// filter is a WHERE clause made ready: columns found, literals checked against their types.
type filter func(*row) bool

// filter makes a condition ready. ctx tells the query for errors and the moment for date literals.
func (s *store) filter(obj *object, cond soql.Cond, query string, now time.Time) (filter, *apiError) {
	switch c := cond.(type) {
	case nil:
		return func(*row) bool { return true }, nil
	case soql.And:
		parts, err := s.filters(obj, c.Parts, query, now)
		return func(r *row) bool { return !slices.ContainsFunc(parts, func(f filter) bool { return !f(r) }) }, err
	case soql.Or:
		parts, err := s.filters(obj, c.Parts, query, now)
		return func(r *row) bool { return slices.ContainsFunc(parts, func(f filter) bool { return f(r) }) }, err
	case soql.Not:
		part, err := s.filter(obj, c.Part, query, now)
		return func(r *row) bool { return !part(r) }, err
	case soql.Compare:
		return s.comparison(obj, c, query, now)
	}
	return nil, refuseRequest("MALFORMED_QUERY", "unknown condition")
}

func (s *store) filters(obj *object, conds []soql.Cond, query string, now time.Time) ([]filter, *apiError) {
	out := make([]filter, 0, len(conds))
	for _, c := range conds {
		f, err := s.filter(obj, c, query, now)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

func (s *store) comparison(obj *object, c soql.Compare, query string, now time.Time) (filter, *apiError) {
	col, err := s.column(obj, c.Path, query)
	if err != nil {
		return nil, err
	}
	if col.field.Type == "textarea" && col.field.Length > 255 { // [P]
		return nil, asAPIError(soql.Fault(query, c.Path.At, "INVALID_FIELD", "field '%s' can not be filtered in a query call", col.field.Name))
	}
	if c.In != nil {
		return s.inQuery(col, c, now)
	}
	tests := make([]func(any) bool, 0, len(c.Values))
	for _, v := range c.Values {
		test, err := literalTest(col.field, c.Op, v, now)
		if err != "" {
			return nil, asAPIError(soql.Fault(query, c.Path.At, "INVALID_FIELD", "%s", err))
		}
		tests = append(tests, test)
	}
	if c.Op == soql.NotIn {
		return func(r *row) bool {
			v := s.value(r, col)
			return !slices.ContainsFunc(tests, func(t func(any) bool) bool { return !t(v) })
		}, nil
	}
	return func(r *row) bool {
		v := s.value(r, col)
		return slices.ContainsFunc(tests, func(t func(any) bool) bool { return t(v) })
	}, nil
}

// inQuery is IN (SELECT X FROM …).
func (s *store) inQuery(col column, c soql.Compare, now time.Time) (filter, *apiError) {
	inner, err := s.rowsOf(c.In, false, now)
	if err != nil {
		return nil, err
	}
	if len(c.In.Select) != 1 || c.In.Select[0].Function != "" {
		return nil, refuseRequest("MALFORMED_QUERY", "The inner select must have exactly one field")
	}
	from, err := s.column(s.object(c.In.From), c.In.Select[0].Path, c.In.Text)
	if err != nil {
		return nil, err
	}
	found := map[any]bool{}
	for _, r := range inner {
		if v := s.value(r, from); v != nil {
			found[v] = true
		}
	}
	return func(r *row) bool { return found[s.value(r, col)] == (c.Op == soql.In) }, nil
}

// literalTest makes a test of a stored value against a literal. problem is empty when the literal fits the field.
func literalTest(f *field, op soql.Op, v soql.Value, now time.Time) (test func(any) bool, problem string) {
	if v.Kind == soql.Null {
		negative := op == soql.Unequal || op == soql.NotIn
		return func(have any) bool { return (have == nil) != negative }, ""
	}
	switch {
	case f.Type == "boolean":
		if v.Kind != soql.Bool {
			return nil, wantKind(f, "boolean", false)
		}
		return func(have any) bool { b, _ := have.(bool); return holds(op, boolOrder(b, v.Bool)) }, ""
	case f.isNumber():
		if v.Kind != soql.Number {
			return nil, wantKind(f, f.Type, false)
		}
		return func(have any) bool { return numberTest(have, op, v.Number) }, ""
	case f.Type == "date" || f.Type == "datetime":
		return timeTest(f, op, v, now)
	case v.Kind != soql.String:
		return nil, wantKind(f, "string", true)
	case f.Type == "id" || f.Type == "reference":
		return idTest(op, v.Text)
	}
	if op == soql.Like {
		return likeTest(v.Text), ""
	}
	want := strings.ToLower(v.Text)
	return func(have any) bool { // text is compared without case [D]
		text, isText := have.(string)
		if !isText {
			return want == "" && op == soql.Equal || want != "" && (op == soql.Unequal || op == soql.NotIn)
		}
		return holds(op, strings.Compare(strings.ToLower(text), want))
	}, ""
}

func wantKind(f *field, kind string, quoted bool) string { // [P]
	if quoted {
		return "value of filter criterion for field '" + f.Name + "' must be of type " + kind + " and should be enclosed in quotes"
	}
	return "value of filter criterion for field '" + f.Name + "' must be of type " + kind + " and should not be enclosed in quotes"
}

func boolOrder(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// holds tells whether an order, as of cmp.Compare, satisfies a comparison.
func holds(op soql.Op, order int) bool {
	switch op {
	case soql.Equal, soql.In:
		return order == 0
	case soql.Unequal, soql.NotIn:
		return order != 0
	case soql.Less:
		return order < 0
	case soql.Greater:
		return order > 0
	case soql.LessEqual:
		return order <= 0
	case soql.GreaterEqual:
		return order >= 0
	case soql.Like:
		return order == 0
	}
	return false
}

func numberTest(have any, op soql.Op, want float64) bool {
	switch n := have.(type) {
	case int64:
		return holds(op, cmp.Compare(float64(n), want))
	case float64:
		return holds(op, cmp.Compare(n, want))
	}
	return op == soql.Unequal || op == soql.NotIn
}

func idTest(op soql.Op, text string) (func(any) bool, string) {
	id, ok := normalID(text)
	if !ok && text != "" {
		return nil, "invalid ID field: " + text // [P]
	}
	if op == soql.Like {
		return nil, "invalid operator on id field" // [P]
	}
	return func(have any) bool { s, _ := have.(string); return holds(op, strings.Compare(s, id)) }, ""
}

// likeTest matches % (any characters) and _ (one), without case; a backslash makes them literal. [D]
func likeTest(pattern string) func(any) bool {
	p := []rune(strings.ToLower(pattern))
	return func(have any) bool {
		text, _ := have.(string)
		return like([]rune(strings.ToLower(text)), p)
	}
}

// like walks both once and returns to the last % when stuck: no pattern makes it slow beyond length times length.
func like(text, pattern []rune) bool {
	t, p, star, mark := 0, 0, -1, 0
	for t < len(text) {
		literal := p < len(pattern) && pattern[p] == '\\' && p+1 < len(pattern)
		switch {
		case literal && pattern[p+1] == text[t]:
			t, p = t+1, p+2
		case p < len(pattern) && pattern[p] == '%':
			star, mark = p, t
			p++
		case p < len(pattern) && !literal && (pattern[p] == '_' || pattern[p] == text[t]):
			t, p = t+1, p+1
		case star >= 0:
			mark++
			t, p = mark, star+1
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '%' {
		p++
	}
	return p == len(pattern)
}

// timeTest compares dates and date-times as text, which their stored forms allow. Date literals are days in UTC: the
// simulated user's time zone is not followed.
func timeTest(f *field, op soql.Op, v soql.Value, now time.Time) (func(any) bool, string) {
	form := func(t time.Time) string { return t.Format(time.DateOnly) }
	want := soql.Date
	if f.Type == "datetime" {
		form, want = dateTime, soql.DateTime
	}
	if v.Kind == soql.DateLiteral {
		from, to := days(v, now.UTC())
		return func(have any) bool { s, isText := have.(string); return isText && inDays(op, s, form(from), form(to)) }, ""
	}
	if v.Kind != want {
		kind := map[soql.Kind]string{soql.Date: "date", soql.DateTime: "dateTime"}[want]
		return nil, wantKind(f, kind, false)
	}
	t, ok := parseDateTime(v.Text)
	if !ok {
		return nil, "invalid date: " + v.Text
	}
	at := form(t)
	return func(have any) bool {
		s, isText := have.(string)
		if !isText {
			return op == soql.Unequal || op == soql.NotIn
		}
		return holds(op, strings.Compare(s, at))
	}, ""
}

func inDays(op soql.Op, have, from, to string) bool {
	switch op {
	case soql.Less:
		return have < from
	case soql.LessEqual:
		return have < to
	case soql.Greater:
		return have >= to
	case soql.GreaterEqual:
		return have >= from
	case soql.Unequal, soql.NotIn:
		return have < from || have >= to
	case soql.Equal, soql.In, soql.Like:
	}
	return have >= from && have < to
}

// days is the range of a date literal: from its first day to the day after its last. Weeks begin on Monday [K].
func days(v soql.Value, now time.Time) (from, to time.Time) {
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC)
	monday := today.AddDate(0, 0, -(int(today.Weekday())+6)%7)
	month := today.AddDate(0, 0, 1-today.Day())
	year := time.Date(today.Year(), 1, 1, 0, 0, 0, 0, time.UTC)
	switch v.Text {
	case "YESTERDAY":
		return today.AddDate(0, 0, -1), today
	case "TOMORROW":
		return today.AddDate(0, 0, 1), today.AddDate(0, 0, 2)
	case "THIS_WEEK":
		return monday, monday.AddDate(0, 0, 7)
	case "LAST_WEEK":
		return monday.AddDate(0, 0, -7), monday
	case "NEXT_WEEK":
		return monday.AddDate(0, 0, 7), monday.AddDate(0, 0, 14)
	case "THIS_MONTH":
		return month, month.AddDate(0, 1, 0)
	case "LAST_MONTH":
		return month.AddDate(0, -1, 0), month
	case "NEXT_MONTH":
		return month.AddDate(0, 1, 0), month.AddDate(0, 2, 0)
	case "THIS_YEAR":
		return year, year.AddDate(1, 0, 0)
	case "LAST_YEAR":
		return year.AddDate(-1, 0, 0), year
	case "NEXT_YEAR":
		return year.AddDate(1, 0, 0), year.AddDate(2, 0, 0)
	case "LAST_90_DAYS":
		return today.AddDate(0, 0, -90), today.AddDate(0, 0, 1)
	case "NEXT_90_DAYS":
		return today.AddDate(0, 0, 1), today.AddDate(0, 0, 91)
	case "LAST_N_DAYS": // today counts too [D]
		return today.AddDate(0, 0, -v.N), today.AddDate(0, 0, 1)
	case "NEXT_N_DAYS":
		return today.AddDate(0, 0, 1), today.AddDate(0, 0, v.N+1)
	case "N_DAYS_AGO":
		return today.AddDate(0, 0, -v.N), today.AddDate(0, 0, 1-v.N)
	}
	return today, today.AddDate(0, 0, 1)
}
