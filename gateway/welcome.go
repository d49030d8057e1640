package gateway

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cordboard/cordboard/call"
)

// Welcome is what the demo prints: where to look, whom to be, which numbers to dial.
func (g *Gateway) Welcome() string {
	var b strings.Builder
	base := "http://" + g.web.Addr().String()
	fmt.Fprintf(&b, "\n  Cordboard is running.\n\n")
	fmt.Fprintf(&b, "  Web phone        %s/phone/\n", base)
	if g.simulator != "" {
		fmt.Fprintf(&b, "  Salesforce       http://%s/_sim/   (simulated: its Tasks, Contacts and requests)\n", g.simulator)
	}
	fmt.Fprintf(&b, "  API              %s/api/v1/openapi.json\n", base)
	fmt.Fprintf(&b, "  SIP              %s (UDP, TCP)\n\n", strings.Join(g.config().SIP.UDP, ", "))
	fmt.Fprintf(&b, "  Agents\n")
	for _, a := range g.config().Agents {
		fmt.Fprintf(&b, "    %-8s %-6s password %-14s %s\n", a.ID, a.Extension, string(a.Password), a.Name)
	}
	fmt.Fprintf(&b, "\n  Numbers to dial\n")
	var numbers []call.Number
	for n := range g.config().Plan.Numbers {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		e, _ := g.router.Look(n)
		fmt.Fprintf(&b, "    %-16s %s\n", string(n), e.To)
	}
	for _, d := range g.config().Plan.Direct {
		fmt.Fprintf(&b, "    %s%s  an agent, by extension\n", d.Prefix, strings.Repeat("n", d.Digits))
	}
	if len(numbers) > 0 {
		host, port, _ := strings.Cut(g.config().SIP.UDP[0], ":")
		fmt.Fprintf(&b, "\n  Log in as anna, then call from another shell, for instance\n")
		fmt.Fprintf(&b, "    sipp -sf testdata/sipp/basic/call.xml -s %s %s:%s -m 1\n", string(numbers[0]), host, port)
	}
	fmt.Fprintf(&b, "\n  Ctrl-C lets calls end, a second one ends them.\n\n")
	return b.String()
}
