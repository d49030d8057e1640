package routing

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"

	"github.com/cordboard/cordboard/call"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type consultant func(ctx context.Context) (Advice, error)

func (c consultant) Advise(ctx context.Context, _ string, _ Inquiry) (Advice, error) { return c(ctx) }

type house struct{}

func (house) HasQueue(name string) bool              { return name == "Sales" || name == "Service" }
func (house) AgentOfUser(user string) (string, bool) { return "anna", user == "005anna" }

func plan() Plan {
	return Plan{Region: "FI", Exits: []Exit{{Prefix: "+", Trunk: "carrier"}, {Prefix: "+358", Trunk: "home", Shown: "+358293000100"}}, Numbers: map[call.Number]Entry{
		"+358293000100": {To: ToQueue{Queue: "Service"}, Flow: "Smart"},
		"+358293001001": {To: ToAgent{Agent: "anna"}},
		"1001":          {To: ToAgent{Agent: "anna"}},
	}}
}

func router(t *testing.T, c Consultant, s Settings) *Router {
	return New(plan(), house{}, c, s, zaptest.NewLogger(t), prometheus.NewRegistry())
}

func TestAdviceIsCheckedAgainstOurOwnHouse(t *testing.T) {
	for _, c := range []struct {
		name   string
		advice Advice
		want   Decision
		says   string
	}{
		{"nothing", Advice{}, ToQueue{Queue: "Service"}, "continue"},
		{"continue with priority", Advice{Action: Continue, Priority: 5, Language: "fi"}, ToQueue{Queue: "Service", Priority: 5, Language: "fi"}, "priority +5"},
		{"another queue", Advice{Action: Queue, Queue: "Sales", Priority: 2}, ToQueue{Queue: "Sales", Priority: 2}, `queue "Sales"`},
		{"a queue nobody has", Advice{Action: Queue, Queue: "Gold"}, ToQueue{Queue: "Service"}, "does not exist"},
		{"the case's owner", Advice{Action: Agent, UserID: "005anna"}, ToQueue{Queue: "Service", Preferred: "anna", HoldFor: 20 * time.Second}, "agent anna"},
		{"a stranger", Advice{Action: Agent, UserID: "005carl"}, ToQueue{Queue: "Service"}, "no agent here"},
		{"a number", Advice{Action: External, Number: "040 1234567"}, ToNumber{Trunk: "home", Number: "+358401234567", Shown: "+358293000100"}, "number"},
		{"a number abroad", Advice{Action: External, Number: "+46701234567"}, ToNumber{Trunk: "carrier", Number: "+46701234567"}, "number"},
		{"no number at all", Advice{Action: External, Number: "sip:evil@example.org"}, ToQueue{Queue: "Service"}, "no trunk leads"},
		{"an action we do not know", Advice{Action: "explode"}, ToQueue{Queue: "Service"}, "none of continue"},
		{"a priority beyond reason", Advice{Action: Continue, Priority: 1 << 40}, ToQueue{Queue: "Service", Priority: 100}, "+100"},
		{"a very long name", Advice{Action: Queue, Queue: strings.Repeat("x", 1<<20)}, ToQueue{Queue: "Service"}, "does not exist"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := router(t, consultant(func(context.Context) (Advice, error) { return c.advice, nil }), Settings{})
			e, _ := r.Look("+358293000100")
			d, trace, _ := r.Decide(t.Context(), e, Inquiry{Caller: "+358400000001", Called: "+358293000100"})
			if d != c.want || !strings.Contains(trace.Answered, c.says) {
				t.Errorf("decided %v (%q), want %v (…%s…)", d, trace.Answered, c.want, c.says)
			}
			if trace.Asked == "" || trace.Done != d.String() || len(trace.Answered) > 300 {
				t.Errorf("trace %+v", trace)
			}
		})
	}
}

func TestG5_LateAdviceLeavesThePlanWithinTheBudget(t *testing.T) {
	for name, c := range map[string]consultant{
		"slow":                 func(ctx context.Context) (Advice, error) { <-ctx.Done(); return Advice{}, ctx.Err() },
		"deaf to his deadline": func(context.Context) (Advice, error) { time.Sleep(time.Minute); return Advice{}, nil },
		"failing":              func(context.Context) (Advice, error) { return Advice{}, errors.New("503") },
		"panicking":            func(context.Context) (Advice, error) { panic("a fault") },
		"answering in the end": func(context.Context) (Advice, error) {
			time.Sleep(1501 * time.Millisecond)
			return Advice{Priority: 9}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := router(t, c, Settings{})
				e, _ := r.Look("+358293000100")
				start := time.Now()
				d, trace, _ := r.Decide(t.Context(), e, Inquiry{})
				if took := time.Since(start); took > 1500*time.Millisecond {
					t.Errorf("took %v", took)
				}
				r.Close()
				if d != (ToQueue{Queue: "Service"}) || trace.Answered == "" {
					t.Errorf("decided %v, %q", d, trace.Answered)
				}
			})
		})
	}
}

