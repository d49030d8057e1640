package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// parsed gives the flags as the command line would.
func parsed(t *testing.T, args ...string) flags {
	t.Helper()
	var f flags
	p, err := kong.New(&f)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Parse(args); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestItListensOnTheLoopbackInterfaceUnlessTold(t *testing.T) {
	if f := parsed(t); f.Listen != "127.0.0.1:8090" {
		t.Error(f.Listen)
	}
}

func TestItServesUntilItIsStopped(t *testing.T) {
	at := freeAddress(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, parsed(t, "--listen", at, "--log-level", "error")) }()
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"cordboard-demo"}, "client_secret": {"demo-secret"}}
	var text string
	for deadline := time.Now().Add(10 * time.Second); text == "" && time.Now().Before(deadline); {
		resp, err := http.PostForm("http://"+at+"/services/oauth2/token", form)
		if err != nil {
			continue // not listening yet
		}
		body, err := io.ReadAll(resp.Body)
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		text = string(body)
	}
	if !strings.Contains(text, `"access_token"`) {
		t.Error(text)
	}
	http.DefaultClient.CloseIdleConnections()
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAnAddressThatIsTakenIsAnError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := run(t.Context(), parsed(t, "--listen", l.Addr().String(), "--log-level", "error")); err == nil {
		t.Error("no error")
	}
}

func TestFilesAreCheckedBeforeTheOrgOpens(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	good := write("good.json", `{"records":{"Contact":[{"LastName":"Only"}]}}`)
	public := write("key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
	f := parsed(t, "--org", good, "--public-key", public)
	log, err := newLog("error")
	if err != nil {
		t.Fatal(err)
	}
	org, err := f.org(log)
	if err != nil || len(org.Records("Contact")) != 1 {
		t.Error(err)
	}
	for _, args := range [][]string{{"--org", write("bad.json", `{"records":{"Contact":[{"Nonsense":1}]}}`)}, {"--public-key", good}} {
		if _, err := parsed(t, args...).org(log); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
