package configs

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func mustParse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheShippedFileIsTheDefaults(t *testing.T) {
	text, err := Shipped("cordboard.yaml")
	if err != nil {
		t.Fatal(err)
	}
	shipped, nothing := mustParse(t, string(text)), mustParse(t, "")
	// An empty list says as little as none.
	shipped.Plan.Numbers = nil
	for _, c := range []*Config{shipped, nothing} {
		emptyIsNil(reflect.ValueOf(c).Elem())
	}
	if !reflect.DeepEqual(shipped, nothing) {
		t.Errorf("cordboard.yaml is\n%+v\nthe defaults are\n%+v", shipped, nothing)
	}
	if len(nothing.Warnings) > 0 {
		t.Errorf("the defaults warn: %v", nothing.Warnings)
	}
}

func emptyIsNil(v reflect.Value) {
	switch v.Kind() {
	case reflect.Slice:
		if v.Len() == 0 {
			v.SetZero()
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				emptyIsNil(v.Field(i))
			}
		}
	}
}

// example are the blocks after "# Example:" in cordboard.yaml, as a document.
func example(t *testing.T) string {
	t.Helper()
	text, err := Shipped("cordboard.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc strings.Builder
	inside := false
	for line := range strings.Lines(string(text)) {
		if line == "# Example:\n" {
			inside = true
			continue
		}
		rest, commented := strings.CutPrefix(line, "#   ")
		if inside = inside && commented; inside {
			doc.WriteString(rest)
		}
	}
	return doc.String()
}

func TestTheExamplesInTheShippedFileAreRight(t *testing.T) {
	c := mustParse(t, example(t))
	if len(c.Trunks) != 4 || len(c.Agents) != 1 || len(c.AgentRanges) != 1 || len(c.Queues) != 2 || len(c.Plan.Numbers) != 4 || len(c.Plan.Outbound) != 2 {
		t.Errorf("the examples are %+v", c)
	}
	if len(c.Agents[0].DisplayNumbers) != 2 || c.Queues[0].SmartRouting.Budget != time.Second {
		t.Errorf("the examples are %+v", c)
	}
}

// Every key there is must be explained: it stands in cordboard.yaml, set or as an example.
func TestTheShippedFileIsComplete(t *testing.T) {
	text, err := Shipped("cordboard.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var missing func(reflect.Type)
	missing = func(rt reflect.Type) {
		switch rt.Kind() {
		case reflect.Slice, reflect.Map:
			missing(rt.Elem())
		case reflect.Struct:
			for i := range rt.NumField() {
				tag := rt.Field(i).Tag.Get("yaml")
				if tag == "" || tag == "-" {
					continue
				}
				if !regexp.MustCompile(`(?m)[\s{#-]`+tag+`:`).Match(text) && !strings.HasPrefix(string(text), tag+":") {
					t.Errorf("%s.%s is not in cordboard.yaml", rt.Name(), tag)
				}
				missing(rt.Field(i).Type)
			}
		}
	}
	missing(reflect.TypeFor[Config]())
}

func TestTheDemoIsTheOneOfTheContract(t *testing.T) {
	c, err := Demo()
	if err != nil {
		t.Fatal(err)
	}
	extensions := map[string]string{"anna": "1001", "bo": "1002", "carl": "1003", "dina": "1004", "sue": "1009"}
	if len(c.Agents) != len(extensions) {
		t.Errorf("%d agents", len(c.Agents))
	}
	for _, a := range c.Agents {
		if a.Extension != extensions[a.ID] || string(a.Password) != "demo-"+a.ID || string(a.DirectNumber) != "+35829300"+a.Extension || a.Availability != Available {
			t.Errorf("agent %s: %+v", a.ID, a)
		}
		if a.ID == "sue" != listed(RoleSupervisor, a.Roles) {
			t.Errorf("%s has the roles %v", a.ID, a.Roles)
		}
	}
	if d := c.Plan.Numbers["+358293000100"]; d.Queue != "Customer Service EN" {
		t.Errorf("the main number leads to %+v", d)
	}
	if d := c.Plan.Numbers["+358293000101"]; d.Queue != "Sales" {
		t.Errorf("the second number leads to %+v", d)
	}
	for _, q := range c.Queues {
		if !reflect.DeepEqual(q.Members, []string{"anna", "bo", "carl", "dina"}) || q.RingTimeout != 20*time.Second {
			t.Errorf("queue %+v", q)
		}
	}
	if !c.Queues[0].SmartRouting.On() || c.Queues[1].SmartRouting.On() {
		t.Error("smart routing is not on for Customer Service EN alone")
	}
	tr := c.Trunks[0]
	if tr.Name != "demo" || tr.Sources[0].String() != "127.0.0.0/8" || tr.Target != "127.0.0.1:5080" || tr.Transport != "" {
		t.Errorf("trunk %+v", tr)
	}
	if c.SIP.UDP[0] != "127.0.0.1:5060" || c.SIP.TCP[0] != "127.0.0.1:5060" || c.HTTP.Listen != "127.0.0.1:8080" || c.WebRTC.Listen != "127.0.0.1:8189" ||
		c.RTP.Address != "127.0.0.1" || c.RTP.Ports != (Ports{16384, 32767}) || !c.Salesforce.Simulator.Embedded || c.Salesforce.Simulator.Listen != "127.0.0.1:8090" {
		t.Error("the ports are not those of the contract")
	}
	if len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0].String(), "10 secrets") {
		t.Errorf("warnings: %v", c.Warnings)
	}
}

