package soql

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestAQueryBecomesATree(t *testing.T) {
	q, err := ParseQuery(`select Id, Account.Owner.Name, count(Id) n from Contact WHERE (Name = 'O\'Neil' OR NOT Age__c >= -1.5) AND CreatedDate < LAST_N_DAYS:7 group by Name order by Name desc nulls last limit 5 offset 2`)
	if err != nil {
		t.Fatal(err)
	}
	if q.From != "Contact" || q.Limit != 5 || q.Offset != 2 || len(q.GroupBy) != 1 || !q.OrderBy[0].Descending || !q.OrderBy[0].NullsLast {
		t.Errorf("%+v", q)
	}
	if got := q.Select[1].Path.Names; !reflect.DeepEqual(got, []string{"Account", "Owner", "Name"}) {
		t.Error(got)
	}
	if s := q.Select[2]; s.Function != "COUNT" || s.Alias != "n" {
		t.Errorf("%+v", s)
	}
	and := q.Where.(And)
	or := and.Parts[0].(Or)
	if v := or.Parts[0].(Compare).Values[0]; v.Kind != String || v.Text != "O'Neil" {
		t.Errorf("%+v", v)
	}
	if c := or.Parts[1].(Not).Part.(Compare); c.Op != GreaterEqual || c.Values[0].Number != -1.5 {
		t.Errorf("%+v", c)
	}
	if v := and.Parts[1].(Compare).Values[0]; v.Kind != DateLiteral || v.Text != "LAST_N_DAYS" || v.N != 7 {
		t.Errorf("%+v", v)
	}
}

func TestLiteralsKeepTheirKind(t *testing.T) {
	for text, want := range map[string]Value{
		"null": {Kind: Null}, "TRUE": {Kind: Bool, Bool: true}, "false": {Kind: Bool}, "12": {Kind: Number, Text: "12", Number: 12},
		"2026-11-22": {Kind: Date, Text: "2026-11-22"}, "2026-11-22T10:00:00.000+02:00": {Kind: DateTime, Text: "2026-11-22T10:00:00.000+02:00"},
		"2026-11-22T10:00:00Z": {Kind: DateTime, Text: "2026-11-22T10:00:00Z"}, "today": {Kind: DateLiteral, Text: "TODAY"},
		`'a\nb\\c\"d'`: {Kind: String, Text: "a\nb\\c\"d"}, `'100\%'`: {Kind: String, Text: `100\%`}, "''": {Kind: String},
	} {
		q, err := ParseQuery("SELECT Id FROM X WHERE a = " + text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := q.Where.(Compare).Values[0]; got != want {
			t.Errorf("%s: %+v, want %+v", text, got, want)
		}
	}
}

func TestAnErrorPointsAtItsPlace(t *testing.T) {
	_, err := ParseQuery("SELECT Id\nFROM Task\nWHERE Subject ~ 'x'")
	var fault *Error
	if !errors.As(err, &fault) || fault.Code != "MALFORMED_QUERY" || !strings.Contains(fault.Message, "Row:3:Column:15") {
		t.Fatal(err)
	}
}

func TestNestingIsBounded(t *testing.T) {
	deep := strings.Repeat("(", 5000) + "a = 1" + strings.Repeat(")", 5000)
	if _, err := ParseQuery("SELECT Id FROM X WHERE " + deep); err == nil {
		t.Error("a condition of 5,000 levels was accepted")
	}
	if _, err := ParseQuery("SELECT Id FROM X WHERE " + strings.Repeat("NOT ", 5000) + "a = 1"); err == nil {
		t.Error("5,000 times NOT was accepted")
	}
	if _, err := ParseTerm(strings.Repeat("(", 5000) + "aa" + strings.Repeat(")", 5000)); err == nil {
		t.Error("a term of 5,000 levels was accepted")
	}
	if _, err := ParseQuery("SELECT Id FROM X WHERE a = '" + strings.Repeat("x", MaxLength) + "'"); err == nil {
		t.Error("a query beyond the limit was accepted")
	}
}

func TestASearchBecomesATree(t *testing.T) {
	s, err := ParseSearch(`FIND {"two words" AND NOT (a\+b OR c?d*)} IN NAME FIELDS RETURNING Contact(Id, Account.Name WHERE X = 1 ORDER BY Name LIMIT 3), Lead LIMIT 9`)
	if err != nil {
		t.Fatal(err)
	}
	if s.Group != "NAME" || s.Limit != 9 || len(s.Returning) != 2 || s.Returning[0].Query.Limit != 3 || s.Returning[1].Query.Limit != -1 {
		t.Errorf("%+v", s)
	}
	w := s.Find.(Without)
	if ph := w.Found.(Phrase); !ph.Quoted || len(ph.Words) != 2 {
		t.Errorf("%+v", ph)
	}
	or := w.Absent.(Any)
	if word := or.Parts[0].(Phrase).Words[0]; len(word) != 3 || word[1] != (Char{Rune: '+'}) {
		t.Errorf("%+v", word)
	}
	if word := or.Parts[1].(Phrase).Words[0]; !word[1].Wild || !word[3].Wild {
		t.Errorf("%+v", word)
	}
}

func FuzzParseQuery(f *testing.F) {
	for _, seed := range []string{
		"SELECT Id FROM Task", "SELECT COUNT() FROM A WHERE b IN ('x', 2, null, 2026-01-01) AND NOT (c LIKE 'd%')",
		"SELECT a.b.c FROM X y WHERE z IN (SELECT q FROM R) ORDER BY COUNT(Id) NULLS FIRST FOR VIEW", "SELECT 'x", "SELECT Id FROM T WHERE d > 2026-11-22T10:00:00Z",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, src string) {
		q, err := ParseQuery(src)
		var fault *Error
		if err == nil && (q.From == "" || len(q.Select) == 0) || err != nil && (!errors.As(err, &fault) || fault.Code == "") {
			t.Errorf("%q: %+v, %v", src, q, err)
		}
	})
}

func FuzzParseSearch(f *testing.F) {
	for _, seed := range []string{
		"FIND {aa OR bb AND NOT cc} IN PHONE FIELDS RETURNING Contact(Id WHERE a = 1), Lead LIMIT 3", `FIND {"a b" (c)}`, `FIND {\}`, "FIND {aa} WITH X = 'y' LIMIT 2",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, src string) {
		s, err := ParseSearch(src)
		var fault *Error
		if err == nil && s.Find == nil || err != nil && (!errors.As(err, &fault) || fault.Code == "") {
			t.Errorf("%q: %+v, %v", src, s, err)
		}
	})
}
