package dtmf

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestM2_InfoBodiesAreReadAsPhonesWriteThem(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name, contentType, body, tones string
		duration                       time.Duration
		err                            error
	}{
		{"JsSIP", "application/dtmf-relay", "Signal=7\r\nDuration=100", "7", 100 * ms, nil},
		{"Cisco", "application/dtmf-relay", "Signal= 5\r\nDuration= 160\r\n", "5", 160 * ms, nil},
		{"bare newlines, any case", "Application/DTMF-Relay; charset=utf-8", "signal=#\nDURATION=250\n", "#", 250 * ms, nil},
		{"event number", "application/dtmf-relay", "Signal=11\r\nDuration=100", "#", 100 * ms, nil},
		{"flash", "application/dtmf-relay", "Signal=16\r\n", "!", 0, nil},
		{"small letter", "application/dtmf-relay", "Signal=d", "D", 0, nil},
		{"nonsense duration", "application/dtmf-relay", "Signal=1\r\nDuration=-7", "1", 0, nil},
		{"very long", "application/dtmf-relay", "Signal=1\r\nDuration=60000", "1", 2 * time.Second, nil},
		{"plain", "application/dtmf", "9", "9", 0, nil},
		{"plain, several", "application/dtmf", "123#\r\n", "123#", 0, nil},
		{"plain, as relay", "application/dtmf", "Signal=4\r\nDuration=90", "4", 90 * ms, nil},
		{"no signal", "application/dtmf-relay", "Duration=100", "", 0, ErrInfo},
		{"not a key", "application/dtmf-relay", "Signal=X", "", 0, ErrInfo},
		{"event 17", "application/dtmf-relay", "Signal=17", "", 0, ErrInfo},
		{"empty", "application/dtmf", "", "", 0, ErrInfo},
		{"words", "application/dtmf", "hello", "", 0, ErrInfo},
		{"too long", "application/dtmf", strings.Repeat("1", maxInfo+1), "", 0, ErrInfo},
		{"too many", "application/dtmf", strings.Repeat("1", maxTones+1), "", 0, ErrInfo},
		{"another type", "application/media_control+xml", "Signal=1", "", 0, ErrContentType},
		{"no type", "", "Signal=1", "", 0, ErrContentType},
	} {
		info, err := ParseInfo(c.contentType, []byte(c.body))
		if !errors.Is(err, c.err) || info.Tones != c.tones || info.Duration != c.duration {
			t.Errorf("%s: %+v, %v; want %q, %v, %v", c.name, info, err, c.tones, c.duration, c.err)
		}
	}
}

func FuzzParseInfo(f *testing.F) {
	f.Add("application/dtmf-relay", []byte("Signal=7\r\nDuration=100"))
	f.Add("application/dtmf", []byte("12#"))
	f.Add("application/dtmf-relay; =", []byte("Signal=\r\nSignal=16\r\n=\r\n"))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		info, err := ParseInfo(contentType, body)
		if (err == nil) != (info.Tones != "") {
			t.Fatalf("%+v, %v", info, err)
		}
		if Clean(info.Tones) != info.Tones || len(info.Tones) > maxTones || info.Duration < 0 || info.Duration > maxLength {
			t.Fatalf("out of bounds: %+v", info)
		}
	})
}
