package udp

import (
	"context"
	"errors"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"
)

// Whoever sends nothing is asked for by other means, and stays as long as he is there: B11, muted; B12, on hold; B24,
// in a pause that he has announced; and one who only listens. He who is not there any more goes, in each of these states.
func TestB11B12B24ASilentFarSideStaysAsLongAsItIsThere(t *testing.T) {
	for _, c := range []struct {
		name, direction string
		first           uint8 // payload type of what is said at first; 99: nothing
	}{
		{"says nothing from the beginning", "a=sendrecv", 99},
		{"muted after a word", "a=sendrecv", 8},
		{"pauses with comfort noise", "a=sendrecv", 13},
		{"holds us", "a=sendonly", 99},
		{"holds us both ways", "a=inactive", 99},
		{"only listens", "a=recvonly", 99},
	} {
		t.Run(c.name, func(t *testing.T) {
			var asked, gone atomic.Int32
			s := newBench(t).open(Config{Silence: 50 * time.Millisecond, Report: 10 * time.Millisecond, Alive: func(context.Context) bool {
				asked.Add(1)
				return gone.Load() == 0
			}})
			caller := newFar(t, s)
			if _, err := s.Answer(caller.offer(netip.AddrPort{}, c.direction)); err != nil {
				t.Fatal(err)
			}
			if c.first != 99 {
				caller.say(c.first, 70)
			}
			for asked.Load() < 4 { // it is alive for three silences, and asked no more often than it must be
				select {
				case <-s.Done():
					t.Fatalf("given up after %d questions: %v", asked.Load(), s.Err())
				case <-time.After(time.Millisecond):
				}
			}
			gone.Store(1)
			select {
			case <-s.Done():
				if !errors.Is(s.Err(), ErrSilent) {
					t.Error(s.Err())
				}
			case <-time.After(5 * time.Second):
				t.Error("kept for ever")
			}
		})
	}
}

// Who is heard is not asked for: by sound, by comfort noise alone, or by reports alone.
func TestWhoIsHeardIsNotAskedFor(t *testing.T) {
	for _, kind := range []uint8{8, 13} {
		s := newBench(t).open(Config{Silence: time.Second, Report: 10 * time.Millisecond, Alive: func(context.Context) bool {
			t.Error("asked")
			return true
		}})
		caller := newFar(t, s)
		if _, err := s.Answer(caller.offer(netip.AddrPort{})); err != nil {
			t.Fatal(err)
		}
		for range 65 {
			caller.say(kind, 70)
			time.Sleep(20 * time.Millisecond)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Close does not wait for an answer that never comes.
func TestCloseEndsTheQuestion(t *testing.T) {
	asking := make(chan struct{})
	s := newBench(t).open(Config{Silence: 20 * time.Millisecond, Report: 10 * time.Millisecond, Alive: func(ctx context.Context) bool {
		close(asking)
		<-ctx.Done()
		return false
	}})
	if _, err := s.Answer(newFar(t, s).offer(netip.AddrPort{})); err != nil {
		t.Fatal(err)
	}
	<-asking
	began := time.Now()
	if err := s.Close(); err != nil || time.Since(began) > 2*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
	if s.Err() != nil {
		t.Error(s.Err())
	}
}
