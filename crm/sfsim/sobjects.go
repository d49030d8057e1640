package sfsim

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// member is one name and value of a JSON object whose order matters to readers.
type member struct {
	name  string
	value any
}

// record is a row as clients see it: attributes first, then fields in the order they were asked for.
type record []member

// MarshalJSON keeps the order.
func (r record) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range r {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func attributes(r *row, version string) member {
	return member{"attributes", record{{"type", r.obj.Name}, {"url", "/services/data/" + version + "/sobjects/" + r.obj.Name + "/" + r.id}}}
}

// whole is a row with all its fields. [D]
func whole(r *row, version string) record {
	out := record{attributes(r, version)}
	for _, f := range r.obj.Fields {
		out = append(out, member{f.Name, r.get(f.Name)})
	}
	return out
}

// saveResult is the answer to a create or upsert of one record. [D]
type saveResult struct {
	ID      string       `json:"id,omitempty"`
	Success bool         `json:"success"`
	Errors  []savedError `json:"errors"`
	Created *bool        `json:"created,omitempty"`
}

// sobjects answers /sobjects and what is under it.
func (o *Org) sobjects(q *request, path []string) reply {
	if len(path) == 0 {
		return o.describeGlobal(q)
	}
	obj := o.schema.object(path[0])
	if obj == nil {
		return failed(errNotFound()) // [P]
	}
	switch {
	case len(path) == 1 && q.method == http.MethodPost, len(path) == 2 && path[1] == "Id" && q.method == http.MethodPost:
		return o.create(q, obj)
	case len(path) == 1:
		return o.basicInfo(q, obj)
	case len(path) == 2 && path[1] == "describe":
		return o.describe(q, obj)
	case len(path) == 2:
		return o.oneByID(q, obj, path[1])
	case len(path) == 3:
		return o.oneByKey(q, obj, path[1], path[2])
	}
	return failed(errNotFound())
}

func (o *Org) create(q *request, obj *object) reply {
	in, err := q.fields()
	if err != nil {
		return failed(err)
	}
	out := o.saverFor(q.session.user).insert(obj, in)
	if out.err != nil {
		return failed(out.err)
	}
	return reply{status: http.StatusCreated, body: saveResult{ID: out.id, Success: true, Errors: []savedError{}}}.
		with("Location", "/services/data/"+q.version+"/sobjects/"+obj.Name+"/"+out.id)
}

func (o *Org) oneByID(q *request, obj *object, id string) reply {
	r := o.store.row(id)
	if r != nil && r.obj != obj {
		r = nil
	}
	if r == nil || r.deleted {
		return failed(missing(q.method, id, r))
	}
	switch q.method {
	case http.MethodGet:
		return o.read1(q, r)
	case http.MethodPatch:
		return o.update1(q, r)
	case http.MethodDelete:
		if err := o.saverFor(q.session.user).delete(r); err != nil {
			return failed(err)
		}
		return reply{status: http.StatusNoContent}
	}
	return failed(errMethod(q.method))
}

// missing tells why there is no such record; the words depend on what was wanted. [P]
func missing(method, id string, r *row) *apiError {
	switch {
	case r != nil && method != http.MethodGet:
		return errDeleted()
	case method == http.MethodGet:
		return errNotFound()
	}
	if _, wellFormed := normalID(id); !wellFormed {
		return refuse("MALFORMED_ID", []string{"Id"}, "malformed id %s", id)
	}
	return errNoSuchRow()
}

func (o *Org) read1(q *request, r *row) reply {
	asked := q.query.Get("fields")
	if asked == "" {
		return ok(whole(r, q.version))
	}
	out, err := o.some(r, strings.Split(asked, ","), q.version)
	if err != nil {
		return failed(err)
	}
	return ok(out)
}

// some is a row with the fields that were asked for; Id comes along. [D]
func (o *Org) some(r *row, names []string, version string) (record, *apiError) {
	out := record{attributes(r, version)}
	withID := false
	for _, name := range names {
		name = strings.TrimSpace(name)
		f := r.obj.field(name)
		if f == nil {
			return nil, errNoColumn(r.obj, name)
		}
		withID = withID || f.Name == "Id"
		out = append(out, member{f.Name, r.get(f.Name)})
	}
	if !withID {
		out = append(out, member{"Id", r.id})
	}
	return out, nil
}

func (o *Org) update1(q *request, r *row) reply {
	if before := q.header.Get("If-Unmodified-Since"); before != "" {
		limit, err := http.ParseTime(before)
		changed, _ := parseDateTime(r.text("LastModifiedDate"))
		if err == nil && changed.Truncate(time.Second).After(limit) {
			return failed(&apiError{HTTP: http.StatusPreconditionFailed, Code: "PRECONDITION_FAILED", Message: "The record was changed in the meantime"}) // 412 [D], words [K]
		}
	}
	in, err := q.fields()
	if err != nil {
		return failed(err)
	}
	for name := range in {
		if strings.EqualFold(name, "Id") {
			return failed(errNotInBody("Id"))
		}
	}
	if out := o.saverFor(q.session.user).update(r, in); out.err != nil {
		return failed(out.err)
	}
	return reply{status: http.StatusNoContent}
}

// errNotInBody: neither the id nor the external id of the URL may stand in the body too. [D] api_rest
// resources_sobject_upsert_patch; the wording is [P]
func errNotInBody(name string) *apiError {
	return refuseRequest("INVALID_FIELD", "The %s field should not be specified in the sobject data.", name)
}

// oneByKey answers /sobjects/X/{field}/{value}.
func (o *Org) oneByKey(q *request, obj *object, name, value string) reply {
	f := obj.field(name)
	if f == nil || !f.IDLookup {
		return failed(&apiError{HTTP: http.StatusNotFound, Code: "NOT_FOUND", Message: "Provided external ID field does not exist or is not accessible: " + name}) // [P]
	}
	rows := o.store.lookup(obj, f, value)
	if len(rows) > 1 {
		return manyChoices(rows, q.version)
	}
	switch q.method {
	case http.MethodPatch:
		return o.upsert1(q, obj, f, value, rows)
	case http.MethodGet, http.MethodDelete:
		if len(rows) == 0 {
			return failed(errNotFound())
		}
		return o.oneByID(q, obj, rows[0].id)
	}
	return failed(errMethod(q.method))
}

// manyChoices: an external id that several records have is answered with where they are. [D]
func manyChoices(rows []*row, version string) reply {
	var urls []string
	for _, r := range rows {
		urls = append(urls, "/services/data/"+version+"/sobjects/"+r.obj.Name+"/"+r.id)
	}
	return reply{status: http.StatusMultipleChoices, body: urls}
}

func (o *Org) upsert1(q *request, obj *object, key *field, value string, rows []*row) reply {
	in, err := q.fields()
	if err != nil {
		return failed(err)
	}
	for name := range in {
		if strings.EqualFold(name, "Id") || strings.EqualFold(name, key.Name) {
			return failed(errNotInBody(name))
		}
	}
	if len(rows) == 0 && q.query.Get("updateOnly") == "true" {
		return failed(errNotFound()) // [D]
	}
	out := o.saverFor(q.session.user).upsert(obj, key, value, in)
	if out.err != nil {
		return failed(out.err)
	}
	status := http.StatusOK // since v46; before, an update was a bare 204 [D]
	if out.created {
		status = http.StatusCreated
	}
	return reply{status: status, body: saveResult{ID: out.id, Success: true, Errors: []savedError{}, Created: &out.created}}.
		with("Location", "/services/data/"+q.version+"/sobjects/"+obj.Name+"/"+out.id)
}
