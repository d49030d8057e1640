package number

import (
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/cordboard/cordboard/call"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWhatATrunkSaysBecomesOneNumber(t *testing.T) {
	fi, us, bare, nowhere := Plan{Region: "FI"}, Plan{Region: "US"}, Plan{Region: "FI", BareIn: true}, Plan{}
	for _, c := range []struct {
		plan Plan
		said string
		want Said
	}{
		{fi, "sip:+358401234567@carrier.example;user=phone", Said{Number: "+358401234567"}},
		{fi, "sip:%2B358401234567@carrier.example", Said{Number: "+358401234567"}},
		{fi, "sip:+358%20(0)40-123.4567@h", Said{Number: "+358401234567"}},
		{fi, "sip:0401234567@h", Said{Number: "+358401234567"}},
		{fi, "sip:00358401234567@h", Said{Number: "+358401234567"}},
		{fi, "sip:00442079460000@h", Said{Number: "+442079460000"}},
		{fi, "sip:358401234567@h", Said{Number: "+358401234567"}},
		{fi, "sip:46701234567@h", Said{Number: "+46701234567"}}, // nobody's number in Finland
		{bare, "sip:442079460000@h", Said{Number: "+442079460000"}},
		{bare, "sip:0401234567@h", Said{Number: "+358401234567"}},
		{us, "sip:6502530000@h", Said{Number: "+16502530000"}},
		{us, "sip:16502530000@h", Said{Number: "+16502530000"}},
		{us, "sip:011358401234567@h", Said{Number: "+358401234567"}},
		{nowhere, "sip:00358401234567@h", Said{Number: "+358401234567"}},
		{nowhere, "sip:0401234567@h", Said{Number: "0401234567"}},
		{fi, "tel:+358-40-123-4567;isub=1411;ext=12", Said{Number: "+358401234567", Subaddress: "1411", Extension: "12"}},
		{fi, "tel:040-1234567;phone-context=+358", Said{Number: "+358401234567"}},
		{us, "tel:0401234567;phone-context=+358", Said{Number: "+358401234567"}},
		{us, "tel:112;phone-context=+358", Said{Number: "112"}},
		{fi, "tel:911;phone-context=+1", Said{Number: "911"}},
		{fi, "tel:0401234567;phone-context=example.com", Said{Number: "+358401234567"}},
		{us, "sip:0401234567;phone-context=+358@h;user=phone", Said{Number: "+358401234567"}},
		{fi, "sip:+358401234567;npdi;rn=+35850000@h", Said{Number: "+358401234567", Ported: true, Routing: "+35850000"}},
		{fi, "sip:+358401234567@h;npdi", Said{Number: "+358401234567", Ported: true}},
		{fi, "sip:112@h", Said{Number: "112"}},
		{fi, "sip:1001@h", Said{Number: "1001"}},
		{fi, "sip:+1@h", Said{Number: "+1"}},
		{fi, "sip:+1234567890123456789@h", Said{Number: "+1234567890123456789"}},
		{fi, "sip:*21%23@h", Said{Number: "*21#"}},
		{fi, "sip:anna.virtanen@h", Said{Number: "anna.virtanen"}},
		{fi, "sip:anonymous@anonymous.invalid", Said{Withheld: true}},
		{fi, "sip:+358401234567@anonymous.invalid", Said{Withheld: true}},
		{fi, "sip:Anonymous@carrier.example", Said{Withheld: true}},
		{fi, "sip:restricted@carrier.example", Said{Withheld: true}},
		{fi, "sip:carrier.example", Said{Withheld: true}},
		{fi, "", Said{Withheld: true}},
		{fi, "040 123 4567", Said{Number: "+358401234567"}},
		{Plan{Region: "IT"}, "sip:0612345678@h", Said{Number: "+390612345678"}}, // Italy keeps its zero
		{fi, "sip:+390612345678@h", Said{Number: "+390612345678"}},
	} {
		if got := c.plan.Read(c.said); got != c.want {
			t.Errorf("%+v %s: %+v, want %+v", c.plan, c.said, got, c.want)
		}
	}
}

func TestANumberIsWrittenAsTheTrunkWantsIt(t *testing.T) {
	for _, c := range []struct {
		plan Plan
		n    call.Number
		want string
	}{
		{Plan{Region: "FI"}, "+358401234567", "+358401234567"},
		{Plan{Region: "FI", Form: E164, Prefix: "9"}, "+358401234567", "9+358401234567"},
		{Plan{Region: "FI", Form: Bare}, "+358401234567", "358401234567"},
		{Plan{Region: "FI", Form: Bare, Prefix: "8811"}, "+358401234567", "8811358401234567"},
		{Plan{Region: "FI", Form: International}, "+442079460000", "00442079460000"},
		{Plan{Region: "US", Form: International}, "+442079460000", "011442079460000"},
		{Plan{Region: "AU", Form: International}, "+442079460000", "0011442079460000"},
		{Plan{Region: "GB", Form: International}, "+358401234567", "00358401234567"},
		{Plan{Region: "FI", Form: International, Exit: "999"}, "+442079460000", "999442079460000"},
		{Plan{Form: International}, "+442079460000", "00442079460000"},
		{Plan{Region: "FI", Form: National}, "+358401234567", "0401234567"},
		{Plan{Region: "FI", Form: National}, "+442079460000", "00442079460000"},
		{Plan{Region: "US", Form: National}, "+16502530000", "6502530000"},
		{Plan{Region: "IT", Form: National}, "+390612345678", "0612345678"},
		{Plan{Form: National}, "+390612345678", "00390612345678"},
		{Plan{Region: "FI", Form: National, Prefix: "9"}, "112", "112"},
		{Plan{Region: "FI", Form: National}, "anna", "anna"},
		{Plan{Region: "FI", Form: Bare}, "+", "+"},
		{Plan{Region: "FI", Form: Bare}, "", ""},
	} {
		if got := c.plan.Write(c.n); got != c.want {
			t.Errorf("%+v %s: %s, want %s", c.plan, string(c.n), got, c.want)
		}
	}
}

func TestWhatIsWrittenIsReadAsTheSameNumber(t *testing.T) {
	for _, n := range []call.Number{"+358401234567", "+442079460000", "+16502530000", "+390612345678", "+4930123456"} {
		for _, region := range []string{"FI", "DE", "US", "GB", "IT"} {
			for _, form := range []Form{E164, Bare, International, National} {
				p := Plan{Region: region, Form: form, BareIn: form == Bare}
				if got := p.Read("sip:" + p.Write(n) + "@h").Number; got != n {
					t.Errorf("%s %s: %s is written %s and read %s", region, form, string(n), p.Write(n), string(got))
				}
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{"sip:+358;npdi;rn=1@h", "tel:040;phone-context=+358;isub=1", "sip:%2B3@anonymous.invalid", "00358401234567", "tel:1;phone-context=+999"} {
		f.Add(s, "FI")
	}
	f.Fuzz(func(t *testing.T, s, region string) {
		for _, p := range []Plan{{Region: "FI"}, {Region: region, BareIn: true}} {
			said := p.Read(s)
			if said.Withheld != (said.Number == "") || len(said.Number) > longest || strings.ContainsAny(string(said.Number)+said.Routing+said.Subaddress, "\r\n") {
				t.Errorf("%q: %+v", s, said)
			}
			for _, form := range []Form{E164, Bare, International, National} {
				p.Form = form
				_ = p.Write(said.Number)
			}
		}
	})
}
