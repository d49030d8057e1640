package sfsim

import (
	"net/http"
	"strings"
)

const maxCollection = 200 // records of one call [D]

// batch is the body of a collections call. [D]
type batch struct {
	AllOrNone bool             `json:"allOrNone"`
	Records   []map[string]any `json:"records"`
	IDs       []string         `json:"ids"`    // retrieve
	Fields    []string         `json:"fields"` // retrieve
}

// collections answers /composite/sobjects and what is under it. The answer is 200 even if every record failed. [D]
func (o *Org) collections(q *request, path []string) reply {
	switch {
	case len(path) == 0 && q.method == http.MethodPost:
		return o.saveBatch(q, o.createOf)
	case len(path) == 0 && q.method == http.MethodPatch:
		return o.saveBatch(q, o.updateOf)
	case len(path) == 0 && q.method == http.MethodDelete:
		return o.deleteBatch(q)
	case len(path) == 1 && (q.method == http.MethodGet || q.method == http.MethodPost):
		return o.retrieveBatch(q, path[0])
	case len(path) == 2 && q.method == http.MethodPatch:
		return o.upsertBatch(q, path[0], path[1])
	case len(path) <= 2:
		return failed(errMethod(q.method))
	}
	return failed(errNotFound())
}

// step writes one record of a batch.
type step func(w saver, in map[string]any) saved

func (o *Org) saveBatch(q *request, write step) reply {
	var in batch
	if err := q.decode(&in); err != nil {
		return failed(err)
	}
	if err := countAllowed(len(in.Records)); err != nil {
		return failed(err)
	}
	w := o.saverFor(q.session.user)
	results := o.inOneGo(q, in.AllOrNone, len(in.Records), func(i int) saved { return write(w, in.Records[i]) })
	return ok(resultsOf(results, false))
}

func countAllowed(n int) *apiError {
	if n > maxCollection {
		return refuseRequest("EXCEEDED_ID_LIMIT", "record limit reached. cannot submit more than %d records into this call", maxCollection) // [P]
	}
	return nil
}

// inOneGo runs the steps of a batch; with allOrNone the first failure takes all of them back.
func (o *Org) inOneGo(q *request, allOrNone bool, n int, step func(i int) saved) []saved {
	mark := o.store.mark()
	results, bad := make([]saved, n), false
	for i := range n {
		if err := o.faults.recordError(q.method, "/services/data/"+q.version+"/"+strings.Join(q.path, "/")); err != nil {
			results[i] = saved{err: err}
		} else {
			results[i] = step(i)
		}
		bad = bad || results[i].err != nil
	}
	if !bad || !allOrNone {
		return results
	}
	o.store.rollback(mark)
	for i := range results {
		results[i].id = ""
		if results[i].err == nil { // [D] the code; [P] the words
			results[i].err = refuse("ALL_OR_NONE_OPERATION_ROLLED_BACK", nil, "Record rolled back because not all records were valid and the request was using AllOrNone header")
		}
	}
	return results
}

// resultsOf writes save results. An upsert tells of each record whether it was, or would have been, created: jsforce's
// suite sees created:true on every record of a failed allOrNone upsert. [C]
func resultsOf(results []saved, upsert bool) []saveResult {
	out := make([]saveResult, 0, len(results))
	for _, r := range results {
		one := saveResult{ID: r.id, Success: r.err == nil, Errors: []savedError{}}
		if r.err != nil {
			one.Errors = append(one.Errors, r.err.saved())
			one.ID = ""
		}
		if upsert {
			created := r.created
			one.Created = &created
		}
		out = append(out, one)
	}
	return out
}

// typeOf reads attributes.type.
func (o *Org) typeOf(in map[string]any) (*object, *apiError) {
	attrs, _ := in["attributes"].(map[string]any)
	name, _ := attrs["type"].(string)
	if name == "" {
		return nil, refuse("INVALID_FIELD", nil, "attributes.type must be given for each record") // [K]
	}
	if obj := o.schema.object(name); obj != nil {
		return obj, nil
	}
	return nil, errUnknownType(name)
}

func (o *Org) createOf(w saver, in map[string]any) saved {
	obj, err := o.typeOf(in)
	if err != nil {
		return saved{err: err, created: true}
	}
	return w.insert(obj, in)
}

func (o *Org) updateOf(w saver, in map[string]any) saved {
	id, rest := withoutMember(in, "Id")
	text, _ := id.(string)
	if text == "" {
		return saved{err: refuse("MISSING_ARGUMENT", []string{"Id"}, "Id not specified in an update call")} // [P]
	}
	r, err := o.target(text)
	if err != nil {
		return saved{err: err}
	}
	return w.update(r, rest)
}

// target finds the record that a batch wants to change.
func (o *Org) target(id string) (*row, *apiError) {
	if _, wellFormed := normalID(id); !wellFormed {
		return nil, refuse("MALFORMED_ID", []string{"Id"}, "bad id %s", id)
	}
	r := o.store.row(id)
	switch {
	case r == nil:
		return nil, errNoSuchRow()
	case r.deleted:
		return nil, errDeleted()
	}
	return r, nil
}

