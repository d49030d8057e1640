package sound

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/cordboard/cordboard/rtp"
)

// Bounds of a file: an hour of 16 kHz would be 115 MB.
const (
	maxFile   = 64 << 20 // bytes
	maxChunks = 1000
)

// BadFile is a WAV file that cannot be played: which, why, and what to do about it.
type BadFile struct{ Name, Why, Cure string }

func (b *BadFile) Error() string { return fmt.Sprintf("%s: %s; %s", b.Name, b.Why, b.Cure) }

// Load reads a WAV file: 8000 or 16000 Hz, mono, 16-bit PCM, A-law or µ-law, up to 64 MB. The error is a *BadFile when
// the file could be read but not played.
func (p *Player) Load(path string) (*Sound, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open sound: %w", err)
	}
	defer f.Close()
	wav, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read sound %s: %w", path, err)
	}
	return p.Read(path, wav)
}

// Read makes a sound of the text of a WAV file; name is for messages and SourceName.
func (p *Player) Read(name string, wav []byte) (*Sound, error) {
	if len(wav) > maxFile {
		return nil, &BadFile{name, fmt.Sprintf("more than %d MB", maxFile>>20), "cut it, a caller waits minutes, not hours"}
	}
	form, data, err := parseWAV(wav)
	if err != nil {
		return nil, &BadFile{name, err.Error(), "save it anew as WAV, for example: " + soxCure(name)}
	}
	if why := form.unplayable(); why != "" {
		return nil, &BadFile{name, why, "convert it: " + soxCure(name)}
	}
	pcm, err := p.samplesOf(form, data)
	if err != nil {
		return nil, &BadFile{name, err.Error(), "convert it: " + soxCure(name)}
	}
	if len(pcm) < form.rate/ticksPerSecond {
		return nil, &BadFile{name, fmt.Sprintf("less than %v of sound", rtp.Tick), "record something to be heard"}
	}
	return p.FromPCM(name, form.rate, pcm), nil
}

func soxCure(name string) string {
	return fmt.Sprintf("sox %q -r 16000 -c 1 -b 16 -e signed-integer new.wav", name)
}

// wavFormat is a fmt chunk.
type wavFormat struct {
	tag      uint16
	channels int
	rate     int
	bits     int
}

// Format tags (RFC 2361).
const (
	tagPCM        = 1
	tagALaw       = 6
	tagMuLaw      = 7
	tagExtensible = 0xfffe // the real tag begins the sub-format's GUID
)

// unplayable says why a well-formed file cannot be played; empty: it can.
func (f wavFormat) unplayable() string {
	switch {
	case f.channels != 1:
		return fmt.Sprintf("%d channels, only mono is played", f.channels)
	case f.rate != 8000 && f.rate != 16000:
		return fmt.Sprintf("%d Hz, only 8000 and 16000 are played", f.rate)
	case f.tag == tagPCM && f.bits != 16:
		return fmt.Sprintf("%d-bit PCM, only 16-bit is played", f.bits)
	case (f.tag == tagALaw || f.tag == tagMuLaw) && f.bits != 8:
		return fmt.Sprintf("G.711 with %d bits a sample, which is none", f.bits)
	case f.tag != tagPCM && f.tag != tagALaw && f.tag != tagMuLaw:
		return fmt.Sprintf("encoding %#04x, only PCM, A-law and µ-law are played", f.tag)
	}
	return ""
}

// parseWAV finds the format and the samples. The lengths in a file are claims: a data chunk that says more than there is
// (a recording that was cut off, or a stream's 0xffffffff) ends with the file.
func parseWAV(wav []byte) (form wavFormat, data []byte, err error) {
	if len(wav) < 12 || !bytes.Equal(wav[:4], []byte("RIFF")) || !bytes.Equal(wav[8:12], []byte("WAVE")) {
		return form, nil, errors.New("not a WAV file")
	}
	rest := wav[12:]
	haveFormat := false
	for range maxChunks {
		if len(rest) < 8 {
			break
		}
		id, size := string(rest[:4]), int64(binary.LittleEndian.Uint32(rest[4:]))
		rest = rest[8:]
		body := rest[:min(size, int64(len(rest)))]
		switch id {
		case "fmt ":
			if form, err = parseFormat(body); err != nil {
				return form, nil, err
			}
			haveFormat = true
		case "data":
			if !haveFormat {
				return form, nil, errors.New("the samples come before their format")
			}
			return form, body, nil
		}
		rest = rest[min(size+size&1, int64(len(rest))):] // chunks are padded to even lengths
	}
	return form, nil, errors.New("a WAV file without samples")
}

func parseFormat(body []byte) (wavFormat, error) {
	if len(body) < 16 {
		return wavFormat{}, errors.New("a format chunk that is too short")
	}
	f := wavFormat{
		tag:      binary.LittleEndian.Uint16(body),
		channels: int(binary.LittleEndian.Uint16(body[2:])),
		rate:     int(binary.LittleEndian.Uint32(body[4:])),
		bits:     int(binary.LittleEndian.Uint16(body[14:])),
	}
	if f.tag == tagExtensible && len(body) >= 26 {
		f.tag = binary.LittleEndian.Uint16(body[24:])
	}
	return f, nil
}

// samplesOf gives the PCM of a playable file.
func (p *Player) samplesOf(form wavFormat, data []byte) ([]int16, error) {
	switch form.tag {
	case tagALaw:
		return p.expand(rtp.PCMA, data)
	case tagMuLaw:
		return p.expand(rtp.PCMU, data)
	}
	pcm := make([]int16, len(data)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(data[2*i:]))
	}
	return pcm, nil
}

// expand decodes G.711, which knows no rate of its own: 160 bytes are a packet, whatever they last.
func (p *Player) expand(codec rtp.Codec, data []byte) ([]int16, error) {
	const step = 160
	d, err := p.coders.NewDecoder(&rtp.Format{Codec: codec, Ptime: 20 * time.Millisecond}, 8000)
	if err != nil {
		return nil, err
	}
	pcm := make([]int16, len(data))
	for i := 0; i < len(data); i += step {
		end := min(i+step, len(data))
		if _, err := d.Decode(pcm[i:end:end], data[i:end]); err != nil {
			return nil, err
		}
	}
	return pcm, nil
}
