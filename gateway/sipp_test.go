package gateway

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/lab"
)

// SIPp calls the gateway with each scenario of testdata/sipp; an agent's browser answers.
func TestSIPp(t *testing.T) {
	scenarios, err := filepath.Glob("../testdata/sipp/*/call.xml")
	if err != nil || len(scenarios) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range scenarios {
		feature := filepath.Base(filepath.Dir(file))
		t.Run(feature, func(t *testing.T) {
			play, ok := partIn(feature)
			if !ok {
				t.Fatalf("nobody plays the agent's part in scenario %s: add it", feature)
			}
			h := openHouse(t, demoHouse("127.0.0.1:9"))
			anna := h.phone("anna", lab.PCMA())
			done := make(chan error, 1)
			go func() { done <- h.runSIPp(feature, play.number) }()
			if play.agent != nil {
				play.agent(h, h.rings(anna, 0))
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if len(h.tasks(1)) != 1 {
				t.Errorf("%d Tasks, want one call and one Task", len(h.tasks(1)))
			}
			if got := h.tasks(1)[0]["Cordboard_Call_Result__c"]; got != play.result {
				t.Errorf("the Task says %v, want %s", got, play.result)
			}
		})
	}
}

// part is what is called in a scenario, and what the agent does when it rings.
type part struct {
	number, result string
	agent          func(h *house, c *lab.Call)
}

func partIn(feature string) (part, bool) {
	answers := func(h *house, c *lab.Call) {
		h.t.Helper()
		if err := c.Answer(h.soon()); err != nil {
			h.t.Fatal(err)
		}
		h.connected(c)
		c.Say(lab.Tone(annasTone, -16))
	}
	hears := func(h *house, c *lab.Call) {
		answers(h, c)
		c.Ear().MustHear(h.t, 440, patience, time.Second)
	}
	switch feature {
	case "basic":
		return part{mainNumber, "Answered", func(h *house, c *lab.Call) {
			hears(h, c)
			if err := c.Bye(h.soon()); err != nil {
				h.t.Error(err)
			}
		}}, true
	case "hold", "reinvite", "retransmission", "session-timer", "100rel", "refused-requests":
		return part{annasNumber, "Answered", answers}, true
	case "offerless", "overtaken":
		return part{annasNumber, "Answered", hears}, true
	case "dtmf":
		return part{annasNumber, "Answered", func(h *house, c *lab.Call) {
			answers(h, c)
			if err := c.Ear().AwaitDigits(h.soon(), "75"); err != nil {
				h.t.Errorf("digits: %v, heard %q", err, c.Ear().Digits())
			}
		}}, true
	case "cancel":
		return part{annasNumber, "Not Answered", func(*house, *lab.Call) {}}, true
	case "refused":
		return part{"+358299999999", "Not Answered", nil}, true
	}
	return part{}, false
}

// runSIPp runs one scenario to its end, as a person would from the root of the repository.
func (h *house) runSIPp(feature, number string) error {
	logs := h.t.TempDir()
	cmd := exec.CommandContext(h.t.Context(), "sipp", "-sf", "testdata/sipp/"+feature+"/call.xml", "-s", number, h.sip(), "-i", "127.0.0.1",
		"-m", "1", "-nostdin", "-timeout", "60s", "-timeout_error", "-trace_err", "-error_file", filepath.Join(logs, "errors"), "-mp", "14000")
	cmd.Dir = ".."
	out, err := cmd.CombinedOutput()
	if err != nil {
		faults, _ := os.ReadFile(filepath.Join(logs, "errors"))
		h.t.Logf("sipp: %v\n%s\n%s", err, tail(out, 3000), tail(faults, 3000))
	}
	return err
}

func tail(b []byte, n int) []byte { return b[max(0, len(b)-n):] }

// A callee who rings reliably is acknowledged, heard before the answer, and may change the session meanwhile.
func TestSIPpRingsReliably(t *testing.T) {
	at := fmt.Sprintf("127.0.0.1:%d", freePorts(t, 2))
	c := demoHouse(at)
	c.Trunks[0].SessionTimer, c.Trunks[0].SessionMin = 30*time.Minute, 90*time.Second
	h := openHouse(t, c)
	anna := h.phone("anna", lab.PCMA())
	logs := t.TempDir()
	_, port, _ := net.SplitHostPort(at)
	cmd := exec.CommandContext(t.Context(), "sipp", "-sf", "testdata/sipp/callee-100rel/answer.xml", "-i", "127.0.0.1", "-p", port,
		"-m", "1", "-nostdin", "-timeout", "60s", "-timeout_error", "-trace_err", "-error_file", filepath.Join(logs, "errors"), "-mp", "14200")
	cmd.Dir = ".."
	done := make(chan error, 1)
	go func() {
		out, err := cmd.CombinedOutput()
		if err != nil {
			faults, _ := os.ReadFile(filepath.Join(logs, "errors"))
			t.Logf("sipp: %v\n%s\n%s", err, tail(out, 3000), tail(faults, 3000))
		}
		done <- err
	}()
	out, err := anna.Call(h.soon(), "+358401234567", lab.CallOptions{Sound: lab.Tone(annasTone, -16)})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-out.EarlyMedia():
	case <-h.soon().Done():
		t.Fatal("no early media")
	}
	out.Ear().MustHear(t, 440, patience, 300*time.Millisecond)
	out.MustAnswer(t, patience)
	out.Ear().MustHear(t, 440, patience, time.Second)
	if err := out.Bye(h.soon()); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
