package lab

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// figureheads describe themselves as if they had sound: a socket that nobody reads or writes. So signalling can be measured
// alone; ICE and DTLS begin and do not get far.
type figureheads struct {
	fd          int
	addr        netip.AddrPort
	fingerprint string
	lips        *Mouth // nothing is said or heard; one of each is enough for all
	hearing     *Ear
}

func openFigureheads(fingerprint string) (*figureheads, error) {
	ip := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	fd, port, err := udpSocket(ip, 0)
	if err != nil {
		return nil, err
	}
	return &figureheads{fd: fd, addr: netip.AddrPortFrom(ip, uint16(port)), fingerprint: fingerprint, lips: newMouth(1), hearing: newEar()}, nil
}

func (f *figureheads) close() { _ = unix.Close(f.fd) }

func (f *figureheads) open(formats []Format) (media, error) { return &figurehead{f, formats}, nil }

// figurehead is the sound that one call pretends to have.
type figurehead struct {
	*figureheads
	formats []Format
}

func (f *figurehead) offer(string) (string, error) {
	return writeSDP(f.addr, 1, f.formats, "sendrecv"), nil
}

func (f *figurehead) answer(offer string) (string, error) {
	d, err := readSDP(offer)
	if err != nil {
		return "", err
	}
	both := common(f.formats, d.formats)
	if len(both) == 0 {
		return "", errNoCommonCodec
	}
	if !strings.Contains(offer, "a=fingerprint:") {
		return writeSDP(f.addr, 1, both[:1], "sendrecv"), nil
	}
	theirs, err := readRTC(offer)
	if err != nil {
		return "", err
	}
	ours := rtcDescription{ufrag: token(8), pwd: token(24), fingerprint: f.fingerprint, setup: "active", mid: theirs.mid,
		bundle: theirs.bundle, protocol: theirs.protocol}
	return ours.write(f.addr, both[:1]), nil
}

func (f *figurehead) accept(string, bool) error { return nil }
func (f *figurehead) mouth() *Mouth             { return f.lips }
func (f *figurehead) ear() *Ear                 { return f.hearing }
func (f *figurehead) close()                    {}

// signal places calls at the rate, each to the next agent, and ends each as soon as it is answered.
func (l *load) signal(ctx context.Context) error {
	r := l.report
	n := int(l.Rate * l.Window.Seconds())
	r.Calls = n
	calls := make([]signalled, n)
	var wg sync.WaitGroup
	resting, _ := machine()
	before, ours, began := processes(l.PIDs), self(), time.Now()
	for i := range n {
		due := began.Add(time.Duration(float64(i) / l.Rate * float64(time.Second)))
		if err := pause(ctx, time.Until(due)); err != nil {
			return err
		}
		wg.Go(func() { calls[i].run(ctx, l, i) })
	}
	wg.Wait()
	took := time.Since(began)
	if err := pause(ctx, 300*time.Millisecond); err != nil { // what is done after the last 200 counts too
		return err
	}
	used := processes(l.PIDs).cpu - before.cpu
	rested, cpus := machine()
	r.Window = took.Seconds()
	r.Generator.Cores = (self() - ours).Seconds() / took.Seconds()
	r.Generator.Machine = float64(cpus) - (rested-resting).Seconds()/(took+300*time.Millisecond).Seconds()
	for i := range calls {
		calls[i].tell(l, i)
	}
	r.Setup, r.Answer, r.Own = spread(r.setup), spread(r.answer), spread(r.own)
	if r.Established > 0 {
		r.Rate = float64(r.Established) / took.Seconds()
		r.CPU.Cores = used.Seconds() / took.Seconds()
		r.CPU.PerSignalled = used.Seconds() * 1000 / float64(r.Established)
	}
	return nil
}

// signalled is one call without sound.
type signalled struct {
	setup time.Duration // INVITE to 200; 0: failed
	err   error
}

// caller is the number that the i-th call comes from.
func caller(i int) string { return fmt.Sprintf("+4930%07d", i) }

func (s *signalled) run(ctx context.Context, l *load, i int) {
	patience, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	began := time.Now()
	c, err := l.trunk.Call(ctx, l.Dial(l.User(i%l.LoadOptions.Calls)), CallOptions{From: caller(i)})
	if err != nil {
		s.err = err
		return
	}
	defer l.trunk.Forget(c)
	select {
	case <-c.Answered():
	case <-c.Ended():
		s.err = fmt.Errorf("%s, responses %s", c.End(), c.statuses())
		return
	case <-patience.Done():
		c.Cancel()
		s.err = fmt.Errorf("not answered; responses %s", c.statuses())
		return
	}
	if ok := accepted(c); ok != nil {
		s.setup = ok.At.Sub(began)
	}
	s.err = c.Bye(patience)
}

func (s *signalled) tell(l *load, i int) {
	r := l.report
	if s.err != nil {
		r.fail(fmt.Sprintf("call %d: %v", i, s.err))
	}
	if s.setup == 0 {
		r.Failed++
		return
	}
	r.Established++
	ms := s.setup.Seconds() * 1000
	r.setup = append(r.setup, ms)
	if took, known := l.answered.Load(caller(i)); known {
		if took, ok := took.(time.Duration); ok {
			r.answer = append(r.answer, took.Seconds()*1000)
			r.own = append(r.own, ms-took.Seconds()*1000)
		}
	}
}

// callerOf is the user part of a request's From.
func callerOf(m *Message) string {
	_, address := cutScheme(uriOf(m.Get("from")))
	user, _, _ := strings.Cut(address, "@")
	return user
}
