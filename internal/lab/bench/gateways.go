package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/cordboard/cordboard/internal/lab/peer"
)

// gateway is one that runs.
type gateway struct {
	sip, web, domain string
	pids             []int
	stop             func() error
}

// maker starts a gateway for a work. Every measurement has one of its own: an allocator keeps what an earlier run needed.
type maker struct {
	name  string
	start func(ctx context.Context, w work) (gateway, error)
}

func (b *bench) cordboard(config string) maker {
	return maker{"Cordboard", func(ctx context.Context, _ work) (gateway, error) {
		c := exec.Command(b.binary, "serve", "--config", config)
		c.Stdout, c.Stderr = os.Stderr, os.Stderr
		if err := c.Start(); err != nil {
			return gateway{}, err
		}
		g := gateway{sip: b.sip, web: "ws://" + b.http + "/sip", domain: "gateway", pids: []int{c.Process.Pid}, stop: func() error {
			for range 2 { // the second ends at once
				_ = c.Process.Signal(syscall.SIGTERM)
				time.Sleep(50 * time.Millisecond)
			}
			_ = c.Wait() // calls that were cut off are no failure here
			return nil
		}}
		if err := ready(ctx, "http://"+b.http+"/readyz"); err != nil {
			return gateway{}, errors.Join(err, g.stop())
		}
		return g, nil
	}}
}

func (b *bench) kamailio() maker {
	return maker{"Kamailio + rtpengine", func(ctx context.Context, w work) (gateway, error) {
		patience, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		p, err := peer.Start(patience, peer.Options{Transcode: w.opus, Log: b.peerLog})
		if err != nil {
			return gateway{}, err
		}
		return gateway{sip: p.SIP(), web: p.Web(), domain: "127.0.0.1", pids: p.PIDs(), stop: p.Close}, nil
	}}
}

func ready(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return errors.New("the gateway did not become ready")
		}
	}
}

// prefer asks the kernel to run what is measured, and what measures, before anything else on the machine. What is started
// later inherits it. Without the right to do so it is measured as it comes.
func prefer() error {
	tasks, err := filepath.Glob("/proc/self/task/[0-9]*")
	for _, task := range tasks {
		if id, e := strconv.Atoi(filepath.Base(task)); e == nil {
			if e := syscall.Setpriority(syscall.PRIO_PROCESS, id, -10); e != nil {
				err = fmt.Errorf("priority: %w", e)
			}
		}
	}
	return err
}
