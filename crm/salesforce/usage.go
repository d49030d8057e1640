package salesforce

import (
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// usage watches how much of the org's daily API calls are spent: Sforce-Limit-Info stands in every answer.
type usage struct {
	reserve     float64 // share kept for what is urgent
	used, limit atomic.Int64
	closedUntil atomic.Int64 // Unix nanoseconds: the outbox waits till then
}

// read takes "api-usage=18/5000" out of the header; "per-app-api-usage=…" may stand beside it.
func (u *usage) read(h http.Header) {
	for part := range strings.FieldsFuncSeq(h.Get("Sforce-Limit-Info"), func(c rune) bool { return c == ';' || c == ',' || c == ' ' }) {
		figures, ours := strings.CutPrefix(part, "api-usage=")
		used, limit, both := strings.Cut(figures, "/")
		if !ours || !both {
			continue
		}
		n, err := strconv.ParseUint(used, 10, 40)
		most, err2 := strconv.ParseUint(limit, 10, 40)
		if err == nil && err2 == nil {
			u.used.Store(int64(n))
			u.limit.Store(int64(most))
		}
		return
	}
}

// low reports whether only the reserve is left.
func (u *usage) low() bool {
	limit := u.limit.Load()
	return limit > 0 && float64(u.used.Load()) >= float64(limit)*(1-u.reserve)
}

// breath is how long the outbox waits when calls are few: one collection of 200 a minute still goes out, and brings
// the newest figure back.
const breath = time.Minute

// rest keeps the outbox quiet for a while.
func (u *usage) rest(d time.Duration) { u.closedUntil.Store(time.Now().Add(d).UnixNano()) }

// wait is how long the outbox still has to be quiet.
func (u *usage) wait() time.Duration { return time.Until(time.Unix(0, u.closedUntil.Load())) }
