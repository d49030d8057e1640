package api

import (
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Bounds of what pages may announce.
const (
	maxIntents      = 20 // of one agent
	maxContext      = 20
	maxContextValue = 500
	intentLifetime  = time.Minute
)

// intents are calls announced and not yet placed.
type intents struct {
	mu      sync.Mutex
	waiting map[string][]waitingIntent // by agent, the oldest first; guarded by mu
}

type waitingIntent struct {
	Intent
	token   string
	expires time.Time
}

func newIntents() *intents { return &intents{waiting: make(map[string][]waitingIntent)} }

// put keeps an intent. When the agent has too many, her oldest goes: an announcement is a courtesy, and its call goes
// through without it.
func (t *intents) put(i Intent, now time.Time) (token string, expires time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	mine := t.waiting[i.Agent]
	if len(mine) >= maxIntents {
		mine = slices.Delete(mine, 0, 1)
	}
	w := waitingIntent{Intent: i, token: rand.Text(), expires: now.Add(intentLifetime)}
	t.waiting[i.Agent] = append(mine, w)
	return w.token, w.expires
}

func (t *intents) take(token, agent string, now time.Time) (Intent, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	mine := t.waiting[agent]
	i := slices.IndexFunc(mine, func(w waitingIntent) bool { return w.token == token })
	if i < 0 {
		return Intent{}, false
	}
	w := mine[i]
	t.waiting[agent] = slices.Delete(mine, i, i+1)
	return w.Intent, !now.After(w.expires)
}

// contextProblem says what is too big in a context, or "".
func contextProblem(context map[string]string) string {
	if len(context) > maxContext {
		return fmt.Sprintf("context has %d entries; send %d at most", len(context), maxContext)
	}
	for k, v := range context {
		if len(k) > 64 || len(v) > maxContextValue {
			return fmt.Sprintf("context %.64q is too long; send names of 64 and values of %d characters at most", k, maxContextValue)
		}
	}
	return ""
}
