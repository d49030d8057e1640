package targets

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// Answer is what became of a question to DNS. The set is closed.
type Answer string

// The answers.
const (
	Answered      Answer = "answered"
	AnsweredStale Answer = "stale" // DNS was silent, and an answer was used that had expired
	AnswerFailed  Answer = "failed"
)

// Family says which addresses may be used. The set is closed.
type Family int

// The families.
const (
	AnyFamily Family = iota
	IPv4Only         // for who has no IPv6 socket
	IPv6Only
)

// mostHops bounds what one target may lead to, whatever its DNS says.
const mostHops = 32

// ResolverConfig says how targets are resolved. The zero value is the machine's DNS.
type ResolverConfig struct {
	DNS    DNS // nil: System
	Family Family
	// Transports are asked for in this order where a target names none (RFC 3263 section 4.1). UDP, TCP when nil. TLS is
	// never chosen unasked, nor left when it is asked for.
	Transports []Transport
	// Rand(n) is a number in [0, n); nil: a random one. It may be called by several goroutines at once.
	Rand func(n int64) int64
	// Told hears what became of each question, for metrics. It must not block.
	Told func(name string, a Answer)
}

// Resolver finds the addresses of targets. One serves all trunks. Safe for concurrent use; Close it.
type Resolver struct {
	cfg   ResolverConfig
	stop  context.CancelFunc
	work  sync.WaitGroup // questions being asked
	srv   *cache[SRV]
	addrs *cache[netip.Addr]
}

// NewResolver makes a resolver.
func NewResolver(cfg ResolverConfig) *Resolver {
	if cfg.DNS == nil {
		cfg.DNS = System{}
	}
	if cfg.Transports == nil {
		cfg.Transports = []Transport{UDP, TCP}
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Int64N
	}
	if cfg.Told == nil {
		cfg.Told = func(string, Answer) {}
	}
	r := &Resolver{cfg: cfg}
	var base context.Context
	base, r.stop = context.WithCancel(context.Background()) // questions outlive the call that asked them
	r.srv = &cache[SRV]{ask: cfg.DNS.SRV, told: cfg.Told, base: base, work: &r.work, names: map[string]*entry[SRV]{}}
	r.addrs = &cache[netip.Addr]{ask: cfg.DNS.Addrs, told: cfg.Told, base: base, work: &r.work, names: map[string]*entry[netip.Addr]{}}
	return r
}

// Close ends all questions and returns when nobody asks any more. Known answers can still be used.
func (r *Resolver) Close() {
	r.srv.close()
	r.addrs.close()
	r.stop()
	r.work.Wait()
}

// Resolve returns the addresses of a target in the order in which they should be tried. It asks DNS for as long as ctx
// lets it, and uses answers that have expired when DNS is silent.
func (r *Resolver) Resolve(ctx context.Context, t Target) ([]Hop, error) {
	stages, err := r.resolve(ctx, t)
	if err != nil {
		return nil, err
	}
	return r.draw(stages), nil
}

// choice is one SRV record, or what stands for one, with its addresses.
type choice struct {
	priority, weight uint16
	hops             []Hop
}

func (c choice) rank() (priority, weight uint16) { return c.priority, c.weight }

// draw puts the choices of each stage in an order. A stage is a transport.
func (r *Resolver) draw(stages [][]choice) []Hop {
	var hops []Hop
	for _, stage := range stages {
		for _, c := range ordered(stage, choice.rank, r.cfg.Rand) {
			for _, h := range c.hops {
				if !slices.Contains(hops, h) && len(hops) < mostHops {
					hops = append(hops, h)
				}
			}
		}
	}
	return hops
}

