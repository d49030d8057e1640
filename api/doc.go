// Package api is the house's front desk: what pages and programs may ask of the gateway over HTTP, described by OpenAPI at
// /api/v1/openapi.json, and the stream of what happens.
package api

//go:generate go test -run TestTheDocumentIsWhatTheHandlersAre -update
