package sfsim

import (
	"errors"
	"strings"

	"github.com/cordboard/cordboard/crm/sfsim/soql"
)

// column is a field that a query names, checked: through parents where it stands behind some.
type column struct {
	names []string // canonical: relationship names, then the field
	field *field   // the last one; of a polymorphic parent the first that fits
	of    common
}

// common are the fields that every parent of a polymorphic relationship has, whatever it is.
type common int

const (
	ownField   common = iota
	commonName        // a case's is its number
	commonType        // Contact, Lead, …
)

// column checks a path against an object. The faults are worded as Salesforce's. [P]
func (s *schema) column(obj *object, path soql.Path, query string) (column, *apiError) {
	c := column{}
	candidates, polymorphic := []*object{obj}, false
	for _, name := range path.Names[:len(path.Names)-1] {
		ref := firstOf(candidates, func(o *object) *field { return o.relation(name) })
		if ref == nil {
			return c, asAPIError(soql.Fault(query, path.At, "INVALID_FIELD",
				"Didn't understand relationship '%s' in field path. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names.", name))
		}
		c.names = append(c.names, ref.relationshipName())
		candidates, polymorphic = nil, len(ref.To) > 1
		for _, to := range ref.To {
			candidates = append(candidates, s.object(to))
		}
	}
	last := path.Names[len(path.Names)-1]
	switch {
	case polymorphic && strings.EqualFold(last, "Name"):
		c.field, c.of = &field{Name: "Name", Type: "string", Length: 255}, commonName
	case polymorphic && strings.EqualFold(last, "Type"):
		c.field, c.of = &field{Name: "Type", Type: "string", Length: 40}, commonType
	default:
		c.field = firstOf(candidates, func(o *object) *field { return o.field(last) })
	}
	if c.field == nil {
		return c, asAPIError(soql.Fault(query, path.At, "INVALID_FIELD",
			"No such column '%s' on entity '%s'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names.", last, candidates[0].Name))
	}
	c.names = append(c.names, c.field.Name)
	return c, nil
}

func firstOf(candidates []*object, find func(*object) *field) *field {
	for _, obj := range candidates {
		if f := find(obj); f != nil {
			return f
		}
	}
	return nil
}

// value reads the column of a row; an absent parent gives nil.
func (s *store) value(r *row, c column) any {
	for _, name := range c.names[:len(c.names)-1] {
		if r = s.parent(r, name); r == nil {
			return nil
		}
	}
	switch {
	case c.of == commonType:
		return r.obj.Name
	case c.of == commonName && r.obj.name != nil:
		return r.get(r.obj.name.Name)
	case c.of == commonName:
		return nil
	}
	return r.get(c.field.Name)
}

func (s *store) parent(r *row, relationship string) *row {
	ref := r.obj.relation(relationship)
	if ref == nil {
		return nil
	}
	return s.live(r.text(ref.Name))
}

// put writes the column of a row into a record, parents as records within [D]. The attributes of a polymorphic parent
// say Name, not its type [P].
func (s *store) put(into record, r *row, c column, version string) record {
	return s.putAt(into, r, c.names, c, version)
}

func (s *store) putAt(into record, r *row, names []string, c column, version string) record {
	if len(names) == 1 {
		for _, m := range into {
			if m.name == names[0] {
				return into // selected twice
			}
		}
		return append(into, member{names[0], s.value(r, column{names: names, field: c.field, of: c.of})})
	}
	parent := s.parent(r, names[0])
	at := -1
	for i, m := range into {
		if m.name == names[0] {
			at = i
		}
	}
	if parent == nil {
		if at < 0 {
			into = append(into, member{names[0], nil})
		}
		return into
	}
	if at < 0 {
		a := attributes(parent, version)
		if ref := r.obj.relation(names[0]); len(ref.To) > 1 {
			a.value.(record)[0].value = "Name"
		}
		at = len(into)
		into = append(into, member{names[0], record{a}})
	}
	inner, _ := into[at].value.(record)
	into[at].value = s.putAt(inner, parent, names[1:], c, version)
	return into
}

func asAPIError(err error) *apiError {
	var e *soql.Error
	if errors.As(err, &e) {
		return refuseRequest(e.Code, "%s", e.Message)
	}
	return refuseRequest("UNKNOWN_EXCEPTION", "%v", err)
}
