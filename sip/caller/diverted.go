package caller

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/sip/field"
	"github.com/cordboard/cordboard/sip/number"
)

// Diverted is how a call came to us that was made to somebody else.
type Diverted struct {
	Original call.Number // whom the caller dialled; empty: the call was not diverted
	Last     call.Number // who sent it on to us; often the same
	// Reason is why the last one did, in the words of RFC 5806 section 4.1: "unconditional", "user-busy", "no-answer" …
	Reason  string
	Private bool // the original called party does not want to be named to the caller
}

// readDiverted prefers History-Info, which is the standard, and says more (RFC 7544 maps one to the other).
func readDiverted(f Fields, p number.Plan, called call.Number) Diverted {
	d := history(f.HistoryInfo, p)
	if d.Original == "" {
		d = diversion(f.Diversion, p)
	}
	if d.Original == called {
		return Diverted{}
	}
	return d
}

// diversion reads RFC 5806: the last diversion comes first, so that the original called number is in the last element.
func diversion(values []string, p number.Plan) Diverted {
	var all []field.Address
	for _, value := range values {
		for _, one := range field.List(value) {
			if a, err := field.ParseAddress(one); err == nil && p.Read(a.URI).Number != "" {
				all = append(all, a)
			}
		}
	}
	if len(all) == 0 {
		return Diverted{}
	}
	newest, first := all[0], all[len(all)-1]
	privacy := strings.ToLower(first.Params.Value("privacy"))
	return Diverted{
		Original: p.Read(first.URI).Number, Last: p.Read(newest.URI).Number,
		Reason:  known(strings.ToLower(newest.Params.Value("reason"))),
		Private: privacy != "" && privacy != "off",
	}
}

// known keeps the words of RFC 5806; extensions become "unknown", for they end up in records and metrics.
func known(reason string) string {
	if slices.Contains([]string{"user-busy", "no-answer", "unavailable", "unconditional", "time-of-day", "do-not-disturb", "deflection", "follow-me", "out-of-service", "away"}, reason) {
		return reason
	}
	return "unknown"
}

// entry is one element of History-Info (RFC 7044 section 5).
type entry struct {
	index   []int
	number  call.Number
	mapped  string // the index of the entry whose user sent the call on: mp
	changed bool   // rc, np: the same user at another address
	cause   string
	private bool
}

// history reads History-Info: entries are numbered as the chapters of a book. A call was diverted where an entry says that
// it maps another one to somebody else (mp), or why it was sent on (cause, RFC 4458). Peers of RFC 4244 say neither:
// then another number in a later entry is a diversion.
func history(values []string, p number.Plan) Diverted {
	entries := readHistory(values, p)
	if len(entries) < 2 {
		return Diverted{} // only whom it was sent to
	}
	marked := slices.ContainsFunc(entries, func(e entry) bool { return e.mapped != "" || e.changed || e.cause != "" })
	var d Diverted
	for i, e := range entries[1:] {
		before := entries[i]
		if from, ok := at(entries, e.mapped); ok {
			before = from
		}
		another := e.number != before.number && (before.cause != "" || !marked) // it failed there, and was tried elsewhere
		on := e.mapped != "" || !e.changed && (e.cause != "" || another)
		if !on || before.number == "" {
			continue
		}
		if d.Original == "" {
			d.Original, d.Private = before.number, before.private
		}
		d.Last, d.Reason = before.number, reasonOf(orElse(e.cause, before.cause))
	}
	return d
}

// readHistory sorts the entries by their index; those that cannot be read are left out.
func readHistory(values []string, p number.Plan) []entry {
	var all []entry
	for _, value := range values {
		for _, one := range field.List(value) {
			a, err := field.ParseAddress(one)
			if err != nil {
				continue
			}
			u, err := field.ParseURI(a.URI)
			index, ok := indexOf(a.Params.Value("index"))
			if err != nil || !ok {
				continue
			}
			e := entry{index: index, number: p.Read(a.URI).Number, mapped: a.Params.Value("mp"),
				changed: a.Params.Has("rc") || a.Params.Has("np"), cause: u.Params.Value("cause")}
			for header := range strings.SplitSeq(u.Headers, "&") {
				name, v, _ := strings.Cut(header, "=")
				v = strings.ToLower(field.Unescape(v))
				switch strings.ToLower(name) {
				case "reason": // Reason=SIP%3Bcause%3D302
					if protocol, params, _ := strings.Cut(v, ";"); strings.TrimSpace(protocol) == "sip" {
						e.cause = orElse(e.cause, field.ParseParams(params).Value("cause"))
					}
				case "privacy":
					e.private = v != "" && v != "none"
				}
			}
			all = append(all, e)
		}
	}
	slices.SortStableFunc(all, func(a, b entry) int { return slices.Compare(a.index, b.index) })
	return all
}

// indexOf reads "1.2.1".
func indexOf(s string) ([]int, bool) {
	var index []int
	for part := range strings.SplitSeq(s, ".") {
		n, err := strconv.ParseUint(part, 10, 16)
		if err != nil || len(index) == 16 {
			return nil, false
		}
		index = append(index, int(n))
	}
	return index, true
}

func at(entries []entry, index string) (entry, bool) {
	wanted, ok := indexOf(index)
	if !ok {
		return entry{}, false
	}
	i := slices.IndexFunc(entries, func(e entry) bool { return slices.Equal(e.index, wanted) })
	if i < 0 {
		return entry{}, false
	}
	return entries[i], true
}

// reasonOf is the diversion reason of a cause (RFC 7544 table 1, RFC 4458).
func reasonOf(cause string) string {
	return cmp.Or(map[string]string{
		"302": "unconditional", "486": "user-busy", "408": "no-answer", "480": "deflection", "487": "deflection",
		"503": "unavailable", "404": "unknown",
	}[cause], "unknown")
}
