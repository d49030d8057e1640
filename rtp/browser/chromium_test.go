package browser

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/rtp"
)

// page is all a real browser needs: it calls or is called, holds and resumes, and reports what it heard.
const page = `<script>
const q = new URLSearchParams(location.search);
const post = async (path, body) => (await fetch(path, {method: 'POST', body})).text();
const wait = ms => new Promise(r => setTimeout(r, ms));
(async () => {
  const pc = new RTCPeerConnection();
  const sound = await navigator.mediaDevices.getUserMedia({audio: true});
  pc.addTrack(sound.getAudioTracks()[0], sound);
  pc.ontrack = e => { const a = new Audio(); a.srcObject = e.streams[0]; a.play(); };
  const they = async change => {
    const offer = await pc.createOffer({iceRestart: change === 'restart'});
    await pc.setLocalDescription(offer);
    await new Promise(r => { if (pc.iceGatheringState === 'complete') r(); pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && r(); setTimeout(r, 500); });
    let sdp = pc.localDescription.sdp;
    if (change === 'hold') sdp = sdp.replace('a=sendrecv', 'a=sendonly');
    await pc.setRemoteDescription({type: 'answer', sdp: await post('/answer', sdp)});
  };
  if (q.get('role') === 'they') await they('');
  else {
    await pc.setRemoteDescription({type: 'offer', sdp: await post('/offer', '')});
    await pc.setLocalDescription(await pc.createAnswer());
    await wait(200);
    await post('/accept', pc.localDescription.sdp);
  }
  const heard = async () => { let x = {}; (await pc.getStats()).forEach(s => {
    if (s.type === 'inbound-rtp') x = {packets: s.packetsReceived, lost: s.packetsLost, energy: s.totalAudioEnergy, samples: s.totalSamplesReceived, concealed: s.concealedSamples};
    if (s.type === 'remote-inbound-rtp') x.trip = s.roundTripTime; if (s.type === 'transport') { x.srtp = s.srtpCipher; x.dtls = s.dtlsState; } }); return x; };
  await wait(2500);
  const first = await heard();
  await they('hold'); await wait(300); await they(''); await wait(500);
  await they('restart'); await wait(2500);
  await post('/report', JSON.stringify({first, last: await heard(), state: pc.connectionState}));
})().catch(e => post('/failed', String(e) + ' ' + e.stack));
</script>`

type heardByChromium struct {
	Packets, Samples, Concealed, Lost float64
	Energy, Trip                      float64
	SRTP, DTLS                        string
}

func TestARealChromiumCallsAndIsCalled(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil || testing.Short() {
		t.Skip("no chromium here")
	}
	for _, role := range []string{"they", "we"} {
		for _, codec := range []rtp.Codec{rtp.PCMA, rtp.Opus} {
			t.Run(role+" call in "+codec.Name, func(t *testing.T) {
				n := house(t, Timers{})
				s := session(t, n, codec)
				s.Out().Hear(s)
				report, address := serve(t, s)
				ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
				defer cancel()
				c := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
					"--disable-background-networking", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
					"--autoplay-policy=no-user-gesture-required", "--disable-features=WebRtcHideLocalIpsWithMdns", "--allow-loopback-in-peer-connection", "--user-data-dir="+profileDir(t), "--remote-debugging-port=0",
					address+"/?role="+role)
				c.WaitDelay = 5 * time.Second
				if err := c.Start(); err != nil {
					t.Skip("chromium does not start:", err)
				}
				defer func() { cancel(); _ = c.Wait() }()
				select {
				case raw := <-report:
					judge(t, raw, s)
				case <-ctx.Done():
					t.Fatal("chromium never reported")
				}
			})
		}
	}
}

func serve(t *testing.T, s *Session) (report chan string, address string) {
	t.Helper()
	report = make(chan string, 2)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, page)
	})
	exchange := func(path string, f func([]byte) ([]byte, error)) {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if dir := os.Getenv("CORDBOARD_SDP_DIR"); dir != "" { // to look at, or to keep as seeds
				_ = os.WriteFile(dir+strings.ReplaceAll(path+"-"+t.Name(), "/", "_")+".sdp", body, 0o600)
			}
			out, err := f(body)
			if err != nil {
				report <- path + ": " + err.Error()
				return
			}
			_, _ = w.Write(out)
		})
	}
	exchange("/answer", s.Answer)
	exchange("/offer", func([]byte) ([]byte, error) { return s.Offer() })
	exchange("/accept", func(b []byte) ([]byte, error) { return nil, s.Accept(b) })
	for _, path := range []string{"/report", "/failed"} {
		exchange(path, func(b []byte) ([]byte, error) { report <- string(b); return nil, nil })
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return report, server.URL
}

func judge(t *testing.T, raw string, s *Session) {
	t.Helper()
	var r struct {
		First, Last heardByChromium
		State       string
	}
	if err := json.Unmarshal([]byte(raw), &r); err != nil {
		t.Fatal(raw)
	}
	t.Log(raw, s.Quality())
	if r.State != "connected" || r.First.Packets < 50 || r.First.Energy <= 0 || r.Last.Packets < r.First.Packets+100 {
		t.Fatal("chromium did not hear its own voice; ICE here is ", stateOf(s), " and ends ", s.Err())
	}
	if !strings.HasSuffix(r.Last.SRTP, "AEAD_AES_128_GCM") {
		t.Fatal("the cipher is", r.Last.SRTP)
	}
	if q := s.Quality(); q.Received < 150 || q.Lost > q.Received/50 {
		t.Fatalf("we heard badly: %+v", q)
	}
}

// profileDir is a folder for the browser's profile. Its last child processes may still write to it for a moment when the
// browser has ended; what cannot be removed then is left to the system's own sweeping.
func profileDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cordboard-chromium-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
