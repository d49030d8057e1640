// Package carrier starts Kamailio as a carrier's SBC and registrar, so that trunks are tested against a peer that others
// wrote. It listens on loopback only and leaves nothing behind.
package carrier

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

// Options say what the carrier is like.
type Options struct {
	Listen   string // UDP and TCP; a free port of 127.0.0.1 when empty
	World    string // UDP: whom it calls, and who calls by it
	Trunk    string // UDP: where calls of the world go; where the trunk registered when empty
	Password string // what a trunk must know to register and to call, in the realm carrier.example; nothing when empty
	TLS      *TLS
	SHA256   bool // challenges with SHA-256 and not with MD5
	Log      io.Writer
}

// TLS is how a carrier speaks it.
type TLS struct {
	Listen           string // a free port of 127.0.0.1 when empty
	Certificate, Key string // files
	CA               string // that signs the certificates of its trunks; empty: none is asked for
}

// Carrier is a running Kamailio.
type Carrier struct {
	options Options
	dir     string
	process *exec.Cmd
	once    sync.Once
}

// Start returns when it answers. ctx is the patience for that.
func Start(ctx context.Context, o Options) (*Carrier, error) {
	dir, err := os.MkdirTemp("", "carrier")
	if err != nil {
		return nil, err
	}
	c := &Carrier{options: o, dir: dir}
	if c.options.Listen == "" {
		c.options.Listen = free("udp")
	}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// Address is where it speaks UDP and TCP; Secure where it speaks TLS.
func (c *Carrier) Address() string { return c.options.Listen }
func (c *Carrier) Secure() string  { return c.options.TLS.Listen } //nolint:revive // see Address

func (c *Carrier) start(ctx context.Context) error {
	o := &c.options
	file := filepath.Join(c.dir, "kamailio.cfg")
	if err := os.WriteFile(file, configuration, 0o600); err != nil {
		return err
	}
	_, worldPort, err := net.SplitHostPort(o.World)
	if err != nil {
		return fmt.Errorf("who is called: %w", err)
	}
	arguments := []string{"-DD", "-E", "-f", file, "-Y", c.dir, "-P", filepath.Join(c.dir, "pid"), "-m", "64", "-M", "4",
		"-A", "LISTEN=" + o.Listen, "-A", `WORLD="sip:` + o.World + `"`, "-A", "WORLD_PORT=" + worldPort}
	if o.Trunk != "" {
		arguments = append(arguments, "-A", `TRUNK="sip:`+o.Trunk+`"`)
	}
	if o.Password != "" {
		arguments = append(arguments, "-A", `PASSWORD="`+o.Password+`"`)
	}
	if o.SHA256 {
		arguments = append(arguments, "-A", "SHA256")
	}
	if o.TLS != nil {
		more, err := c.secure()
		if err != nil {
			return err
		}
		arguments = append(arguments, more...)
	}
	c.process = exec.Command("kamailio", arguments...)
	c.process.Stdout, c.process.Stderr = o.Log, o.Log
	c.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.process.Start(); err != nil {
		return fmt.Errorf("kamailio: %w", err)
	}
	return answers(ctx, o.Listen)
}

// secure writes what Kamailio is told of TLS.
func (c *Carrier) secure() ([]string, error) {
	t := c.options.TLS
	if t.Listen == "" {
		t.Listen = free("tcp")
	}
	text := fmt.Sprintf("[server:default]\nmethod = TLSv1.2+\ncertificate = %s\nprivate_key = %s\n", t.Certificate, t.Key)
	if t.CA != "" {
		text += "verify_certificate = yes\nrequire_certificate = yes\nca_list = " + t.CA + "\n"
	}
	text += fmt.Sprintf("[client:default]\nmethod = TLSv1.2+\ncertificate = %s\nprivate_key = %s\n", t.Certificate, t.Key)
	file := filepath.Join(c.dir, "tls.cfg")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return []string{"-A", "TLS_LISTEN=" + t.Listen, "-A", `TLS_CONFIG="` + file + `"`}, nil
}

// free is an address of loopback that nobody has at the moment.
func free(network string) string {
	if network == "tcp" {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return ""
		}
		defer l.Close()
		return l.Addr().String()
	}
	p, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return ""
	}
	defer p.Close()
	return p.LocalAddr().String()
}

// answers asks by UDP until there is an answer.
func answers(ctx context.Context, address string) error {
	conn, err := net.Dial("udp", address)
	if err != nil {
		return err
	}
	defer conn.Close() // nothing is written that could be lost
	buf := make([]byte, 4096)
	for ctx.Err() == nil {
		_, _ = fmt.Fprintf(conn, "OPTIONS sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKready%d;rport\r\nMax-Forwards: 70\r\n"+
			"From: <sip:lab@127.0.0.1>;tag=1\r\nTo: <sip:%s>\r\nCall-ID: ready\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n", address, time.Now().UnixNano(), address)
		_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		n, err := conn.Read(buf)
		if err == nil && bytes.HasPrefix(buf[:n], []byte("SIP/2.0 200")) {
			return nil
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) { // refused while nobody listens
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}
	return fmt.Errorf("kamailio does not answer at %s: %w", address, context.Cause(ctx))
}

// Close ends it and waits for that. Its children die with it.
func (c *Carrier) Close() (err error) {
	c.once.Do(func() {
		if c.process != nil && c.process.Process != nil {
			_ = c.process.Process.Signal(syscall.SIGTERM) // one that has gone needs none
			kill := time.AfterFunc(5*time.Second, func() { _ = c.process.Process.Kill() })
			_ = c.process.Wait() // how it ends when it is told to does not matter
			kill.Stop()
		}
		err = os.RemoveAll(c.dir)
	})
	return err
}
