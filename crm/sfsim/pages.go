package sfsim

import (
	"bytes"
	"embed"
	"encoding/json"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"go.uber.org/zap"
)

//go:embed pages/*.html
var pageFiles embed.FS

// view is what a page shows.
type view struct {
	Title    string
	Org      string
	Object   string
	Objects  []string
	Lists    []listing
	Fields   []cell
	Faults   []string
	Requests []Request
}

// listing is a table of records.
type listing struct {
	Title string
	Total int
	Head  []string
	Rows  [][]cell
}

// cell is a value on a page; Link is where a record's name leads.
type cell struct {
	Label string
	Text  string
	Link  string
}

// shownColumns are the fields of each list.
func shownColumns(object string) []string {
	switch object {
	case "Task":
		return []string{"Subject", "WhoId", "WhatId", "OwnerId", "CallType", "CallDurationInSeconds", "Cordboard_Call_Result__c", "Cordboard_Queue__c", "Cordboard_Phone_Number__c", "CreatedDate"}
	case "Contact":
		return []string{"Name", "AccountId", "Phone", "MobilePhone", "Email", "OwnerId"}
	case "Account":
		return []string{"Name", "Phone", "SLA__c", "OwnerId"}
	case "Lead":
		return []string{"Name", "Company", "Phone", "MobilePhone", "Status", "OwnerId"}
	case "Case":
		return []string{"CaseNumber", "Subject", "ContactId", "Status", "Priority", "OwnerId", "LastModifiedDate"}
	}
	return []string{"Name", "CreatedDate"}
}

func pageObjects() []string { return []string{"Task", "Contact", "Account", "Lead", "Case"} }

// serveHome shows the org to people.
func (o *Org) serveHome(w http.ResponseWriter, r *http.Request) {
	v := view{Title: "Overview", Objects: pageObjects(), Requests: lastOf(o.requests.list(), 60)}
	for _, f := range o.faults.list() {
		text, err := json.Marshal(f)
		if err != nil {
			continue
		}
		v.Faults = append(v.Faults, string(text))
	}
	o.fillHome(&v)
	o.show(w, r, http.StatusOK, "home", v)
}

func (o *Org) fillHome(v *view) {
	o.mu.Lock()
	defer o.mu.Unlock()
	v.Org = o.store.row(o.id).text("Name")
	for _, name := range []string{"Task", "Contact", "Case"} {
		v.Lists = append(v.Lists, o.listing(name, 25, nil))
	}
}

// servePage answers the addresses that people open: /, /{id}, /lightning/r/{Object}/{id}/view, /lightning/o/{Object}/list.
func (o *Org) servePage(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	case parts[0] == "":
		http.Redirect(w, r, "/_sim/", http.StatusFound)
	case len(parts) == 1:
		o.serveRecord(w, r, parts[0])
	case parts[0] == "lightning" && len(parts) >= 4 && parts[1] == "r" && o.schema.object(parts[2]) != nil:
		o.serveRecord(w, r, parts[3])
	case parts[0] == "lightning" && len(parts) >= 3 && parts[1] == "r": // without the object
		o.serveRecord(w, r, parts[2])
	case parts[0] == "lightning" && len(parts) >= 3 && parts[1] == "o" && o.schema.object(parts[2]) != nil:
		o.show(w, r, http.StatusOK, "list", o.listView(parts[2]))
	default:
		o.show(w, r, http.StatusNotFound, "absent", view{Title: "Not found", Objects: pageObjects()})
	}
}

func (o *Org) listView(object string) view {
	o.mu.Lock()
	defer o.mu.Unlock()
	return view{Title: object, Objects: pageObjects(), Lists: []listing{o.listing(object, 500, nil)}}
}

func (o *Org) serveRecord(w http.ResponseWriter, r *http.Request, id string) {
	v, found := o.recordView(id)
	if !found {
		o.show(w, r, http.StatusNotFound, "absent", v)
		return
	}
	o.show(w, r, http.StatusOK, "record", v)
}

