package gateway

import (
	"bytes"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/lab"
)

func TestAHomerServerHearsOfACallAndOfItsSound(t *testing.T) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	config := demoHouse("127.0.0.1:9")
	config.Trace.Calls, config.Trace.HEP.Server, config.Trace.HEP.Password = 0, server.LocalAddr().String(), "agent-key"
	h := openHouse(t, config)
	customer, anna := h.talk(lab.PCMA(), lab.PCMA())
	customer.Ear().MustHear(t, annasTone, patience, time.Second)
	if err := anna.Bye(h.soon()); err != nil {
		t.Fatal(err)
	}
	wanted := []string{"INVITE sip:" + annasNumber, "SIP/2.0 180", "REGISTER sip:", "BYE sip:", `"report_blocks":[{`, `"codec":"PCMA"`}
	b := make([]byte, 65536)
	_ = server.SetReadDeadline(time.Now().Add(patience))
	for len(wanted) > 0 {
		n, _, err := server.ReadFrom(b)
		if err != nil {
			t.Fatalf("not heard %q: %v", wanted, err)
		}
		if !bytes.HasPrefix(b[:n], []byte("HEP3")) || !bytes.Contains(b[:n], []byte("agent-key")) {
			t.Fatalf("no packet of ours: %q", b[:n])
		}
		if text := string(b[:n]); strings.Contains(text, "response=\"") || strings.Contains(text, "a=ice-pwd:") && !strings.Contains(text, "a=ice-pwd:**") {
			t.Errorf("a secret was sent: %s", text)
		}
		for i := len(wanted) - 1; i >= 0; i-- {
			if bytes.Contains(b[:n], []byte(wanted[i])) {
				wanted = append(wanted[:i], wanted[i+1:]...)
			}
		}
	}
}
