package sip

import (
	"context"
	"fmt"
	"net/netip"
	"reflect"
	"slices"

	"github.com/emiago/sipgo/sip"
	"go.uber.org/zap"

	"github.com/cordboard/cordboard/sip/digest"
	"github.com/cordboard/cordboard/sip/limits"
	"github.com/cordboard/cordboard/sip/registration"
	"github.com/cordboard/cordboard/sip/targets"
)

// trunk is a line to the world as it runs: what was configured, and what has been learned since.
type trunk struct {
	*Trunk
	e       *Endpoint
	log     *zap.Logger
	targets *targets.Targets // nil: for incoming calls only
	client  *digest.Client   // answers the challenges of its far side
	limits  *limits.Limits

	registration *registration.Registration // nil: it needs none
	told         registration.Status        // what was logged last; owned by registration.Run

	life   context.Context // ends when a reload replaces the trunk, or the endpoint closes
	stop   context.CancelFunc
	before *trunk        // whose place it takes at a reload; nil: nobody's
	gone   chan struct{} // closed when its binding was taken back
}

// trunksFrom makes the trunks of a configuration. One that is as it was before goes on; fresh are the others, still to be
// run. After an error nothing has begun.
func (e *Endpoint) trunksFrom(all []Trunk, before []*trunk) (now, fresh []*trunk, err error) {
	for _, c := range all {
		if _, err := limits.New(c.Limits); err != nil {
			return nil, nil, fmt.Errorf("trunk %s: limits: %w", c.Name, err)
		}
	}
	for _, c := range slices.Clone(all) {
		c.Timer = c.Timer.withDefaults()
		var old *trunk
		if i := slices.IndexFunc(before, func(t *trunk) bool { return t.Name == c.Name }); i >= 0 {
			old = before[i]
		}
		if old != nil && reflect.DeepEqual(*old.Trunk, c) {
			now = append(now, old)
			continue
		}
		t := e.newTrunk(&c, old)
		now, fresh = append(now, t), append(fresh, t)
	}
	return now, fresh, nil
}

// newTrunk makes a trunk, which run looks after.
func (e *Endpoint) newTrunk(c *Trunk, before *trunk) *trunk {
	t := &trunk{
		Trunk: c, e: e, log: e.log.With(zap.String("trunk", c.Name)), before: before, gone: make(chan struct{}),
		client: &digest.Client{Username: c.Username, Password: c.Password},
	}
	if before != nil {
		t.limits = before.limits // its calls are counted on
	} else {
		t.limits = &limits.Limits{}
	}
	t.life, t.stop = context.WithCancel(e.lines)
	if len(c.Targets) > 0 {
		t.targets = targets.New(targets.Config{
			Targets: c.Targets, Resolver: e.resolver, Probe: targets.Probe{Interval: c.Probe},
			Told: targets.Told{Changed: t.changed, Known: func(h targets.Hop, known bool) { e.sources.hop(t, h.Addr.Addr(), known) }},
		})
	}
	if c.Register.Expires > 0 && t.targets != nil {
		t.registration = t.newRegistration()
	}
	return t
}

// openTrunks makes and runs the trunks of the configuration.
func (e *Endpoint) openTrunks() error {
	e.resolver = targets.NewResolver(targets.ResolverConfig{DNS: e.cfg.DNS, Family: e.family(), Told: e.metrics.resolved})
	all, _, err := e.trunksFrom(e.cfg.Trunks, nil)
	if err != nil {
		return err
	}
	k, err := e.readKeys(all)
	if err != nil {
		return err
	}
	e.keys.Store(k)
	e.sources.configured.Store(newNetworks(all, e.cfg.PhoneNetworks))
	e.cfg.Metrics.MustRegister(newGauges(e))
	return nil
}

// run probes the trunk's hops, and keeps their names resolved and the trunk registered, until it is stopped.
func (t *trunk) run() {
	e, before := t.e, t.before
	t.before = nil
	_ = t.limits.Change(t.Trunk.Limits) // checked by trunksFrom
	if t.targets != nil {
		e.run(func() { t.targets.Watch(t.life, t.probe) })
	}
	if t.registration == nil {
		close(t.gone)
		return
	}
	e.registrations.Add(1)
	registered := e.run(func() {
		defer e.registrations.Done()
		defer close(t.gone)
		if before != nil { // taken back later, its binding would be ours
			<-before.gone
		}
		t.keepRegistered()
	})
	if !registered {
		e.registrations.Done()
	}
}

