package lab

import (
	"encoding/binary"
	"sync/atomic"
	"time"
)

// A marked frame carries, behind what the codec needs to see first, who sent it when:
//
//	magic 4 · stream 4 · number 4 · in the window 4 · nanoseconds since 1970 8
const (
	frameMagic = 0x63625631
	frameMark  = 24
)

// frames is speech encoded beforehand, sent over and over; marked when nobody on the way will decode it.
type frames struct {
	payloads [][]byte
	stream   uint32
	number   uint32
	marked   bool
	skip     int          // bytes in front of the mark: Opus' table of contents
	window   *atomic.Bool // whether the measurement is on
	inWindow uint64       // frames sent meanwhile; owned by the metronome
	open     bool
}

// next copies the next payload and says how long it is.
func (f *frames) next(payload []byte) int {
	p := f.payloads[int(f.number+37*f.stream)%len(f.payloads)]
	n := copy(payload, p)
	if f.open = f.window.Load(); f.open {
		f.inWindow++
	}
	if f.marked && n < f.skip+frameMark {
		clear(payload[n : f.skip+frameMark])
		n = f.skip + frameMark
	}
	f.number++
	return n
}

// stamp writes the mark, as late as can be.
func (f *frames) stamp(payload []byte, now time.Time) {
	if !f.marked || len(payload) < f.skip+frameMark {
		return
	}
	b := payload[f.skip:]
	binary.BigEndian.PutUint32(b, frameMagic)
	binary.BigEndian.PutUint32(b[4:], f.stream)
	binary.BigEndian.PutUint32(b[8:], f.number)
	binary.BigEndian.PutUint32(b[12:], 0)
	if f.open {
		b[15] = 1
	}
	binary.BigEndian.PutUint64(b[16:], uint64(now.UnixNano()))
}

// mark is what was read from a marked frame.
type mark struct {
	stream, number uint32
	open           bool
	sent           time.Time
}

func readMark(payload []byte, skip int) (mark, bool) {
	if len(payload) < skip+frameMark || binary.BigEndian.Uint32(payload[skip:]) != frameMagic {
		return mark{}, false
	}
	b := payload[skip:]
	return mark{binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:]), b[15] == 1,
		time.Unix(0, int64(binary.BigEndian.Uint64(b[16:])))}, true
}

// encodeAll makes the payloads of a voice.
func encodeAll(f Format, pcm []int16) ([][]byte, error) {
	e, err := f.encoder()
	if err != nil {
		return nil, err
	}
	var all [][]byte
	buf := make([]byte, 1500)
	for ; len(pcm) >= samplesOf20; pcm = pcm[samplesOf20:] {
		n, err := e.encode(pcm[:samplesOf20], buf)
		if err != nil {
			return nil, err
		}
		all = append(all, append([]byte(nil), buf[:n]...))
	}
	return all, nil
}
