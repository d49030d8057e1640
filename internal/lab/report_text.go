package lab

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// JSON is the report for programs.
func (r *LoadReport) JSON() ([]byte, error) { return json.MarshalIndent(r, "", "  ") }

// String is the report for people.
func (r *LoadReport) String() string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line := func(name string, s *Spread) {
		if s != nil {
			say("  %-26s %9.3f %9.3f %9.3f %9.3f %9.3f   n=%d", name, s.P50, s.P95, s.P99, s.P999, s.Max, s.N)
		}
	}
	say("%s%d calls, trunk %s, %s %s, window %.1f s", orLabel(r.Label), r.Calls, r.TrunkCodec, r.Agents, r.AgentCodec, r.Window)
	say("  established %d, failed %d, dropped early %d", r.Established, r.Failed, r.Dropped)
	if r.Rate > 0 {
		say("  %.1f calls/s; target %.3f cores, %.3f CPU-ms per call", r.Rate, r.CPU.Cores, r.CPU.PerSignalled)
	}
	say("  %-26s %9s %9s %9s %9s %9s", "ms", "p50", "p95", "p99", "p99.9", "max")
	line("INVITE to 200", r.Setup)
	line("  of it the agent itself", r.Answer)
	line("  without the agent", r.Own)
	line("200 to two-way audio", r.TwoWay)
	line("200 to both voices", r.Voices)
	line("latency trunk to agent", r.ToAgent.Latency)
	line("latency agent to trunk", r.ToTrunk.Latency)
	line("generator's lateness", r.Generator.Late)
	if r.Rate == 0 {
		r.ToAgent.tell(say, "trunk to agent")
		r.ToTrunk.tell(say, "agent to trunk")
	}
	if r.target && r.Rate == 0 {
		say("  target: %.3f cores, %.3f CPU-ms per call-second, %.0f calls per core, %.2f µs per packet; set-up %.2f CPU-ms per call (%.2f with the sound that flowed meanwhile)",
			r.CPU.Cores, r.CPU.PerCall, r.CPU.PerCore, r.CPU.PerPacket, r.SetUpCPU, r.RampCPU)
		for _, name := range slices.Sorted(maps.Keys(r.CPU.Programs)) {
			say("    %-20s %.3f cores", name, r.CPU.Programs[name])
		}
		say("  target memory (RSS, kB): idle %d, registered %d, steady %d, after %d; per call %.1f, PSS %.1f; %d threads",
			r.Memory.Idle, r.Memory.Registered, r.Memory.Steady, r.Memory.After, r.Memory.PerCall, r.Memory.PSSPerCall, r.Threads)
	}
	say("  generator: %.3f cores, its clock busy %.1f %%; whole machine %.2f of %d CPUs", r.Generator.Cores, 100*r.Generator.Clock,
		r.Generator.Machine, r.Generator.CPUs)
	for _, e := range r.Errors {
		say("  error: %s", e)
	}
	return b.String()
}

func orLabel(label string) string {
	if label == "" {
		return ""
	}
	return label + ": "
}

func (w *Way) tell(say func(string, ...any), name string) {
	say("  %s: sent %d, received %d, lost %d (%.4f %%), gaps %d, reordered %d, unmarked %d, crossed %d, silent calls %d, jitter %.3f ms (max %.3f)",
		name, w.Sent, w.Received, w.Lost, w.LossPct, w.Gaps, w.Late, w.Foreign, w.Crossed, w.Silent, w.Jitter, w.JitterMax)
}
