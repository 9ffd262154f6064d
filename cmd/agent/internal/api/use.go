package api

import "time"

// Use is where the energy of the last days went: GET /api/v1/use.
type Use struct {
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Days    int       `json:"days"`
	KWh     float64   `json:"energy_kwh"`
	Cost    *string   `json:"cost"` // of the energy, without what falls due by time; null: credit is kWh
	Gaps    bool      `json:"gaps"` // a part was not measured
	Loads   []UsePart `json:"loads"`
	Rest    *UsePart  `json:"rest"`    // what no appliance took; null: that is not known
	Periods []UsePart `json:"periods"` // by the tariff's periods; empty where it has one price for all
	Standby *Standby  `json:"standby"` // null: it is not known yet
	Tips    []Tip     `json:"tips"`
}

// UsePart is a part of it.
type UsePart struct {
	ID     string  `json:"id"` // of a load; else empty
	Name   string  `json:"name"`
	KWh    float64 `json:"energy_kwh"`
	Cost   *string `json:"cost"`
	Rated  bool    `json:"rated"`  // nobody measures it: worked out from what it is to draw
	Partly bool    `json:"partly"` // nothing is recorded of some of the time
}

// Standby is what is drawn nine tenths of the time or more.
type Standby struct {
	W    float64 `json:"w"`
	KWh  float64 `json:"energy_kwh"` // that lay below that line
	Of   float64 `json:"of_kwh"`     // all that was used
	Cost *string `json:"cost"`
	Days int     `json:"days"`
}

// Tip is what would have cost less in days that are over, charged again by the tariff.
type Tip struct {
	Kind  string  `json:"kind"`  // shift: a tenth from the dearest period (name) into the cheapest (other); standby: w less all the time; load: a tenth less of name
	Name  string  `json:"name"`  // of a period or a load
	Other string  `json:"other"` // of a period
	W     float64 `json:"w"`
	KWh   float64 `json:"energy_kwh"` // moved, or less
	Saves string  `json:"saves"`
	Days  int     `json:"days"`
	Text  string  `json:"text"` // the same in a sentence
}
