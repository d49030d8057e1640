package gateway

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/configs"
	"github.com/cordboard/cordboard/internal/lab"
)

// A desk phone of another make talks to a customer under keys in the SDP, by whoever's offer, over hold and resume, and
// is not heard in the clear.
func TestBaresipTalksBySRTP(t *testing.T) {
	const cm80 = "AES_CM_128_HMAC_SHA1_80" // the only one that baresip offers
	for _, c := range []struct {
		phone string // baresip's mediaenc
		ours  configs.SRTP
		suite configs.Suite
	}{
		{"srtp-mand", configs.SRTPRequired, cm80},
		{"srtp", configs.SRTPRequired, "AEAD_AES_256_GCM"},
		{"srtp-mand", configs.SRTPPreferred, "AEAD_AES_128_GCM"}, // refuses RTP/AVP with keys, too
		{"srtp", configs.SRTPPreferred, "AES_CM_128_HMAC_SHA1_32"},
	} {
		t.Run(fmt.Sprintf("%s with us %s by %s", c.phone, c.ours, c.suite), func(t *testing.T) {
			cfg := demoHouse("127.0.0.1:9")
			cfg.RTP.SRTP, cfg.RTP.Suites, cfg.Trunks[0].SRTP = c.ours, []configs.Suite{c.suite, cm80}, configs.SRTPOff
			h := openHouse(t, cfg)
			dina := h.baresip("dina", "PCMA/8000/1", "mediaenc="+c.phone)
			customer := h.dial(h.carrier(lab.PCMA()), dinasNumber, lab.CallOptions{Sound: lab.Tone(440, -16)})
			customer.MustAnswer(t, patience)
			customer.Ear().MustHear(t, annasTone, patience, time.Second)
			dina.mustHear(440, time.Second)

			dina.do("hold", "")
			h.eventually("music on hold", func() bool { return !customer.Ear().Hears(annasTone, 100*time.Millisecond) })
			dina.do("resume", "")
			customer.Ear().MustHear(t, annasTone, patience, time.Second)
			if err := customer.Bye(h.soon()); err != nil {
				t.Fatal(err)
			}
			dina.await("CALL_CLOSED")
			if r := customer.Ear().Report(); r.Lost != 0 || r.SSRCs != 1 || r.Unknown != 0 {
				t.Errorf("the customer heard %v", r)
			}

			anna := h.phone("anna", lab.PCMA())
			dina.do("dial", "sip:1001@"+h.sip()) // now the offer is baresip's
			rung := h.rings(anna, 0)
			if err := rung.Answer(h.soon()); err != nil {
				t.Fatal(err)
			}
			h.connected(rung)
			rung.Say(lab.Tone(550, -16))
			rung.Ear().MustHear(t, annasTone, patience, time.Second)
			dina.mustHear(550, time.Second)
		})
	}
}

// What a trunk may agree to decides before anybody's phone rings, and who is refused is told why.
func TestATrunkIsHeldToItsKeys(t *testing.T) {
	const key = "inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"
	plain := offerOf("RTP/AVP")
	bestEffort := offerOf("RTP/AVP", "a=crypto:7 AES_CM_128_HMAC_SHA1_80 "+key)
	secure := offerOf("RTP/SAVP", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 "+key)
	for policy, calls := range map[configs.SRTP][]struct {
		offer   string
		answer  string // part of ours
		warning string // part of it; empty: answered
	}{
		configs.SRTPOff: {
			{plain, "RTP/AVP 8", ""},
			{bestEffort, "RTP/AVP 8", ""},
			{secure, "", "asks for SRTP (RTP/SAVP), which this line does not speak"},
		},
		configs.SRTPPreferred: {
			{plain, "RTP/AVP 8", ""},
			{bestEffort, "a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:", ""},
			{secure, "RTP/SAVP 8", ""},
		},
		configs.SRTPRequired: {
			{plain, "", "no key of the offer can be used: it has none"},
			{offerOf("RTP/SAVP", "a=crypto:1 AES_192_CM_HMAC_SHA1_80 inline:x"), "", `unknown suite \"AES_192_CM_HMAC_SHA1_80\"`},
			{offerOf("RTP/SAVPF", "a=fingerprint:sha-256 00:11"), "", "asks for DTLS-SRTP"},
			{secure, "RTP/SAVP 8", ""},
		},
	} {
		t.Run(string(policy), func(t *testing.T) {
			cfg := demoHouse("127.0.0.1:9")
			cfg.Trunks[0].SRTP = policy
			h := openHouse(t, cfg)
			carrier := h.carrier(lab.PCMA())
			for _, c := range calls {
				customer := h.dial(carrier, mainNumber, lab.CallOptions{SDP: c.offer})
				if c.warning != "" {
					h.refused(customer, c.warning)
					continue
				}
				customer.MustAnswer(t, patience)
				ok, err := customer.AwaitResponse(h.soon(), 200)
				if err != nil || !strings.Contains(string(ok.Body), c.answer) {
					t.Errorf("%v, answered:\n%s\nto:\n%s", err, ok.Body, c.offer)
				}
				if err := customer.Bye(h.soon()); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// offerOf is an offer of PCMA.
func offerOf(proto string, lines ...string) string {
	return "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 " + proto + " 8\r\n" + strings.Join(append(lines, ""), "\r\n")
}

// refused waits until a call is refused with 488 and a warning, with no phone rung.
func (h *house) refused(c *lab.Call, warning string) {
	h.t.Helper()
	if end := c.MustEnd(h.t, patience); end.Status != 488 {
		h.t.Fatalf("ended: %v", end)
	}
	refusal, err := c.AwaitResponse(h.soon(), 488)
	if err != nil || !strings.HasPrefix(refusal.Get("Warning"), `399 cordboard "`) || !strings.Contains(refusal.Get("Warning"), warning) {
		h.t.Errorf("%v, Warning: %s", err, refusal.Get("Warning"))
	}
	for _, r := range c.Responses() {
		if r.Status == 180 || r.Status == 183 {
			h.t.Error("it rang before it was refused")
		}
	}
}

// Our own offers to a trunk say what it may agree to; a trunk that answers in the clear is hung up where keys are
// required.
func TestATrunkIsOfferedKeys(t *testing.T) {
	for _, c := range []struct {
		policy configs.SRTP
		proto  string
		keys   int
	}{{configs.SRTPOff, "RTP/AVP", 0}, {configs.SRTPPreferred, "RTP/AVP", 2}, {configs.SRTPRequired, "RTP/SAVP", 2}} {
		t.Run(string(c.policy), func(t *testing.T) {
			carrier, err := lab.NewTrunk(lab.TrunkOptions{Formats: []lab.Format{lab.PCMA()}})
			if err != nil {
				t.Fatal(err)
			}
			defer carrier.Close()
			carrier.Listen(func(*lab.Call) {})
			cfg := demoHouse(carrier.Address())
			cfg.Trunks[0].SRTP, cfg.Trunks[0].Suites = c.policy, []configs.Suite{"AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM"}
			h := openHouse(t, cfg)
			anna := h.desktop("anna", lab.PCMA())
			out, err := anna.Call(t.Context(), "+358400000001", lab.CallOptions{Sound: lab.Tone(annasTone, -16)})
			if err != nil {
				t.Fatal(err)
			}
			callee := h.reached(carrier, 0)
			if sdp := string(callee.Invite.Body); !strings.Contains(sdp, " "+c.proto+" ") || strings.Count(sdp, "a=crypto:") != c.keys {
				t.Errorf("offered:\n%s", sdp)
			}
			if err := callee.Answer(h.soon()); err != nil && c.policy != configs.SRTPRequired {
				t.Fatal(err)
			}
			if c.policy == configs.SRTPRequired {
				callee.MustEnd(t, patience)
				out.MustEnd(t, patience)
				return
			}
			callee.Ear().MustHear(t, annasTone, patience, time.Second)
			if err := out.Bye(h.soon()); err != nil {
				t.Error(err)
			}
		})
	}
}

// A reload protects the calls that begin after it.
func TestAReloadBringsKeys(t *testing.T) {
	h, text := reloading(t)
	carrier := h.carrier(lab.PCMA())
	before := h.dial(carrier, mainNumber, lab.CallOptions{SDP: offerOf("RTP/AVP")})
	before.MustAnswer(t, patience)
	write(t, h.config().File, text+"rtp: {srtp: required}\n")
	if _, err := h.Reload(); err != nil {
		t.Fatal(err)
	}
	h.refused(h.dial(carrier, mainNumber, lab.CallOptions{SDP: offerOf("RTP/AVP")}), "it has none")
	if err := before.Bye(h.soon()); err != nil {
		t.Error(err)
	}
}
