package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/agent"
	"github.com/cordboard/cordboard/api"
	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/queue"
	"github.com/cordboard/cordboard/store"
	"github.com/cordboard/cordboard/web"
)

// openHTTP takes the address first of all, so that a second gateway on this machine is refused before it touches calls;
// nothing is answered before openDoors.
func (g *Gateway) openHTTP(context.Context) error {
	l, err := net.Listen("tcp", g.config().HTTP.Listen)
	if err != nil {
		return fmt.Errorf("http.listen: %w", err)
	}
	g.web = l
	mux := http.NewServeMux()
	g.mux, g.server = mux, api.NewServer(mux, g.log)
	g.opened("HTTP", func(ctx context.Context) error {
		if g.api == nil {
			return l.Close()
		}
		g.api.Close()
		err := g.server.Shutdown(ctx)
		_ = l.Close() // closed already if it was ever served
		return err
	})
	return nil
}

// openDoors serves the web phone, the API and the browsers' SIP sockets.
func (g *Gateway) openDoors(context.Context) error {
	mux := g.mux
	mux.Handle("/api/v1/", g.api)
	mux.Handle("/phone/", g.api.Pages(web.Phone()))
	mux.Handle("/sip", g.endpoint.Door())
	mux.Handle("GET /healthz", api.Health())
	mux.Handle("GET /readyz", api.Ready(g.ready))
	mux.Handle("GET /metrics", api.Metrics(g.metrics))
	mux.Handle("GET /{$}", http.RedirectHandler("/phone/", http.StatusFound))
	g.background(g.api.Run)
	g.background(g.forgetCalls)
	g.work.Go(func() {
		if err := g.server.Serve(g.web); !errors.Is(err, http.ErrServerClosed) {
			g.die("http", err)
		}
	})
	g.opened("what runs beside the calls", func(context.Context) error { g.stop(); return nil })
	g.log.Info("ready", zap.Stringer("http", g.web.Addr()))
	return nil
}

// ready says why no calls should come here.
func (g *Gateway) ready() error {
	if draining, _ := g.drain.standing(); draining {
		return fmt.Errorf("draining, calls up: %d", len(g.board.Active()))
	}
	return g.Err()
}

// past are the calls as the API sees them: those that go on are the switchboard's, those that are over the store's.
type past struct{ g *Gateway }

func (p past) Active() []call.Record { return p.g.board.Active() }

func (p past) Recent(ctx context.Context, agent string, limit int) ([]call.Record, error) {
	return p.g.store.Recent(ctx, store.Filter{Agent: agent, Limit: limit})
}

func (p past) Get(ctx context.Context, id call.ID) (call.Record, error) {
	for _, r := range p.g.board.Active() {
		if r.ID == id {
			return r, nil
		}
	}
	r, err := p.g.store.Get(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return r, fmt.Errorf("call %s: %w", id, api.ErrNotFound)
	}
	return r, err
}

// pools are the queues as the API sees them.
type pools struct{ *queue.Distributor }

func (p pools) Memberships(id string) []api.Membership {
	var all []api.Membership
	for _, name := range p.Names() {
		s, _ := p.Settings(name)
		if _, member := s.Members[id]; member {
			all = append(all, api.Membership{Name: name, Active: true})
		}
	}
	return all
}

var _ api.Desk = (*agent.Desk)(nil)
