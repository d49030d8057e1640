package access

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.uber.org/zap"
	"golang.org/x/time/rate"
)

// longestPassword bounds what is hashed for a stranger.
const longestPassword = 256

func (g *Guard) login(ctx context.Context, user, password string, from netip.Addr) (Session, error) {
	now := time.Now()
	id := strings.TrimSpace(user)
	if canonical, ok := g.AOR(id); ok {
		id = canonical
	} else if canonical, ok := g.AOR(strings.ToLower(id)); ok { // telephones like to begin with a capital
		id = canonical
	}
	if wait := max(g.byAddress.take(addressKey(from), now), g.byUser.take(userKey(id), now)); wait > 0 {
		g.metrics.logins.WithLabelValues("limited").Inc()
		return Session{}, &TooMany{RetryAfter: wait}
	}
	right, err := g.compare(ctx, id, password)
	if err != nil {
		return Session{}, err
	}
	if !right {
		g.metrics.logins.WithLabelValues("wrong").Inc()
		g.cfg.Log.Info("login refused", zap.String("user", clip(id)), zap.Stringer("from", from))
		return Session{}, ErrWrong
	}
	g.byUser.forgive(userKey(id))
	g.metrics.logins.WithLabelValues("ok").Inc()
	g.cfg.Log.Info("login", zap.String("user", id), zap.Stringer("from", from))
	u, known := g.User(id)
	if !known { // taken out while the password was compared
		return Session{}, ErrWrong
	}
	return g.issue(u, now), nil
}

// compare takes the same time whether there is such a user or not.
func (g *Guard) compare(ctx context.Context, id, password string) (bool, error) {
	select {
	case g.hashing <- struct{}{}:
		defer func() { <-g.hashing }()
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
	h, known := g.people.Load().hashes[id]
	if !known || len(password) > longestPassword {
		h, known = decoy(), false
		password = password[:min(len(password), longestPassword)]
	}
	return h.matches(password) && known, nil
}

// userKey is bounded, whatever somebody types as a user name.
func userKey(id string) string { return clip(strings.ToLower(id)) }

func clip(s string) string { return s[:min(len(s), 64)] }

// addressKey is the address, or for IPv6 its /64, of which one household has all.
func addressKey(a netip.Addr) string {
	switch a = a.Unmap(); {
	case !a.IsValid():
		return ""
	case a.Is6():
		p, _ := a.Prefix(64) // valid for every IPv6 address
		return p.Addr().String()
	}
	return a.String()
}

// limits counts tries by key. It forgets keys whose tries have all come back, and when it is full of others, all of them
// share one limit.
type limits struct {
	burst int
	every time.Duration

	mu      sync.Mutex
	byKey   map[string]*rate.Limiter // guarded by mu
	shared  *rate.Limiter            // guarded by mu
	sweepAt time.Time                // guarded by mu
}

// maxKeys is some 2 MB.
const maxKeys = 10_000

func newLimits(burst int, every time.Duration) *limits {
	return &limits{burst: burst, every: every, byKey: make(map[string]*rate.Limiter),
		shared: rate.NewLimiter(rate.Every(every), burst)}
}

// take uses up one try, or says how long to wait for the next. An empty key is not limited.
func (l *limits) take(key string, now time.Time) (wait time.Duration) {
	if key == "" {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	limiter := l.limiter(key, now)
	r := limiter.ReserveN(now, 1)
	if wait = r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// limiter is the key's own, or the shared one. l.mu is held.
func (l *limits) limiter(key string, now time.Time) *rate.Limiter {
	if own, ok := l.byKey[key]; ok {
		return own
	}
	if len(l.byKey) >= maxKeys && !now.Before(l.sweepAt) {
		l.sweepAt = now.Add(l.every) // earlier there is hardly anything to find, and a flood must not make us search
		for k, other := range l.byKey {
			if other.TokensAt(now) >= float64(l.burst) {
				delete(l.byKey, k)
			}
		}
	}
	if len(l.byKey) >= maxKeys {
		return l.shared
	}
	own := rate.NewLimiter(rate.Every(l.every), l.burst)
	l.byKey[key] = own
	return own
}

// forgive gives all tries back.
func (l *limits) forgive(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.byKey, key)
}

type metrics struct {
	logins *prometheus.CounterVec // result: ok, wrong, limited
}

func newMetrics(reg prometheus.Registerer) *metrics {
	return &metrics{logins: promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
		Name: "cordboard_logins_total", Help: "Attempts to log in, by result.",
	}, []string{"result"})}
}
