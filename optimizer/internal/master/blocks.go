package master

import (
	"math"

	"github.com/keeplit/keeplit/optimizer/internal/model"
)

// BlockRow is the row of one billing period.
type BlockRow struct {
	Row      int32
	From, To int
	Scenario int // protected scenario whose import counts, -1: expected
	Steps    []int32
	Widths   []float64
	Adders   []float64
}

// blockRows makes the row of each period in which the price may change.
func (m *Programme) blockRows() {
	for _, b := range m.Problem.Blocks {
		if b.To > b.From && len(b.Steps) > 0 {
			m.Blocks = append(m.Blocks, newBlockRow(b, m.rows(1), b.From, b.To, -1))
		}
	}
}

func newBlockRow(b model.Block, row int32, from, to, scen int) BlockRow {
	r := BlockRow{Row: row, From: from, To: to, Scenario: scen}
	have := b.MTD
	lower := 0.0
	for _, s := range b.Steps {
		up := math.Inf(1)
		if s.UpTo != nil {
			up = *s.UpTo
		}
		if w := up - max(lower, have); w > 0 {
			r.Widths = append(r.Widths, w)
			r.Adders = append(r.Adders, s.Adder)
		}
		lower = up
	}
	if len(r.Widths) == 0 || !math.IsInf(r.Widths[len(r.Widths)-1], 1) { // beyond the last step nothing is added
		r.Widths = append(r.Widths, math.Inf(1))
		r.Adders = append(r.Adders, 0)
	}
	return r
}

// blockColumns adds the steps of each period.  The adders of a period that only the
// credit looks at cost nothing themselves: they are spent in its check.
func (m *Programme) blockColumns() {
	for i := range m.Blocks {
		b := &m.Blocks[i]
		for k, w := range b.Widths {
			ind, val := []int32{b.Row}, []float64{-1}
			cost := 0.0
			if b.Scenario < 0 {
				cost = b.Adders[k]
			}
			for _, c := range m.Credit {
				for _, bi := range c.blocks {
					if bi == i {
						ind, val = append(ind, c.Row), append(val, b.Adders[k])
					}
				}
			}
			b.Steps = append(b.Steps, m.LP.Add(cost, w, ind, val))
		}
	}
}

// Cost is what a block's adders cost for so many kWh.
func (b *BlockRow) Cost(kwh float64) float64 {
	var c float64
	for k, w := range b.Widths {
		x := min(kwh, w)
		c += x * b.Adders[k]
		if kwh -= x; kwh <= 0 {
			break
		}
	}
	return c
}
