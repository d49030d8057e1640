package configs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// report is what is wrong with a text; nil when nothing is.
func report(t testing.TB, text string) *Report {
	t.Helper()
	_, err := Parse("test.yaml", []byte(text))
	if err == nil {
		return nil
	}
	var r *Report
	if !errors.As(err, &r) {
		t.Fatalf("not a report: %v", err)
	}
	return r
}

func TestEveryProblemNamesPathValueAndCure(t *testing.T) {
	const agents = "agents: [{id: anna, extension: 1001, sip_password: x}, {id: bo, extension: 1002, sip_password: x}]\n"
	const trunk = "trunks: [{name: line, target: \"127.0.0.1:5080\"}]\n"
	for _, c := range []struct{ text, want string }{
		// as the document is written
		{"sip: {udp: [\"127.0.0.1:99999\"]}", `sip.udp[0] (line 1): "127.0.0.1:99999" has no such port; write host:port with a port from 1 to 65535`},
		{"node:\n  drain_timout: 5s", `node.drain_timout (line 2): is an unknown key; did you mean "drain_timeout"?`},
		{"salesfroce: {}", `salesfroce (line 1): is an unknown key; did you mean "salesforce"?`},
		{"codecs: {opus: {wobble: 1}}", `codecs.opus.wobble (line 1): is an unknown key; known here: complexity, bitrate, fec`},
		{"log: {level: info}\nnode: {}\nlog: {level: warn}", `log (line 3): stands here for the second time, first in line 1; remove one of the two`},
		{"node: {drain_timeout: 30}", `node.drain_timeout (line 1): "30" is no duration; write a duration with its unit, such as "1.5s", "20s" or "10m"`},
		{"node: {drain_timeout: [1s]}", "node.drain_timeout (line 1): holds more than one value"},
		{"node: temporary", "node (line 1): \"temporary\" is a single value; write the keys data_dir, drain_timeout, keep_calls under it"},
		{"just words", `(document) (line 1): "just words" is a single value`},
		{"outbox: {batch: many}", `outbox.batch (line 1): "many" is no whole number`},
		{"sip: {udp: \"127.0.0.1:5060\"}", `sip.udp (line 1): "127.0.0.1:5060" is not a list; write [a, b] or one`},
		{"sip: {phone_networks: [10.0.0.300/8]}", `sip.phone_networks[0] (line 1): "10.0.0.300/8" is no network`},
		{"sip: {realm: *nothing}", `"*nothing" names no anchor above it`},
		{"a: [1\nb: 2", "is not YAML"},
		{"log: {}\n---\nnode: {}", "(document) (line 3): is a second document"},
		// node, log, http
		{"node: {data_dir: \"\"}", "node.data_dir (line 1): is empty"},
		{"log: {level: inof}", `log.level (line 1): "inof" is not one of debug, info, warn, error; did you mean "info"?`},
		{"http: {listen: \"localhost:80\"}", `http.listen (line 1): "localhost:80" is a name; write the IP address to listen on`},
		{"http: {listen: \":8080\"}", "http.listen (line 1): \":8080\" names no host"},
		{"http: {public_url: phone.example.com}", "http.public_url (line 1): \"phone.example.com\" is no origin"},
		{"http: {origins: [\"https://x.example/phone\"]}", "http.origins[0] (line 1)"},
		{"http: {frame_ancestors: [\"https://x; script-src *\"]}", "http.frame_ancestors[0] (line 1)"},
		// sip
		{"sip: {udp: [], tcp: []}", "sip.udp (line 1): names no address"},
		{"sip: {udp: [\"127.0.0.1:5060\", \"127.0.0.1:5060\"]}", `sip.udp[1] (line 1): "127.0.0.1:5060" is taken by sip.udp[0]`},
		{"sip: {advertise: \"sip.example.com\"}", `sip.advertise (line 1): "sip.example.com" is no IP address`},
		{"http: {trusted_proxies: [0.0.0.0/0]}", `http.trusted_proxies[0] (line 1): "0.0.0.0/0" lets everybody choose`},
		{"trunks: [{name: line, target: \"sbc.example:5060\", username: u}]", `trunks[0].username (line 1): "u" needs its password`},
		{"trunks: [{name: line, target: \"sbc.example:5060\", domain: \"a b\"}]", `trunks[0].domain (line 1): "a b" is neither a host nor an address`},
		{"sip: {realm: 'a\"b'}", "sip.realm (line 1)"},
		{"sip: {user_agent: \"a\\nb\"}", "sip.user_agent (line 1)"},
		// rtp, webrtc, codecs
		{"rtp: {address: here}", `rtp.address (line 1): "here" is no IP address`},
		{"rtp: {address: 0.0.0.0}", "rtp.advertise (line 1): is missing"},
		{"rtp: {ports: {from: 20000, to: 20000}}", "rtp.ports.to (line 1): \"20000\" leaves no pair of ports"},
		{"rtp: {ports: {from: 80}}", "rtp.ports.from (line 1): \"80\" is out of bounds; choose 1024 to 65534"},
		{"webrtc: {listen: \"127.0.0.1:20000\"}", "webrtc.listen (line 1): \"127.0.0.1:20000\" lies within rtp.ports"},
		{"webrtc: {listen: \"0.0.0.0:8189\"}", "webrtc.advertise (line 1): is empty"},
		{"webrtc: {codecs: [opuss]}", `webrtc.codecs[0] (line 1): "opuss" is not one of PCMA, PCMU, G722, opus; did you mean "opus"?`},
		{"webrtc: {codecs: [opus, OPUS]}", `webrtc.codecs[1] (line 1): "opus" is taken by webrtc.codecs[0]`},
		{"codecs: {trunk: []}", "codecs.trunk (line 1): is empty"},
		{"codecs: {opus: {complexity: 11}}", "codecs.opus.complexity (line 1): \"11\" is out of bounds; choose 0 to 10"},
		// trunks
		{"sip: {tls: [\"127.0.0.1:5061\"]}", `sip.tls (line 1): "127.0.0.1:5061" has no certificate to show`},
		{"sip: {tls: [\"127.0.0.1:5060\"], certificate: a, key: b}", `sip.tls[0] (line 1): "127.0.0.1:5060" is taken by sip.tcp[0]`},
		{"sip: {certificate: a.pem}", `sip.certificate (line 1): "a.pem" needs its key`},
		{"trunks: [{name: line, target: a.example, transport: tls, tls: {ca: nowhere.pem}}]", `is no file that can be found; name a file in PEM with the certificates`},
		{"trunks: [{name: line, target: a.example, tls: {mutual: true}}]", `trunks[0].tls.mutual (line 1): "true" lets everybody in`},
		{"trunks: [{name: line, target: a.example, limits: {per_second: many}}]", `trunks[0].limits.per_second (line 1): "many" is no number`},
		{"trunks: [{name: line, target: a.example, numbers: {form: nationl}}]", `trunks[0].numbers.form (line 1): "nationl" is not one of e164, bare, international, national; did you mean "national"?`},
		{"trunks: [{name: line, target: a.example, numbers: {form: national}}]", `trunks[0].numbers.form (line 1): "national" needs a country`},
		{"trunks: [{name: line, target: a.example, numbers: {prefix: abc}}]", `trunks[0].numbers.prefix (line 1): "abc" is not dialled`},
		{"trunks: [{name: line, target: a.example, caller: {identity: from, assert_withheld: true}}]", `trunks[0].caller.assert_withheld (line 1): "true" has no header field`},
		{"trunks: [{name: line, target: a.example, caller: {identity: pai}}]", `trunks[0].caller.identity (line 1): "pai" is not one of`},
		{"trunks: [{name: line, target: a.example, limits: {calls: -1}}]", `trunks[0].limits.calls (line 1): "-1" is out of bounds`},
		{"trunks: [{name: line, target: a.example, limits: {per_second: -1}}]", `trunks[0].limits.per_second (line 1): "-1" is out of bounds`},
		{"trunks: [{name: line, target: a.example, limits: {deny: [Cuba]}}]", `trunks[0].limits.deny[0] (line 1): "Cuba" is no beginning of a number`},
		{"trunks: [{name: line, target: a.example, limits: {deny_countries: [Cuba]}}]", `trunks[0].limits.deny_countries[0] (line 1): "Cuba" is no country`},
		{"trunks: [{name: line, sources: [10.0.0.1/32], register: 10m, username: u, password: p}]", `trunks[0].register (line 1): "10m0s" has nowhere to register`},
		{"trunks: [{name: line, target: a.example, register: 10m}]", `trunks[0].register (line 1): "10m0s" names nobody to register`},
		{"trunks: [{name: line, target: a.example, register: 5s, register_as: u}]", `trunks[0].register (line 1): "5s" is out of bounds`},
		{"trunks: [{name: line, target: a.example, register: 5m, register_as: u@x}]", `trunks[0].register_as (line 1): "u@x" is no user`},
		{"trunks: [{name: line, target: a.example, register_as: u}]", `trunks[0].register_as (line 1): "u" is of no registration`},
		{"trunks: [{name: line, sources: [0.0.0.0/0], challenge: {username: u}}]", `trunks[0].challenge (line 1): "u" needs username and password`},
		{"trunks: [{name: line, target: \"a b\"}]", `trunks[0].target (line 1): "a b" is neither a host nor host:port`},
		{"trunks: [{name: line, target: \"a.example:0\"}]", `trunks[0].target (line 1): "a.example:0" has no such port`},
		{"trunks: [{name: line, target: a.example, targets: [{address: b.example}]}]", `trunks[0].target (line 1): "a.example" stands beside targets`},
		{"trunks: [{name: line, transport: tcp, targets: [{address: b.example}]}]", `trunks[0].transport (line 1): "tcp" is of no target`},
		{"trunks: [{name: line, targets: [{address: b.example, priority: 70000}]}]", `trunks[0].targets[0].priority (line 1): "70000" is out of bounds`},
		{"trunks: [{name: line, targets: [{address: b.example, transport: sctp}]}]", `trunks[0].targets[0].transport (line 1): "sctp" is not one of`},
		{"trunks: [{name: line, target: b.example, probe: 1ms}]", `trunks[0].probe (line 1): "1ms" is out of bounds`},
		{"trunks: [{name: a}]", "trunks[0] (line 1): \"a\" has neither sources nor a target"},
		{"trunks: [{target: \"a.example:5060\"}]", "trunks[0].name (line 1): cannot be a name"},
		{trunk + "# second\n" + strings.Replace(trunk, "trunks: [", "queues: [", 1), "queues[0].target (line 3): is an unknown key"},
		{"trunks: [{name: a, target: \"a.example:1\"}, {name: A, target: \"a.example:1\"}]", `trunks[1].name (line 1): "A" is taken by trunks[0].name`},
		{"trunks: [{name: a, sources: [10.0.0.0/8]}, {name: b, sources: [10.1.2.3/8]}]", "trunks[1].sources[0] (line 1): \"10.1.2.3/8\" is the source of trunks[0].sources[0] already"},
		{"trunks: [{name: a, sources: [0.0.0.0/0]}]", "trunks[0].sources[0] (line 1): \"0.0.0.0/0\" is the whole world"},
		{"trunks: [{name: a, target: \"carrier example:5060\"}]", "trunks[0].target (line 1)"},
		{"trunks: [{name: a, target: \"a:1\", transport: sctp}]", `trunks[0].transport (line 1): "sctp" is not one of udp, tcp, tls`},
		{"trunks: [{name: a, target: \"a:1\", home_region: Finland}]", "trunks[0].home_region (line 1)"},
		{"trunks: [{name: a, target: \"a:1\", default_number: 0401234567}]", `trunks[0].default_number (line 1): "0401234567" is no E.164 number`},
		// agents
		{"agents: [{id: anna, extension: 1}]", "agents[0].extension (line 1): \"1\" is no extension; write 2 to 8 digits"},
		{"agents: [{id: anna, extension: 11}]", "agents[0] (line 1): \"anna\" has no way to log in"},
		{"agents: [{id: an na, extension: 11, sip_password: x}]", "agents[0].id (line 1): \"an na\" cannot be a login"},
		{"agents: [{id: anna, extension: 11, password: x, password_hash: y}]", "agents[0].password (line 1): stands beside password_hash"},
		{"agents: [{id: anna, extension: 11, password_hash: secret}]", "agents[0].password_hash (line 1): is no hash that we can check"},
		{"agents: [{id: anna, extension: 11, sip_password: x}, {id: Anna, extension: 12, sip_password: x}]", `agents[1].id (line 1): "Anna" is taken by agents[0].id`},
		{"agents: [{id: anna, extension: 11, sip_password: x}, {id: bo, extension: 11, sip_password: x}]", `agents[1].extension (line 1): "11" is taken by agents[0].extension`},
		{"agents: [{id: anna, extension: 11, sip_password: x, roles: [boss]}]", "agents[0].roles[0] (line 1): \"boss\" is not one of agent, supervisor, admin"},
		{"agents: [{id: anna, extension: 11, sip_password: x, availability: free}]", "agents[0].availability (line 1): \"free\" is not one of available, busy, dnd, offwork"},
		{"agents: [{id: anna, extension: 11, sip_password: x, queues: [Sale]}]\nqueues: [{name: Sales}]", `agents[0].queues[0] (line 1): "Sale" is the name of no queue; did you mean "Sales"?`},
		{"agents: [{id: anna, extension: 11, sip_password: x, display_numbers: [{number: \"123\"}]}]", "agents[0].display_numbers[0].number (line 1)"},
		{"agents: [{id: anna, extension: 11, sip_password: \"${CORDBOARD_TEST_UNSET}\"}]", `agents[0].sip_password (line 1): "${CORDBOARD_TEST_UNSET}" is not set; set this environment variable`},
		{"agents: [{id: anna, extension: 11, sip_password: \"file:/nonexistent\"}]", `agents[0].sip_password (line 1): "file:/nonexistent" gives no secret`},
		{"agent_ranges: [{from: 20, to: 10}]", "agent_ranges[0] (line 1): \"20-10\" is no range"},
		{"agent_ranges: [{from: 1000, to: 99999}]", "agent_ranges[0] (line 1): \"1000-99999\" makes more than 20000 agents"},
		{"agent_ranges: [{from: 10, to: 20, password: \"%d\"}]", "agent_ranges[0].password (line 1): is no pattern"},
		{agents + "agent_ranges: [{from: 1000, to: 1010, sip_password: x}]", "agent_ranges[0] (line 2): \"1001\" is taken by another agent"},
		{"agents: [{id: anna, extension: 11, sip_password: x, salesforce_user: anna@example.com}]", `agents[0].salesforce_user (line 1): "anna@example.com" is no id of a User`},
		{"node: {keep_calls: 1h}", `node.keep_calls (line 1): "1h0m0s" is out of bounds; choose 24h0m0s to`},
		// queues
		{agents + "queues: [{name: q, members: [ana]}]", `queues[0].members[0] (line 2): "ana" is the id of no agent; did you mean "anna"?`},
		{agents + "queues: [{name: q, members: [bo, bo]}]", `queues[0].members[1] (line 2): "bo" is taken by queues[0].members[0]`},
		{agents + "queues: [{name: q, ring_timeout: 0s}]", "queues[0].ring_timeout (line 2): \"0s\" is out of bounds"},
		{agents + "queues: [{name: q, max_wait: 1s}]", "queues[0].max_wait (line 2)"},
		{agents + "queues: [{name: q, priority: 1000}]", "queues[0].priority (line 2)"},
		{agents + "queues: [{name: q, music: polka.wav}]", "queues[0].music (line 2)"},
		{agents + "queues: [{name: q}, {name: Q}]", `queues[1].name (line 2): "Q" is taken by queues[0].name`},
		{agents + "queues: [{name: q, smart_routing: {flow: \"my flow\"}}]", "queues[0].smart_routing.flow (line 2)"},
		{agents + "queues: [{name: q, smart_routing: {budget: 1m}}]", "queues[0].smart_routing.budget (line 2)"},
		// plan
		{"plan: {numbers: {\"0401234567\": {}}}", `plan.numbers["0401234567"] (line 1): "0401234567" is no E.164 number`},
		{"plan: {numbers: {\"+358293000100\": {}}}", `plan.numbers["+358293000100"] (line 1): leads to 0 places; write exactly one of queue, agent and number`},
		{agents + "plan: {numbers: {\"+358293000100\": {agent: anna, queue: q}}}", "leads to 2 places"},
		{"plan: {numbers: {\"+358293000100\": {queue: Sales}}}", `plan.numbers["+358293000100"].queue (line 1): "Sales" is the name of no queue; there are none`},
		{agents + "plan: {numbers: {\"+358293000100\": {agent: carl}}}", `plan.numbers["+358293000100"].agent (line 2): "carl" is the id of no agent; known here: anna, bo`},
		{"plan: {numbers: {\"+358293000100\": {number: \"+358401234567\"}}}", `plan.numbers["+358293000100"].number (line 1): "+358401234567" has no way out`},
		{"plan: {numbers: {\"+358293000100\": {agent: x}, \"+358293000100\": {agent: x}}}", "stands here for the second time"},
		{"agents: [{id: anna, extension: 11, sip_password: x, direct_number: \"+358293000100\"}]\nplan: {numbers: {\"+358293000100\": {agent: anna}}}", "is the direct number of agents[0] already"},
		{"plan: {direct: [{prefix: 35829, digits: 4}]}", `plan.direct[0].prefix (line 1): "35829" is no beginning of an E.164 number`},
		{"plan: {direct: [{prefix: \"+35829300000\", digits: 8}]}", "plan.direct[0].digits (line 1): \"8\" makes numbers longer than the 15 digits"},
		{"plan: {direct: [{prefix: \"+35829\"}]}", "plan.direct[0].digits (line 1): \"0\" is out of bounds"},
		{trunk + "plan: {outbound: [{prefix: \"+\", trunk: lien}]}", `plan.outbound[0].trunk (line 2): "lien" is the name of no trunk; did you mean "line"?`},
		{"trunks: [{name: in, sources: [10.0.0.1/32]}]\nplan: {outbound: [{prefix: \"+\", trunk: in}]}", `plan.outbound[0].trunk (line 2): "in" is a trunk without a target`},
		{trunk + "plan: {outbound: [{prefix: 00, trunk: line}]}", "plan.outbound[0].prefix (line 2): \"00\""},
		{trunk + "plan: {outbound: [{prefix: \"+\", trunk: line}, {prefix: \"+\", trunk: line}]}", "plan.outbound[1].prefix (line 2): \"+\" is taken by"},
		// salesforce and what goes there
		{"salesforce: {login_url: \"http://x.my.salesforce.com\", client_id: c, client_secret: s}", "salesforce.login_url (line 1): \"http://x.my.salesforce.com\" would send secrets unencrypted"},
		{"salesforce: {login_url: \"https://x.my.salesforce.com\", client_secret: s}", "salesforce.client_id (line 1): is missing"},
		{"salesforce: {login_url: \"https://x.my.salesforce.com\", client_id: c}", "salesforce.client_secret (line 1): is missing"},
		{"salesforce: {login_url: \"https://x.my.salesforce.com\", client_id: c, username: u}", "salesforce.private_key_file (line 1): is missing"},
		{"salesforce: {login_url: \"https://x.my.salesforce.com\", client_id: c, username: u, private_key_file: /nonexistent}", "salesforce.private_key_file (line 1): \"/nonexistent\" is no file"},
		{"salesforce: {login_url: \"https://x.my.salesforce.com\", client_id: c, username: u, client_secret: s}", "salesforce.client_secret (line 1): stands beside"},
		{"salesforce: {login_url: \"https://x.my.salesforce.com\", client_id: c, client_secret: s, simulator: {embedded: true}}", "salesforce.login_url (line 1): \"https://x.my.salesforce.com\" stands beside an embedded simulator"},
		{"salesforce: {api_version: 67}", `salesforce.api_version (line 1): "67" is no version of the API`},
		{"salesforce: {task: {when: never}}", "salesforce.task.when (line 1): \"never\" is not one of all"},
		{"salesforce: {task: {status: \"\"}}", "salesforce.task.status (line 1): is empty"},
		{"salesforce: {task: {subject: \"{caller} rang\"}}", `salesforce.task.subject (line 1): "{caller}" stands for nothing`},
		{"routing: {budget: 1m}", "routing.budget (line 1): \"1m0s\" is out of bounds; choose 100ms to 10s"},
		{"routing: {breaker_faults: 0}", "routing.breaker_faults (line 1)"},
		{"outbox: {batch: 500}", "outbox.batch (line 1): \"500\" is out of bounds; choose 1 to 200"},
		{"outbox: {retry_max: 1s}", "outbox.retry_max (line 1)"},
		{"sounds: {ringback: SE}", "sounds.ringback (line 1): \"SE\" is not one of FI, US"},
		{"sounds: {music: nothing.wav}", "sounds.music (line 1)"},
		{"recording: {enabled: true}", "recording.enabled (line 1): \"true\" cannot be had in this version"},
	} {
		r := report(t, c.text)
		if r == nil {
			t.Errorf("%s\n  is allowed; want %s", c.text, c.want)
			continue
		}
		if !strings.Contains(r.Error(), c.want) {
			t.Errorf("%s\n  says %v\n  want %s", c.text, r, c.want)
		}
	}
}

