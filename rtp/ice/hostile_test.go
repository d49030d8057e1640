package ice

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// request is a check as a browser sends it.
func request(username, password string, more func(o *Outbox)) []byte {
	var o Outbox
	o.begin(netip.MustParseAddrPort(us), bindingRequest, []byte("transaction!"))
	o.attribute(attrUsername, len(username))
	o.bytes = append(o.bytes, username...)
	for len(o.bytes)%4 != 0 {
		o.bytes = append(o.bytes, 0)
	}
	if more != nil {
		more(&o)
	}
	o.seal(password)
	raw, _ := o.At(0)
	return raw
}

func TestStrangersAreNotAnswered(t *testing.T) {
	w, we, they := talk(t, true)
	right := request("weuser:theyuser", we.secret, nil)
	damaged := func(change func(b []byte)) []byte {
		b := bytes.Clone(right)
		change(b)
		return b
	}
	for name, raw := range map[string][]byte{
		"nothing":               nil,
		"a byte":                {0},
		"another user":          request("they:weuser", we.secret, nil),
		"half a user":           request("weuse:theyuser", we.secret, nil),
		"a longer user":         request("weuserr:theyuser", we.secret, nil),
		"no second half":        request("weuser", we.secret, nil),
		"a wrong password":      request("weuser:theyuser", they.secret, nil),
		"no password":           request("weuser:theyuser", "", nil),
		"damaged":               damaged(func(b []byte) { b[25] ^= 1 }),
		"a wrong fingerprint":   damaged(func(b []byte) { b[len(b)-1] ^= 1 }),
		"a wrong length":        damaged(func(b []byte) { b[3] += 4 }),
		"cut short":             right[:len(right)-8],
		"another cookie":        damaged(func(b []byte) { b[4] = 0 }),
		"an indication":         damaged(func(b []byte) { b[1] = 0x11 }),
		"an answer to nothing":  damaged(func(b []byte) { binary.BigEndian.PutUint16(b, bindingSuccess) }),
		"an attribute too long": damaged(func(b []byte) { b[23] = 200 }),
	} {
		if we.Packet(raw, netip.MustParseAddrPort(alsoThem), w.now, &we.out) || we.out.Len() > 0 {
			t.Errorf("%s was taken", name)
		}
	}
	if !we.Packet(right, netip.MustParseAddrPort(them), w.now, &we.out) {
		t.Error("the right one was not taken")
	}
}

func TestAnswersCountOnlyFromWhereTheCheckWentAndOnce(t *testing.T) {
	w := newWorld(t)
	we, they := w.end("we", 1, true, us), w.end("they", 2, false, them)
	we.knows(they, them)
	w.run(15 * time.Millisecond)
	if len(w.flying) != 1 {
		t.Fatal(len(w.flying), "answers are under way")
	}
	answer := w.flying[0]
	if we.Packet(answer.raw, netip.MustParseAddrPort(alsoThem), w.now, &we.out) {
		t.Fatal("taken from elsewhere")
	}
	if !we.Packet(answer.raw, answer.from, w.now, &we.out) || we.State() != Connected {
		t.Fatal("not taken from where it should come")
	}
	if we.Packet(answer.raw, answer.from, w.now, &we.out) {
		t.Fatal("taken twice")
	}
}

func TestAttributesThatMustBeUnderstoodAndAreNotAreNamed(t *testing.T) {
	w, we, _ := talk(t, true)
	raw := request("weuser:theyuser", we.secret, func(o *Outbox) { o.attribute(0x7001, 0) })
	if !we.Packet(raw, netip.MustParseAddrPort(them), w.now, &we.out) || we.out.Len() != 1 {
		t.Fatal("not answered")
	}
	answer, _ := we.out.At(0)
	var m message
	if !m.read(answer) || m.code != codeUnknownAttribute || !m.authentic(answer, we.secret) || !bytes.Contains(answer, []byte{0x70, 0x01}) {
		t.Fatalf("%+v", m)
	}
}

