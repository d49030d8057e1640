package main

import (
	"slices"

	"github.com/cordboard/cordboard/internal/lab"
)

// figure names one number of a measurement.
type figure int

const (
	callCPU      figure = iota // CPU-ms per call-second
	signalledCPU               // CPU-ms per call
	setUpCPU                   // CPU-ms per call
	latency50                  // ms, of the slower direction
	latency99
	latencyMax
	rss // kB per call
	pss
	twoWay50 // ms
	voices50
	setup50 // ms, without the agent's part
	setup99
	lost    // packets
	sent    // packets
	failed  // calls
	machine // cores busy on the whole machine
	load    // cores of the generator
	late99  // ms, of the generator's ticks
	cores   // of the gateway
)

// figures are what was measured; what could not be is missing.
type figures map[figure]float64

// read takes the figures out of a report.
func read(r *lab.LoadReport) figures {
	f := figures{failed: float64(r.Failed), machine: r.Generator.Machine, load: r.Generator.Cores, cores: r.CPU.Cores}
	if r.Own != nil {
		f[setup50], f[setup99] = r.Own.P50, r.Own.P99
	}
	if r.Rate > 0 {
		f[signalledCPU] = r.CPU.PerSignalled
		return f
	}
	f[callCPU], f[setUpCPU], f[rss], f[pss] = r.CPU.PerCall, r.SetUpCPU, r.Memory.PerCall, r.Memory.PSSPerCall
	f[sent], f[lost] = float64(r.ToAgent.Sent+r.ToTrunk.Sent), float64(r.ToAgent.Lost+r.ToTrunk.Lost)
	if r.TwoWay != nil {
		f[twoWay50] = r.TwoWay.P50
	}
	if r.Voices != nil {
		f[voices50] = r.Voices.P50
	}
	if r.Generator.Late != nil {
		f[late99] = r.Generator.Late.P99
	}
	if a, b := r.ToAgent.Latency, r.ToTrunk.Latency; a != nil && b != nil {
		f[latency50], f[latency99], f[latencyMax] = max(a.P50, b.P50), max(a.P99, b.P99), max(a.Max, b.Max)
	}
	return f
}

// median is taken figure by figure over the repetitions of one measurement.
func median(all []figures) figures {
	m := figures{}
	for name := callCPU; name <= cores; name++ {
		var values []float64
		for _, f := range all {
			if v, ok := f[name]; ok {
				values = append(values, v)
			}
		}
		if len(values) == 0 {
			continue
		}
		slices.Sort(values)
		if m[name] = values[len(values)/2]; len(values)%2 == 0 {
			m[name] = (values[len(values)/2-1] + values[len(values)/2]) / 2
		}
	}
	return m
}
