package gateway

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/cordboard/cordboard/configs"
	"github.com/cordboard/cordboard/internal/lab"
)

// reloading is a house that was started from a file, and the file's text.
func reloading(t *testing.T) (*house, string) {
	t.Helper()
	text := `
node: {data_dir: temporary}
log: {level: info}
sip: {udp: ["127.0.0.1:0"], tcp: ["127.0.0.1:0"], phone_networks: [127.0.0.0/8]}
http: {listen: "127.0.0.1:0"}
webrtc: {listen: "127.0.0.1:0"}
trunks: [{name: demo, sources: [127.0.0.0/8], home_region: FI}]
agents:
  - {id: anna, extension: 1001, password: demo-anna, sip_password: demo-anna}
  - {id: root, extension: 1009, password: demo-root, roles: [admin]}
queues: [{name: Sales, members: [anna]}]
plan: {numbers: {"+358293000100": {queue: Sales}}, direct: [{prefix: "+35829300", digits: 4}]}
salesforce: {simulator: {embedded: true, listen: "127.0.0.1:0"}}
`
	free := freePorts(t, 4)
	for i, key := range []string{`tcp: ["127.0.0.1:`, `{listen: "127.0.0.1:`, `webrtc: {listen: "127.0.0.1:`, `embedded: true, listen: "127.0.0.1:`} {
		text = strings.Replace(text, key+"0", fmt.Sprint(key, free+i), 1)
	}
	text = strings.Replace(text, `udp: ["127.0.0.1:0`, fmt.Sprintf(`udp: ["127.0.0.1:%d`, free), 1)
	file := filepath.Join(t.TempDir(), "cordboard.yaml")
	write(t, file, text)
	c, err := configs.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	return openHouse(t, c), text
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestACallInTalkKnowsNothingOfAReload(t *testing.T) {
	h, text := reloading(t)
	customer, anna := h.talk(lab.PCMA(), lab.PCMA())
	for before, after := range map[string]string{
		"name: demo": "name: renamed", "name: Sales,": "name: Support,", "queue: Sales": "queue: Support", "level: info": "level: debug",
		"  - {id: root": "  - {id: bo, extension: 1002, password: demo-bo, sip_password: demo-bo}\n  - {id: root", "[anna]": "[bo]",
		"http: {": "http: {origins: [\"https://crm.example.com\"], ",
	} {
		text = strings.Replace(text, before, after, 1)
	}
	write(t, h.config().File, text)
	done, err := h.Reload()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"log.level", "trunks[0].name", "agents", "queues[0].name", "plan.numbers"} {
		if !slices.Contains(done.Changed, key) {
			t.Errorf("%s is not said to have changed: %q", key, done.Changed)
		}
	}
	if !slices.Equal(done.Restart, []string{"http.origins"}) {
		t.Errorf("needs a restart: %q", done.Restart)
	}
	customer.Ear().MustHear(t, annasTone, patience, time.Second)
	anna.Ear().MustHear(t, 440, patience, time.Second)

	bo := h.phone("bo", lab.PCMA()) // who is new may register, and serves the new queue
	second := h.dial(h.carrier(lab.PCMA()), mainNumber, lab.CallOptions{})
	if err := h.rings(bo, 0).Answer(h.soon()); err != nil {
		t.Fatal(err)
	}
	second.MustAnswer(t, patience)
	records := h.board.Active()
	if len(records) != 2 || records[0].Trunk != "demo" || records[1].Trunk != "renamed" || records[1].Queue != "Support" {
		t.Errorf("calls %+v", records)
	}
	for _, c := range []*lab.Call{customer, second} {
		if err := c.Bye(h.soon()); err != nil {
			t.Error(err)
		}
	}
}

func TestABadFileChangesNothingAndTheReportSaysWhereAndHow(t *testing.T) {
	h, text := reloading(t)
	write(t, h.config().File, strings.Replace(strings.Replace(text, "id: anna", "id: berta", 1), "level: info", "level: loud", 1))
	var p struct{ Detail string }
	status := h.ask(h.login("root"), http.MethodPost, "/gateway/reload", nil, &p)
	if status != http.StatusUnprocessableEntity {
		t.Errorf("status %d", status)
	}
	for _, words := range []string{"log.level (line 3)", `"loud"`, "debug, info, warn, error", "queues[0].members"} {
		if !strings.Contains(p.Detail, words) {
			t.Errorf("the answer does not say %s: %s", words, p.Detail)
		}
	}
	if _, ok := h.guard.User("anna"); !ok {
		t.Error("anna is gone all the same")
	}
	h.phone("anna", lab.PCMA())
}

func TestTheLogLevelChangesWithAReload(t *testing.T) {
	h, text := reloading(t)
	level := zap.NewAtomicLevelAt(zapcore.InfoLevel)
	WithLevel(level)(h.Gateway)
	write(t, h.config().File, strings.Replace(text, "level: info", "level: error", 1))
	if _, err := h.Reload(); err != nil {
		t.Fatal(err)
	}
	if level.Level() != zapcore.ErrorLevel {
		t.Errorf("level %s", level.Level())
	}
}

func TestADemoCannotBeReloaded(t *testing.T) {
	h := openHouse(t, demoHouse("127.0.0.1:9"))
	if _, err := h.Reload(); err == nil || !strings.Contains(err.Error(), "without a configuration file") {
		t.Errorf("reload: %v", err)
	}
}
