package sfsim

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
)

const (
	maxBody = 8 << 20 // bytes, compressed or not: 200 records of a few long texts fit
	maxURI  = 16384   // bytes of URI and headers [D]
)

// request is one API request, or one part of a composite, without its wire.
type request struct {
	method  string
	path    []string // decoded segments after /services/data/vNN.0
	version string   // "v67.0"
	query   url.Values
	header  http.Header
	body    []byte
	base    string // scheme and host for links, no slash at the end
	session *session
	ctx     context.Context
}

// reply is an answer before it is written. Body is marshalled as JSON; raw goes out as it is.
type reply struct {
	status int
	body   any
	raw    []byte
	kind   string // content type of raw
	header map[string]string
}

func ok(body any) reply { return reply{status: http.StatusOK, body: body} }

// failed is the answer for one or more faults: an array. [P] many
func failed(errs ...*apiError) reply { return reply{status: errs[0].HTTP, body: errs} }

// ServeHTTP answers one request.
func (o *Org) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/"); first {
	case "services", "id":
		o.serveAPI(w, r)
	case "_sim":
		o.serveInspection(w, r)
	default:
		o.servePage(w, r)
	}
}

func (o *Org) serveAPI(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	q, err := o.read(r)
	hit := o.faults.next(q.method, r.URL.Path)
	if hit.delay > 0 {
		wait(r.Context(), hit.delay)
	}
	var a reply
	switch {
	case err != nil:
		a = failed(err)
	case hit.reply != nil:
		a = *hit.reply
	default:
		if hit.expire {
			o.expireSessions()
		}
		a = o.answer(q, r.URL)
	}
	body, kind := a.encode()
	o.requests.add(Request{
		At: o.opt.Now(), Method: r.Method, Path: withoutToken(r.URL.RequestURI()), Status: a.status,
		Milliseconds: float64(time.Since(began).Microseconds()) / 1000, Dropped: hit.drop, Faulted: hit.fell,
	})
	o.opt.Log.Debug("salesforce request", zap.String("method", r.Method), zap.String("path", r.URL.Path), zap.Int("status", a.status))
	if hit.drop {
		panic(http.ErrAbortHandler) // the server closes the connection without a word: the work is done, the answer lost
	}
	o.write(w, r, a, body, kind)
}

var tokenInURI = regexp.MustCompile(`(oauth_token|assertion|client_secret)=[^&]*`)

// withoutToken keeps secrets out of the log. Nearly no address has any.
func withoutToken(uri string) string {
	if !strings.Contains(uri, "token=") && !strings.Contains(uri, "assertion=") && !strings.Contains(uri, "secret=") {
		return uri
	}
	return tokenInURI.ReplaceAllString(uri, "$1=…")
}

// read takes a request off the wire, within bounds.
func (o *Org) read(r *http.Request) (*request, *apiError) {
	q := &request{method: r.Method, query: r.URL.Query(), header: r.Header, base: o.base(r), ctx: r.Context()}
	if q.method == http.MethodHead {
		q.method = http.MethodGet
	}
	if other := q.query.Get("_HttpMethod"); other != "" && q.method == http.MethodPost {
		q.method = other // for clients that cannot send PATCH [D]
	}
	if len(r.RequestURI) > maxURI {
		return q, &apiError{HTTP: http.StatusRequestURITooLong, Code: "URI_TOO_LONG", Message: "The length of the URI exceeds the limit"} // 414 [D], code [K]
	}
	body, err := readBody(r.Body, r.Header.Get("Content-Encoding") == "gzip")
	switch {
	case err != nil:
		return q, refuseRequest("JSON_PARSER_ERROR", "The request body cannot be read: %v", err)
	case len(body) > maxBody:
		return q, &apiError{HTTP: http.StatusRequestEntityTooLarge, Code: "REQUEST_ENTITY_TOO_LARGE", Message: "The request body is too large"} // [K]
	}
	q.body = body
	return q, nil
}

// readBody reads one byte more than allowed, so that its caller sees what is too long. An empty body is not gzip even if
// the header says so: go-salesforce sends that with GET [W].
func readBody(from io.Reader, zipped bool) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(from, maxBody+1))
	if err != nil || !zipped || len(body) == 0 || len(body) > maxBody {
		return body, err
	}
	unzip, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(unzip, maxBody+1))
}

