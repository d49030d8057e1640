package gateway

import (
	"fmt"
	"time"

	"github.com/cordboard/cordboard/api"
	"github.com/cordboard/cordboard/sip"
	"github.com/cordboard/cordboard/sip/registration"
	"github.com/cordboard/cordboard/sip/targets"
)

// Trunks says how the lines to the world stand.
func (o operations) Trunks() []api.Trunk {
	var all []api.Trunk
	for _, t := range o.g.endpoint.Trunks() {
		all = append(all, trunkShape(t))
	}
	return all
}

func trunkShape(t sip.TrunkStatus) api.Trunk {
	out := api.Trunk{Name: t.Name, Calls: t.Calls, MostCalls: t.Most, Hops: []api.TrunkHop{}}
	for _, h := range t.Hops {
		out.Hops = append(out.Hops, api.TrunkHop{
			Address: h.Hop.String(), Host: h.Host, Health: string(h.Health), Since: h.Since, Heard: known(h.Heard),
			Took: float64(h.Took.Microseconds()) / 1000, Fails: h.Fails, Why: failure(h),
		})
	}
	if r := t.Registration; r != nil {
		out.Register = &api.TrunkRegistration{AOR: r.AOR, State: string(r.State), Since: r.Since, Until: known(r.Until), Next: known(r.Next), Why: complaint(r)}
	}
	return out
}

// failure is what a hop's last request came to; empty when it did not fail.
func failure(h targets.Status) string {
	switch {
	case h.Fails == 0:
		return ""
	case h.Last.Err != nil:
		return h.Last.Err.Error()
	case h.Last.Result == targets.Replied:
		return fmt.Sprint(h.Last.Status)
	}
	return "no answer"
}

// complaint is what went wrong with a registration last; empty when nothing did.
func complaint(r *registration.Status) string {
	switch {
	case r.Err != nil:
		return r.Err.Error()
	case r.Code >= 300:
		return fmt.Sprintf("%d %s", r.Code, r.Reason)
	}
	return ""
}

// known is a time, nil for none.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
