package bridge

import (
	"context"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/internal/lab"
	"github.com/cordboard/cordboard/rtp"
	"github.com/cordboard/cordboard/rtp/browser"
	"github.com/cordboard/cordboard/rtp/codec"
	"github.com/cordboard/cordboard/rtp/udp"
	"github.com/cordboard/cordboard/sip"
	"github.com/cordboard/cordboard/sip/targets"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what takes milliseconds: a busy machine must not fail it.
const patience = 15 * time.Second

var loopback = netip.MustParseAddr("127.0.0.1")

// house is a bridge with real signalling and real sound on loopback, whose stories the test tells.
type house struct {
	*Bridge
	t        *testing.T
	endpoint *sip.Endpoint
	door     *httptest.Server
	begun    chan *told
	carrier  *lab.Trunk // where the trunk "line" leads to
}

// told is a story that the test tells: it goes on until its leg has ended.
type told struct {
	call.Leg
	in Incoming
}

func (h *house) FromTrunk(l call.Leg, in Incoming) { h.tell(l, in) }
func (h *house) FromAgent(l call.Leg, in Incoming) { h.tell(l, in) }
func (h *house) tell(l call.Leg, in Incoming) {
	h.begun <- &told{l, in}
	<-l.Context().Done()
}

// speakers makes the sound of legs.
type speakers struct {
	ports     *udp.Ports
	metronome *rtp.Metronome
	coders    *codec.Coders
	metrics   *rtp.Metrics
	browsers  *browser.Network
}

func (s *speakers) Plain(l Line) (rtp.Session, error) {
	return udp.Open(udp.Config{Name: l.Name, Leg: l.Kind, Ports: s.ports, Metronome: s.metronome, Coders: s.coders, Metrics: s.metrics, Codecs: l.Codecs, Protection: l.Keys})
}

func (s *speakers) Browser(name string, codecs []rtp.Codec) (rtp.Session, error) {
	return s.browsers.Session(browser.Policy{Name: name, Codecs: codecs})
}

func newSpeakers(t *testing.T) *speakers {
	t.Helper()
	s := &speakers{metronome: rtp.NewMetronome(1)}
	t.Cleanup(s.metronome.Close)
	var err error
	if s.coders, err = codec.New(codec.Options{}); err != nil {
		t.Fatal(err)
	}
	if s.metrics, err = rtp.NewMetrics(prometheus.NewRegistry()); err != nil {
		t.Fatal(err)
	}
	if s.ports, err = udp.NewPorts(udp.PortsConfig{Bind: loopback, Rest: time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.ports.Close() })
	if s.browsers, err = browser.Listen(browser.Config{Listen: "127.0.0.1:0", Metronome: s.metronome, Coders: s.coders, Metrics: s.metrics}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.browsers.Close() })
	return s
}

// staff may register: the id is the user, the password is "secret-" and the id.
type staff map[string]bool

func (s staff) Password(user string) (password, aor string, ok bool) {
	return "secret-" + user, user, s[user]
}
func (s staff) AOR(user string) (string, bool) { return user, s[user] }

var narrow = Policy{
	Trunk: map[string][]rtp.Codec{"line": {rtp.PCMA, rtp.PCMU, rtp.G722}},
	Phone: []rtp.Codec{rtp.PCMA, rtp.PCMU, rtp.G722}, Browser: []rtp.Codec{rtp.Opus, rtp.PCMU, rtp.PCMA},
}

// newHouse opens a bridge; when the test is over, everything must have been given back.
func newHouse(t *testing.T, change ...func(*sip.Config)) *house {
	t.Helper()
	h := &house{t: t, begun: make(chan *told, 64)}
	s := newSpeakers(t)
	log := zaptest.NewLogger(t, zaptest.Level(zapcore.WarnLevel))
	h.carrier = h.trunk(lab.PCMA(), lab.PCMU())
	h.Bridge = New(Parts{Sound: s, Stories: h, Policy: narrow, Log: log, Metrics: prometheus.NewRegistry()})
	carrier, err := targets.Parse(h.carrier.Address())
	if err != nil {
		t.Fatal(err)
	}
	config := sip.Config{Log: log.WithOptions(zap.IncreaseLevel(zapcore.ErrorLevel)), UDP: []string{"127.0.0.1:0"},
		Trunks:        []sip.Trunk{{Name: "line", Sources: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Targets: []targets.Target{carrier}}},
		PhoneNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Users: staff{"anna": true, "bo": true},
		Timeouts: sip.Timeouts{T1: 200 * time.Millisecond, NoACK: 2 * time.Second, Bye: time.Second, ByeBeforeACK: time.Second, FlowGrace: time.Second}}
	for _, c := range change {
		c(&config)
	}
	if h.endpoint, err = sip.Open(config, h.Bridge); err != nil {
		t.Fatal(err)
	}
	h.Use(h.endpoint)
	h.door = httptest.NewServer(h.endpoint.Door())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := h.endpoint.Close(ctx); err != nil {
			t.Error(err)
		}
		h.door.Close()
		h.Close()
		if n := h.up(); n != 0 {
			t.Errorf("%v legs are still counted", n)
		}
		if n := s.ports.InUse(); n != 0 {
			t.Errorf("%d ports are still in use", n)
		}
	})
	return h
}

