package sfsim

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Values in the store have one form a type: string for text, ids, dates ("2006-01-02") and date-times (UTC, so that they
// sort as text), bool, int64 for int, float64 for other numbers, nil for empty. An empty string is stored as nil, as
// Salesforce does [K].

const dateTimeForm = "2006-01-02T15:04:05.000+0000" // as in Salesforce's JSON, always UTC [D]

func dateTime(t time.Time) string { return t.UTC().Format(dateTimeForm) }

// parseDateTime reads the forms of ISO 8601 that the API accepts. [D]
func parseDateTime(text string) (time.Time, bool) {
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999Z0700", "2006-01-02T15:04:05.999", "2006-01-02T15:04Z07:00", "2006-01-02"} {
		if t, err := time.Parse(form, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// take turns a JSON value into a stored one, or says what Salesforce would say against it.
func (f *field) take(v any) (any, *apiError) {
	if v == nil {
		return nil, nil
	}
	switch {
	case f.Type == "boolean":
		return f.takeBool(v)
	case f.isNumber():
		return f.takeNumber(v)
	case f.Type == "date" || f.Type == "datetime":
		return f.takeTime(v)
	case f.Type == "reference" || f.Type == "id":
		return f.takeID(v)
	}
	return f.takeText(v)
}

func (f *field) takeBool(v any) (any, *apiError) {
	switch v := v.(type) {
	case bool:
		return v, nil
	case string:
		if b, err := strconv.ParseBool(strings.ToLower(v)); err == nil {
			return b, nil
		}
	}
	return nil, f.mistyped(v)
}

func (f *field) takeNumber(v any) (any, *apiError) {
	n, err := strconv.ParseFloat(scalar(v), 64)
	if err != nil || math.IsInf(n, 0) || math.IsNaN(n) {
		return nil, f.mistyped(v)
	}
	if f.Type != "int" {
		return n, nil
	}
	if n != math.Trunc(n) || math.Abs(n) > math.MaxInt32 {
		return nil, f.mistyped(v)
	}
	return int64(n), nil
}

func (f *field) takeTime(v any) (any, *apiError) {
	text, isText := v.(string)
	if isText && text == "" {
		return nil, nil
	}
	t, ok := parseDateTime(text)
	switch {
	case !isText || !ok:
		return nil, f.mistyped(v)
	case f.Type == "date":
		return t.Format(time.DateOnly), nil
	}
	return dateTime(t), nil
}

func (f *field) takeID(v any) (any, *apiError) {
	text, isText := v.(string)
	if isText && text == "" {
		return nil, nil
	}
	id, ok := normalID(text)
	if !isText || !ok {
		// [C] jsforce's suite expects MALFORMED_ID for OwnerId "INVALID_OWNER"; the wording is [P]
		return nil, refuse("MALFORMED_ID", []string{f.Name}, "%s: id value of incorrect type: %s", f.Label, scalar(v))
	}
	return id, nil
}

func (f *field) takeText(v any) (any, *apiError) {
	switch v.(type) {
	case string, json.Number, bool:
	default:
		return nil, f.mistyped(v)
	}
	text := strings.TrimSpace(scalar(v))
	if text == "" {
		return nil, nil
	}
	if utf8.RuneCountInString(text) > f.Length {
		return nil, refuse("STRING_TOO_LONG", []string{f.Name}, "%s: data value too large: %s (max length=%d)", f.Label, text, f.Length) // [P]
	}
	if f.Restricted && !slices.Contains(f.Values, text) {
		return nil, refuse("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", []string{f.Name}, "%s: bad value for restricted picklist field: %s", f.Label, text) // [P]
	}
	if f.Type == "email" && !strings.Contains(text, "@") {
		return nil, refuse("INVALID_EMAIL_ADDRESS", []string{f.Name}, "%s: invalid email address: %s", f.Label, text) // [P]
	}
	return text, nil
}

// mistyped is the parser's complaint; which position it names is unconfirmed [K].
func (f *field) mistyped(v any) *apiError {
	kind := "VALUE_STRING"
	switch v.(type) {
	case json.Number, float64, int64, int:
		kind = "VALUE_NUMBER_FLOAT"
	case bool:
		kind = "VALUE_TRUE"
	case map[string]any:
		kind = "START_OBJECT"
	case []any:
		kind = "START_ARRAY"
	}
	return refuseRequest("JSON_PARSER_ERROR", "Cannot deserialize instance of %s from %s value %s or request may be missing a required field at [line:1, column:1]", f.Type, kind, scalar(v))
}

// scalar is a JSON value as text.
func scalar(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}
