package gateway

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cordboard/cordboard/configs"
	"github.com/cordboard/cordboard/internal/lab"
)

// What a customer hears is one stream for life, from the music in the queue over the agent and the hold to the end: one
// SSRC, every sequence number once and in order, a clock that runs by the wall. Some exchanges stop forwarding a stream
// that begins anew.
func TestWhatACustomerHearsIsOneStreamForLife(t *testing.T) {
	for _, c := range []struct {
		name    string
		browser lab.Format
	}{{"passed through", lab.PCMA()}, {"transcoded", lab.PCMU()}} {
		t.Run(c.name, func(t *testing.T) {
			cfg := demoHouse("127.0.0.1:9")
			first := 16384 + 2*rand.IntN(8000)
			cfg.RTP.Ports = configs.Ports{From: first, To: first + 39}
			h := openHouse(t, cfg)
			anna, carrier := h.phone("anna", c.browser), h.carrier(lab.PCMA())
			late := ""
			for call := range 5 { // this machine has other work too: a fault of ours is there every time
				wire := h.capture(cfg.RTP.Ports)
				customer := h.wholeCall(carrier, anna, call)
				packets, ok := wire.end()
				if !ok {
					t.Log("tshark does not capture here: looking at what the customer's end received")
					packets = received(customer.Ear())
				}
				checkNumbers(t, packets)
				if late = lateness(t, packets); late == "" {
					return
				}
			}
			t.Error(late)
		})
	}
}

// wholeCall is a second or more each of music in the queue, agent, music on hold, and agent again; her n-th call.
func (h *house) wholeCall(carrier *lab.Trunk, anna *lab.Browser, n int) *lab.Call {
	h.t.Helper()
	customer := h.dial(carrier, mainNumber, lab.CallOptions{Sound: lab.Tone(440, -16)})
	rung := h.rings(anna, n)
	customer.MustAnswer(h.t, patience)
	h.eventually("music in the queue", func() bool { r := customer.Ear().Report(); return r.Packets > 60 && r.Level > -50 })
	if err := rung.Answer(h.soon()); err != nil {
		h.t.Fatal(err)
	}
	h.connected(rung)
	rung.Say(lab.Tone(annasTone, -16))
	customer.Ear().MustHear(h.t, annasTone, patience, time.Second)
	if err := rung.Hold(h.soon()); err != nil {
		h.t.Fatal(err)
	}
	h.eventually("music on hold", func() bool { return !customer.Ear().Hears(annasTone, 100*time.Millisecond) })
	customer.Ear().MustNotHear(h.t, annasTone, time.Second)
	if err := rung.Resume(h.soon()); err != nil {
		h.t.Fatal(err)
	}
	customer.Ear().MustHear(h.t, annasTone, patience, time.Second)
	if err := customer.Bye(h.soon()); err != nil {
		h.t.Fatal(err)
	}
	rung.MustEnd(h.t, patience)
	return customer
}

// seen is one RTP packet on its way to the customer.
type seen struct {
	at        time.Duration // since any moment
	ssrc      uint64
	sequence  uint16
	timestamp uint32
}

func received(e *lab.Ear) []seen {
	var all []seen
	packets := e.Packets()
	for _, p := range packets {
		all = append(all, seen{p.At.Sub(packets[0].At), uint64(p.SSRC), p.Sequence, p.Timestamp})
	}
	return all
}

// checkNumbers looks at every packet: one SSRC, each sequence number once and in order, timestamps that only grow.
func checkNumbers(t *testing.T, all []seen) {
	t.Helper()
	if len(all) < 200 {
		t.Fatalf("%d packets, want some seconds of them", len(all))
	}
	for i, p := range all[1:] {
		before := all[i]
		if p.ssrc != before.ssrc {
			t.Fatalf("packet %d: SSRC %x after %x", i+1, p.ssrc, before.ssrc)
		}
		if p.sequence != before.sequence+1 {
			t.Errorf("packet %d: sequence %d after %d", i+1, p.sequence, before.sequence)
		}
		if int32(p.timestamp-before.timestamp) <= 0 {
			t.Errorf("packet %d: timestamp %d after %d", i+1, p.timestamp, before.timestamp)
		}
	}
}

