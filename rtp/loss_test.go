package rtp

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"
)

// waryCoders make encoders that note what loss they were told to expect.
type waryCoders struct {
	fakeCoders
	told *[]int
}

type waryEncoder struct {
	fakeEncoder
	told *[]int
}

func (c waryCoders) NewEncoder(_ *Format, rate int) (Encoder, error) {
	return waryEncoder{fakeEncoder(rate), c.told}, nil
}

func (e waryEncoder) ExpectLoss(percent int) { *e.told = append(*e.told, percent) }

func TestTheEncoderExpectsTheLossThatTheFarSideReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMetronome(1)
		var told []int
		core := NewCore(CoreConfig{StreamConfig: StreamConfig{Write: func([]byte) error { return nil }, Metronome: m, Coders: waryCoders{told: &told}}})
		core.SetFormats(testOpus, map[uint8]*Format{8: testPCMA}, SendRecv)
		v := newVoice("narrow", testPCMA, 1, 1, 1)
		core.Out().Hear(v)
		v.sing(20, nil)
		synctest.Wait()
		if len(told) > 0 {
			t.Errorf("before any report the encoder was told %v", told)
		}
		report := func(ssrc uint32, lost uint8) {
			raw, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{SSRC: ssrc, FractionLost: lost}}}})
			if err != nil || !core.ReceiveControl(raw, time.Now()) {
				t.Fatal(err)
			}
			v.sing(5, nil)
			synctest.Wait()
		}
		report(core.Out().SSRC()+1, 200) // somebody else's stream
		for range 9 {
			report(core.Out().SSRC(), 0)
		}
		report(core.Out().SSRC(), 64) // a quarter
		for range 3 {
			report(core.Out().SSRC(), 3)
		}
		want := []int{7, 5, 3, 2, 2, 1, 0, 25, 18, 12, 9}
		if got := slices.Compact(told); !slices.Equal(got, slices.Compact(want)) {
			t.Errorf("the encoder was told %v, want %v", got, want)
		}
		core.Close()
		m.Close()
	})
}
