package gateway

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/crm/salesforce"
	"github.com/cordboard/cordboard/crm/sfsim"
	"github.com/cordboard/cordboard/outbox"
)

// openCRM connects to the org, the simulated one if the configuration asks for it, and begins to deliver to it.
func (g *Gateway) openCRM(context.Context) error {
	c := g.config().Salesforce
	if !c.On() {
		return nil
	}
	settings := salesforce.Settings{LoginURL: c.LoginURL, ClientID: c.ClientID, Username: c.Username, Audience: c.Audience,
		ClientSecret: string(c.ClientSecret), Version: c.APIVersion, Region: g.homeRegion(), Connect: c.Timeouts.Connect,
		Identify: c.Timeouts.Identify, Write: c.Timeouts.Request, Registry: g.metrics}
	var err error
	switch {
	case c.Simulator.Embedded:
		err = g.openSimulator(&settings)
	case c.PrivateKeyFile != "":
		settings.Key, err = readKey(c.PrivateKeyFile)
	}
	if err != nil {
		return err
	}
	if g.org, err = salesforce.New(settings, g.log); err != nil {
		return err
	}
	g.opened("salesforce client", func(context.Context) error { g.org.Close(); return nil })
	g.openOutbox()
	g.background(g.org.Run)
	return nil
}

// openOutbox starts to deliver; closing gives what was written last a moment to arrive. What does not stays in the store.
func (g *Gateway) openOutbox() {
	o := g.config().Outbox
	g.worker = outbox.New(g.store.Outbox(), map[string]outbox.Courier{"task": g.org.Tasks()},
		outbox.Settings{Batch: o.Batch, Poll: o.Interval, First: o.RetryFirst, Longest: o.RetryMax, Metrics: outbox.NewMetrics(g.metrics)}, g.log)
	// Not under life: what the last calls left is still delivered when everything else has stopped.
	g.work.Go(func() { g.worker.Run(context.WithoutCancel(g.life)) })
	g.opened("outbox", func(ctx context.Context) error {
		last, cancel := context.WithTimeout(ctx, lastDelivery)
		defer cancel()
		_ = g.store.Ledger().Flush(last) // what is not on disk by then is written when the store closes
		_ = g.worker.Idle(last)          // what is not delivered by then is delivered after the next start
		g.worker.Close()
		return nil
	})
}

// simulatorKeeps bounds the simulated org: a load test must measure the gateway, not the Tasks of an hour ago.
const simulatorKeeps = 20_000

const lastDelivery = 3 * time.Second

// openSimulator starts a Salesforce org in memory and makes an app in it for us.
func (g *Gateway) openSimulator(s *salesforce.Settings) error {
	l, err := net.Listen("tcp", g.config().Salesforce.Simulator.Listen)
	if err != nil {
		return fmt.Errorf("salesforce.simulator.listen: %w", err)
	}
	const bits = 2048
	if s.Key, err = rsa.GenerateKey(rand.Reader, bits); err != nil {
		return errors.Join(err, l.Close())
	}
	org := sfsim.New(sfsim.Options{Log: g.log, Keep: simulatorKeeps})
	org.Trust(sfsim.DemoClientID, sfsim.DemoUsername, &s.Key.PublicKey)
	s.LoginURL, s.ClientID, s.Username, s.Audience = "http://"+l.Addr().String(), sfsim.DemoClientID, sfsim.DemoUsername, ""
	server := &http.Server{Handler: org.Handler(), ReadHeaderTimeout: 10 * time.Second}
	g.simulator = l.Addr().String()
	g.work.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			g.log.Error("salesforce simulator", zap.Error(err))
		}
	})
	g.opened("salesforce simulator", func(context.Context) error { return server.Close() })
	return nil
}

func readKey(file string) (*rsa.PrivateKey, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("salesforce.private_key_file: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("salesforce.private_key_file: %s holds no PEM block; export the key of the app's certificate as PEM", file)
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("salesforce.private_key_file: %s: %w", file, err)
	}
	rsaKey, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("salesforce.private_key_file: %s holds a key of another kind; Salesforce takes RSA (RS256)", file)
	}
	return rsaKey, nil
}

// homeRegion is the country whose national numbers our trunks deliver.
func (g *Gateway) homeRegion() string {
	for _, t := range g.config().Trunks {
		if t.HomeRegion != "" {
			return t.HomeRegion
		}
	}
	return ""
}
