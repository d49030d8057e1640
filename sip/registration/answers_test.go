package registration

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/sip/field"
)

func TestAnswersThatARegistrarGives(t *testing.T) {
	reply := func(status int, headers ...field.Header) func(Request) (Response, error) {
		return func(Request) (Response, error) {
			return Response{Status: status, Reason: "Because", Headers: headers}, nil
		}
	}
	for name, c := range map[string]struct {
		odd       func(Request) (Response, error)
		state     State
		words     string
		next      time.Duration // of the status, at least
		most      time.Duration
		addresses string // asked in the first round
	}{
		"403":                   {reply(403), Refused, "403 Because", 5 * time.Minute, 11 * time.Minute, "1"},
		"404":                   {reply(404), Refused, "404", 5 * time.Minute, 11 * time.Minute, "1"},
		"403 with Retry-After":  {reply(403, field.Header{Name: "Retry-After", Value: "1200"}), Refused, "403", 19 * time.Minute, 21 * time.Minute, "1"},
		"480":                   {reply(480), Waiting, "480", time.Second, 6 * time.Second, "1"},
		"500 with Retry-After":  {reply(500, field.Header{Name: "Retry-After", Value: "77 (soon)"}), Waiting, "500", 76 * time.Second, 78 * time.Second, "1"},
		"500 with a silly one":  {reply(500, field.Header{Name: "Retry-After", Value: "99999999"}), Waiting, "500", 29 * time.Minute, 31 * time.Minute, "1"},
		"503":                   {reply(503), Waiting, "503", time.Second, 6 * time.Second, "12"},
		"504":                   {reply(504), Waiting, "504", time.Second, 6 * time.Second, "1"},
		"603":                   {reply(603), Refused, "603", 5 * time.Minute, 11 * time.Minute, "1"},
		"423 without a number":  {reply(423), Refused, "423", 5 * time.Minute, 11 * time.Minute, "1"},
		"423 of a year":         {reply(423, field.Header{Name: "Min-Expires", Value: "31536000"}), Refused, "423", 5 * time.Minute, 11 * time.Minute, "1"},
		"423 again and again":   {reply(423, field.Header{Name: "Min-Expires", Value: "700"}), Refused, "423", 5 * time.Minute, 11 * time.Minute, "11"},
		"401 without challenge": {reply(401), Refused, "unsupported", 5 * time.Minute, 11 * time.Minute, "1"},
		"401 in SHA-3":          {reply(401, field.Header{Name: "WWW-Authenticate", Value: `Digest realm="x", nonce="n", algorithm=SHA3`}), Refused, "unsupported", 5 * time.Minute, 11 * time.Minute, "1"},
		"401 again and again":   {reply(401, field.Header{Name: "WWW-Authenticate", Value: `Digest realm="x", nonce="n"`}), Refused, "wrong", 5 * time.Minute, 11 * time.Minute, "11"},
		"401 stale for ever":    {reply(401, field.Header{Name: "WWW-Authenticate", Value: `Digest realm="x", nonce="n", stale=true`}), Refused, "challenged", 5 * time.Minute, 11 * time.Minute, "11111"},
		"302 to nowhere":        {reply(302), Waiting, "nowhere", time.Second, 6 * time.Second, "1"},
		"302 to itself":         {reply(302, field.Header{Name: "Contact", Value: "<sip:carrier.example>"}), Waiting, "nowhere", time.Second, 6 * time.Second, "1"},
		"302 in a circle":       {reply(302, field.Header{Name: "Contact", Value: "<sip:192.0.2.3>, <sip:192.0.2.4>"}), Waiting, "circle", time.Second, 6 * time.Second, "134"},
		"200 for no time":       {reply(200, field.Header{Name: "Contact", Value: "<sip:+358293000@198.51.100.7:5060>;expires=0"}), Waiting, "no time", time.Second, 6 * time.Second, "1"},
		"200 with nothing":      {reply(200), Registered, "", 400 * time.Second, 500 * time.Second, "1"},
		"200 with Expires":      {reply(200, field.Header{Name: "Expires", Value: "100"}), Registered, "", 70 * time.Second, 80 * time.Second, "1"},
		"200 with another too":  {reply(200, field.Header{Name: "Contact", Value: "<sip:x@y>;expires=9999, <sip:+358293000@198.51.100.7:5060>;expires=100"}), Registered, "", 70 * time.Second, 80 * time.Second, "1"},
		"200 and a mended NAT":  {reply(200, field.Header{Name: "Contact", Value: "<sip:x@y>;expires=9999"}, field.Header{Name: "Contact", Value: "<sip:+358293000@203.0.113.9:1024>;expires=100"}), Registered, "", 70 * time.Second, 80 * time.Second, "1"},
		"200 for two seconds":   {reply(200, field.Header{Name: "Expires", Value: "2"}), Registered, "", 900 * time.Millisecond, 2 * time.Second, "1"},
		"202":                   {reply(202, field.Header{Name: "Expires", Value: "100"}), Registered, "", 70 * time.Second, 80 * time.Second, "1"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, k := newRegistrar(t), newTrunk(t, nil)
				g.odd["*"] = c.odd
				stop := k.run(t, g)
				defer stop()
				time.Sleep(500 * time.Millisecond)
				k.want(t, c.state, c.words)
				if left := time.Until(k.Status().Next) + 500*time.Millisecond; left < c.next || left > c.most {
					t.Errorf("next in %s", left)
				}
				asked := ""
				for _, r := range g.all() {
					h := hostOf(r)
					asked += h[len(h)-1:]
				}
				if asked != c.addresses {
					t.Errorf("asked %s, want %s", asked, c.addresses)
				}
			})
		})
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add("<sip:+358293000@198.51.100.7:5060>;expires=60", "100", "nextnonce=\"x\"")
	f.Add("sip:a@b;expires=1, <sip:c>;q=0.x", "x", "")
	f.Fuzz(func(t *testing.T, contact, expires, info string) {
		res := Response{Status: 200, Headers: []field.Header{{Name: "Contact", Value: contact}, {Name: "Expires", Value: expires}, {Name: "Authentication-Info", Value: info}}}
		d := granted(res, "sip:+358293000@198.51.100.7:5060", field.Params{{Name: "+sip.instance", Value: "x"}}, time.Minute)
		if d < 0 {
			t.Errorf("%s", d)
		}
		for _, uri := range redirections(res) {
			if _, err := field.ParseURI(uri); err != nil {
				t.Errorf("%q: %v", uri, err)
			}
		}
	})
}
