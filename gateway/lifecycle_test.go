package gateway

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"

	"github.com/cordboard/cordboard/configs"
	"github.com/cordboard/cordboard/internal/lab"
)

// Whatever cannot be opened is named, and nothing of what was opened before stays open.
func TestAStartThatFailsLeavesNothingOpen(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("no folder, no key, no sound"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		spoil func(*configs.Config)
		want  string
	}{
		{func(c *configs.Config) { c.Node.DataDir = filepath.Join(file, "data") }, "data"},
		{func(c *configs.Config) { c.HTTP.Listen = tcp.Addr().String() }, "http.listen"},
		{func(c *configs.Config) { c.Salesforce.Simulator.Listen = tcp.Addr().String() }, "salesforce.simulator.listen"},
		{func(c *configs.Config) {
			c.Salesforce.Simulator, c.Salesforce.LoginURL, c.Salesforce.PrivateKeyFile = configs.Simulator{}, "https://login.invalid", file
		}, "salesforce.private_key_file"},
		{func(c *configs.Config) { c.Agents[0].PasswordHash = "no hash" }, "agents"},
		{func(c *configs.Config) { c.RTP.Address = "nowhere" }, "rtp.address"},
		{func(c *configs.Config) { c.WebRTC.Listen = udp.LocalAddr().String() }, "webrtc.listen"},
		{func(c *configs.Config) { c.Sounds.Music = file }, "sounds.music"},
		{func(c *configs.Config) { c.Queues[0].Welcome = "missing.wav" }, "queues[0].welcome"},
		{func(c *configs.Config) { c.SIP.Advertise = "nowhere" }, "sip.advertise"},
		{func(c *configs.Config) { c.SIP.UDP = []string{udp.LocalAddr().String()} }, "sip"},
		{func(c *configs.Config) { c.SIP.TCP = []string{tcp.Addr().String()} }, "sip"},
	} {
		t.Run(c.want, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			config := demoHouse("127.0.0.1:9")
			free, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			config.HTTP.Listen = free.Addr().String()
			free.Close()
			c.spoil(config)
			g, err := Start(t.Context(), config, zaptest.NewLogger(t))
			if err == nil {
				ctx, cancel := context.WithTimeout(context.Background(), CloseTimeout)
				defer cancel()
				_ = g.Close(ctx)
				t.Fatal("it started")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error does not name %s: %v", c.want, err)
			}
			if again, err := net.Listen("tcp", config.HTTP.Listen); err == nil {
				again.Close()
			} else if config.HTTP.Listen != tcp.Addr().String() {
				t.Errorf("the HTTP address is still taken: %v", err)
			}
			goleak.VerifyNone(t, before)
		})
	}
}

// Draining lets a call end by itself; a new one is sent elsewhere meanwhile.
func TestG1_DrainWaitsForTheCallsThatAreUp(t *testing.T) {
	h := openHouse(t, demoHouse("127.0.0.1:9"))
	customer, anna := h.talk(lab.PCMA(), lab.PCMA())
	h.refuseCalls()
	if err := h.takeCalls(); err != nil { // a drain by the API can be taken back …
		t.Fatal(err)
	}
	waits := h.dial(h.carrier(lab.PCMA()), mainNumber, lab.CallOptions{})
	waits.MustAnswer(t, patience)
	if err := waits.Bye(h.soon()); err != nil {
		t.Fatal(err)
	}
	drained := make(chan error, 1)
	go func() { drained <- h.Drain(h.soon()) }()
	h.until("it is not ready", func() bool { return h.ready() != nil })
	if e := h.dial(h.carrier(lab.PCMA()), mainNumber, lab.CallOptions{}).MustEnd(t, patience); e.Status != 503 {
		t.Errorf("a new call: %v", e)
	}
	if err := h.takeCalls(); err == nil { // … one that ends the gateway cannot
		t.Error("it takes calls again")
	}
	customer.Ear().MustHear(t, annasTone, patience, 500*time.Millisecond)
	if err := anna.Bye(h.soon()); err != nil {
		t.Fatal(err)
	}
	customer.MustEnd(t, patience)
	if err := <-drained; err != nil {
		t.Errorf("drain: %v", err)
	}
}