func (o *Org) base(r *http.Request) string {
	switch {
	case o.opt.InstanceURL != "":
		return o.opt.InstanceURL
	case r.TLS != nil:
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// answer routes what is under /services and /id.
func (o *Org) answer(q *request, u *url.URL) reply {
	parts := strings.Split(strings.Trim(u.EscapedPath(), "/"), "/")
	for i := range parts {
		if text, err := url.PathUnescape(parts[i]); err == nil {
			parts[i] = text
		}
	}
	switch {
	case parts[0] == "id" && len(parts) == 3:
		return o.identity(q, parts[1], parts[2])
	case len(parts) < 2 || parts[0] == "id":
		return failed(errNotFound())
	case parts[1] == "oauth2" && len(parts) == 3:
		return o.oauth(q, parts[2])
	case parts[1] == "data" && len(parts) == 2:
		return ok(versions()) // free and without a token [D]
	case parts[1] != "data" || !knownVersion(parts[2]):
		return failed(errNotFound())
	}
	q.version, q.path = parts[2], parts[3:]
	session, err := o.sessionOf(q)
	if err != nil {
		return failed(err)
	}
	q.session = session
	usage, err := o.spend()
	if err != nil {
		return failed(err).with("Sforce-Limit-Info", usage)
	}
	return o.data(q).with("Sforce-Limit-Info", usage)
}

func (a reply) with(name, value string) reply {
	header := map[string]string{name: value}
	for k, v := range a.header {
		header[k] = v
	}
	a.header = header
	return a
}

func (a reply) encode() (body []byte, kind string) {
	switch {
	case a.raw != nil:
		return a.raw, a.kind
	case a.body == nil:
		return nil, ""
	}
	body, err := json.Marshal(a.body)
	if err != nil { // nothing that we put into an answer can do this; and if it does, the log tells
		return []byte(`[{"errorCode":"UNKNOWN_EXCEPTION","message":` + strconv.Quote(err.Error()) + `}]`), "application/json;charset=UTF-8"
	}
	return body, "application/json;charset=UTF-8"
}

func (o *Org) write(w http.ResponseWriter, r *http.Request, a reply, body []byte, kind string) {
	h := w.Header()
	for k, v := range a.header {
		h.Set(k, v)
	}
	if kind != "" {
		h.Set("Content-Type", kind)
	}
	const worthZipping = 1400 // bytes: below, it is one packet either way
	if len(body) > worthZipping && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		w.WriteHeader(a.status)
		zip, kept := o.zips.Get().(*gzip.Writer) // one has 800 kB
		if !kept {
			zip, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed) // it refuses only levels that do not exist
		}
		defer o.zips.Put(zip)
		zip.Reset(w)
		_, _ = zip.Write(body) // a client that left needs no answer
		_ = zip.Close()
		return
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(body)
}

// wait sleeps unless the client leaves.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// fields reads a body that is one JSON object. Numbers stay as they were written.
func (q *request) fields() (map[string]any, *apiError) {
	var in map[string]any
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	if in == nil {
		return nil, refuseRequest("JSON_PARSER_ERROR", "The HTTP entity body is required, but this request has no entity body.") // [P]
	}
	return in, nil
}

func (q *request) decode(into any) *apiError {
	d := json.NewDecoder(bytes.NewReader(q.body))
	d.UseNumber()
	err := d.Decode(into)
	if err == nil && d.More() {
		return refuseRequest("JSON_PARSER_ERROR", "Unexpected character at [line:1, column:%d]", d.InputOffset()+1)
	}
	var position *json.SyntaxError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF):
		return refuseRequest("JSON_PARSER_ERROR", "The HTTP entity body is required, but this request has no entity body.") // [P]
	case errors.As(err, &position):
		return refuseRequest("JSON_PARSER_ERROR", "Unexpected character at [line:1, column:%d]", position.Offset) // [P]
	}
	return refuseRequest("JSON_PARSER_ERROR", "%v at [line:1, column:1]", err)
}
