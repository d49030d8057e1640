package gateway

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/internal/lab"
)

// Draining refuses who comes new and still finds an agent for who has been waiting.
func TestG1_WhoWaitsInTheQueueIsServedWhileTheGatewayDrains(t *testing.T) {
	h := openHouse(t, demoHouse("127.0.0.1:9"))
	carrier := h.carrier(lab.PCMA())
	waits := h.dial(carrier, mainNumber, lab.CallOptions{})
	waits.MustAnswer(t, patience)
	drained := make(chan error, 1)
	go func() { drained <- h.Drain(h.soon()) }()
	h.eventually("draining", func() bool { return h.ready() != nil })
	anna := h.phone("anna", lab.PCMA())
	rung := h.rings(anna, 0)
	if err := rung.Answer(h.soon()); err != nil {
		t.Fatal(err)
	}
	if end := h.dial(carrier, mainNumber, lab.CallOptions{}).MustEnd(t, patience); end.Status != 503 {
		t.Errorf("a new call ended with %v", end)
	}
	if err := waits.Bye(h.soon()); err != nil {
		t.Fatal(err)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
}

// A part that does not end keeps nobody from ending what comes after it: above all the last rows reach the disk.
func TestClosePassesByAPartThatDoesNotEnd(t *testing.T) {
	h := openHouse(t, demoHouse("127.0.0.1:9"))
	release := make(chan struct{})
	h.opened("a part that hangs", func(context.Context) error { <-release; return nil })
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- h.Gateway.Close(ctx) }()
	select {
	case err := <-done:
		if err == nil || !strings.Contains(err.Error(), "a part that hangs") {
			t.Errorf("close: %v", err)
		}
	case <-time.After(patience):
		t.Error("close hangs as well")
	}
	close(release)
	if _, err := h.store.Get(context.Background(), call.NewID()); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("the store is still open: %v", err)
	}
}
