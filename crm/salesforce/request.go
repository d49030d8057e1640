package salesforce

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// lane says how much hurry there is. Each lane has its own places, so that writes never stand before a ringing phone.
type lane uint8

const (
	urgent  lane = iota // a caller hears ringing
	patient             // the outbox
	lanes
)

const (
	mostUrgent  = 32      // requests at a time; only those of 20 s and more are limited by the org
	mostPatient = 4       //
	mostBody    = 4 << 20 // bytes of an answer; 200 save results have about 40 kB
)

// ask is one request of the REST API.
type ask struct {
	op     string // for errors and metrics: no key, no number
	lane   lane
	method string
	path   string // escaped, from the root of the host
	query  url.Values
	body   []byte // JSON
	repeat bool   // harmless to send twice, whatever the method says
}

// reply is a good answer.
type reply struct {
	status   int
	body     []byte
	instance string // the org's address: scheme and host
}

// data is a path of the REST API in the version we speak.
func (c *Client) data(path string) string { return "/services/data/v" + c.set.Version + path }

// do sends the request with the session, and once more with a new one when the org says that it has expired. An answer
// of 300 and more is an *APIError.
func (c *Client) do(ctx context.Context, a ask) (reply, error) {
	select {
	case c.lanes[a.lane] <- struct{}{}:
		defer func() { <-c.lanes[a.lane] }()
	case <-ctx.Done():
		return reply{}, fmt.Errorf("salesforce %s: %w", a.op, context.Cause(ctx))
	}
	var refused *token
	for attempt := 0; ; attempt++ {
		session, err := c.tokens.get(ctx, refused)
		if err != nil {
			return reply{}, err
		}
		r, err := c.once(ctx, a, session)
		var e *APIError
		if attempt == 0 && errors.As(err, &e) && e.sessionExpired() {
			refused = session
			continue
		}
		return r, err
	}
}

func (c *Client) once(ctx context.Context, a ask, session *token) (reply, error) {
	address := session.instance.String() + a.path
	if len(a.query) > 0 {
		address += "?" + a.query.Encode()
	}
	var body io.Reader
	if a.body != nil {
		body = bytes.NewReader(a.body)
	}
	req, err := http.NewRequestWithContext(ctx, a.method, address, body)
	if err != nil {
		return reply{}, fmt.Errorf("salesforce %s: %w", a.op, bare(err))
	}
	req.Header.Set("Authorization", "Bearer "+session.access)
	req.Header.Set("Sforce-Call-Options", "client=cordboard") // shows in the org's event log
	if a.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if a.repeat {
		repeatable(req)
	}
	began := time.Now()
	r, err := c.send(req, a.op, mostBody)
	c.count.did(a.op, err, time.Since(began))
	return r, err
}

// send is the only place that talks to the network. gzip is the transport's affair, which unpacks into our limit.
func (c *Client) send(req *http.Request, op string, most int64) (reply, error) {
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "cordboard")
	resp, err := c.http.Do(req)
	if err != nil {
		return reply{}, fmt.Errorf("salesforce %s: %w", op, bare(err))
	}
	defer resp.Body.Close()
	c.usage.read(resp.Header)
	body, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	if err != nil {
		return reply{}, fmt.Errorf("salesforce %s: read the answer: %w", op, bare(err))
	}
	if int64(len(body)) > most {
		return reply{}, fmt.Errorf("salesforce %s: the answer has more than %d bytes", op, most)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return reply{}, newAPIError(op, resp.StatusCode, resp.Header, body)
	}
	return reply{status: resp.StatusCode, body: body, instance: req.URL.Scheme + "://" + req.URL.Host}, nil
}

// repeatable lets the transport send the request again when the far side has just closed the idle connection it was
// written to. The empty header is net/http's word for that and is not sent.
func repeatable(req *http.Request) { req.Header["Idempotency-Key"] = []string{} }

// bare takes the address out of an error of net/http: it holds the caller's number.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
