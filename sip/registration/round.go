package registration

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cordboard/cordboard/sip/digest"
	"github.com/cordboard/cordboard/sip/field"
	"github.com/cordboard/cordboard/sip/targets"
)

const (
	mostRedirects = 5                // of one round
	mostAsked     = 8                // requests to one hop in one round: challenges, a 423
	longestAsked  = 7 * 24 * 60 * 60 // seconds that a Min-Expires may raise us to
)

// kind is how a round ended. The set is closed.
type kind int

const (
	bound   kind = iota
	failed       // waiting may help
	refused      // somebody must change something
	moved        // 3xx; a round does not end so
)

// ending is how a round, or a part of it, ended.
type ending struct {
	kind    kind
	hop     targets.Hop
	outcome targets.Outcome // for the health of the hop
	code    int
	reason  string
	err     error
	wait    time.Duration // at least, before the next round

	granted                        time.Duration
	serviceRoute, path, associated []string
	elsewhere                      []string // URIs of a redirection, the best first
}

// round asks the registrars in turn until one of them answers.
func (r *Registration) round(ctx context.Context, asker Asker) ending {
	tries, err := r.cfg.Places.Plan(ctx)
	if err != nil {
		return ending{kind: failed, err: err}
	}
	last := ending{kind: failed, err: errors.New("all registrars have asked for time")}
	var soonest time.Time
	for _, t := range tries {
		if time.Until(t.NotBefore) > 0 { // they are sorted to the end, and unlike a call we have time
			if soonest.IsZero() || t.NotBefore.Before(soonest) {
				soonest = t.NotBefore
			}
			continue
		}
		last = r.at(ctx, asker, t.Hop, r.cfg.Registrar, false)
		if ctx.Err() != nil {
			return last
		}
		r.cfg.Places.Report(t.Hop, last.outcome)
		if last.kind == moved {
			last = r.follow(ctx, asker, last)
		}
		if !last.outcome.Next() {
			return last
		}
	}
	switch {
	case last.hop == (targets.Hop{}) && !soonest.IsZero():
		last.wait = time.Until(soonest)
	case len(tries) > 1:
		last.wait = 0 // what one of them asks for is no reason to leave the others alone
	}
	return last
}

// follow goes where a 3xx points (RFC 3261 section 8.1.3.4). What was asked for over TLS does not go on without.
func (r *Registration) follow(ctx context.Context, asker Asker, from ending) ending {
	queue, seen := from.elsewhere, map[string]bool{r.cfg.Registrar: true}
	secure := strings.HasPrefix(r.cfg.Registrar, "sips:")
	end := from
	end.kind, end.err = failed, fmt.Errorf("redirected (%d) to nowhere", from.code)
	for n := 0; len(queue) > 0 && n < mostRedirects; n++ {
		uri := queue[0]
		queue = queue[1:]
		if seen[uri] || secure && !strings.HasPrefix(uri, "sips:") {
			continue
		}
		seen[uri] = true
		hops, err := r.cfg.Places.Locate(ctx, uri)
		if err != nil {
			end.err = fmt.Errorf("redirected (%d): %w", from.code, err)
			continue
		}
		for _, h := range hops {
			end = r.at(ctx, asker, h, uri, false)
			if end.kind == moved {
				queue = append(slices.Clone(end.elsewhere), queue...)
				end.kind, end.err = failed, errors.New("redirected in a circle")
				break
			}
			if !end.outcome.Next() || ctx.Err() != nil {
				return end
			}
		}
	}
	end.outcome = targets.Outcome{Status: from.code} // the registrar itself has answered
	return end
}

