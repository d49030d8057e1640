package rtp

import (
	"errors"
	"slices"
	"testing"
)

func TestOfferedCodecs(t *testing.T) {
	const head = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
	for _, c := range []struct {
		name, media string
		want        []Codec
	}{
		{"static numbers without rtpmap", "m=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n", []Codec{PCMA, PCMU}},
		{"a browser", "m=audio 9 UDP/TLS/RTP/SAVPF 111 9 0\r\na=rtpmap:111 opus/48000/2\r\n", []Codec{Opus, G722, PCMU}},
		{"none of ours", "m=audio 4000 RTP/AVP 18\r\na=rtpmap:18 G729/8000\r\n", nil},
		{"no audio", "m=video 4000 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n", []Codec{{}}},
		{"audio switched off", "m=audio 0 RTP/AVP 0\r\n", []Codec{{}}},
	} {
		got, err := Offered([]byte(head + c.media))
		var unacceptable *Unacceptable
		if refused := slices.Equal(c.want, []Codec{{}}); refused != errors.As(err, &unacceptable) {
			t.Errorf("%s: error %v", c.name, err)
		} else if !refused && !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
