//go:build !cgo

package codec

import (
	"strings"
	"testing"
)

var all = inGo

func TestWithoutCgoOpusSaysHowToGetIt(t *testing.T) {
	c := coders(t)
	if _, err := c.NewDecoder(formatOpus, narrow); err == nil || !strings.Contains(err.Error(), "libopus-dev") {
		t.Errorf("decoder: %v", err)
	}
	if _, err := c.NewEncoder(formatOpus, narrow); err == nil || !strings.Contains(err.Error(), "CGO_ENABLED=1") {
		t.Errorf("encoder: %v", err)
	}
}
