package rtp

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pion/sdp/v3"
)

func negotiation(codecs ...Codec) *Negotiation {
	return NewNegotiation(Terms{Local: netip.MustParseAddrPort("192.0.2.1:16400"), Codecs: codecs})
}

// recorded is an SDP from testdata.
func recorded(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "testdata", "sdp", name+".sdp"))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// offered is a small offer with the given lines after t=.
func offered(lines ...string) []byte {
	head := "v=0\r\no=- 7 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
	return []byte(head + strings.Join(lines, "\r\n") + "\r\n")
}

func has(t *testing.T, body []byte, lines ...string) {
	t.Helper()
	for _, l := range lines {
		if !strings.Contains(string(body), l+"\r\n") {
			t.Errorf("no line %q in\n%s", l, body)
		}
	}
}

func TestAnswersToRecordedOffers(t *testing.T) {
	for _, c := range []struct {
		name   string
		codecs []Codec
		lines  []string
		send   Format
		remote string
		rtcp   string
	}{
		{"carrier-sbc", nil, []string{"m=audio 16400 RTP/AVP 8 101", "a=rtpmap:8 PCMA/8000", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-16", "a=sendrecv", "a=ptime:20"},
			Format{Codec: PCMA, Payload: 8, Event: 101, Ptime: Tick}, "198.51.100.40:26412", "198.51.100.40:26413"},
		{"carrier-sbc", []Codec{Opus, PCMU}, []string{"m=audio 16400 RTP/AVP 0 101"},
			Format{Codec: PCMU, Payload: 0, Event: 101, Ptime: Tick}, "198.51.100.40:26412", "198.51.100.40:26413"},
		{"carrier-ims", []Codec{Opus, G722, PCMA}, []string{"m=audio 16400 RTP/AVP 9 100", "a=rtpmap:9 G722/8000"},
			Format{Codec: G722, Payload: 9, Event: 100, Ptime: Tick}, "[2001:db8:40::17]:15002", "[2001:db8:40::17]:15003"},
		{"carrier-static", nil, []string{"m=audio 16400 RTP/AVP 8"},
			Format{Codec: PCMA, Payload: 8, Ptime: Tick}, "203.0.113.9:40022", "203.0.113.9:40023"},
		{"pbx-video", []Codec{Opus}, []string{"m=audio 16400 RTP/AVP 107 101", "a=rtpmap:107 opus/48000/2", "a=fmtp:107 useinbandfec=1;usedtx=0", "m=video 0 RTP/AVP 99", "m=application 0 UDP/BFCP *"},
			Format{Codec: Opus, Payload: 107, Event: 101, EventClock: 8000, Ptime: Tick, FEC: true, MaxAverage: 30000}, "192.0.2.80:14218", "192.0.2.80:14219"},
		{"desk-opus", []Codec{G722}, []string{"m=audio 16400 RTP/AVP 9 101", "a=rtcp-mux"},
			Format{Codec: G722, Payload: 9, Event: 101, Ptime: Tick}, "192.0.2.50:20014", "192.0.2.50:20014"},
		{"phone-both", nil, []string{"m=audio 0 RTP/SAVP 8", "m=audio 16400 RTP/AVP 8"},
			Format{Codec: PCMA, Payload: 8, Ptime: Tick}, "192.0.2.34:11782", "192.0.2.34:11783"},
		{"session-level", nil, []string{"m=audio 16400 RTP/AVP 0", "a=recvonly"},
			Format{Codec: PCMU, Payload: 0, Ptime: Tick}, "192.0.2.61:6000", "192.0.2.61:6001"},
	} {
		n := negotiation(c.codecs...)
		body, a, err := n.Answer(recorded(t, c.name))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		has(t, body, c.lines...)
		if *a.Send != c.send {
			t.Errorf("%s: we send %+v, want %+v", c.name, *a.Send, c.send)
		}
		if a.Remote.String() != c.remote || a.Control.String() != c.rtcp {
			t.Errorf("%s: to %v, RTCP to %v", c.name, a.Remote, a.Control)
		}
		if f := a.Receive[c.send.Payload]; f == nil || *f != c.send {
			t.Errorf("%s: we receive %+v", c.name, f)
		}
		if f := a.Receive[c.send.Event]; c.send.Event != 0 && (f == nil || f.Event != c.send.Event) {
			t.Errorf("%s: events map to %+v", c.name, f)
		}
	}
}

func TestOffersWeCannotServeAreRefusedWithTheReason(t *testing.T) {
	audio := "m=audio 6000 RTP/AVP 8"
	for _, c := range []struct {
		name  string
		offer []byte
		why   string
	}{
		{"chrome", recorded(t, "chrome"), "DTLS-SRTP"},
		{"firefox", recorded(t, "firefox"), "DTLS-SRTP"},
		{"SDES", recorded(t, "phone-srtp"), "RTP/SAVP"},
		{"fax", recorded(t, "fax"), "no audio"},
		{"no codec", offered("m=audio 6000 RTP/AVP 18 3", "a=rtpmap:18 G729/8000"), `no common codec; offered are "G729"/8000`},
		{"wrong clock", offered("m=audio 6000 RTP/AVP 96", "a=rtpmap:96 PCMA/16000"), "no common codec"},
		{"port 0", offered("m=audio 0 RTP/AVP 8"), "no audio"},
		{"name", []byte("v=0\r\no=- 7 1 IN IP4 pbx\r\ns=-\r\nc=IN IP4 pbx.example.com\r\nt=0 0\r\n" + audio + "\r\n"), "not an IP address"},
		{"multicast", []byte("v=0\r\no=- 7 1 IN IP4 1.1.1.1\r\ns=-\r\nc=IN IP4 224.2.36.42/127\r\nt=0 0\r\n" + audio + "\r\n"), "multicast"},
		{"no address", []byte("v=0\r\no=- 7 1 IN IP4 1.1.1.1\r\ns=-\r\nt=0 0\r\n" + audio + "\r\n"), "no address"},
		{"garbage", []byte("hello"), "cannot be read"},
		{"empty", nil, ""},
		{"long", []byte(strings.Repeat("a=x\r\n", 20000)), "longer than"},
	} {
		_, _, err := negotiation().Answer(c.offer)
		var u *Unacceptable
		if !errors.As(err, &u) || !strings.Contains(u.Why, c.why) {
			t.Errorf("%s: %v, want a reason with %q", c.name, err, c.why)
		}
	}
}

func TestARefusedReOfferChangesNothing(t *testing.T) {
	n := negotiation()
	before, _, err := n.Answer(recorded(t, "carrier-sbc"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := n.Answer(recorded(t, "fax")); err == nil {
		t.Fatal("a fax was accepted")
	}
	if _, _, err := n.Answer(offered("m=audio 6000 RTP/AVP 18")); err == nil {
		t.Fatal("G.729 was accepted")
	}
	after, _, err := n.Answer(recorded(t, "carrier-sbc"))
	if err != nil || string(after) != string(before) {
		t.Errorf("%v: the answer changed to\n%s", err, after)
	}
}

func TestS1TheAnswersDirectionFollowsTheOfferAndOurWish(t *testing.T) {
	// RFC 3264 section 6.1, from our side.
	want := map[[2]Direction]Direction{
		{SendRecv, SendRecv}: SendRecv, {SendRecv, SendOnly}: SendOnly, {SendRecv, RecvOnly}: RecvOnly, {SendRecv, Inactive}: Inactive,
		{SendOnly, SendRecv}: RecvOnly, {SendOnly, SendOnly}: Inactive, {SendOnly, RecvOnly}: RecvOnly, {SendOnly, Inactive}: Inactive,
		{RecvOnly, SendRecv}: SendOnly, {RecvOnly, SendOnly}: SendOnly, {RecvOnly, RecvOnly}: Inactive, {RecvOnly, Inactive}: Inactive,
		{Inactive, SendRecv}: Inactive, {Inactive, SendOnly}: Inactive, {Inactive, RecvOnly}: Inactive, {Inactive, Inactive}: Inactive,
	}
	if len(want) != 16 {
		t.Fatal("the table has holes")
	}
	for pair, direction := range want {
		n := negotiation()
		n.Wish(pair[1])
		body, a, err := n.Answer(offered("m=audio 6000 RTP/AVP 8", "a="+pair[0].String()))
		if err != nil {
			t.Fatal(err)
		}
		if a.Direction != direction {
			t.Errorf("offered %v, wished %v: %v, want %v", pair[0], pair[1], a.Direction, direction)
		}
		has(t, body, "a="+direction.String())
	}
}

func TestS1HoldAndResumeAreAnsweredEachTimeAnew(t *testing.T) {
	n := negotiation()
	for _, c := range []struct {
		lines     []string
		direction Direction
	}{
		{[]string{"m=audio 6000 RTP/AVP 8", "a=sendrecv"}, SendRecv},
		{[]string{"m=audio 6000 RTP/AVP 8", "a=sendonly"}, RecvOnly},
		{[]string{"m=audio 6000 RTP/AVP 8"}, SendRecv},
		{[]string{"m=audio 6000 RTP/AVP 8", "a=inactive"}, Inactive},
		{[]string{"m=audio 6002 RTP/AVP 8", "a=sendrecv"}, SendRecv},
		{[]string{"m=audio 6002 RTP/AVP 8", "c=IN IP4 0.0.0.0"}, RecvOnly},
		{[]string{"m=audio 6002 RTP/AVP 8", "c=IN IP4 0.0.0.0", "a=inactive"}, Inactive},
		{[]string{"m=audio 6002 RTP/AVP 8", "c=IN IP4 0.0.0.0", "a=recvonly"}, Inactive},
		{[]string{"m=audio 6002 RTP/AVP 8", "a=recvonly"}, SendOnly},
		{[]string{"m=audio 6002 RTP/AVP 8"}, SendRecv},
	} {
		body, a, err := n.Answer(offered(c.lines...))
		if err != nil {
			t.Fatal(err)
		}
		if a.Direction != c.direction {
			t.Errorf("%v: %v, want %v", c.lines, a.Direction, c.direction)
		}
		has(t, body, "a="+c.direction.String(), "m=audio 16400 RTP/AVP 8")
		if held := strings.Contains(strings.Join(c.lines, " "), "0.0.0.0"); held == a.Remote.IsValid() {
			t.Errorf("%v: we would send to %v", c.lines, a.Remote)
		}
	}
}

func TestS1AnOldPhonesHoldIsRecognised(t *testing.T) {
	body, a, err := negotiation().Answer(recorded(t, "old-phone-hold"))
	if err != nil || a.Direction != RecvOnly || a.Remote.IsValid() {
		t.Fatalf("%v, %+v", err, a)
	}
	has(t, body, "a=recvonly")
}

func TestTheSoundMayBeTakenAwayAndBroughtBack(t *testing.T) {
	n := negotiation()
	if _, _, err := n.Answer(offered("m=audio 6000 RTP/AVP 8")); err != nil {
		t.Fatal(err)
	}
	body, a, err := n.Answer(offered("m=audio 0 RTP/AVP 8", "m=image 4000 udptl t38"))
	if err != nil || a.Direction != Inactive || a.Send != nil {
		t.Fatalf("%v, %+v", err, a)
	}
	has(t, body, "m=audio 0 RTP/AVP 8", "m=image 0 udptl t38")
	body, a, err = n.Answer(offered("m=audio 6000 RTP/AVP 8", "m=image 0 udptl t38"))
	if err != nil || a.Direction != SendRecv || a.Send == nil {
		t.Fatalf("%v, %+v", err, a)
	}
	has(t, body, "m=audio 16400 RTP/AVP 8", "m=image 0 udptl t38")
}

func TestP7CodecsAreFoundByNameAndClockNeverByNumber(t *testing.T) {
	body, a, err := negotiation(Opus, PCMA).Answer(offered("m=audio 6000 RTP/AVP 111 98 101 99",
		"a=rtpmap:111 telephone-event/8000", "a=rtpmap:98 OPUS/48000/2", "a=rtpmap:101 PCMA/8000", "a=rtpmap:99 telephone-event/48000"))
	if err != nil {
		t.Fatal(err)
	}
	if want := (Format{Codec: Opus, Payload: 98, Event: 99, Ptime: Tick}); *a.Send != want {
		t.Errorf("we send %+v", *a.Send)
	}
	has(t, body, "m=audio 16400 RTP/AVP 98 99", "a=rtpmap:98 opus/48000/2", "a=rtpmap:99 telephone-event/48000")
}

func TestM1EventsHaveTheClockOfTheCodecBesideThem(t *testing.T) {
	both := []string{"m=audio 6000 RTP/AVP 111 8 110 126", "a=rtpmap:111 opus/48000/2", "a=rtpmap:110 telephone-event/48000", "a=rtpmap:126 telephone-event/8000"}
	for codec, event := range map[Codec]uint8{Opus: 110, PCMA: 126} {
		body, a, err := negotiation(codec).Answer(offered(both...))
		if err != nil || a.Send.Event != event || a.Send.EventClock != 0 {
			t.Errorf("%v: %v, %+v", codec, err, a.Send)
		}
		has(t, body, fmt.Sprintf("a=rtpmap:%d telephone-event/%d", event, codec.Clock))
	}
}

func TestP7NumbersStayWhereTheyAreOverReOffers(t *testing.T) {
	n := negotiation(Opus, PCMA)
	// They use 101 for Opus, which is our number for events.
	_, a, err := n.Answer(offered("m=audio 6000 RTP/AVP 101 8 102", "a=rtpmap:101 opus/48000/2", "a=rtpmap:102 telephone-event/48000"))
	if err != nil || a.Send.Payload != 101 || a.Send.Event != 102 {
		t.Fatalf("%v, %+v", err, a.Send)
	}
	offer, err := n.Offer()
	if err != nil {
		t.Fatal(err)
	}
	has(t, offer, "m=audio 16400 RTP/AVP 101 102", "a=rtpmap:101 opus/48000/2", "a=rtpmap:102 telephone-event/48000")
	// A new order of theirs does not change the codec in the middle of the call.
	_, a, err = n.Answer(offered("m=audio 6000 RTP/AVP 8 101", "a=rtpmap:101 opus/48000/2"))
	if err != nil || a.Send.Codec != Opus {
		t.Errorf("%v, %+v", err, a.Send)
	}
	// Its end does.
	_, a, err = n.Answer(offered("m=audio 6000 RTP/AVP 8"))
	if err != nil || a.Send.Codec != PCMA {
		t.Errorf("%v, %+v", err, a.Send)
	}
}

func TestB36SessionIDsFitIn62BitsAndVersionsGrowOnlyWithTheContent(t *testing.T) {
	read := func(body []byte) sdp.Origin {
		var d sdp.SessionDescription
		if err := d.Unmarshal(body); err != nil {
			t.Fatal(err)
		}
		return d.Origin
	}
	for range 1000 {
		n := negotiation()
		body, _, err := n.Answer(offered("m=audio 6000 RTP/AVP 8"))
		if err != nil {
			t.Fatal(err)
		}
		first := read(body)
		if first.SessionID >= 1<<62 || first.SessionID == 0 {
			t.Fatalf("session id %d", first.SessionID)
		}
		offer, err := n.Offer() // the same said again, as an offer
		if err != nil || read(offer) != first {
			t.Fatalf("%v: origin went from %+v to %+v", err, first, read(offer))
		}
		held, _, err := n.Answer(offered("m=audio 6000 RTP/AVP 8", "a=sendonly"))
		if err != nil || read(held).SessionVersion != first.SessionVersion+1 || read(held).SessionID != first.SessionID {
			t.Fatalf("%v: origin went from %+v to %+v", err, first, read(held))
		}
	}
}

func TestPacketTimesWeCanMake(t *testing.T) {
	for _, c := range []struct {
		lines []string
		want  time.Duration
	}{
		{nil, 20}, {[]string{"a=ptime:20"}, 20}, {[]string{"a=ptime:30"}, 20}, {[]string{"a=ptime:40"}, 40}, {[]string{"a=ptime:60"}, 60},
		{[]string{"a=ptime:10"}, 20}, {[]string{"a=ptime:100"}, 60}, {[]string{"a=ptime:40", "a=maxptime:20"}, 20},
		{[]string{"a=ptime:-5"}, 20}, {[]string{"a=ptime:NaN"}, 20}, {[]string{"a=ptime:99999999999"}, 20}, {[]string{"a=ptime:20.0"}, 20},
	} {
		_, a, err := negotiation().Answer(offered(append([]string{"m=audio 6000 RTP/AVP 8"}, c.lines...)...))
		if err != nil || a.Send.Ptime != c.want*time.Millisecond {
			t.Errorf("%v: %v, %v", c.lines, err, a)
		}
	}
}

func TestRTCPGoesWhereTheOfferSays(t *testing.T) {
	for line, want := range map[string]string{
		"a=rtcp:7001":                   "192.0.2.9:7001",
		"a=rtcp:7001 IN IP4 192.0.2.10": "192.0.2.10:7001",
		"a=rtcp:0":                      "invalid AddrPort",
		"a=rtcp-mux":                    "192.0.2.9:6000",
		"a=ptime:20":                    "192.0.2.9:6001",
	} {
		body, a, err := negotiation().Answer(offered("m=audio 6000 RTP/AVP 8", line))
		if err != nil || a.Control.String() != want {
			t.Errorf("%s: %v, %v", line, err, a)
		}
		if mux := line == "a=rtcp-mux"; mux != a.Mux || mux != strings.Contains(string(body), "rtcp-mux") {
			t.Errorf("%s: mux %v in\n%s", line, a.Mux, body)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("..", "testdata", "sdp", "*.sdp"))
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, name := range files {
		f.Add(recorded(f, strings.TrimSuffix(filepath.Base(name), ".sdp")))
	}
	f.Add(offered("m=audio 6000 RTP/AVP 8", "a=ptime:1e9", "a=rtcp:", "a=rtpmap:8", "a=fmtp:8 ;;=;useinbandfec"))
	f.Add([]byte("v=0\nc=0 0 0.0.0.0\nm=audio 1 RTP/AVP 0\nm=0 0 0"))
	f.Fuzz(func(t *testing.T, offer []byte) {
		n := negotiation()
		body, a, err := n.Answer(offer)
		if err != nil {
			return
		}
		d, err := parseDescription(body)
		if err != nil {
			t.Fatalf("our answer cannot be read: %v\n%s", err, body)
		}
		if theirs, _ := parseDescription(offer); len(d.media) != len(theirs.media) {
			t.Fatalf("%d m-lines in the answer to %d", len(d.media), len(theirs.media))
		}
		if a.Send != nil && (a.Send.Ptime < Tick || a.Send.Ptime > 3*Tick || a.Send.Payload > 127 || a.Receive[a.Send.Payload] == nil) {
			t.Fatalf("%+v", a.Send)
		}
		offer2, err := n.Offer()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.Accept(offer); err != nil {
			_ = offer2 // an offer that is no answer to ours is refused; what matters is that nothing breaks
		}
	})
}