// lateness says what is wrong with the times, empty if nothing is: timestamps run by the wall clock, and no silence is
// longer than a jitter buffer.
func lateness(t *testing.T, all []seen) string {
	t.Helper()
	const rate = 8000
	var offs, gaps []time.Duration
	for i, p := range all {
		clock := time.Duration(p.timestamp-all[0].timestamp) * time.Second / rate
		offs = append(offs, p.at-all[0].at-clock)
		if i > 0 {
			gaps = append(gaps, p.at-all[i-1].at)
		}
	}
	usual := percentile(offs, 50)
	for i, off := range offs {
		offs[i] = (off - usual).Abs()
	}
	off, gap := percentile(offs, 99), percentile(gaps, 99)
	words := fmt.Sprintf("%d packets; 99 of 100 within %s of the wall clock and %s of each other", len(all), off, gap)
	t.Log(words)
	if off > 60*time.Millisecond || gap > 100*time.Millisecond {
		return words
	}
	return ""
}

func percentile(all []time.Duration, n int) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[(len(sorted)-1)*n/100]
}

// capture is tshark on the loopback interface. It sees what we send to customers, and our own signs of its life.
type capture struct {
	h     *house
	probe net.PacketConn
	cmd   *exec.Cmd
	ended chan struct{}
	works bool

	mu    sync.Mutex
	rtp   []seen       // guarded by mu
	signs map[int]bool // guarded by mu; lengths of the signs seen
	said  bytes.Buffer // belongs to the process until it has ended
}

const beginSign, endSign = 1, 2 // bytes

// capture starts tshark and waits until it sees packets, or has ended since it may not.
func (h *house) capture(ports configs.Ports) *capture {
	h.t.Helper()
	probe, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { probe.Close() })
	c := &capture{h: h, probe: probe, ended: make(chan struct{}), signs: make(map[int]bool)}
	_, sign, _ := net.SplitHostPort(probe.LocalAddr().String())
	filter := fmt.Sprintf("udp and ((src portrange %d-%d and udp[0:2] & 1 = 0) or dst port %s)", ports.From, ports.To, sign)
	c.cmd = exec.CommandContext(h.t.Context(), "tshark", "-i", "lo", "-l", "-n", "-f", filter, "-d", fmt.Sprintf("udp.port==%d-%d,rtp", ports.From, ports.To),
		"-T", "fields", "-E", "separator=,", "-e", "frame.time_relative", "-e", "udp.dstport", "-e", "udp.length", "-e", "rtp.ssrc", "-e", "rtp.seq", "-e", "rtp.timestamp")
	c.cmd.Stderr = &c.said
	c.cmd.Cancel = func() error { return c.cmd.Process.Signal(os.Interrupt) } // so that it ends its own helper
	c.cmd.WaitDelay = 5 * time.Second
	out, err := c.cmd.StdoutPipe()
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		h.t.Logf("tshark: %v", err)
		close(c.ended)
		return c
	}
	go func() {
		defer close(c.ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			c.line(strings.Split(lines.Text(), ","), sign)
		}
		_ = c.cmd.Wait() // ended by us, or it has said why
	}()
	h.t.Cleanup(func() { <-c.ended })
	c.works = c.shows(beginSign)
	return c
}

func (c *capture) line(f []string, sign string) {
	if len(f) != 6 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if f[1] == sign {
		length, _ := strconv.Atoi(f[2])
		c.signs[length-8] = true // without the UDP header
		return
	}
	at, bad := strconv.ParseFloat(f[0], 64)
	ssrc, noSSRC := strconv.ParseUint(f[3], 0, 32)
	sequence, noSequence := strconv.ParseUint(f[4], 10, 16)
	timestamp, noTimestamp := strconv.ParseUint(f[5], 10, 32)
	if bad == nil && noSSRC == nil && noSequence == nil && noTimestamp == nil {
		c.rtp = append(c.rtp, seen{time.Duration(at * float64(time.Second)), ssrc, uint16(sequence), uint32(timestamp)})
	}
}

// shows sends a sign until it is seen; everything sent before has been seen then. False: tshark has ended.
func (c *capture) shows(sign int) bool {
	c.h.t.Helper()
	is := func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.signs[sign] }
	gone := false
	c.h.eventually("tshark sees packets", func() bool {
		select {
		case <-c.ended:
			gone = true
		default:
		}
		_, _ = c.probe.WriteTo(make([]byte, sign), c.probe.LocalAddr()) // a lost one is followed by another
		return is() || gone
	})
	return is()
}

// end stops the capture and returns what was sent to the customer; false: nothing could be captured.
func (c *capture) end() ([]seen, bool) {
	c.h.t.Helper()
	if c.works {
		c.works = c.shows(endSign)
		_ = c.cmd.Cancel()
	}
	<-c.ended
	if !c.works {
		c.h.t.Logf("tshark: %s", tail(c.said.Bytes(), 500))
	}
	return c.rtp, c.works
}
