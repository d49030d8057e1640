package sip

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cordboard/cordboard/sip/field"
)

// Cause is one value of a Reason header field (RFC 3326).
type Cause struct {
	Protocol string // "SIP" or "Q.850"
	Code     int
	Text     string
}

// Causes reads a Reason header field; values that cannot be read are left out.
func Causes(reason string) []Cause {
	var all []Cause
	for _, value := range splitList(reason) {
		parts := splitOutside(value, ';')
		if len(parts) == 0 {
			continue
		}
		c := Cause{Protocol: parts[0]}
		known := false
		for _, p := range parts[1:] {
			k, v, _ := strings.Cut(p, "=")
			switch v = strings.TrimSpace(v); strings.ToLower(strings.TrimSpace(k)) {
			case "cause":
				n, err := strconv.ParseUint(v, 10, 16)
				c.Code, known = int(n), err == nil
			case "text":
				c.Text = field.Unquote(v)
			}
		}
		if known {
			all = append(all, c)
		}
	}
	return all
}

// Causes are what the Reason header fields of a refusal say: behind a 503 of a gateway there may be a busy line.
func (r *Refused) Causes() []Cause {
	var all []Cause
	for _, h := range r.Header {
		if strings.EqualFold(h.Name, "Reason") {
			all = append(all, Causes(h.Value)...)
		}
	}
	return all
}

// reasonHeader tells the far side why, in both its languages: a carrier behind a gateway reads Q.850.
func reasonHeader(status int, phrase string) Header {
	if phrase == "" {
		phrase = phraseOf(status)
	}
	value := fmt.Sprintf(`SIP;cause=%d;text="%s"`, status, quotedText(phrase))
	if cause := q850(status); cause != 0 {
		value += fmt.Sprintf(", Q.850;cause=%d", cause)
	}
	return Header{"Reason", value}
}

// q850 is the cause of the telephone network that a status stands for (RFC 3398 section 8.2.6.1); 0: none.
func q850(status int) int {
	switch status {
	case 404, 485, 604:
		return 1 // unallocated number
	case 486, 600:
		return 17 // user busy
	case 480:
		return 18 // no user responding
	case 401, 402, 403, 407, 603:
		return 21 // call rejected
	case 410:
		return 22 // number changed
	case 482, 483:
		return 25 // exchange routing error
	case 484:
		return 28 // invalid number format
	case 502:
		return 38 // network out of order
	case 400, 481, 500, 503:
		return 41 // temporary failure
	case 405:
		return 63 // service or option unavailable
	case 406, 415, 501:
		return 79 // service or option not implemented
	case 408, 504:
		return 102 // recovery on timer expiry
	}
	return 0
}
