package sfsim

import (
	"maps"
	"slices"
	"strings"
)

// check looks at what a write changes: no required field emptied, references that lead somewhere, unique values.
// r is nil for a new record; fields is the record as it would be.
func (s saver) check(obj *object, r *row, changes, fields map[string]any) *apiError {
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		f, v := obj.field(name), changes[name]
		if v == nil {
			if f.Required || f.Name == "OwnerId" {
				return refuse("REQUIRED_FIELD_MISSING", []string{f.Name}, "Required fields are missing: [%s]", f.Name) // [P]
			}
			continue
		}
		if f.Type == "reference" {
			if err := s.checkReference(obj, f, v.(string)); err != nil {
				return err
			}
		}
		if f.Unique {
			for _, other := range s.lookup(obj, f, scalar(v)) {
				if other != r {
					return refuse("DUPLICATE_VALUE", nil, "duplicate value found: %s duplicates value on record with id: %s", f.Name, other.id) // [P] go-salesforce#133
				}
			}
		}
	}
	if obj.Name == "Task" {
		return checkTask(fields)
	}
	return nil
}

func (s saver) checkReference(obj *object, f *field, id string) *apiError {
	if !slices.ContainsFunc(f.To, func(name string) bool { return strings.HasPrefix(id, s.object(name).Prefix) }) {
		return refuse("MALFORMED_ID", []string{f.Name}, "%s: id value of incorrect type: %s", f.Label, id) // [P]
	}
	target := s.row(id)
	switch {
	case target == nil:
		return refuse("INVALID_CROSS_REFERENCE_KEY", []string{f.Name}, "invalid cross reference id") // [P]; the field name [K]
	case target.deleted:
		return refuse("ENTITY_IS_DELETED", nil, "entity is deleted")
	case f.Name == "OwnerId" && target.obj.Name == "User" && target.get("IsActive") == false:
		return refuse("INACTIVE_OWNER_OR_USER", nil, "operation performed with inactive user [%s] as owner of %s", id[:15], strings.ToLower(obj.Name)) // [P]
	case f.Name == "OwnerId" && target.obj.Name == "Group" && target.text("Type") != "Queue":
		return refuse("INVALID_CROSS_REFERENCE_KEY", []string{f.Name}, "Owner ID: owner cannot be blank") // [K]
	}
	return nil
}

// checkTask: a task about a lead is about nothing else. [K], wording too
func checkTask(fields map[string]any) *apiError {
	who, _ := fields["WhoId"].(string)
	if strings.HasPrefix(who, "00Q") && fields["WhatId"] != nil {
		return refuse("FIELD_INTEGRITY_EXCEPTION", []string{"WhatId"}, "Related To ID: a task of a lead cannot be related to another record")
	}
	return nil
}

// derive fills the fields that Salesforce computes. [D] object reference of each object
func (s saver) derive(obj *object, fields map[string]any) {
	switch obj.Name {
	case "Contact", "Lead", "User":
		first, _ := fields["FirstName"].(string)
		last, _ := fields["LastName"].(string)
		fields["Name"] = strings.TrimSpace(first + " " + last)
	case "Task":
		s.deriveTask(fields)
	case "Case":
		s.deriveCase(fields)
	}
}

func (s saver) deriveTask(fields map[string]any) {
	closed := s.closed("TaskStatus", fields["Status"])
	switch {
	case closed && fields["CompletedDateTime"] == nil:
		fields["CompletedDateTime"] = dateTime(s.now)
	case !closed:
		fields["CompletedDateTime"] = nil
	}
	fields["IsClosed"] = closed
	fields["IsHighPriority"] = fields["Priority"] == "High"
	fields["AccountId"] = s.accountOf(fields["WhatId"])
	if fields["AccountId"] == nil {
		fields["AccountId"] = s.accountOf(fields["WhoId"])
	}
}

func (s saver) deriveCase(fields map[string]any) {
	closed := s.closed("CaseStatus", fields["Status"])
	switch {
	case closed && fields["ClosedDate"] == nil:
		fields["ClosedDate"] = dateTime(s.now)
	case !closed:
		fields["ClosedDate"] = nil
	}
	fields["IsClosed"] = closed
	id, _ := fields["ContactId"].(string)
	contact := s.live(id)
	fields["ContactPhone"] = nil
	if contact == nil {
		return
	}
	fields["ContactPhone"] = contact.get("Phone")
	if fields["AccountId"] == nil {
		fields["AccountId"] = contact.get("AccountId")
	}
}

// closed asks the status table, as an org does whose administrator renamed the values.
func (s saver) closed(table string, status any) bool {
	for _, r := range s.tables[s.object(table)].rows {
		if r.get("ApiName") == status {
			return r.get("IsClosed") == true
		}
	}
	return false
}

func (s saver) accountOf(id any) any {
	text, _ := id.(string)
	r := s.live(text)
	switch {
	case r == nil:
		return nil
	case r.obj.Name == "Account":
		return r.id
	}
	return r.get("AccountId")
}
