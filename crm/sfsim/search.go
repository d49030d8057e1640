package sfsim

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/cordboard/cordboard/crm/sfsim/soql"
)

const maxFound = 2000 // of one search [D]

// search answers /search?q=FIND …
func (o *Org) search(q *request) reply {
	if q.method != http.MethodGet {
		return failed(errMethod(q.method))
	}
	parsed, err := soql.ParseSearch(q.query.Get("q"))
	if err != nil {
		return failed(asAPIError(err))
	}
	found, fault := o.find(parsed, q.version)
	if fault != nil {
		return failed(fault)
	}
	return ok(map[string]any{"searchRecords": found})
}

// find runs a search: of each object in its order, only what is indexed. Without RETURNING the usual objects are
// searched and ids given.
func (o *Org) find(parsed *soql.Search, version string) ([]record, *apiError) {
	found := []record{}
	returning := parsed.Returning
	if len(returning) == 0 {
		for _, name := range []string{"Account", "Contact", "Lead", "Opportunity", "Case"} {
			returning = append(returning, soql.Returning{Object: name, Query: soql.Query{From: name, Limit: -1}})
		}
	}
	limit := maxFound
	if parsed.Limit >= 0 {
		limit = min(limit, parsed.Limit)
	}
	for _, r := range returning {
		list, err := o.findIn(parsed, r, version)
		if err != nil {
			return nil, err
		}
		found = append(found, list...)
	}
	return found[:min(limit, len(found))], nil
}

func (o *Org) findIn(parsed *soql.Search, ret soql.Returning, version string) ([]record, *apiError) {
	s, now, q := o.store, o.opt.Now(), &ret.Query
	obj, err := s.from(q)
	if err != nil {
		return nil, err
	}
	accept, err := s.filter(obj, q.Where, q.Text, now)
	if err != nil {
		return nil, err
	}
	cols := []column{{names: []string{"Id"}, field: obj.field("Id")}}
	if len(q.Select) > 0 {
		cols = nil
	}
	for _, sel := range q.Select {
		if sel.Function != "" && sel.Function != "TOLABEL" {
			return nil, refuseRequest("MALFORMED_SEARCH", "functions are not allowed in RETURNING: %s", sel.Function)
		}
		c, err := s.column(obj, sel.Path, q.Text)
		if err != nil {
			return nil, err
		}
		cols = append(cols, c)
	}
	found := finder(parsed.Find, searched(obj, parsed.Group))
	var rows []*row
	for _, r := range s.tables[obj].rows {
		fields := r.fields
		if now.Before(r.indexed) {
			fields = r.stale
		}
		if !r.deleted && fields != nil && found(fields) && accept(r) {
			rows = append(rows, r)
		}
	}
	if err := s.order(obj, rows, q); err != nil {
		return nil, err
	}
	var out []record
	for _, r := range cut(rows, q) {
		rec := record{attributes(r, version)}
		for _, c := range cols {
			rec = s.put(rec, r, c, version)
		}
		out = append(out, rec)
	}
	return out, nil
}

// searched are the fields of a search group. PHONE FIELDS also holds fax, assistant's and home numbers. [D]
func searched(obj *object, group string) []*field {
	var list []*field
	for _, f := range obj.Fields {
		if inGroup(f, group) {
			list = append(list, f)
		}
	}
	return list
}

func inGroup(f *field, group string) bool {
	isName := f.NameField || f.Name == "FirstName" || f.Name == "LastName"
	switch group {
	case "PHONE":
		return f.Type == "phone"
	case "EMAIL":
		return f.Type == "email"
	case "NAME":
		return isName
	case "SIDEBAR":
		return isName || f.Type == "phone" || f.Type == "email"
	}
	return f.isText() && f.Type != "id" && f.Type != "reference"
}

