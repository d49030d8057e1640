// Package soql parses Salesforce's two query languages, SOQL and SOSL, into trees. It knows their grammar, not the data.
//
// Sources: the SOQL and SOSL Reference. The subset is what clients of a simulated org need; what is outside it is
// refused with the error that Salesforce has for a malformed query.
package soql