// up is the gauge of legs.
func (h *house) up() float64 {
	var m dto.Metric
	if err := h.legs.Write(&m); err != nil {
		h.t.Fatal(err)
	}
	return m.GetGauge().GetValue()
}

func (h *house) soon() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	h.t.Cleanup(cancel)
	return ctx
}

func (h *house) address() string { return h.endpoint.Addrs()[0].String() }

// trunk is somebody outside, who does nothing by himself.
func (h *house) trunk(formats ...lab.Format) *lab.Trunk {
	h.t.Helper()
	t, err := lab.NewTrunk(lab.TrunkOptions{Formats: formats})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = t.Close() })
	t.Listen(func(*lab.Call) {})
	return t
}

// phone is a registered desk phone that waits for what the test does.
func (h *house) phone(user string, formats ...lab.Format) *lab.Phone {
	h.t.Helper()
	p, err := lab.NewPhone(lab.PhoneOptions{Server: h.address(), User: user, Password: "secret-" + user, Formats: formats})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = p.Close() })
	p.Listen(func(*lab.Call) {})
	if _, err := p.Register(h.soon(), time.Hour); err != nil {
		h.t.Fatal(err)
	}
	return p
}

// page is a registered browser that waits for what the test does.
func (h *house) page(user string, formats ...lab.Format) *lab.Browser {
	h.t.Helper()
	b, err := lab.NewBrowser(lab.BrowserOptions{URL: "ws" + strings.TrimPrefix(h.door.URL, "http") + "/sip", User: user, Password: "secret-" + user, Formats: formats})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = b.Close() })
	b.Listen(func(*lab.Call) {})
	if err := b.Open(h.soon()); err != nil {
		h.t.Fatal(err)
	}
	return b
}

// comes places a call from outside and returns its story.
func (h *house) comes(o lab.CallOptions, formats ...lab.Format) (*lab.Call, *told) {
	h.t.Helper()
	c, err := h.trunk(formats...).Call(context.Background(), "sip:+358291@"+h.address(), o)
	if err != nil {
		h.t.Fatal(err)
	}
	return c, h.next()
}

func (h *house) next() *told {
	h.t.Helper()
	select {
	case s := <-h.begun:
		return s
	case <-h.soon().Done():
		h.t.Fatal("no call came in")
		return nil
	}
}

// answer answers a call that came in, and returns when both sides know.
func (h *house) answer(s *told, c *lab.Call) {
	h.t.Helper()
	if err := s.Answer(h.soon()); err != nil {
		h.t.Fatal(err)
	}
	c.MustAnswer(h.t, patience)
}

// dialling is a Dial under way.
type dialling struct {
	leg   call.Leg
	err   error
	rings chan struct{}
	done  chan struct{}
	leave context.CancelCauseFunc
}

// calls dials in the background.
func (h *house) calls(i Invitation) *dialling {
	d := &dialling{rings: make(chan struct{}), done: make(chan struct{})}
	ctx, cancel := context.WithCancelCause(context.Background())
	d.leave = cancel
	i.Call = call.NewID()
	i.Rings = func() { close(d.rings) }
	go func() {
		defer close(d.done)
		d.leg, d.err = h.Dial(ctx, i)
	}()
	h.t.Cleanup(func() {
		cancel(nil)
		<-d.done
		if d.leg != nil {
			d.leg.Hangup(call.Ending{By: call.ByUs, Reason: call.Hungup})
		}
	})
	return d
}

// ended waits for the result of a dialling; the Ending is zero when it was answered.
func (h *house) ended(d *dialling) call.Ending {
	h.t.Helper()
	h.happens("the end of the dialling", d.done)
	if d.err == nil {
		return call.Ending{}
	}
	return call.EndingOfError(d.err)
}

func (h *house) happens(what string, c <-chan struct{}) {
	h.t.Helper()
	select {
	case <-c:
	case <-h.soon().Done():
		h.t.Fatalf("%s never came", what)
	}
}

// rung waits for the n-th call to ring at a peer.
func (h *house) rung(p interface {
	NextCall(context.Context, int) (*lab.Call, error)
}, n int) *lab.Call {
	h.t.Helper()
	c, err := p.NextCall(h.soon(), n)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// over waits for the end of a leg.
func (h *house) over(l call.Leg) call.Ending {
	h.t.Helper()
	h.happens("the end of the leg", l.Context().Done())
	return call.EndingOf(l.Context())
}

// wished waits for the next wish of a party.
func (h *house) wished(l call.Leg) call.Wish {
	h.t.Helper()
	select {
	case w := <-l.Wishes():
		return w
	case <-h.soon().Done():
		h.t.Fatal("no wish came")
		return nil
	}
}