// finder looks for a term in the fields of records. Words of an AND may be found in different fields.
func finder(term soql.Term, in []*field) func(fields map[string]any) bool {
	switch t := term.(type) {
	case soql.Every:
		parts := finders(t.Parts, in)
		return func(fields map[string]any) bool {
			return !slices.ContainsFunc(parts, func(found func(map[string]any) bool) bool { return !found(fields) })
		}
	case soql.Any:
		parts := finders(t.Parts, in)
		return func(fields map[string]any) bool {
			return slices.ContainsFunc(parts, func(found func(map[string]any) bool) bool { return found(fields) })
		}
	case soql.Without:
		found, absent := finder(t.Found, in), finder(t.Absent, in)
		return func(fields map[string]any) bool { return found(fields) && !absent(fields) }
	case soql.Phrase:
		number, words := patterns(t, true), patterns(t, false)
		return func(fields map[string]any) bool {
			return slices.ContainsFunc(in, func(f *field) bool {
				text, _ := fields[f.Name].(string)
				if f.Type == "phone" {
					return text != "" && phraseIn(number, tokens(f, text))
				}
				return text != "" && phraseIn(words, tokens(f, text))
			})
		}
	}
	return func(map[string]any) bool { return false }
}

func finders(terms []soql.Term, in []*field) []func(map[string]any) bool {
	all := make([]func(map[string]any) bool, 0, len(terms))
	for _, t := range terms {
		all = append(all, finder(t, in))
	}
	return all
}

// tokens cuts a field's text as the index does: a phone number is one token of its digits, punctuation stripped;
// other text is split at what is neither letter nor digit. How a real org cuts international numbers is unconfirmed [K].
func tokens(f *field, text string) []string {
	if f.Type == "phone" {
		return []string{stripped(text)}
	}
	return strings.FieldsFunc(strings.ToLower(text), func(c rune) bool { return !isWordRune(c) })
}

func isWordRune(c rune) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c > 127 && c != '\u00a0'
}

func stripped(text string) string {
	return strings.Map(func(c rune) rune {
		if isWordRune(c) {
			return c
		}
		return -1
	}, strings.ToLower(text))
}

// phraseIn looks for the words of a phrase side by side.
func phraseIn(words [][]rune, have []string) bool {
	if len(words) == 0 {
		return false
	}
	for at := 0; at+len(words) <= len(have); at++ {
		all := true
		for i, w := range words {
			all = all && like([]rune(have[at+i]), w)
		}
		if all {
			return true
		}
	}
	return false
}

// patterns turns a phrase into patterns of like: * is %, ? is _. For a phone number the whole phrase is one pattern.
// A * at the beginning is not supported and is left out [K].
func patterns(ph soql.Phrase, phone bool) [][]rune {
	var out [][]rune
	var word []rune
	flush := func() {
		if len(word) > 0 {
			out = append(out, word)
		}
		word = nil
	}
	for _, w := range ph.Words {
		for i, c := range w {
			switch {
			case c.Wild && i == 0:
			case c.Wild && c.Rune == '*':
				word = append(word, '%')
			case c.Wild:
				word = append(word, '_')
			case isWordRune(c.Rune):
				word = append(word, []rune(strings.ToLower(string(c.Rune)))...)
			case !phone:
				flush()
			}
		}
		if !phone {
			flush()
		}
	}
	flush()
	return out
}

// simpleSearch is the body, or the query string, of a parameterized search. [D]
type simpleSearch struct {
	Q            string          `json:"q"`
	Fields       []string        `json:"fields"`
	Sobjects     []simpleSobject `json:"sobjects"`
	In           string          `json:"in"`
	OverallLimit int             `json:"overallLimit"`
	DefaultLimit int             `json:"defaultLimit"`
	Offset       int             `json:"offset"`
}

type simpleSobject struct {
	Name   string   `json:"name"`
	Fields []string `json:"fields"`
	Limit  int      `json:"limit"`
	Where  string   `json:"where"`
	Order  string   `json:"orderBy"`
}

