package sfsim

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// Contents is what an org holds at the start and after a reset; also the file of `sfsim --org`.
type Contents struct {
	Records map[string][]map[string]any `json:"records"` // object → records; a given Id is kept
	Apps    []App                       `json:"apps,omitempty"`
}

// App is an external client app that the org trusts, for one user.
type App struct {
	ClientID  string `json:"client_id"`
	Secret    string `json:"client_secret,omitempty"`  // client credentials flow
	PublicKey string `json:"public_key_pem,omitempty"` // JWT bearer flow: PEM of an RSA public key or certificate
	Username  string `json:"username"`
}

// ReadContents reads the JSON of an org and checks it: objects, fields and types as in the schema, keys that can be read.
// An Organization, status tables and an administrator are there without being written down.
func ReadContents(r io.Reader) (*Contents, error) {
	d := json.NewDecoder(r)
	d.UseNumber()
	d.DisallowUnknownFields()
	c := &Contents{}
	if err := d.Decode(c); err != nil {
		return nil, fmt.Errorf("read the org's contents: %w", err)
	}
	s := loadSchema()
	if _, err := fill(newStore(s, 1), c, time.Now()); err != nil {
		return nil, err
	}
	for _, a := range c.Apps {
		if _, err := a.key(); err != nil {
			return nil, fmt.Errorf("app %s: %w", a.ClientID, err)
		}
	}
	return c, nil
}

// fill puts contents into an empty store and returns the id of the Organization.
func fill(s *store, c *Contents, now time.Time) (org string, err error) {
	defer s.forget()
	w := saver{store: s, user: adminID(), now: now}
	for _, always := range []map[string][]map[string]any{furniture(c), c.Records} {
		// parents first, so that a task finds its account; within an object as written
		for _, obj := range s.objects {
			for _, in := range always[obj.Name] {
				if _, err := w.seed(obj, in); err != nil {
					return "", fmt.Errorf("%s: %w", obj.Name, err)
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Records)) {
		if obj := s.object(name); obj == nil || obj.Name != name {
			return "", errUnknownType(name)
		}
	}
	return s.tables[s.object("Organization")].rows[0].id, nil
}

// adminID is the user who writes what has no other author.
func adminID() string { return namedID("005", "admin") }

// furniture is what every org has.
func furniture(c *Contents) map[string][]map[string]any {
	rows := map[string][]map[string]any{
		"User":       {{"Id": adminID(), "Username": "admin@cordboard.demo", "FirstName": "Org", "LastName": "Administrator", "Alias": "admin", "Email": "admin@cordboard.demo"}},
		"TaskStatus": statuses([]string{"Not Started", "In Progress", "Completed", "Waiting on someone else", "Deferred"}, "Completed"),
		"CaseStatus": statuses([]string{"New", "Working", "Escalated", "On Hold", "Closed"}, "Closed"),
		"ServicePresenceStatus": {
			{"Id": namedID("0N5", "available"), "MasterLabel": "Available", "DeveloperName": "Available", "Language": "en_US"},
			{"Id": namedID("0N5", "lunch"), "MasterLabel": "Lunch", "DeveloperName": "Lunch", "Language": "en_US"},
			{"Id": namedID("0N5", "inacall"), "MasterLabel": "In a Call", "DeveloperName": "In_a_Call", "Language": "en_US"},
			{"Id": namedID("0N5", "wrapup"), "MasterLabel": "Wrap Up", "DeveloperName": "Wrap_Up", "Language": "en_US"},
		},
	}
	if len(c.Records["Organization"]) == 0 {
		rows["Organization"] = []map[string]any{{
			"Id": namedID("00D", "cordboard"), "Name": "Cordboard Demo", "InstanceName": "SIM1", "OrganizationType": "Developer Edition",
			"TimeZoneSidKey": "Europe/Helsinki", "DefaultLocaleSidKey": "en_GB", "LanguageLocaleKey": "en_US",
		}}
	}
	return rows
}

func statuses(labels []string, closed string) []map[string]any {
	var rows []map[string]any
	for i, label := range labels {
		rows = append(rows, map[string]any{
			"MasterLabel": label, "ApiName": label, "SortOrder": i + 1, "IsDefault": i == 0, "IsClosed": label == closed,
		})
	}
	return rows
}

// seed stores a record as it is told, read-only fields and Id included: a test's or an operator's door, not a client's.
// Neither uniqueness nor references are checked, so that an org with faulty data can be made.
func (s saver) seed(obj *object, in map[string]any) (*row, *apiError) {
	given := map[string]any{}
	var id string
	for name, v := range in {
		if name != "Id" {
			given[name] = v
			continue
		}
		text, _ := v.(string)
		normal, ok := normalID(text)
		if !ok || normal[:3] != obj.Prefix {
			return nil, refuse("MALFORMED_ID", []string{"Id"}, "%s ID: id value of incorrect type: %v", obj.Name, v)
		}
		id = normal
	}
	fields, err := s.accept(obj, given, func(*field) bool { return true })
	if err != nil {
		return nil, err
	}
	_ = s.complete(obj, fields) // defaults; what is missing may be missing
	written := maps.Clone(fields)
	stamp := dateTime(s.now)
	for name, v := range map[string]any{
		"CreatedDate": stamp, "LastModifiedDate": stamp, "SystemModstamp": stamp, "CreatedById": s.user, "LastModifiedById": s.user,
	} {
		if fields[name] == nil {
			fields[name] = v
		}
	}
	s.derive(obj, fields)
	for name, v := range written { // what was said wins over what would be computed
		if v != nil {
			fields[name] = v
		}
	}
	if known := s.tables[obj].byID[id]; known != nil {
		s.replace(known, fields)
		return known, nil
	}
	return s.add(obj, id, fields), nil
}
