package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cordboard/cordboard/call"
)

func (a *API) registerCaptures(api huma.API, session func(huma.Operation) huma.Operation) {
	op := func(id, method, summary string, errors ...int) huma.Operation {
		return session(huma.Operation{OperationID: id, Method: method, Path: "/calls/{id}/capture", Tags: []string{"calls"}, Summary: summary,
			Errors: append(errors, http.StatusForbidden, http.StatusNotFound)})
	}
	begin := op("begin-capture", http.MethodPost, "Take the packets of a call that goes on", http.StatusServiceUnavailable)
	begin.DefaultStatus = http.StatusCreated
	begin.Description = "For administrators. SIP of all legs from the beginning, without secrets, and RTP, decrypted, with what is said blanked out; " +
		"with sound, only where trace.sound of the configuration lets them. It ends with the call, or when its time or its room is over."
	huma.Register(api, begin, a.beginCapture)
	file := op("get-capture", http.MethodGet, "What was taken so far, for Wireshark")
	file.Responses = map[string]*huma.Response{"200": {Description: "A file of libpcap", Content: map[string]*huma.MediaType{
		pcapType: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}}
	huma.Register(api, file, a.capture)
	end := op("end-capture", http.MethodDelete, "End it and throw the file away")
	end.DefaultStatus = http.StatusNoContent
	huma.Register(api, end, a.endCapture)
}

const pcapType = "application/vnd.tcpdump.pcap"

type captureInput struct {
	ID   string `path:"id" maxLength:"64" doc:"Id of the call"`
	Body *struct {
		Seconds int  `json:"seconds,omitempty" minimum:"1" maximum:"3600" default:"600" doc:"How long at most"`
		Sound   bool `json:"sound,omitempty" doc:"What is said as well"`
	} `required:"false"`
}

type captureOutput struct{ Body Capture }

const captureFor = 10 * time.Minute

func (a *API) beginCapture(ctx context.Context, in *captureInput) (*captureOutput, error) {
	if err := administers(ctx, "take the packets of calls"); err != nil {
		return nil, err
	}
	d, sound := captureFor, false
	if in.Body != nil {
		sound = in.Body.Sound
		if in.Body.Seconds > 0 {
			d = time.Duration(in.Body.Seconds) * time.Second
		}
	}
	if sound && !a.cfg.CaptureSound {
		return nil, huma.Error403Forbidden("what is said may not be taken here; leave sound out, or set trace.sound in the configuration")
	}
	c, err := a.cfg.Traces.Capture(call.ID(in.ID), d, sound)
	if err != nil {
		return nil, err
	}
	return &captureOutput{Body: c}, nil
}

// NoCall is the refusal to capture a call that does not go on; Traces returns it.
func NoCall(id call.ID) error {
	return huma.Error404NotFound(fmt.Sprintf("call %q does not go on; see GET /calls/active", id))
}

// TooManyCaptures is the refusal to capture one call more; Traces returns it.
func TooManyCaptures() error {
	return huma.ErrorWithHeaders(huma.Error503ServiceUnavailable("as many captures as may be are under way; end one by DELETE, or wait"),
		http.Header{"Retry-After": {"60"}})
}

type fileOutput struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Packets     int    `header:"X-Packets"`
	Full        bool   `header:"X-Full"`
	Body        []byte
}

func (a *API) capture(ctx context.Context, in *callInput) (*fileOutput, error) {
	if err := administers(ctx, "see the packets of calls"); err != nil {
		return nil, err
	}
	file, c, ok := a.cfg.Traces.Captured(call.ID(in.ID))
	if !ok {
		return nil, noCapture(in.ID)
	}
	return &fileOutput{ContentType: pcapType, Disposition: fmt.Sprintf("attachment; filename=%q", c.Call+".pcap"), Packets: c.Packets, Full: c.Full, Body: file}, nil
}

func (a *API) endCapture(ctx context.Context, in *callInput) (*struct{}, error) {
	if err := administers(ctx, "end captures"); err != nil {
		return nil, err
	}
	if !a.cfg.Traces.EndCapture(call.ID(in.ID)) {
		return nil, noCapture(in.ID)
	}
	return nil, nil
}

func noCapture(id string) error {
	return huma.Error404NotFound(fmt.Sprintf("no packets of call %q are or were taken; begin by POST while it goes on", id))
}
