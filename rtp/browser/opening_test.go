package browser

import (
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/lab"
	"github.com/cordboard/cordboard/rtp"
)

// caller is a source whose packets the test sends.
type caller struct{ sink rtp.Sink }

func (c *caller) SourceName() string { return "caller" }
func (c *caller) Listen(s rtp.Sink, _ *rtp.Format) (stop func()) {
	c.sink = s
	return func() {}
}

// What a caller says while ICE and DTLS are at work is heard as soon as they are done, without a further packet of his.
func TestWhatWasSaidLastBeforeTheKeysWereThereIsHeard(t *testing.T) {
	n := house(t, Timers{})
	for range 5 { // where the machine stalls, the time of what was said is over
		s, far := session(t, n, rtp.PCMU), tab(t, lab.PCMU())
		c := &caller{}
		s.Out().Hear(c)
		weCall(t, s, far)
		hello := make([]byte, 1280) // 160 ms, loud
		for i := range hello {
			hello[i] = 0x10 | byte(i)&0x80
		}
		c.sink.Packet(&rtp.Packet{SSRC: 1, Sequence: 1, Payload: hello, Format: s.Out().Format(), Arrived: time.Now()})
		if s.secured.Load() {
			continue // it was quicker than we
		}
		await(t, "connection", s.Connected(), 5*time.Second)
		eventually(t, "a packet", func() bool { return far.Ear().Report().Packets > 0 })
		if p := far.Ear().Packets(); p[0].Bytes == len(hello) {
			return
		}
	}
	t.Error("the first that the browser heard was not what was said last")
}
