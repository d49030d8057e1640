package sfsim

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// compositeCall is the body of POST /composite. [D]
type compositeCall struct {
	AllOrNone bool            `json:"allOrNone"`
	Parts     []compositePart `json:"compositeRequest"`
}

type compositePart struct {
	Method    string            `json:"method"`
	URL       string            `json:"url"`
	Reference string            `json:"referenceId"`
	Body      json.RawMessage   `json:"body"`
	Header    map[string]string `json:"httpHeaders"`
}

type compositeResult struct {
	Body      any               `json:"body"`
	Header    map[string]string `json:"httpHeaders"`
	Status    int               `json:"httpStatusCode"`
	Reference string            `json:"referenceId"`
}

const (
	maxParts = 25 // [D]
	maxHeavy = 5  // queries and collections among them [D]
)

func (o *Org) composite(q *request, path []string) reply {
	if len(path) > 0 && path[0] == "sobjects" {
		return o.collections(q, path[1:])
	}
	if len(path) > 0 {
		return failed(errNotFound())
	}
	if q.method != http.MethodPost {
		return failed(errMethod(q.method))
	}
	var in compositeCall
	if err := q.decode(&in); err != nil {
		return failed(err)
	}
	if err := in.check(); err != nil {
		return failed(err)
	}
	return ok(map[string]any{"compositeResponse": o.runParts(q, in)})
}

// check holds a composite call against the rules that spoil it as a whole. [D] requests_composite
func (c compositeCall) check() *apiError {
	if len(c.Parts) == 0 {
		return refuseRequest("JSON_PARSER_ERROR", "compositeRequest is missing or empty") // [K]
	}
	if len(c.Parts) > maxParts {
		return refuseRequest("LIMIT_EXCEEDED", "Composite API request limit exceeded: %d subrequests, at most %d", len(c.Parts), maxParts) // [K] words
	}
	seen, heavy := map[string]bool{}, 0
	for _, p := range c.Parts {
		switch {
		case !referenceName.MatchString(p.Reference):
			return refuseRequest("INVALID_REFERENCE_ID", "Invalid reference ID: %s", p.Reference) // [K]
		case seen[p.Reference]:
			return refuseRequest("DUPLICATE_REFERENCE_ID", "Duplicate reference ID: %s", p.Reference) // [K]
		case !strings.HasPrefix(p.URL, "/services/data/v"):
			return refuseRequest("INVALID_URL", "The url of a subrequest must begin with /services/data/vXX.X/: %s", p.URL) // [K]
		}
		seen[p.Reference] = true
		for name := range p.Header {
			switch strings.ToLower(name) {
			case "accept", "authorization", "content-type":
				return refuseRequest("INVALID_HEADER", "The header %s is not allowed in a subrequest", name) // [D] that it is a 400
			}
		}
		if strings.Contains(p.URL, "/query") || strings.Contains(p.URL, "/composite/sobjects") {
			heavy++
		}
	}
	if heavy > maxHeavy {
		return refuseRequest("LIMIT_EXCEEDED", "Composite API request limit exceeded: %d queries and collections, at most %d", heavy, maxHeavy) // [K] words
	}
	return nil
}

// runParts does the parts in their order. One that refers to a failed one is not done; with allOrNone the first failure
// takes everything back, and its siblings say PROCESSING_HALTED. [D], words [K]
func (o *Org) runParts(q *request, in compositeCall) []compositeResult {
	mark := o.store.mark()
	results := make([]compositeResult, 0, len(in.Parts))
	done := map[string]any{}
	broken := -1
	for i, p := range in.Parts {
		a := o.runPart(q, p, done)
		body := plain(a)
		if a.status < 300 {
			done[p.Reference] = body
		}
		results = append(results, compositeResult{body, orEmpty(a.header), a.status, p.Reference})
		if broken < 0 && (a.status >= 300 || in.AllOrNone && someFailed(body)) {
			broken = i
		}
		if broken >= 0 && in.AllOrNone {
			break
		}
	}
	if broken < 0 || !in.AllOrNone {
		return results
	}
	o.store.rollback(mark)
	halted := []*apiError{refuseRequest("PROCESSING_HALTED", "The transaction was rolled back since another operation in the same transaction failed.")}
	for i, p := range in.Parts {
		one := compositeResult{halted, map[string]string{}, http.StatusBadRequest, p.Reference}
		switch {
		case i >= len(results):
			results = append(results, one)
		case i != broken:
			results[i] = one
		}
	}
	return results
}

