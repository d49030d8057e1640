package sip

import (
	"testing"

	"github.com/icholy/digest"
)

// authorization answers a challenge as a phone does.
func authorization(t testing.TB, challenge, method, uri, user, password string) string {
	t.Helper()
	return answerChallenge(t, "Authorization", challenge, method, uri, user, password)
}

func answerChallenge(t testing.TB, header, challenge, method, uri, user, password string) string {
	t.Helper()
	c, err := digest.ParseChallenge(challenge)
	if err != nil {
		t.Fatal(err)
	}
	cred, err := digest.Digest(c, digest.Options{Method: method, URI: uri, Username: user, Password: password, Count: 1})
	if err != nil {
		t.Fatal(err)
	}
	return header + ": " + cred.String()
}
