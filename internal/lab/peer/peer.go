// Package peer starts the gateway that ours is measured against: Kamailio and rtpengine as Debian packages them, in the
// least configuration that does the same work. It listens on loopback only and leaves nothing behind.
package peer

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

//go:embed kamailio.cfg
var configuration []byte

// Options say where the peer listens and what it does with sound.
type Options struct {
	SIP       string    // UDP, "127.0.0.1:5960" when empty
	Web       string    // WebSocket, "127.0.0.1:5980" when empty
	Engine    string    // rtpengine's control port, "127.0.0.1:22230" when empty
	Transcode bool      // browsers are offered Opus instead of what the caller speaks
	Log       io.Writer // what the two have to say, one at a time; nil: nobody listens
}

// Peer is a running Kamailio with its rtpengine.
type Peer struct {
	options Options
	dir     string
	engine  *exec.Cmd
	proxy   *exec.Cmd
}

// Packages are the Debian packages that Start needs.
func Packages() []string {
	return []string{"kamailio", "kamailio-websocket-modules", "rtpengine-daemon"}
}

// Start returns when both answer. ctx is the patience for that.
func Start(ctx context.Context, o Options) (*Peer, error) {
	if o.SIP == "" {
		o.SIP = "127.0.0.1:5960"
	}
	if o.Web == "" {
		o.Web = "127.0.0.1:5980"
	}
	if o.Engine == "" {
		o.Engine = "127.0.0.1:22230"
	}
	dir, err := os.MkdirTemp("", "peer")
	if err != nil {
		return nil, err
	}
	if o.Log != nil {
		o.Log = &oneAtATime{to: o.Log}
	}
	p := &Peer{options: o, dir: dir}
	if err = p.startEngine(ctx); err == nil {
		err = p.startProxy(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// SIP is where the peer speaks SIP over UDP; Web is the URL of its WebSocket.
func (p *Peer) SIP() string { return p.options.SIP }
func (p *Peer) Web() string { return "ws://" + p.options.Web + "/" }

// PIDs are the two processes; their children belong to them.
func (p *Peer) PIDs() []int { return []int{p.engine.Process.Pid, p.proxy.Process.Pid} }

// startEngine runs rtpengine in user space (table -1), as it must where its kernel module cannot be loaded. Calls are
// forgotten as soon as they are deleted, so that those that are over cost nothing.
func (p *Peer) startEngine(ctx context.Context) error {
	host, _, err := net.SplitHostPort(p.options.Engine)
	if err != nil {
		return err
	}
	p.engine = p.command("rtpengine", "--config-file=none", "--foreground", "--log-stderr", "--log-level=3", "--table=-1",
		"--interface="+host, "--listen-ng="+p.options.Engine, "--port-min=16384", "--port-max=32766", "--delete-delay=0")
	if err := p.engine.Start(); err != nil {
		return fmt.Errorf("rtpengine: %w", err)
	}
	// The ng protocol: a cookie, and a dictionary in bencode.
	return p.answers(ctx, "rtpengine", p.options.Engine, "1 d7:command4:pinge", "4:pong")
}

func (p *Peer) startProxy(ctx context.Context) error {
	file := filepath.Join(p.dir, "kamailio.cfg")
	if err := os.WriteFile(file, configuration, 0o600); err != nil {
		return err
	}
	o := p.options
	arguments := []string{"-DD", "-E", "-f", file, "-Y", p.dir, "-P", filepath.Join(p.dir, "pid"), "-m", "256",
		"-A", "LISTEN_SIP=" + o.SIP, "-A", "LISTEN_WS=" + o.Web, "-A", `ENGINE="udp:` + o.Engine + `"`}
	if o.Transcode {
		arguments = append(arguments, "-A", "TRANSCODE")
	}
	p.proxy = p.command("kamailio", arguments...)
	if err := p.proxy.Start(); err != nil {
		return fmt.Errorf("kamailio: %w", err)
	}
	options := "OPTIONS sip:" + o.SIP + " SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKready;rport\r\nMax-Forwards: 70\r\n" +
		"From: <sip:lab@127.0.0.1>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: ready\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
	return p.answers(ctx, "kamailio", o.SIP, options, "SIP/2.0 200")
}

func (p *Peer) command(name string, arguments ...string) *exec.Cmd {
	c := exec.Command(name, arguments...)
	c.Stdout, c.Stderr = p.options.Log, p.options.Log
	return c
}

// oneAtATime is a log that two processes write to.
type oneAtATime struct {
	mu sync.Mutex
	to io.Writer // guarded by mu
}

func (o *oneAtATime) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.to.Write(b)
}

// answers asks by UDP until the answer holds what it should.
func (p *Peer) answers(ctx context.Context, name, address, question, want string) error {
	conn, err := net.Dial("udp", address)
	if err != nil {
		return err
	}
	defer conn.Close() // nothing is written that could be lost
	buf := make([]byte, 4096)
	for ctx.Err() == nil {
		_, _ = conn.Write([]byte(question)) // refused while nobody listens
		_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		n, err := conn.Read(buf)
		if err == nil && bytes.Contains(buf[:n], []byte(want)) {
			return nil
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}
	return fmt.Errorf("%s does not answer at %s: %w", name, address, context.Cause(ctx))
}

// Close ends both processes and waits for them.
func (p *Peer) Close() error {
	for _, c := range []*exec.Cmd{p.proxy, p.engine} {
		if c == nil || c.Process == nil {
			continue
		}
		_ = c.Process.Signal(syscall.SIGTERM) // one that has gone needs none
		kill := time.AfterFunc(5*time.Second, func() { _ = c.Process.Kill() })
		_ = c.Wait() // how it ends when it is told to does not matter
		kill.Stop()
	}
	return os.RemoveAll(p.dir)
}
