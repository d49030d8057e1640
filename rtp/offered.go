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

// Refuses says whether an offer to a line of these keys would be refused for its transport or its keys; nil for the keys
// is a plain line. The keys are asked as if the offer were answered. The error is *Unacceptable.
func Refuses(offer []byte, keys Keys) error {
	d, err := parseDescription(offer)
	if err != nil {
		return err
	}
	media, err := d.sound(0, false, keys != nil)
	if err == nil && keys != nil {
		_, err = keys.Answer(media.proto, media.crypto())
	}
	return err
}
