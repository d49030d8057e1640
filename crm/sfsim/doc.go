// Package sfsim is a Salesforce org in memory that answers the REST API as Salesforce would, and fails on request.
//
// It is judged by clients that others wrote (jsforce, go-salesforce), not by ours alone. Marks in comments tell where
// a behaviour is known from: [D] Salesforce's documentation, [C] public code, [W] seen on the wire with a real client,
// [P] a third party's page or issue, [K] general knowledge, unconfirmed: a client must not depend on those.
//
//	door.go         every API request: body, fault, session, limit, answer, log
//	token.go        OAuth: JWT bearer, client credentials, revoke, userinfo
//	schema.json     the objects and their fields; describe.go tells clients of them
//	store.go        rows, indexes, undo; save.go the rules of writing one record
//	sobjects.go     records over REST; collections.go two hundred at once; composite.go several requests in one
//	query.go        SOQL and search.go SOSL, over the trees that package soql parses
//	flow.go         autolaunched Flows as Go functions
//	inspect.go      /_sim/: records, requests, faults, reset; pages.go the same for people
package sfsim