func TestAllProblemsAreReportedAtOnceInTheOrderOfTheFile(t *testing.T) {
	r := report(t, `
log: {level: loud}
sip:
  udp: [nowhere]
  colour: blue
rtp:
  rest: soon
agents:
  - {id: anna, extension: x, sip_password: hush-hush}
`)
	if r == nil || r.File != "test.yaml" {
		t.Fatalf("%v", r)
	}
	var got []string
	for _, p := range r.Problems {
		got = append(got, fmt.Sprintf("%s:%d", p.Path, p.Line))
	}
	want := "log.level:2 sip.udp[0]:4 sip.colour:5 rtp.rest:7 agents[0].extension:9"
	if strings.Join(got, " ") != want {
		t.Errorf("problems %v, want %s", got, want)
	}
	if !strings.HasPrefix(r.Error(), "test.yaml: 5 problems\n  log.level (line 2): ") {
		t.Errorf("the report reads\n%v", r)
	}
	if one := report(t, "log: {level: loud}"); !strings.HasPrefix(one.Error(), "test.yaml: 1 problem\n") {
		t.Errorf("the report reads\n%v", one)
	}
}

func TestAFileThatIsNoConfigurationAtAllIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "video.mp4")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, maxText+1); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "larger than 4 MB") {
		t.Errorf("%v", err)
	}
}

