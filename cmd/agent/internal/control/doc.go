// Package control is the agent's loop: what a reading, a token, a person's wish
// or the passing of time does to the account, the plan, the loads and the
// supply.
//
// Site.Step is a pure function: State and Input in, State and Effects out.  It
// reads no clock and does no I/O, so a simulated year, a replayed month and the
// real day go through the same code and come to the same result.  Loop is the
// one goroutine that owns the State.  What a step must not lose is stored beside
// it: what protects is let out first, what starts, restores, spends or answers
// somebody once it is recorded.
//
//	reading -> registers -> interval pieces -> tariff -> account -> ledger
//	                                                        |
//	forecast -> optimizer -> plan -> wishes -> guard -> commands
package control
