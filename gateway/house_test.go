package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/configs"
	"github.com/cordboard/cordboard/crm/sfsim"
	"github.com/cordboard/cordboard/internal/lab"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is a whole gateway with a simulated org, on ports of its own.
type house struct {
	*Gateway
	t   *testing.T
	cfg *configs.Config
}

const (
	mainNumber  = "+358293000100"
	annasNumber = "+358293001001"
	maija       = "+358400000001" // one Contact, whose last Case anna owns
	nobody      = "+358400000003"
)

// demoHouse is the demo's agents, queues and plan on free ports; outside is where its trunk calls out to.
func demoHouse(outside string) *configs.Config {
	c := configs.Default()
	c.Node.DataDir, c.Node.Drain = configs.TemporaryDir, time.Second
	c.HTTP.Listen = "127.0.0.1:0"
	c.SIP.UDP, c.SIP.TCP = []string{"127.0.0.1:0"}, []string{"127.0.0.1:0"}
	c.WebRTC.Listen = "127.0.0.1:0"
	c.Salesforce.Simulator = configs.Simulator{Embedded: true, Listen: "127.0.0.1:0"}
	c.Trunks = []configs.Trunk{{Name: "demo", Sources: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Target: outside, Transport: "udp", HomeRegion: "FI"}}
	for i, id := range []string{"anna", "bo", "carl", "dina"} {
		extension := []string{"1001", "1002", "1003", "1004"}[i]
		c.Agents = append(c.Agents, configs.Agent{ID: id, Name: id, Extension: extension, Password: configs.Secret("demo-" + id), SIPPassword: configs.Secret("demo-" + id),
			SalesforceUser: sfsim.DemoUserID(id), Availability: configs.Available, DisplayNumbers: []configs.DisplayNumber{{Number: call.Number("+35829300" + extension)}}})
	}
	c.Queues = []configs.Queue{{Name: "Customer Service EN", Members: []string{"anna", "bo", "carl", "dina"}, RingTimeout: 20 * time.Second,
		SmartRouting: configs.SmartRouting{Flow: "Cordboard_Smart_Routing"}}}
	c.Plan = configs.Plan{Extensions: true, Away: c.Plan.Away,
		Numbers:  map[call.Number]configs.Destination{mainNumber: {Queue: "Customer Service EN"}},
		Direct:   []configs.Direct{{Prefix: "+35829300", Digits: 4}},
		Outbound: []configs.Outbound{{Prefix: "+", Trunk: "demo"}}}
	return c
}

func openHouse(t *testing.T, c *configs.Config) *house {
	t.Helper()
	log := zaptest.NewLogger(t, zaptest.Level(zapcore.InfoLevel))
	g, err := Start(t.Context(), c, log)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{Gateway: g, t: t, cfg: c}
	t.Cleanup(h.shut)
	return h
}

func (h *house) shut() {
	ctx, cancel := context.WithTimeout(context.Background(), CloseTimeout)
	defer cancel()
	if err := h.Gateway.Close(ctx); err != nil {
		h.t.Error(err)
	}
}

// patience is how long a test waits for what takes milliseconds: a busy machine must not fail it.
const patience = 15 * time.Second

// connected waits until a browser's sound has its path.
func (h *house) connected(c *lab.Call) {
	h.t.Helper()
	select {
	case <-c.Connected():
	case <-h.soon().Done():
		h.t.Fatal("the browser never connected")
	}
}

// soon is a context for what should happen within seconds.
func (h *house) soon() context.Context {
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	h.t.Cleanup(cancel)
	return ctx
}

// sip is where calls go.
func (h *house) sip() string { return h.endpoint.Addrs()[0].String() }

// phone is an agent's browser, registered.
func (h *house) phone(id string, formats ...lab.Format) *lab.Browser {
	h.t.Helper()
	b, err := lab.NewBrowser(lab.BrowserOptions{URL: "ws://" + h.web.Addr().String() + "/sip", User: id, Password: "demo-" + id, Domain: "cordboard", Formats: formats})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { b.Close() })
	b.Listen(func(*lab.Call) {}) // rings until the test decides
	if err := b.Open(h.soon()); err != nil {
		h.t.Fatal(err)
	}
	return b
}

// carrier is the trunk's far side.
func (h *house) carrier(formats ...lab.Format) *lab.Trunk {
	h.t.Helper()
	t, err := lab.NewTrunk(lab.TrunkOptions{Number: maija, Formats: formats})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { t.Close() })
	return t
}

// dial calls a number as a customer.
func (h *house) dial(t *lab.Trunk, number string, o lab.CallOptions) *lab.Call {
	h.t.Helper()
	c, err := t.Call(h.t.Context(), "sip:"+number+"@"+h.sip(), o)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// rings waits until an agent's phone rings, and returns the call.
func (h *house) rings(b *lab.Browser, n int) *lab.Call {
	h.t.Helper()
	c, err := b.NextCall(h.soon(), n)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// tasks waits until the org holds n Tasks of calls and returns them.
func (h *house) tasks(n int) []map[string]any {
	h.t.Helper()
	var tasks []map[string]any
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		tasks = h.records("Task")
		if len(tasks) >= n {
			return tasks
		}
		select { // the org is another process as far as we are concerned: it can only be asked again
		case <-time.After(50 * time.Millisecond):
		case <-h.t.Context().Done():
		}
	}
	h.t.Fatalf("%d Tasks in the org, want %d: %v", len(tasks), n, tasks)
	return nil
}

func (h *house) records(object string) []map[string]any {
	h.t.Helper()
	resp, err := http.Get("http://" + h.simulator + "/_sim/records/" + object)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	var all []map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		h.t.Fatal(err)
	}
	var calls []map[string]any
	for _, r := range all {
		if object != "Task" || r["Cordboard_Call_Key__c"] != nil {
			calls = append(calls, r)
		}
	}
	return calls
}
