// Package configs reads the one file that says what a gateway is: its addresses, trunks, agents, queues, dial plan and its
// Salesforce org. Reading is strict: an unknown key, a wrong value and a name that leads nowhere are all reported, all at
// once, each with its place in the file and its cure.
package configs

// Config is a whole configuration, defaults filled in, checked. Paths of files in it are absolute, or relative to the
// folder of the configuration file before Load made them absolute.
type Config struct {
	Node        Node         `yaml:"node"`
	Log         Log          `yaml:"log"`
	HTTP        HTTP         `yaml:"http"`
	SIP         SIP          `yaml:"sip"`
	RTP         RTP          `yaml:"rtp"`
	WebRTC      WebRTC       `yaml:"webrtc"`
	Codecs      Codecs       `yaml:"codecs"`
	Trunks      []Trunk      `yaml:"trunks"`
	Agents      []Agent      `yaml:"agents"`
	AgentRanges []AgentRange `yaml:"agent_ranges"`
	Queues      []Queue      `yaml:"queues"`
	Plan        Plan         `yaml:"plan"`
	Salesforce  Salesforce   `yaml:"salesforce"`
	Routing     Routing      `yaml:"routing"`
	Outbox      Outbox       `yaml:"outbox"`
	Sounds      Sounds       `yaml:"sounds"`
	Trace       Trace        `yaml:"trace"`
	Recording   Recording    `yaml:"recording"`

	// File is where Load read it from, absolute; empty: nowhere that can be read again.
	File string `yaml:"-"`
	// Warnings are things that are allowed but that an operator should know, such as a password in plain text.
	Warnings []Problem `yaml:"-"`
}

// Default is the configuration of a file that says nothing.
func Default() *Config {
	return &Config{
		Node:       defaultNode(),
		Log:        defaultLog(),
		HTTP:       defaultHTTP(),
		SIP:        defaultSIP(),
		RTP:        defaultRTP(),
		WebRTC:     defaultWebRTC(),
		Codecs:     defaultCodecs(),
		Salesforce: defaultSalesforce(),
		Plan:       defaultPlan(),
		Routing:    defaultRouting(),
		Outbox:     defaultOutbox(),
		Sounds:     defaultSounds(),
		Trace:      defaultTrace(),
		Recording:  Recording{},
	}
}
