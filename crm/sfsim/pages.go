package sfsim

import "net/http"

func (o *Org) serveHome(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }
func (o *Org) servePage(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }
