// Package hep sends copies of messages to a Homer server, in the form of HEPv3 (EEP): the header "HEP3", the length, and
// chunks of vendor, type, length and value.
package hep
