package sfsim

import (
	"hash/fnv"
	"math/rand/v2"
	"strings"
)

// Ids are 15 characters, case-sensitive: 3 of key prefix that name the object, 2 of instance, 10 of counter in base 62.
// Three more make them safe where case is lost: each says which of five characters are capitals. [D] help article 000385585

const (
	base62   = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	instance = "Dn"
)

// LongID returns the 18-character form of a 15-character id, and an 18-character id unchanged.
func LongID(id string) string {
	if len(id) != 15 {
		return id
	}
	return id + checksum(id)
}

func checksum(id string) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
	var sum [3]byte
	for part := range sum {
		bits := 0
		for i := range 5 {
			if c := id[part*5+i]; c >= 'A' && c <= 'Z' {
				bits |= 1 << i
			}
		}
		sum[part] = letters[bits]
	}
	return string(sum[:])
}

// normalID returns the 18-character form of a well-formed id; false for anything else, a wrong checksum included.
func normalID(text string) (string, bool) {
	if len(text) != 15 && len(text) != 18 {
		return "", false
	}
	for i := range len(text) {
		if !isAlphanumeric(text[i]) {
			return "", false
		}
	}
	if len(text) == 15 {
		return LongID(text), true
	}
	return text, strings.EqualFold(checksum(text[:15]), text[15:])
}

func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// idSource counts the ids of one object. Where it starts follows from the org's seed, so that two orgs do not share ids
// and the same org gives the same ids each time.
type idSource struct {
	prefix string
	next   uint64
}

func newIDSource(prefix string, seed uint64) *idSource {
	h := fnv.New64a()
	h.Write([]byte(prefix))
	const room = 62 * 62 * 62 // leaves the last three characters telling, and never reaches the ids of the demo org
	return &idSource{prefix: prefix, next: 1 + rand.New(rand.NewPCG(seed, h.Sum64())).Uint64N(room)}
}

func (s *idSource) take() string {
	n := s.next
	s.next++
	return LongID(s.prefix + instance + inBase62(n))
}

func inBase62(n uint64) string {
	digits := []byte("0000000000")
	for i := len(digits) - 1; i >= 0 && n > 0; i-- {
		digits[i] = base62[n%62]
		n /= 62
	}
	return string(digits)
}

// namedID is an id that a person recognises: the name stands where the counter would be. It serves the demo org, whose
// ids stand in configuration files.
func namedID(prefix, name string) string {
	const width = 10
	return LongID(prefix + instance + strings.Repeat("0", width-len(name)) + name)
}
