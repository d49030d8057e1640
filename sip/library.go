package sip

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// libraryOnce guards the library's package variables: they are process-wide, and endpoints may be opened concurrently.
var libraryOnce sync.Once //nolint:gochecknoglobals // guards the globals of another package

// setLibraryGlobals sets the package variables of sipgo that have no other knob.
func setLibraryGlobals() {
	libraryOnce.Do(func() {
		// The library refuses UDP messages above UDPMTUSize-200, our answers included. Fragmented datagrams arrive; a
		// refused 200 OK never does. 65535 is the most a datagram holds.
		sip.UDPMTUSize = 65535
		// Its default is the process's standard logger, on which every reference count would be a line. What matters
		// reaches our log through the layers' own loggers.
		sip.SetDefaultLogger(slog.New(slog.DiscardHandler))
		// How long a client transaction lives on after the 2xx to its INVITE (RFC 6026 section 7.2: 64*T1) to hand us more
		// of them. We find the call of a later 2xx by ourselves, in strayResponse: 32 s of every answered call in memory,
		// request and responses, would be held for nothing.
		sip.Timer_M = time.Second
	})
}

// newParser makes a parser that lets a malformed header field through as an opaque one, so that the request reaches us
// and gets its 400 instead of silence (RFC 3261 section 16.3 and 21.4.1). Contact, Refer-To and Referred-By stay opaque
// always: they must be echoed or read exactly as received.
func newParser() *sip.Parser {
	parsers := sip.HeadersParser(maps.Clone(sip.DefaultHeadersParser()))
	for _, opaque := range []string{"contact", "m", "refer-to", "referred-by"} {
		delete(parsers, opaque)
	}
	for name, parse := range parsers {
		parsers[name] = lenient(fullName(name), parse)
	}
	return sip.NewParser(sip.WithHeadersParsers(parsers))
}

func lenient(name string, parse sip.HeaderParser) sip.HeaderParser {
	return func(field []byte, text string) (sip.Header, error) {
		h, err := parse(field, text)
		// The library says "comma detected", by an unexported error, when more values of a list follow.
		if err == nil || err.Error() == "comma detected" {
			return h, err
		}
		return sip.NewHeader(name, text), nil
	}
}

// fullName undoes the compact forms of RFC 3261 section 7.3.3 for the fields the library parses.
func fullName(lower string) string {
	switch lower {
	case "f", "from":
		return "From"
	case "t", "to":
		return "To"
	case "i", "call-id":
		return "Call-ID"
	case "v", "via":
		return "Via"
	case "c", "content-type":
		return "Content-Type"
	case "l", "content-length":
		return "Content-Length"
	case "m", "contact":
		return "Contact"
	case "cseq":
		return "CSeq"
	case "max-forwards":
		return "Max-Forwards"
	case "route":
		return "Route"
	case "record-route":
		return "Record-Route"
	}
	return lower
}

// libraryLog passes the library's log lines on at Debug: what an operator must know we say ourselves, with the call it
// belongs to.
type libraryLog struct{ log *zap.Logger }

func (l libraryLog) Enabled(context.Context, slog.Level) bool {
	return l.log.Core().Enabled(zapcore.DebugLevel)
}

func (l libraryLog) Handle(_ context.Context, r slog.Record) error {
	fields := make([]zap.Field, 0, r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool {
		fields = append(fields, zap.Any(a.Key, a.Value.Any()))
		return true
	})
	l.log.Debug(r.Message, fields...)
	return nil
}

func (l libraryLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	fields := make([]zap.Field, 0, len(attrs))
	for _, a := range attrs {
		fields = append(fields, zap.Any(a.Key, a.Value.Any()))
	}
	return libraryLog{l.log.With(fields...)}
}

func (l libraryLog) WithGroup(string) slog.Handler { return l }
