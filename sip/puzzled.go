package sip

import (
	"net/netip"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// puzzled remembers who was challenged and has not answered yet. A phone that comes back without credentials did not
// understand the challenge: some give up when one of several algorithms is unknown to them. Offering it MD5 alone gives
// nothing away, since MD5 was among the algorithms before. A phone that was helped so is not asked in vain again, or each
// of its calls would fail once.
type puzzled struct {
	mu    sync.Mutex
	since map[asked]time.Time // guarded by mu; who was challenged, and when first
	plain map[asked]time.Time // guarded by mu; who reads MD5 alone, and when that was last seen; without method
}

type asked struct {
	from   netip.Addr
	user   string
	method sip.RequestMethod
}

const (
	puzzledFor = 5 * time.Minute // longer than phones wait before they try to register again
	plainFor   = 24 * time.Hour  // an update may have taught the phone more
	maxPuzzled = 4096
)

func newPuzzled() *puzzled {
	return &puzzled{since: map[asked]time.Time{}, plain: map[asked]time.Time{}}
}

func askedOf(req *sip.Request) asked {
	return asked{flowOf(req).Remote.Addr(), req.From().Address.User, req.Method}
}

// phone is who asks, whatever for.
func (a asked) phone() asked { return asked{from: a.from, user: a.user} }

// readsMD5Alone reports whether a phone is known for that, or has left the same challenge unanswered before. Otherwise, if
// it came without credentials, the challenge that it now gets is noted.
func (p *puzzled) readsMD5Alone(req *sip.Request, bare bool) bool {
	key := askedOf(req)
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.plain[key.phone()]; known {
		return true
	}
	if !bare {
		return false
	}
	if at, yes := p.since[key]; yes {
		if len(p.plain) < maxPuzzled {
			p.plain[key.phone()] = at
		}
		return true
	}
	if len(p.since) < maxPuzzled {
		p.since[key] = time.Now()
	}
	return false
}

func (p *puzzled) understood(req *sip.Request) {
	key := askedOf(req)
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.since, key)
	if _, known := p.plain[key.phone()]; known {
		p.plain[key.phone()] = time.Now()
	}
}

func (p *puzzled) sweep(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for k, t := range p.since {
		if now.Sub(t) > puzzledFor {
			delete(p.since, k)
		}
	}
	for k, t := range p.plain {
		if now.Sub(t) > plainFor {
			delete(p.plain, k)
		}
	}
}
