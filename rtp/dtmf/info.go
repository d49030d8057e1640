package dtmf

import (
	"bytes"
	"errors"
	"mime"
	"strconv"
	"time"
)

// Info is what the body of a SIP INFO told.
type Info struct {
	Tones    string        // at least one key
	Duration time.Duration // 0: the body does not say
}

// Bounds of a body that anyone may send.
const (
	maxInfo   = 256 // bytes
	maxTones  = 32
	maxLength = 2 * time.Second
)

// ErrContentType is an INFO that is not about keys: 415 to its sender.
var ErrContentType = errors.New("INFO body is neither application/dtmf-relay nor application/dtmf")

// ErrInfo is a body that names no key: 400 to its sender.
var ErrInfo = errors.New("INFO body names no DTMF key")

// ParseInfo reads the body of an INFO of the type application/dtmf-relay ("Signal=7\r\nDuration=100", as JsSIP sends it)
// or application/dtmf (the keys alone). Neither has an RFC; both are read as loosely as phones write them.
func ParseInfo(contentType string, body []byte) (Info, error) {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return Info{}, ErrContentType
	}
	if len(body) > maxInfo {
		return Info{}, ErrInfo
	}
	switch kind {
	case "application/dtmf-relay":
		return parseRelay(body)
	case "application/dtmf":
		return parseKeys(body)
	}
	return Info{}, ErrContentType
}

func parseRelay(body []byte) (Info, error) {
	var info Info
	for line := range bytes.FieldsFuncSeq(body, func(r rune) bool { return r == '\r' || r == '\n' }) {
		name, value, ok := bytes.Cut(line, []byte("="))
		if !ok {
			continue
		}
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(bytes.TrimSpace(name), []byte("Signal")):
			tone, ok := signal(value)
			if !ok {
				return Info{}, ErrInfo
			}
			info.Tones = string(tone)
		case bytes.EqualFold(bytes.TrimSpace(name), []byte("Duration")):
			info.Duration = milliseconds(value)
		}
	}
	if info.Tones == "" {
		return Info{}, ErrInfo
	}
	return info, nil
}

func parseKeys(body []byte) (Info, error) {
	body = bytes.TrimSpace(body)
	if eq := bytes.IndexByte(body, '='); eq >= 0 {
		return parseRelay(body) // some phones send the one form under the other's name
	}
	if tone, ok := signal(body); ok {
		return Info{Tones: string(tone)}, nil
	}
	tones := Clean(string(body))
	if tones == "" || len(tones) != len(body) || len(tones) > maxTones {
		return Info{}, ErrInfo
	}
	return Info{Tones: tones}, nil
}

// signal reads one key, as a character or, for the keys beyond 9, as the number of its event ("11" for pound).
func signal(value []byte) (tone []byte, ok bool) {
	if len(value) == 1 {
		code, ok := Code(value[0])
		if !ok {
			return nil, false
		}
		return []byte{keys[code]}, true
	}
	if len(value) != 2 || value[0] != '1' || value[1] < '0' || value[1] > '6' {
		return nil, false
	}
	return []byte{keys[10+value[1]-'0']}, true
}

func milliseconds(value []byte) time.Duration {
	ms, err := strconv.ParseUint(string(value), 10, 16)
	if err != nil {
		return 0
	}
	return min(time.Duration(ms)*time.Millisecond, maxLength)
}