func TestAfterFiveFaultsNobodyIsAskedForHalfAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, ill := 0, true
		r := router(t, consultant(func(context.Context) (Advice, error) {
			asked++
			if ill {
				return Advice{}, errors.New("503")
			}
			return Advice{Priority: 3}, nil
		}), Settings{})
		e, _ := r.Look("+358293000100")
		decide := func() call.Trace { _, trace, _ := r.Decide(t.Context(), e, Inquiry{}); return trace }
		for range 20 {
			decide()
		}
		if asked != 5 {
			t.Errorf("asked %d times, want 5", asked)
		}
		if trace := decide(); !strings.Contains(trace.Answered, "not asked: 5 failures") {
			t.Errorf("the record says %q", trace.Answered)
		}
		ill = false
		time.Sleep(30*time.Second + time.Millisecond)
		if trace := decide(); !strings.Contains(trace.Answered, "+3") {
			t.Errorf("once well again: %q", trace.Answered)
		}
	})
}

func TestACallerWhoHangsUpIsNoFaultOfTheConsultant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := router(t, consultant(func(ctx context.Context) (Advice, error) { <-ctx.Done(); return Advice{}, ctx.Err() }), Settings{})
		e, _ := r.Look("+358293000100")
		for range 10 {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			_, trace, _ := r.Decide(ctx, e, Inquiry{})
			cancel()
			r.Close()
			if !strings.Contains(trace.Answered, "hung up") {
				t.Fatalf("the record says %q", trace.Answered)
			}
		}
	})
}

func TestTheConsultantMayBeAskedByManyAtOnce(t *testing.T) {
	r := router(t, consultant(func(context.Context) (Advice, error) { return Advice{Priority: 1}, nil }), Settings{})
	e, _ := r.Look("+358293000100")
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			if d, _, _ := r.Decide(t.Context(), e, Inquiry{}); d != (ToQueue{Queue: "Service", Priority: 1}) {
				t.Errorf("decided %v", d)
			}
		})
	}
	wg.Wait()
}

func TestNumbersAsPeopleDialThem(t *testing.T) {
	p := plan()
	for dialled, want := range map[string]call.Number{
		"+358293000100":          "+358293000100",
		"0293000100":             "+358293000100",
		"029 300 0100":           "+358293000100",
		"00358 29 300-0100":      "+358293000100",
		"+358 (29) 3000100":      "+358293000100",
		"1001":                   "1001",
		"112":                    "112",
		"0046 70 123 45 67":      "+46701234567",
		"anna":                   "anna",
		"":                       "",
		"+":                      "+",
		strings.Repeat("9", 500): call.Number(strings.Repeat("9", 64)),
	} {
		if got := p.Normal(dialled); got != want {
			t.Errorf("%q is %q, want %q", dialled, string(got), string(want))
		}
	}
}

func TestWhatAnAgentDials(t *testing.T) {
	r := router(t, nil, Settings{})
	for dialled, want := range map[string]Decision{
		"1001":         ToAgent{Agent: "anna"},
		"0293000100":   ToQueue{Queue: "Service"},
		"040 1234567":  ToNumber{Trunk: "home", Number: "+358401234567", Shown: "+358293001001"},
		"+46701234567": ToNumber{Trunk: "carrier", Number: "+46701234567", Shown: "+358293001001"},
	} {
		if d, trace := r.Dial(dialled, "+358293001001"); d != want || trace.Done == "" {
			t.Errorf("%s leads to %v, want %v", dialled, d, want)
		}
	}
	if d, _ := r.Dial("0401234567", ""); d != (ToNumber{Trunk: "home", Number: "+358401234567", Shown: "+358293000100"}) {
		t.Errorf("without a number of her own: %v", d)
	}
	if d, _ := r.Dial("7777", ""); func() bool { _, refused := d.(Refuse); return !refused }() {
		t.Errorf("an unknown extension leads to %v", d)
	}
}

func FuzzNormal(f *testing.F) {
	for _, s := range []string{"+358400000001", "0400", "sip:x@y", "\x00\xff", "++", "1001;ext=5"} {
		f.Add(s)
	}
	p := plan()
	f.Fuzz(func(t *testing.T, s string) {
		n := p.Normal(s)
		if len(n) > 64+16 && len(n) > len(s) {
			t.Errorf("%q grew to %q", s, string(n))
		}
		if again := p.Normal(string(n)); again != n {
			t.Errorf("%q is %q, and that is %q", s, string(n), string(again))
		}
	})
}
