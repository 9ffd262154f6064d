// Package credit keeps the money side of a prepaid supply: what has been paid,
// what has been used, and whether the supply may stay on.
//
// It is a set of pure functions over one value.  An Account is everything the
// rules remember; every operation takes an Account and an instant and answers
// the next Account together with the ledger entries that lead to it.  The
// caller stores both in one transaction, so a crash leaves either the old
// account and the old ledger or the new account and the new ledger, and the
// same input offered again then gives the same ledger.  Nothing here reads a
// clock, a file or a network.
//
// The sign rule is one: a positive amount is the customer's gain.
//
//	top-up ──► token scheme ──► lock-out ──► order of payment ──► entries
//	                                          1 payment debt (share of it, capped)
//	                                          2 charges taken at purchase
//	                                          3 accumulated debt
//	                                          4 used emergency credit
//	                                          5 balance
//	sample ──► Accrue ──► (interval edge) Settle ──► entries
//	account ──► Supply ──► connected | disconnected | ready, and why ──► Contactor
//
// What a customer is told (Result.Says, Decision.Why) is codes and values; the
// words are made at the edge.  The causes of ledger entries are words, and stay as
// they are: they are hashed, and so they are record, not speech.
//
// The names follow the account, credit and charge objects of DLMS/COSEM.
package credit