// valueOf is the value of a member, whatever its case.
func valueOf(in map[string]any, name string) any {
	if v, ok := in[name]; ok {
		return v
	}
	for k, v := range in {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return nil
}

// withoutMember takes a member out, whatever its case, and leaves the original as it is.
func withoutMember(in map[string]any, name string) (value any, rest map[string]any) {
	rest = make(map[string]any, len(in))
	for k, v := range in {
		if strings.EqualFold(k, name) {
			value = v
		} else {
			rest[k] = v
		}
	}
	return value, rest
}

func (o *Org) upsertBatch(q *request, typeName, keyName string) reply {
	obj := o.schema.object(typeName)
	if obj == nil {
		return failed(errNotFound())
	}
	key := obj.field(keyName)
	if key == nil || !key.IDLookup {
		return failed(refuseRequest("INVALID_FIELD", "Provided external ID field does not exist or is not accessible: %s", keyName)) // [K]
	}
	var in batch
	if err := q.decode(&in); err != nil {
		return failed(err)
	}
	if err := countAllowed(len(in.Records)); err != nil {
		return failed(err)
	}
	times := make(map[string]int, len(in.Records))
	for _, rec := range in.Records {
		times[strings.ToLower(scalar(valueOf(rec, key.Name)))]++
	}
	w := o.saverFor(q.session.user)
	results := o.inOneGo(q, in.AllOrNone, len(in.Records), func(i int) saved {
		value, rest := withoutMember(in.Records[i], key.Name)
		text := scalar(value)
		if text != "" && times[strings.ToLower(text)] > 1 {
			return saved{err: refuse("DUPLICATE_VALUE", []string{key.Name}, "Duplicate external id specified: %s", text)} // [K] that all of them fail
		}
		return o.upsertOf(w, obj, key, text, rest)
	})
	return ok(resultsOf(results, true))
}

func (o *Org) upsertOf(w saver, obj *object, key *field, value string, rest map[string]any) saved {
	if given, err := o.typeOf(rest); err != nil || given != obj {
		if err == nil {
			err = refuse("INVALID_FIELD", nil, "attributes.type does not match the type of the request") // [K]
		}
		return saved{err: err}
	}
	if value == "" {
		if key.Name == "Id" { // an upsert by Id without one is an insert [D]
			return w.insert(obj, rest)
		}
		return saved{err: refuse("MISSING_ARGUMENT", nil, "%s not specified", key.Name)} // [P]
	}
	rows := o.store.lookup(obj, key, value)
	if len(rows) > 1 {
		return saved{err: refuse("DUPLICATE_EXTERNAL_ID", nil, "%s: more than one record found for external id field: [%s, %s]", key.Name, rows[0].id, rows[1].id)} // [P]
	}
	return w.upsert(obj, key, value, rest)
}

func (o *Org) deleteBatch(q *request) reply {
	ids := splitIDs(q.query.Get("ids"))
	if err := countAllowed(len(ids)); err != nil {
		return failed(err)
	}
	if len(ids) == 0 {
		return failed(refuseRequest("MISSING_ARGUMENT", "The required request parameter 'ids' is missing")) // [K]
	}
	w := o.saverFor(q.session.user)
	results := o.inOneGo(q, q.query.Get("allOrNone") == "true", len(ids), func(i int) saved {
		r, err := o.target(ids[i])
		if err == nil {
			err = w.delete(r)
		}
		if err != nil {
			return saved{err: err}
		}
		return saved{id: r.id}
	})
	return ok(resultsOf(results, false))
}

func splitIDs(list string) []string {
	var ids []string
	for id := range strings.SplitSeq(list, ",") {
		if id = strings.TrimSpace(id); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// retrieveBatch reads records by id; a missing one comes back as null. [D]
func (o *Org) retrieveBatch(q *request, typeName string) reply {
	obj := o.schema.object(typeName)
	if obj == nil {
		return failed(errNotFound())
	}
	in := batch{IDs: splitIDs(q.query.Get("ids")), Fields: splitIDs(q.query.Get("fields"))}
	if q.method == http.MethodPost {
		if err := q.decode(&in); err != nil {
			return failed(err)
		}
	}
	if len(in.IDs) > 2000 { // [D]
		return failed(refuseRequest("EXCEEDED_ID_LIMIT", "record limit reached. cannot submit more than 2000 records into this call"))
	}
	out := make([]any, 0, len(in.IDs))
	for _, id := range in.IDs {
		r := o.store.live(id)
		if r == nil || r.obj != obj {
			out = append(out, nil)
			continue
		}
		rec, err := o.some(r, in.Fields, q.version)
		if err != nil {
			return failed(err)
		}
		out = append(out, rec)
	}
	return ok(out)
}