func TestNoSecretIsShown(t *testing.T) {
	const secret = "hush-hush"
	c := mustParse(t, "agents: [{id: anna, extension: 11, password: "+secret+", sip_password: "+secret+"}]\nsalesforce: {client_secret: "+secret+"}")
	for _, shown := range []string{fmt.Sprintf("%v %+v %#v %s", c.Agents, c.Agents, c.Agents, c.Salesforce.ClientSecret), fmt.Sprint(c.Warnings)} {
		if strings.Contains(shown, secret) {
			t.Errorf("shown: %s", shown)
		}
	}
	if b, err := c.Agents[0].Password.MarshalText(); err != nil || strings.Contains(string(b), secret) {
		t.Errorf("marshalled as %s, %v", b, err)
	}
	if string(c.Agents[0].Password) != secret {
		t.Error("the secret is lost")
	}
	r := report(t, "agents: [{id: anna, extension: 11, password: ["+secret+"], password_hash: "+secret+"}]\nagent_ranges: [{from: 10, to: 12, password: \"%d"+secret+"\"}]")
	if r == nil || strings.Contains(r.Error(), secret) {
		t.Errorf("%v", r)
	}
}

func TestSecretsComeFromTheEnvironmentAndFromFiles(t *testing.T) {
	t.Setenv("CORDBOARD_TEST_SECRET", "from the environment")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("from a file\nand more\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Parse(filepath.Join(dir, "x.yaml"), []byte("agents: [{id: anna, extension: 11, sip_password: \"${CORDBOARD_TEST_SECRET}\", password: \"file:secret\"}]"))
	if err != nil {
		t.Fatal(err)
	}
	if a := c.Agents[0]; string(a.SIPPassword) != "from the environment" || string(a.Password) != "from a file" {
		t.Errorf("%q, %q", string(a.SIPPassword), string(a.Password))
	}
	if len(c.Warnings) != 0 {
		t.Errorf("warnings: %v", c.Warnings)
	}
}

func TestWarningsTellWhatIsAllowedButUnwise(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"agents: [{id: anna, extension: 11, password: x}]", "secrets stand in the file in plain text"},
		{"rtp: {ports: {from: 30000, to: 40000}}", "rtp.ports (line 1): \"30000-40000\" overlaps the ports that the kernel hands out"},
		{"rtp: {rest: 1s}", "rtp.rest (line 1): \"1s\" is short"},
		{"sip: {phone_networks: [0.0.0.0/0]}", "sip.phone_networks[0] (line 1): \"0.0.0.0/0\" lets the whole world try passwords"},
		{"sip: {advertise: 192.0.2.1}", "sip.advertise (line 1): \"192.0.2.1\" is not used"},
		{"queues: [{name: q}]", "queues[0].members (line 1): \"q\" has no members"},
		{"queues: [{name: q, smart_routing: {flow: F}}]", "queues[0].smart_routing.flow (line 1): \"F\" is never asked"},
		{"plan: {direct: [{prefix: \"+35829\", digits: 4}]}", "plan.direct[0].digits (line 1): \"4\" is the length of no agent's extension"},
	} {
		if got := fmt.Sprint(mustParse(t, c.text).Warnings); !strings.Contains(got, c.want) {
			t.Errorf("%s\n  warns %s\n  want %s", c.text, got, c.want)
		}
	}
}

