package configs

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
}

func defaultHTTP() HTTP {
	return HTTP{Listen: "127.0.0.1:8080", PublicURL: "http://127.0.0.1:8080"}
}
