package sip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/cordboard/cordboard/sip/location"
	"github.com/cordboard/cordboard/sip/targets"
)

// errFlowGone says that the socket a request must go out by is not there (any more). We never dial a browser: the port
// it called from is nobody's listener.
var errFlowGone = errors.New("the flow is gone")

// flow is a way to a peer: a connection for ws and tcp, an address for udp.
type flow = location.Flow

// hop is where one request goes.
type hop struct {
	network string // "udp", "tcp", "tls", "ws"
	remote  netip.AddrPort
	only    bool   // only by the connection that is there already
	trunk   *trunk // whose hop it is; nil: nobody's
	host    string // that the hop was found by
}

// flowOf is where a request came from.
func flowOf(req *sip.Request) flow {
	remote, err := netip.ParseAddrPort(req.Source())
	if err != nil {
		return flow{}
	}
	return flow{Transport: sip.NetworkToLower(req.Transport()), Remote: netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())}
}

// alive reports whether there is a connection for the flow. UDP always is.
func (e *Endpoint) alive(f flow) bool {
	switch f.Transport {
	case "udp":
		return true
	case "ws":
		return e.door.Open(f.Remote)
	}
	c, err := e.transport.GetConnection(f.Transport, f.Remote.String())
	if err != nil {
		return false
	}
	_, _ = c.TryClose() // gives back the reference that GetConnection took; the socket's own keeps it open
	return true
}

// address sets the transport, the destination and our Via of a request that is ready otherwise.
func (e *Endpoint) address(req *sip.Request, h hop) error {
	if e.base.Err() != nil {
		return context.Cause(e.base) // the sockets are being closed, and the library would open another one
	}
	if h.only && !e.alive(flow{Transport: h.network, Remote: h.remote}) {
		return errFlowGone
	}
	if h.network == "tls" && !h.only {
		if err := e.connect(e.base, h); err != nil {
			return err
		}
	}
	local, err := e.local(h)
	if err != nil {
		return err
	}
	via := &sip.ViaHeader{
		ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: sip.NetworkToUpper(h.network),
		Host: local.Addr().String(), Port: int(local.Port()),
		Params: sip.HeaderParams{{K: "branch", V: sip.RFC3261BranchMagicCookie + newTag()}},
	}
	if h.network == "udp" {
		via.Params.Add("rport", "") // RFC 3581 section 3
		// Only for UDP: the pool files every accepted stream under the local address too, and a request bound to it would
		// go to whoever connected last (W6).
		req.Laddr = e.udpSocket(h)
		e.sources.dial(h.remote.Addr())
	}
	req.PrependHeader(via)
	req.SetTransport(sip.NetworkToUpper(h.network))
	req.SetDestination(h.remote.String())
	return nil
}

// local is the address we name in Via and Contact towards a hop.
func (e *Endpoint) local(h hop) (netip.AddrPort, error) {
	var l netip.AddrPort
	switch h.network {
	case "udp":
		l = e.listenAddr("udp", h.remote.Addr())
	case "tcp", "tls":
		l = e.listenAddr(h.network, h.remote.Addr())
	case "ws":
		// RFC 7118 section 5.3: nobody can connect back over a browser's socket; the address is for the log only.
		l = e.anyAddr(h.remote.Addr())
	default:
		return l, fmt.Errorf("transport %q is not supported", h.network)
	}
	if !l.IsValid() && h.network == "tls" && !h.only {
		return e.lifeline(h)
	}
	if !l.IsValid() && h.network != "udp" {
		l = e.anyAddr(h.remote.Addr()) // a trunk by TCP without a TCP listener: in-dialog requests come on the connection
	}
	if !l.IsValid() {
		return l, fmt.Errorf("no %s listener for %s", h.network, h.remote)
	}
	if l.Addr().IsUnspecified() {
		if e.cfg.Advertise.IsValid() {
			return netip.AddrPortFrom(e.cfg.Advertise, l.Port()), nil
		}
		return netip.AddrPortFrom(outboundAddr(h.remote), l.Port()), nil
	}
	return l, nil
}

// outboundAddr asks the kernel which of our addresses it would use towards remote. No packet is sent.
func outboundAddr(remote netip.AddrPort) netip.Addr {
	c, err := net.Dial("udp", remote.String())
	if err != nil {
		return remote.Addr()
	}
	defer c.Close()
	a := c.LocalAddr().(*net.UDPAddr).AddrPort().Addr()
	return a.Unmap()
}

// request starts a client transaction.
func (e *Endpoint) request(ctx context.Context, req *sip.Request, h hop) (*sip.ClientTx, error) {
	if err := e.address(req, h); err != nil {
		return nil, err
	}
	tx, err := e.transactions.Request(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("send %s to %s: %w", req.Method, h.remote, err)
	}
	e.says(req)
	return tx, nil
}

// ask sends a request other than INVITE and returns its final response. An error of the transaction comes back as the
// response RFC 3261 section 8.1.3.1 says it counts as: 408 for silence, 503 for a transport that failed.
func (e *Endpoint) ask(ctx context.Context, req *sip.Request, h hop) (*sip.Response, error) {
	tx, err := e.request(ctx, req, h)
	if err != nil {
		return nil, &Refused{Status: 503, Reason: phraseOf(503), Err: err}
	}
	for {
		select {
		case res := <-tx.Responses():
			if res.IsProvisional() {
				continue
			}
			return res, nil
		case <-tx.Done():
			return nil, unanswered(tx.Err())
		case <-ctx.Done():
			tx.Terminate()
			return nil, context.Cause(ctx)
		}
	}
}

// unanswered is the Refused that a failed transaction counts as.
func unanswered(err error) *Refused {
	if errors.Is(err, sip.ErrTransactionTimeout) {
		return &Refused{Status: 408, Reason: phraseOf(408), Err: err}
	}
	return &Refused{Status: 503, Reason: phraseOf(503), Err: err}
}

// refusal is the Refused that a final response is.
func refusal(res *sip.Response) *Refused {
	return &Refused{Status: res.StatusCode, Reason: res.Reason, Header: headersOf(res)}
}

// headersOf are all header fields of a message.
func headersOf(m fields) []Header {
	all := make([]Header, 0, len(m.Headers()))
	for _, h := range m.Headers() {
		all = append(all, Header{h.Name(), h.Value()})
	}
	return all
}

// nextHop is where a URI leads (RFC 3263 without NAPTR): to the first of its addresses.
func (e *Endpoint) nextHop(ctx context.Context, uri *sip.Uri, network string) (hop, error) {
	t := targets.Target{Host: trimBrackets(uri.Host), Transport: targets.Transport(network)}
	if name, ok := uri.UriParams.Get("transport"); ok && name != "" {
		t.Transport = targets.Transport(strings.ToLower(name))
	}
	if m, ok := uri.UriParams.Get("maddr"); ok && m != "" {
		t.Host = trimBrackets(m)
	}
	if t.Host == "" || uri.Port < 0 || uri.Port > 65535 {
		return hop{}, fmt.Errorf("no address in %q", uri.String())
	}
	t.Port = uint16(uri.Port)
	if uri.Scheme == "sips" {
		t.Transport = targets.TLS
	}
	budget, cancel := context.WithTimeout(ctx, dnsBudget)
	defer cancel()
	hops, err := e.resolver.Resolve(budget, t)
	if err != nil {
		return hop{}, fmt.Errorf("look up %s: %w", t, err)
	}
	return hop{network: string(t.Transport), remote: hops[0].Addr, host: t.Host}, nil
}

// dnsBudget is how long a request inside a dialog waits for DNS.
const dnsBudget = 2 * time.Second
