package salesforce

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// APIError is what the org said instead of doing what was asked. Sources: REST API guide, "Status Codes and Error
// Responses"; token endpoint: "OAuth 2.0 Error Codes".
type APIError struct {
	Op         string        // what we asked for: "search", "upsert"
	HTTP       int           // status; 0: the error of one record in an answer that was itself good
	Code       string        // such as INVALID_FIELD; empty when the body was not the API's (HTML of an edge server)
	Message    string        // for people, in the language of the user we act as
	Fields     []string      // that the error is about
	Raw        string        // the beginning of the body
	RetryAfter time.Duration // when the org said so
}

func (e *APIError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "salesforce %s: ", e.Op)
	if e.HTTP != 0 {
		fmt.Fprintf(&b, "%d ", e.HTTP)
	}
	if e.Code != "" {
		fmt.Fprintf(&b, "%s: ", e.Code)
	}
	b.WriteString(e.Message)
	if len(e.Fields) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(e.Fields, ", "))
	}
	return b.String()
}

// Class is what an error means to those who asked. The set is closed.
type Class uint8

// The classes.
const (
	Permanent Class = iota // the same request will fail for ever
	Temporary              // again, later
	Doubtful               // may be cured by trying again, may be not
	Limit                  // the org's API calls are spent, or too many long ones run
	Duplicate              // somebody wrote the same external id at the same moment
	Login                  // we may not talk to the org at all: not the fault of what was asked
)

// Class tells what the error means.
func (e *APIError) Class() Class {
	switch e.Code {
	case "REQUEST_LIMIT_EXCEEDED":
		return Limit
	case "UNABLE_TO_LOCK_ROW", "QUERY_TIMEOUT", "SERVER_UNAVAILABLE", "REQUEST_RUNNING_TOO_LONG":
		return Temporary
	case "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "CANNOT_EXECUTE_FLOW_TRIGGER": // a trigger of the customer's threw
		if strings.Contains(e.Message, "UNABLE_TO_LOCK_ROW") {
			return Temporary
		}
		return Permanent
	case "UNKNOWN_EXCEPTION":
		return Doubtful
	case "DUPLICATE_VALUE", "DUPLICATE_EXTERNAL_ID":
		return Duplicate
	case "INVALID_SESSION_ID", "INVALID_AUTH_HEADER", "API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED":
		return Login
	}
	switch {
	case e.Op == "login" && e.Code != "":
		return Login // it was understood and refused; a login host that is down is another matter
	case e.HTTP == http.StatusUnauthorized:
		return Login
	case e.HTTP == http.StatusMultipleChoices:
		return Permanent // the external id is not unique in the org
	case e.HTTP != 0 && e.Code == "":
		return Temporary // a proxy, an edge server, a maintenance page: not the API's word on what we asked
	case e.HTTP == 420, e.HTTP == 408, e.HTTP == 429, e.HTTP == 502, e.HTTP == 503, e.HTTP == 504:
		return Temporary
	case e.HTTP >= 500:
		return Doubtful
	}
	return Permanent
}

// Daily reports whether it is the day's API calls that are spent, and not the few long requests allowed at a time: the
// code is the same.
func (e *APIError) Daily() bool {
	return e.Class() == Limit && strings.Contains(e.Message, "TotalRequests")
}

// sessionExpired reports whether a new session will help. Some refusals are of the app or of the user's address; a new
// session gets the same answer.
func (e *APIError) sessionExpired() bool {
	return e.HTTP == http.StatusUnauthorized &&
		!strings.Contains(e.Raw, "Connected app is not attached to Agent") &&
		!strings.Contains(e.Raw, "This session is not valid for use with the REST API")
}

const (
	mostRaw     = 2000 // bytes of a body kept for the operator
	mostMessage = 500
)

// newAPIError reads the three shapes of the API's errors (a list, an OAuth object, the result of an action) and keeps
// calm with any other body.
func newAPIError(op string, status int, header http.Header, body []byte) *APIError {
	e := &APIError{Op: op, HTTP: status, Raw: clip(string(body), mostRaw), RetryAfter: retryAfter(header)}
	switch {
	case e.readList(body):
	case e.readOAuth(body):
	case status == http.StatusMultipleChoices && json.Valid(body):
		e.Code, e.Message = "MULTIPLE_CHOICES", "the external id belongs to several records"
	default:
		e.Message = strings.ToLower(http.StatusText(status))
	}
	return e
}

// fault is an error as the API writes it: errorCode in whole answers, statusCode in results of single records.
type fault struct {
	ErrorCode  string   `json:"errorCode"`
	StatusCode string   `json:"statusCode"`
	Message    string   `json:"message"`
	Fields     []string `json:"fields"`
}

func (e *APIError) take(f fault) bool {
	e.Code = clip(f.ErrorCode+f.StatusCode, 100)
	e.Message = clip(f.Message, mostMessage)
	e.Fields = f.Fields[:min(len(f.Fields), 20)]
	return e.Code != ""
}

func (e *APIError) readList(body []byte) bool {
	var list []struct {
		fault
		Errors []fault `json:"errors"`
	}
	if json.Unmarshal(body, &list) != nil || len(list) == 0 {
		return false
	}
	if len(list[0].Errors) > 0 {
		return e.take(list[0].Errors[0])
	}
	return e.take(list[0].fault)
}

func (e *APIError) readOAuth(body []byte) bool {
	var o struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(body, &o) != nil {
		return false
	}
	return e.take(fault{ErrorCode: o.Error, Message: o.Description})
}

// retryAfter reads seconds; Salesforce does not promise the header.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(min(seconds, 3600)) * time.Second
}

func clip(s string, most int) string {
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "")
	}
	return strings.ToValidUTF8(s, "")
}
