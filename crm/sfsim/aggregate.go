package sfsim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cordboard/cordboard/crm/sfsim/soql"
)

// aggregate answers queries with GROUP BY or with functions over all rows. [D]
func (s *store) aggregate(q *soql.Query, obj *object, rows []*row) (outcome, *apiError) {
	var keys []column
	for _, path := range q.GroupBy {
		c, err := s.column(obj, path, q.Text)
		if err != nil {
			return outcome{}, err
		}
		keys = append(keys, c)
	}
	items, err := s.items(q, obj, keys)
	if err != nil {
		return outcome{}, err
	}
	groups := s.groups(rows, keys)
	out := outcome{records: []record{}}
	for _, it := range items {
		out.columns = append(out.columns, shown{it.name, it.name, it.column.field, it.function != ""})
	}
	for _, group := range groups {
		rec := record{{"attributes", record{{"type", "AggregateResult"}}}}
		for _, it := range items {
			rec = append(rec, member{it.name, s.computed(it, group)})
		}
		out.records = append(out.records, rec)
	}
	orderGroups(q, out.records, items)
	out.records = cut(out.records, q)
	out.total = len(out.records)
	return out, nil
}

// item is one column of an aggregate result.
type item struct {
	name     string
	function string // empty: the group's own value
	column   column
}

// items names what is selected: an alias, the field, or expr0, expr1, … for functions. [D]
func (s *store) items(q *soql.Query, obj *object, keys []column) ([]item, *apiError) {
	var items []item
	unnamed := 0
	for _, sel := range q.Select {
		it := item{function: sel.Function, name: sel.Alias}
		if len(sel.Path.Names) > 0 {
			c, err := s.column(obj, sel.Path, q.Text)
			if err != nil {
				return nil, err
			}
			it.column = c
		}
		switch {
		case it.function == "" && !slices.ContainsFunc(keys, func(k column) bool { return slices.Equal(k.names, it.column.names) }):
			return nil, asAPIError(soql.Fault(q.Text, sel.Path.At, "MALFORMED_QUERY", "Field must be grouped or aggregated: %s", strings.Join(it.column.names, "."))) // [P]
		case it.name == "" && it.function == "":
			it.name = it.column.field.Name
		case it.name == "":
			it.name = "expr" + strconv.Itoa(unnamed)
			unnamed++
		}
		items = append(items, it)
	}
	return items, nil
}

// groups splits rows by the values of the keys, in order of appearance; without keys all rows are one group.
func (s *store) groups(rows []*row, keys []column) [][]*row {
	if len(keys) == 0 {
		return [][]*row{rows}
	}
	at := map[string]int{}
	var groups [][]*row
	for _, r := range rows {
		var name strings.Builder
		for _, k := range keys {
			fmt.Fprintf(&name, "%v\x00", s.value(r, k))
		}
		i, known := at[name.String()]
		if !known {
			i = len(groups)
			at[name.String()] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], r)
	}
	return groups
}

func (s *store) computed(it item, group []*row) any {
	if it.function == "COUNT" && it.column.field == nil {
		return len(group)
	}
	if it.function == "" {
		if len(group) == 0 {
			return nil
		}
		return s.value(group[0], it.column)
	}
	var values []any
	for _, r := range group {
		if v := s.value(r, it.column); v != nil {
			values = append(values, v)
		}
	}
	switch it.function {
	case "COUNT":
		return len(values)
	case "COUNT_DISTINCT":
		slices.SortFunc(values, compareValues)
		return len(slices.CompactFunc(values, func(a, b any) bool { return compareValues(a, b) == 0 }))
	case "SUM", "AVG":
		return sumOrMean(values, it.function == "AVG")
	}
	if len(values) == 0 {
		return nil
	}
	if it.function == "MIN" {
		return slices.MinFunc(values, compareValues)
	}
	return slices.MaxFunc(values, compareValues)
}

func sumOrMean(values []any, mean bool) any {
	if len(values) == 0 {
		return nil
	}
	sum := 0.0
	for _, v := range values {
		sum += asFloat(v)
	}
	if mean {
		sum /= float64(len(values))
	}
	return sum
}

// orderGroups sorts by what ORDER BY names: a grouped field, an alias or a function.
func orderGroups(q *soql.Query, records []record, items []item) {
	slices.SortStableFunc(records, func(a, b record) int {
		for _, o := range q.OrderBy {
			for i, it := range items {
				same := it.function == o.Function && (len(o.Path.Names) == 0 || strings.EqualFold(strings.Join(it.column.names, "."), strings.Join(o.Path.Names, ".")))
				byAlias := len(o.Path.Names) == 1 && strings.EqualFold(it.name, o.Path.Names[0])
				if !same && !byAlias {
					continue
				}
				if n := compareNulls(a[i+1].value, b[i+1].value, o); n != 0 { // 0 is attributes
					return n
				}
			}
		}
		return 0
	})
}
