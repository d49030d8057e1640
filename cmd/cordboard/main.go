// Command cordboard is the gateway: serve runs it, check reads a configuration, demo runs it with a simulated org.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/cordboard/cordboard/access"
	"github.com/cordboard/cordboard/configs"
	"github.com/cordboard/cordboard/gateway"
)

var version = "dev" // set by the linker

type commands struct {
	Serve   serve   `cmd:"" help:"Run the gateway. The first SIGTERM lets calls end (node.drain_timeout), the second ends them."`
	Check   check   `cmd:"" help:"Read a configuration and report every problem in it."`
	Hash    hash    `cmd:"" name:"password" help:"Read a password from standard input and print its agents.password_hash."`
	Demo    demo    `cmd:"" help:"Run a gateway and a simulated Salesforce org on this machine."`
	Default shipped `cmd:"" name:"config" help:"Print the complete, commented configuration with its defaults."`
	Version about   `cmd:"" help:"Print the version."`
}

type (
	serve struct {
		Config  string `required:"" type:"existingfile" help:"Configuration file." env:"CORDBOARD_CONFIG"`
		Profile string `help:"Write a CPU profile of the whole run to this file, for go tool pprof."`
		Debug   string `help:"Show profiles of the running process at this loopback address, such as 127.0.0.1:6060, under /debug/pprof/." placeholder:"ADDRESS"`
	}
	check struct {
		Config string `required:"" type:"existingfile" help:"Configuration file." env:"CORDBOARD_CONFIG"`
	}
	hash    struct{}
	demo    struct{}
	shipped struct{}
	about   struct{}
)

func main() {
	parsed := kong.Parse(&commands{}, kong.Name("cordboard"), kong.Description("SIP trunks to agents' browsers, routed and recorded by Salesforce."))
	if err := parsed.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (about) Run() error { fmt.Println("cordboard", version); return nil }

func (shipped) Run() error {
	text, err := configs.Shipped("cordboard.yaml")
	if err == nil {
		_, err = os.Stdout.Write(text)
	}
	return err
}

func (hash) Run() error {
	line, _ := bufio.NewReader(os.Stdin).ReadString('\n') // the last line may end without one
	password := strings.TrimRight(line, "\r\n")
	if password == "" {
		return errors.New("no password on standard input")
	}
	fmt.Println(access.HashPassword(password))
	return nil
}

func (c check) Run() error {
	cfg, err := configs.Load(c.Config)
	if err != nil {
		return err
	}
	warn(cfg)
	fmt.Println(c.Config, "is fine.")
	return nil
}

func (s serve) Run() (err error) {
	cfg, err := configs.Load(s.Config)
	if err != nil {
		return err
	}
	if s.Profile != "" {
		stop, err := profile(s.Profile)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stop()) }()
	}
	if s.Debug != "" {
		d, err := listenDebug(s.Debug)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, d.Close(context.Background())) }()
	}
	warn(cfg)
	return run(cfg, func(*gateway.Gateway) {})
}

func (demo) Run() error {
	cfg, err := configs.Demo()
	if err != nil {
		return err
	}
	warn(cfg)
	return run(cfg, func(g *gateway.Gateway) { fmt.Print(g.Welcome()) })
}

// profile begins a CPU profile; stop completes the file.
func profile(path string) (stop func() error, err error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error { pprof.StopCPUProfile(); return f.Close() }, nil
}

func warn(cfg *configs.Config) {
	for _, w := range cfg.Warnings {
		fmt.Fprintln(os.Stderr, "warning:", w)
	}
}

// run runs a gateway until a signal, or until a part of it dies.
func run(cfg *configs.Config, started func(*gateway.Gateway)) error {
	log, level, err := logger(cfg.Log)
	if err != nil {
		return err
	}
	defer log.Sync() //nolint:errcheck // standard error cannot be synced on a terminal, and there is nobody to tell
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	g, err := gateway.Start(context.Background(), cfg, log, gateway.WithLevel(level))
	if err != nil {
		return err
	}
	started(g)
	for working := true; working; {
		select {
		case <-hangups:
			_, _ = g.Reload() // the log says what became of it, and the old configuration counts if nothing did
		case <-signals:
			drain(g, log, signals)
			working = false
		case <-g.Done():
			working = false
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), gateway.CloseTimeout)
	defer cancel()
	return errors.Join(g.Err(), g.Close(ctx))
}

// drain lets calls end by themselves until the time is over or a second signal comes.
func drain(g *gateway.Gateway, log *zap.Logger, signals <-chan os.Signal) {
	ctx, cancel := context.WithTimeout(context.Background(), g.DrainTimeout())
	defer cancel()
	go func() {
		select {
		case <-signals:
			log.Info("second signal: ending now")
			cancel()
		case <-ctx.Done():
		}
	}()
	if err := g.Drain(ctx); err != nil {
		log.Warn("calls are still up", zap.Error(err))
	}
}

func logger(c configs.Log) (*zap.Logger, zap.AtomicLevel, error) {
	level, err := zap.ParseAtomicLevel(c.Level)
	if err != nil {
		return nil, level, err
	}
	z := zap.NewProductionConfig()
	if c.Format == "console" {
		z = zap.NewDevelopmentConfig()
		z.EncoderConfig.EncodeLevel = zapcore.CapitalColorLevelEncoder
		z.Development = false
		z.DisableCaller = true
	}
	z.Level = level
	z.DisableStacktrace = true
	z.Sampling = nil
	log, err := z.Build()
	return log, level, err
}
