package access

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// What a Guard refuses.
var (
	// ErrWrong: no such user or a wrong password; which of the two is not told. HTTP 401.
	ErrWrong = errors.New("wrong user name or password")
	// ErrNoSession: the token is not one of ours, is over, or was logged out. HTTP 401.
	ErrNoSession = errors.New("the session is not valid")
)

// TooMany says that somebody tried too often. HTTP 429 with Retry-After.
type TooMany struct{ RetryAfter time.Duration }

func (e *TooMany) Error() string {
	return fmt.Sprintf("too many attempts; try again in %s", e.RetryAfter.Round(time.Second))
}

// Config is what a Guard needs. Users and Secret are required.
type Config struct {
	Users []User
	// Secret signs sessions and SIP credentials; at least 32 random bytes. Keep it over restarts, and both stay good.
	Secret []byte

	SessionLifetime    time.Duration // 12 h when zero: a working day
	CredentialLifetime time.Duration // of SIP credentials, 2 h when zero; the phone renews them before

	// UserTries is how often somebody may mistype one user's password before having to wait, 5 when zero; one more try
	// comes back every UserEvery, 10 s when zero. A right password forgives.
	UserTries int
	UserEvery time.Duration
	// AddressTries and AddressEvery are the same for one client address (IPv6: one /64), whoever's password: 100 and 1 s
	// when zero, for an office behind one address.
	AddressTries int
	AddressEvery time.Duration
	// Hashing is how many passwords may be compared at once, 4 when zero: each takes 19 MiB.
	Hashing int

	Log     *zap.Logger
	Metrics prometheus.Registerer
}

// Guard lets people and phones in. Its methods are safe for concurrent use.
type Guard struct {
	cfg        Config
	people     atomic.Pointer[people]
	sessionKey []byte
	sipKey     []byte

	byUser    *limits
	byAddress *limits
	hashing   chan struct{} // one token for each password being compared
	revoked   revocations
	metrics   *metrics
}

// New makes a Guard, or reports everything that is wrong with the configuration.
func New(cfg Config) (*Guard, error) {
	err := check(cfg.Users)
	if len(cfg.Secret) < 32 {
		err = errors.Join(err, fmt.Errorf("secret of %d bytes; give at least 32 random ones", len(cfg.Secret)))
	}
	if err != nil {
		return nil, err
	}
	return newGuard(cfg.withDefaults()), nil
}

// Login checks a password, which takes some 30 ms, and opens a session. from is the client's address; the zero Addr is not
// limited. The error is ErrWrong, *TooMany, or the context's cause.
func (g *Guard) Login(ctx context.Context, user, password string, from netip.Addr) (Session, error) {
	return g.login(ctx, user, password, from)
}

// Session is somebody's proof of having logged in.
type Session struct {
	User    User
	Token   string
	Issued  time.Time
	Expires time.Time

	id sessionID
}

// Verify reads a session token. The error wraps ErrNoSession.
func (g *Guard) Verify(token string) (Session, error) { return g.verify(token, time.Now()) }

// Logout ends a session: its token is refused from now on, until this process ends.
func (g *Guard) Logout(s Session) { g.revoked.add(s, time.Now()) }

// User returns the user with this id.
func (g *Guard) User(id string) (User, bool) {
	u, ok := g.people.Load().users[id]
	return u, ok
}

// AOR is the canonical address of record, the user's id, for an id or an extension.
func (g *Guard) AOR(user string) (canonical string, ok bool) {
	return g.people.Load().aor(user)
}

// Replace lets these users in from now on, and nobody else: the sessions and credentials of who is not among them are
// refused, a password that changed counts at once. The error reports everything that is wrong with them; nothing has
// changed then.
func (g *Guard) Replace(users []User) error {
	if err := check(users); err != nil {
		return err
	}
	g.people.Store(newPeople(users))
	return nil
}

// Credentials are a SIP user name and password for digest, good for a short time.
type Credentials struct {
	Username string // "1763841600-9f86d081884c7d65-anna": when they end, of which session, and whose they are
	Password string
	Expires  time.Time
}

// SIPCredentials makes credentials for the phone in a session's page. They end with the session: at its time or at logout.
func (g *Guard) SIPCredentials(s Session) Credentials { return g.credentials(s, time.Now()) }

// Password is the password of a digest user name and the address of record that it may register: of credentials made by
// SIPCredentials while they last, or of a user's id or extension who has a SIPPassword.
func (g *Guard) Password(username string) (password, aor string, ok bool) {
	return g.password(username, time.Now())
}

func (c Config) withDefaults() Config {
	if c.SessionLifetime == 0 {
		c.SessionLifetime = 12 * time.Hour
	}
	if c.CredentialLifetime == 0 {
		c.CredentialLifetime = 2 * time.Hour
	}
	if c.UserTries == 0 {
		c.UserTries = 5
	}
	if c.UserEvery == 0 {
		c.UserEvery = 10 * time.Second
	}
	if c.AddressTries == 0 {
		c.AddressTries = 100
	}
	if c.AddressEvery == 0 {
		c.AddressEvery = time.Second
	}
	if c.Hashing == 0 {
		c.Hashing = 4
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	return c
}

func newGuard(cfg Config) *Guard {
	g := &Guard{
		cfg:        cfg,
		sessionKey: derive(cfg.Secret, "session"),
		sipKey:     derive(cfg.Secret, "sip credentials"),
		byUser:     newLimits(cfg.UserTries, cfg.UserEvery),
		byAddress:  newLimits(cfg.AddressTries, cfg.AddressEvery),
		hashing:    make(chan struct{}, cfg.Hashing),
		metrics:    newMetrics(cfg.Metrics),
	}
	g.people.Store(newPeople(cfg.Users))
	return g
}

// derive makes a key for one purpose, so that what is signed for one is worth nothing for another.
func derive(secret []byte, purpose string) []byte {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte("cordboard " + purpose))
	return m.Sum(nil)
}
