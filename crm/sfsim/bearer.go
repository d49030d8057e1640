package sfsim

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// claims of a JWT bearer assertion. [D] help: remoteaccess_oauth_jwt_flow
type claims struct {
	Issuer   string          `json:"iss"` // consumer key
	Subject  string          `json:"sub"` // username
	Alias    string          `json:"prn"` // older name of sub; wins if both are there [D]
	Audience json.RawMessage `json:"aud"`
	Expires  json.RawMessage `json:"exp"`
}

// bearer checks an assertion. It is no stricter than the org is known to be: see expired and audienceKnown.
func (o *Org) bearer(assertion string, q *request) (clientID string, user *row, err *oauthError) {
	invalid := &oauthError{"invalid_grant", "invalid assertion"} // [P], wording [K]
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		return "", nil, invalid
	}
	var header struct {
		Algorithm string `json:"alg"`
	}
	var c claims
	if !decodePart(parts[0], &header) || !decodePart(parts[1], &c) || header.Algorithm != "RS256" {
		return "", nil, invalid
	}
	a := o.apps[c.Issuer]
	switch {
	case a == nil:
		return "", nil, &oauthError{"invalid_client_id", "client identifier invalid"} // [K]
	case a.key == nil || !signed(a.key, parts):
		return "", nil, invalid
	case !audienceKnown(c.Audience, q.base):
		return "", nil, &oauthError{"invalid_grant", "audience is invalid"} // [P] confluent
	case expired(c.Expires, o.opt.Now()):
		return "", nil, &oauthError{"invalid_grant", "expired assertion"} // [K]
	}
	username := c.Subject
	if c.Alias != "" {
		username = c.Alias
	}
	if !a.users[username] {
		return "", nil, &oauthError{"invalid_grant", "user hasn't approved this consumer"} // [D] article 001121341
	}
	user, err = o.active(username)
	return c.Issuer, user, err
}

func decodePart(part string, into any) bool {
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(part, "="))
	return err == nil && json.Unmarshal(text, into) == nil
}

// signed verifies RS256. RFC 7518 section 3.3
func signed(key *rsa.PublicKey, parts []string) bool {
	signature, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[2], "="))
	if err != nil {
		return false
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil
}

// audienceKnown accepts both login hosts and the org's own address, each with or without a slash at the end: the sf
// command sends one [W].
func audienceKnown(raw json.RawMessage, base string) bool {
	var list []string
	var one string
	if json.Unmarshal(raw, &one) == nil {
		list = []string{one}
	} else if json.Unmarshal(raw, &list) != nil {
		return false
	}
	for _, audience := range list {
		switch strings.TrimSuffix(audience, "/") {
		case "https://login.salesforce.com", "https://test.salesforce.com", base:
			return true
		}
	}
	return false
}

// expired reads exp as a number or as text [W] go-salesforce, in seconds or in milliseconds [W] @salesforce/core. There
// is no upper bound: a time in the year 58000 passes [C]. Three minutes of clock skew are allowed [P].
func expired(raw json.RawMessage, now time.Time) bool {
	text := strings.Trim(string(raw), `"`)
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return true
	}
	const skew = 3 * time.Minute
	return seconds < float64(now.Add(-skew).Unix())
}
