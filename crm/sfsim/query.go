package sfsim

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/cordboard/cordboard/crm/sfsim/soql"
)

// queryAnswer is the answer to a SOQL query. [D]
type queryAnswer struct {
	TotalSize int      `json:"totalSize"`
	Done      bool     `json:"done"`
	Next      string   `json:"nextRecordsUrl,omitempty"`
	Records   []record `json:"records"`
}

// cursors are queries that were not read to the end.
type cursors struct {
	open   map[string][]record
	order  []string // oldest first
	number uint64
}

const maxCursors = 50 // the oldest is forgotten; a real org forgets after 15 minutes, or ten later ones [D]

// query answers /query?q=…, with or without a slash [W] go-salesforce, and /query/{locator}.
func (o *Org) query(q *request, path []string, all bool) reply {
	if q.method != http.MethodGet {
		return failed(errMethod(q.method))
	}
	if len(path) == 1 && path[0] != "" {
		return o.more(q, path[0])
	}
	text := q.query.Get("q")
	if text == "" {
		return failed(refuseRequest("MALFORMED_QUERY", "unexpected token: '<EOF>'"))
	}
	parsed, err := soql.ParseQuery(text)
	if err != nil {
		return failed(asAPIError(err))
	}
	out, fault := o.store.run(parsed, all, q.version, o.opt.Now())
	if fault != nil {
		return failed(fault)
	}
	if q.query.Get("columns") == "true" { // [W] sf data query
		return ok(columnsOf(parsed, out))
	}
	return o.page(q, out.records, out.total, 0, "")
}

// page answers with one batch of a result and opens a cursor for the rest.
func (o *Org) page(q *request, records []record, total, from int, cursor string) reply {
	size := o.batchSize(q)
	until := min(from+size, len(records))
	answer := queryAnswer{TotalSize: total, Done: until == len(records), Records: records[from:until]}
	if !answer.Done {
		if cursor == "" {
			cursor = o.cursors.add(records)
		}
		answer.Next = "/services/data/" + q.version + "/query/" + cursor + "-" + strconv.Itoa(until)
	}
	return ok(answer)
}

var batchOption = regexp.MustCompile(`batchSize=(\d+)`)

// batchSize follows Sforce-Query-Options within 200 and 2,000. [D]
func (o *Org) batchSize(q *request) int {
	m := batchOption.FindStringSubmatch(q.header.Get("Sforce-Query-Options"))
	if m == nil {
		return o.opt.BatchSize
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return o.opt.BatchSize
	}
	return min(max(n, 200), 2000)
}

func (c *cursors) add(records []record) string {
	if c.open == nil {
		c.open = map[string][]record{}
	}
	if len(c.order) == maxCursors {
		delete(c.open, c.order[0])
		c.order = c.order[1:]
	}
	c.number++
	id := LongID("01g" + instance + inBase62(c.number))
	c.open[id] = records
	c.order = append(c.order, id)
	return id
}

func (o *Org) more(q *request, locator string) reply {
	id, offset, _ := strings.Cut(locator, "-")
	records, known := o.cursors.open[id]
	from, err := strconv.Atoi(offset)
	if !known || err != nil || from < 0 || from > len(records) {
		return failed(refuseRequest("INVALID_QUERY_LOCATOR", "invalid query locator")) // [P]
	}
	return o.page(q, records, len(records), from, id)
}

// columnsOf describes the columns of a result instead of giving it. [W] sf data query
func columnsOf(q *soql.Query, out outcome) any {
	list := []record{}
	for _, c := range out.columns {
		typed := &field{Type: "int"}
		if c.field != nil {
			typed = c.field
		}
		list = append(list, record{
			{"aggregate", c.aggregate}, {"apexType", apexType(typed)}, {"booleanType", typed.Type == "boolean"}, {"columnName", c.name},
			{"custom", typed.custom()}, {"displayName", c.name}, {"foreignKeyName", nil}, {"insertable", typed.createable()},
			{"joinColumns", []any{}}, {"numberType", typed.isNumber()}, {"textType", typed.isText()}, {"updatable", typed.updateable()},
		})
	}
	return record{{"columnMetadata", list}, {"entityName", q.From}, {"groupBy", len(q.GroupBy) > 0}, {"idSelected", len(q.GroupBy) == 0}, {"keyPrefix", nil}}
}

func apexType(f *field) string {
	switch f.Type {
	case "boolean":
		return "Boolean"
	case "int":
		return "Integer"
	case "double", "currency", "percent":
		return "Double"
	case "date":
		return "Date"
	case "datetime":
		return "Datetime"
	case "id", "reference":
		return "Id"
	}
	return "String"
}

// Query runs a SOQL query as Salesforce's own code in the org would: for flows and for tests. Each record is a map, a
// parent a map within.
func (o *Org) Query(text string) ([]map[string]any, error) {
	parsed, err := soql.ParseQuery(text)
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	out, fault := o.store.run(parsed, false, "v67.0", o.opt.Now())
	if fault != nil {
		return nil, fault
	}
	list := make([]map[string]any, 0, len(out.records))
	for _, r := range out.records {
		list = append(list, r.asMap())
	}
	return list, nil
}

func (r record) asMap() map[string]any {
	m := make(map[string]any, len(r))
	for _, one := range r {
		if inner, isRecord := one.value.(record); isRecord {
			m[one.name] = inner.asMap()
			continue
		}
		m[one.name] = one.value
	}
	return m
}
