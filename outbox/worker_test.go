package outbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"pgregory.net/rapid"

	"github.com/cordboard/cordboard/outbox"
	"github.com/cordboard/cordboard/outbox/outboxtest"
)

// far is the other side: what has been delivered, and how.
type far struct {
	answer func(m outbox.Message) error // nil: all is well
	took   time.Duration

	mu      sync.Mutex
	records map[string]map[string]any
	batches [][]string
	at      []time.Time
	flying  map[string]bool
	twice   []string
}

func newFar() *far { return &far{records: map[string]map[string]any{}, flying: map[string]bool{}} }

func (f *far) Deliver(ctx context.Context, messages []outbox.Message) []error {
	errs := make([]error, len(messages))
	f.mu.Lock()
	var keys []string
	for _, m := range messages {
		if f.flying[m.Key] {
			f.twice = append(f.twice, m.Key)
		}
		f.flying[m.Key] = true
		keys = append(keys, m.Key)
	}
	f.batches, f.at = append(f.batches, keys), append(f.at, time.Now())
	f.mu.Unlock()
	if f.took > 0 {
		select {
		case <-time.After(f.took):
		case <-ctx.Done():
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, m := range messages {
		delete(f.flying, m.Key)
		if f.answer != nil {
			errs[i] = f.answer(m)
		}
		if errs[i] != nil && !errors.Is(errs[i], errLost) {
			continue
		}
		if f.records[m.Key] == nil {
			f.records[m.Key] = map[string]any{}
		}
		var body map[string]any
		if json.Unmarshal(m.Body, &body) == nil {
			maps.Copy(f.records[m.Key], body)
		}
	}
	return errs
}

// errLost is an answer that did not come back from a write that was done.
var errLost = errors.New("connection reset")

func task(key, body string) outbox.Message {
	return outbox.Message{Kind: "task", Key: key, Body: json.RawMessage(body)}
}

func start(t *testing.T, rows outbox.Rows, f outbox.Courier, set outbox.Settings) *outbox.Worker {
	w := outbox.New(rows, map[string]outbox.Courier{"task": f}, set, zap.NewNop())
	go w.Run(t.Context())
	return w
}

func put(t *testing.T, rows *outboxtest.Memory, messages ...outbox.Message) {
	t.Helper()
	if err := rows.Put(t.Context(), messages...); err != nil {
		t.Fatal(err)
	}
}

func TestWhatEndsTogetherTravelsTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows, f := outboxtest.NewMemory(), newFar()
		w := start(t, rows, f, outbox.Settings{Fill: 100 * time.Millisecond})
		defer w.Close()
		synctest.Wait() // it has looked, and found nothing
		began := time.Now()
		for i := range 150 {
			put(t, rows, task(fmt.Sprint(i), `{"a":1}`))
		}
		if err := w.Idle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(f.batches) != 1 || len(f.batches[0]) != 150 || time.Since(began) > 200*time.Millisecond {
			t.Errorf("%d deliveries, after %v", len(f.batches), time.Since(began))
		}
		for i := range 500 {
			put(t, rows, task(fmt.Sprint(i), `{"a":2}`))
		}
		if err := w.Idle(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, b := range f.batches {
			if len(b) > 200 {
				t.Errorf("a batch of %d", len(b))
			}
		}
	})
}

func TestNewsOfARecordUnderWayFollowsItAndNeverOvertakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows, f := outboxtest.NewMemory(), newFar()
		f.took = 10 * time.Second
		w := start(t, rows, f, outbox.Settings{Parallel: 4})
		defer w.Close()
		put(t, rows, task("call", `{"Subject":"one","Status":"Completed"}`))
		time.Sleep(5 * time.Second)
		put(t, rows, task("call", `{"Subject":"two"}`))
		put(t, rows, task("call", `{"Wait":65}`))
		if err := w.Idle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(f.records["call"]); got != "map[Status:Completed Subject:two Wait:65]" || len(f.batches) != 2 || f.twice != nil {
			t.Errorf("%s in %d deliveries, at the same time %v", got, len(f.batches), f.twice)
		}
	})
}

func TestALatePatchTravelsWithTheRowThatWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows, f := outboxtest.NewMemory(), newFar()
		w := start(t, rows, f, outbox.Settings{})
		defer w.Close()
		first := task("call", `{"Subject":"one"}`)
		first.NotBefore = time.Now().Add(8 * time.Second)
		put(t, rows, first)
		time.Sleep(3 * time.Second)
		late := task("call", `{"Wait":65}`)
		late.NotBefore = first.NotBefore
		put(t, rows, late)
		began := time.Now()
		if err := w.Idle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); len(f.batches) != 1 || took < 5*time.Second || took > 6*time.Second {
			t.Errorf("%d deliveries after %v", len(f.batches), took)
		}
	})
}

func TestG4_APoisonousRowIsParkedAndBlocksNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows, f := outboxtest.NewMemory(), newFar()
		f.answer = func(m outbox.Message) error {
			switch m.Key {
			case "poison":
				return outbox.Permanent(errors.New("no such field"))
			case "doubtful":
				return outbox.Limited(errors.New("an unexpected error"), 3)
			}
			return nil
		}
		reg := prometheus.NewRegistry()
		w := start(t, rows, f, outbox.Settings{Metrics: outbox.NewMetrics(reg)})
		defer w.Close()
		put(t, rows, task("poison", `{"a":1}`), task("good", `{"a":1}`), task("doubtful", `{"a":1}`))
		if err := w.Idle(t.Context()); err != nil {
			t.Fatal(err)
		}
		tries := strings.Count(fmt.Sprint(f.batches), "doubtful")
		if f.records["good"] == nil || tries != 3 || strings.Count(fmt.Sprint(f.batches), "poison") != 1 {
			t.Errorf("delivered %v in %v", f.records, f.batches)
		}
		time.Sleep(6 * time.Second) // the figures are looked at every 5 s
		synctest.Wait()
		want := map[string]float64{"cordboard_outbox_parked": 2, "cordboard_outbox_pending": 0, "cordboard_outbox_oldest_seconds": 0}
		for name, value := range want {
			if got := gauge(t, reg, name); got != value {
				t.Errorf("%s is %v, want %v", name, got, value)
			}
		}
		f.answer = nil // the operator has added the field
		if n, err := rows.Requeue(t.Context(), "task", ""); n != 2 || err != nil {
			t.Errorf("requeued %d, %v", n, err)
		}
		if err := w.Idle(t.Context()); err != nil || f.records["poison"] == nil {
			t.Errorf("after the cure: %v, %v", f.records, err)
		}
	})
}

func gauge(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("there is no %s", name)
	return 0
}

func TestPausesGrowToFiveMinutesAndLaterIsTakenAtItsWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows, f := outboxtest.NewMemory(), newFar()
		f.answer = func(outbox.Message) error { return errors.New("503") }
		w := start(t, rows, f, outbox.Settings{})
		defer w.Close()
		put(t, rows, task("call", `{"a":1}`))
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		f.mu.Lock()
		at := f.at
		f.answer = func(outbox.Message) error { return outbox.Later(errors.New("quota"), 40*time.Minute) }
		f.mu.Unlock()
		if len(at) < 25 || len(at) > 60 {
			t.Errorf("%d deliveries in two hours", len(at))
		}
		for i, want := 1, time.Second; i < len(at); i, want = i+1, min(2*want, 5*time.Minute) {
			if gap := at[i].Sub(at[i-1]); gap < want/2 || gap > want+time.Second {
				t.Errorf("pause %d is %v, want about %v", i, gap, want)
			}
		}
		time.Sleep(6 * time.Minute)
		synctest.Wait()
		before := len(f.at)
		f.answer = nil
		began := time.Now()
		if err := w.Idle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); len(f.at) != before+1 || took < 30*time.Minute || took > 41*time.Minute {
			t.Errorf("%d deliveries after %v", len(f.at)-before, took)
		}
	})
}

func TestADeliveryThatHangsStopsNeitherTheOthersNorTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows := outboxtest.NewMemory()
		hang := courier(func(ctx context.Context, m []outbox.Message) []error {
			if m[0].Key == "slow" {
				<-ctx.Done()
				return []error{ctx.Err()}
			}
			return make([]error, len(m))
		})
		w := start(t, rows, hang, outbox.Settings{})
		put(t, rows, task("slow", `{"a":1}`))
		time.Sleep(time.Second)
		began := time.Now()
		for i := range 10 {
			put(t, rows, task(fmt.Sprint(i), `{"a":1}`))
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if s, _ := rows.Stats(t.Context()); s.Pending != 1 {
			t.Errorf("%d wait after %v", s.Pending, time.Since(began))
		}
		began = time.Now()
		w.Close()
		if time.Since(began) > time.Second {
			t.Errorf("the end took %v", time.Since(began))
		}
		w.Run(t.Context()) // after Close it does nothing
	})
}

