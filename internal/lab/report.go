package lab

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
)

// LoadReport is what a load has measured. Times are in milliseconds, memory in kB.
type LoadReport struct {
	Label       string   `json:"label,omitempty"`
	Time        string   `json:"time"`
	Agents      string   `json:"agents"` // browser or phone
	TrunkCodec  string   `json:"trunk_codec"`
	AgentCodec  string   `json:"agent_codec"`
	Calls       int      `json:"calls"`
	Established int      `json:"established"`
	Failed      int      `json:"failed"`
	Dropped     int      `json:"dropped_early"` // ended by the gateway before the end
	Errors      []string `json:"errors,omitempty"`
	Window      float64  `json:"window_s"`
	Rate        float64  `json:"achieved_calls_per_s,omitempty"` // signalled only

	Setup   *Spread `json:"setup_invite_to_200_ms,omitempty"`
	Answer  *Spread `json:"agent_answer_ms,omitempty"`            // the part of it that the lab's own agent took
	Own     *Spread `json:"setup_without_the_agent_ms,omitempty"` // the rest, call by call
	TwoWay  *Spread `json:"ok_to_two_way_audio_ms,omitempty"`     // any packet, silence too
	Voices  *Spread `json:"ok_to_both_voices_ms,omitempty"`       // a frame of the other side's; only where it passes unchanged
	ToAgent Way     `json:"trunk_to_agent"`
	ToTrunk Way     `json:"agent_to_trunk"`

	CPU struct {
		Cores        float64            `json:"cores"`
		PerCall      float64            `json:"cpu_ms_per_call_second"`
		PerPacket    float64            `json:"cpu_us_per_packet"`
		PerCore      float64            `json:"calls_per_core"`
		PerSignalled float64            `json:"cpu_ms_per_signalled_call,omitempty"`
		Programs     map[string]float64 `json:"cores_by_program,omitempty"`
	} `json:"target_cpu"`
	RampCPU  float64 `json:"target_ramp_cpu_ms_per_call"`   // with the sound that flowed meanwhile
	SetUpCPU float64 `json:"target_set_up_cpu_ms_per_call"` // without it
	Memory   struct {
		Idle       int64   `json:"idle"`
		Registered int64   `json:"registered"`
		Steady     int64   `json:"steady"`
		After      int64   `json:"after"`
		PerCall    float64 `json:"per_call"`
		PSSPerCall float64 `json:"pss_per_call"`
	} `json:"target_rss_kb"`
	Threads   int `json:"target_threads"`
	Generator struct {
		Cores   float64 `json:"cores"`
		Clock   float64 `json:"clock_busy"` // share of the clock thread's time
		Late    *Spread `json:"tick_lateness_ms,omitempty"`
		CPUs    int     `json:"machine_cpus"`
		Machine float64 `json:"machine_busy_cores"` // everything that runs on the machine
	} `json:"generator"`

	measured           bool // latency and loss by marks
	target             bool // processes were given
	registeredPSS      int64
	setup, answer, own []float64
}

// Spread is a distribution.
type Spread struct {
	N    int     `json:"n"`
	P50  float64 `json:"p50"`
	P95  float64 `json:"p95"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p99_9"`
	Max  float64 `json:"max"`
}

func spread(v []float64) *Spread {
	if len(v) == 0 {
		return nil
	}
	slices.Sort(v)
	at := func(q float64) float64 { return v[min(int(q*float64(len(v))), len(v)-1)] }
	return &Spread{len(v), at(.5), at(.95), at(.99), at(.999), v[len(v)-1]}
}

// Way is one direction of all calls together.
type Way struct {
	Sent      uint64  `json:"sent"`     // frames sent in the window
	Received  uint64  `json:"received"` // of these, or (transcoded) packets that arrived in the window
	Lost      int64   `json:"lost"`
	LossPct   float64 `json:"loss_pct"`
	Gaps      int64   `json:"sequence_gaps"`
	Late      uint64  `json:"reordered_or_repeated"`
	Foreign   uint64  `json:"unmarked"` // where frames are marked: not ours bit for bit
	Crossed   uint64  `json:"crossed"`  // frames of another call
	Silent    int     `json:"calls_without_audio"`
	Latency   *Spread `json:"latency_ms,omitempty"`
	Jitter    float64 `json:"jitter_ms_mean"`
	JitterMax float64 `json:"jitter_ms_max"`

	latency []float64
	heard   int
}

func newLoadReport(o LoadOptions) *LoadReport {
	r := &LoadReport{Label: o.Label, Time: time.Now().UTC().Format(time.RFC3339), Agents: "phone", TrunkCodec: o.Trunk.Codec,
		AgentCodec: o.Agent.Codec, Calls: o.Calls, target: len(o.PIDs) > 0}
	if o.URL != "" {
		r.Agents = "browser"
	}
	r.measured = strings.EqualFold(o.Trunk.Codec, o.Agent.Codec)
	r.Generator.CPUs = runtime.NumCPU()
	return r
}

