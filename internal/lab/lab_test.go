package lab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// pair is a trunk that knows a phone's address.
func pair(t *testing.T, trunk TrunkOptions, phone PhoneOptions) (*Trunk, *Phone, string) {
	t.Helper()
	if testing.Verbose() {
		trunk.Trace = func(line string) { t.Log("trunk", line) }
		phone.Trace = func(line string) { t.Log("phone", line) }
	}
	phone.User = "1000"
	a, err := NewTrunk(trunk)
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewPhone(phone)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close(); _ = b.Close() })
	uri := "sip:1000@" + b.Address()
	if trunk.TCP {
		uri += ";transport=tcp"
	}
	return a, b, uri
}

func TestATrunkAndAPhoneHearEachOther(t *testing.T) {
	for name, format := range map[string]Format{"PCMU": PCMU(), "PCMA": PCMA(), "opus": Opus()} {
		t.Run(name, func(t *testing.T) {
			ctx := deadline(t)
			trunk, phone, uri := pair(t, TrunkOptions{Formats: []Format{format}}, PhoneOptions{Formats: []Format{PCMA(), PCMU(), Opus()}})
			out, err := trunk.Call(ctx, uri, CallOptions{Sound: Tone(440, -12)})
			if err != nil {
				t.Fatal(err)
			}
			out.MustAnswer(t, 2*time.Second)
			in, err := phone.NextCall(ctx, 0)
			if err != nil {
				t.Fatal(err)
			}
			in.MustAnswer(t, 2*time.Second)
			in.Say(Tone(1000, -12))
			in.Ear().MustHear(t, 440, 2*time.Second, 500*time.Millisecond)
			out.Ear().MustHear(t, 1000, 2*time.Second, 500*time.Millisecond)
			if err := out.Digits(ctx, "17#"); err != nil {
				t.Fatal(err)
			}
			if err := in.Ear().AwaitDigits(ctx, "17#"); err != nil {
				t.Fatal(err)
			}
			if err := in.Bye(ctx); err != nil {
				t.Fatal(err)
			}
			if e := out.MustEnd(t, time.Second); e.By != "them" || e.Reason != "bye" {
				t.Fatalf("ended %s", e)
			}
			in.Ear().MustHaveBeenWhole(t)
			if r := out.Responses(); r[0].Status != 100 || r[1].Status != 180 || r[2].Status != 200 {
				t.Fatalf("responses %s", out.statuses())
			}
		})
	}
}

func TestHoldStopsTheSoundAndResumeBringsItBack(t *testing.T) {
	ctx := deadline(t)
	trunk, phone, uri := pair(t, TrunkOptions{}, PhoneOptions{})
	out, err := trunk.Call(ctx, uri, CallOptions{Sound: Tone(440, -12)})
	if err != nil {
		t.Fatal(err)
	}
	out.MustAnswer(t, 2*time.Second)
	in, _ := phone.NextCall(ctx, 0)
	in.Say(Tone(1000, -12))
	out.Ear().MustHear(t, 1000, 2*time.Second, 300*time.Millisecond)
	if err := out.Hold(ctx); err != nil {
		t.Fatal(err)
	}
	out.Ear().MustBeSilent(t, 200*time.Millisecond)
	if err := out.Resume(ctx); err != nil {
		t.Fatal(err)
	}
	out.Ear().MustHear(t, 1000, 2*time.Second, 300*time.Millisecond)
	if d := out.Ear().Dropouts(1000, 0); len(d) == 0 {
		t.Fatal("the hold left no gap in what was heard")
	}
	if err := in.Reinvite(ctx, "late"); err != nil {
		t.Fatal(err)
	}
	if err := in.Move(ctx); err != nil {
		t.Fatal(err)
	}
	in.Ear().MustHear(t, 440, 2*time.Second, 300*time.Millisecond)
	out.Ear().MustHear(t, 1000, 2*time.Second, 300*time.Millisecond)
	if err := in.Info(ctx, '7'); err != nil {
		t.Fatal(err)
	}
	if m, err := out.AwaitRequest(ctx, "INFO"); err != nil || string(m.Body) != "Signal=7\r\nDuration=100\r\n" {
		t.Fatal(m, err)
	}
	if err := out.Bye(ctx); err != nil {
		t.Fatal(err)
	}
	in.MustEnd(t, time.Second)
}

