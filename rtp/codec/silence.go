package codec

import (
	"time"

	"github.com/cordboard/cordboard/rtp"
)

// What silence is in each codec.
const (
	silenceA = 0xd5
	silenceU = 0xff
	// silence722 is the smallest difference in both bands, which is 0 once the steps have shrunk: whatever the decoder
	// said before decays within milliseconds to less than G.722's own noise.
	silence722 = 0xfd
)

// AppendSilence adds one payload of silence, as long as the format's packet time (20 ms when that is 0), to b. It is
// what to send where there is nothing to say: a stream with gaps makes carriers play comfort noise or hang up. Nothing is
// added for an unknown codec.
func AppendSilence(b []byte, f *rtp.Format) []byte {
	ptime := f.Ptime
	if ptime <= 0 {
		ptime = 20 * time.Millisecond
	}
	ptime = min(ptime, Longest*time.Millisecond)
	bytes := int(ptime / time.Millisecond * 8) // 64 kbit/s in G.711 and G.722 alike
	switch kindOf(f.Codec) {
	case pcma:
		return fill(b, silenceA, bytes)
	case pcmu:
		return fill(b, silenceU, bytes)
	case g722:
		return fill(b, silence722, bytes)
	case opus:
		return appendOpusSilence(b, ptime)
	case unknown:
	}
	return b
}

func fill(b []byte, with byte, n int) []byte {
	for range n {
		b = append(b, with)
	}
	return b
}

// appendOpusSilence writes frames that say "silence" in CELT's first symbol (RFC 6716 section 4.3): a table of contents
// (section 3.1) for mono, fullband, and two bytes a frame.
func appendOpusSilence(b []byte, ptime time.Duration) []byte {
	const (
		tenMs    = 30 << 3 // configuration: CELT fullband, 10 ms
		twentyMs = 31 << 3 // the same, 20 ms
		oneFrame = 0
		manyCBR  = 3 // a byte with the number of frames follows
	)
	if ptime < 20*time.Millisecond {
		return append(b, tenMs|oneFrame, 0xff, 0xfe)
	}
	frames := int(ptime / (20 * time.Millisecond))
	if frames == 1 {
		return append(b, twentyMs|oneFrame, 0xff, 0xfe)
	}
	b = append(b, twentyMs|manyCBR, byte(frames))
	for range frames {
		b = append(b, 0xff, 0xfe)
	}
	return b
}
