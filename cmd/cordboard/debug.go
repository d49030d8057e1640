package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"strconv"
	"time"
)

// longestProfile bounds what one request to the debug listener may take: a profile costs CPU as long as it is taken.
const longestProfile = time.Minute

// debugger is the listener by which an operator sees into a running process: heap, goroutines, CPU. It shows numbers and
// texts of calls that are up, so that it is off by default, and on loopback only.
type debugger struct {
	server *http.Server
	addr   net.Addr
	ended  chan struct{}
}

var errNotLoopback = errors.New("the debug listener shows what calls say; give it a loopback address, such as 127.0.0.1:6060")

// listenDebug opens the debug listener at a loopback address.
func listenDebug(address string) (*debugger, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, fmt.Errorf("debug listener: %w", err)
	}
	if !at.Addr().IsLoopback() {
		return nil, errNotLoopback
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("debug listener: %w", err)
	}
	d := &debugger{addr: l.Addr(), ended: make(chan struct{}), server: &http.Server{
		Handler: bounded(profiles()), ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 2 * longestProfile, MaxHeaderBytes: 8 << 10,
	}}
	go func() {
		defer close(d.ended)
		_ = d.server.Serve(l) // ends with Close; when it ends before, an operator sees that nobody answers
	}()
	return d, nil
}

// profiles are net/http/pprof's pages. That package also puts them on the default mux, which we never serve.
func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index) // heap, goroutine, mutex, block and the others by their names
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// bounded serves one request at a time, of at most longestProfile, and only what was asked for under a loopback name: a
// web page on this machine that resolves its own name to 127.0.0.1 is refused.
func bounded(h http.Handler) http.Handler {
	one := make(chan struct{}, 1)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !loopbackName(r.Host) {
			http.Error(w, "ask by a loopback address", http.StatusForbidden)
			return
		}
		if s := r.FormValue("seconds"); s != "" {
			if n, err := strconv.ParseFloat(s, 64); err != nil || n > longestProfile.Seconds() {
				http.Error(w, fmt.Sprintf("seconds: at most %v", longestProfile.Seconds()), http.StatusBadRequest)
				return
			}
		}
		select {
		case one <- struct{}{}:
			defer func() { <-one }()
			h.ServeHTTP(w, r)
		case <-r.Context().Done(): // nobody waits for it any more
		}
	})
}

func loopbackName(hostPort string) bool {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		host = hostPort
	}
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// Close ends the listener and whatever is being served.
func (d *debugger) Close(context.Context) error {
	err := d.server.Close()
	<-d.ended
	return err
}
