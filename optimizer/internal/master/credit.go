package master

import (
	"math"
	"sort"

	"github.com/keeplit/keeplit/optimizer/internal/model"
)

// CreditCheck is a slot after which the balance can be at its least.
type CreditCheck struct {
	Slot   int
	Budget float64 // what may be spent on imports up to and with the slot
}

// CreditChecks are the slots after which the balance must be looked at: it
// only rises by top-ups, so the last slot before each of them, the last slot
// of the obligation and the end are enough.
func CreditChecks(p *model.Problem) []CreditCheck {
	c := p.Credit
	least := make(map[int]float64)
	need := func(t int, x float64) {
		if t < 0 || t >= p.N {
			return
		}
		if v, ok := least[t]; !ok || x > v {
			least[t] = x
		}
	}
	for _, u := range c.TopUps {
		if u.Slot-1 < c.UntilSlot {
			need(u.Slot-1, c.MinBalance)
		}
	}
	need(c.UntilSlot-1, c.MinBalance)
	need(p.N-1, c.EndReserve)
	var out []CreditCheck
	for t, x := range least {
		budget := c.Balance - x
		for _, u := range c.TopUps {
			if u.Slot <= t {
				budget += u.Amount
			}
		}
		for _, f := range p.FixedCharges {
			if f.Slot <= t {
				budget -= f.Amount
			}
		}
		out = append(out, CreditCheck{t, budget})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Slot < out[j].Slot })
	return out
}

type creditRow struct {
	Row          int32
	UpTo         int // slots 0..upto are counted
	scen         int
	Budget       float64
	Slack, Short int32
	blocks       []int // blockRows that count
}

// creditRows makes the row of each check of the balance in each scenario that is
// protected.  What is spent there includes the adders of the blocks so far: a period
// that is over by then, and alike in all scenarios, has its row already; of the
// others the part up to the check gets one.
func (m *Programme) creditRows(o Outlook) {
	p := m.Problem
	for _, scen := range o.Protect {
		for _, c := range CreditChecks(p) {
			cr := creditRow{Row: m.rows(1), UpTo: c.Slot, scen: scen, Budget: c.Budget}
			for _, b := range p.Blocks {
				if b.From > c.Slot || b.To <= b.From || len(b.Steps) == 0 {
					continue
				}
				if b.To <= c.Slot+1 && len(o.Base) == 1 {
					cr.blocks = append(cr.blocks, m.wholeBlocks(b)...)
					continue
				}
				m.Blocks = append(m.Blocks, newBlockRow(b, m.rows(1), b.From, min(b.To, c.Slot+1), scen))
				cr.blocks = append(cr.blocks, len(m.Blocks)-1)
			}
			m.Credit = append(m.Credit, cr)
		}
	}
}

// wholeBlocks are the block rows of a whole period.
func (m *Programme) wholeBlocks(b model.Block) (at []int) {
	for k := range m.Blocks {
		if m.Blocks[k].Scenario < 0 && m.Blocks[k].From == b.From && m.Blocks[k].To == b.To {
			at = append(at, k)
		}
	}
	return at
}

// creditColumns adds what each check leaves, and what it lacks at the price of what
// must not be.
func (m *Programme) creditColumns() {
	for i := range m.Credit {
		c := &m.Credit[i]
		m.LP.B[c.Row] = c.Budget
		c.Slack = m.LP.Add(0, math.Inf(1), []int32{c.Row}, []float64{1})
		c.Short = m.LP.Add(m.Big, math.Inf(1), []int32{c.Row}, []float64{-1})
	}
}
