package browser

import (
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/lab"
	"github.com/cordboard/cordboard/rtp"
)

// BenchmarkAnswer is what an agent's answer costs us until our description is ready.
func BenchmarkAnswer(b *testing.B) {
	n := house(b, Timers{})
	offer := readFile(b, "chromium-offer.sdp")
	b.ReportAllocs()
	for b.Loop() {
		s, err := n.Session(Policy{Name: "bench"})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Answer(offer); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkConnect is a whole set-up with a browser in the same process: ICE, DTLS, and the goodbye.
func BenchmarkConnect(b *testing.B) {
	n := house(b, Timers{})
	clock := lab.NewMetronome()
	for b.Loop() {
		b.StopTimer()
		far, err := lab.NewTab(lab.TabOptions{Clock: clock, Lean: true})
		if err != nil {
			b.Fatal(err)
		}
		s, err := n.Session(Policy{Name: "bench"})
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		weCall(b, s, far)
		await(b, "connection", s.Connected(), 5*time.Second)
		b.StopTimer()
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		far.Close()
		b.StartTimer()
	}
}

// BenchmarkForward is one packet from one browser to another: decrypted, switched, encrypted, sent.
func BenchmarkForward(b *testing.B) {
	n := house(b, Timers{})
	from, to := session(b, n, rtp.PCMU), session(b, n, rtp.PCMU)
	left, right := tab(b), tab(b)
	weCall(b, from, left)
	weCall(b, to, right)
	await(b, "connection", from.Connected(), 5*time.Second)
	await(b, "connection", to.Connected(), 5*time.Second)
	to.Out().Hear(from)
	right.Dark(true) // what the browser does with it is not our cost
	packet := append([]byte{0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}, make([]byte, 160)...)
	at := time.Now()
	var sequence uint16
	var timestamp uint32
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		sequence++
		timestamp += 160
		at = at.Add(20 * time.Millisecond)
		packet[2], packet[3] = byte(sequence>>8), byte(sequence)
		packet[4], packet[5], packet[6], packet[7] = byte(timestamp>>24), byte(timestamp>>16), byte(timestamp>>8), byte(timestamp)
		from.Receive(packet, at)
	}
	b.ReportMetric(float64(to.Quality().Sent), "sent")
}

// BenchmarkEncrypt is SRTP alone, one way.
func BenchmarkEncrypt(b *testing.B) {
	n := house(b, Timers{})
	s, far := session(b, n, rtp.PCMU), tab(b)
	weCall(b, s, far)
	await(b, "connection", s.Connected(), 5*time.Second)
	packet := append([]byte{0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}, make([]byte, 160)...)
	sealed := make([]byte, 0, 256)
	b.ReportAllocs()
	b.ResetTimer()
	var sequence uint16
	for b.Loop() {
		sequence++
		packet[2], packet[3] = byte(sequence>>8), byte(sequence)
		s.cipher.sending.Lock()
		var err error
		sealed, err = s.cipher.out.EncryptRTP(sealed[:0], packet, &s.cipher.wrote)
		s.cipher.sending.Unlock()
		if err != nil {
			b.Fatal(err)
		}
	}
}
