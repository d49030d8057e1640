package lab

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net/netip"
	"strings"
	"time"
)

// rtcDescription is what WebRTC adds to a description (RFC 8829, RFC 8839, RFC 8842).
type rtcDescription struct {
	formats     []Format
	ufrag, pwd  string
	fingerprint string // SHA-256, as in SDP
	setup       string
	mid         string
	bundle      bool
	lite        bool
	protocol    string   // "UDP/TLS/RTP/SAVPF"
	ssrc        uint32   // of what will be sent; 0: not said
	candidates  []string // without "a="
}

// readRTC takes the first audio section; what stands above it counts too.
func readRTC(sdp string) (rtcDescription, error) {
	plain, err := readSDP(sdp)
	if err != nil {
		return rtcDescription{}, err
	}
	d := rtcDescription{formats: plain.formats, setup: "actpass"}
	sections := 0
	for line := range strings.Lines(sdp) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "m=") {
			if sections++; sections > 1 {
				break
			}
			d.protocol = strings.Fields(line + " - - -")[2]
		}
		name, value, _ := strings.Cut(strings.TrimPrefix(line, "a="), ":")
		switch name {
		case "ice-ufrag":
			d.ufrag = value
		case "ice-pwd":
			d.pwd = value
		case "ice-lite":
			d.lite = true
		case "setup":
			d.setup = value
		case "mid":
			d.mid = value
		case "group":
			d.bundle = strings.HasPrefix(value, "BUNDLE")
		case "candidate":
			d.candidates = append(d.candidates, "candidate:"+value)
		case "fingerprint":
			if kind, digits, _ := strings.Cut(value, " "); strings.EqualFold(kind, "sha-256") {
				d.fingerprint = digits
			}
		}
	}
	if d.ufrag == "" || d.pwd == "" || d.fingerprint == "" {
		return d, fmt.Errorf("no ICE credentials or no SHA-256 fingerprint in the description")
	}
	return d, nil
}

// write makes the answer, with one host candidate.
func (d rtcDescription) write(at netip.AddrPort, formats []Format) string {
	plain := writeSDP(at, 1, formats, "sendrecv")
	head, media, _ := strings.Cut(plain, "m=audio")
	media = "m=audio" + strings.Replace(media, "RTP/AVP", d.protocol, 1)
	var b strings.Builder
	b.WriteString(head)
	if d.bundle {
		fmt.Fprintf(&b, "a=group:BUNDLE %s\r\n", d.mid)
	}
	b.WriteString(media)
	if d.mid != "" {
		fmt.Fprintf(&b, "a=mid:%s\r\n", d.mid)
	}
	fmt.Fprintf(&b, "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:sha-256 %s\r\na=setup:%s\r\na=rtcp-mux\r\n", d.ufrag, d.pwd, d.fingerprint, d.setup)
	fmt.Fprintf(&b, "a=candidate:1 1 udp 2130706431 %s %d typ host\r\na=end-of-candidates\r\n", at.Addr(), at.Port())
	if d.ssrc != 0 {
		fmt.Fprintf(&b, "a=msid:lab audio\r\na=ssrc:%d cname:lab\r\n", d.ssrc)
	}
	return b.String()
}

// selfSigned makes what every browser makes for itself (RFC 8827 section 6.5).
func selfSigned() (tls.Certificate, string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, "", err
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return tls.Certificate{}, "", err
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: "lab"}, NotBefore: now.Add(-24 * time.Hour),
		NotAfter: now.Add(30 * 24 * time.Hour)}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, "", err
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}, fingerprint(raw), nil
}

func fingerprint(certificate []byte) string {
	sum := sha256.Sum256(certificate)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
}
