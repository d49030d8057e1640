package peer

import (
	"bytes"
	"context"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cordboard/cordboard/internal/lab"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What the bench relies on: agents of both kinds register, are called, and sound passes both ways; once transcoded.
func TestThePeerDoesTheWorkThatItIsMeasuredBy(t *testing.T) {
	for _, program := range []string{"kamailio", "rtpengine"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed; make bench installs it", program)
		}
	}
	for name, work := range map[string]struct {
		phone     bool
		transcode bool
		agent     lab.Format
		srtp      string
		rate      float64
	}{
		"browser, AES-CM":         {agent: lab.PCMU(), srtp: "aescm"},
		"browser, AES-GCM":        {agent: lab.PCMU(), srtp: "gcm"},
		"browser, transcoded":     {agent: lab.Opus(), transcode: true},
		"desk phone":              {agent: lab.PCMU(), phone: true},
		"browser, signalled only": {agent: lab.PCMU(), rate: 20},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var log bytes.Buffer
			p, err := Start(ctx, Options{SIP: "127.0.0.1:5961", Web: "127.0.0.1:5981", Engine: "127.0.0.1:22231", Transcode: work.transcode, Log: &log})
			if err != nil {
				t.Fatal(err, log.String())
			}
			defer func() {
				if err := p.Close(); err != nil { // and now nobody writes to the log
					t.Error(err)
				}
				if t.Failed() {
					t.Log(log.String())
				}
			}()
			o := lab.LoadOptions{Target: p.SIP(), URL: p.Web(), Domain: "127.0.0.1", Calls: 4, Settle: time.Second, Window: time.Second,
				Trunk: lab.PCMU(), Agent: work.agent, SRTP: work.srtp, PIDs: p.PIDs(), Rate: work.rate}
			if work.phone {
				o.URL = ""
			}
			r, err := lab.Load(ctx, o)
			if err != nil {
				t.Fatal(err)
			}
			if r.Established != r.Calls || len(r.Errors) > 0 || r.ToAgent.Silent+r.ToTrunk.Silent > 0 || r.ToAgent.Crossed+r.ToTrunk.Crossed > 0 {
				t.Errorf("%s", r)
			}
		})
	}
}