// family is which addresses can be reached: those of the listeners' families, because answers come to a listener.
func (e *Endpoint) family() targets.Family {
	four, six := false, false
	for _, l := range e.listeners {
		a := l.addr.Addr()
		six = six || a.Is6()
		four = four || a.Is4() || a.IsUnspecified()
	}
	switch {
	case four && !six:
		return targets.IPv4Only
	case six && !four:
		return targets.IPv6Only
	}
	return targets.AnyFamily
}

// changed says that a hop was taken out of use, or is used again.
func (t *trunk) changed(h targets.Hop, now targets.Health, why targets.Outcome) {
	fields := []zap.Field{zap.Stringer("hop", h), zap.Int("status", why.Status), zap.Error(why.Err)}
	if now == targets.Down {
		t.log.Warn("trunk does not answer", fields...)
		return
	}
	t.log.Info("trunk answers again", fields...)
}

// plan is where a call of this trunk is sent, in this order, and by which route.
func (t *trunk) plan(ctx context.Context) ([]targets.Hop, []sip.Uri, error) {
	tries, err := t.targets.Plan(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("trunk %s: %w", t.Name, err)
	}
	hops := make([]targets.Hop, 0, len(tries))
	for _, try := range tries {
		hops = append(hops, try.Hop)
	}
	hops, routes, err := t.byRegistration(ctx, hops)
	if err != nil {
		return nil, nil, fmt.Errorf("trunk %s: %w", t.Name, err)
	}
	return hops, routes, nil
}

// hop is a hop of a plan as requests are sent to it.
func (t *trunk) hop(h targets.Hop) hop {
	return hop{network: string(h.Transport), remote: h.Addr, host: h.Host, trunk: t}
}

// probe asks a hop whether it lives.
func (t *trunk) probe(ctx context.Context, to targets.Hop) targets.Outcome {
	h := t.hop(to)
	host, port := t.addressee(to)
	res, err := t.e.ask(ctx, t.e.optionsTo(sipURI("", host, port), h), h)
	if err != nil {
		if o, known := outcomeOf(err); known {
			return o
		}
		return targets.Outcome{Result: targets.Silent, Err: err} // ctx has ended
	}
	return targets.Outcome{Status: res.StatusCode, RetryAfter: retryAfter(headersOf(res), res.StatusCode)}
}

// addressee is the host and port of a Request-URI by way of a hop: as configured, whatever DNS made of it; port 0 is none.
func (t *trunk) addressee(h targets.Hop) (host string, port int) {
	if t.Domain != "" {
		return t.Domain, 0
	}
	for _, c := range t.Targets {
		if c.Host == h.Host {
			return c.Host, int(c.Port)
		}
	}
	return h.Host, 0
}

// TrunkStatus is a trunk as people see it.
type TrunkStatus struct {
	Name        string
	Calls, Most int              // how many there are, and may be; Most 0: any number
	Hops        []targets.Status // none: it is for incoming calls only, or its name could not be resolved
	// Registration is how it is registered at its carrier; nil: it need not be.
	Registration *registration.Status
}

// Trunks says how the trunks stand, in the order of the configuration.
func (e *Endpoint) Trunks() []TrunkStatus {
	trunks := e.sources.configured.Load().trunks
	all := make([]TrunkStatus, 0, len(trunks))
	for _, t := range trunks {
		s := TrunkStatus{Name: t.Name}
		s.Calls, s.Most = t.limits.Active()
		if t.targets != nil {
			s.Hops = t.targets.Statuses()
		}
		if t.registration != nil {
			r := t.registration.Status()
			s.Registration = &r
		}
		all = append(all, s)
	}
	return all
}

// literal reports whether a target is an address and not a name.
func literal(t targets.Target) (netip.Addr, bool) {
	a, err := netip.ParseAddr(t.Host)
	return a.Unmap(), err == nil
}