// resolve is RFC 3263 section 4 without NAPTR.
func (r *Resolver) resolve(ctx context.Context, t Target) ([][]choice, error) {
	network := t.Transport
	if network == "" {
		network = UDP // section 4.1: a numeric address or a port leave no question open
	}
	port := t.Port
	if port == 0 {
		port = portOf(network)
	}
	if a, err := netip.ParseAddr(t.Host); err == nil {
		if !r.usable(a) {
			return nil, fmt.Errorf("%s: %w: there is no socket of its family", t, ErrNowhere)
		}
		return [][]choice{{{hops: []Hop{{network, netip.AddrPortFrom(a.Unmap(), port), t.Host}}}}}, nil
	}
	if t.Port == 0 {
		stages, err := r.bySRV(ctx, t)
		if err != nil || len(stages) > 0 {
			return stages, err
		}
	}
	hops, err := r.hops(ctx, t.Host, network, port, t.Host)
	if err != nil {
		return nil, fmt.Errorf("resolve %s: %w", t, err)
	}
	return [][]choice{{{hops: hops}}}, nil
}

// bySRV asks for the records of each transport that may be used. No stage and no error: there are no records. A name
// server that cannot answer for SRV is no reason to give up, because the addresses may be known.
func (r *Resolver) bySRV(ctx context.Context, t Target) ([][]choice, error) {
	networks := r.cfg.Transports
	if t.Transport != "" {
		networks = []Transport{t.Transport}
	}
	stages, refused := make([][]choice, len(networks)), make([]bool, len(networks))
	each(len(networks), func(i int) {
		stages[i], refused[i] = r.records(ctx, t.Host, networks[i])
	})
	if slices.Contains(refused, true) && !slices.ContainsFunc(stages, func(s []choice) bool { return len(s) > 0 }) {
		return nil, fmt.Errorf("%s: %w: its SRV records say that there is no SIP service", t, ErrNowhere)
	}
	return slices.DeleteFunc(stages, func(s []choice) bool { return len(s) == 0 }), nil
}

// records are the SRV records of one transport with their addresses; refused says that the only one is "." (RFC 2782).
func (r *Resolver) records(ctx context.Context, host string, network Transport) (choices []choice, refused bool) {
	found, err := r.srv.get(ctx, serviceOf(network)+strings.TrimSuffix(host, ".")+".")
	if err != nil {
		return nil, false
	}
	if len(found) == 1 && found[0].Host == "." {
		return nil, true
	}
	found = found[:min(len(found), mostHops)]
	choices = make([]choice, len(found))
	each(len(found), func(i int) {
		hops, err := r.hops(ctx, found[i].Host, network, found[i].Port, host)
		if err == nil { // one record that leads nowhere does not stop the others
			choices[i] = choice{found[i].Priority, found[i].Weight, hops}
		}
	})
	return slices.DeleteFunc(choices, func(c choice) bool { return len(c.hops) == 0 }), false
}

func serviceOf(network Transport) string {
	switch network {
	case UDP:
		return "_sip._udp."
	case TCP:
		return "_sip._tcp."
	case TLS:
		return "_sips._tcp."
	}
	return ""
}

// hops are all addresses of a host.
func (r *Resolver) hops(ctx context.Context, host string, network Transport, port uint16, named string) ([]Hop, error) {
	addrs := []netip.Addr{}
	if a, err := netip.ParseAddr(strings.TrimSuffix(host, ".")); err == nil {
		addrs = append(addrs, a) // no valid SRV target, but it is clear what is meant
	} else if addrs, err = r.addrs.get(ctx, host); err != nil {
		return nil, err
	}
	var hops []Hop
	for _, a := range addrs {
		if r.usable(a) {
			hops = append(hops, Hop{network, netip.AddrPortFrom(a.Unmap(), port), named})
		}
	}
	if len(hops) == 0 {
		return nil, ErrNowhere
	}
	return hops, nil
}

func (r *Resolver) usable(a netip.Addr) bool {
	a = a.Unmap()
	switch {
	case !a.IsValid() || a.IsUnspecified() || a.IsMulticast():
		return false
	case r.cfg.Family == IPv4Only:
		return a.Is4()
	case r.cfg.Family == IPv6Only:
		return a.Is6()
	}
	return true
}

// each calls f for 0 … n-1 at once and waits.
func each(n int, f func(i int)) {
	if n == 1 {
		f(0)
		return
	}
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}

// within bounds how long DNS may be waited for.
func within(ctx context.Context, budget time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, budget, errBudget)
}

var errBudget = errors.New("DNS did not answer in time")
