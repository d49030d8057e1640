package configs

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// checker looks at a filled Config and notes what cannot be, section by section.
type checker struct {
	cfg   *Config
	dir   string // of the file; empty: the text has none
	lines map[string]int

	problems []Problem
	warnings []Problem
}

// check runs all checks.
func (c *checker) check() {
	c.checkNode()
	c.checkHTTP()
	c.checkSIP()
	c.checkRTP()
	c.checkWebRTC()
	c.checkCodecs()
	c.checkTrunks()
	c.checkAgents()
	c.checkQueues()
	c.checkPlan()
	c.checkSalesforce()
	c.checkRouting()
	c.checkOutbox()
	c.checkSounds()
	c.checkTrace()
}

func (c *checker) bad(path, value, cure string) {
	c.problems = append(c.problems, Problem{Path: path, Line: c.line(path), Value: value, Cure: cure})
}

func (c *checker) warn(path, value, cure string) {
	c.warnings = append(c.warnings, Problem{Path: path, Line: c.line(path), Value: value, Cure: cure})
}

// line is that of the path, or of what it is part of; 0: it is not in the file.
func (c *checker) line(path string) int {
	for path != "" {
		if line, ok := c.lines[path]; ok {
			return line
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			return 0
		}
		path = path[:cut]
	}
	return 0
}

// hostPort checks "host:port"; with ip, the host is an address of ours to listen on.
func (c *checker) hostPort(path, value string, ip bool) {
	name, port, err := net.SplitHostPort(value)
	if err != nil {
		c.bad(path, value, "is no address; write host:port, such as 127.0.0.1:5060 or [::1]:5060")
		return
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		c.bad(path, value, "has no such port; write host:port with a port from 1 to 65535")
	}
	switch {
	case name == "":
		c.bad(path, value, "names no host; to listen everywhere write 0.0.0.0 or [::], so that it is seen here")
	case ip && !isIP(name):
		c.bad(path, value, "is a name; write the IP address to listen on")
	case !ip && !isIP(name) && !hostName(name):
		c.bad(path, value, "has no possible host name; write a name or an IP address before the port")
	}
}

func isIP(s string) bool { _, err := netip.ParseAddr(s); return err == nil }

func hostName(s string) bool {
	return len(s) < 254 && host.MatchString(s)
}

func (c *checker) ip(path, value string) {
	if !isIP(value) {
		c.bad(path, value, "is no IP address; write one, such as 192.0.2.10")
	}
}

// origin checks scheme, host and port without anything behind them.
func (c *checker) origin(path, value string) {
	u, err := url.Parse(value)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil ||
		(u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "" {
		c.bad(path, value, "is no origin; write scheme, host and, where needed, port, such as https://phone.example.com")
	}
}

// between checks a duration against its bounds, both included.
func (c *checker) between(path string, d, least, most time.Duration) {
	if d < least || d > most {
		c.bad(path, d.String(), fmt.Sprintf("is out of bounds; choose %v to %v", least, most))
	}
}

func (c *checker) number(path string, n, least, most int) {
	if n < least || n > most {
		c.bad(path, strconv.Itoa(n), fmt.Sprintf("is out of bounds; choose %d to %d", least, most))
	}
}

// oneOf checks a word of a closed set.
func oneOf[T ~string](c *checker, path string, value T, known ...T) {
	if listed(value, known) {
		return
	}
	words := make([]string, len(known))
	for i, k := range known {
		words[i] = string(k)
	}
	cure := "is not one of " + strings.Join(words, ", ")
	if best, ok := nearest(string(value), words); ok {
		cure += fmt.Sprintf("; did you mean %q?", best)
	}
	c.bad(path, string(value), cure)
}

// e164 checks a telephone number.
func e164[T ~string](c *checker, path string, n T) bool {
	if number.MatchString(string(n)) {
		return true
	}
	c.bad(path, string(n), `is no E.164 number; write plus, country code and digits only, in quotes: "+358293000100"`)
	return false
}

// absolute is a path as seen from the file's folder.
func (c *checker) absolute(path string) string {
	if path == "" || filepath.IsAbs(path) || c.dir == "" {
		return path
	}
	return filepath.Join(c.dir, path)
}

// file checks that a file can be found.
func (c *checker) file(path, value, cure string) {
	if info, err := os.Stat(value); err != nil || info.IsDir() {
		c.bad(path, value, "is no file that can be found; "+cure)
	}
}

// unique notes words that stand twice.
func (c *checker) unique(words []string, path func(i int) string) {
	twice := duplicates(words)
	for i, w := range words {
		if first, taken := twice[i]; taken {
			c.bad(path(i), w, "is taken by "+path(first)+"; choose another")
		}
	}
}
