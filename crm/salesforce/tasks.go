package salesforce

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/outbox"
)

// tasks is the courier of calls' Tasks. Every write is an upsert by the call's key, so that a write whose answer was
// lost is simply repeated.
type tasks struct {
	c     *Client
	there seen // keys whose Task is known to exist
}

var _ outbox.Courier = (*tasks)(nil)

const (
	keyField     = "Cordboard_Call_Key__c" // external id of Task
	subtypeField = "TaskSubtype"           // set on creation or never
	mostTurns    = 5                       // writes of one row in one delivery: as it is, without what the org refuses, and so on
)

// parcel is one Task on its way.
type parcel struct {
	key  string
	body []byte // a JSON object: its fields
	err  error  // how its last write went; nil: it stands
}

// Deliver implements outbox.Courier.
func (t *tasks) Deliver(ctx context.Context, messages []outbox.Message) []error {
	errs := make([]error, len(messages))
	if err := t.hold(); err != nil {
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	ctx, cancel := context.WithTimeout(ctx, t.c.set.Write)
	defer cancel()
	all := make([]*parcel, len(messages))
	var todo []*parcel
	for i, m := range messages {
		p := &parcel{key: m.Key, body: bytes.TrimSpace(m.Body)}
		all[i] = p
		if !json.Valid(p.body) || p.body[0] != '{' {
			p.err = outbox.Permanent(errors.New("the body is not a JSON object"))
			continue
		}
		if t.there.has(m.Key) {
			p.drop(subtypeField)
		}
		p.drop(keyField) // it names the record; among the fields the org refuses it
		p.drop("attributes")
		todo = append(todo, p)
	}
	for turn := 0; turn < mostTurns && len(todo) > 0; turn++ {
		t.write(ctx, todo)
		todo = slices.DeleteFunc(todo, func(p *parcel) bool { return !t.mend(p) })
	}
	for i, p := range all {
		if p.err == nil {
			t.there.add(p.key)
		}
		errs[i] = t.judge(p.err)
	}
	return errs
}

// hold says whether the outbox has to be quiet.
func (t *tasks) hold() error {
	u := &t.c.usage
	if wait := u.wait(); wait > 0 {
		return outbox.Later(errors.New("salesforce: the org's API calls are spent"), wait)
	}
	if u.low() {
		u.rest(breath) // after this delivery
	}
	return nil
}

// mend takes out of a refused Task what the org will not have, and reports whether it is worth another try.
func (t *tasks) mend(p *parcel) bool {
	var e *APIError
	if !errors.As(p.err, &e) {
		return false
	}
	switch {
	case e.Code == "INVALID_FIELD_FOR_INSERT_UPDATE" && p.drop(subtypeField):
		t.there.add(p.key) // it has been written before, and its subtype is for life
		return true
	case linkFault(e):
		dropped := p.dropLinks(e)
		if len(dropped) == 0 {
			return false
		}
		t.c.count.degraded.Inc()
		t.c.log.Warn("task written without a link that the org refused", zap.String("call", p.key),
			zap.Strings("fields", dropped), zap.String("code", e.Code), zap.String("message", e.Message))
		return true
	}
	return e.Class() == Duplicate // another write of the same key has just won; now it is an update
}

// linkFault reports whether the org objects to the owner, the person or the record that a Task points to.
func linkFault(e *APIError) bool {
	switch e.Code {
	case "INVALID_CROSS_REFERENCE_KEY", "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", "MALFORMED_ID", "ENTITY_IS_DELETED",
		"INACTIVE_OWNER_OR_USER", "OP_WITH_INVALID_USER_TYPE_EXCEPTION", "FIELD_INTEGRITY_EXCEPTION", "INSUFFICIENT_ACCESS_OR_READONLY",
		"TRANSFER_REQUIRES_READ":
		return true
	}
	return false
}

// dropLinks takes out the links that the error names, or all when it names none of them.
func (p *parcel) dropLinks(e *APIError) (dropped []string) {
	links := []string{"OwnerId", "WhoId", "WhatId"}
	named := slices.DeleteFunc(slices.Clone(links), func(link string) bool { return !slices.Contains(e.Fields, link) })
	if len(named) == 0 {
		named = links
	}
	for _, link := range named {
		if p.drop(link) {
			dropped = append(dropped, link)
		}
	}
	return dropped
}

// drop takes a field out and reports whether it was there. Usually it is not, and nothing is decoded.
func (p *parcel) drop(field string) bool {
	if !bytes.Contains(p.body, []byte(`"`+field+`"`)) {
		return false
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(p.body, &fields); err != nil {
		return false // cannot be: it has been looked at
	}
	_, had := fields[field]
	if !had {
		return false
	}
	delete(fields, field)
	body, err := json.Marshal(fields)
	if err != nil {
		return false // as above
	}
	p.body = body
	return true
}

const (
	dailyRest  = 15 * time.Minute // calls come back as those of yesterday grow old
	briefRest  = 5 * time.Second  // too many long requests at a time
	loginRest  = 30 * time.Second // the operator has to do something
	fewAttempt = 8                // of what may be cured by trying again
)

// judge tells the outbox what an error means.
func (t *tasks) judge(err error) error {
	var e *APIError
	if !errors.As(err, &e) {
		return err // nil, parked already, or the network: again, with growing pauses
	}
	switch e.Class() {
	case Permanent:
		return outbox.Permanent(err)
	case Doubtful:
		return outbox.Limited(err, fewAttempt)
	case Login:
		if e.sessionExpired() {
			return err // the new session did not last either
		}
		return outbox.Later(err, max(e.RetryAfter, loginRest))
	case Limit:
		rest := briefRest
		if e.Daily() {
			rest = dailyRest
		}
		rest = max(rest, e.RetryAfter)
		t.c.usage.rest(min(rest, breath)) // one delivery a minute finds out when it is over
		return outbox.Later(err, rest)
	case Temporary, Duplicate:
		if e.RetryAfter > 0 {
			return outbox.Later(err, e.RetryAfter)
		}
		return err
	}
	return err
}
