package registration

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/cordboard/cordboard/sip/field"
	"github.com/cordboard/cordboard/sip/targets"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestATrunkThatIsRegisteredForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, k := newRegistrar(t), newTrunk(t, nil)
		stop := k.run(t, g)
		time.Sleep(time.Second)
		for range 24 * 60 * 2 {
			time.Sleep(30 * time.Second)
			if !g.bound() {
				t.Fatal("nobody could call us for a moment")
			}
		}
		k.want(t, Registered, "")
		// A refresh every 7.5 of 10 minutes, and a challenge for each nonce that is older than five.
		if n := g.count(); n < 190*2 || n > 195*2 {
			t.Errorf("%d requests in a day", n)
		}
		if r := g.all()[0]; r.URI != "sip:carrier.example" || r.To != "<sip:+358293000@carrier.example>" || r.get("Supported") != "path" ||
			r.get("Contact") != "<sip:+358293000@198.51.100.7:5060>;expires=600" || r.get("Expires") != "600" || r.get("Authorization") != "" {
			t.Errorf("%+v", r)
		}
		if a := g.last().get("Authorization"); !strings.Contains(a, "algorithm=SHA-256") {
			t.Errorf("answered by %s", a)
		}
		stop()
		if g.bound() || g.last().get("Expires") != "0" || g.last().get("Contact") != "<sip:+358293000@198.51.100.7:5060>;expires=0" {
			t.Errorf("not taken back: %+v", g.last())
		}
		k.want(t, Stopped, "")
		k.mu.Lock()
		defer k.mu.Unlock()
		if got := strings.Join(k.told, ", "); got != "asking 0, registered 0, stopped 86401" {
			t.Errorf("told %s", got)
		}
	})
}

func TestARegistrarThatIsGoneForAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, k := newRegistrar(t), newTrunk(t, nil)
		stop := k.run(t, g)
		time.Sleep(time.Minute)
		g.set(func(g *registrar) {
			g.odd["192.0.2.1"] = func(Request) (Response, error) { return Response{}, ErrSilent }
			g.odd["192.0.2.2"] = func(Request) (Response, error) { return Response{}, errors.New("no route to host") }
		})
		before := g.count()
		time.Sleep(8 * time.Minute)
		k.want(t, Registered, "no route") // the binding still lives
		time.Sleep(52 * time.Minute)
		k.want(t, Waiting, "no route")
		if n := g.count() - before; n < 10 || n > 60 {
			t.Errorf("%d requests to a registrar that is gone", n)
		}
		g.set(func(g *registrar) { clear(g.odd); clear(g.bindings) })
		time.Sleep(5 * time.Minute)
		k.want(t, Registered, "")
		if !g.bound() || k.Status().Fails != 0 {
			t.Errorf("%+v", k.Status())
		}
		stop()
	})
}

func TestWhenOneRegistrarIsSilentTheOtherTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, k := newRegistrar(t), newTrunk(t, nil)
		g.odd["192.0.2.1"] = func(Request) (Response, error) { return Response{}, ErrSilent }
		stop := k.run(t, g)
		time.Sleep(11 * time.Second)
		k.want(t, Registered, "")
		if s := k.Status(); s.Hop.Addr.Addr() != netip.MustParseAddr("192.0.2.2") {
			t.Errorf("%+v", s)
		}
		g.set(func(g *registrar) { clear(g.odd) })
		time.Sleep(time.Hour)
		if hostOf(g.last()) != "192.0.2.1" {
			t.Error("it never went back to the first")
		}
		stop()
	})
}

func TestAPasswordThatWasChangedAtTheCarrier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, k := newRegistrar(t), newTrunk(t, nil)
		stop := k.run(t, g)
		time.Sleep(time.Minute)
		g.set(func(g *registrar) { g.password = "new" })
		time.Sleep(8 * time.Minute)
		k.want(t, Refused, "wrong user name or password")
		before := g.count()
		time.Sleep(3 * time.Hour)
		if n := g.count() - before; n < 4 || n > 20 { // rounds of two
			t.Errorf("%d requests with a wrong password in three hours", n)
		}
		k.client.Change("+358293000", "new")
		k.Again()
		time.Sleep(time.Second)
		k.want(t, Registered, "")
		stop()
	})
}

