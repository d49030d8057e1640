package gateway

import (
	"testing"
	"time"

	"github.com/cordboard/cordboard/configs"
	"github.com/cordboard/cordboard/internal/lab"
)

func TestACrowdRegistersIsKeptAliveAndLeavesNothing(t *testing.T) {
	const crowd = 120 // more than one address may bring
	c := demoHouse("127.0.0.1:5080")
	c.AgentRanges = []configs.AgentRange{{From: 10000, To: 10000 + crowd - 1, Password: "secret-%s", SIPPassword: "secret-%s"}}
	c.SIP.Timeouts.KeepAlive = 200 * time.Millisecond
	h := openHouse(t, c)
	report, err := lab.Crowd(h.soon(), lab.CrowdOptions{URL: "ws://" + h.web.Addr().String() + "/sip", Domain: "cordboard",
		Browsers: crowd, Ramp: 400, Window: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if report.Registered != crowd || report.Failed != 0 {
		t.Fatalf("%s", report)
	}
	if report.KeptAlive < crowd { // five rounds of OPTIONS, on a machine that is free
		t.Errorf("%d keep-alives in a second, want at least %d", report.KeptAlive, crowd)
	}
	for deadline := time.Now().Add(patience); len(h.endpoint.Devices("10000"))+len(h.endpoint.Devices("10119")) > 0; {
		if time.Now().After(deadline) {
			t.Fatal("browsers that are gone are still registered")
		}
		<-time.After(20 * time.Millisecond) // the sockets were dropped without a word: the gateway notices by itself
	}
}
