package salesforce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/crm"
)

// How many of each object are asked for: one more than are shown, so that "more than ten" is known.
const (
	mostShown = 10
	mostFound = mostShown + 1
	longName  = 255 // characters of a name that are believed
)

// object is one kind of record that has phone numbers. Fax and assistant are missing on purpose: SOSL finds them too.
type object struct {
	name   string
	phones []string
	more   string // other fields, as they stand in RETURNING
	where  string
}

// breadths are what is asked for, from all to little: an org may not let us see some fields, or have no Leads.
func breadths() [][]object {
	contact := object{name: "Contact", phones: []string{"Phone", "MobilePhone", "HomePhone", "OtherPhone"}, more: "Id,Name,AccountId,Account.Name"}
	account := object{name: "Account", phones: []string{"Phone"}, more: "Id,Name"}
	lead := object{name: "Lead", phones: []string{"Phone", "MobilePhone"}, more: "Id,Name,Company", where: " WHERE IsConverted = false"}
	plain := contact
	plain.phones = []string{"Phone", "MobilePhone"}
	return [][]object{{contact, account, lead}, {plain, account, lead}, {plain, account}}
}

// Identify implements crm.Identifier: Contacts, Accounts and Leads under the number, verified by their digits. What is
// known is remembered for a minute, and callers who ask for the same number at the same time share one search, which
// goes on when they lose patience.
func (c *Client) Identify(ctx context.Context, number call.Number) (call.Match, error) {
	forms := crm.Forms(number, c.set.Region)
	if len(forms) == 0 {
		return call.Match{Looked: true}, nil
	}
	return c.known.get(ctx, forms[0], func(found func(call.Match, error)) bool {
		return c.start(ctx, c.set.Identify, func(ctx context.Context) {
			found(guarded("search", func() (call.Match, error) { return c.search(ctx, number, forms) }))
		})
	})
}

// search asks for all that we may see. When the org knows less than that, it says so once, and is asked for less from
// then on.
func (c *Client) search(ctx context.Context, number call.Number, forms []string) (call.Match, error) {
	asked := int(c.asked.Load())
	objects := breadths()[asked]
	r, err := c.do(ctx, ask{op: "search", lane: urgent, method: http.MethodGet, path: c.data("/search"),
		query: url.Values{"q": {sosl(forms, objects)}}})
	var e *APIError
	if errors.As(err, &e) && (e.Code == "INVALID_FIELD" || e.Code == "INVALID_TYPE") && asked+1 < len(breadths()) {
		if c.asked.CompareAndSwap(int32(asked), int32(asked+1)) {
			c.log.Warn("not all phone fields can be seen; asking for fewer", zap.String("code", e.Code), zap.String("message", e.Message))
		}
		return c.search(ctx, number, forms)
	}
	if err != nil {
		return call.Match{}, err
	}
	hits, err := readHits(r.body)
	if err != nil {
		return call.Match{}, err
	}
	return verified(hits, objects, number, c.set.Region, r.instance), nil
}

// sosl looks for the words in every phone field. They are digits only: nothing that a caller sends can end the search
// expression.
func sosl(forms []string, objects []object) string {
	var b strings.Builder
	fmt.Fprintf(&b, "FIND {%s} IN PHONE FIELDS RETURNING ", strings.Join(forms, " OR "))
	for i, o := range objects {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(o.name + "(" + o.more + "," + strings.Join(o.phones, ",") + o.where +
			" ORDER BY LastModifiedDate DESC LIMIT " + strconv.Itoa(mostFound) + ")")
	}
	return b.String()
}

// hit is one record of a search answer.
type hit struct {
	object string
	fields map[string]json.RawMessage
}

func readHits(body []byte) ([]hit, error) {
	var answer struct {
		Records []map[string]json.RawMessage `json:"searchRecords"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("salesforce search: %w", err)
	}
	hits := make([]hit, 0, len(answer.Records))
	for _, fields := range answer.Records {
		var attributes struct {
			Type string `json:"type"`
		}
		if raw, ok := fields["attributes"]; !ok || json.Unmarshal(raw, &attributes) != nil {
			continue
		}
		hits = append(hits, hit{attributes.Type, fields})
	}
	return hits, nil
}

func (h hit) text(field string) string {
	var s string
	if json.Unmarshal(h.fields[field], &s) != nil {
		return ""
	}
	return clip(s, longName)
}

// verified keeps the hits that really have the number: the search also finds faxes and numbers with the same end.
func verified(hits []hit, objects []object, number call.Number, region, instance string) call.Match {
	m := call.Match{Looked: true}
	shown := map[string]int{}
	for _, h := range hits {
		i := slices.IndexFunc(objects, func(o object) bool { return o.name == h.object })
		if i < 0 || !crm.IsID(h.text("Id")) {
			continue
		}
		has := slices.ContainsFunc(objects[i].phones, func(field string) bool { return crm.Same(number, h.text(field), region) })
		if !has {
			continue
		}
		m.Count++
		if shown[h.object]++; shown[h.object] <= mostShown {
			m.People = append(m.People, h.person(instance))
		}
	}
	return m
}

func (h hit) person(instance string) call.Person {
	p := call.Person{Object: h.object, ID: h.text("Id"), Name: h.text("Name")}
	p.URL = instance + "/lightning/r/" + h.object + "/" + p.ID + "/view"
	switch h.object {
	case "Contact":
		if id := h.text("AccountId"); crm.IsID(id) {
			p.AccountID = id
		}
		var account struct{ Name string }
		if json.Unmarshal(h.fields["Account"], &account) == nil {
			p.AccountName = clip(account.Name, longName)
		}
	case "Account":
		p.AccountID, p.AccountName = p.ID, p.Name
	case "Lead":
		p.AccountName = h.text("Company")
	}
	return p
}
