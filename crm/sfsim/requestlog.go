package sfsim

import (
	"sync"
	"time"
)

// Request is one line of the log of API calls.
type Request struct {
	At           time.Time `json:"at"`
	Method       string    `json:"method"`
	Path         string    `json:"path"` // with the query
	Status       int       `json:"status"`
	Milliseconds float64   `json:"ms"`
	Dropped      bool      `json:"dropped,omitempty"` // the answer was withheld
	Faulted      bool      `json:"faulted,omitempty"` // a fault fell on it
}

const keptRequests = 2000 // a ring: a load test must not fill the memory

// requestLog keeps the last requests.
type requestLog struct {
	mu    sync.Mutex
	ring  []Request // guarded by mu
	total int       // guarded by mu
}

func newRequestLog() *requestLog { return &requestLog{} }

func (l *requestLog) add(r Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.ring) < keptRequests {
		l.ring = append(l.ring, r)
	} else {
		l.ring[l.total%keptRequests] = r
	}
	l.total++
}

func (l *requestLog) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ring, l.total = nil, 0
}

// list returns the kept requests, oldest first.
func (l *requestLog) list() []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]Request, 0, len(l.ring))
	if l.total > keptRequests {
		at := l.total % keptRequests
		out = append(out, l.ring[at:]...)
		return append(out, l.ring[:at]...)
	}
	return append(out, l.ring...)
}

// Requests returns the last API requests, oldest first.
func (o *Org) Requests() []Request { return o.requests.list() }
