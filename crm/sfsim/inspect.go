package sfsim

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
)

// serveInspection answers /_sim/: what the org holds and heard, and what shall go wrong. No token is needed, nothing
// here is logged as a request, no fault falls on it.
func (o *Org) serveInspection(w http.ResponseWriter, r *http.Request) {
	if err := http.NewCrossOriginProtection().Check(r); err != nil { // no page of another origin may change the org
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	what, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/_sim"), "/")
	if what == "" && rest != "" {
		what, rest, _ = strings.Cut(rest, "/")
	}
	var a reply
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	switch method + " " + what {
	case "GET ":
		o.serveHome(w, r)
		return
	case "GET records":
		a = o.inspectRecords(rest)
	case "POST records":
		a = o.seedRecords(rest, r.Body)
	case "GET requests":
		a = ok(o.requests.list())
	case "DELETE requests":
		o.requests.clear()
		a = reply{status: http.StatusNoContent}
	case "GET faults":
		a = ok(o.faults.list())
	case "PUT faults":
		a = o.putFaults(r.Body)
	case "DELETE faults":
		o.faults.clear()
		a = reply{status: http.StatusNoContent}
	case "POST reset":
		o.Reset()
		a = reply{status: http.StatusNoContent}
	default:
		a = failed(errNotFound())
	}
	body, kind := a.encode()
	o.write(w, r, a, body, kind)
}

// inspectRecords gives all live records of an object with all their fields, oldest first.
func (o *Org) inspectRecords(name string) reply {
	obj := o.schema.object(name)
	if obj == nil {
		return failed(errNotFound())
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	list := []record{}
	for _, r := range o.store.tables[obj].rows {
		if !r.deleted {
			list = append(list, whole(r, "v67.0"))
		}
	}
	return ok(list)
}

// Records returns all live records of an object with all their fields, oldest first; nil for an unknown object.
func (o *Org) Records(object string) []map[string]any {
	list, _ := o.inspectRecords(object).body.([]record)
	var out []map[string]any
	for _, r := range list {
		out = append(out, r.asMap())
	}
	return out
}

// seedRecords stores one record or an array of them, all or none; see saver.seed.
func (o *Org) seedRecords(name string, body io.Reader) reply {
	obj := o.schema.object(name)
	if obj == nil {
		return failed(errNotFound())
	}
	list, err := oneOrMany[map[string]any](body)
	if err != nil {
		return failed(refuseRequest("JSON_PARSER_ERROR", "%v", err))
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.store.forget()
	mark := o.store.mark()
	results := []saveResult{}
	for _, in := range list {
		r, err := o.saverFor(adminID()).seed(obj, in)
		if err != nil {
			o.store.rollback(mark)
			return failed(err)
		}
		results = append(results, saveResult{ID: r.id, Success: true, Errors: []savedError{}})
	}
	return reply{status: http.StatusCreated, body: results}
}

// SetFaults puts faults in force in the place of the ones before; none ends them all.
func (o *Org) SetFaults(list ...Fault) { o.faults.set(list) }

// putFaults reads one fault or an array of them.
func (o *Org) putFaults(body io.Reader) reply {
	list, err := oneOrMany[Fault](body)
	if err != nil {
		return failed(refuseRequest("JSON_PARSER_ERROR", "%v", err))
	}
	for _, f := range list {
		if f.Latency < 0 || f.Jitter < 0 || f.Every < 0 || f.Times < 0 || f.DailyLimit < 0 || f.Status != 0 && (f.Status < 200 || f.Status > 599) {
			return failed(refuseRequest("INVALID_FAULT", "numbers must not be negative, and status between 200 and 599"))
		}
	}
	o.faults.set(list)
	return ok(o.faults.list())
}

func oneOrMany[T any](body io.Reader) ([]T, error) {
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	read := func(into any) error {
		d := json.NewDecoder(strings.NewReader(string(text)))
		d.UseNumber()
		d.DisallowUnknownFields()
		return d.Decode(into)
	}
	if strings.HasPrefix(strings.TrimSpace(string(text)), "[") {
		var list []T
		return list, read(&list)
	}
	var one *T
	if err := read(&one); err != nil {
		return nil, err
	}
	if one == nil {
		return nil, errors.New("an object or an array of objects is expected")
	}
	return []T{*one}, nil
}
