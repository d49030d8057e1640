package sound

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/rtp"
)

// chunk is one chunk of a RIFF file.
func chunk(id string, body []byte) []byte {
	b := binary.LittleEndian.AppendUint32([]byte(id), uint32(len(body)))
	b = append(b, body...)
	if len(body)%2 == 1 {
		b = append(b, 0)
	}
	return b
}

func formatChunk(tag, channels, rate, bits int, more ...byte) []byte {
	b := binary.LittleEndian.AppendUint16(nil, uint16(tag))
	b = binary.LittleEndian.AppendUint16(b, uint16(channels))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate*channels*bits/8))
	b = binary.LittleEndian.AppendUint16(b, uint16(channels*bits/8))
	b = binary.LittleEndian.AppendUint16(b, uint16(bits))
	return chunk("fmt ", append(b, more...))
}

func wav(chunks ...[]byte) []byte {
	var body []byte
	for _, c := range chunks {
		body = append(body, c...)
	}
	return append(append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(4+len(body))), "WAVE"...), body...)
}

func pcmBytes(pcm []int16) []byte {
	var b []byte
	for _, s := range pcm {
		b = binary.LittleEndian.AppendUint16(b, uint16(s))
	}
	return b
}

// extensible is the tail of a WAVE_FORMAT_EXTENSIBLE chunk.
func extensible(tag byte) []byte {
	return append([]byte{22, 0, 16, 0, 4, 0, 0, 0, tag, 0}, "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"...)
}

func TestFilesOfEveryKindArePlayed(t *testing.T) {
	p, c, _ := newPlayer(t)
	tone8, tone16 := sine(8000, 700, time.Second), sine(16000, 700, time.Second)
	law := func(codec rtp.Codec, pcm []int16) []byte {
		e, err := c.NewEncoder(&rtp.Format{Codec: codec}, 8000)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, len(pcm))
		if _, err := e.Encode(b, pcm); err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, k := range []struct {
		name string
		file []byte
		rate int
	}{
		{"8 kHz", wav(formatChunk(1, 1, 8000, 16), chunk("data", pcmBytes(tone8))), 8000},
		{"16 kHz", wav(formatChunk(1, 1, 16000, 16), chunk("data", pcmBytes(tone16))), 16000},
		{"A-law", wav(formatChunk(6, 1, 8000, 8, 0, 0), chunk("fact", make([]byte, 4)), chunk("data", law(rtp.PCMA, tone8))), 8000},
		{"µ-law at 16 kHz", wav(formatChunk(7, 1, 16000, 8), chunk("data", law(rtp.PCMU, tone16))), 16000},
		{"extensible, odd chunks", wav(chunk("LIST", []byte("odd")), formatChunk(0xfffe, 1, 8000, 16, extensible(1)...), chunk("data", pcmBytes(tone8)), chunk("id3 ", nil)), 8000},
		{"cut off", wav(formatChunk(1, 1, 8000, 16), chunk("data", pcmBytes(tone8)))[:8000], 8000},
	} {
		s, err := p.Read(k.name, k.file)
		if err != nil {
			t.Errorf("%s: %v", k.name, err)
			continue
		}
		if s.rate != k.rate || s.Name() != k.name {
			t.Errorf("%s: %d Hz, name %q", k.name, s.rate, s.Name())
		}
		pcm := s.pcm
		if k.rate == 16000 {
			pcm = nil
			for i := 0; i < len(s.pcm); i += 2 {
				pcm = append(pcm, s.pcm[i])
			}
		}
		if l := tone(pcm, 700); math.Abs(l+12) > 0.5 {
			t.Errorf("%s: the tone is at %.1f dB", k.name, l)
		}
	}
}

func TestABadFileIsNamedExplainedAndCured(t *testing.T) {
	p, _, _ := newPlayer(t)
	sound := chunk("data", make([]byte, 16000))
	huge := binary.LittleEndian.AppendUint32([]byte("LIST"), 0xffffffff)
	for _, k := range []struct {
		name, why string
		file      []byte
	}{
		{"empty.wav", "not a WAV file", nil},
		{"song.mp3", "not a WAV file", []byte("ID3\x04 and a lot of music")},
		{"stereo.wav", "2 channels", wav(formatChunk(1, 2, 16000, 16), sound)},
		{"cd.wav", "44100 Hz", wav(formatChunk(1, 1, 44100, 16), sound)},
		{"deep.wav", "24-bit", wav(formatChunk(1, 1, 16000, 24), sound)},
		{"float.wav", "encoding 0x0003", wav(formatChunk(3, 1, 16000, 32), sound)},
		{"oddlaw.wav", "16 bits", wav(formatChunk(6, 1, 8000, 16), sound)},
		{"nofmt.wav", "before their format", wav(sound)},
		{"nodata.wav", "without samples", wav(formatChunk(1, 1, 8000, 16))},
		{"short.wav", "too short", wav(chunk("fmt ", make([]byte, 15)), sound)},
		{"still.wav", "less than 20ms", wav(formatChunk(1, 1, 8000, 16), chunk("data", make([]byte, 318)))},
		{"liar.wav", "without samples", wav(formatChunk(1, 1, 8000, 16), huge)},
		{"many.wav", "without samples", wav(make([]byte, 8*(maxChunks+5)))},
	} {
		_, err := p.Read(k.name, k.file)
		var bad *BadFile
		if !errors.As(err, &bad) {
			t.Errorf("%s: %v", k.name, err)
			continue
		}
		if bad.Name != k.name || !strings.Contains(bad.Why, k.why) || bad.Cure == "" {
			t.Errorf("%s: %v; want %q in it", k.name, err, k.why)
		}
	}
}

func TestFilesAreLoadedFromDisk(t *testing.T) {
	p, _, _ := newPlayer(t)
	path := filepath.Join(t.TempDir(), "prompt.wav")
	if _, err := p.Load(path); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("a missing file: %v", err)
	}
	if err := os.WriteFile(path, wav(formatChunk(1, 1, 8000, 16), chunk("data", pcmBytes(sine(8000, 500, time.Second)))), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := p.Load(path)
	if err != nil || s.Length() != time.Second {
		t.Fatalf("%v, %v", s, err)
	}
	if err := os.Truncate(path, maxFile+1); err != nil {
		t.Fatal(err)
	}
	var bad *BadFile
	if _, err := p.Load(path); !errors.As(err, &bad) || !strings.Contains(bad.Why, "64 MB") {
		t.Errorf("a huge file: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(wav(formatChunk(1, 1, 8000, 16), chunk("data", make([]byte, 1000))))
	f.Add(wav(formatChunk(6, 1, 16000, 8), chunk("LIST", []byte("x")), chunk("data", make([]byte, 999))))
	f.Add(wav(formatChunk(0xfffe, 1, 8000, 16, extensible(7)...)))
	p, _, m := newPlayer(f)
	defer m.Close()
	f.Fuzz(func(t *testing.T, file []byte) {
		s, err := p.Read("fuzz", file)
		if err != nil {
			var bad *BadFile
			if !errors.As(err, &bad) || bad.Why == "" || bad.Cure == "" {
				t.Fatalf("%v", err)
			}
			return
		}
		if len(s.pcm) > len(file) {
			t.Fatalf("%d samples out of %d bytes", len(s.pcm), len(file))
		}
		track, err := s.track(variantOf(formatA))
		if err != nil {
			t.Fatal(err)
		}
		for i := range track.frames {
			if len(track.frame(i)) == 0 {
				t.Fatalf("frame %d of %d is empty", i, len(track.frames))
			}
		}
	})
}