// Somebody who has the password, a browser after all, sends from forged addresses.
func TestForgedAddressesCannotMakeUsSendMuchNorRememberMuch(t *testing.T) {
	w, we, _ := talk(t, true)
	w.seen = nil
	const forged = 1000
	raw := request("weuser:theyuser", we.secret, nil)
	bytesIn, bytesOut := 0, 0
	for i := range forged {
		from := netip.MustParseAddrPort(fmt.Sprintf("203.0.113.%d:%d", i%250, 1000+i))
		bytesIn += len(raw)
		we.Packet(raw, from, w.now, &we.out)
		we.flush()
		w.run(time.Millisecond)
	}
	w.run(time.Minute)
	for _, p := range w.seen {
		if p.from.String() == us && p.to.Addr().String() != "198.51.100.7" {
			bytesOut += len(p.raw)
		}
	}
	if len(we.current.pairs) > maxPairs {
		t.Fatalf("%d pairs", len(we.current.pairs))
	}
	if bytesOut > 3*bytesIn {
		t.Fatalf("%d bytes made us send %d", bytesIn, bytesOut)
	}
	we.wantPath(them)
	if we.State() != Connected {
		t.Fatal(we.State())
	}
}

func TestAnsweringAndAskingAllocateNothing(t *testing.T) {
	w, we, _ := talk(t, true)
	raw, from := request("weuser:theyuser", we.secret, func(o *Outbox) { o.role(controlled, 7) }), netip.MustParseAddrPort(them)
	six := netip.MustParseAddrPort("[2001:db8::7]:9")
	for _, a := range []netip.AddrPort{from, six} {
		we.Packet(raw, a, w.now, &we.out)
		we.out.Reset()
	}
	if n := testing.AllocsPerRun(1000, func() {
		if !we.Packet(raw, from, w.now, &we.out) || we.out.Len() != 1 {
			t.Fatal("not answered")
		}
		we.out.Reset()
	}); n != 0 {
		t.Errorf("answering a check allocates %v times", n)
	}
	if n := testing.AllocsPerRun(1000, func() {
		we.recheck(we.current, we.current.selected, w.now, &we.out)
		we.out.Reset()
	}); n != 0 {
		t.Errorf("asking allocates %v times", n)
	}
	if n := testing.AllocsPerRun(1000, func() { _ = User(raw) }); n != 0 {
		t.Errorf("looking whom it is for allocates %v times", n)
	}
}

func FuzzPacket(f *testing.F) {
	f.Add(request("weuser:theyuser", "wepasswordpasswordpassword", nil))
	f.Add(request("weuser:theyuser", "wrong", func(o *Outbox) { o.role(controlling, 1) }))
	f.Add([]byte{1, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0})
	from := netip.MustParseAddrPort(them)
	f.Fuzz(func(t *testing.T, raw []byte) {
		now := time.Unix(1_000_000, 0)
		a := NewAgent(Config{Ufrag: "weuser", Password: "wepasswordpasswordpassword", Number: 1, Disconnected: time.Second, Failed: time.Second})
		var out Outbox
		a.Begin(Remote{Ufrag: "theyuser", Password: "theirs", Candidates: []Candidate{{from, 1}}}, now, &out)
		out.Reset()
		before := bytes.Clone(raw)
		taken := a.Packet(raw, from, now, &out)
		if !bytes.Equal(raw, before) {
			t.Fatal("the packet was changed")
		}
		if !taken && out.Len() > 0 {
			t.Fatal("a stranger was answered")
		}
		for i := range out.Len() {
			var m message
			if answer, _ := out.At(i); !m.read(answer) {
				t.Fatalf("not STUN: %x", answer)
			}
		}
		User(raw)
		Number(raw)
		a.Due(now.Add(time.Second), &out)
	})
}

func BenchmarkAnswerACheck(b *testing.B) {
	now, from := time.Unix(1_000_000, 0), netip.MustParseAddrPort(them)
	a := NewAgent(Config{Ufrag: "weuser", Password: "wepasswordpasswordpassword", Number: 1, Disconnected: time.Minute, Failed: time.Minute})
	raw := request("weuser:theyuser", "wepasswordpasswordpassword", func(o *Outbox) { o.role(controlled, 7); o.priority(1) })
	a.Lead(true)
	var out Outbox
	b.ReportAllocs()
	for b.Loop() {
		if !a.Packet(raw, from, now, &out) {
			b.Fatal("not taken")
		}
		out.Reset()
	}
}
