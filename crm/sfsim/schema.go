package sfsim

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
)

//go:embed schema.json
var schemaJSON []byte

// schema is what the org knows of its objects. Read-only once built.
type schema struct {
	objects []*object
	byName  map[string]*object // lower case
}

// object is one sObject type. A read-only one is kept by Salesforce itself: clients query, and perhaps delete.
type object struct {
	Name     string   `json:"name"`
	Prefix   string   `json:"prefix"`    // first three characters of its ids
	Owner    []string `json:"owner"`     // what OwnerId may be; none: the object has no owner
	ReadOnly bool     `json:"readOnly"`  // neither created nor updated by clients
	Delete   *bool    `json:"deletable"` // default: the opposite of ReadOnly
	Fields   []*field `json:"fields"`

	byName map[string]*field // lower case
	name   *field            // the name field, if it has one
}

// field is one field of an object. Length counts characters.
type field struct {
	Name       string   `json:"name"`
	Type       string   `json:"type"` // as in describe: string, textarea, phone, picklist, reference, …
	Label      string   `json:"label"`
	Length     int      `json:"length"`
	Write      string   `json:"write"` // "": always, "create": not after that, "never": Salesforce fills it
	Required   bool     `json:"required"`
	Default    any      `json:"default"`
	Values     []string `json:"values"`
	Restricted bool     `json:"restricted"`
	To         []string `json:"to"` // objects that a reference may name
	ExternalID bool     `json:"externalId"`
	IDLookup   bool     `json:"idLookup"`
	Unique     bool     `json:"unique"`
	NameField  bool     `json:"nameField"`
	AutoNumber bool     `json:"autoNumber"`
}

func loadSchema() *schema {
	s := &schema{byName: map[string]*object{}}
	if err := json.Unmarshal(schemaJSON, &s.objects); err != nil {
		panic(fmt.Sprintf("sfsim: the embedded schema: %v", err)) // a test reads it: a build never ships this
	}
	for _, obj := range s.objects {
		s.byName[strings.ToLower(obj.Name)] = obj
		obj.Fields = append(systemFieldsBefore(obj), obj.Fields...)
		obj.Fields = append(obj.Fields, systemFieldsAfter()...)
		obj.byName = make(map[string]*field, len(obj.Fields))
		for _, f := range obj.Fields {
			f.complete()
			obj.byName[strings.ToLower(f.Name)] = f
			if f.NameField {
				obj.name = f
			}
		}
	}
	return s
}

func systemFieldsBefore(obj *object) []*field {
	fields := []*field{
		{Name: "Id", Type: "id", Write: "never", IDLookup: true},
		{Name: "IsDeleted", Type: "boolean", Write: "never", Default: false},
	}
	if len(obj.Owner) > 0 {
		fields = append(fields, &field{Name: "OwnerId", Type: "reference", To: obj.Owner})
	}
	return fields
}

func systemFieldsAfter() []*field {
	user := []string{"User"}
	return []*field{
		{Name: "CreatedDate", Type: "datetime", Write: "never"},
		{Name: "CreatedById", Type: "reference", To: user, Write: "never"},
		{Name: "LastModifiedDate", Type: "datetime", Write: "never"},
		{Name: "LastModifiedById", Type: "reference", To: user, Write: "never"},
		{Name: "SystemModstamp", Type: "datetime", Write: "never"},
	}
}

// complete fills in what follows from name and type.
func (f *field) complete() {
	if f.Length == 0 {
		f.Length = map[string]int{
			"id": 18, "reference": 18, "phone": 40, "email": 80, "url": 255, "picklist": 255, "combobox": 255,
			"string": 255, "textarea": 32000,
		}[f.Type]
	}
	if f.Label == "" {
		f.Label = labelOf(f.Name)
	}
	if f.ExternalID {
		f.IDLookup = true
	}
}

// labelOf splits a name into words as Salesforce's own labels are: MobilePhone → Mobile Phone, AccountId → Account ID.
func labelOf(name string) string {
	name = strings.TrimSuffix(name, "__c")
	var b strings.Builder
	for i, c := range name {
		switch {
		case c == '_':
			b.WriteByte(' ')
			continue
		case i > 0 && c >= 'A' && c <= 'Z' && name[i-1] >= 'a' && name[i-1] <= 'z':
			b.WriteByte(' ')
		}
		b.WriteRune(c)
	}
	label := b.String()
	if stem, isID := strings.CutSuffix(label, " Id"); isID {
		return stem + " ID"
	}
	return label
}

func (s *schema) object(name string) *object { return s.byName[strings.ToLower(name)] }

func (obj *object) field(name string) *field { return obj.byName[strings.ToLower(name)] }

func (obj *object) custom() bool { return strings.HasSuffix(obj.Name, "__c") }

func (obj *object) deletable() bool {
	if obj.Delete != nil {
		return *obj.Delete
	}
	return !obj.ReadOnly
}

// relation finds the reference field behind a relationship name: Account → AccountId, Owner → OwnerId, X__r → X__c.
func (obj *object) relation(name string) *field {
	if stem, custom := strings.CutSuffix(name, "__r"); custom {
		return obj.reference(stem + "__c")
	}
	return obj.reference(name + "Id")
}

func (obj *object) reference(name string) *field {
	if f := obj.field(name); f != nil && f.Type == "reference" {
		return f
	}
	return nil
}

func (f *field) relationshipName() string {
	if f.Type != "reference" {
		return ""
	}
	if stem, custom := strings.CutSuffix(f.Name, "__c"); custom {
		return stem + "__r"
	}
	return strings.TrimSuffix(f.Name, "Id")
}

func (f *field) custom() bool { return strings.HasSuffix(f.Name, "__c") }

func (f *field) createable() bool { return f.Write == "" || f.Write == "create" }
func (f *field) updateable() bool { return f.Write == "" }

func (f *field) isText() bool {
	switch f.Type {
	case "string", "textarea", "phone", "email", "url", "picklist", "combobox", "id", "reference":
		return true
	}
	return false
}

func (f *field) isNumber() bool {
	return f.Type == "int" || f.Type == "double" || f.Type == "currency" || f.Type == "percent"
}
