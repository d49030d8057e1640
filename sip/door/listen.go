package door

import (
	"context"
	"net"
	"slices"
	"sync"
)

// listener is the door as the SIP stack sees it. Accept fails only when it is closed: any error ends the stack's server
// (pitfall W1).
type listener struct{ door *Door }

func (l listener) Accept() (net.Conn, error) {
	select {
	case <-l.door.closed:
		return nil, net.ErrClosed
	default:
	}
	select {
	case c := <-l.door.queue:
		return c, nil
	case <-l.door.closed:
		return nil, net.ErrClosed
	}
}

func (l listener) Close() error {
	l.door.shutDown()
	return nil
}

func (l listener) Addr() net.Addr { return l.door.cfg.Addr }

// shutDown lets nobody in any more and returns who is in.
func (d *Door) shutDown() []*socket {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.shut {
		d.shut = true
		close(d.closed)
		if len(d.sockets) == 0 {
			close(d.empty)
		}
	}
	all := make([]*socket, 0, len(d.sockets))
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
	select {
	case <-d.empty:
		goodbyes.Wait()
		return nil
	case <-ctx.Done():
		for _, s := range all {
			s.cutOff()
		}
		goodbyes.Wait()
		return context.Cause(ctx)
	}
}

// told tells those who registered by OnClose.
func (d *Door) told(remote string) {
	d.mu.Lock()
	listeners := slices.Clone(d.onClose)
	d.mu.Unlock()
	for _, f := range listeners {
		f(remote)
	}
}
