package sip

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/emiago/sipgo/sip"
	"go.uber.org/zap"

	"github.com/cordboard/cordboard/sip/field"
	"github.com/cordboard/cordboard/sip/registration"
	"github.com/cordboard/cordboard/sip/targets"
)

// newRegistration keeps a trunk registered at its targets (RFC 3261 section 10.2).
func (t *trunk) newRegistration() *registration.Registration {
	domain := t.Domain
	if domain == "" {
		domain = t.Targets[0].Host
	}
	return registration.New(registration.Config{
		AOR:     field.URI{Scheme: "sip", User: field.EscapeUser(t.Register.User), Host: domain}.String(),
		Contact: t.contactAt, Places: t.targets, Client: t.client, Expires: t.Register.Expires,
		Timeouts: registration.Timeouts{Goodbye: t.e.cfg.Timeouts.Goodbye}, Told: t.registrationIs,
	})
}

// contactAt is where a registrar sends our calls.
func (t *trunk) contactAt(h targets.Hop) (string, error) {
	to := t.hop(h)
	local, err := t.e.local(to)
	if err != nil {
		return "", err
	}
	u := field.URI{Scheme: "sip", User: field.EscapeUser(t.Register.User), Host: local.Addr().String(), Port: int(local.Port())}
	if to.network != "udp" {
		u.Params = field.Params{{Name: "transport", Value: to.network}}
	}
	return u.String(), nil
}

// registrationIs tells the log of what an operator would tell a colleague.
func (t *trunk) registrationIs(s registration.Status) {
	if s.State == t.told.State && s.Code == t.told.Code && s.Hop == t.told.Hop {
		return // refreshed, or the next of many attempts
	}
	t.told = s
	fields := []zap.Field{zap.String("state", string(s.State)), zap.Stringer("hop", s.Hop), zap.Int("status", s.Code), zap.Error(s.Err)}
	switch s.State {
	case registration.Registered:
		t.log.Info("trunk registered", append(fields, zap.Duration("for", s.Granted))...)
	case registration.Refused:
		t.log.Error("trunk is refused by its registrar", fields...)
	case registration.Waiting:
		t.log.Warn("trunk is not registered", fields...)
	case registration.Stopped:
		t.log.Info("trunk registration ended", fields...)
	case registration.Asking:
	}
}

// shift is a time of being open, between the start or a Reopen and a Drain.
type shift struct {
	open   context.Context // ends with the drain
	close  context.CancelFunc
	resume chan struct{} // closed by Reopen
}

func newShift(base context.Context) *shift {
	s := &shift{resume: make(chan struct{})}
	s.open, s.close = context.WithCancel(base)
	return s
}

// deregister takes the bindings of all trunks back.
func (e *Endpoint) deregister() { e.shiftNow().close() }

// registerAgain undoes deregister.
func (e *Endpoint) registerAgain() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if before := e.shift; before.open.Err() != nil {
		e.shift = newShift(e.base)
		close(before.resume)
	}
}

func (e *Endpoint) shiftNow() *shift {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.shift
}

// keepRegistered keeps the trunk registered while the endpoint is open, and takes the binding back in the end.
func (t *trunk) keepRegistered() {
	for t.life.Err() == nil {
		now := t.e.shiftNow()
		ctx, cancel := context.WithCancel(t.life)
		stop := context.AfterFunc(now.open, cancel)
		t.registration.Run(ctx, asker{t})
		stop()
		cancel()
		select {
		case <-t.life.Done():
		case <-now.resume:
		}
	}
}

// asker sends the requests of a registration.
type asker struct{ *trunk }

// Ask sends one REGISTER and waits for its final response.
func (a asker) Ask(ctx context.Context, r registration.Request) (registration.Response, error) {
	req, err := a.compose(r)
	if err != nil {
		return registration.Response{}, err
	}
	res, err := a.e.ask(ctx, req, a.hop(r.Hop))
	if err != nil {
		if o, known := outcomeOf(err); known && o.Result == targets.Silent {
			err = fmt.Errorf("%w: %w", registration.ErrSilent, err)
		}
		return registration.Response{}, err
	}
	out := registration.Response{Status: res.StatusCode, Reason: res.Reason}
	for _, h := range res.Headers() {
		out.Headers = append(out.Headers, field.Header{Name: h.Name(), Value: h.Value()})
	}
	return out, nil
}

func (a asker) compose(r registration.Request) (*sip.Request, error) {
	var uri sip.Uri
	var from sip.FromHeader
	var to sip.ToHeader
	err := sip.ParseUri(r.URI, &uri)
	if err == nil {
		from.DisplayName, err = sip.ParseAddressValue(r.From, &from.Address, &from.Params)
	}
	if err == nil {
		to.DisplayName, err = sip.ParseAddressValue(r.To, &to.Address, &to.Params)
	}
	if err != nil {
		return nil, fmt.Errorf("compose REGISTER: %w", err)
	}
	req := sip.NewRequest(sip.REGISTER, uri)
	req.AppendHeader(&from)
	req.AppendHeader(&to)
	callID := sip.CallIDHeader(r.CallID)
	req.AppendHeader(&callID)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: r.CSeq, MethodName: sip.REGISTER})
	hops := sip.MaxForwardsHeader(70)
	req.AppendHeader(&hops)
	req.AppendHeader(sip.NewHeader("User-Agent", a.e.cfg.UserAgent))
	for _, h := range r.Headers {
		req.AppendHeader(sip.NewHeader(h.Name, clean(h.Value)))
	}
	req.SetBody(nil)
	return req, nil
}

// registered is what the registrar told us, while we are registered.
func (t *trunk) registered() (registration.Status, bool) {
	if t.registration == nil {
		return registration.Status{}, false
	}
	s := t.registration.Status()
	return s, s.State == registration.Registered
}

var errServiceRoute = errors.New("the Service-Route leads nowhere")

// byRegistration puts first where we are registered: a carrier may know us there only. A Service-Route is the way that it
// wants (RFC 3608 section 6.2).
func (t *trunk) byRegistration(ctx context.Context, hops []targets.Hop) ([]targets.Hop, []sip.Uri, error) {
	s, ok := t.registered()
	if !ok {
		return hops, nil, nil
	}
	if len(s.ServiceRoute) == 0 {
		if i := slices.Index(hops, s.Hop); i > 0 && t.targets.Health(s.Hop) != targets.Down {
			hops = slices.Insert(slices.Delete(slices.Clone(hops), i, i+1), 0, s.Hop)
		}
		return hops, nil, nil
	}
	var routes []sip.Uri
	for _, r := range s.ServiceRoute {
		var uri sip.Uri
		if _, err := sip.ParseAddressValue(r, &uri, &sip.HeaderParams{}); err != nil {
			return nil, nil, fmt.Errorf("%w: %w", errServiceRoute, err)
		}
		routes = append(routes, uri)
	}
	hops, err := t.targets.Locate(ctx, routes[0].String())
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errServiceRoute, err)
	}
	return hops, routes, nil
}