func orEmpty(header map[string]string) map[string]string {
	if header == nil {
		return map[string]string{}
	}
	return header
}

// plain is an answer's body as decoded JSON, the form that references look into.
func plain(a reply) any {
	text, _ := a.encode()
	var v any
	if json.Unmarshal(text, &v) != nil {
		return nil
	}
	return v
}

// someFailed looks into the save results of a collection.
func someFailed(body any) bool {
	list, _ := body.([]any)
	for _, one := range list {
		if result, isResult := one.(map[string]any); isResult && result["success"] == false {
			return true
		}
	}
	return false
}

func (o *Org) runPart(q *request, p compositePart, done map[string]any) reply {
	address, ok1 := resolve(p.URL, done)
	body, ok2 := resolve(string(p.Body), done)
	if !ok1 || !ok2 {
		return failed(refuseRequest("PROCESSING_HALTED", "Invalid reference specified. No value for %s found", firstReference(p.URL+string(p.Body)))) // [P]
	}
	u, err := url.Parse(strings.ReplaceAll(address, " ", "%20")) // queries may come unescaped [P]
	if err != nil {
		return failed(refuseRequest("INVALID_URL", "%s", p.URL))
	}
	parts := strings.Split(strings.Trim(u.EscapedPath(), "/"), "/")
	for i := range parts {
		if text, err := url.PathUnescape(parts[i]); err == nil {
			parts[i] = text
		}
	}
	if len(parts) < 4 || !knownVersion(parts[2]) || parts[3] == "composite" && (len(parts) < 5 || parts[4] != "sobjects") || parts[3] == "actions" {
		return failed(errNotFound())
	}
	header := http.Header{}
	for name, value := range p.Header {
		header.Set(name, value)
	}
	return o.resource(&request{
		method: p.Method, path: parts[3:], version: parts[2], query: u.Query(), header: header, body: []byte(body),
		base: q.base, session: q.session, ctx: q.ctx,
	})
}

var (
	referenceName = regexp.MustCompile(`^[A-Za-z0-9_]+$`)
	reference     = regexp.MustCompile(`@\{([A-Za-z0-9_]+)((?:\.[A-Za-z0-9_]+|\[\d+\])*)\}`)
	step1         = regexp.MustCompile(`\.([A-Za-z0-9_]+)|\[(\d+)\]`)
)

func firstReference(text string) string { return reference.FindString(text) }

// resolve replaces @{ref.field} by what the part of that name answered. Case matters: a create answers "id", a read "Id".
func resolve(text string, done map[string]any) (string, bool) {
	good := true
	out := reference.ReplaceAllStringFunc(text, func(found string) string {
		m := reference.FindStringSubmatch(found)
		value, known := done[m[1]]
		if !known {
			good = false
			return found
		}
		for _, s := range step1.FindAllStringSubmatch(m[2], -1) {
			value, known = descend(value, s[1], s[2])
			if !known {
				good = false
				return found
			}
		}
		return inString(value)
	})
	return out, good
}

func descend(value any, name, index string) (any, bool) {
	if name != "" {
		obj, _ := value.(map[string]any)
		v, known := obj[name]
		return v, known
	}
	list, _ := value.([]any)
	var i int
	if json.Unmarshal([]byte(index), &i) != nil || i >= len(list) {
		return nil, false
	}
	return list[i], true
}

// inString is a value as it stands inside a JSON string.
func inString(value any) string {
	text, err := json.Marshal(scalar(value))
	if err != nil {
		return ""
	}
	return strings.Trim(string(text), `"`)
}
