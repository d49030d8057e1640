// Package caller says who is calling: what a trunk's header fields tell us (From, P-Asserted-Identity, Remote-Party-ID,
// Privacy, Diversion, History-Info), and what ours tell a trunk. Pure functions; a withheld number is withheld everywhere.
package caller
