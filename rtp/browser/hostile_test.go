package browser

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pion/sdp/v3"

	"github.com/cordboard/cordboard/internal/lab"
	"github.com/cordboard/cordboard/rtp"
)

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestOffersOfRealBrowsersAreAnswered(t *testing.T) {
	n := house(t, Timers{})
	for name, want := range map[string][]string{
		"chromium-offer.sdp": {"m=audio", "SAVPF 8 126\r\n", "telephone-event/8000"},
		"firefox-offer.sdp":  {"m=audio", "SAVPF 8 101\r\n", "telephone-event/8000"},
	} {
		answer, err := session(t, n, rtp.PCMA).Answer(readFile(t, name))
		if err != nil {
			t.Fatal(name, err)
		}
		for _, w := range want {
			if !strings.Contains(string(answer), w) {
				t.Fatalf("%s: no %q in\n%s", name, w, answer)
			}
		}
	}
}

func TestOffersThatCannotBeServedAreRefusedInWordsAndChangeNothing(t *testing.T) {
	n := house(t, Timers{})
	good := string(readFile(t, "chromium-offer.sdp"))
	line := func(prefix, with string) string {
		var b strings.Builder
		for l := range strings.Lines(good) {
			if strings.HasPrefix(l, prefix) {
				l = with
			}
			b.WriteString(l)
		}
		return b.String()
	}
	for name, c := range map[string]struct{ offer, why string }{
		"nothing":             {"", "no audio"},
		"noise":               {"\x00\xff\r\n\r\n=", "cannot be read"},
		"huge":                {strings.Repeat("a=x\r\n", 20000), "longer than"},
		"video only":          {strings.Replace(good, "m=audio", "m=video", 1), "no audio"},
		"no ufrag":            {line("a=ice-ufrag", ""), "ICE"},
		"short password":      {line("a=ice-pwd", "a=ice-pwd:short\r\n"), "ICE"},
		"odd ufrag":           {line("a=ice-ufrag", "a=ice-ufrag:ab cd ef\r\n"), "ICE"},
		"no fingerprint":      {line("a=fingerprint", ""), "fingerprint"},
		"old fingerprint":     {line("a=fingerprint", "a=fingerprint:sha-1 AA:BB\r\n"), "fingerprint"},
		"role that is none":   {line("a=setup", "a=setup:holdconn\r\n"), "role"},
		"no codec of ours":    {strings.ReplaceAll(line("m=audio", "m=audio 9 UDP/TLS/RTP/SAVPF 63 13\r\n"), "\r\na=rtpmap:8 PCMA/8000", ""), "codec"},
		"plain RTP, no ICE":   {"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n", "ICE"},
		"the sound taken off": {strings.Replace(good, "m=audio 9", "m=audio 0", 1), "no audio"},
	} {
		t.Run(name, func(t *testing.T) {
			s := session(t, n)
			_, err := s.Answer([]byte(c.offer))
			var refused *rtp.Unacceptable
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.why) {
				t.Fatalf("not refused for %q: %v", c.why, err)
			}
			if _, err := s.Answer([]byte(good)); err != nil {
				t.Fatalf("a good offer after it: %v", err)
			}
		})
	}
}

