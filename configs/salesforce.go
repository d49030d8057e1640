package configs

import "time"

// Salesforce is the org. Without a login_url and without the simulator, no call depends on it and nothing is written.
type Salesforce struct {
	LoginURL string `yaml:"login_url"` // "https://yourdomain.my.salesforce.com"
	ClientID string `yaml:"client_id"` // consumer key of the connected app
	// Username and PrivateKeyFile log in by the JWT bearer flow; ClientSecret alone by the client credentials flow.
	Username       string `yaml:"username"`
	PrivateKeyFile string `yaml:"private_key_file"` // PEM, RSA
	ClientSecret   Secret `yaml:"client_secret"`
	Audience       string `yaml:"audience"`    // of the JWT; empty: login_url
	APIVersion     string `yaml:"api_version"` // "67.0"

	Simulator Simulator          `yaml:"simulator"`
	Timeouts  SalesforceTimeouts `yaml:"timeouts"`
	Task      Task               `yaml:"task"`
}

// On reports whether there is an org to talk to.
func (s Salesforce) On() bool { return s.LoginURL != "" || s.Simulator.Embedded }

// Simulator is a Salesforce org in memory, for the demo and for load tests.
type Simulator struct {
	Embedded bool   `yaml:"embedded"` // start it in this process and use it instead of login_url
	Listen   string `yaml:"listen"`   // host:port
}

// SalesforceTimeouts bound every question to the org.
type SalesforceTimeouts struct {
	Connect  time.Duration `yaml:"connect"`  // TCP and TLS
	Request  time.Duration `yaml:"request"`  // one API call of the outbox
	Identify time.Duration `yaml:"identify"` // who is calling: search by number
}

// Task is the activity that every call leaves behind.
type Task struct {
	When    TaskWhen `yaml:"when"`
	Status  string   `yaml:"status"`
	Subject string   `yaml:"subject"` // may hold {queue}, {direction}, {number}, {result}
}

// TaskWhen says which calls leave a task.
type TaskWhen string

// The choices.
const (
	TaskAll             TaskWhen = "all"
	TaskAnswered        TaskWhen = "answered"
	TaskInbound         TaskWhen = "inbound"
	TaskInboundAnswered TaskWhen = "inbound-answered"
	TaskOutbound        TaskWhen = "outbound"
	TaskNone            TaskWhen = "none"
)

func defaultSalesforce() Salesforce {
	return Salesforce{
		APIVersion: "67.0",
		Simulator:  Simulator{Listen: "127.0.0.1:8090"},
		Timeouts:   SalesforceTimeouts{Connect: 3 * time.Second, Request: 15 * time.Second, Identify: 3 * time.Second},
		Task:       Task{When: TaskAll, Status: "Completed", Subject: "Call - {queue}"},
	}
}
