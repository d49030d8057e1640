package configs

import (
	"slices"
	"testing"
	"time"
)

func TestChangesAreNamedAsTheyStandInTheFile(t *testing.T) {
	read := func(text string) *Config {
		c, err := Parse("cordboard.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	before := read(`
log: {level: info}
trunks:
  - {name: a, sources: [192.0.2.1/32]}
  - {name: b, sources: [192.0.2.2/32]}
agents: [{id: anna, extension: 1001, sip_password: x-secret}]
plan: {numbers: {"+358293000100": {agent: anna}}}
`)
	if same := Changes(before, before); same != nil {
		t.Errorf("nothing has changed, and yet: %q", same)
	}
	after := read(`
node: {drain_timeout: 1m}
log: {level: debug}
trunks:
  - {name: a, sources: [192.0.2.1/32]}
  - {name: b, sources: [192.0.2.3/32], password: secret, username: us, target: "192.0.2.3:5060"}
agents: [{id: anna, extension: 1001, sip_password: x-secret}, {id: bo, extension: 1002, sip_password: x-secret}]
plan: {numbers: {"+358293000100": {agent: bo}}}
`)
	want := []string{"node.drain_timeout", "log.level", "trunks[1].sources[0]", "trunks[1].target", "trunks[1].username", "trunks[1].password",
		"agents", "plan.numbers"}
	if got := Changes(before, after); !slices.Equal(got, want) {
		t.Errorf("changes %q\nwant    %q", got, want)
	}
	if before.Node.Drain == time.Minute {
		t.Error("the old configuration was changed")
	}
}
