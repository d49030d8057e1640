package sfsim

import (
	"fmt"
	"strings"
	"time"
)

// store is the org's data. Its user holds Org.mu.
type store struct {
	*schema
	tables map[*object]*table
	undo   []func() // how to take back what was done since the outermost mark
	keep   int      // see Options.Keep
}

// table holds the rows of one object, deleted ones included: queryAll sees those.
type table struct {
	obj    *object
	ids    *idSource
	rows   []*row // in order of creation
	byID   map[string]*row
	index  map[*field]map[string][]*row // idLookup fields → value in lower case → live rows
	number int64                        // last auto number
}

// row is one record. Its fields map is replaced, never changed, so that an undo can put the old one back.
type row struct {
	obj     *object
	id      string
	fields  map[string]any // canonical names, without Id and IsDeleted
	deleted bool

	stale   map[string]any // what search finds until indexed; nil: nothing
	indexed time.Time
}

func newStore(s *schema, seed uint64) *store {
	st := &store{schema: s, tables: make(map[*object]*table, len(s.objects))}
	shared := map[string]*idSource{} // two objects of one prefix must not give the same id
	for _, obj := range s.objects {
		if shared[obj.Prefix] == nil {
			shared[obj.Prefix] = newIDSource(obj.Prefix, seed)
		}
		t := &table{obj: obj, ids: shared[obj.Prefix], byID: map[string]*row{}, index: map[*field]map[string][]*row{}}
		for _, f := range obj.Fields {
			if f.IDLookup && f.Name != "Id" {
				t.index[f] = map[string][]*row{}
			}
		}
		st.tables[obj] = t
	}
	return st
}

// get returns a field by its canonical name.
func (r *row) get(name string) any {
	switch name {
	case "Id":
		return r.id
	case "IsDeleted":
		return r.deleted
	}
	return r.fields[name]
}

func (r *row) text(name string) string {
	s, _ := r.get(name).(string)
	return s
}

// mark begins a stretch that rollback can take back.
func (s *store) mark() int { return len(s.undo) }

func (s *store) rollback(mark int) {
	for i := len(s.undo) - 1; i >= mark; i-- {
		s.undo[i]()
	}
	s.undo = s.undo[:mark]
}

// forget ends the outermost stretch: what was done stays. Only now may the oldest rows go.
func (s *store) forget() {
	clear(s.undo)
	s.undo = s.undo[:0]
	if s.keep == 0 {
		return
	}
	for _, t := range s.tables {
		for len(t.rows) > s.keep {
			oldest := t.rows[0]
			t.leave(oldest)
			delete(t.byID, oldest.id)
			t.rows[0] = nil
			t.rows = t.rows[1:]
		}
	}
}

// row finds a record by any form of its id, whatever the object; nil when there never was one.
func (s *store) row(id string) *row {
	id, ok := normalID(id)
	if !ok {
		return nil
	}
	for _, obj := range s.objects {
		if strings.HasPrefix(id, obj.Prefix) {
			if r := s.tables[obj].byID[id]; r != nil {
				return r
			}
		}
	}
	return nil
}

// live finds a record that is not deleted.
func (s *store) live(id string) *row {
	if r := s.row(id); r != nil && !r.deleted {
		return r
	}
	return nil
}

// lookup finds the live rows with a value in an idLookup field. Case does not matter, as for external ids that are not
// set to be case-sensitive. [D]
func (s *store) lookup(obj *object, f *field, value string) []*row {
	if f.Name == "Id" {
		if r := s.live(value); r != nil && r.obj == obj {
			return []*row{r}
		}
		return nil
	}
	return s.tables[obj].index[f][strings.ToLower(value)]
}

// add stores a new row; id may be empty.
func (s *store) add(obj *object, id string, fields map[string]any) *row {
	t := s.tables[obj]
	for id == "" || t.byID[id] != nil {
		id = t.ids.take()
	}
	for _, f := range obj.Fields {
		if f.AutoNumber && fields[f.Name] == nil {
			t.number++
			fields[f.Name] = fmt.Sprintf("%08d", t.number)
		}
	}
	r := &row{obj: obj, id: id, fields: fields}
	t.rows = append(t.rows, r)
	t.byID[id] = r
	t.enter(r)
	s.undo = append(s.undo, func() {
		t.leave(r)
		delete(t.byID, r.id)
		t.rows = t.rows[:len(t.rows)-1]
	})
	return r
}

// replace gives a row new fields.
func (s *store) replace(r *row, fields map[string]any) {
	t, before := s.tables[r.obj], r.fields
	swap := func(to map[string]any) {
		t.leave(r)
		r.fields = to
		t.enter(r)
	}
	swap(fields)
	s.undo = append(s.undo, func() { swap(before) })
}

// remove puts a row into the recycle bin.
func (s *store) remove(r *row) {
	t := s.tables[r.obj]
	t.leave(r)
	r.deleted = true
	s.undo = append(s.undo, func() {
		r.deleted = false
		t.enter(r)
	})
}

func (t *table) enter(r *row) {
	for f, rows := range t.index {
		if key := strings.ToLower(r.text(f.Name)); key != "" {
			rows[key] = append(rows[key], r)
		}
	}
}

func (t *table) leave(r *row) {
	for f, rows := range t.index {
		key := strings.ToLower(r.text(f.Name))
		var rest []*row
		for _, other := range rows[key] {
			if other != r {
				rest = append(rest, other)
			}
		}
		if len(rest) == 0 {
			delete(rows, key)
		} else {
			rows[key] = rest
		}
	}
}
