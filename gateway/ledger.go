package gateway

import (
	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/crm"
	"github.com/cordboard/cordboard/store"
)

// ledger writes the calls' records, and with a closed one, in the same transaction, what the CRM is to know of it.
type ledger struct {
	store *store.Ledger
	tasks crm.Settings
}

func (l ledger) Open(r call.Record)  { l.store.Open(r) }
func (l ledger) Note(r call.Record)  { l.store.Update(r, nil) }
func (l ledger) Close(r call.Record) { l.store.Close(r, crm.Tasks(r, l.tasks)) }
func (l ledger) Amend(r call.Record) { l.store.Update(r, crm.Tasks(r, l.tasks)) }
