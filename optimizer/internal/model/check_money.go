package model

import (
	"fmt"
	"math"
)

// money costs the imports and follows the credit.
func (e *Evaluation) money(p *Problem) []Violation {
	adders := blockCosts(p, e.ImportKW)
	for _, x := range adders {
		e.parts.Blocks += x
	}
	e.parts.Demand = demandCost(p, e.ImportKW)
	for _, f := range p.FixedCharges {
		e.parts.Fixed += f.Amount
	}
	if p.Credit == nil {
		return nil
	}
	e.balance = balances(p, e.ImportKW, adders)
	if len(p.Scenarios) > 0 {
		return nil // the chance limit is the rule
	}
	var bad []Violation
	if slot, by := creditShort(p, e.balance); by > p.moneyTol() {
		kind, text := ShortCredit, fmt.Sprintf("the credit is %.4f short after slot %d", by, slot)
		if slot >= p.Credit.UntilSlot {
			kind, text = ShortReserve, fmt.Sprintf("the credit ends %.4f below its reserve", by)
		}
		bad = append(bad, Violation{Kind: kind, Slot: slot, By: by, Text: text})
	}
	return bad
}

// blockCosts is what the block adders cost in each slot.
func blockCosts(p *Problem, importKW []float64) []float64 {
	out := make([]float64, p.N)
	h := p.Hours()
	for _, b := range p.Blocks {
		have := b.MTD
		for t := b.From; t < b.To; t++ {
			next := have + max(0, importKW[t])*h
			from := 0.0
			for _, s := range b.Steps {
				to := math.Inf(1)
				if s.UpTo != nil {
					to = *s.UpTo
				}
				out[t] += max(0, min(next, to)-max(have, from)) * s.Adder
				from = to
			}
			have = next
		}
	}
	return out
}

// demandCost is what the demand windows cost.
func demandCost(p *Problem, importKW []float64) float64 {
	var cost float64
	for _, d := range p.Demand {
		peak := d.FloorKW
		for _, g := range d.Groups(p.N) {
			sum := g.HeldKW
			for t := g.From; t < g.To; t++ {
				sum += max(0, importKW[t])
			}
			peak = max(peak, sum/g.Slots)
		}
		cost += d.PricePerKW * (peak - d.FloorKW)
	}
	return cost
}

// balances is the credit after each slot.
func balances(p *Problem, importKW, adders []float64) []float64 {
	move := make([]float64, p.N)
	for _, u := range p.Credit.TopUps {
		move[u.Slot] += u.Amount
	}
	for _, f := range p.FixedCharges {
		move[f.Slot] -= f.Amount
	}
	bal := p.Credit.Balance
	for t := range move {
		bal += move[t] - max(0, importKW[t])*p.Hours()*p.ImportPrice[t] - adders[t]
		move[t] = bal
	}
	return move
}

// creditShort is by how much the credit falls short at worst, and where.
func creditShort(p *Problem, balance []float64) (slot int, by float64) {
	c := p.Credit
	for t := 0; t < c.UntilSlot; t++ {
		if d := c.MinBalance - balance[t]; d > by {
			slot, by = t, d
		}
	}
	if d := c.EndReserve - balance[p.N-1]; d > by && by <= p.moneyTol() {
		slot, by = p.N, d
	}
	return slot, by
}

// overScenarios costs the plan in every scenario: loads and battery draw what
// was planned; base and sun are the scenario's; sun is left unused where the
// export limit demands it, and base is shed where the site limit does.
func (e *Evaluation) overScenarios(p *Problem, plan *Plan, total []float64) {
	h := p.Hours()
	own := e.parts.Wear + e.parts.Starts + e.parts.Skip + e.parts.Short + e.parts.Late + e.parts.Comfort + e.parts.End + e.parts.Fixed
	var weight, sum, out float64
	net := make([]float64, p.N)
	e.Scenario = make([]float64, len(p.Scenarios))
	for i, s := range p.Scenarios {
		cost := own
		for t := range p.N {
			pv := At(p.PVKW, t)
			if s.PVKW != nil {
				pv = s.PVKW[t]
			}
			x := s.BaseKW[t] - pv + total[t] + At(plan.BatteryKW, t)
			x = max(x, -p.ExportLimitKW)
			if p.SiteLimitKW != nil {
				if over := x - max(0, p.SiteLimitKW[t]); over > 0 {
					shed := min(over, s.BaseKW[t])
					x -= shed
					cost += shed * h * p.ShedPenalty
				}
			}
			net[t] = x
			if x > 0 {
				cost += x * h * p.ImportPrice[t]
			} else {
				cost += x * h * At(p.ExportPrice, t)
			}
		}
		adders := blockCosts(p, net)
		for _, a := range adders {
			cost += a
		}
		cost += demandCost(p, net)
		if p.Credit != nil {
			if _, by := creditShort(p, balances(p, net, adders)); by > p.moneyTol() {
				out += s.Weight
			}
		}
		e.Scenario[i] = cost
		weight += s.Weight
		sum += s.Weight * cost
	}
	e.Expected = sum / weight
	e.RunOut = out / weight
}
