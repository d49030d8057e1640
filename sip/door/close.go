package door

import (
	"context"
	"slices"
	"sync"
)

// shutDown lets nobody in any more and returns who is in.
func (d *Door) shutDown() []*Socket {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.shut {
		d.shut = true
		if len(d.sockets) == 0 {
			close(d.empty)
		}
	}
	all := make([]*Socket, 0, len(d.sockets))
	for _, s := range d.sockets {
		all = append(all, s)
	}
	return all
}

func (d *Door) close(ctx context.Context) error {
	all := d.shutDown()
	var goodbyes sync.WaitGroup
	for _, s := range all {
		goodbyes.Go(func() { s.goAway(closeGoingAway) })
	}
	var late error
	select {
	case <-d.empty:
	case <-ctx.Done():
		late = context.Cause(ctx)
		for _, s := range all {
			s.cutOff()
		}
	}
	goodbyes.Wait()
	return late
}

// told tells those who registered by OnClose.
func (d *Door) told(s *Socket) {
	d.mu.Lock()
	listeners := slices.Clone(d.onClose)
	d.mu.Unlock()
	for _, f := range listeners {
		f(s)
	}
}