// at registers with one hop, or with leave takes the binding back: as many requests as challenges and a 423 make of it.
func (r *Registration) at(ctx context.Context, asker Asker, h targets.Hop, uri string, leave bool) ending {
	contact, err := r.cfg.Contact(h)
	if err != nil {
		return ending{kind: failed, hop: h, err: err, outcome: targets.Outcome{Result: targets.Unreachable, Err: err}}
	}
	x := r.cfg.Client.Begin()
	raised := false
	for range mostAsked {
		req := r.compose(h, uri, contact, x, leave)
		res, err := r.ask(ctx, asker, req)
		if err != nil {
			return unanswered(h, err)
		}
		end := ending{kind: failed, hop: h, code: res.Status, reason: res.Reason, outcome: targets.Outcome{Status: res.Status}}
		end.wait = min(res.seconds("Retry-After"), r.cfg.RetryAfterMost)
		if res.Status >= 300 && r.contact == "" {
			r.asked = false // it has refused, so that there is nothing to take back
		}
		switch {
		case res.Status >= 200 && res.Status < 300:
			return r.accepted(end, req, res, contact, leave)
		case res.Status >= 300 && res.Status < 400:
			end.kind, end.elsewhere = moved, redirections(res)
			return end
		case res.Status == 401 || res.Status == 407:
			if err := r.challenged(x, res); err != nil {
				end.kind, end.err = refused, err
				return end
			}
		case res.Status == 423 && !raised && r.raise(res.seconds("Min-Expires")):
			raised = true
		default:
			end.kind, end.outcome.RetryAfter = severity(res.Status), end.wait
			end.err = fmt.Errorf("%d %s", res.Status, res.Reason)
			return end
		}
	}
	return ending{kind: failed, hop: h, err: errors.New("the registrar asks again and again"), outcome: targets.Outcome{Status: 500}}
}

// ask sends one request, for as long as one may take.
func (r *Registration) ask(ctx context.Context, asker Asker, req Request) (Response, error) {
	limited, cancel := context.WithTimeoutCause(ctx, r.cfg.Ask, ErrSilent)
	defer cancel()
	r.asked, r.hop, r.uri = true, req.Hop, req.URI
	res, err := asker.Ask(limited, req)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return res, ErrSilent // whatever the asker calls it
	}
	return res, err
}

func unanswered(h targets.Hop, err error) ending {
	o := targets.Outcome{Result: targets.Unreachable, Err: err}
	if errors.Is(err, ErrSilent) {
		o.Result = targets.Silent
	}
	return ending{kind: failed, hop: h, err: err, outcome: o}
}

// challenged reads the challenges of a 401 or 407.
func (r *Registration) challenged(x *digest.Exchange, res Response) error {
	name := "WWW-Authenticate"
	if res.Status == 407 {
		name = "Proxy-Authenticate"
	}
	return x.Challenged(res.Status, res.values(name))
}

// severity says whether waiting may cure a refusal. A proxy's 408 and 480 are about the moment.
func severity(status int) kind {
	if status >= 400 && status < 500 && status != 408 && status != 480 && status != 491 || status >= 600 {
		return refused
	}
	return failed
}

// raise takes a Min-Expires (RFC 3261 section 10.2.8), and reports whether it makes a difference.
func (r *Registration) raise(least time.Duration) bool {
	if least <= r.expires || least > longestAsked*time.Second {
		return false
	}
	r.expires = least
	return true
}

// compose writes the next REGISTER.
func (r *Registration) compose(h targets.Hop, uri, contact string, x *digest.Exchange, leave bool) Request {
	r.seq++
	expires := strconv.Itoa(int(r.expires / time.Second))
	bindings := []string{field.Address{URI: contact, Params: append(slices.Clone(r.cfg.Params), field.Param{Name: "expires", Value: expires})}.String()}
	gone := func(contact string) string {
		return field.Address{URI: contact, Params: append(slices.Clone(r.cfg.Params), field.Param{Name: "expires", Value: "0"})}.String()
	}
	switch {
	case leave:
		expires, bindings = "0", []string{gone(cmp.Or(r.contact, contact))}
	case r.contact != "" && r.contact != contact && !r.cfg.Params.Has("reg-id"): // RFC 5626 replaces by the instance
		bindings = append(bindings, gone(r.contact))
	}
	req := Request{
		Hop: h, URI: uri, CallID: r.callID, CSeq: r.seq,
		From: field.Address{URI: r.cfg.AOR, Params: field.Params{{Name: "tag", Value: r.tag}}}.String(),
		To:   field.Address{URI: r.cfg.AOR}.String(),
	}
	for _, route := range r.cfg.Routes {
		req.Headers = append(req.Headers, field.Header{Name: "Route", Value: route})
	}
	supported := "path" // RFC 3327 section 5.1
	if r.cfg.Params.Has("reg-id") {
		supported += ", outbound"
	}
	req.Headers = append(req.Headers, field.Header{Name: "Contact", Value: strings.Join(bindings, ", ")}, field.Header{Name: "Expires", Value: expires}, field.Header{Name: "Supported", Value: supported})
	req.Headers = append(req.Headers, r.cfg.Headers...)
	req.Headers = append(req.Headers, x.Authorize("REGISTER", uri, nil)...)
	return req
}

