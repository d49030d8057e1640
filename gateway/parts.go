package gateway

import (
	"net"
	"net/http"

	"github.com/cordboard/cordboard/access"
	"github.com/cordboard/cordboard/agent"
	"github.com/cordboard/cordboard/api"
	"github.com/cordboard/cordboard/bridge"
	"github.com/cordboard/cordboard/crm/salesforce"
	"github.com/cordboard/cordboard/outbox"
	"github.com/cordboard/cordboard/queue"
	"github.com/cordboard/cordboard/routing"
	"github.com/cordboard/cordboard/sip"
	"github.com/cordboard/cordboard/store"
	"github.com/cordboard/cordboard/switchboard"
	"github.com/cordboard/cordboard/trace"
)

// parts are what a gateway is made of; each is set by the open function of its floor.
type parts struct {
	store     *store.Store
	org       *salesforce.Client // nil: there is no Salesforce
	worker    *outbox.Worker     // nil: there is no Salesforce
	simulator string             // address of the embedded org; empty: there is none
	desk      *agent.Desk
	queues    *queue.Distributor
	guard     *access.Guard
	api       *api.API
	book      *trace.Book
	sound     *sounds
	router    *routing.Router
	tellers   *stories
	bridge    *bridge.Bridge
	board     *switchboard.Switchboard
	endpoint  *sip.Endpoint
	web       net.Listener
	mux       *http.ServeMux
	server    *http.Server
	drain     drain
}
