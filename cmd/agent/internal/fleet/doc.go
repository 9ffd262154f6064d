// Package fleet runs many agents in one process against a real broker, and is the utility
// that speaks to them, so that a broker's configuration is measured before homes hang on it.
//
// Of each agent everything that has to do with the broker and the utility is what "agent
// run" has: the rules of the site by its configuration, the loop, the session, the talk, the
// verification of envelopes and the acknowledgements.  Its ledger is in memory, its meter and
// its load are made up, and it makes no plans; it has no page and no outbox.
package fleet
