package sfsim

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/cordboard/cordboard/crm/sfsim/soql"
)

// outcome is what a query gives: rows as records, or for COUNT() only a number.
type outcome struct {
	total   int
	records []record
	columns []shown
}

// shown is one column of the answer, for columns=true.
type shown struct {
	name      string
	label     string
	field     *field // nil for an aggregate that has no field
	aggregate bool
}

// run answers a query. The caller holds Org.mu.
func (s *store) run(q *soql.Query, all bool, version string, now time.Time) (outcome, *apiError) {
	obj, err := s.from(q)
	if err != nil {
		return outcome{}, err
	}
	if err := s.expandFields(q, obj); err != nil {
		return outcome{}, err
	}
	rows, err := s.rowsOf(q, all, now)
	if err != nil {
		return outcome{}, err
	}
	if isPlainCount(q) {
		return outcome{total: len(rows), records: []record{}}, nil
	}
	if len(q.GroupBy) > 0 || slices.ContainsFunc(q.Select, isAggregate) {
		return s.aggregate(q, obj, rows)
	}
	var out outcome
	var cols []column
	for _, sel := range q.Select {
		c, err := s.column(obj, sel.Path, q.Text)
		if err != nil {
			return out, err
		}
		cols = append(cols, c)
		out.columns = append(out.columns, shown{strings.Join(c.names, "."), c.field.Label, c.field, false})
	}
	out.total, out.records = len(rows), make([]record, 0, len(rows))
	for _, r := range rows {
		rec := record{attributes(r, version)}
		for _, c := range cols {
			rec = s.put(rec, r, c, version)
		}
		out.records = append(out.records, rec)
	}
	return out, nil
}

func (s *store) from(q *soql.Query) (*object, *apiError) {
	if obj := s.object(q.From); obj != nil {
		return obj, nil
	}
	e := errUnknownType(q.From)
	return nil, asAPIError(soql.Fault(q.Text, q.FromAt, e.Code, "%s", e.Message))
}

// expandFields replaces FIELDS(ALL). It needs a LIMIT of 200 at most. [D]
func (s *store) expandFields(q *soql.Query, obj *object) *apiError {
	var list []soql.Selected
	for _, sel := range q.Select {
		if sel.Function != "FIELDS" {
			list = append(list, sel)
			continue
		}
		which := strings.ToUpper(sel.Path.Names[0])
		if which != "STANDARD" && (q.Limit < 0 || q.Limit > 200) {
			return refuseRequest("MALFORMED_QUERY", "The SOQL FIELDS function must have a LIMIT of at most 200")
		}
		for _, f := range obj.Fields {
			if which == "ALL" || f.custom() == (which == "CUSTOM") {
				list = append(list, soql.Selected{Path: soql.Path{Names: []string{f.Name}, At: sel.Path.At}})
			}
		}
	}
	q.Select = list
	return nil
}

func isPlainCount(q *soql.Query) bool {
	return len(q.Select) == 1 && q.Select[0].Function == "COUNT" && len(q.Select[0].Path.Names) == 0
}

func isAggregate(s soql.Selected) bool {
	switch s.Function {
	case "COUNT", "COUNT_DISTINCT", "MIN", "MAX", "SUM", "AVG":
		return true
	}
	return false
}

// rowsOf finds, orders and cuts the rows of a query. Grouped queries are ordered and cut later.
func (s *store) rowsOf(q *soql.Query, all bool, now time.Time) ([]*row, *apiError) {
	obj, err := s.from(q)
	if err != nil {
		return nil, err
	}
	accept, err := s.filter(obj, q.Where, q.Text, now)
	if err != nil {
		return nil, err
	}
	var rows []*row
	for _, r := range s.candidates(obj, q.Where, all) {
		if (all || !r.deleted) && accept(r) {
			rows = append(rows, r)
		}
	}
	if len(q.GroupBy) > 0 || slices.ContainsFunc(q.Select, isAggregate) {
		return rows, nil
	}
	if err := s.order(obj, rows, q); err != nil {
		return nil, err
	}
	return cut(rows, q), nil
}

// candidates narrows the rows by an index where the condition fixes an id or an external id.
func (s *store) candidates(obj *object, cond soql.Cond, all bool) []*row {
	if !all {
		switch c := cond.(type) {
		case soql.And:
			for _, part := range c.Parts {
				if rows := s.candidates(obj, part, all); len(rows) < len(s.tables[obj].rows) {
					return rows
				}
			}
		case soql.Compare:
			if f := obj.field(c.Path.Names[0]); len(c.Path.Names) == 1 && f != nil && f.IDLookup && c.Op == soql.Equal && c.Values[0].Kind == soql.String && c.Values[0].Text != "" {
				return s.lookup(obj, f, c.Values[0].Text)
			}
		}
	}
	return s.tables[obj].rows
}

func cut[T any](list []T, q *soql.Query) []T {
	list = list[min(q.Offset, len(list)):]
	if q.Limit >= 0 && q.Limit < len(list) {
		list = list[:q.Limit]
	}
	return list
}

func (s *store) order(obj *object, rows []*row, q *soql.Query) *apiError {
	var cols []column
	for _, o := range q.OrderBy {
		c, err := s.column(obj, o.Path, q.Text)
		if err != nil {
			return err
		}
		cols = append(cols, c)
	}
	slices.SortStableFunc(rows, func(a, b *row) int {
		for i, o := range q.OrderBy {
			if n := compareNulls(s.value(a, cols[i]), s.value(b, cols[i]), o); n != 0 {
				return n
			}
		}
		return 0
	})
	return nil
}

// compareNulls orders two values; nulls come first unless the query says otherwise. [D]
func compareNulls(a, b any, o soql.Order) int {
	if a == nil || b == nil {
		switch {
		case a == b:
			return 0
		case (a == nil) != o.NullsLast:
			return -1
		}
		return 1
	}
	n := compareValues(a, b)
	if o.Descending {
		return -n
	}
	return n
}

func compareValues(a, b any) int {
	switch a := a.(type) {
	case string:
		b, _ := b.(string)
		return strings.Compare(strings.ToLower(a), strings.ToLower(b))
	case bool:
		b, _ := b.(bool)
		return boolOrder(a, b)
	}
	return cmp.Compare(asFloat(a), asFloat(b))
}

func asFloat(v any) float64 {
	switch n := v.(type) {
	case int:
		return float64(n)
	case int64:
		return float64(n)
	case float64:
		return n
	}
	return 0
}
