package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/cordboard/cordboard/internal/lab"
)

// work is a load that both gateways are measured by.
type work struct {
	key   string // for -only and for file names
	name  string
	calls int
	rate  float64 // calls a second, signalled only
	phone bool    // the agents have desk phones
	opus  bool    // the agents speak Opus, the trunk PCMU: somebody has to transcode
	srtp  string
}

// The numbers of calls are those that goals were set for.
func works(quick bool) []work {
	all := []work{
		{key: "aescm", name: "PCMU browser, AES-CM", calls: 100, srtp: "aescm"},
		{key: "gcm", name: "PCMU browser, AES-GCM", calls: 100, srtp: "gcm"},
		{key: "opus", name: "PCMU ↔ Opus browser", calls: 25, opus: true, srtp: "aescm"},
		{key: "plain", name: "plain RTP", calls: 100, phone: true},
		{key: "sig-ws", name: "signalling over WebSocket", calls: 100, rate: 200, srtp: "aescm"},
		{key: "sig-udp", name: "signalling over UDP", calls: 100, rate: 200, phone: true},
	}
	if quick {
		for i := range all {
			if all[i].rate == 0 && !all[i].opus {
				all[i].calls = 50
			}
		}
	}
	return all
}

// growth are the works whose cost is followed over the number of calls.
func growth(counts []int) []work {
	var all []work
	for _, n := range counts {
		all = append(all,
			work{key: fmt.Sprintf("grow-aescm-%d", n), name: "PCMU browser", calls: n, srtp: "aescm"},
			work{key: fmt.Sprintf("grow-plain-%d", n), name: "plain RTP", calls: n, phone: true})
	}
	return all
}

// options are the work as a load on a gateway at those addresses.
func (w work) options(g gateway, window time.Duration) lab.LoadOptions {
	o := lab.LoadOptions{Label: w.key, Target: g.sip, URL: g.web, Domain: g.domain, PIDs: g.pids, Calls: w.calls, Ramp: 20,
		Settle: 3 * time.Second, Window: window, Rate: w.rate, Trunk: lab.PCMU(), Agent: lab.PCMU(), SRTP: w.srtp, User: agentNumber}
	if w.phone {
		o.URL = ""
	}
	if w.opus {
		o.Agent, o.Ramp = lab.Opus(), 10
	}
	return o
}

// command is the same load by hand.
func (w work) command() string {
	c := []string{"load", "-calls", fmt.Sprint(w.calls)}
	if w.rate > 0 {
		c = append(c, "-rate", fmt.Sprint(w.rate))
	}
	if w.phone {
		c = append(c, "-agent", "phone")
	} else {
		c = append(c, "-srtp", w.srtp)
	}
	if w.opus {
		c = append(c, "-ramp", "10", "-agent-codec", "opus")
	}
	return "`" + strings.Join(c, " ") + "`"
}

// agentNumber goes through the two ranges of configs/bench.yaml: 1000 to 1299, then 2000 to 2299.
func agentNumber(i int) string {
	if i < 300 {
		return fmt.Sprint(1000 + i)
	}
	return fmt.Sprint(2000 + i - 300)
}
