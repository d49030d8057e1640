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
		want := []int{0, 25, 18, 12, 9}
		if got := slices.Compact(told); !slices.Equal(got, slices.Compact(want)) {
			t.Errorf("the encoder was told %v, want %v", got, want)
		}
		core.Close()
		m.Close()
	})
}

// A far side without RTCP is common enough. What we lose of its packets is the best guess at what it loses of ours.
func TestTheEncoderExpectsTheLossThatWeHaveOurselvesUntilTheFarSideReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMetronome(1)
		var told []int
		core := NewCore(CoreConfig{StreamConfig: StreamConfig{Write: func([]byte) error { return nil }, Metronome: m, Coders: waryCoders{told: &told}}})
		core.SetFormats(testOpus, map[uint8]*Format{8: testPCMA}, SendRecv)
		v := newVoice("narrow", testPCMA, 1, 1, 1)
		core.Out().Hear(v)
		raw, sequence := make([]byte, headerSize+160), uint16(0)
		interval := func(lost uint16) { // between two reports of ours
			for i := range uint16(20) {
				if sequence++; i%20 >= 10 && i%20 < 10+lost {
					continue
				}
				h := header{payload: 8, ssrc: 2, sequence: sequence, timestamp: 160 * uint32(sequence)}
				h.put(raw)
				core.Receive(raw, time.Now())
			}
			core.Report(time.Now())
			v.sing(5, nil)
			synctest.Wait()
		}
		interval(0)
		interval(5)
		interval(0)
		report, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{SSRC: core.Out().SSRC()}}}})
		if err != nil || !core.ReceiveControl(report, time.Now()) {
			t.Fatal(err)
		}
		interval(5) // it has said that it loses nothing
		if got, want := slices.Compact(told), []int{0, 25, 18, 12}; !slices.Equal(got, want) {
			t.Errorf("the encoder was told %v, want %v", got, want)
		}
		core.Close()
		m.Close()
	})
}
