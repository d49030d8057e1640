// Command sfsim is a Salesforce org in memory, for demos and tests. It listens on the loopback interface unless told
// otherwise.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/cordboard/cordboard/crm/sfsim"
)

type flags struct {
	Listen      string        `default:"127.0.0.1:8090" help:"Address to listen on."`
	Org         string        `type:"existingfile" placeholder:"FILE" help:"JSON of the org's records and apps. Default: the demo org."`
	Seed        uint64        `default:"1" help:"Ids and jitter follow from it."`
	ClientID    string        `default:"cordboard-demo" help:"Consumer key of an app that the org trusts."`
	Secret      string        `default:"demo-secret" env:"SFSIM_SECRET" help:"Its secret, for the client-credentials flow. Empty: that flow is off."`
	PublicKey   string        `type:"existingfile" placeholder:"FILE" help:"Its RSA public key or certificate (PEM), for the JWT bearer flow."`
	Username    string        `default:"gateway@cordboard.demo" help:"User that the app acts as."`
	SessionLife time.Duration `default:"2h" help:"Life of an access token."`
	DailyLimit  int           `default:"5000000" help:"API requests in 24 hours."`
	IndexDelay  time.Duration `default:"0s" help:"Until search finds a new record."`
	FlowLatency time.Duration `default:"0s" help:"Each flow takes this long."`
	LogLevel    string        `default:"info" enum:"debug,info,warn,error" help:"debug logs every request."`
}

func main() {
	var f flags
	cli := kong.Parse(&f, kong.Name("sfsim"), kong.Description("A Salesforce org in memory: /services/… as Salesforce, /_sim/ to look inside and to make it fail."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, f)
	stop()
	cli.FatalIfErrorf(err)
}

// run serves until ctx ends.
func run(ctx context.Context, f flags) error {
	log, err := newLog(f.LogLevel)
	if err != nil {
		return err
	}
	org, err := f.org(log)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", f.Listen)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: org, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: zap.NewStdLog(log),
	}
	log.Info("the org is open", zap.String("url", "http://"+listener.Addr().String()+"/_sim/"), zap.String("client_id", f.ClientID), zap.String("username", f.Username))
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err = server.Shutdown(last)
	if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

func newLog(level string) (*zap.Logger, error) {
	at, err := zapcore.ParseLevel(level)
	if err != nil {
		return nil, err
	}
	c := zap.NewDevelopmentConfig()
	c.Level, c.DisableStacktrace, c.DisableCaller = zap.NewAtomicLevelAt(at), true, true
	return c.Build()
}

func (f flags) org(log *zap.Logger) (*sfsim.Org, error) {
	opt := sfsim.Options{
		Seed: f.Seed, Log: log, SessionLife: f.SessionLife, DailyLimit: f.DailyLimit, IndexDelay: f.IndexDelay, FlowLatency: f.FlowLatency,
	}
	if f.Org != "" {
		file, err := os.Open(f.Org)
		if err != nil {
			return nil, err
		}
		opt.Contents, err = sfsim.ReadContents(file)
		if err := errors.Join(err, file.Close()); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Org, err)
		}
	}
	org := sfsim.New(opt)
	if f.Secret != "" {
		org.TrustSecret(f.ClientID, f.Secret, f.Username)
	}
	if f.PublicKey != "" {
		text, err := os.ReadFile(f.PublicKey)
		if err != nil {
			return nil, err
		}
		key, err := sfsim.ParsePublicKey(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.PublicKey, err)
		}
		org.Trust(f.ClientID, f.Username, key)
	}
	return org, nil
}
