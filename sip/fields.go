package sip

import (
	"github.com/emiago/sipgo/sip"
	"go.uber.org/zap"
)

func callIDField(m interface{ CallID() *sip.CallIDHeader }) zap.Field {
	if id := m.CallID(); id != nil {
		return zap.String("call-id", id.Value())
	}
	return zap.Skip()
}

func statusField(status int) zap.Field    { return zap.Int("status", status) }
func methodField(method string) zap.Field { return zap.String("method", method) }
func errField(err error) zap.Field        { return zap.Error(err) }
