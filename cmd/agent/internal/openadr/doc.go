// Package openadr is a site as a VEN of an OpenADR 3.1 server (a VTN): it signs in, finds its
// program, reads the server's events again and again, hands on the whole list of them, and
// sends the reports that they ask for.  What an event means is package policy's; what is
// believed of a server here is that it answers, and no more: each answer has a size, a time
// and a form that it must keep to.
package openadr
