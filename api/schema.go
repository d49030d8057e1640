package api

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// streamSchema describes the stream of events. OpenAPI 3.1 has no words for streams, so this is the form that generators
// read: an array of messages, each one of several.
func streamSchema(schemas huma.Registry) *huma.Schema {
	var messages []*huma.Schema
	for _, m := range []struct {
		name string
		data reflect.Type
	}{
		{"hello", reflect.TypeFor[Hello]()},
		{"call", reflect.TypeFor[CallEvent]()},
		{"agent", reflect.TypeFor[AgentEvent]()},
		{"queues", reflect.TypeFor[[]Queue]()},
		{"gateway", reflect.TypeFor[GatewayEvent]()},
		{"reconnect", reflect.TypeFor[Reconnect]()},
	} {
		data := schemas.Schema(m.data, true, m.name)
		data.Nullable = false
		messages = append(messages, &huma.Schema{
			Title: "Event " + m.name, Type: huma.TypeObject, Required: []string{"event", "data"},
			Properties: map[string]*huma.Schema{
				"event": {Type: huma.TypeString, Enum: []any{m.name}},
				"data":  data,
			},
		})
	}
	return &huma.Schema{Title: "Events", Type: huma.TypeArray, Items: &huma.Schema{OneOf: messages},
		Description: "Each element is one server-sent event."}
}
