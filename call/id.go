package call

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"time"
)

// ID names one call for life: in the logs, in the API, in the database and, as the external id of its Task, in
// Salesforce. Ids sort by the moment they were made.
type ID string

// LegID names one leg of a call, unique in the process.
type LegID string

// crockford is base 32 without I, L, O and U, so that an id can be read aloud; in ascending order, so that ids sort.
//
//nolint:gochecknoglobals // a table, made once and never written
var crockford = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewID makes an id from the clock (48 bits of milliseconds) and 80 random bits: 26 characters.
func NewID() ID { return ID(newKey()) }

// NewLegID makes an id for a leg, of the same form.
func NewLegID() LegID { return LegID(newKey()) }

func newKey() string {
	var b [16]byte
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(time.Now().UnixMilli()))
	copy(b[:6], ms[2:])
	if _, err := rand.Read(b[6:]); err != nil {
		panic(err) // crypto/rand never fails on the systems we run on, and says so in its documentation
	}
	return crockford.EncodeToString(b[:])
}
