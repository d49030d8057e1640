package sound

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/rtp"
)

func TestAPromptIsPlayedOnceAndSaysWhenItIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _, m := newPlayer(t)
		defer m.Close()
		s := p.FromPCM("prompt", 16000, sine(16000, 700, 1010*time.Millisecond))
		for _, f := range formats {
			e := newEar(t, f)
			play := s.Play()
			if play.SourceName() != "prompt" {
				t.Errorf("name %q", play.SourceName())
			}
			began := time.Now()
			stop := play.Listen(e, f)
			time.Sleep(900 * time.Millisecond)
			select {
			case <-play.Done():
				t.Fatal("over too soon")
			default:
			}
			<-play.Done()
			if took := time.Since(began); took < 1010*time.Millisecond || took > 1070*time.Millisecond {
				t.Errorf("%s: a prompt of 1.01 s took %v", f.Codec.Name, took)
			}
			time.Sleep(time.Second)
			stop()
			stop()
			if packets, _ := e.heard(t); len(packets) != 51 {
				t.Errorf("%s: %d packets, want 51", f.Codec.Name, len(packets))
			}
		}
	})
}

func TestAPromptGoesOnForItsSecondListening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _, m := newPlayer(t)
		defer m.Close()
		play := p.FromPCM("prompt", 8000, sine(8000, 700, time.Second)).Play()
		e := newEar(t, formatA)
		stop := play.Listen(e, formatA)
		time.Sleep(400 * time.Millisecond)
		stop()
		time.Sleep(time.Hour)
		stop = play.Listen(e, formatA)
		<-play.Done()
		stop()
		if packets, _ := e.heard(t); len(packets) != 50 {
			t.Errorf("%d packets, want 50", len(packets))
		}
	})
}

func TestWelcomeAndThenMusic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _, m := newPlayer(t)
		defer m.Close()
		music := p.FromPCM("music", 8000, sine(8000, 300, time.Second)).Shared()
		play := p.FromPCM("welcome", 8000, sine(8000, 900, time.Second)).PlayThen(music)
		e := newEar(t, formatA)
		stop := play.Listen(e, formatA)
		<-play.Done()
		time.Sleep(time.Second)
		stop()
		packets, pcm := e.heard(t)
		n := len(packets)
		time.Sleep(time.Second)
		if later, _ := e.heard(t); len(later) != n {
			t.Error("the music goes on after stop")
		}
		if l := tone(pcm[:7800], 900); l < -13 {
			t.Errorf("the welcome is at %.1f dB", l)
		}
		if l := tone(pcm[8200:], 300); l < -14 || n < 98 {
			t.Errorf("the music is at %.1f dB, %d packets in all", l, n)
		}
		// A listener who comes after the welcome hears the music at once.
		late := newEar(t, formatA)
		stop = play.Listen(late, formatA)
		time.Sleep(500 * time.Millisecond)
		stop()
		if _, pcm := late.heard(t); tone(pcm, 300) < -14 {
			t.Error("no music for a late listener")
		}
	})
}

func TestAPromptStoppedAtAnyMomentDeliversNothingMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _, m := newPlayer(t)
		defer m.Close()
		music := p.FromPCM("music", 8000, sine(8000, 300, time.Second)).Loop()
		s := p.FromPCM("welcome", 8000, sine(8000, 900, 100*time.Millisecond))
		for after := time.Duration(0); after < 200*time.Millisecond; after += 3 * time.Millisecond {
			play := s.PlayThen(music)
			e := newEar(t, formatA)
			stop := play.Listen(e, formatA)
			time.Sleep(after)
			stop()
			packets, _ := e.heard(t)
			time.Sleep(300 * time.Millisecond)
			if later, _ := e.heard(t); len(later) != len(packets) {
				t.Fatalf("stopped after %v: %d packets more", after, len(later)-len(packets))
			}
		}
	})
}

// mute are coders that can encode nothing.
type mute struct{ rtp.Coders }

func (mute) NewEncoder(*rtp.Format, int) (rtp.Encoder, error) {
	return nil, errors.New("no such codec")
}

func TestAPromptInACodecWeCannotEncodeIsOverInItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c, m := newPlayer(t)
		defer m.Close()
		p.coders = mute{c}
		music := p.FromPCM("music", 8000, sine(8000, 300, time.Second)).Shared()
		play := p.FromPCM("prompt", 8000, sine(8000, 700, time.Second)).PlayThen(music)
		e := newEar(t, formatA)
		began := time.Now()
		stop := play.Listen(e, formatA)
		<-play.Done()
		if took := time.Since(began); took < time.Second || took > 1050*time.Millisecond {
			t.Errorf("took %v", took)
		}
		time.Sleep(time.Second)
		stop()
		if packets, _ := e.heard(t); len(packets) != 0 {
			t.Errorf("%d packets", len(packets))
		}
	})
}
