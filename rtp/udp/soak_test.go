package udp

import (
	"runtime"
	"testing"
	"time"
)

func TestB46ManyCallsComeAndGoAndNothingIsLeft(t *testing.T) {
	b := newBench(t)
	before := runtime.NumGoroutine()
	for range 3 {
		const calls = 25
		var sessions []*Session
		var heard []ear
		for range calls {
			caller, in := b.open(Config{Name: "caller"}), b.open(Config{Name: "in"})
			out, callee := b.open(Config{Name: "out"}), b.open(Config{Name: "callee"})
			join(t, caller, in)
			join(t, out, callee)
			out.Out().Hear(in)
			in.Out().Hear(out)
			e := make(ear, 10)
			callee.Listen(e, nil)
			sessions, heard = append(sessions, caller, in, out, callee), append(heard, e)
		}
		for _, e := range heard {
			for range 5 {
				e.next(t)
			}
		}
		if n := b.ports.InUse(); n != 4*calls {
			t.Errorf("%d ports in use", n)
		}
		for _, s := range sessions {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		if n := b.ports.InUse(); n != 0 {
			t.Errorf("%d ports in use", n)
		}
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, before %d", runtime.NumGoroutine(), before)
		}
	}
}
