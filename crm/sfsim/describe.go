package sfsim

import (
	"net/http"
	"time"
)

// schemaChanged is when the objects were last changed: clients ask for describes that are newer. [D]
func schemaChanged() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// unchanged answers If-Modified-Since. [D]
func unchanged(q *request) bool {
	since, err := http.ParseTime(q.header.Get("If-Modified-Since"))
	return err == nil && !schemaChanged().After(since)
}

func described(body any) reply {
	return ok(body).with("Last-Modified", schemaChanged().Format(http.TimeFormat))
}

func (o *Org) describeGlobal(q *request) reply {
	if q.method != http.MethodGet {
		return failed(errMethod(q.method))
	}
	if unchanged(q) {
		return reply{status: http.StatusNotModified}
	}
	list := []record{}
	for _, obj := range o.schema.objects {
		list = append(list, brief(obj, q.version))
	}
	return described(record{{"encoding", "UTF-8"}, {"maxBatchSize", 200}, {"sobjects", list}})
}

// brief is an object as describeGlobal and the head of describe show it. [D]
func brief(obj *object, version string) record {
	at := "/services/data/" + version + "/sobjects/" + obj.Name
	label := labelOf(obj.Name)
	return record{
		{"name", obj.Name}, {"label", label}, {"labelPlural", label + "s"}, {"keyPrefix", obj.Prefix}, {"custom", obj.custom()},
		{"createable", !obj.ReadOnly}, {"updateable", !obj.ReadOnly}, {"deletable", obj.deletable()}, {"undeletable", obj.deletable()},
		{"queryable", true}, {"retrieveable", true}, {"searchable", obj.name != nil}, {"activateable", false}, {"mergeable", false},
		{"replicateable", true}, {"triggerable", !obj.ReadOnly}, {"layoutable", true}, {"feedEnabled", false}, {"customSetting", false},
		{"deprecatedAndHidden", false}, {"hasSubtypes", false}, {"isSubtype", false}, {"isInterface", false}, {"mruEnabled", false},
		{"urls", map[string]string{"sobject": at, "describe": at + "/describe", "rowTemplate": at + "/{ID}"}},
	}
}

// basicInfo answers GET /sobjects/X. [D]
func (o *Org) basicInfo(q *request, obj *object) reply {
	if q.method != http.MethodGet {
		return failed(errMethod(q.method))
	}
	return described(record{{"objectDescribe", brief(obj, q.version)}, {"recentItems", []any{}}})
}

func (o *Org) describe(q *request, obj *object) reply {
	if q.method != http.MethodGet {
		return failed(errMethod(q.method))
	}
	if unchanged(q) {
		return reply{status: http.StatusNotModified}
	}
	fields := make([]record, 0, len(obj.Fields))
	for _, f := range obj.Fields {
		fields = append(fields, describeField(f))
	}
	return described(append(brief(obj, q.version),
		member{"fields", fields}, member{"childRelationships", o.children(obj)}, member{"recordTypeInfos", []any{}}, member{"supportedScopes", []any{}}))
}

func (o *Org) children(obj *object) []record {
	list := []record{}
	for _, child := range o.schema.objects {
		for _, f := range child.Fields {
			for _, to := range f.To {
				if to == obj.Name {
					list = append(list, record{{"childSObject", child.Name}, {"field", f.Name}, {"relationshipName", nil}, {"cascadeDelete", false}, {"restrictedDelete", false}})
				}
			}
		}
	}
	return list
}

// describeField is one field. nillable and defaultedOnCreate tell together what a create must give. [D]
func describeField(f *field) record {
	values := []record{}
	for _, v := range f.Values {
		values = append(values, record{{"active", true}, {"defaultValue", f.Default == v}, {"label", v}, {"validFor", nil}, {"value", v}})
	}
	to := f.To
	if to == nil {
		to = []string{}
	}
	length := 0
	if f.isText() {
		length = f.Length
	}
	var relationship any
	if name := f.relationshipName(); name != "" {
		relationship = name
	}
	nillable := !f.Required && f.Type != "boolean" && f.Default == nil && f.Type != "id" && f.Name != "OwnerId"
	return record{
		{"name", f.Name}, {"label", f.Label}, {"type", f.Type}, {"length", length}, {"byteLength", length * 3}, {"digits", digitsOf(f)},
		{"precision", precisionOf(f)}, {"scale", 0}, {"soapType", soapType(f)}, {"custom", f.custom()}, {"nillable", nillable},
		{"createable", f.createable()}, {"updateable", f.updateable()}, {"defaultedOnCreate", f.Default != nil || f.Type == "boolean" || f.Name == "OwnerId" || f.Name == "Id"},
		{"defaultValue", f.Default}, {"externalId", f.ExternalID}, {"idLookup", f.IDLookup}, {"unique", f.Unique}, {"caseSensitive", false},
		{"nameField", f.NameField}, {"autoNumber", f.AutoNumber}, {"calculated", false}, {"filterable", f.Type != "textarea" || f.Length <= 255}, {"sortable", f.Type != "textarea"},
		{"groupable", f.isText() && f.Type != "textarea"}, {"aggregatable", true}, {"picklistValues", values}, {"restrictedPicklist", f.Restricted},
		{"referenceTo", to}, {"relationshipName", relationship}, {"polymorphicForeignKey", len(f.To) > 1}, {"namePointing", len(f.To) > 1},
		{"dependentPicklist", false}, {"htmlFormatted", false}, {"deprecatedAndHidden", false}, {"permissionable", f.custom()}, {"inlineHelpText", nil},
	}
}

func digitsOf(f *field) int {
	if f.Type == "int" {
		return 8
	}
	return 0
}

func precisionOf(f *field) int {
	if f.isNumber() && f.Type != "int" {
		return 18
	}
	return 0
}

func soapType(f *field) string {
	switch f.Type {
	case "id", "reference":
		return "tns:ID"
	case "boolean", "int", "date":
		return "xsd:" + f.Type
	case "datetime":
		return "xsd:dateTime"
	case "double", "currency", "percent":
		return "xsd:double"
	}
	return "xsd:string"
}