func TestAnIntervalThatIsTooBriefIsRaised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, k := newRegistrar(t), newTrunk(t, nil)
		g.least = time.Hour
		stop := k.run(t, g)
		time.Sleep(time.Second)
		k.want(t, Registered, "")
		if s := k.Status(); s.Granted != time.Hour {
			t.Errorf("%+v", s)
		}
		before := g.count()
		time.Sleep(time.Hour)
		for _, r := range g.all()[before:] {
			if r.get("Expires") != "3600" {
				t.Errorf("asked for %s again", r.get("Expires"))
			}
		}
		stop()
	})
}

func TestARedirectionIsFollowedInTheOrderOfItsQ(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, k := newRegistrar(t), newTrunk(t, nil)
		g.password = ""
		g.odd["192.0.2.1"] = func(Request) (Response, error) {
			return Response{Status: 302, Headers: []field.Header{{Name: "Contact", Value: "<tel:+1>, <sip:192.0.2.8;x=y>;q=0.2"}, {Name: "Contact", Value: "<sip:192.0.2.9?a=b>;q=0.7"}}}, nil
		}
		g.odd["192.0.2.9"] = func(Request) (Response, error) { return Response{Status: 503}, nil }
		stop := k.run(t, g)
		time.Sleep(time.Second)
		k.want(t, Registered, "")
		if r := g.last(); r.URI != "sip:192.0.2.8;x=y" || hostOf(r) != "192.0.2.8" || r.To != "<sip:+358293000@carrier.example>" {
			t.Errorf("%+v", r)
		}
		stop()
		if r := g.last(); r.URI != "sip:192.0.2.8;x=y" || r.get("Expires") != "0" {
			t.Errorf("taken back at %+v", r)
		}
	})
}

func TestWhatWasAskedOverTLSIsNotRedirectedToLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, k := newRegistrar(t), newTrunk(t, func(c *Config) { c.Registrar = "sips:carrier.example" })
		g.odd["192.0.2.1"] = func(Request) (Response, error) {
			return Response{Status: 302, Headers: []field.Header{{Name: "Contact", Value: "<sip:192.0.2.8>"}}}, nil
		}
		stop := k.run(t, g)
		time.Sleep(time.Second)
		k.want(t, Waiting, "nowhere")
		stop()
	})
}

func TestRetryAfterOfAllRegistrarsIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, k := newRegistrar(t), newTrunk(t, nil)
		for h, s := range map[string]string{"192.0.2.1": "300", "192.0.2.2": "200"} {
			g.odd[h] = func(Request) (Response, error) {
				return Response{Status: 503, Headers: []field.Header{{Name: "Retry-After", Value: s}}}, nil
			}
		}
		stop := k.run(t, g)
		time.Sleep(199 * time.Second)
		if n := g.count(); n != 2 {
			t.Errorf("%d requests", n)
		}
		g.set(func(g *registrar) { clear(g.odd) })
		time.Sleep(2 * time.Second)
		k.want(t, Registered, "")
		if hostOf(g.last()) != "192.0.2.2" {
			t.Errorf("%+v", g.last())
		}
		stop()
	})
}

