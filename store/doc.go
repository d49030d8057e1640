// Package store keeps, in SQLite, what must survive: the ledger of calls, the rows of the outbox, and a few secrets.
package store