func (r *LoadReport) fail(what string) {
	if len(r.Errors) < 10 {
		r.Errors = append(r.Errors, what)
	}
}

// collect reads all calls at the end of the window.
func (r *LoadReport) collect(l *load, before, after usage, took time.Duration, late []time.Duration) {
	var twoWay, voices []float64
	for i, c := range l.calls {
		ok := accepted(c.call)
		if ok == nil {
			r.Failed++
			r.fail(fmt.Sprintf("call %d: %s, responses %s", i, c.call.End(), c.call.statuses()))
			continue
		}
		r.Established++
		setup := ok.At.Sub(c.began).Seconds() * 1000
		r.setup = append(r.setup, setup)
		if c.call.End().By == "them" {
			r.Dropped++
		}
		c.mu.Lock()
		agent, farEar, took := c.agent, c.farEar, c.agentTook
		c.mu.Unlock()
		if agent == nil {
			r.fail(fmt.Sprintf("call %d was answered, but not by its agent", i))
			continue
		}
		r.answer = append(r.answer, took.Seconds()*1000)
		r.own = append(r.own, setup-took.Seconds()*1000)
		there, word := r.ToAgent.add(c.trunk, agent, farEar, r.measured)
		back, reply := r.ToTrunk.add(agent, c.trunk, c.trunkEar, r.measured)
		twoWay = until(twoWay, ok.At, there, back)
		voices = until(voices, ok.At, word, reply)
	}
	r.Setup, r.Answer, r.Own, r.TwoWay, r.Voices = spread(r.setup), spread(r.answer), spread(r.own), spread(twoWay), spread(voices)
	r.ToAgent.finish(r.measured)
	r.ToTrunk.finish(r.measured)
	var lateness []float64
	for _, d := range late {
		lateness = append(lateness, d.Seconds()*1000)
	}
	r.Generator.Late = spread(lateness)
	r.cost(before, after, took)
}

// cost is what the gateway's processes have used in the window.
func (r *LoadReport) cost(before, after usage, took time.Duration) {
	cpu := after.cpu - before.cpu
	if !r.target || r.Established == 0 || cpu == 0 {
		return
	}
	r.CPU.Cores = cpu.Seconds() / took.Seconds()
	r.CPU.PerCall = r.CPU.Cores * 1000 / float64(r.Established)
	r.CPU.PerCore = float64(r.Established) / r.CPU.Cores
	if n := r.ToAgent.Sent + r.ToTrunk.Sent; n > 0 {
		r.CPU.PerPacket = cpu.Seconds() * 1e6 / float64(n)
	}
	r.CPU.Programs = map[string]float64{}
	for name, used := range after.names {
		r.CPU.Programs[name] = (used - before.names[name]).Seconds() / took.Seconds()
	}
	r.Threads, r.Memory.Steady = after.threads, after.rss
	r.Memory.PerCall = float64(after.rss-r.Memory.Registered) / float64(r.Established)
	r.Memory.PSSPerCall = float64(after.pss-r.registeredPSS) / float64(r.Established)
}

// accepted is the 2xx to a call's INVITE, nil when there was none.
func accepted(c *Call) *Message {
	for _, m := range c.Responses() {
		if _, method := m.CSeq(); method == "INVITE" && m.Status/100 == 2 {
			return m
		}
	}
	return nil
}

// until adds the milliseconds from the answer to the later of what happened at the two ends, if it did.
func until(all []float64, answer, one, other time.Time) []float64 {
	if one.IsZero() || other.IsZero() {
		return all
	}
	if other.After(one) {
		one = other
	}
	return append(all, max(0, one.Sub(answer).Seconds()*1000))
}

// add takes one stream, and says when its first packet and the first of its frames came; zero: none did.
func (w *Way) add(from, to media, ear *lean, marked bool) (first, voice time.Time) {
	lips := from.mouth()
	lips.mu.Lock()
	w.Sent += lips.frames.inWindow
	lips.mu.Unlock()
	e := to.ear()
	e.mu.Lock()
	defer e.mu.Unlock()
	if marked {
		w.Received += ear.whole
		w.Foreign += ear.foreign
		w.latency = append(w.latency, ear.latency...)
	} else {
		w.Received += ear.packets
	}
	w.Gaps += ear.gaps
	w.Late += ear.late
	w.Crossed += ear.crossed
	if ear.first.IsZero() {
		w.Silent++
		return first, voice
	}
	w.heard++
	w.Jitter += ear.steady * 1000
	w.JitterMax = max(w.JitterMax, ear.worst*1000)
	return ear.first, ear.voice
}

// finish: a transcoder makes packets of its own, more or fewer than it was sent; what is lost shows in its numbering.
func (w *Way) finish(marked bool) {
	if w.Lost = w.Gaps; marked {
		w.Lost = int64(w.Sent) - int64(w.Received)
	}
	if w.Sent > 0 {
		w.LossPct = 100 * float64(w.Lost) / float64(w.Sent)
	}
	if w.heard > 0 {
		w.Jitter /= float64(w.heard)
	}
	w.Latency = spread(w.latency)
	w.latency = nil
}
