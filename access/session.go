package access

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A token is base64url of: one byte of version, 8 bytes each of issue and end (Unix seconds), 8 random bytes, the user's
// id, and 32 bytes of HMAC-SHA256 over all before. It may stand in a header, a query and a WebSocket subprotocol as it is.
const (
	tokenVersion = 1
	tokenHead    = 1 + 8 + 8 + sessionIDSize
	tokenMark    = sha256.Size
	longestToken = 256

	sessionIDSize = 8
)

type sessionID [sessionIDSize]byte

// issue opens a session.
func (g *Guard) issue(u User, now time.Time) Session {
	s := Session{User: u, Issued: now.Truncate(time.Second)}
	s.Expires = s.Issued.Add(g.cfg.SessionLifetime)
	_, _ = rand.Read(s.id[:]) // never fails, says its documentation
	b := make([]byte, 0, tokenHead+len(u.ID)+tokenMark)
	b = append(b, tokenVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(s.Issued.Unix()))
	b = binary.BigEndian.AppendUint64(b, uint64(s.Expires.Unix()))
	b = append(b, s.id[:]...)
	b = append(b, u.ID...)
	b = append(b, mark(g.sessionKey, b)...)
	s.Token = base64.RawURLEncoding.EncodeToString(b)
	return s
}

func (g *Guard) verify(token string, now time.Time) (Session, error) {
	if len(token) > longestToken {
		return Session{}, fmt.Errorf("%w: token of %d characters", ErrNoSession, len(token))
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) < tokenHead+tokenMark || b[0] != tokenVersion {
		return Session{}, fmt.Errorf("%w: not a token of ours", ErrNoSession)
	}
	body := b[:len(b)-tokenMark]
	if !hmac.Equal(mark(g.sessionKey, body), b[len(body):]) {
		return Session{}, fmt.Errorf("%w: not signed by us", ErrNoSession)
	}
	s := Session{
		Token:   token,
		Issued:  time.Unix(int64(binary.BigEndian.Uint64(body[1:])), 0),
		Expires: time.Unix(int64(binary.BigEndian.Uint64(body[9:])), 0),
		id:      sessionID(body[17:tokenHead]),
	}
	if !now.Before(s.Expires) {
		return Session{}, fmt.Errorf("%w: over since %s; log in again", ErrNoSession, s.Expires.UTC().Format(time.RFC3339))
	}
	var known bool
	if s.User, known = g.User(string(body[tokenHead:])); !known {
		return Session{}, fmt.Errorf("%w: its user is no longer here", ErrNoSession)
	}
	if g.revoked.has(s) {
		return Session{}, fmt.Errorf("%w: logged out; log in again", ErrNoSession)
	}
	return s, nil
}

func mark(key, body []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(body)
	return m.Sum(nil)
}

// revocations remembers who logged out until their token would have ended anyway.
type revocations struct {
	mu    sync.Mutex
	until map[sessionID]Session // guarded by mu
	floor time.Time             // sessions issued up to here are refused, remembered or not; guarded by mu
}

// maxRevoked is some 4 MB.
const maxRevoked = 10_000

func (r *revocations) has(s Session) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, gone := r.until[s.id]
	return gone || !s.Issued.After(r.floor)
}

// hasID is has for who knows the session's id only.
func (r *revocations) hasID(id sessionID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, gone := r.until[id]
	return gone
}

func (r *revocations) add(s Session, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.until == nil {
		r.until = make(map[sessionID]Session)
	}
	if len(r.until) >= maxRevoked {
		r.forget(now)
	}
	s.User, s.Token = User{}, ""
	r.until[s.id] = s
}

// forget drops what has ended, and if that is not enough the older half, whose sessions and all as old then have to log in
// again: better that than a logout undone. r.mu is held.
func (r *revocations) forget(now time.Time) {
	var issued []time.Time
	for id, s := range r.until {
		if !now.Before(s.Expires) {
			delete(r.until, id)
			continue
		}
		issued = append(issued, s.Issued)
	}
	if len(issued) < maxRevoked {
		return
	}
	slices.SortFunc(issued, time.Time.Compare)
	r.floor = issued[len(issued)/2]
	for id, s := range r.until {
		if !s.Issued.After(r.floor) {
			delete(r.until, id)
		}
	}
}

// credentials are made of the signature over a user name that says until when, as in draft-uberti-behave-turn-rest.
func (g *Guard) credentials(s Session, now time.Time) Credentials {
	expires := now.Add(g.cfg.CredentialLifetime).Truncate(time.Second)
	if expires.After(s.Expires) {
		expires = s.Expires
	}
	username := fmt.Sprintf("%d-%x-%s", expires.Unix(), s.id, s.User.ID)
	return Credentials{Username: username, Password: g.sipPassword(username), Expires: expires}
}

func (g *Guard) sipPassword(username string) string {
	return base64.RawURLEncoding.EncodeToString(mark(g.sipKey, []byte(username)))
}

func (g *Guard) password(username string, now time.Time) (password, aor string, ok bool) {
	if len(username) > longestToken {
		return "", "", false
	}
	if t, ok := parseTemporary(username); ok {
		_, known := g.User(t.user)
		if !known || !now.Before(t.expires) || g.revoked.hasID(t.session) {
			return "", "", false
		}
		return g.sipPassword(username), t.user, true
	}
	p := g.people.Load()
	id, ok := p.aor(username)
	if !ok || p.users[id].SIPPassword == "" {
		return "", "", false
	}
	return p.users[id].SIPPassword, id, true
}

// temporary is what the user name of short-lived credentials says.
type temporary struct {
	expires time.Time
	session sessionID
	user    string
}

// parseTemporary reads "<Unix seconds>-<session id in hex>-<user id>", written in no other way than credentials does.
func parseTemporary(username string) (t temporary, ok bool) {
	seconds, rest, _ := strings.Cut(username, "-")
	id, user, ok := strings.Cut(rest, "-")
	n, err := strconv.ParseInt(seconds, 10, 64)
	if !ok || err != nil || n < 0 || strconv.FormatInt(n, 10) != seconds || len(id) != 2*sessionIDSize {
		return temporary{}, false
	}
	if _, err := hex.Decode(t.session[:], []byte(id)); err != nil || fmt.Sprintf("%x", t.session) != id {
		return temporary{}, false
	}
	t.expires, t.user = time.Unix(n, 0), user
	return t, true
}