func TestTheWayOutIsLearned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, k := newRegistrar(t), newTrunk(t, func(c *Config) {
			c.Params = field.Params{{Name: "+sip.instance", Value: `<urn:uuid:1>`}, {Name: "reg-id", Value: "1"}}
			c.Routes, c.Headers = []string{"<sip:edge.carrier.example;lr>"}, []field.Header{{Name: "X-Line", Value: "7"}}
		})
		g.extra = []field.Header{{Name: "Service-Route", Value: "<sip:a;lr>, <sip:b;lr>"}, {Name: "service-route", Value: "<sip:c;lr>"}, {Name: "Path", Value: "<sip:p;lr>"},
			{Name: "P-Associated-URI", Value: "<sip:+358293001@carrier.example>"}}
		stop := k.run(t, g)
		time.Sleep(time.Second)
		s := k.Status()
		if strings.Join(s.ServiceRoute, " ") != "<sip:a;lr> <sip:b;lr> <sip:c;lr>" || len(s.Path) != 1 || len(s.Associated) != 1 {
			t.Errorf("%+v", s)
		}
		r := g.last()
		if r.get("Route") != "<sip:edge.carrier.example;lr>" || r.get("X-Line") != "7" || r.get("Supported") != "path, outbound" ||
			r.get("Contact") != `<sip:+358293000@198.51.100.7:5060>;+sip.instance="<urn:uuid:1>";reg-id=1;expires=600` {
			t.Errorf("%+v", r)
		}
		g.set(func(g *registrar) { g.extra = nil })
		time.Sleep(10 * time.Minute)
		if s := k.Status(); s.ServiceRoute != nil { // RFC 3608 section 6.1: replaced by each 2xx
			t.Errorf("%+v", s)
		}
		stop()
	})
}

func TestAnAddressOfOursThatChangedIsTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		address := "sip:+358293000@198.51.100.7:5060"
		g, k := newRegistrar(t), newTrunk(t, func(c *Config) {
			c.Contact = func(targets.Hop) (string, error) {
				mu.Lock()
				defer mu.Unlock()
				if address == "" {
					return "", errors.New("no address")
				}
				return address, nil
			}
		})
		stop := k.run(t, g)
		time.Sleep(time.Second)
		mu.Lock()
		address = "sip:+358293000@203.0.113.1:5060"
		mu.Unlock()
		k.Again()
		time.Sleep(time.Second)
		if g.bound() || g.devices() != 1 {
			t.Errorf("%d bindings", g.devices())
		}
		mu.Lock()
		address = ""
		mu.Unlock()
		k.Again()
		time.Sleep(time.Second)
		k.want(t, Registered, "no address")
		stop()
	})
}

func TestGoodbyeTakesNoLongerThanItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, k := newRegistrar(t), newTrunk(t, nil)
		stop := k.run(t, g)
		time.Sleep(time.Second)
		g.set(func(g *registrar) { g.odd["*"] = func(Request) (Response, error) { return Response{}, ErrSilent } })
		began := time.Now()
		stop()
		if d := time.Since(began); d < 2*time.Second || d > 2100*time.Millisecond {
			t.Errorf("%s", d)
		}
		// A REGISTER that is out may have been heard; one that was refused was not.
		k = newTrunk(t, nil)
		g = newRegistrar(t)
		g.odd["*"] = func(r Request) (Response, error) {
			if r.get("Expires") == "0" {
				return Response{}, nil
			}
			return Response{}, ErrSilent
		}
		stop = k.run(t, g)
		time.Sleep(time.Second)
		stop()
		if g.last().get("Expires") != "0" {
			t.Errorf("%+v", g.last())
		}
		k, g = newTrunk(t, nil), newRegistrar(t)
		g.odd["*"] = func(Request) (Response, error) { return Response{Status: 403}, nil }
		stop = k.run(t, g)
		time.Sleep(time.Second)
		stop()
		if g.count() != 1 {
			t.Errorf("%d requests", g.count())
		}
	})
}

func TestATrunkMayRegisterInSeveralPlacesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRegistrar(t)
		a, b := newTrunk(t, nil), newTrunk(t, nil)
		bad := newRegistrar(t)
		bad.odd["*"] = func(Request) (Response, error) { return Response{Status: 403}, nil }
		all := All{a.Registration, b.Registration}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			all.Run(ctx, askers{a.callID: bad, b.callID: g})
		}()
		time.Sleep(time.Second)
		if !all.Registered() || !g.bound() {
			t.Errorf("%+v %+v", a.Status(), b.Status())
		}
		cancel()
		<-done
		if all.Registered() || g.bound() {
			t.Error("still registered")
		}
	})
}

// askers sends each registration's requests to a registrar of its own.
type askers map[string]*registrar

func (a askers) Ask(ctx context.Context, r Request) (Response, error) {
	return a[r.CallID].Ask(ctx, r)
}
