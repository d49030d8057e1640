//go:build !cgo

package codec

import (
	"errors"

	"github.com/cordboard/cordboard/rtp"
)

// errNoOpus says how to get Opus.
var errNoOpus = errors.New("this program was built without Opus: install libopus-dev and build with CGO_ENABLED=1 and -tags nolibopusfile")

func newOpusDecoder(int) (rtp.Decoder, error) { return nil, errNoOpus }

func newOpusEncoder(*rtp.Format, int, Options, bool) (rtp.Encoder, error) { return nil, errNoOpus }
