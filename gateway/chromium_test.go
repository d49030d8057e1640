package gateway

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/cordboard/cordboard/configs"
	"github.com/cordboard/cordboard/internal/lab"
)

// chromium is the real web phone in a real browser, with a microphone that hears a tone.
type chromium struct {
	t   *testing.T
	in  io.WriteCloser
	out *bufio.Scanner
}

// annasTone is what anna says: a pitch that the music on hold does not have.
const annasTone = 1730

// openPhone opens the web phone and logs an agent in.
func (h *house) openPhone(id string) *chromium {
	h.t.Helper()
	cmd := exec.CommandContext(h.t.Context(), "node", "driver.mjs", "http://"+h.web.Addr().String()+"/phone/", fmt.Sprint(annasTone))
	cmd.Dir = filepath.Join("..", "web", "phone", "e2e")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		h.t.Fatalf("%v; make test installs what is missing", err)
	}
	c := &chromium{t: h.t, in: in, out: bufio.NewScanner(out)}
	c.out.Buffer(nil, 1<<20)
	h.t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	c.do(nil, "login", id, "demo-"+id)
	c.do(nil, "registered")
	return c
}

// do has the phone do something and waits for it.
func (c *chromium) do(result any, name string, with ...any) {
	c.t.Helper()
	line, err := json.Marshal(map[string]any{"do": name, "with": append([]any{}, with...)})
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.in.Write(append(line, '\n')); err != nil {
		c.t.Fatalf("%s: the browser is gone: %v", name, err)
	}
	if !c.out.Scan() {
		c.t.Fatalf("%s: the browser is gone", name)
	}
	var answer struct {
		Is     json.RawMessage
		Failed string
	}
	if err := json.Unmarshal(c.out.Bytes(), &answer); err != nil {
		c.t.Fatal(err)
	}
	if answer.Failed != "" {
		c.t.Fatal(answer.Failed)
	}
	if result != nil {
		if err := json.Unmarshal(answer.Is, result); err != nil {
			c.t.Fatal(err)
		}
	}
}

// mustHear waits until the agent hears a tone, whole: without a silent stretch in a second but the first, which is looked
// at before the page's own audio clock has begun.
func (c *chromium) mustHear(hz float64) {
	c.t.Helper()
	var last struct {
		Hz, DB         float64
		Silent, Frames int
	}
	for deadline := time.Now().Add(2 * patience); time.Now().Before(deadline); {
		c.do(&last, "heard", 1000)
		if math.Abs(last.Hz-hz) < 5 && last.DB > -30 && last.Silent <= 1 && last.Frames > 5 {
			return
		}
	}
	c.t.Fatalf("the browser does not hear %v Hz: %+v", hz, last)
}

func (c *chromium) codec() string {
	c.t.Helper()
	var s struct{ Received, Sent struct{ Codec string } }
	c.do(&s, "statistics")
	if s.Received.Codec != s.Sent.Codec {
		c.t.Errorf("the browser receives %s and sends %s", s.Received.Codec, s.Sent.Codec)
	}
	return s.Received.Codec
}

// The web phone itself, in Chromium: it rings with the customer's name, is answered by a click, a tone from each end is
// recognised at the other, hold, digits and the end work, and the Task stands in the org.
func TestTheWebPhoneTakesACustomersCall(t *testing.T) {
	for _, c := range []struct {
		codec configs.CodecName
		trunk lab.Format
	}{{configs.PCMU, lab.PCMU()}, {configs.PCMA, lab.PCMA()}, {configs.Opus, lab.PCMA()}} {
		t.Run(string(c.codec), func(t *testing.T) {
			cfg := demoHouse("127.0.0.1:9")
			cfg.WebRTC.Codecs = []configs.CodecName{c.codec}
			h := openHouse(t, cfg)
			anna := h.openPhone("anna")
			customer := h.dial(h.carrier(c.trunk), mainNumber, lab.CallOptions{Sound: lab.Tone(440, -16)})
			anna.do(nil, "rings")
			anna.do(nil, "matched")
			var s struct{ Name, Number, Queue, MatchCount, Phase string }
			anna.do(&s, "state")
			if s.Queue != "Customer Service EN" || s.MatchCount != "1" || s.Name == "" || s.Number != "+358 400 000 001" {
				t.Errorf("the ringing phone shows %+v", s)
			}
			anna.do(nil, "answer")
			anna.mustHear(440)
			customer.Ear().MustHear(t, annasTone, patience, time.Second)
			if got := anna.codec(); got != "audio/"+string(c.codec) {
				t.Errorf("the browser speaks %s", got)
			}
			anna.do(nil, "digits", "15#")
			if err := customer.Ear().AwaitDigits(h.soon(), "15#"); err != nil {
				t.Errorf("digits: %v, heard %q", err, customer.Ear().Digits())
			}
			anna.do(nil, "hold")
			customer.Ear().MustNotHear(t, annasTone, time.Second)
			anna.do(nil, "resume")
			customer.Ear().MustHear(t, annasTone, patience, time.Second)
			anna.do(nil, "hangUp")
			customer.MustEnd(t, patience)
			if task := h.tasks(1)[0]; task["Cordboard_Call_Result__c"] != "Answered" {
				t.Errorf("Task %v", task)
			}
			var errs []string
			if anna.do(&errs, "errors"); len(errs) > 0 {
				t.Errorf("the page threw %v", errs)
			}
		})
	}
}

func TestTheWebPhoneCallsACustomer(t *testing.T) {
	carrier := (&house{t: t}).carrier(lab.PCMA())
	carrier.Listen(func(*lab.Call) {})
	h := openHouse(t, demoHouse(carrier.Address()))
	anna := h.openPhone("anna")
	anna.do(nil, "dial", "0400 000 001")
	customer, err := carrier.NextCall(h.soon(), 0)
	if err != nil {
		t.Fatal(err)
	}
	customer.Ring()
	anna.do(nil, "phase", "alerting")
	if err := customer.Answer(h.soon()); err != nil {
		t.Fatal(err)
	}
	customer.Say(lab.Tone(440, -16))
	anna.do(nil, "phase", "talking")
	anna.mustHear(440)
	customer.Ear().MustHear(t, annasTone, patience, time.Second)
	if err := customer.Bye(h.soon()); err != nil {
		t.Fatal(err)
	}
	anna.do(nil, "phase", "over")
	if task := h.tasks(1)[0]; task["CallType"] != "Outbound" || task["Cordboard_Call_Result__c"] != "Answered" {
		t.Errorf("Task %v", task)
	}
}
