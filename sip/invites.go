package sip

import (
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// invites remembers the INVITEs that came in, so that each call is told of once: the same INVITE by another path (a
// carrier that fails over, a fork that merges here) is recognised, and a CANCEL that overtook its INVITE is not lost (D12).
type invites struct {
	mu      sync.Mutex
	calls   map[inviteKey]*arrival   // guarded by mu
	cancels map[cancelKey]*earlyBird // guarded by mu; CANCELs without an INVITE yet
}

// inviteKey names one attempt of one caller (RFC 3261 section 8.2.2.2). A retry with credentials has a new CSeq.
type inviteKey struct {
	callID, fromTag string
	cseq            uint32
}

// cancelKey names the INVITE that a CANCEL means (RFC 3261 section 9.1: same Request-URI, Call-ID, From, CSeq, branch).
type cancelKey struct {
	inviteKey
	branch string
}

// arrival is the first INVITE of its key. Fields are guarded by invites.mu.
type arrival struct {
	req       *sip.Request
	branch    string
	tag       string // our To tag
	d         *Dialog
	cancelled bool // a CANCEL was heard before the dialog was there
	reason    string
	status    int // of the final response; 0: none yet
	phrase    string
	since     time.Time
	forget    time.Time // zero: while the call is pending
}

type earlyBird struct {
	reason string
	forget time.Time
}

// Both tables are bounded, so that a flood of INVITEs costs the flood and not the memory.
const (
	maxArrivals   = 20000
	maxEarlyBirds = 1000
	// rememberFor is how long a finished INVITE is recognised: 64*T1, as long as its sender may repeat it.
	rememberFor = 32 * time.Second
)

func newInvites() *invites {
	return &invites{calls: map[inviteKey]*arrival{}, cancels: map[cancelKey]*earlyBird{}}
}

func keyOf(req *sip.Request) inviteKey {
	tag, _ := req.From().Params.Get("tag")
	return inviteKey{req.CallID().Value(), tag, req.CSeq().SeqNo}
}

func branchOf(req *sip.Request) string {
	via := req.Via()
	if via == nil {
		return ""
	}
	b, _ := via.Params.Get("branch")
	return b
}

// arrived notes an INVITE without a To tag. The first one of its key gets our tag written into its To here, before the
// transaction can answer it by itself: the library's own 487 must name the same dialog as our 180.
func (v *invites) arrived(req *sip.Request) {
	key, branch := keyOf(req), branchOf(req)
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, again := v.calls[key]; again || len(v.calls) >= maxArrivals {
		return
	}
	a := &arrival{req: req, branch: branch, tag: newTag(), since: time.Now()}
	if bird, ok := v.cancels[cancelKey{key, branch}]; ok {
		a.cancelled, a.reason = true, bird.reason
		delete(v.cancels, cancelKey{key, branch})
	}
	req.To().Params.Add("tag", a.tag)
	v.calls[key] = a
}

// first returns the arrival when req is the INVITE that began it, not a copy.
func (v *invites) first(req *sip.Request) (*arrival, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	a := v.calls[keyOf(req)]
	return a, a != nil && a.req == req
}

// final is the response a copy of the INVITE gets: the same refusal again, or 482 while the first one is served
// (RFC 3261 section 8.2.2.2) or has been answered. same says that it is a mere repetition of the first, by the same path.
func (v *invites) final(req *sip.Request) (status int, phrase string, same bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	a := v.calls[keyOf(req)]
	switch {
	case a == nil:
		return 503, "", false // the table was full
	case a.status >= 300:
		return a.status, a.phrase, a.branch == branchOf(req)
	}
	return 482, "", a.branch == branchOf(req)
}

// begin joins the dialog to its INVITE; cancelled says that a CANCEL was faster.
func (v *invites) begin(a *arrival, d *Dialog) (reason string, cancelled bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	a.d = d
	return a.reason, a.cancelled
}

// finish notes the final response of the INVITE (0: none was sent) and lets it be forgotten in time.
func (v *invites) finish(a *arrival, status int, phrase string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if a.forget.IsZero() {
		a.status, a.phrase, a.forget = status, phrase, time.Now().Add(rememberFor)
	}
}

// cancelArrived remembers a CANCEL whose INVITE has not been heard of.
func (v *invites) cancelArrived(req *sip.Request) {
	key := cancelKey{keyOf(req), branchOf(req)}
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, known := v.calls[key.inviteKey]; known || len(v.cancels) >= maxEarlyBirds {
		return
	}
	v.cancels[key] = &earlyBird{reason: header(req, "Reason"), forget: time.Now().Add(rememberFor)}
}

// cancelled serves a CANCEL that the transaction layer could not match. It may mean an INVITE that has been heard but is
// not with its transaction yet. The dialog is nil when the INVITE's goroutine is still to come; it will find out.
func (v *invites) cancelled(req *sip.Request) (d *Dialog, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	a := v.calls[keyOf(req)]
	if a == nil || a.branch != branchOf(req) || !a.forget.IsZero() {
		return nil, false
	}
	a.cancelled, a.reason = true, header(req, "Reason")
	return a.d, true
}

func (v *invites) sweep(now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for k, a := range v.calls {
		stillborn := a.d == nil && now.Sub(a.since) > rememberFor // refused before there was a dialog
		if stillborn || !a.forget.IsZero() && now.After(a.forget) {
			delete(v.calls, k)
		}
	}
	for k, b := range v.cancels {
		if now.After(b.forget) {
			delete(v.cancels, k)
		}
	}
}
