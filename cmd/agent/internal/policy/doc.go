// Package policy is what a utility says to a site, signed: prices, tokens, limits,
// messages and the keys that may say so.  It takes bytes and the time as values,
// does no I/O, and answers what follows and what is remembered: whether an
// envelope is genuine, meant for this site, in order, in time and safe; which
// limit is in force; and which acknowledgements the utility is owed.
//
// An envelope is a JWS (RFC 7515) signed with Ed25519 whose payload holds an
// event in the shape of OpenADR 3.1.1; docs/policy.md describes both.  Transport
// is trusted with nothing: an envelope that is handed on late, twice, in another
// order or to another site has no effect.
package policy
