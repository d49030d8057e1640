package main

import (
	"context"
	"fmt"
	"time"

	"github.com/cordboard/cordboard/internal/lab"
)

// rest watches each gateway while nobody asks anything of it.
func (b *bench) rest(ctx context.Context, d time.Duration) error {
	for _, m := range b.makers {
		g, err := m.start(ctx, work{})
		if err != nil {
			return fmt.Errorf("%s at rest: %w", m.name, err)
		}
		wait := func(d time.Duration) error {
			select {
			case <-time.After(d):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		err = wait(3 * time.Second) // what starting left to do
		if err == nil {
			var idle lab.Idle
			idle, err = lab.Rest(g.pids, func() error { return wait(d) })
			b.idle = append(b.idle, idle)
		}
		if stopped := g.stop(); err == nil {
			err = stopped
		}
		if err != nil {
			return fmt.Errorf("%s at rest: %w", m.name, err)
		}
	}
	return nil
}

// gather measures what browsers cost that are registered and silent. Only ours: the peer's processes share what they keep.
func (b *bench) gather(ctx context.Context, browsers int, d time.Duration) error {
	g, err := b.cordboard(b.crowdConfig).start(ctx, work{})
	if err != nil {
		return fmt.Errorf("crowd: %w", err)
	}
	b.crowd, err = lab.Crowd(ctx, lab.CrowdOptions{URL: g.web, Browsers: browsers, Window: d, PIDs: g.pids, Metrics: "http://" + b.http + "/metrics"})
	if stopped := g.stop(); err == nil {
		err = stopped
	}
	if err != nil {
		return fmt.Errorf("crowd: %w", err)
	}
	return nil
}
