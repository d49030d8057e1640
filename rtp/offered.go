package rtp

import "slices"

// Offered are the codecs of ours that an SDP offer contains, in its order, whatever the transport of their lines. An
// offer that cannot be read, or has no audio, is *Unacceptable. It lets a call be refused, or another leg be offered
// the same codec, before a session is made.
func Offered(offer []byte) ([]Codec, error) {
	d, err := parseDescription(offer)
	if err != nil {
		return nil, err
	}
	var codecs []Codec
	audio := false
	for _, m := range d.media {
		if m.kind != "audio" || m.port == 0 {
			continue
		}
		audio = true
		for _, f := range formatsOf(m) {
			if !slices.Contains(codecs, f.Codec) {
				codecs = append(codecs, f.Codec)
			}
		}
	}
	if !audio {
		return nil, &Unacceptable{Why: "no audio is offered"}
	}
	return codecs, nil
}
