package ice

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

// The sample request of RFC 5769 section 2.1.
func TestTheSampleRequestOfTheStandardIsRead(t *testing.T) {
	raw, err := hex.DecodeString(strings.Join(strings.Fields(`
		00010058 2112a442 b7e7a701 bc34d686 fa87dfae 80220010 5354554e 20746573 7420636c 69656e74 00240004 6e0001ff
		80290008 932ff9b1 51263b36 00060009 6576746a 3a683676 59202020 00080014 9aeaa70c bfd8cb56 781ef2b5 b2d3f249
		c1b571a2 80280004 e57a3bcf`), ""))
	if err != nil {
		t.Fatal(err)
	}
	var m message
	if !m.read(raw) {
		t.Fatal("not read")
	}
	if string(m.username) != "evtj:h6vY" || m.priority != 0x6e0001ff || m.role != controlled || m.tieBreaker != 0x932ff9b151263b36 {
		t.Fatalf("%+v", m)
	}
	if !m.authentic(raw, "VOkJxbRl1RmTxUk/WvJxBt") || m.authentic(raw, "VOkJxbRl1RmTxUk/WvJxBu") {
		t.Fatal("its integrity was not judged rightly")
	}
	if string(User(raw)) != "evtj" {
		t.Fatal(User(raw))
	}
}

// What one library writes, the other must read.
func TestAnotherLibraryReadsOurMessagesAndWeReadItsOnes(t *testing.T) {
	long := strings.Repeat("password", 20) // longer than a block of the hash
	for _, address := range []string{them, "[2001:db8::7]:40000"} {
		for _, password := range []string{"wepasswordpasswordpassword", long} {
			from, now := netip.MustParseAddrPort(address), time.Unix(1_000_000, 0)
			a := NewAgent(Config{Ufrag: "we", Password: password, Number: 0xabcdef01, Disconnected: time.Minute, Failed: time.Minute})
			theirs, err := stun.Build(stun.BindingRequest, stun.TransactionID, stun.NewUsername("we:theyx"),
				stun.NewSoftware("other"), stun.NewShortTermIntegrity(password), stun.Fingerprint)
			if err != nil {
				t.Fatal(err)
			}
			var out Outbox
			if !a.Packet(theirs.Raw, from, now, &out) || out.Len() != 1 {
				t.Fatal("its request was not taken")
			}
			answer := open(t, &out, 0, password)
			var mapped stun.XORMappedAddress
			if err := mapped.GetFrom(answer); err != nil || mapped.String() != address || answer.TransactionID != theirs.TransactionID ||
				answer.Type != stun.BindingSuccess {
				t.Fatal(answer, mapped, err)
			}
			out.Reset()
			a.Begin(Remote{Ufrag: "theyx", Password: long}, now, &out)
			check := open(t, &out, 0, long)
			if name, err := check.Get(stun.AttrUsername); err != nil || string(name) != "theyx:we" || check.Type != stun.BindingRequest {
				t.Fatal(check, string(name), err)
			}
			raw, _ := out.At(0)
			var m message
			if m.read(raw); m.priority != 110<<24+65535<<8+255 || m.role != controlled || m.useCandidate {
				t.Fatalf("%+v", m)
			}
			reply, err := stun.Build(stun.NewTransactionIDSetter(check.TransactionID), stun.BindingSuccess,
				&stun.XORMappedAddress{IP: []byte{192, 0, 2, 1}, Port: 8189}, stun.NewShortTermIntegrity(long), stun.Fingerprint)
			if err != nil {
				t.Fatal(err)
			}
			if number, ok := Number(reply.Raw); !ok || number != 0xabcdef01 {
				t.Fatal(number, ok)
			}
			if !a.Packet(reply.Raw, from, now, &out) || a.State() != Connected {
				t.Fatal("its answer was not taken")
			}
		}
	}
}

func open(t *testing.T, out *Outbox, i int, password string) *stun.Message {
	t.Helper()
	raw, _ := out.At(i)
	m := &stun.Message{Raw: raw}
	if err := m.Decode(); err != nil {
		t.Fatal(err)
	}
	if err := stun.NewShortTermIntegrity(password).Check(m); err != nil {
		t.Fatal(err)
	}
	if err := stun.Fingerprint.Check(m); err != nil {
		t.Fatal(err)
	}
	return m
}