func TestACallIsRefusedCancelledAndOfferedLate(t *testing.T) {
	ctx := deadline(t)
	for _, tcp := range []bool{false, true} {
		trunk, phone, uri := pair(t, TrunkOptions{TCP: tcp}, PhoneOptions{TCP: tcp})
		phone.Listen(func(c *Call) { c.Decline(486, "Busy Here") })
		out, err := trunk.Call(ctx, uri, CallOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if e := out.MustEnd(t, 2*time.Second); e.Status != 486 || e.By != "them" {
			t.Fatalf("ended %s", e)
		}

		phone.Listen(func(c *Call) { c.Ring() })
		patience, giveUp := context.WithCancel(ctx)
		out, err = trunk.Call(patience, uri, CallOptions{})
		if err != nil {
			t.Fatal(err)
		}
		out.MustRing(t, 2*time.Second)
		giveUp()
		if e := out.MustEnd(t, 2*time.Second); e.Reason != "cancelled" {
			t.Fatalf("ended %s", e)
		}
		in, _ := phone.NextCall(ctx, 1)
		if e := in.MustEnd(t, 2*time.Second); e.Reason != "cancelled" || e.By != "them" {
			t.Fatalf("ended %s", e)
		}

		phone.Listen(func(c *Call) { _ = c.Answer(ctx) })
		out, err = trunk.Call(ctx, uri, CallOptions{NoSDP: true, Sound: Tone(440, -12)})
		if err != nil {
			t.Fatal(err)
		}
		out.MustAnswer(t, 2*time.Second)
		in, _ = phone.NextCall(ctx, 2)
		in.MustAnswer(t, 2*time.Second)
		in.Ear().MustHear(t, 440, 2*time.Second, 200*time.Millisecond)
		if err := out.Hangup(ctx); err != nil {
			t.Fatal(err)
		}
		in.MustEnd(t, 2*time.Second)
	}
}

func TestEarlyMediaIsHeardBeforeTheAnswer(t *testing.T) {
	ctx := deadline(t)
	trunk, phone, uri := pair(t, TrunkOptions{}, PhoneOptions{})
	phone.Listen(func(c *Call) {
		if err := c.Progress(); err != nil {
			t.Error(err)
		}
		c.Say(Tone(425, -12))
	})
	out, err := trunk.Call(ctx, uri, CallOptions{})
	if err != nil {
		t.Fatal(err)
	}
	<-out.EarlyMedia()
	out.Ear().MustHear(t, 425, 2*time.Second, 200*time.Millisecond)
	in, _ := phone.NextCall(ctx, 0)
	in.Say(Tone(1000, -12))
	if err := in.Answer(ctx); err != nil {
		t.Fatal(err)
	}
	out.MustAnswer(t, time.Second)
	out.Ear().MustHear(t, 1000, 2*time.Second, 200*time.Millisecond)
	out.Vanish()
	if err := in.Bye(canceled()); err == nil {
		t.Fatal("a vanished call answered a BYE")
	}
}

func TestACarrierWithAccountsChallengesRegistrationAndCalls(t *testing.T) {
	ctx := deadline(t)
	carrier, err := NewTrunk(TrunkOptions{Accounts: map[string]string{"acme": "s3cret"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = carrier.Close() })
	for password, status := range map[string]int{"s3cret": 200, "guess": 407} {
		customer, err := NewPhone(PhoneOptions{Server: carrier.Address(), User: "acme", Password: password})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = customer.Close() })
		_, err = customer.Register(ctx, time.Minute)
		if (err == nil) != (status == 200) {
			t.Fatalf("password %q: %v", password, err)
		}
		call, err := customer.Call(ctx, "+358401234567", CallOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := call.AwaitResponse(ctx, status); err != nil {
			t.Fatal(err, call.statuses())
		}
		if status == 200 {
			if want := "sip:acme@" + customer.Address(); carrier.Registered("acme") != want {
				t.Fatalf("registered as %q, not %q", carrier.Registered("acme"), want)
			}
			if err := customer.Unregister(ctx); err != nil || carrier.Registered("acme") != "" {
				t.Fatal(err, carrier.Registered("acme"))
			}
		} else {
			call.MustEnd(t, 2*time.Second)
		}
	}
}

// canceled is a context that has no patience at all.
func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func sha256Hex(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
