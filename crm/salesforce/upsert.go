package salesforce

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// write upserts the parcels and leaves in each how it went. One goes by its own address, several as a collection
// (sObject Collections, at most 200).
func (t *tasks) write(ctx context.Context, parcels []*parcel) {
	if len(parcels) == 1 {
		parcels[0].err = t.one(ctx, parcels[0])
		return
	}
	err := t.many(ctx, parcels)
	if err == nil {
		return
	}
	var e *APIError
	if errors.As(err, &e) && e.Class() == Permanent && ctx.Err() == nil {
		// One of them has made the org refuse them all: halves until it stands alone, so that it does not block the rest.
		t.write(ctx, parcels[:len(parcels)/2])
		t.write(ctx, parcels[len(parcels)/2:])
		return
	}
	for _, p := range parcels {
		p.err = err
	}
}

// saved is the result of one write: 201 or 200 of an upsert, or an element of a collection's answer.
type saved struct {
	ID      string  `json:"id"`
	Success bool    `json:"success"`
	Errors  []fault `json:"errors"`
}

func (t *tasks) one(ctx context.Context, p *parcel) error {
	r, err := t.c.do(ctx, ask{op: "upsert", lane: patient, method: http.MethodPatch,
		path: t.c.data("/sobjects/Task/" + keyField + "/" + url.PathEscape(p.key)), body: p.body})
	if err != nil || r.status == http.StatusNoContent {
		return err
	}
	var s saved
	if err := json.Unmarshal(r.body, &s); err != nil {
		return fmt.Errorf("salesforce upsert: %w", err)
	}
	return s.err()
}

// many writes a collection. The error is of the request as a whole; those of single records are left in the parcels.
func (t *tasks) many(ctx context.Context, parcels []*parcel) error {
	body, err := collection(parcels)
	if err != nil {
		return outbox400(err)
	}
	r, err := t.c.do(ctx, ask{op: "upsert", lane: patient, method: http.MethodPatch,
		path: t.c.data("/composite/sobjects/Task/" + keyField), body: body})
	if err != nil {
		return err
	}
	results, err := readSaved(r.body, len(parcels))
	if err != nil {
		return err
	}
	for i, p := range parcels {
		p.err = results[i].err()
	}
	return nil
}

// collection is the body of a request that writes them all. The fields are taken over as they are.
func collection(parcels []*parcel) ([]byte, error) {
	size := 64
	for _, p := range parcels {
		size += len(p.body) + len(p.key) + 80
	}
	b := append(make([]byte, 0, size), `{"allOrNone":false,"records":[`...)
	for i, p := range parcels {
		key, err := json.Marshal(p.key)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"attributes":{"type":"Task"},"`+keyField+`":`...)
		b = append(b, key...)
		if fields := bytes.TrimLeft(p.body[1:], " \t\r\n"); fields[0] != '}' {
			b = append(b, ',')
		}
		b = append(b, p.body[1:]...)
	}
	return append(b, "]}"...), nil
}

func readSaved(body []byte, want int) ([]saved, error) {
	var results []saved
	if err := json.Unmarshal(body, &results); err != nil {
		return nil, fmt.Errorf("salesforce upsert: %w", err)
	}
	if len(results) != want {
		return nil, fmt.Errorf("salesforce upsert: %d results for %d records", len(results), want)
	}
	return results, nil
}

func (s saved) err() error {
	if s.Success {
		return nil
	}
	e := &APIError{Op: "upsert", Message: "not saved, and no reason given"}
	if len(s.Errors) > 0 {
		e.take(s.Errors[0])
	}
	return e
}

// outbox400 is a body that cannot even be written as JSON.
func outbox400(err error) error {
	return &APIError{Op: "upsert", HTTP: http.StatusBadRequest, Code: "JSON_PARSER_ERROR", Message: err.Error()}
}
