package api

import (
	"crypto/rand"
	"fmt"
	"sync"
	"time"
)

// Bounds of what pages may announce.
const (
	maxIntents      = 10_000
	maxContext      = 20
	maxContextValue = 500
	intentLifetime  = time.Minute
)

// intents are calls announced and not yet placed.
type intents struct {
	mu      sync.Mutex
	waiting map[string]waitingIntent // by token; guarded by mu
}

type waitingIntent struct {
	Intent
	expires time.Time
}

func newIntents() *intents { return &intents{waiting: make(map[string]waitingIntent)} }

// put keeps an intent. When there are too many, those of the past go, and if that is not enough, any: an announcement is
// a courtesy, and its call goes through without it.
func (t *intents) put(i Intent, now time.Time) (token string, expires time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) >= maxIntents {
		for k, w := range t.waiting {
			if now.After(w.expires) {
				delete(t.waiting, k)
			}
		}
	}
	for k := range t.waiting {
		if len(t.waiting) < maxIntents {
			break
		}
		delete(t.waiting, k)
	}
	token, expires = rand.Text(), now.Add(intentLifetime)
	t.waiting[token] = waitingIntent{i, expires}
	return token, expires
}

func (t *intents) take(token, agent string, now time.Time) (Intent, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w, ok := t.waiting[token]
	if !ok || w.Agent != agent {
		return Intent{}, false
	}
	delete(t.waiting, token)
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
