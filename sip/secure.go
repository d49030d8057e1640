package sip

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"go.uber.org/zap"
)

// Certificate is a certificate with its chain, and its private key: two files in PEM.
type Certificate struct{ File, Key string }

// TrunkTLS is how a trunk speaks TLS.
type TrunkTLS struct {
	CA          string      // file in PEM: who may sign its certificate; empty: whom this machine trusts
	Certificate Certificate // shown to it; zero: Config.Certificate
	ServerName  string      // in its certificate; empty: the host of its target (RFC 5922 section 7.1)
	Mutual      bool        // it must show a certificate that CA signed when it connects to us
}

// certificates are those in use. They are replaced as a whole.
type certificates struct {
	own    *tls.Certificate
	trunks map[string]trunkKeys // by name
}

type trunkKeys struct {
	own   *tls.Certificate
	roots *x509.CertPool // nil: those of this machine
}

var errNoCertificate = errors.New("there is no certificate to show")

// ReloadCertificates reads all certificates and keys again; connections that are up go on with theirs. After an error,
// which names the file, those in use stay. Files that have changed are read again by themselves within half a minute.
func (e *Endpoint) ReloadCertificates() error {
	e.reloading.Lock()
	defer e.reloading.Unlock()
	k, err := e.readKeys(e.sources.configured.Load().trunks)
	if err != nil {
		return err
	}
	e.keys.Store(k)
	e.log.Info("certificates read again")
	return nil
}

// readKeys reads the certificates of the listeners and of some trunks.
func (e *Endpoint) readKeys(trunks []*trunk) (*certificates, error) {
	own, err := readCertificate(e.cfg.Certificate)
	if err != nil {
		return nil, err
	}
	if own == nil && len(e.cfg.TLS) > 0 {
		return nil, fmt.Errorf("listen on TLS %s: %w", e.cfg.TLS[0], errNoCertificate)
	}
	k := &certificates{own: own, trunks: make(map[string]trunkKeys, len(trunks))}
	for _, t := range trunks {
		of := trunkKeys{own: own}
		shown, err := readCertificate(t.TLS.Certificate)
		if err == nil && shown != nil {
			of.own = shown
		}
		if err == nil && t.TLS.CA != "" {
			of.roots, err = readRoots(t.TLS.CA)
		}
		if err != nil {
			return nil, fmt.Errorf("trunk %s: %w", t.Name, err)
		}
		k.trunks[t.Name] = of
	}
	return k, nil
}

func readCertificate(c Certificate) (*tls.Certificate, error) {
	if c.File == "" {
		return nil, nil //nolint:nilnil // none is none
	}
	pair, err := tls.LoadX509KeyPair(c.File, c.Key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", c.File, c.Key, err)
	}
	return &pair, nil
}

func readRoots(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("certificates of who may sign: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("no certificate in %s", file)
	}
	return roots, nil
}

// serverConfig is for one connection that comes in.
func (e *Endpoint) serverConfig(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	k := e.keys.Load()
	if k.own == nil {
		return nil, errNoCertificate
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*k.own}}
	if t := e.sources.trunk(addrPortOf(hello.Conn.RemoteAddr()).Addr()); t != nil && t.TLS.Mutual {
		c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, k.trunks[t.Name].roots
	}
	return c, nil
}

// clientConfig is for a connection to a hop.
func (e *Endpoint) clientConfig(h hop) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: h.certified()}
	k := e.keys.Load()
	own := k.own
	if h.trunk != nil {
		of := k.trunks[h.trunk.Name]
		own, c.RootCAs = of.own, of.roots
	}
	if own != nil {
		c.Certificates = []tls.Certificate{*own}
	}
	return c
}

// certified is the name that the certificate of a hop must carry: not what DNS led to, for that answer may be forged.
func (h hop) certified() string {
	if h.trunk != nil && h.trunk.TLS.ServerName != "" {
		return h.trunk.TLS.ServerName
	}
	if h.trunk != nil && h.trunk.targets != nil { // inside a dialog a Record-Route or Contact may name its address only
		for _, s := range h.trunk.targets.Statuses() {
			if s.Addr == h.remote {
				return s.Host
			}
		}
	}
	if h.host != "" {
		return h.host
	}
	return h.remote.Addr().String()
}

// certificatesChecked is how often files are looked at; a certificate is renewed days before it ends.
const certificatesChecked = 30 * time.Second

// watchCertificates reads files again that have changed.
func (e *Endpoint) watchCertificates() {
	tick := time.NewTicker(e.cfg.Timeouts.Certificates)
	defer tick.Stop()
	seen := e.certificateFiles()
	for {
		select {
		case <-e.base.Done():
			return
		case <-tick.C:
		}
		now := e.certificateFiles()
		if slices.Equal(now, seen) {
			continue
		}
		seen = now
		if err := e.ReloadCertificates(); err != nil {
			e.log.Error("certificates not read again, the old ones stay", zap.Error(err))
		}
	}
}

// certificateFiles are the names of all files with their sizes and times.
func (e *Endpoint) certificateFiles() (all []string) {
	note := func(files ...string) {
		for _, f := range files {
			if info, err := os.Stat(f); err == nil {
				all = append(all, fmt.Sprint(f, info.Size(), info.ModTime()))
			}
		}
	}
	note(e.cfg.Certificate.File, e.cfg.Certificate.Key)
	for _, t := range e.sources.configured.Load().trunks {
		note(t.TLS.CA, t.TLS.Certificate.File, t.TLS.Certificate.Key)
	}
	return all
}
