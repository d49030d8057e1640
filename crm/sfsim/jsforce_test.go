package sfsim

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestJSForceIsServedAsByAnOrg runs testdata/jsforce/judge.cjs. Node and npm must be there: a judge who is absent has
// found nothing right.
func TestJSForceIsServedAsByAnOrg(t *testing.T) {
	script := filepath.Join("testdata", "jsforce", "judge.cjs")
	if _, err := os.ReadFile(script); err != nil { // and so go test knows that its result depends on it
		t.Fatal(err)
	}
	modules := installedJSForce(t)
	o, at := serve(t, Options{})
	o.TrustSecret(DemoClientID, "s3cret", DemoUsername)
	judge := exec.CommandContext(t.Context(), "node", "--test", "--test-reporter=tap", script)
	judge.Env = append(os.Environ(), "NODE_PATH="+modules, "SIM="+at, "CLIENT_ID="+DemoClientID, "CLIENT_SECRET=s3cret")
	out, err := judge.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// installedJSForce installs the pinned packages once into a cache folder that is named by the lock file.
func installedJSForce(t *testing.T) string {
	t.Helper()
	lock, err := os.ReadFile(filepath.Join("testdata", "jsforce", "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	sum := sha256.Sum256(lock)
	folder := filepath.Join(cache, "cordboard", "jsforce-"+hex.EncodeToString(sum[:6]))
	if _, err := os.Stat(filepath.Join(folder, "complete")); err == nil {
		return filepath.Join(folder, "node_modules")
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"package.json", "package-lock.json"} {
		text, err := os.ReadFile(filepath.Join("testdata", "jsforce", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	install := exec.CommandContext(t.Context(), "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	install.Dir = folder
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(folder, "complete"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(folder, "node_modules")
}