func (o *Org) parameterizedSearch(q *request) reply {
	var in simpleSearch
	switch q.method {
	case http.MethodPost:
		if err := q.decode(&in); err != nil {
			return failed(err)
		}
	case http.MethodGet:
		in = fromQuery(q)
	default:
		return failed(errMethod(q.method))
	}
	if strings.TrimSpace(in.Q) == "" {
		return failed(refuseRequest("MALFORMED_SEARCH", "The required parameter q is missing")) // [K]
	}
	if !in.plain() {
		return failed(refuseRequest("MALFORMED_SEARCH", "names of objects and fields are letters, digits and _")) // [K]
	}
	find, err := soql.ParseSearch(in.sosl())
	if err != nil {
		return failed(asAPIError(err))
	}
	found, fault := o.find(find, q.version)
	if fault != nil {
		return failed(fault)
	}
	answer := map[string]any{"searchRecords": found}
	if q.method == http.MethodPost { // [D]
		answer["metadata"] = map[string]any{"entityMetadata": []any{}}
	}
	return ok(answer)
}

// fromQuery reads the form of the URL: sobject=Contact&Contact.fields=Id,Name&Contact.limit=10.
func fromQuery(q *request) simpleSearch {
	number := func(name string) int {
		n, err := strconv.Atoi(q.query.Get(name))
		if err != nil {
			return 0
		}
		return n
	}
	in := simpleSearch{
		Q: q.query.Get("q"), In: q.query.Get("in"), Fields: splitIDs(q.query.Get("fields")),
		OverallLimit: number("overallLimit"), DefaultLimit: number("defaultLimit"), Offset: number("offset"),
	}
	for _, list := range q.query["sobject"] {
		for _, name := range splitIDs(list) {
			in.Sobjects = append(in.Sobjects, simpleSobject{
				Name: name, Fields: splitIDs(q.query.Get(name + ".fields")), Limit: number(name + ".limit"),
				Where: q.query.Get(name + ".where"), Order: q.query.Get(name + ".orderBy"),
			})
		}
	}
	return in
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9_.]+$`)

// plain tells whether every name is one: nothing may slip into the statement that sosl writes.
func (in simpleSearch) plain() bool {
	names := slices.Concat(in.Fields)
	if in.In != "" {
		names = append(names, in.In)
	}
	for _, obj := range in.Sobjects {
		names = append(append(names, obj.Name), obj.Fields...)
	}
	return !slices.ContainsFunc(names, func(n string) bool { return !plainName.MatchString(n) })
}

// sosl writes the same search as a FIND statement. Reserved characters of the text mean nothing here.
func (in simpleSearch) sosl() string {
	var b strings.Builder
	b.WriteString("FIND {")
	b.WriteString(strings.Map(func(c rune) rune {
		if strings.ContainsRune(`?&|!{}[]()^~:\"'+`, c) {
			return ' '
		}
		return c
	}, in.Q))
	b.WriteString("}")
	if in.In != "" {
		b.WriteString(" IN " + in.In + " FIELDS")
	}
	for i, obj := range in.Sobjects {
		b.WriteString(map[bool]string{true: " RETURNING ", false: ", "}[i == 0] + obj.Name)
		fields := slices.Concat(obj.Fields, in.Fields)
		if len(fields) == 0 {
			fields = []string{"Id"}
		}
		b.WriteString("(" + strings.Join(fields, ","))
		if obj.Where != "" {
			b.WriteString(" WHERE " + obj.Where)
		}
		if obj.Order != "" {
			b.WriteString(" ORDER BY " + obj.Order)
		}
		if n := max(obj.Limit, in.DefaultLimit); n > 0 {
			b.WriteString(" LIMIT " + strconv.Itoa(n))
		}
		b.WriteString(")")
	}
	if in.OverallLimit > 0 {
		b.WriteString(" LIMIT " + strconv.Itoa(in.OverallLimit))
	}
	return b.String()
}