func TestNearestFindsTypingErrors(t *testing.T) {
	known := []string{"udp", "tcp", "advertise", "user_agent", "phone_networks"}
	for wrong, want := range map[string]string{"upd": "udp", "advertize": "advertise", "useragent": "user_agent", "phone_network": "phone_networks", "zzz": "", "colour": ""} {
		if got, _ := nearest(wrong, known); got != want {
			t.Errorf("%q is nearest to %q, want %q", wrong, got, want)
		}
	}
	if d := distance("ab", "ba"); d != 1 {
		t.Errorf("two letters swapped are %d errors", d)
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"cordboard.yaml", "demo.yaml", "bench.yaml"} {
		text, err := Shipped(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("a: &a [*a]\nb: !!str 1\n? x\n: y\n<<: *a\n")
	f.Add("plan: {numbers: {1: {2: 3}}}\nsip: {udp: {}}\nqueues: [1, [2], {name: [3]}]")
	f.Add("agent_ranges: [{from: 10, to: 99999999}]")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "file:") || len(text) > 1<<14 {
			return // files of this machine are not to be read; and the parser of YAML is slow on nests that nobody writes
		}
		c, err := Parse("fuzz.yaml", []byte(text))
		var r *Report
		if err != nil && (!errors.As(err, &r) || len(r.Problems) == 0) {
			t.Fatalf("%v", err)
		}
		if (err == nil) == (c == nil) {
			t.Fatalf("%v, %v", c, err)
		}
	})
}
