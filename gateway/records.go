package gateway

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/crm"
	"github.com/cordboard/cordboard/store"
)

// openStore opens the database, and ends in it the calls that a former process left open when it died.
func (g *Gateway) openStore(ctx context.Context) error {
	dir, err := g.dataDir()
	if err != nil {
		return err
	}
	g.store, err = store.Open(ctx, filepath.Join(dir, "cordboard.db"), g.log)
	if err != nil {
		return err
	}
	g.opened("store", func(context.Context) error { return g.store.Close() })
	if err := g.store.Register(g.metrics); err != nil {
		return err
	}
	left, err := g.store.Unfinished(ctx)
	if err != nil {
		return fmt.Errorf("calls left open: %w", err)
	}
	l := g.ledger()
	for _, r := range left {
		l.Close(abandoned(r, g.store.LastAlive()))
	}
	if len(left) > 0 {
		g.log.Warn("closed the calls that the last process left open", zap.Int("calls", len(left)))
	}
	g.forget(ctx)
	return nil
}

// forgetCalls deletes, once an hour, the calls that may no longer be kept.
func (g *Gateway) forgetCalls(ctx context.Context) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			g.forget(ctx)
		case <-ctx.Done():
			return
		}
	}
}

func (g *Gateway) forget(ctx context.Context) {
	keep := g.config().Node.KeepCalls
	if keep == 0 {
		return
	}
	n, err := g.store.Forget(ctx, time.Now().Add(-keep))
	switch {
	case ctx.Err() != nil:
	case err != nil:
		g.log.Warn("old calls not deleted", zap.Error(err))
	case n > 0:
		g.log.Info("old calls deleted", zap.Int("calls", n))
	}
}

// abandoned is how a call ended whose gateway died: when that was last seen alive, or as late as we know the call to
// have gone on.
func abandoned(r call.Record, alive time.Time) call.Record {
	r.Ending = call.Ending{By: call.ByUs, Reason: call.Stopped}
	r.Over = alive
	for _, t := range []time.Time{r.Started, r.Queued, r.Presented, r.Answered} {
		if t.After(r.Over) {
			r.Over = t
		}
	}
	if n := len(r.Segments); n > 0 && r.Segments[n-1].To.IsZero() {
		r.Segments[n-1].To = r.Over
	}
	return r
}

// ledger is where the stories write.
func (g *Gateway) ledger() ledger {
	task := g.config().Salesforce.Task
	when := crm.When(task.When)
	if !g.config().Salesforce.On() {
		when = crm.Never // nobody would ever fetch the rows
	}
	return ledger{store: g.store.Ledger(), tasks: crm.Settings{When: when, Subject: task.Subject, Status: task.Status,
		DetailsURL: g.config().HTTP.PublicURL + "/phone/#/calls/{id}", Zone: time.Local}}
}
