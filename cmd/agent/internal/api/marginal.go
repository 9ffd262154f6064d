package api

import (
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
)

// Marginal is what energy used on top costs, in money and in light, by when it begins:
// GET /api/v1/marginal.
type Marginal struct {
	KWh   Ahead       `json:"kwh"` // one kWh, used evenly in an hour
	Loads []AheadLoad `json:"loads"`
}

// AheadLoad is one run more of a load.
type AheadLoad struct {
	ID     string  `json:"id"`
	Name   string  `json:"name"`
	KWh    float64 `json:"run_kwh"`
	Starts []Start `json:"starts"`
}

// Ahead is what something costs by when it begins: now, and each full hour of the plan;
// none where no plan that may be believed says so.
type Ahead struct {
	Starts []Start `json:"starts"`
}

// Start is what it costs where it begins then.
type Start struct {
	At    time.Time `json:"at"`
	Cost  string    `json:"cost"`
	Later string    `json:"later"` // of cost: what is used afterwards costs so much more, as it falls into dearer blocks
	Hours *float64  `json:"hours"` // by so many the credit ends sooner; null: not known
}

// MarginalOf is a picture's.
func MarginalOf(v *picture.View) Marginal {
	m := Marginal{KWh: Ahead{startsOf(v.Credit.Ahead)}, Loads: make([]AheadLoad, len(v.Loads))}
	for i, l := range v.Loads {
		m.Loads[i] = AheadLoad{ID: l.ID, Name: l.Name, KWh: l.RunEnergy.KWh(), Starts: startsOf(l.Ahead)}
	}
	return m
}

func startsOf(starts []picture.Start) []Start {
	out := make([]Start, len(starts))
	for i, s := range starts {
		out[i] = Start{At: s.At.UTC(), Cost: money(s.Cost), Later: money(s.Later), Hours: positive(s.Sooner.Hours())}
	}
	return out
}