func TestVideoBesideTheSoundIsRefusedInItsPlace(t *testing.T) {
	n := house(t, Timers{})
	good := string(readFile(t, "chromium-offer.sdp"))
	good += "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\na=ice-ufrag:abcd\r\n" +
		"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:two\r\na=sctp-port:5000\r\n"
	answer, err := session(t, n).Answer([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	var d sdp.SessionDescription
	if err := d.Unmarshal(answer); err != nil {
		t.Fatal(err)
	}
	if len(d.MediaDescriptions) != 3 || d.MediaDescriptions[0].MediaName.Port.Value == 0 ||
		d.MediaDescriptions[1].MediaName.Port.Value != 0 || d.MediaDescriptions[2].MediaName.Port.Value != 0 {
		t.Fatalf("m-lines:\n%s", answer)
	}
	for i, want := range []string{"0", "1", "two"} {
		if mid, _ := d.MediaDescriptions[i].Attribute("mid"); mid != want {
			t.Fatalf("mid %q is not %q", mid, want)
		}
	}
	if group, _ := d.Attribute("group"); group != "BUNDLE 0" {
		t.Fatal("group", group)
	}
}

func TestAStrangersCertificateEndsTheSession(t *testing.T) {
	n := house(t, Timers{})
	s, far := session(t, n), tab(t)
	offer, err := far.Offer("")
	if err != nil {
		t.Fatal(err)
	}
	var forged []byte
	for l := range bytes.Lines(offer) {
		if bytes.HasPrefix(l, []byte("a=fingerprint:sha-256 ")) {
			l = []byte("a=fingerprint:sha-256 " + strings.Repeat("AB:", 31) + "AB\r\n")
		}
		forged = append(forged, l...)
	}
	answer, err := s.Answer(forged)
	if err != nil {
		t.Fatal(err)
	}
	if err := far.Accept(answer); err != nil {
		t.Fatal(err)
	}
	await(t, "the end", s.Done(), 5*time.Second)
	if !errors.Is(s.Err(), ErrStranger) {
		t.Fatal(s.Err())
	}
}

func TestABrowserThatInsistsIsGivenTheOtherDTLSRole(t *testing.T) {
	n := house(t, Timers{})
	s, far := session(t, n), tab(t)
	offer, err := far.Offer("")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := s.Answer(bytes.ReplaceAll(offer, []byte("a=setup:actpass"), []byte("a=setup:passive")))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(answer, []byte("a=setup:active")) {
		t.Fatalf("not active:\n%s", answer)
	}
	if err := far.Accept(answer); err != nil {
		t.Fatal(err)
	}
	await(t, "connection", s.Connected(), 5*time.Second)
	s.Out().Hear(s)
	far.Say(lab.Tone(440, -12))
	far.Ear().MustHear(t, 440, 10*time.Second, 200*time.Millisecond)
}

func TestABrowserThatClosesIsNoticedAtOnce(t *testing.T) {
	n := house(t, Timers{})
	s, far := session(t, n), tab(t)
	theyCall(t, s, far, "")
	await(t, "connection", s.Connected(), 5*time.Second)
	await(t, "the browser's connection", far.Connected(), 5*time.Second) // before, it would have nothing to say goodbye with
	far.Close()
	await(t, "the end", s.Done(), 2*time.Second)
	if !errors.Is(s.Err(), ErrHungUp) {
		t.Fatal(s.Err())
	}
}

func TestPacketsFromStrangersAreDropped(t *testing.T) {
	n := house(t, Timers{})
	s, far := session(t, n), tab(t)
	theyCall(t, s, far, "")
	await(t, "connection", s.Connected(), 5*time.Second)
	forged := append([]byte{0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9}, make([]byte, 170)...)
	for range 100 {
		s.receive(forged, n.Addr(), time.Now())
		s.receive(forged[:13], n.Addr(), time.Now())
		s.receive([]byte{0x80, 200}, n.Addr(), time.Now())
		s.receive(append([]byte{0x80, 200, 0, 6}, forged...), n.Addr(), time.Now())
		s.receive(bytes.Repeat([]byte{0xbf}, 3000), n.Addr(), time.Now())
	}
	if q := s.Quality(); q.Received != 0 {
		t.Fatalf("forged packets were taken: %+v", q)
	}
}

// seeds are the descriptions of real parties, browsers and others.
func seeds(t testing.TB) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, pattern := range []string{"testdata/*.sdp", "../../testdata/sdp/*.sdp"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all[name] = raw
		}
	}
	return all
}

func TestEveryDescriptionIsTakenOrRefusedInWords(t *testing.T) {
	n := house(t, Timers{})
	for name, offer := range seeds(t) {
		s := session(t, n)
		answer, err := s.Answer(offer)
		var refused *rtp.Unacceptable
		switch {
		case err != nil && !errors.As(err, &refused):
			t.Fatalf("%s: an offer may be refused, not fail: %v", name, err)
		case err == nil:
			if err := new(sdp.SessionDescription).Unmarshal(answer); err != nil {
				t.Fatalf("%s: our answer cannot be read: %v\n%s", name, err, answer)
			}
		}
		if _, err := s.Offer(); err != nil {
			t.Fatal(name, err)
		}
		if err := s.Accept(offer); err != nil && !errors.As(err, &refused) {
			t.Fatalf("%s: an answer may be refused, not fail: %v", name, err)
		}
	}
}

// FuzzAnswer goes from an offer to our answer without the network, whose goroutines would blind the fuzzer.
func FuzzAnswer(f *testing.F) {
	for _, raw := range seeds(f) {
		f.Add(raw)
	}
	local := netip.MustParseAddrPort("192.0.2.7:8189")
	f.Fuzz(func(t *testing.T, offer []byte) {
		var refused *rtp.Unacceptable
		remote, plain, err := read(offer)
		if err != nil {
			if !errors.As(err, &refused) {
				t.Fatalf("an offer may be refused, not fail: %v", err)
			}
			return
		}
		body, _, err := rtp.NewNegotiation(rtp.Terms{Local: local}).Answer(plain)
		if err != nil {
			if !errors.As(err, &refused) {
				t.Fatalf("an offer may be refused, not fail: %v", err)
			}
			return
		}
		w := dressing{ufrag: "abcdefgh", pwd: strings.Repeat("x", 24), fingerprint: "sha-256 AB", setup: "passive",
			addresses: []netip.AddrPort{local}, mids: remote.mids, bundle: remote.bundle}
		answer, err := w.dress(body, 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := new(sdp.SessionDescription).Unmarshal(answer); err != nil {
			t.Fatalf("our answer cannot be read: %v\n%s", err, answer)
		}
	})
}
