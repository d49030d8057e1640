package sip

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
	"go.uber.org/zap"
)

// keeper asks every registered device regularly whether it is still there, with OPTIONS, which every kind of client
// answers: a dead tab, a pulled plug, a forgotten NAT mapping is noticed before a call is sent there (M3).
type keeper struct {
	e *Endpoint

	mu    sync.Mutex
	flows map[flow]*kept // guarded by mu
}

type kept struct {
	aor      string
	next     time.Time
	busy     bool
	answered bool // it has answered OPTIONS once
}

func newKeeper(e *Endpoint) *keeper { return &keeper{e: e, flows: map[flow]*kept{}} }

// keep begins to ask on a flow.
func (k *keeper) keep(f flow, aor string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if have, ok := k.flows[f]; ok {
		have.aor = aor
		return
	}
	k.flows[f] = &kept{aor: aor, next: time.Now().Add(k.e.cfg.Timeouts.KeepAlive)}
}

func (k *keeper) closed(f flow) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.flows, f)
}

// run asks those whose time has come.
func (k *keeper) run() {
	tick := time.NewTicker(min(time.Second, k.e.cfg.Timeouts.KeepAlive/4))
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			for _, f := range k.due(now) {
				k.e.run(func() { k.ask(f) })
			}
		case <-k.e.base.Done():
			return
		}
	}
}

func (k *keeper) due(now time.Time) []flow {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []flow
	for f, have := range k.flows {
		if have.busy || now.Before(have.next) {
			continue
		}
		if len(k.e.devices.ByFlow(f)) == 0 {
			delete(k.flows, f) // unregistered or expired meanwhile
			continue
		}
		have.busy, have.next = true, now.Add(k.e.cfg.Timeouts.KeepAlive)
		out = append(out, f)
	}
	return out
}

// ask sends one OPTIONS. Any answer is a sign of life; none, or a connection that is gone, is the flow's end.
func (k *keeper) ask(f flow) {
	defer k.asked(f)
	devs := k.e.devices.ByFlow(f)
	if len(devs) == 0 {
		return
	}
	var uri sip.Uri
	if _, err := sip.ParseAddressValue(devs[0].Contact, &uri, &sip.HeaderParams{}); err != nil {
		return
	}
	h := hop{network: f.Transport, remote: f.Remote, only: f.Transport != "udp"}
	ctx, cancel := context.WithTimeoutCause(k.e.base, 2*k.e.cfg.Timeouts.KeepAlive, errSilent)
	defer cancel()
	_, err := k.e.ask(ctx, k.e.optionsTo(uri, h), h)
	if err == nil {
		k.answered(f)
		return
	}
	if k.e.base.Err() != nil || f.Transport == "udp" && !k.answers(f) {
		return // a phone that never answers OPTIONS is taken at its word until its registration expires
	}
	k.e.log.Info("device does not answer", zap.String("aor", devs[0].AOR), zap.String("transport", f.Transport),
		zap.Stringer("remote", f.Remote), zap.Error(err))
	if f.Transport == "ws" {
		k.e.door.Drop(f.Remote)
	}
	k.e.flowClosed(f.Transport, f.Remote)
}

func (k *keeper) answered(f flow) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if have, ok := k.flows[f]; ok {
		have.answered = true
	}
}

func (k *keeper) answers(f flow) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	have, ok := k.flows[f]
	return ok && have.answered
}

var errSilent = errors.New("no answer to OPTIONS")

func (k *keeper) asked(f flow) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if have, ok := k.flows[f]; ok {
		have.busy = false
	}
}

// optionsTo makes the OPTIONS by which a device or a hop is asked whether it lives.
func (e *Endpoint) optionsTo(uri sip.Uri, h hop) *sip.Request {
	req := sip.NewRequest(sip.OPTIONS, uri)
	host := "invalid"
	if local, err := e.local(h); err == nil {
		host = local.Addr().String()
	}
	req.AppendHeader(&sip.FromHeader{Address: sip.Uri{Scheme: "sip", User: "keepalive", Host: host}, Params: tagged(newTag())})
	req.AppendHeader(&sip.ToHeader{Address: sip.Uri{Scheme: "sip", User: uri.User, Host: uri.Host}})
	callID := sip.CallIDHeader(newTag())
	req.AppendHeader(&callID)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: 1, MethodName: sip.OPTIONS})
	hops := sip.MaxForwardsHeader(70)
	req.AppendHeader(&hops)
	req.AppendHeader(sip.NewHeader("User-Agent", e.cfg.UserAgent))
	req.SetBody(nil)
	return req
}
