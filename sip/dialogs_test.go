package sip

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func TestARushOfDialogsGivesItsMemoryBack(t *testing.T) {
	table := newDialogs(prometheus.NewGauge(prometheus.GaugeOpts{Name: "dialogs"}))
	long := &Dialog{name: dialogName{"long", "tag"}}
	table.add(long)
	before := liveHeap()
	for i := range 20_000 {
		d := &Dialog{name: dialogName{fmt.Sprint(i), "tag"}}
		table.add(d)
		table.ended(d)
	}
	table.sweep(time.Now().Add(2 * rememberFor))
	if left := liveHeap() - before; left > 200<<10 {
		t.Errorf("%d kB are held for dialogs that are over", left>>10)
	}
	if table.find("long", "tag") != long || table.count() != 1 {
		t.Error("the dialog that goes on was lost")
	}
}

func liveHeap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what pools held goes with the second
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
