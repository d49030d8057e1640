package codec

import "github.com/cordboard/cordboard/rtp"

// atRate gives a decoder's sound at the rate asked for.
func atRate(d rtp.Decoder, rate int) rtp.Decoder {
	switch {
	case d.Rate() == rate:
		return d
	case rate == wide:
		return &wideDecoder{narrow: d, up: doubler{taps: newSides()}}
	default:
		return &narrowDecoder{wide: d, down: halver{taps: newSides()}}
	}
}

// fromRate lets an encoder take sound of the rate asked for.
func fromRate(e rtp.Encoder, rate int) rtp.Encoder {
	switch {
	case e.Rate() == rate:
		return e
	case rate == wide:
		return &wideEncoder{narrow: e, down: halver{taps: newSides()}}
	default:
		return &narrowEncoder{wide: e, up: doubler{taps: newSides()}}
	}
}

// wideDecoder gives a narrowband codec's sound at 16000 Hz.
type wideDecoder struct {
	narrow rtp.Decoder
	up     doubler
	pcm    [longest / 2]int16
}

func (d *wideDecoder) Rate() int { return wide }

func (d *wideDecoder) Decode(pcm []int16, payload []byte) (int, error) {
	n, err := d.narrow.Decode(d.pcm[:min(len(pcm)/2, len(d.pcm))], payload)
	if err != nil {
		return 0, err
	}
	d.up.run(pcm, d.pcm[:n])
	return 2 * n, nil
}

func (d *wideDecoder) Conceal(pcm []int16, next []byte) (int, error) {
	for done := 0; done+1 < len(pcm); {
		n := min((len(pcm)-done)/2, len(d.pcm))
		if _, err := d.narrow.Conceal(d.pcm[:n], next); err != nil {
			return done, err
		}
		d.up.run(pcm[done:], d.pcm[:n])
		done += 2 * n
	}
	return len(pcm) &^ 1, nil
}

// narrowDecoder gives a wideband codec's sound at 8000 Hz.
type narrowDecoder struct {
	wide rtp.Decoder
	down halver
	pcm  [longest]int16
}

func (d *narrowDecoder) Rate() int { return narrow }

func (d *narrowDecoder) Decode(pcm []int16, payload []byte) (int, error) {
	n, err := d.wide.Decode(d.pcm[:min(2*len(pcm), len(d.pcm))], payload)
	if err != nil {
		return 0, err
	}
	d.down.run(pcm, d.pcm[:n])
	return n / 2, nil
}

func (d *narrowDecoder) Conceal(pcm []int16, next []byte) (int, error) {
	for done := 0; done < len(pcm); {
		n := min(len(pcm)-done, len(d.pcm)/2)
		if _, err := d.wide.Conceal(d.pcm[:2*n], next); err != nil {
			return done, err
		}
		d.down.run(pcm[done:], d.pcm[:2*n])
		done += n
	}
	return len(pcm), nil
}

// wideEncoder lets a narrowband codec take sound at 16000 Hz.
type wideEncoder struct {
	narrow rtp.Encoder
	down   halver
	pcm    [longest / 2]int16
}

func (e *wideEncoder) Rate() int { return wide }

func (e *wideEncoder) Encode(payload []byte, pcm []int16) (int, error) {
	if len(pcm) > 2*len(e.pcm) {
		return 0, ErrLong
	}
	n := len(pcm) / 2
	e.down.run(e.pcm[:n], pcm[:2*n])
	return e.narrow.Encode(payload, e.pcm[:n])
}

// narrowEncoder lets a wideband codec take sound at 8000 Hz.
type narrowEncoder struct {
	wide rtp.Encoder
	up   doubler
	pcm  [longest]int16
}

func (e *narrowEncoder) Rate() int { return narrow }

func (e *narrowEncoder) Encode(payload []byte, pcm []int16) (int, error) {
	if 2*len(pcm) > len(e.pcm) {
		return 0, ErrLong
	}
	e.up.run(e.pcm[:2*len(pcm)], pcm)
	return e.wide.Encode(payload, e.pcm[:2*len(pcm)])
}
