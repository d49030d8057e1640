package rtp

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// kernelAlarm waits for a timer of the kernel as for a socket. A goroutine that the runtime's own timer wakes goes on in
// the time slice that was begun before it slept. So its thread seems to run without end, and when the runtime's monitor
// finds it in libopus, it takes the processor away and then looks every 20 us for the next such case: of a call that is
// transcoded that was a fifth. One that the poller wakes begins a slice of its own, wakes no second thread to look for
// more work, and comes without the rounding of Go's timers to the millisecond.
type kernelAlarm struct {
	file  *os.File
	fd    int
	timer syscall.RawConn
	read  func(fd uintptr) (done bool)
	rung  atomic.Bool
	using sync.RWMutex // held for reading by ring, since the number of a closed descriptor may be somebody else's
	ended bool         // guarded by using
}

func newKernelAlarm() (*kernelAlarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	a := &kernelAlarm{file: os.NewFile(uintptr(fd), "metronome"), fd: fd, read: expired}
	if a.timer, err = a.file.SyscallConn(); err != nil {
		return nil, fmt.Errorf("wait for a timer: %w", err)
	}
	return a, nil
}

// expired takes note that the timer has fired, if it has.
func expired(fd uintptr) bool {
	var times [8]byte
	_, _, errno := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&times)), uintptr(len(times)))
	return errno != unix.EAGAIN && errno != unix.EINTR
}

func (a *kernelAlarm) wait(d time.Duration) {
	if d >= 0 {
		a.set(d)
	}
	// Whoever rings from here on sets the timer after us.
	if !a.rung.Load() {
		_ = a.timer.Read(a.read) // fails only when closed
	}
	a.rung.Store(false)
}

// set makes the timer fire after so much time, and forgets that it has.
func (a *kernelAlarm) set(d time.Duration) {
	var in unix.ItimerSpec
	in.Value = unix.NsecToTimespec(int64(max(d, 1))) // 0 would never fire
	_, _, _ = unix.RawSyscall6(unix.SYS_TIMERFD_SETTIME, uintptr(a.fd), 0, uintptr(unsafe.Pointer(&in)), 0, 0, 0)
}

func (a *kernelAlarm) ring() {
	a.using.RLock()
	defer a.using.RUnlock()
	if !a.ended {
		a.rung.Store(true)
		a.set(0)
	}
}

func (a *kernelAlarm) close() {
	a.using.Lock()
	defer a.using.Unlock()
	a.ended = true
	_ = a.file.Close()
}
