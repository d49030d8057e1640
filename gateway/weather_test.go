package gateway

import (
	"net/netip"
	"testing"
	"time"

	"github.com/cordboard/cordboard/configs"
	"github.com/cordboard/cordboard/internal/lab"
)

// Over a network that loses and delays, an agent hears her customer as well as can be: what is lost is concealed, never
// a hole, jitter costs delay and not sound, and no delay is heaped up. The line is PCMA and her phone PCMU, so that the
// gateway has to lay the sound out in time; the gateway and the phone have a network between them that does nothing.
func TestABadNetworkIsConcealed(t *testing.T) {
	if testing.Short() {
		t.Skip("half a minute of sound")
	}
	if !lab.Apart(t) {
		return
	}
	const ms = time.Millisecond
	for _, c := range []struct {
		name    string
		weather lab.Weather
		damaged float64       // of the frames, at most: what is lost, and twice what G.711's concealment runs over into
		delay   time.Duration // from mouth to ear, at most
	}{
		{"fair", lab.Weather{}, 0.01, 130 * ms},
		{"1 % lost", lab.Weather{Loss: 0.01, Seed: 1}, 0.03, 130 * ms},
		{"3 % lost", lab.Weather{Loss: 0.03, Seed: 1}, 0.07, 130 * ms},
		{"5 % lost", lab.Weather{Loss: 0.05, Seed: 1}, 0.11, 130 * ms},
		{"jitter of 30 ms", lab.Weather{Jitter: 30 * ms, Seed: 1}, 0.05, 160 * ms},
		{"jitter of 60 ms", lab.Weather{Jitter: 60 * ms, Seed: 1}, 0.08, 200 * ms},
		{"jitter of 30 ms, out of order", lab.Weather{Jitter: 30 * ms, Reorder: true, Seed: 1}, 0.05, 160 * ms},
		{"jitter of 60 ms, out of order, and 3 % lost", lab.Weather{Loss: 0.03, Jitter: 60 * ms, Reorder: true, Seed: 1}, 0.15, 200 * ms},
	} {
		t.Run(c.name, func(t *testing.T) {
			for try, disturbed := 1, 0; ; try++ {
				score, lost, stalled := overheard(t, c.weather)
				t.Logf("%v (%d packets lost, stalled for %v): %v", c.weather, lost, stalled, score)
				bad := 1-score.Whole() > c.damaged || score.Dropped > score.Active/200 || score.Delay > c.delay
				switch {
				case !bad:
					return
				case stalled > 30*ms && disturbed == disturbances:
					t.Skip("this machine is too busy to tell")
				case stalled > 30*ms:
					disturbed, try = disturbed+1, try-1
				case try == tries: // what was by chance is not so each time; a fault of ours is
					t.Fatalf("%.1f %% of the frames damaged, at most %.0f %% may be; delay %v, at most %v", 100*(1-score.Whole()), 100*c.damaged, score.Delay, c.delay)
				}
			}
		})
	}
}

const (
	tries        = 2
	disturbances = 4
)

// stalls measures for how long at a time this process is kept from running, until stop is called: what it does to sound
// is not the gateway's doing.
func stalls() (stop func() time.Duration) {
	const beat = 2 * time.Millisecond
	done, worst := make(chan struct{}), make(chan time.Duration)
	go func() {
		most, last := time.Duration(0), time.Now()
		tick := time.NewTicker(beat)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				now := time.Now()
				most, last = max(most, now.Sub(last)-beat), now
			case <-done:
				worst <- most
				return
			}
		}
	}()
	return func() time.Duration { close(done); return <-worst }
}

// overheard is how an agent hears a customer in such weather.
func overheard(t *testing.T, weather lab.Weather) (score lab.Score, lost int, stalled time.Duration) {
	t.Helper()
	line, err := lab.NewLine(lab.Weather{})
	if err != nil {
		t.Fatal(err)
	}
	defer line.Close()
	h := openHouse(t, demoAt(lab.NearIP))
	defer h.shut() // before the line goes
	phone := h.desktopAt(lab.NearIP, "anna", lab.PCMU())
	defer phone.Close()
	voice := lab.Voice(5, 20*time.Second)
	var trunk *lab.Trunk
	var customer *lab.Call
	line.Far.Do(func() {
		if trunk, err = lab.NewTrunk(lab.TrunkOptions{Bind: lab.FarIP + ":0", Media: lab.FarIP, Number: maija, Formats: []lab.Format{lab.PCMA()}}); err == nil {
			customer, err = trunk.Call(t.Context(), "sip:"+annasNumber+"@"+h.sip(), lab.CallOptions{Sound: lab.Silence()})
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer trunk.Close()
	anna := h.reached(phone, 0)
	if err := anna.Answer(h.soon()); err != nil {
		t.Fatal(err)
	}
	customer.MustAnswer(t, patience)
	anna.Say(lab.Tone(annasTone, -16))
	customer.Ear().MustHear(t, annasTone, patience, 500*time.Millisecond)
	line.Change(weather)
	stop := stalls()
	began := anna.Ear().Now()
	customer.Say(lab.Play(voice))
	h.until("ten seconds were heard", func() bool { return anna.Ear().Now() >= began+10*8000 })
	stalled = stop()
	score, err = lab.Compare(voice, anna.Ear().PCM()[began:])
	if err != nil {
		t.Log(err) // the score says so too
	}
	lost, _ = line.Lost()
	line.Change(lab.Weather{})
	if err := customer.Bye(h.soon()); err != nil {
		t.Error(err)
	}
	return score, lost, stalled
}

// demoAt is the demo on a network of its own.
func demoAt(ip string) *configs.Config {
	c := demoHouse(lab.FarIP + ":9")
	c.SIP.UDP, c.SIP.TCP = []string{ip + ":0"}, []string{ip + ":0"}
	c.SIP.PhoneNetworks = []netip.Prefix{netip.MustParsePrefix(ip + "/32")}
	c.RTP.Address = ip
	c.Trunks[0].Sources = []netip.Prefix{netip.MustParsePrefix(lab.FarIP + "/32")}
	return c
}

// desktopAt is an agent's desk phone on that network.
func (h *house) desktopAt(ip, id string, formats ...lab.Format) *lab.Phone {
	h.t.Helper()
	p, err := lab.NewPhone(lab.PhoneOptions{Server: h.sip(), Domain: "cordboard", User: id, Password: "demo-" + id, Bind: ip + ":0", Media: ip, Formats: formats})
	if err != nil {
		h.t.Fatal(err)
	}
	p.Listen(func(*lab.Call) {})
	if _, err := p.Register(h.soon(), time.Hour); err != nil {
		h.t.Fatal(err)
	}
	return p
}
