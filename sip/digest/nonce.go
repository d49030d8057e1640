package digest

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"
)

// A nonce is base64url of: 8 bytes of issue time in nanoseconds, 8 random bytes, 16 bytes of HMAC-SHA256 over both.
const (
	nonceBody = 16
	nonceMark = 16
	nonceSize = nonceBody + nonceMark
)

// nonce makes a fresh one.
func (v *Verifier) nonce(now time.Time) string {
	var b [nonceSize]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixNano()))
	_, _ = rand.Read(b[8:nonceBody]) // never fails, says its documentation
	copy(b[nonceBody:], v.mark(b[:nonceBody]))
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func (v *Verifier) mark(body []byte) []byte {
	m := hmac.New(sha256.New, v.secret())
	m.Write([]byte("sip digest nonce\x00" + v.Realm + "\x00"))
	m.Write(body)
	return m.Sum(nil)[:nonceMark]
}

// secret is Secret, or a random one for want of it: with an empty key anybody could make our nonces.
func (v *Verifier) secret() []byte {
	if len(v.Secret) > 0 {
		return v.Secret
	}
	v.once.Do(func() {
		v.forgotten = make([]byte, 32)
		_, _ = rand.Read(v.forgotten) // never fails, says its documentation
	})
	return v.forgotten
}

// issued says when a nonce of ours was made. Any other is stale: perhaps from before the secret was changed.
func (v *Verifier) issued(nonce string, now time.Time) (time.Time, error) {
	var b [nonceSize]byte
	if base64.RawURLEncoding.DecodedLen(len(nonce)) != nonceSize {
		return time.Time{}, fmt.Errorf("%w: not one of ours", ErrStale)
	}
	if _, err := base64.RawURLEncoding.Strict().Decode(b[:], []byte(nonce)); err != nil {
		return time.Time{}, fmt.Errorf("%w: not one of ours", ErrStale)
	}
	if !hmac.Equal(v.mark(b[:nonceBody]), b[nonceBody:]) {
		return time.Time{}, fmt.Errorf("%w: not one of ours", ErrStale)
	}
	at := time.Unix(0, int64(binary.BigEndian.Uint64(b[:8])))
	if now.Sub(at) > v.lifetime() || at.After(now.Add(clockStep)) {
		return time.Time{}, fmt.Errorf("%w: issued at %s", ErrStale, at.Format(time.RFC3339))
	}
	return at, nil
}

// clockStep is how far the system clock may have been set back between challenge and answer.
const clockStep = time.Minute

func (v *Verifier) lifetime() time.Duration {
	if v.Lifetime == 0 {
		return 5 * time.Minute
	}
	return v.Lifetime
}

// uses remembers which counts of which nonces have been seen.
type uses struct {
	seen  map[string]*count
	floor time.Time // nonces issued up to here are no longer told apart, and therefore stale
	tidy  int       // when so many are seen, it is time to forget the old ones
}

// count is the highest nc of a nonce, and which of the 64 below it have been seen: requests overtake each other.
type count struct {
	issued time.Time
	top    uint32
	below  uint64 // bit i: top-i has been seen
}

// use notes that nc of this nonce is used, or refuses. Only verified credentials come here, so a stranger cannot fill it.
func (u *uses) use(nonce string, issued time.Time, nc uint32, limit int, oldest time.Time) error {
	if !issued.After(u.floor) {
		return fmt.Errorf("%w: too many nonces in use", ErrStale)
	}
	c, known := u.seen[nonce]
	if !known {
		if len(u.seen) >= limit {
			u.forget(limit/2, oldest)
		} else if len(u.seen) >= u.tidy {
			u.forget(limit, oldest)
		}
		u.seen[nonce] = &count{issued: issued, top: nc, below: 1}
		return nil
	}
	if !c.take(nc) {
		return fmt.Errorf("%w: count %08x seen before", ErrStale, nc)
	}
	return nil
}

// take is the sliding window of RFC 4303 appendix A2, with a window of 64.
func (c *count) take(nc uint32) bool {
	if nc > c.top {
		if up := nc - c.top; up < 64 {
			c.below = c.below<<up | 1
		} else {
			c.below = 1
		}
		c.top = nc
		return true
	}
	back := c.top - nc
	if back >= 64 || c.below&(1<<back) != 0 {
		return false
	}
	c.below |= 1 << back
	return true
}

// forget drops what is too old to be used anyway, and, when more than keep remain, the oldest of them: raising the floor
// over these refuses them, where forgetting alone would let their counts be replayed. What remains gets a map of its own
// size, and the next tidying is due when that has doubled, so that one costs each nonce little.
func (u *uses) forget(keep int, oldest time.Time) {
	const few = 64
	left := make(map[string]*count)
	var times []time.Time
	for nonce, c := range u.seen {
		if !c.issued.Before(oldest) {
			left[nonce] = c
			times = append(times, c.issued)
		}
	}
	if len(times) > keep {
		slices.SortFunc(times, time.Time.Compare)
		u.floor = times[len(times)-keep-1]
		maps.DeleteFunc(left, func(_ string, c *count) bool { return !c.issued.After(u.floor) })
	}
	u.seen, u.tidy = left, max(few, 2*len(left))
}
