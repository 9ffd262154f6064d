package api

import "time"

// Cuts is when the supply was not on: GET /api/v1/cuts.
type Cuts struct {
	Cuts []CutRow `json:"cuts"` // newest first
}

// CutRow is a stretch without supply, of one cause.
type CutRow struct {
	From  time.Time  `json:"from"`
	To    *time.Time `json:"to"`    // null: it goes on
	Cause string     `json:"cause"` // credit, overload, utility, tamper, customer, fault, or waits: it might be switched on
	Entry uint64     `json:"entry"` // of the ledger, by its seq
}
