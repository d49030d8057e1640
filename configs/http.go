package configs

import (
	"fmt"
	"net/netip"
	"strings"
)

// HTTP is the one HTTP door: the web phone, the API and SIP over WebSocket.
type HTTP struct {
	Listen string `yaml:"listen"` // host:port
	// PublicURL is how browsers and Salesforce reach this door: scheme, host and port, no path. Links to call details
	// begin with it, and its origin is always allowed.
	PublicURL string `yaml:"public_url"`
	// Origins are the other origins ("https://host[:port]") whose pages may open the API and the SIP socket.
	Origins []string `yaml:"origins"`
	// FrameAncestors are the sources (Content-Security-Policy) whose pages may frame the web phone, besides our own.
	FrameAncestors []string `yaml:"frame_ancestors"`
	// TrustedProxies are the reverse proxies whose X-Forwarded-For names the client. Without them everybody behind a
	// proxy is one address, and shares its limits of logins and sockets.
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies"`
}

func defaultHTTP() HTTP {
	return HTTP{Listen: "127.0.0.1:8080", PublicURL: "http://127.0.0.1:8080"}
}

func (c *checker) checkHTTP() {
	h := &c.cfg.HTTP
	c.hostPort("http.listen", h.Listen, true)
	c.origin("http.public_url", h.PublicURL)
	h.PublicURL = strings.TrimSuffix(h.PublicURL, "/")
	for i, o := range h.Origins {
		c.origin(fmt.Sprintf("http.origins[%d]", i), o)
		h.Origins[i] = strings.TrimSuffix(o, "/")
	}
	for i, p := range h.TrustedProxies {
		if p.IsValid() && p.Bits() == 0 {
			c.bad(fmt.Sprintf("http.trusted_proxies[%d]", i), p.String(), "lets everybody choose the address that his logins are counted under; name the addresses of the proxy")
		}
	}
	for i, a := range h.FrameAncestors {
		if a != "'self'" && !frameSource.MatchString(a) {
			c.bad(fmt.Sprintf("http.frame_ancestors[%d]", i), a, `is no source of a Content-Security-Policy; write "https://*.lightning.force.com" or the like`)
		}
	}
}