func (o *Org) recordView(id string) (v view, found bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	v = view{Title: id, Objects: pageObjects()}
	row := o.store.live(id)
	if row == nil {
		return v, false
	}
	v.Title, v.Object = o.nameOf(row), row.obj.Name
	for _, f := range row.obj.Fields {
		c := o.cell(row, f)
		if c.Text != "" && f.Name != "IsDeleted" && f.Name != "SystemModstamp" {
			v.Fields = append(v.Fields, c)
		}
	}
	v.Lists = o.related(row)
	return v, true
}

// related lists what refers to a record: calls first.
func (o *Org) related(to *row) []listing {
	var lists []listing
	for _, name := range pageObjects() {
		refs := o.referring(name, to)
		if len(refs) == 0 {
			continue
		}
		l := o.listing(name, 50, func(r *row) bool {
			return slices.ContainsFunc(refs, func(f *field) bool { return r.text(f.Name) == to.id })
		})
		if l.Total > 0 {
			lists = append(lists, l)
		}
	}
	return lists
}

// referring are the fields by which an object points at a record, authorship left out.
func (o *Org) referring(name string, to *row) []*field {
	var refs []*field
	for _, f := range o.schema.object(name).Fields {
		if slices.Contains(f.To, to.obj.Name) && f.Name != "CreatedById" && f.Name != "LastModifiedById" {
			refs = append(refs, f)
		}
	}
	return refs
}

// listing shows the newest rows of an object. The caller holds mu.
func (o *Org) listing(name string, most int, only func(*row) bool) listing {
	obj := o.schema.object(name)
	l := listing{Title: labelOf(obj.Name) + "s"}
	var fields []*field
	for _, column := range shownColumns(obj.Name) {
		if f := obj.field(column); f != nil {
			fields = append(fields, f)
			l.Head = append(l.Head, strings.TrimPrefix(strings.TrimSuffix(f.Label, " ID"), "Cordboard "))
		}
	}
	rows := o.store.tables[obj].rows
	for i := len(rows) - 1; i >= 0; i-- {
		r := rows[i]
		if r.deleted || only != nil && !only(r) {
			continue
		}
		l.Total++
		if len(l.Rows) == most {
			continue
		}
		var cells []cell
		for n, f := range fields {
			c := o.cell(r, f)
			if n == 0 {
				c.Link = pathOf(r)
				if c.Text == "" {
					c.Text = r.id
				}
			}
			cells = append(cells, c)
		}
		l.Rows = append(l.Rows, cells)
	}
	return l
}

// cell shows a field; a reference as the name of what it leads to.
func (o *Org) cell(r *row, f *field) cell {
	c := cell{Label: f.Label, Text: scalar(r.get(f.Name))}
	if t, isTime := parseDateTime(c.Text); f.Type == "datetime" && isTime {
		c.Text = t.Format("2006-01-02 15:04:05") + " UTC"
	}
	if f.Type == "reference" {
		if to := o.store.live(c.Text); to != nil {
			c.Text, c.Link = o.nameOf(to), pathOf(to)
		}
	}
	if f.Type == "url" && (strings.HasPrefix(c.Text, "http://") || strings.HasPrefix(c.Text, "https://")) {
		c.Link = c.Text
	}
	return c
}

func pathOf(r *row) string { return "/lightning/r/" + r.obj.Name + "/" + r.id + "/view" }

func (o *Org) nameOf(r *row) string {
	if r.obj.name != nil && r.text(r.obj.name.Name) != "" {
		return r.text(r.obj.name.Name)
	}
	if s := r.text("Subject"); s != "" {
		return s
	}
	return r.id
}

func lastOf(list []Request, n int) []Request {
	list = list[max(0, len(list)-n):]
	slices.Reverse(list)
	return list
}

func (o *Org) show(w http.ResponseWriter, r *http.Request, status int, name string, v view) {
	var page bytes.Buffer
	if err := o.templates.ExecuteTemplate(&page, name, v); err != nil {
		o.opt.Log.Error("page not shown", zap.String("page", name), zap.Error(err))
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'") // records hold what callers and clients wrote
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(page.Bytes())
	}
}

func loadPages() *template.Template {
	return template.Must(template.ParseFS(pageFiles, "pages/*.html"))
}
