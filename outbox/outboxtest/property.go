package outboxtest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/cordboard/cordboard/outbox"
)

// House is outbox.Rows with the doors around them.
type House interface {
	outbox.Rows
	Put(ctx context.Context, messages ...outbox.Message) error
	Requeue(ctx context.Context, kind, key string) (int, error)
	// Restart is a process that died and came back: leases are gone.
	Restart() error
}

// Deliveries is the property of every House, to be given to rapid.Check: whatever the order of news, deliveries, lost
// answers, refusals and restarts, no key is ever under way twice, every message is delivered at least once, and in the
// end the remote side is what it would be had all messages arrived in order.
func Deliveries(open func(t *rapid.T) House) func(t *rapid.T) {
	return func(t *rapid.T) {
		m := &model{house: open(t), ctx: context.Background(), now: time.Now().Add(time.Hour),
			want: map[string]fields{}, remote: map[string]fields{}, live: map[string]flying{}}
		t.Repeat(map[string]func(*rapid.T){
			"put":     m.put,
			"lease":   m.lease,
			"settle":  m.settle,
			"stale":   m.stale,
			"restart": m.restart,
			"requeue": m.requeue,
			"wait":    func(t *rapid.T) { m.now = m.now.Add(time.Duration(rapid.IntRange(1, 200).Draw(t, "s")) * time.Second) },
			"":        m.check,
		})
		m.drain(t)
	}
}

type fields map[string]any

type flying struct {
	row   outbox.Row
	until time.Time
}

// model is what must be true of the house. Its clock runs ahead of the house's own, so that pauses pass.
type model struct {
	house  House
	ctx    context.Context
	now    time.Time
	serial int
	want   map[string]fields // by key: all messages, merged in order
	remote map[string]fields // by key: all deliveries, merged in order
	live   map[string]flying // by key: leases that have neither been settled nor run out
	lost   []outbox.Row      // leases that another has followed
}

const (
	kind = "task"
	hold = time.Minute
)

func (m *model) put(t *rapid.T) {
	var messages []outbox.Message
	for range rapid.IntRange(1, 4).Draw(t, "messages") {
		key := rapid.SampledFrom([]string{"a", "b", "c'; --"}).Draw(t, "key")
		m.serial++
		body := fields{rapid.SampledFrom([]string{"Subject", "Status", "WhoId"}).Draw(t, "field"): fmt.Sprint(m.serial)}
		if rapid.Bool().Draw(t, "null") {
			body["Late"] = nil
		} else {
			body["Late"] = m.serial
		}
		text, err := json.Marshal(body)
		must(t, err)
		messages = append(messages, outbox.Message{Kind: kind, Key: key, Body: text})
		m.want[key] = lay(m.want[key], text)
	}
	must(t, m.house.Put(m.ctx, messages...))
}

// lay merges a body over what stands, as the remote side does.
func lay(over fields, body json.RawMessage) fields {
	if over == nil {
		over = fields{}
	}
	var f fields
	if err := json.Unmarshal(body, &f); err != nil {
		panic(err)
	}
	maps.Copy(over, f)
	return over
}

func (m *model) lease(t *rapid.T) {
	rows, _, err := m.house.Lease(m.ctx, kind, m.now, rapid.IntRange(1, 5).Draw(t, "limit"), hold)
	must(t, err)
	for _, r := range rows {
		if f, twice := m.live[r.Key]; twice && f.until.After(m.now) {
			t.Fatalf("%q is under way twice", r.Key)
		}
		if f, before := m.live[r.Key]; before {
			m.lost = append(m.lost, f.row)
		}
		m.live[r.Key] = flying{r, m.now.Add(hold)}
	}
}

// settle delivers one row that is under way, or fails to, and says so, or does not.
func (m *model) settle(t *rapid.T) {
	if len(m.live) == 0 {
		return
	}
	key := rapid.SampledFrom(slices.Sorted(maps.Keys(m.live))).Draw(t, "key") // sorted: rapid repeats what it has seen
	f := m.live[key]
	holds := f.until.After(m.now) // a lease that ran out delivers nothing any more
	what := rapid.SampledFrom([]string{"delivered", "answer lost", "refused", "parked"}).Draw(t, "what")
	s := outbox.Settled{Row: f.row, Outcome: outbox.Retry, Due: m.now.Add(time.Second), Counted: true, Reason: what}
	switch what {
	case "delivered":
		if holds {
			s.Outcome = outbox.Delivered
		}
	case "parked":
		s.Outcome = outbox.Park
	}
	if holds && (what == "delivered" || what == "answer lost") {
		m.remote[key] = lay(m.remote[key], f.row.Body)
	}
	must(t, m.house.Settle(m.ctx, []outbox.Settled{s}))
	delete(m.live, key)
}

// stale settles a lease that was lost long ago: nothing may come of it.
func (m *model) stale(t *rapid.T) {
	if len(m.lost) == 0 {
		return
	}
	outcome := rapid.SampledFrom([]outbox.Outcome{outbox.Delivered, outbox.Park, outbox.Retry}).Draw(t, "outcome")
	row := rapid.SampledFrom(m.lost).Draw(t, "lost")
	must(t, m.house.Settle(m.ctx, []outbox.Settled{{Row: row, Outcome: outcome, Due: m.now}}))
}

func (m *model) restart(t *rapid.T) {
	must(t, m.house.Restart())
	for _, key := range slices.Sorted(maps.Keys(m.live)) {
		m.lost = append(m.lost, m.live[key].row)
	}
	m.live = map[string]flying{}
}

func (m *model) requeue(t *rapid.T) {
	_, err := m.house.Requeue(m.ctx, kind, "")
	must(t, err)
}

func (m *model) check(t *rapid.T) {
	stats, err := m.house.Stats(m.ctx)
	must(t, err)
	for key, want := range m.want {
		if same(want, m.remote[key]) {
			continue
		}
		if stats.Pending+stats.Parked == 0 {
			t.Fatalf("%q is %v outside, should be %v, and nothing waits", key, m.remote[key], want)
		}
	}
}

// drain lets everything through and compares.
func (m *model) drain(t *rapid.T) {
	m.restart(t)
	m.requeue(t)
	for range 20 {
		m.now = m.now.Add(time.Hour)
		rows, _, err := m.house.Lease(m.ctx, kind, m.now, 100, hold)
		must(t, err)
		for _, r := range rows {
			m.remote[r.Key] = lay(m.remote[r.Key], r.Body)
			must(t, m.house.Settle(m.ctx, []outbox.Settled{{Row: r}}))
		}
	}
	stats, err := m.house.Stats(m.ctx)
	must(t, err)
	if stats.Pending+stats.Parked != 0 {
		t.Fatalf("still there: %+v", stats)
	}
	for key, want := range m.want {
		if !same(want, m.remote[key]) {
			t.Fatalf("%q is %v outside, should be %v", key, m.remote[key], want)
		}
	}
}

func same(a, b fields) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

func must(t *rapid.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
