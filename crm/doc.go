// Package crm holds what a CRM means to a call: whose number it is, and what must stand in the CRM when the call is over.
// Its functions are pure; crm/salesforce talks to the CRM.
package crm
