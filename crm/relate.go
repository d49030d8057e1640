package crm

import (
	"strings"

	"github.com/cordboard/cordboard/call"
)

// relations says whose call it was and with whom. A record clicked to dial is surer than a number looked up.
func relations(f map[string]any, rec call.Record, s Settings) {
	if owner := firstID(rec.UserID, s.Owner); owner != "" {
		f["OwnerId"] = owner
	}
	clicked := rec.Context[ContextRecord]
	only, matched := rec.Match.Only()
	switch {
	case rec.Direction == call.Outbound && IsID(clicked) && relatable(clicked, s):
		relate(f, clicked)
		if matched && sameID(clicked, only.ID) {
			addAccount(f, only)
		}
	case matched && IsID(only.ID):
		relate(f, only.ID)
		addAccount(f, only)
	}
}

// Key prefixes: the first three characters of an id tell its object.
const (
	contactIDs = "003"
	leadIDs    = "00Q"
)

func relatable(id string, s Settings) bool {
	return s.RelateClicked || strings.HasPrefix(id, contactIDs) || strings.HasPrefix(id, leadIDs)
}

// relate puts a person into WhoId and anything else into WhatId. A Task with a Lead may have no WhatId.
func relate(f map[string]any, id string) {
	if strings.HasPrefix(id, contactIDs) || strings.HasPrefix(id, leadIDs) {
		f["WhoId"] = id
		return
	}
	f["WhatId"] = id
}

func addAccount(f map[string]any, p call.Person) {
	if p.Object == "Contact" && IsID(p.AccountID) {
		f["WhatId"] = p.AccountID
	}
}

func firstID(ids ...string) string {
	for _, id := range ids {
		if IsID(id) {
			return id
		}
	}
	return ""
}

// IsID reports whether s has the form of a Salesforce id: 15 letters and digits, or 18 with the check letters.
func IsID(s string) bool {
	if len(s) != 15 && len(s) != 18 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// sameID compares ids of both lengths: the last three characters of the longer form only repeat the others' case.
func sameID(a, b string) bool { return len(a) >= 15 && len(b) >= 15 && a[:15] == b[:15] }
