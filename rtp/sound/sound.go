package sound

import (
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/rtp"
)

// Player makes sounds that are paced by one metronome. It is safe for concurrent use.
type Player struct {
	coders    rtp.Coders
	metronome *rtp.Metronome
	log       *zap.Logger
}

// Coders are coders that know how to encode once what is heard many times. *codec.Coders is one.
type Coders interface{ Recorded() rtp.Coders }

// NewPlayer makes a player. log hears of formats that a sound cannot be encoded in.
func NewPlayer(coders Coders, metronome *rtp.Metronome, log *zap.Logger) *Player {
	return &Player{coders: coders.Recorded(), metronome: metronome, log: log}
}

// Sound is a piece of mono PCM that is played as it is, and its encodings. It never changes and is safe for concurrent use.
type Sound struct {
	player *Player
	name   string
	rate   int // Hz: 8000 or 16000
	pcm    []int16

	mu     sync.Mutex
	tracks map[variant]*track // guarded by mu
}

// FromPCM makes a sound of samples at 8000 or 16000 Hz, which belong to the sound from now on.
func (p *Player) FromPCM(name string, rate int, pcm []int16) *Sound {
	return &Sound{player: p, name: name, rate: rate, pcm: pcm, tracks: map[variant]*track{}}
}

// Name is what SourceName says of the sound.
func (s *Sound) Name() string { return s.name }

// Length is how long the sound lasts, once.
func (s *Sound) Length() time.Duration {
	return time.Duration(len(s.pcm)) * time.Second / time.Duration(s.rate)
}

// variant is one way to encode a sound. Formats that differ in payload numbers only share one.
type variant struct {
	codec      rtp.Codec
	ticks      int // rtp.Tick in a packet
	maxAverage int
}

// Opus packets hold one to three ticks; G.711 and G.722 do likewise, so that all packets are well below any MTU.
const maxTicks = 3

func variantOf(f *rtp.Format) variant {
	return variant{codec: f.Codec, ticks: min(max(int(f.Ptime/rtp.Tick), 1), maxTicks), maxAverage: f.MaxAverage}
}

// track finds the sound's encoding for a listener.
func (s *Sound) track(v variant) (*track, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.tracks[v]; t != nil {
		return t, nil
	}
	t := &track{sound: s, variant: v, size: v.ticks * s.rate / ticksPerSecond}
	t.frames = make([][]byte, (len(s.pcm)+t.size-1)/t.size)
	if err := t.restart(0); err != nil {
		return nil, err
	}
	s.tracks[v] = t
	return t, nil
}

const ticksPerSecond = int(time.Second / rtp.Tick)

// track is a sound in one encoding: a frame is encoded when somebody first hears it, and kept.
type track struct {
	sound   *Sound
	variant variant
	size    int // samples in a frame

	mu      sync.Mutex
	frames  [][]byte    // guarded by mu; nil: not encoded yet. What is in it never changes.
	encoder rtp.Encoder // guarded by mu
	next    int         // guarded by mu: the frame that the encoder's state belongs before
	payload [maxPayload]byte
	pcm     []int16 // guarded by mu: the last frame, filled up with silence
}

// maxPayload is more than 60 ms need in any codec (480 bytes in G.711).
const maxPayload = 1500

// frame gives one encoded frame; nil when it cannot be encoded.
func (t *track) frame(i int) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.frames[i] != nil {
		return t.frames[i]
	}
	if i != t.next && t.restart(i) != nil {
		return nil
	}
	t.next = i + 1
	n, err := t.encoder.Encode(t.payload[:], t.samples(i))
	if err != nil {
		return nil
	}
	t.frames[i] = append([]byte(nil), t.payload[:n]...)
	return t.frames[i]
}

// restart takes a new encoder when the listeners are not where the last one was.
func (t *track) restart(at int) (err error) {
	f := &rtp.Format{Codec: t.variant.codec, Ptime: time.Duration(t.variant.ticks) * rtp.Tick, MaxAverage: t.variant.maxAverage}
	t.encoder, err = t.sound.player.coders.NewEncoder(f, t.sound.rate)
	t.next = at
	return err
}

// samples are those of one frame; the last one is filled up with silence.
func (t *track) samples(i int) []int16 {
	from, to := i*t.size, (i+1)*t.size
	if to <= len(t.sound.pcm) {
		return t.sound.pcm[from:to]
	}
	if t.pcm == nil {
		t.pcm = make([]int16, t.size)
	}
	clear(t.pcm[copy(t.pcm, t.sound.pcm[from:]):])
	return t.pcm
}
