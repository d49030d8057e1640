package ice

import (
	"fmt"
	"testing"
	"time"
)

const us, them, alsoThem = "192.0.2.1:8189", "198.51.100.7:40000", "203.0.113.9:50000"

func TestAPathIsThereAfterOneRoundTripAndNominatedAfterTwo(t *testing.T) {
	for _, leads := range []bool{true, false} {
		t.Run(fmt.Sprintf("controlling %v", leads), func(t *testing.T) {
			w := newWorld(t)
			we, they := w.end("we", 1, leads, us), w.end("they", 2, !leads, them)
			began := w.now
			they.knows(we, us)
			we.knows(they, them)
			if !w.until(time.Second, func() bool { return we.State() == Connected }) {
				t.Fatal("no path")
			}
			we.wantPath(them)
			if took := w.now.Sub(began); took > 2*w.delay {
				t.Fatalf("a path took %s, the round trip is %s", took, 2*w.delay)
			}
			if !w.until(time.Second, func() bool { return we.chosen() && they.chosen() }) {
				t.Fatal("nothing was nominated")
			}
			if took := w.now.Sub(began); took > 4*w.delay {
				t.Fatalf("the nomination took %s", took)
			}
			they.wantPath(us)
		})
	}
}

func TestChecksAreAnsweredAndRememberedBeforeTheDescriptionIsKnown(t *testing.T) {
	w := newWorld(t)
	we, they := w.end("we", 1, true, us), w.end("they", 2, false, them)
	they.knows(we, us) // it has our offer; its answer is under way
	w.run(50 * time.Millisecond)
	if they.State() != Connected || we.State() != New {
		t.Fatal(they.State(), we.State())
	}
	if got := w.sent(us, them); len(got) != 1 || got[0].kind != bindingSuccess {
		t.Fatalf("%d messages before we could check: %+v", len(got), got)
	}
	we.knows(they) // no candidate that we could reach, as behind mDNS
	got := w.sent(us, them)
	if len(got) != 2 || got[1].kind != bindingRequest || !got[1].useCandidate {
		t.Fatalf("no check at once, or without a nomination: %+v", got)
	}
	if !w.until(2*w.delay+time.Millisecond, we.chosen) || !they.chosen() {
		t.Fatal("the first check did not nominate")
	}
}

func TestAConflictOfRolesIsSettledWhoeverNotices(t *testing.T) {
	for _, both := range []bool{true, false} {
		for _, ours := range []uint64{1, 3} {
			for _, first := range []string{"we", "they"} {
				t.Run(fmt.Sprintf("both controlling %v, our tie-breaker %d of 2, %s first", both, ours, first), func(t *testing.T) {
					w := newWorld(t)
					we, they := w.end("we", 1, both, us), w.end("they", 2, both, them)
					we.tieBreaker, they.tieBreaker = ours, 2
					if first == "we" {
						we.knows(they, them)
						w.run(5 * time.Millisecond)
						they.knows(we, us)
					} else {
						they.knows(we, us)
						w.run(5 * time.Millisecond)
						we.knows(they, them)
					}
					if !w.until(2*time.Second, func() bool { return we.chosen() && they.chosen() }) {
						t.Fatal("nothing was nominated", we.State(), they.State())
					}
					if we.leads == they.leads {
						t.Fatal("both are in the same role")
					}
				})
			}
		}
	}
}

func TestALitePeerMakesUsControlling(t *testing.T) {
	w := newWorld(t)
	we, they := w.end("we", 1, false, us), w.end("they", 2, false, them)
	r := they.remote(them)
	r.Lite = true
	we.begin(r) // they never learn about us, so that they only answer
	if !w.until(time.Second, we.chosen) || !we.leads {
		t.Fatal("not nominated")
	}
	w.run(5 * time.Minute)
	if we.State() != Connected {
		t.Fatal("its answers do not keep the path alive:", we.State())
	}
}

func TestAllCandidatesAreCheckedAtOnceWithinBounds(t *testing.T) {
	w := newWorld(t)
	we, they := w.end("we", 1, true, us), w.end("they", 2, false, them)
	var candidates []string
	for i := range 2 * maxPairs {
		candidates = append(candidates, fmt.Sprintf("203.0.113.%d:1000", i))
	}
	we.knows(they, candidates...)
	if len(w.seen) != burst {
		t.Fatalf("%d checks at once", len(w.seen))
	}
	w.run(99 * time.Millisecond)
	if got := len(w.seen); got != burst+4 { // 20, 40, 60, 80 ms
		t.Fatalf("%d checks before the first is repeated", got)
	}
	w.run(time.Minute)
	if got := len(w.seen); got != maxPairs*tries {
		t.Fatalf("%d checks to those who never answer", got)
	}
	if len(we.current.pairs) != maxPairs {
		t.Fatalf("%d pairs", len(we.current.pairs))
	}
	if !we.Next().IsZero() {
		t.Fatal("there is something left to do")
	}
}

func TestWhatIsLostIsRepeatedSoon(t *testing.T) {
	w := newWorld(t)
	we, they := w.end("we", 1, true, us), w.end("they", 2, false, them)
	began, n := w.now, 0
	w.lost = func(packet) bool { n++; return n <= 2 } // of each side the first
	they.knows(we, us)
	we.knows(they, them)
	if !w.until(5*time.Second, func() bool { return we.chosen() && they.chosen() }) {
		t.Fatal("not nominated")
	}
	if took := w.now.Sub(began); took > retransmit+4*w.delay {
		t.Fatal("it took", took)
	}
}

func TestTheFirstPairThatWorksIsNominatedAndABetterOneOnlySoonAfter(t *testing.T) {
	for name, c := range map[string]struct {
		late   time.Duration // of the better pair
		once   bool
		better bool
	}{
		"soon":                       {300 * time.Millisecond, false, true},
		"too late":                   {patience + 500*time.Millisecond, false, false},
		"soon, but the peer is ice2": {300 * time.Millisecond, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			we, they := w.end("we", 1, true, us), w.end("they", 2, false, them, alsoThem)
			opens := w.now.Add(c.late)
			w.lost = func(p packet) bool { return p.to.String() == them && w.now.Before(opens) }
			r := they.remote(them, alsoThem)
			r.Once = c.once
			we.begin(r)
			if !w.until(time.Second, we.chosen) {
				t.Fatal("not nominated")
			}
			we.wantPath(alsoThem)
			w.run(5 * time.Second)
			if c.better {
				we.wantPath(them)
			} else {
				we.wantPath(alsoThem)
			}
		})
	}
}

func TestAsControlledWeTakeTheNominatedPairOfTheHighestPriority(t *testing.T) {
	w := newWorld(t)
	we, they := w.end("we", 1, false, us), w.end("they", 2, true, alsoThem)
	they.live(them)
	we.knows(they, them, alsoThem)
	they.knows(we, us)
	if !w.until(time.Second, we.chosen) {
		t.Fatal("not nominated")
	}
	we.wantPath(alsoThem)
	they.at[0], they.at[1] = they.at[1], they.at[0] // and now it nominates the better one, as browsers do
	they.current.selected, they.current.nominee = nil, nil
	they.recheck(they.current, they.current.pairs[0], w.now, &they.out)
	they.flush()
	w.run(time.Second)
	we.wantPath(them)
}
