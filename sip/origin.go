package sip

import (
	"errors"
	"strings"

	"github.com/emiago/sipgo/sip"
	"go.uber.org/zap"

	"github.com/cordboard/cordboard/sip/digest"
	"github.com/cordboard/cordboard/sip/location"
)

// originOf says who calls. When it cannot say, it has answered: 407, or 403 for somebody who may not call at all.
func (e *Endpoint) originOf(req *sip.Request, tx *sip.ServerTx, a *arrival) (Origin, *Device, bool) {
	f := flowOf(req)
	if aor, ok := e.whoIs(f); ok {
		return FromUser{aor}, e.deviceOn(f, aor), true
	}
	registered := e.devices.ByFlow(f)
	known := passwords(e.users)
	if len(registered) == 0 && f.Transport != "ws" {
		t := e.sources.trunk(f.Remote.Addr())
		if t != nil && !t.challenges() {
			return FromTrunk{t.Name}, nil, true
		}
		if t == nil && !e.sources.phone(f.Remote.Addr()) {
			e.invites.finish(a, 403, "")
			e.reply(req, tx, 403, "")
			return nil, nil, false
		}
		known = e.callers(f)
	}
	origin, ok := e.authenticate(req, tx, 407, known)
	if !ok {
		e.invites.finish(a, 0, "")
		return nil, nil, false
	}
	if user, ok := origin.(FromUser); ok {
		return user, e.deviceOn(f, user.AOR), true
	}
	return origin, nil, true
}

// passwords finds the password of a user name, and whose it is.
type passwords func(username string) (password string, who Origin, ok bool)

// users are our own.
func (e *Endpoint) users(username string) (string, Origin, bool) {
	if e.cfg.Users == nil {
		return "", nil, false
	}
	password, aor, ok := e.cfg.Users.Password(username)
	return password, FromUser{aor}, ok
}

// callers are the trunks that are challenged and may call from where the request came from, and our own users where
// phones are.
func (e *Endpoint) callers(f flow) passwords {
	return func(username string) (string, Origin, bool) {
		for _, t := range e.sources.challenged(f.Remote.Addr()) {
			if t.Challenge.Username == username {
				return t.Challenge.Password, FromTrunk{t.Name}, true
			}
		}
		if !e.sources.phone(f.Remote.Addr()) {
			return "", nil, false
		}
		return e.users(username)
	}
}

// whoIs is the user behind a connection: the one whose session it was opened with, or who registered over it with a
// password. An address is not enough: anybody on the path can send from it.
func (e *Endpoint) whoIs(f flow) (aor string, ok bool) {
	switch f.Transport {
	case "ws":
		if aor, ok := e.door.Session(f.Remote); ok && aor != "" {
			return aor, true
		}
	case "tcp", "tls":
	default:
		return "", false
	}
	if devs := e.devices.ByFlow(f); len(devs) > 0 {
		return devs[0].AOR, true
	}
	return "", false
}

// authenticate checks the digest of a request and says whose it is. When it fails it has answered: with a challenge of
// the given status (401 or 407), or with 400.
func (e *Endpoint) authenticate(req *sip.Request, tx *sip.ServerTx, status int, known passwords) (who Origin, ok bool) {
	ask, credentials := "WWW-Authenticate", "Authorization"
	if status == 407 {
		ask, credentials = "Proxy-Authenticate", "Proxy-Authorization"
	}
	value := header(req, credentials)
	if value == "" && status == 407 {
		value = header(req, "Authorization") // phones that were challenged by 401 once
	}
	err := digest.ErrMissing
	if value != "" {
		var username string
		username, err = e.verifier.Verify(value, string(req.Method), req.Recipient.String(), func(u string) (string, bool) {
			password, _, ok := known(u)
			return password, ok
		})
		if err == nil {
			e.puzzled.understood(req)
			_, who, ok := known(username)
			return who, ok
		}
		e.log.Info("digest refused", zap.String("user", username), zap.String("from", req.Source()), zap.Error(err))
	}
	if errors.Is(err, digest.ErrMalformed) {
		e.reply(req, tx, 400, "")
		return nil, false
	}
	var headers []Header
	for _, c := range e.verifier.ChallengeAfter(err, e.algorithms(req, err)...) {
		headers = append(headers, Header{ask, c})
	}
	e.reply(req, tx, status, "", headers...)
	return nil, false
}

// algorithms are those a client understands, nil for all that are configured.
func (e *Endpoint) algorithms(req *sip.Request, err error) []digest.Algorithm {
	if strings.EqualFold(req.Transport(), "WS") {
		return []digest.Algorithm{digest.MD5} // JsSIP reads the first challenge only, and gives up unless it says MD5
	}
	if len(e.sources.challenged(flowOf(req).Remote.Addr())) > 0 {
		return nil // many calls begin at once there, each without credentials
	}
	if e.puzzled.readsMD5Alone(req, errors.Is(err, digest.ErrMissing)) {
		return []digest.Algorithm{digest.MD5}
	}
	return nil
}

func (e *Endpoint) deviceOn(f flow, aor string) *Device {
	for _, dev := range e.devices.ByFlow(f) {
		if dev.AOR == aor {
			d := deviceOf(dev)
			return &d
		}
	}
	return &Device{AOR: aor, Transport: f.Transport, Remote: f.Remote}
}

func deviceOf(d location.Device) Device {
	out := Device{
		AOR: d.AOR, Contact: d.Contact, Instance: d.Instance, Transport: d.Flow.Transport, Remote: d.Flow.Remote,
		UserAgent: d.UserAgent, Since: d.Registered, Expires: d.Expires, RegID: d.RegID,
	}
	return out
}

func device2unit(d *Device) device { return device{d.AOR, d.Instance} }
