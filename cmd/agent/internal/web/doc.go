// Package web is the page a householder opens on a phone, and the JSON API that
// says and does the same: how long the credit lasts, what the house uses now,
// what runs when and why, topping up, and what to do when something is wrong.
//
// The package draws and asks; it decides nothing.  It declares the port it
// needs (Agent) and is given a View, an immutable picture of the whole agent,
// which it renders as pages, as live fragments (server-sent events), as JSON and
// as metrics.  All texts a person reads are in
// package present.
//
// Everything works without JavaScript except the live update and the charts,
// each of which has a table beside it.  Nothing is loaded from elsewhere.
package web
