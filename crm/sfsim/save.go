package sfsim

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// saver writes records as one user at one moment, by the rules that clients meet.
type saver struct {
	*store
	user    string        // id of the User who writes
	now     time.Time     // of this request
	indexIn time.Duration // until search finds what was written
}

// saved is what became of one record.
type saved struct {
	id      string
	created bool
	err     *apiError
}

func (s saver) insert(obj *object, in map[string]any) saved {
	out := saved{created: true}
	if obj.ReadOnly {
		out.err = refuse("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", nil, "entity type cannot be inserted: %s", labelOf(obj.Name)) // [K]
		return out
	}
	for name, v := range in {
		if strings.EqualFold(name, "Id") && v != nil {
			out.err = refuse("INVALID_FIELD_FOR_INSERT_UPDATE", []string{"Id"}, "cannot specify Id in an insert call") // [P]
			return out
		}
	}
	fields, err := s.accept(obj, in, (*field).createable)
	if err == nil {
		err = s.complete(obj, fields)
	}
	if err == nil {
		err = s.check(obj, nil, fields, fields)
	}
	if err != nil {
		out.err = err
		return out
	}
	stamp := dateTime(s.now)
	fields["CreatedDate"], fields["CreatedById"] = stamp, s.user
	s.touch(fields)
	s.derive(obj, fields)
	r := s.add(obj, "", fields)
	r.indexed = s.now.Add(s.indexIn)
	out.id = r.id
	return out
}

func (s saver) update(r *row, in map[string]any) saved {
	out := saved{id: r.id}
	if r.obj.ReadOnly {
		out.err = refuse("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", nil, "entity type cannot be updated: %s", labelOf(r.obj.Name)) // [K]
		return out
	}
	changes, err := s.accept(r.obj, in, (*field).updateable)
	if err != nil {
		out.err = err
		return out
	}
	fields := maps.Clone(r.fields)
	maps.Copy(fields, changes)
	if out.err = s.check(r.obj, r, changes, fields); out.err != nil {
		return out
	}
	s.touch(fields)
	s.derive(r.obj, fields)
	if s.indexIn > 0 && !s.now.Before(r.indexed) {
		r.stale = r.fields
	}
	r.indexed = s.now.Add(s.indexIn)
	s.replace(r, fields)
	return out
}

// upsert writes by the value of an external id. Several rows of that value are the caller's matter: see lookup. [D]
func (s saver) upsert(obj *object, key *field, value string, in map[string]any) saved {
	rows := s.lookup(obj, key, value)
	if len(rows) > 0 {
		return s.update(rows[0], in)
	}
	if key.Name == "Id" {
		return saved{err: errNoSuchRow()}
	}
	with := maps.Clone(in)
	if with == nil {
		with = map[string]any{}
	}
	with[key.Name] = value
	return s.insert(obj, with)
}

func (s saver) delete(r *row) *apiError {
	if !r.obj.deletable() {
		return refuse("INSUFFICIENT_ACCESS_OR_READONLY", nil, "insufficient access rights on object id") // [K]
	}
	s.remove(r)
	return nil
}

func (s saver) touch(fields map[string]any) {
	stamp := dateTime(s.now)
	fields["LastModifiedDate"], fields["SystemModstamp"], fields["LastModifiedById"] = stamp, stamp, s.user
}

// accept turns a request's members into stored values under canonical names.
func (s saver) accept(obj *object, in map[string]any, writable func(*field) bool) (map[string]any, *apiError) {
	out := make(map[string]any, len(in)+8)
	for _, name := range slices.Sorted(maps.Keys(in)) { // sorted: the same error for the same body
		v := in[name]
		if name == "attributes" || v == nil && strings.EqualFold(name, "Id") {
			continue
		}
		f := obj.field(name)
		if parent, isParent := v.(map[string]any); f == nil && isParent {
			f = obj.relation(name)
			id, err := s.parentByKey(obj, name, f, parent)
			if err != nil {
				return nil, err
			}
			v = id
		}
		switch {
		case f == nil:
			return nil, errNoColumn(obj, name)
		case !writable(f):
			// [P] the wording; that TaskSubtype answers so on an update is [K]
			return nil, refuse("INVALID_FIELD_FOR_INSERT_UPDATE", []string{f.Name},
				"Unable to create/update fields: %s. Please check the security settings of this field and verify that it is read/write for your profile or permission set.", f.Name)
		}
		value, err := f.take(v)
		if err != nil {
			return nil, err
		}
		if value == nil && f.Type == "boolean" {
			value = false
		}
		out[f.Name] = value
	}
	return out, nil
}

// parentByKey resolves {"Account": {"ExtId__c": "x"}}: a parent named by one of its lookup fields. [D]
func (s saver) parentByKey(obj *object, name string, ref *field, by map[string]any) (any, *apiError) {
	if ref == nil || len(ref.To) != 1 {
		return nil, errNoColumn(obj, name)
	}
	parent := s.object(ref.To[0])
	for key, v := range by {
		f := parent.field(key)
		if key == "attributes" || f == nil || !f.IDLookup {
			continue
		}
		rows := s.lookup(parent, f, scalar(v))
		if len(rows) == 1 {
			return rows[0].id, nil
		}
		return nil, refuse("INVALID_FIELD", []string{}, "Foreign key external ID: %s not found for field %s in entity %s", scalar(v), f.Name, parent.Name) // [P]
	}
	return nil, errNoColumn(obj, name)
}

// complete puts in the defaults of a new record and looks for what is required.
func (s saver) complete(obj *object, fields map[string]any) *apiError {
	var missing []string
	for _, f := range obj.Fields {
		if fields[f.Name] != nil {
			continue
		}
		switch {
		case f.Name == "OwnerId":
			fields[f.Name] = s.user
		case f.Default != nil:
			fields[f.Name] = f.Default
		case f.Type == "boolean":
			fields[f.Name] = false
		case f.Required:
			missing = append(missing, f.Name)
		}
	}
	if len(missing) > 0 {
		return refuse("REQUIRED_FIELD_MISSING", missing, "Required fields are missing: [%s]", strings.Join(missing, ", ")) // [P]
	}
	return nil
}
