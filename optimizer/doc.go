// Package optimizer decides when a home's or a business's deferrable loads
// run.  Given a Problem (slots of time with prices, forecast consumption, site
// limits, prepaid credit, loads and a battery) Solve returns a Plan: the power
// of every load in every slot, what it will cost, a proven lower bound on what
// any plan could cost, and for each load the reason for its hours.
//
// Solve never fails.  What cannot be had (a load whose window is too short, a
// limit below the base load, credit that is already spent) is left out and
// named in Plan.Shortfalls with its price, the least important first to go.
//
// The package is pure: it reads no clock, does no I/O, and the same Problem
// and Options give the same Plan as long as only Options.WorkLimit ends the
// search.  Powers are kW, energies kWh, money the one configured currency and
// prices currency per kWh, all float64; slot indexes count from 0 and ranges
// are half-open.
package optimizer
