package sip

import (
	"net/netip"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// puzzled remembers who was challenged and has not answered yet. A phone that comes back without credentials did not
// understand the challenge: some give up when one of several algorithms is unknown to them. Offering it MD5 alone gives
// nothing away, since MD5 was among the algorithms before.
type puzzled struct {
	mu    sync.Mutex
	since map[asked]time.Time // guarded by mu
}

type asked struct {
	from   netip.Addr
	user   string
	method sip.RequestMethod
}

const (
	puzzledFor = 5 * time.Minute // longer than phones wait before they try to register again
	maxPuzzled = 4096
)

func newPuzzled() *puzzled { return &puzzled{since: map[asked]time.Time{}} }

func askedOf(req *sip.Request) asked {
	return asked{flowOf(req).Remote.Addr(), req.From().Address.User, req.Method}
}

// again notes a challenge, and reports whether one has been left unanswered before.
func (p *puzzled) again(req *sip.Request) bool {
	key := askedOf(req)
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, yes := p.since[key]; yes {
		return true
	}
	if len(p.since) < maxPuzzled {
		p.since[key] = time.Now()
	}
	return false
}

func (p *puzzled) understood(req *sip.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.since, askedOf(req))
}

func (p *puzzled) sweep(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for k, t := range p.since {
		if now.Sub(t) > puzzledFor {
			delete(p.since, k)
		}
	}
}
