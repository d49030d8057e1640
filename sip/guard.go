package sip

import (
	"runtime/debug"

	"github.com/emiago/sipgo/sip"
	"go.uber.org/zap"
)

// guard is deferred at the root of every goroutine that is fed from outside, and around everything the library calls:
// a foreign byte may not end the process (D6). It logs with the stack and counts; what was called for is then run.
func (e *Endpoint) guard(where string, then func()) {
	r := recover()
	if r == nil {
		return
	}
	e.contain(where, r)
	if then != nil {
		then()
	}
}

// contain notes a recovered panic.
func (e *Endpoint) contain(where string, r any) {
	e.metrics.panics.Inc()
	e.log.Error("panic contained", zap.String("where", where), zap.Any("panic", r), zap.ByteString("stack", debug.Stack()))
}

// serve is called by the library for each request, in a goroutine of its own. When it returns the transaction is given
// back, so for an INVITE it is the call's goroutine (D7).
func (e *Endpoint) serve(req *sip.Request, tx *sip.ServerTx) {
	defer tx.TerminateGracefully()
	if !e.enter() {
		return
	}
	defer e.leave()
	defer e.guard(string(req.Method), func() {
		if !req.IsAck() {
			e.reply(req, tx, 500, "")
		}
	})
	e.metrics.request(string(req.Method))
	e.dispatch(req, tx)
}
