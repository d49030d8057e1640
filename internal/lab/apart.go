package lab

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// insideApart marks the process that Apart started.
const insideApart = "CORDBOARD_LAB_APART"

// Apart runs the test that calls it once more, alone, in a process whose network namespace holds nothing but a loopback
// of its own; there it returns true. To the caller outside it returns false when that process has ended, its failure
// being the test's. The namespace goes with the process, however it ends. Tests that may not make one are skipped.
//
//	func TestX(t *testing.T) {
//		if !lab.Apart(t) {
//			return
//		}
//		…
func Apart(t *testing.T) bool {
	t.Helper()
	if os.Getenv(insideApart) == t.Name() {
		if err := configureLoopback(); err != nil {
			t.Fatal(err)
		}
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	if strings.Contains(t.Name(), "/") {
		t.Fatal("only a whole test can run apart")
	}
	if f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0); err != nil {
		t.Skipf("no TUN devices here: %v", err)
	} else {
		_ = f.Close()
	}
	// What runs there waits for packets most of the time, so more of it may run at once than there are processors.
	args := []string{"-test.run", "^" + t.Name() + "$", "-test.v", "-test.count=1", "-test.parallel=32"}
	if deadline, ok := t.Deadline(); ok {
		args = append(args, "-test.timeout", time.Until(deadline).String())
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), insideApart+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	runtime.LockOSThread() // the process is to die with its parent, which for the kernel is a thread
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		t.Skipf("no network namespace may be made here: %v", err)
	}
	for lines := bufio.NewScanner(output); lines.Scan(); {
		t.Log(lines.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("apart: %v", err)
	}
	return false
}

// Room is another network namespace, for a peer at the far end of a line. What is opened within Do belongs to it.
type Room struct {
	work chan func()
	done chan struct{}
}

// newRoom makes a namespace. It lives on a thread that no other goroutine uses and that ends with it.
func newRoom() (*Room, error) {
	r := &Room{work: make(chan func()), done: make(chan struct{})}
	made := make(chan error)
	go func() {
		defer close(r.done)
		runtime.LockOSThread() // never unlocked: the thread must not serve others in the wrong namespace
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			made <- fmt.Errorf("make a network namespace: %w", err)
			return
		}
		made <- configureLoopback()
		for f := range r.work {
			f()
		}
	}()
	if err := <-made; err != nil {
		close(r.work)
		<-r.done
		return nil, err
	}
	return r, nil
}

// Do runs f in the room. Sockets that f opens itself, not in goroutines of its own, stay in the room for good.
func (r *Room) Do(f func()) {
	done := make(chan struct{})
	r.work <- func() {
		defer close(done)
		f()
	}
	<-done
}

func (r *Room) close() {
	close(r.work)
	<-r.done
}

func configureLoopback() error { return raise("lo", [4]byte{127, 0, 0, 1}, 8) }

// raise gives an interface an address and switches it on, in the namespace of the calling thread.
func raise(name string, address [4]byte, prefix int) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("raise %s: %w", name, err)
	}
	defer unix.Close(fd)
	for _, step := range []struct {
		request uint
		set     func(*unix.Ifreq) error
	}{
		{unix.SIOCSIFADDR, func(r *unix.Ifreq) error { return r.SetInet4Addr(address[:]) }},
		{unix.SIOCSIFNETMASK, func(r *unix.Ifreq) error { return r.SetInet4Addr(net.CIDRMask(prefix, 32)) }},
		{unix.SIOCSIFFLAGS, func(r *unix.Ifreq) error { r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING); return nil }},
	} {
		request, err := unix.NewIfreq(name)
		if err == nil {
			err = step.set(request)
		}
		if err == nil {
			err = unix.IoctlIfreq(fd, step.request, request)
		}
		if err != nil {
			return fmt.Errorf("raise %s: %w", name, err)
		}
	}
	return nil
}

// openTUN makes an interface whose packets come and go through a file, in the namespace of the calling thread.
func openTUN(name string, address [4]byte, prefix int) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open a TUN device: %w", err)
	}
	request, err := unix.NewIfreq(name)
	if err == nil {
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err == nil {
		err = raise(name, address, prefix)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("make TUN device %s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil // known to the runtime's poller, as it does not block
}
