package sfsim

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// apiError is one fault as the REST API words it. In an answer it stands in an array with "errorCode" [P, many]; inside
// a save result the same code is called "statusCode" [C] jsforce.
type apiError struct {
	HTTP    int
	Code    string
	Message string
	Fields  []string
}

func (e *apiError) Error() string { return e.Code + ": " + e.Message }

// MarshalJSON writes the form of whole answers. Errors about fields name them; the others leave the member out.
func (e *apiError) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Message   string   `json:"message"`
		ErrorCode string   `json:"errorCode"`
		Fields    []string `json:"fields,omitzero"`
	}{e.Message, e.Code, e.Fields})
}

// savedError is an apiError in a save result.
type savedError struct {
	StatusCode string   `json:"statusCode"`
	Message    string   `json:"message"`
	Fields     []string `json:"fields"`
}

func (e *apiError) saved() savedError {
	fields := e.Fields
	if fields == nil {
		fields = []string{}
	}
	return savedError{StatusCode: e.Code, Message: e.Message, Fields: fields}
}

// refuse makes the error of a 400 answer about certain fields.
func refuse(code string, fields []string, format string, args ...any) *apiError {
	if fields == nil {
		fields = []string{}
	}
	return &apiError{HTTP: http.StatusBadRequest, Code: code, Message: fmt.Sprintf(format, args...), Fields: fields}
}

// refuseRequest makes the error of a 400 answer about the request as a whole.
func refuseRequest(code, format string, args ...any) *apiError {
	return &apiError{HTTP: http.StatusBadRequest, Code: code, Message: fmt.Sprintf(format, args...)}
}

func errNotFound() *apiError {
	return &apiError{HTTP: http.StatusNotFound, Code: "NOT_FOUND", Message: "The requested resource does not exist"}
}

func errDeleted() *apiError {
	return &apiError{HTTP: http.StatusNotFound, Code: "ENTITY_IS_DELETED", Message: "entity is deleted", Fields: []string{}}
}

// errNoSuchRow is how updating or deleting a missing id fails, other than reading one. [P] Fidelic: a real-org quirk
func errNoSuchRow() *apiError {
	return &apiError{HTTP: http.StatusNotFound, Code: "INVALID_CROSS_REFERENCE_KEY", Message: "invalid cross reference id", Fields: []string{}}
}

func errMethod(method string) *apiError {
	return &apiError{
		HTTP: http.StatusMethodNotAllowed, Code: "METHOD_NOT_ALLOWED",
		Message: fmt.Sprintf("HTTP Method '%s' not allowed. Allowed are HEAD,GET,POST,PATCH,DELETE", method),
	}
}

func errSession() *apiError {
	return &apiError{HTTP: http.StatusUnauthorized, Code: "INVALID_SESSION_ID", Message: "Session expired or invalid"} // [P] many
}

func errUnknownType(name string) *apiError {
	return refuseRequest("INVALID_TYPE", "sObject type '%s' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.", name) // [P]
}

func errNoColumn(obj *object, name string) *apiError {
	return refuse("INVALID_FIELD", nil, "No such column '%s' on sobject of type %s", name, obj.Name) // [P]
}
