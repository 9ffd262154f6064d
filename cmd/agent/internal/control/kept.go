package control

import (
	"time"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
)

// Kept is what has been counted, as it is stored: no crash takes any of it back, so that who
// is told of it never hears of less.
type Kept struct {
	At             time.Time
	Counted        bool         // a sample has been taken: before, the registers say nothing
	Import, Export units.Energy // of Meter.Registers
	Seq            uint64       // of the last ledger entry
	Accrued        units.Money  // used up and not posted yet, with what becomes a debt
	Fixed          units.Money  // the part of Accrued that is charged by time or purchase
	Loads          []units.Energy
}

// keptOf is what a stored State has counted; the loads are in the order of Site.Loads.
func keptOf(st *State) Kept {
	r := st.Meter.Registers
	k := Kept{At: st.Now, Counted: !r.At.IsZero(), Import: r.Import, Export: r.Export, Seq: st.Credit.Head.Seq, Loads: make([]units.Energy, len(st.Loads))}
	for _, p := range st.Credit.Pending {
		k.Accrued += p.Charge.Amount
		if p.Charge.Kind == credit.Standing {
			k.Fixed += p.Charge.Amount
		}
	}
	for i := range st.Loads {
		k.Loads[i] = st.Loads[i].Total
	}
	return k
}