type courier func(context.Context, []outbox.Message) []error

func (c courier) Deliver(ctx context.Context, m []outbox.Message) []error { return c(ctx, m) }

func TestACourierThatPanicsOrSaysTooLittleIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows := outboxtest.NewMemory()
		var mu sync.Mutex
		turn := 0
		odd := courier(func(_ context.Context, m []outbox.Message) []error {
			mu.Lock()
			defer mu.Unlock()
			turn++
			switch turn {
			case 1:
				panic("nil map")
			case 2:
				return nil
			}
			return make([]error, len(m)+3)
		})
		w := start(t, rows, odd, outbox.Settings{})
		defer w.Close()
		put(t, rows, task("a", `{"a":1}`), task("b", `{"a":1}`))
		if err := w.Idle(t.Context()); err != nil || turn < 3 {
			t.Errorf("%d turns, %v", turn, err)
		}
	})
}

// TestEverythingArrivesAtLeastOnceAndEndsRight: whatever the other side does, and however often we are started again.
func TestEverythingArrivesAtLeastOnceAndEndsRight(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		seed := rapid.Uint64().Draw(r, "seed")
		lives := rapid.IntRange(1, 4).Draw(r, "lives")
		keys := rapid.IntRange(1, 20).Draw(r, "keys")
		news := rapid.IntRange(1, 60).Draw(r, "news")
		batch := rapid.IntRange(1, 10).Draw(r, "batch")
		took := time.Duration(rapid.IntRange(0, 3000).Draw(r, "ms")) * time.Millisecond
		var failure string
		synctest.Test(t, func(t *testing.T) {
			failure = story(t, rand.New(rand.NewPCG(seed, 1)), lives, keys, news, outbox.Settings{Batch: batch}, took)
		})
		if failure != "" {
			r.Fatal(failure)
		}
	})
}

func story(t *testing.T, dice *rand.Rand, lives, keys, news int, set outbox.Settings, took time.Duration) string {
	rows, f := outboxtest.NewMemory(), newFar()
	f.took = took
	moods := rand.New(rand.NewPCG(dice.Uint64(), 2)) // used under f.mu only
	f.answer = func(outbox.Message) error {
		return []error{nil, nil, nil, errLost, errors.New("503"), outbox.Later(errors.New("403"), time.Second),
			outbox.Limited(errors.New("500"), 50)}[moods.IntN(7)]
	}
	want := map[string]map[string]any{}
	var w *outbox.Worker
	for life := range lives {
		w = start(t, rows, f, set)
		for i := range news {
			key := fmt.Sprint(dice.IntN(keys))
			field := string(rune('a' + dice.IntN(4)))
			if want[key] == nil {
				want[key] = map[string]any{}
			}
			want[key][field] = float64(life*news + i)
			put(t, rows, task(key, fmt.Sprintf(`{%q:%d}`, field, life*news+i)))
			time.Sleep(time.Duration(dice.IntN(500)) * time.Millisecond)
		}
		if life < lives-1 {
			w.Close()
			if err := rows.Restart(); err != nil {
				return err.Error()
			}
		}
	}
	f.mu.Lock()
	f.answer = nil
	f.mu.Unlock()
	defer w.Close()
	if err := w.Idle(t.Context()); err != nil {
		return err.Error()
	}
	if len(f.twice) > 0 {
		return fmt.Sprintf("under way twice: %v", f.twice)
	}
	if got, want := fmt.Sprint(f.records), fmt.Sprint(want); got != want {
		return fmt.Sprintf("outside %s\nwant    %s", got, want)
	}
	return ""
}

func FuzzMerge(f *testing.F) {
	f.Add([]byte(`{"a":1}`), []byte(`{"a":null,"b":[1]}`))
	f.Add([]byte(`null`), []byte(`{}`))
	f.Add([]byte(``), []byte(`{"a":{"b":1}}`))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		joined, err := outbox.Merge(a, b)
		if err != nil || task("k", string(b)).Check() != nil {
			return
		}
		if err := task("k", string(joined)).Check(); err != nil {
			t.Errorf("%s + %s = %s: %v", a, b, joined, err)
		}
	})
}
