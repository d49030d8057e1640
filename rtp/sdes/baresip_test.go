package sdes

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/lab"
)

// A phone of another make, with an SRTP of its own, answers our offers in every suite, as secure and as best effort. It
// gives back what it hears: what comes back was opened there with our key and here with its.
func TestBaresipSpeaksEverySuite(t *testing.T) {
	if _, err := exec.LookPath("baresip"); err != nil {
		t.Skip("baresip is not installed")
	}
	for _, policy := range []Policy{Required, Preferred} {
		for _, s := range Suites() {
			t.Run(fmt.Sprint(s, " ", policy), func(t *testing.T) {
				uri := baresip(t, policy)
				x := NewExchange(policy, s)
				us, remote, answer := dialled(t, uri, x)
				defer us.Close()
				a, err := x.Accept(answer.proto, answer.crypto)
				if err != nil || a == nil || a.Ours.Suite != s {
					t.Fatalf("answered %q: %v, %v", answer.crypto, a, err)
				}
				echo(t, us, remote, a)
			})
		}
	}
}

// echo sends a tone until it comes back, and a report of theirs with it.
func echo(t *testing.T, us *net.UDPConn, remote netip.AddrPort, a *Agreed) {
	var s Sender
	var r Receiver
	if err := s.Use(a.Ours); err != nil {
		t.Fatal(err)
	}
	if err := r.Use(a.Theirs); err != nil {
		t.Fatal(err)
	}
	tone := []byte{0xd5, 0xb5, 0xbf, 0xb5, 0xd5, 0x35, 0x3f, 0x35} // 1 kHz in A-law
	buf, heard, sounds, reports := make([]byte, 2000), 0, 0, 0
	for n := range 500 { // ten seconds
		packet := append(sound(one, n)[:12], bytes.Repeat(tone, 20)...)
		sealed, err := s.Protect(packet)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := us.WriteToUDPAddrPort(sealed, remote); err != nil {
			t.Fatal(err)
		}
		for due := time.Now().Add(20 * time.Millisecond); ; {
			_ = us.SetReadDeadline(due)
			k, _, err := us.ReadFromUDPAddrPort(buf)
			if err != nil {
				break // the next packet is due
			}
			if kind := buf[1]; kind >= 192 && kind <= 223 {
				if bytes.Contains(buf[:k], []byte("PING")) { // to open a NAT, before it has a key
					continue
				}
				if reports++; a.Ours.Suite == AES128CM32 {
					continue // it shortens the tag of RTCP too, where RFC 4568 section 6.2.2 wants it whole
				}
				wire := bytes.Clone(buf[:k])
				plain, err := r.UnprotectControl(buf[:k])
				if err != nil || len(plain) < 4*(1+int(binary.BigEndian.Uint16(plain[2:]))) {
					t.Fatalf("RTCP %x: %v", wire, err)
				}
				continue
			}
			plain, err := r.Unprotect(buf[:k])
			if err != nil {
				t.Fatalf("RTP of %d bytes: %v", k, err)
			}
			if sounds++; len(plain) == 172 && bytes.Contains(plain[12:], tone) {
				heard++
			}
		}
		if heard > 20 && reports > 0 {
			return
		}
	}
	t.Errorf("of %d packets and %d reports %d brought our tone back", sounds, reports, heard)
}

// description is what the answer says of the line.
type description struct {
	proto  string
	crypto []string
}

// dialled calls the phone with an offer of ours and returns our socket, theirs and the answer.
func dialled(t *testing.T, uri string, x *Exchange) (us *net.UDPConn, remote netip.AddrPort, answer description) {
	t.Helper()
	us, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	proto, lines := x.Offer()
	offer := fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d %s 8\r\na=rtpmap:8 PCMA/8000\r\na=rtcp-mux\r\n",
		us.LocalAddr().(*net.UDPAddr).Port, proto)
	for _, l := range lines {
		offer += "a=crypto:" + l + "\r\n"
	}
	trunk, err := lab.NewTrunk(lab.TrunkOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { trunk.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	t.Cleanup(cancel)
	c, err := trunk.Call(ctx, uri, lab.CallOptions{SDP: offer})
	if err != nil {
		t.Fatal(err)
	}
	ok, err := c.AwaitResponse(ctx, 200)
	if err != nil {
		t.Fatalf("%v; responses %v", err, c.Responses())
	}
	t.Cleanup(func() { _ = c.Bye(context.WithoutCancel(ctx)) })
	for line := range strings.Lines(string(ok.Body)) {
		line = strings.TrimSpace(line)
		if m, is := strings.CutPrefix(line, "m=audio "); is {
			var port uint16
			_, _ = fmt.Sscanf(m, "%d %s", &port, &answer.proto) // what is missing will be missed
			remote = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
		}
		if crypto, is := strings.CutPrefix(line, "a=crypto:"); is {
			answer.crypto = append(answer.crypto, crypto)
		}
	}
	return us, remote, answer
}

// baresip starts the phone and returns its address.
func baresip(t *testing.T, p Policy) (uri string) {
	t.Helper()
	dir, port := t.TempDir(), free(t)
	config := fmt.Sprintf("sip_listen 127.0.0.1:%d\nrtp_ports %d-%d\nmodule_path /usr/lib/baresip/modules\n", port, port+2, port+10)
	for _, m := range []string{"g711", "aubridge", "srtp", "uuid"} {
		config += "module " + m + ".so\n"
	}
	config += "module_tmp account.so\nmodule_app menu.so\naudio_source aubridge,echo\naudio_player aubridge,echo\n" +
		"ausrc_srate 8000\nauplay_srate 8000\nausrc_channels 1\nauplay_channels 1\nrtcp_mux yes\n"
	encryption := map[Policy]string{Required: "srtp-mand", Preferred: "srtp"}[p]
	account := fmt.Sprintf("<sip:echo@127.0.0.1:%d>;regint=0;audio_codecs=PCMA/8000/1;answermode=auto;mediaenc=%s\n", port, encryption)
	for name, text := range map[string]string{"config": config, "accounts": account} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var output bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "baresip", "-4", "-n", "127.0.0.1", "-v", "-f", dir)
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second // then it is killed
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Wait() // ended by our signal
		if t.Failed() {
			t.Logf("baresip:\n%s", output.String())
		}
	})
	return fmt.Sprintf("sip:echo@127.0.0.1:%d", port)
}

// free is the first of a dozen ports that nobody has, below those of our RTP and of the kernel's own choice.
func free(t *testing.T) int {
	t.Helper()
	for range 100 {
		port, taken := 10000+2*rand.IntN(2900), false
		for p := port; p < port+12 && !taken; p++ {
			c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: p})
			if taken = err != nil; !taken {
				_ = c.Close()
			}
		}
		if !taken {
			return port
		}
	}
	t.Fatal("no free ports")
	return 0
}