func TestTheBenchIsTheOneOfTheContract(t *testing.T) {
	c, err := parseShipped("bench.yaml")
	if err != nil {
		t.Fatal(err)
	}
	all := c.Everyone()
	if len(all) != 600 || all[0].ID != "1000" || all[299].ID != "1299" || all[300].ID != "2000" || all[599].ID != "2299" {
		t.Fatalf("%d agents", len(all))
	}
	for _, a := range all {
		if a.Extension != a.ID || string(a.SIPPassword) != "secret-"+a.ID || a.Availability != Available || a.Name != "Agent "+a.ID {
			t.Fatalf("agent %+v", a)
		}
	}
	if c.Log.Level != "warn" || !c.Node.Temporary() || c.Recording.Enabled || len(c.Queues) != 0 || !c.Salesforce.Simulator.Embedded {
		t.Errorf("%+v", c)
	}
	if c.Plan.Direct[0] != (Direct{"", 4}) || c.Trunks[0].Sources[0].String() != "127.0.0.0/8" {
		t.Errorf("%+v", c.Plan)
	}
}

func TestElementsOfListsHaveDefaults(t *testing.T) {
	c := mustParse(t, `
trunks: [{name: a, target: "sbc.example:5060"}]
agents: [{id: anna, extension: 0123, sip_password: x}]
queues: [{name: q, members: [anna]}]
`)
	if c.Trunks[0].Probe != 30*time.Second || c.Queues[0].RingTimeout != 20*time.Second {
		t.Errorf("%+v", c)
	}
	a := c.Agents[0]
	if a.Extension != "0123" || a.Name != "anna" || a.Availability != Available || !reflect.DeepEqual(a.Roles, []Role{RoleAgent}) {
		t.Errorf("%+v", a)
	}
}

func TestPathsStartInTheFolderOfTheFile(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"house.yaml": "node: {data_dir: data}\nsounds: {dir: wav, music: waltz.wav}\n" +
			"salesforce: {login_url: https://x.my.salesforce.com/, client_id: c, username: u, private_key_file: key.pem}\n",
		"wav/waltz.wav": "RIFF", "key.pem": "PEM",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Load(filepath.Join(dir, "house.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if c.Node.DataDir != filepath.Join(dir, "data") || c.Sounds.Dir != filepath.Join(dir, "wav") || c.Salesforce.PrivateKeyFile != filepath.Join(dir, "key.pem") {
		t.Errorf("%q, %q, %q", c.Node.DataDir, c.Sounds.Dir, c.Salesforce.PrivateKeyFile)
	}
	if c.Salesforce.LoginURL != "https://x.my.salesforce.com" {
		t.Errorf("login URL %q", c.Salesforce.LoginURL)
	}
	if _, err := Load(filepath.Join(dir, "no.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

func TestAnchorsSpareWords(t *testing.T) {
	c := mustParse(t, `
agents: [{id: anna, extension: 11, sip_password: x}, {id: bo, extension: 12, sip_password: x}]
queues:
  - {name: a, members: &all [anna, bo]}
  - {name: b, members: *all}
`)
	if !reflect.DeepEqual(c.Queues[1].Members, []string{"anna", "bo"}) {
		t.Errorf("%+v", c.Queues)
	}
}
