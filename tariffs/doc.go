// Package tariffs says what electricity costs: what a measured interval cost,
// what the next kWh will cost, what falls due with time and what a top-up is
// charged with, for prepaid, household and business tariffs.
//
// A Document is what a person writes and a regulator publishes.  New compiles
// it to a Tariff, which never changes.  All that happens within a billing month
// is kept in an Account, a plain value: every operation takes one and returns
// the next one with the Items to book.
//
// The bill of a month is a function of the energy used in each cell (version,
// season, period) of that month and of nothing else, and an Item is the
// difference between two such bills, each rounded once.  So any division of
// the same load, and any order of settling it, comes to the same bill to the
// millionth of the currency.
package tariffs
