package configs

import (
	"net/url"
	"strings"
	"time"
)

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

func (c *checker) checkSalesforce() {
	s := &c.cfg.Salesforce
	s.PrivateKeyFile = c.absolute(s.PrivateKeyFile)
	if s.Simulator.Embedded {
		c.hostPort("salesforce.simulator.listen", s.Simulator.Listen, true)
		if s.LoginURL != "" {
			c.bad("salesforce.login_url", s.LoginURL, "stands beside an embedded simulator; keep one of the two")
		}
	}
	if s.LoginURL != "" {
		c.checkLogin(s)
	}
	if !apiVersion.MatchString(s.APIVersion) {
		c.bad("salesforce.api_version", s.APIVersion, `is no version of the API; write it with its point, in quotes: "67.0"`)
	}
	c.between("salesforce.timeouts.connect", s.Timeouts.Connect, 100*time.Millisecond, time.Minute)
	c.between("salesforce.timeouts.request", s.Timeouts.Request, 500*time.Millisecond, 2*time.Minute)
	c.between("salesforce.timeouts.identify", s.Timeouts.Identify, 100*time.Millisecond, 30*time.Second)
	oneOf(c, "salesforce.task.when", s.Task.When, TaskAll, TaskAnswered, TaskInbound, TaskInboundAnswered, TaskOutbound, TaskNone)
	if s.Task.Status == "" {
		c.bad("salesforce.task.status", "", "is empty; write a status that Tasks of your org have, such as Completed")
	}
	for _, word := range placeholder.FindAllString(s.Task.Subject, -1) {
		if !listed(word, []string{"{queue}", "{direction}", "{number}", "{result}"}) {
			c.bad("salesforce.task.subject", word, "stands for nothing; known are {queue}, {direction}, {number} and {result}")
		}
	}
}

func (c *checker) checkLogin(s *Salesforce) {
	c.origin("salesforce.login_url", s.LoginURL)
	if u, err := url.Parse(s.LoginURL); err == nil && u.Scheme == "http" && u.Hostname() != "localhost" && !strings.HasPrefix(u.Hostname(), "127.") {
		c.bad("salesforce.login_url", s.LoginURL, "would send secrets unencrypted; write https://")
	}
	s.LoginURL = strings.TrimSuffix(s.LoginURL, "/")
	if s.ClientID == "" {
		c.bad("salesforce.client_id", "", "is missing; write the consumer key of the connected app")
	}
	jwt := s.PrivateKeyFile != "" || s.Username != ""
	switch {
	case jwt && s.ClientSecret != "":
		c.bad("salesforce.client_secret", "", "stands beside username and private_key_file; keep one way to log in")
	case jwt && s.Username == "":
		c.bad("salesforce.username", "", "is missing; write the user that the JWT logs in as")
	case jwt && s.PrivateKeyFile == "":
		c.bad("salesforce.private_key_file", "", "is missing; write the PEM file whose certificate the connected app knows")
	case jwt:
		c.file("salesforce.private_key_file", s.PrivateKeyFile, "write the path of the PEM file whose certificate the connected app knows")
	case s.ClientSecret == "":
		c.bad("salesforce.client_secret", "", "is missing; write it (client credentials), or username and private_key_file (JWT bearer)")
	}
}
