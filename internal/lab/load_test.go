package lab

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// registrar is a UDP socket that accepts every REGISTER and remembers where the users are.
type registrar struct {
	wire *udpWire
	mu   sync.Mutex
	at   map[string]string // guarded by mu; Contact by user
}

func openRegistrar(t *testing.T) *registrar {
	t.Helper()
	r := &registrar{at: map[string]string{}}
	var err error
	r.wire, err = listenUDP("127.0.0.1:0", func(raw []byte, from flow) {
		m, err := parse(raw)
		if err != nil || m.Method != "REGISTER" {
			return
		}
		contact := uriOf(m.Get("contact"))
		user, _, _ := strings.Cut(strings.TrimPrefix(contact, "sip:"), "@")
		r.mu.Lock()
		r.at[user] = contact
		r.mu.Unlock()
		_ = from.write([]byte(m.reply(200, "OK", "r").With("Contact", m.Get("contact")).String()))
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.wire.close)
	return r
}

// find is where a user has registered.
func (r *registrar) find(user string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at[user]
}

func TestALoadOfDirectCallsIsMeasured(t *testing.T) {
	for name, o := range map[string]LoadOptions{
		"marked":       {Trunk: PCMA(), Agent: PCMA()},
		"marked, opus": {Trunk: Opus(), Agent: Opus()},
	} {
		t.Run(name, func(t *testing.T) {
			r := openRegistrar(t)
			o.Target = r.wire.address()
			o.Calls, o.Ramp, o.Settle, o.Window = 8, 100, 300*time.Millisecond, time.Second
			o.PIDs = []int{os.Getpid()}
			o.Dial = r.find
			report, err := Load(deadline(t), o)
			if err != nil {
				t.Fatal(err)
			}
			t.Log("\n" + report.String())
			if report.Established != 8 || report.Failed != 0 || len(report.Errors) != 0 {
				t.Fatalf("%+v", report)
			}
			for _, w := range []Way{report.ToAgent, report.ToTrunk} {
				if w.Sent < 8*40 || w.Lost != 0 || w.Foreign != 0 || w.Crossed != 0 || w.Silent != 0 || w.Gaps != 0 {
					t.Fatalf("%+v", w)
				}
				if w.Latency.N != int(w.Received) || w.Latency.P50 <= 0 || w.Latency.P50 > 100 {
					t.Fatalf("latency %+v", w.Latency)
				}
			}
			if report.CPU.Cores <= 0 || report.Memory.Steady <= 0 || report.Setup.N != 8 || report.TwoWay.N != 8 ||
				report.Voices.N != 8 || report.Voices.P50 < report.TwoWay.P50 {
				t.Fatalf("%+v", report)
			}
			raw, err := report.JSON()
			if err != nil {
				t.Fatal(err)
			}
			var back map[string]any
			if err := json.Unmarshal(raw, &back); err != nil || back["established"] != 8.0 {
				t.Fatal(err, string(raw))
			}
		})
	}
}

func TestSilenceIsHeardBeforeTheVoiceAndIsNone(t *testing.T) {
	window := &measuring{}
	f := frames{payloads: [][]byte{make([]byte, 160)}, stream: 3, marked: true, window: &window.open}
	l := lean{window: window, stream: 3}
	said := make([]byte, f.next(make([]byte, 160)))
	answered := time.Now()
	l.hear(Heard{At: answered, Sequence: 1}, make([]byte, 160), PCMU())
	f.stamp(said, answered)
	for i := range 2 {
		l.hear(Heard{At: answered.Add(time.Duration(i+1) * time.Second), Sequence: uint16(i + 2)}, said, PCMU())
	}
	if l.first != answered || l.voice != answered.Add(time.Second) {
		t.Errorf("packets from %v, the voice from %v", l.first.Sub(answered), l.voice.Sub(answered))
	}
}

func TestALoadOfSignallingAloneIsMeasured(t *testing.T) {
	r := openRegistrar(t)
	report, err := Load(deadline(t), LoadOptions{Target: r.wire.address(), Calls: 4, Rate: 50, Window: time.Second, PIDs: []int{os.Getpid()}, Dial: r.find})
	if err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + report.String())
	if report.Established != 50 || report.Failed != 0 || len(report.Errors) != 0 || report.Rate < 40 || report.Rate > 51 {
		t.Fatalf("%+v", report)
	}
	if report.Setup.N != 50 || report.Own.N != 50 || report.Own.P50 > report.Setup.Max || report.CPU.PerSignalled <= 0 {
		t.Fatalf("%+v", report)
	}
}

func TestAProcessAtRestIsWatched(t *testing.T) {
	sleeper := exec.Command("sleep", "20")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sleeper.Process.Kill(); _ = sleeper.Wait() })
	idle, err := Rest([]int{sleeper.Process.Pid}, func() error { return pause(t.Context(), 200*time.Millisecond) })
	if err != nil || idle.RSS <= 0 || idle.Threads != 1 || idle.CPU > 1000 || idle.Wakeups > 100 {
		t.Fatal(idle, err)
	}
	if mine := family([]int{os.Getpid()}); len(mine) < 2 {
		t.Fatalf("the child is missing: %+v", mine)
	}
}

func TestALostARepeatedAndAStrangeFrameAreCounted(t *testing.T) {
	var w measuring
	w.begin()
	l := &lean{window: &w, stream: 7}
	frame := &frames{payloads: [][]byte{make([]byte, 160)}, stream: 7, marked: true, window: &w.open}
	payload := make([]byte, 160)
	hear := func(sequence uint16, stream uint32) {
		frame.stream = stream
		n := frame.next(payload)
		frame.stamp(payload[:n], time.Now())
		l.hear(Heard{SSRC: 1, Sequence: sequence, Timestamp: 160 * uint32(sequence), At: time.Now()}, payload[:n], PCMU())
	}
	hear(1, 7)
	hear(2, 7)
	hear(2, 7) // repeated sequence number, new frame
	hear(5, 7) // two lost
	hear(6, 8) // somebody else's
	l.hear(Heard{SSRC: 1, Sequence: 7, Timestamp: 160 * 7, At: time.Now()}, make([]byte, 160), PCMU())
	before := l.whole
	l.hear(Heard{SSRC: 1, Sequence: 8, Timestamp: 160 * 8, At: time.Now()}, payload, PCMU()) // not ours: stream 8
	if l.whole != before || l.whole != 4 || l.crossed != 2 || l.foreign != 1 || l.gaps != 1 || l.late != 1 {
		t.Fatalf("%+v", l)
	}
}
