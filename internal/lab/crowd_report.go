package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Glance is what a gateway had used at some moment.
type Glance struct {
	CPU        time.Duration `json:"cpu_ns"` // since it began
	RSS        int64         `json:"rss_kb"`
	Switches   int64         `json:"voluntary_switches"` // of all its threads: times that one of them went to sleep
	Goroutines int64         `json:"goroutines"`
	Heap       int64         `json:"heap_bytes"`
	Stacks     int64         `json:"stack_bytes"`
}

// CrowdReport is what a crowd has measured.
type CrowdReport struct {
	Wanted     int           `json:"wanted"`
	Registered int           `json:"registered"`
	Failed     int           `json:"failed"`
	FirstError string        `json:"first_error,omitempty"`
	Window     float64       `json:"window_s"`
	KeptAlive  int           `json:"keep_alives"` // OPTIONS that the crowd answered in the window
	Before     Glance        `json:"before"`
	Entered    Glance        `json:"entered"` // two seconds after the last registration
	Rested     Glance        `json:"rested"`  // after the window
	Refreshed  time.Duration `json:"refreshed_cpu_ns"`
}

// String is the report for people.
func (r *CrowdReport) String() string {
	n := float64(max(r.Registered, 1))
	each := func(a, b int64) float64 { return float64(b-a) / n }
	micro := func(d time.Duration) float64 { return float64(d.Microseconds()) / n }
	rest := r.Rested.CPU - r.Entered.CPU
	return fmt.Sprintf(`crowd of %d: registered %d, failed %d %s
  each: RSS %.1f kB, heap %.1f kB, stacks %.1f kB, goroutines %.2f
  each: CPU to come in and register %.0f us, to register again %.0f us
  at rest %.0f s: %d keep-alives, %.2f %% of a CPU, %.0f us a keep-alive, %.0f wake-ups a second, RSS %d kB in all
`, r.Wanted, r.Registered, r.Failed, r.FirstError,
		each(r.Before.RSS, r.Entered.RSS), each(r.Before.Heap, r.Rested.Heap)/1024, each(r.Before.Stacks, r.Rested.Stacks)/1024,
		each(r.Before.Goroutines, r.Rested.Goroutines),
		micro(r.Entered.CPU-r.Before.CPU), micro(r.Refreshed),
		r.Window, r.KeptAlive, 100*rest.Seconds()/r.Window, float64(rest.Microseconds())/float64(max(r.KeptAlive, 1)),
		float64(r.Rested.Switches-r.Entered.Switches)/r.Window, r.Rested.RSS)
}

// JSON is the report for programs.
func (r *CrowdReport) JSON() ([]byte, error) { return json.MarshalIndent(r, "", "  ") }

// scrape reads the figures without labels of a Prometheus page; none when it cannot be had.
func scrape(url string) map[string]float64 {
	figures := map[string]float64{}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return figures
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	page, err := client.Do(r)
	if err != nil {
		return figures
	}
	defer page.Body.Close()
	lines := bufio.NewScanner(page.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			figures[name] = v
		}
	}
	return figures
}