// accepted reads a 2xx.
func (r *Registration) accepted(end ending, req Request, res Response, contact string, leave bool) ending {
	for _, v := range res.values("Authentication-Info") {
		r.cfg.Client.Info(v, false)
	}
	for _, v := range res.values("Proxy-Authentication-Info") {
		r.cfg.Client.Info(v, true)
	}
	end.wait = 0
	if leave {
		r.contact = ""
		end.kind = bound
		return end
	}
	if end.granted = granted(res, contact, r.cfg.Params, r.expires); end.granted <= 0 {
		end.err = errors.New("registered for no time at all")
		return end
	}
	r.contact = contact
	end.kind = bound
	end.serviceRoute, end.path, end.associated = res.list("Service-Route"), res.list("Path"), res.list("P-Associated-URI")
	return end
}

// granted is how long our binding lives: what the registrar says of our Contact, else in Expires, else what we asked for
// (RFC 3261 section 10.2.4). Registrars that mend NAT write another address into the Contact; then the instance tells, then
// the user, then there being no other.
func granted(res Response, contact string, params field.Params, asked time.Duration) time.Duration {
	mine, _ := field.ParseURI(contact)
	var best *field.Address
	rank := 0
	contacts := res.list("Contact")
	for _, c := range contacts {
		a, err := field.ParseAddress(c)
		if err != nil {
			continue
		}
		u, err := field.ParseURI(a.URI)
		if err != nil {
			continue
		}
		is := 0
		switch instance := params.Value("+sip.instance"); {
		case field.SameURI(u, mine):
			is = 4
		case instance != "" && a.Params.Value("+sip.instance") == instance && a.Params.Value("reg-id") == params.Value("reg-id"):
			is = 3
		case field.Unescape(u.User) == field.Unescape(mine.User):
			is = 2
		case len(contacts) == 1:
			is = 1
		}
		if is > rank {
			best, rank = &a, is
		}
	}
	if best != nil {
		if d, ok := field.Seconds(best.Params.Value("expires")); ok {
			return d
		}
	}
	for _, v := range res.values("Expires") {
		if d, ok := field.Seconds(v); ok {
			return d
		}
	}
	return asked
}

// redirections are the Contacts of a 3xx, by their q (RFC 3261 section 20.10), as Request-URIs.
func redirections(res Response) []string {
	type place struct {
		uri string
		q   float64
	}
	var all []place
	for _, c := range res.list("Contact") {
		a, err := field.ParseAddress(c)
		if err != nil {
			continue
		}
		u, err := field.ParseURI(a.URI)
		if err != nil || u.Scheme == "tel" {
			continue
		}
		q := 1.0
		if v, ok := a.Params.Get("q"); ok {
			if q, err = strconv.ParseFloat(v, 64); err != nil {
				q = 0
			}
		}
		u.Headers = ""
		all = append(all, place{u.String(), q})
	}
	slices.SortStableFunc(all, func(a, b place) int { return cmp.Compare(b.q, a.q) })
	var uris []string
	for _, p := range all {
		uris = append(uris, p.uri)
	}
	return uris
}
