package salesforce

import (
	"net/http"
	"regexp"
	"strconv"
	"sync/atomic"
	"time"
)

// usage watches how much of the org's daily API calls are spent: Sforce-Limit-Info stands in every answer.
type usage struct {
	reserve     float64 // share kept for what is urgent
	used, limit atomic.Int64
	closedUntil atomic.Int64 // Unix nanoseconds: the outbox waits till then
}

var apiUsage = regexp.MustCompile(`(?:^|[^-\w])api-usage=(\d{1,12})/(\d{1,12})`)

func (u *usage) read(h http.Header) {
	m := apiUsage.FindStringSubmatch(h.Get("Sforce-Limit-Info"))
	if m == nil {
		return
	}
	used, _ := strconv.ParseInt(m[1], 10, 64)
	limit, _ := strconv.ParseInt(m[2], 10, 64)
	u.used.Store(used)
	u.limit.Store(limit)
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
