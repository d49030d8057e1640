// Package salesforce talks to Salesforce: who is calling, what the routing Flow advises, and Tasks that stand there
// exactly once however often they are sent.
package salesforce
