package store

import (
	"testing"

	"github.com/cordboard/cordboard/call"
)

func TestACallIsInTheHistoryOfEveryoneWhoHadAPartInIt(t *testing.T) {
	s := open(t, t.TempDir()+"/calls.db")
	now := call.NewID()
	s.Ledger().Open(call.Record{ID: now})
	s.Ledger().Close(call.Record{ID: now, Agent: "anna", Customer: call.Party{Agent: "bo"},
		Attempts: []call.Attempt{{Agent: "carl"}, {Agent: "carl"}, {Agent: "anna"}}, Segments: []call.Segment{{Agent: "dina"}}}, nil)
	if err := s.Ledger().Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for agent, want := range map[string]int{"anna": 1, "bo": 1, "carl": 1, "dina": 1, "sue": 0, "": 1} {
		calls, err := s.Recent(t.Context(), Filter{Agent: agent})
		if err != nil || len(calls) != want {
			t.Errorf("%q finds %d calls, want %d (%v)", agent, len(calls), want, err)
		}
	}
}
