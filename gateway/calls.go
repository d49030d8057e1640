package gateway

import (
	"context"
	"fmt"
	"net/netip"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/agent"
	"github.com/cordboard/cordboard/bridge"
	"github.com/cordboard/cordboard/configs"
	"github.com/cordboard/cordboard/crm"
	"github.com/cordboard/cordboard/queue"
	"github.com/cordboard/cordboard/routing"
	"github.com/cordboard/cordboard/sip"
	"github.com/cordboard/cordboard/switchboard"
)

// openCalls puts routing, stories and legs together.
func (g *Gateway) openCalls(context.Context) error {
	all := plans(g.config())
	var consultant routing.Consultant
	var identifier crm.Identifier
	if g.org != nil {
		consultant, identifier = g.org, g.org
	}
	r := g.config().Routing
	g.router = routing.New(all[""], premises{g.desk, g.queues}, consultant,
		routing.Settings{Budget: r.Budget, Faults: uint32(r.BreakerFaults), Pause: r.BreakerPause}, g.log, g.metrics)
	g.opened("router", func(context.Context) error { g.router.Close(); return nil })

	g.tellers = &stories{intent: g.api.Take}
	g.tellers.use(all)
	g.bridge = bridge.New(bridge.Parts{Sound: g.sound, Stories: g.tellers, Watcher: g.book, Policy: policyOf(g.config()), Log: g.log, Metrics: g.metrics})
	g.opened("legs", func(context.Context) error { g.bridge.Close(); return nil })
	g.board = switchboard.New(switchboard.Parts{Dialer: dialer{g.bridge}, Router: g.router, Queues: g.queues, Desk: g.desk,
		Ledger: g.ledger(), Identifier: identifier, Witness: g.api, Sounds: g.sound, Log: g.log, Metrics: g.metrics,
		Settings: switchboard.Settings{Ring: g.config().SIP.Timeouts.Ring, Away: g.away}})
	g.tellers.board = g.board
	return nil
}

// away is what the plan says now of a call whose agent's connection is lost.
func (g *Gateway) away() switchboard.Away {
	a := g.config().Plan.Away
	return switchboard.Away{Grace: a.Grace, Ends: a.Then == configs.AwayEnd}
}

// premises tell the router what exists here.
type premises struct {
	desk   *agent.Desk
	queues *queue.Distributor
}

func (p premises) HasQueue(name string) bool { _, ok := p.queues.Settings(name); return ok }

func (p premises) AgentOfUser(user string) (string, bool) {
	a, ok := p.desk.BySalesforceUser(user)
	return a.ID, ok
}

// openSignalling opens the SIP endpoint; from here on calls come in.
func (g *Gateway) openSignalling(context.Context) error {
	c := g.config().SIP
	settings := sip.Config{Log: g.log, Metrics: g.metrics, UDP: c.UDP, TCP: c.TCP, TLS: c.TLS, Certificate: sip.Certificate{File: c.Certificate, Key: c.Key}, UserAgent: c.UserAgent, Realm: c.Realm, Algorithms: c.Digest,
		PhoneNetworks: c.PhoneNetworks, Users: g.guard, PhoneTimer: sip.SessionTimer{Expires: c.Timeouts.Session},
		Timeouts: sip.Timeouts{KeepAlive: c.Timeouts.KeepAlive, FlowGrace: c.Timeouts.FlowGrace},
		Door:     sip.DoorConfig{Path: "/sip", Origins: g.origins(), TrustedProxies: g.config().HTTP.TrustedProxies, Authenticate: g.guard.Authenticate}}
	if c.Advertise != "" {
		a, err := netip.ParseAddr(c.Advertise)
		if err != nil {
			return fmt.Errorf("sip.advertise: %w", err)
		}
		settings.Advertise = a
	}
	trunks, err := trunksOf(g.config())
	if err != nil {
		return err
	}
	settings.Trunks = trunks
	settings.Tap = g.tap()
	e, err := sip.Open(settings, g.bridge)
	if err != nil {
		return fmt.Errorf("sip: %w", err)
	}
	g.endpoint = e
	g.bridge.Use(e)
	g.opened("signalling", e.Close)
	e.Watch(func(aor string) { g.desk.Devices(aor, len(e.Devices(aor))) })
	g.background(func(ctx context.Context) {
		select {
		case <-e.Done():
			g.die("signalling", e.Err())
		case <-ctx.Done():
		}
	})
	g.log.Info("signalling is open", zap.Strings("udp", c.UDP), zap.Strings("tcp", c.TCP), zap.Strings("tls", c.TLS))
	return nil
}

// reliability reads the word of the configuration, which has been checked.
func reliability(word string) sip.Reliability {
	switch word {
	case "off":
		return sip.Unsupported
	case "required":
		return sip.Required
	}
	return sip.Supported
}

// origins are the pages that may open our SIP socket and API: our own and those the configuration names.
func (g *Gateway) origins() []string {
	return append([]string{g.config().HTTP.PublicURL}, g.config().HTTP.Origins...)
}
