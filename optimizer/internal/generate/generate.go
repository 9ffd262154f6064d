// Package generate makes seeded problems for the tests of the optimizer.
package generate

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/keeplit/keeplit/optimizer/internal/model"
)

// Flat is n times x.
func Flat(n int, x float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = x
	}
	return out
}

// Problem makes a seeded problem of one of the classes "home", "business",
// "peaks" (a home of few loads with a charge for its peak), "tiny" (small enough to be
// solved by trying everything), and of the last with "tiny peaks" and "tiny shared", which
// has circuits and exclusions.
func Problem(seed uint64, class string) *model.Problem {
	r := rand.New(rand.NewPCG(seed, 7))
	f := func(lo, hi float64) float64 { return lo + (hi-lo)*r.Float64() }
	n, minutes, loads, scale := 96, 15.0, 6+r.IntN(4), 1.0
	switch class {
	case "tiny", "tiny peaks", "tiny shared":
		n, minutes, loads = 8, 60, 2+r.IntN(2)
	case "business":
		loads, scale = 20, 8
	case "peaks":
		n, minutes, loads = 48, 30, 2+r.IntN(5)
	}
	tiny := strings.HasPrefix(class, "tiny")
	p := &model.Problem{Name: fmt.Sprintf("%s-%d", class, seed), SlotMinutes: minutes, N: n, ExportLimitKW: 5 * scale, ShedPenalty: 4}
	cheap, dear := f(0.05, 0.1), f(0.18, 0.3)
	for t := range n {
		hour := float64(t) * 24 / float64(n)
		price := cheap
		if hour > 6 && hour < 10 || hour > 16 && hour < 21 {
			price = dear
		}
		p.BaseKW = append(p.BaseKW, scale*(0.3+0.5*r.Float64()))
		p.PVKW = append(p.PVKW, 0)
		p.ImportPrice = append(p.ImportPrice, price)
		p.ExportPrice = append(p.ExportPrice, 0.3*cheap)
		p.SiteLimitKW = append(p.SiteLimitKW, scale*f(4, 4.01))
		if seed%2 == 0 {
			p.PVKW[t] = scale * 2.5 * max(0, math.Sin((hour-6)/12*math.Pi))
		}
	}
	slots := func(hours float64) int { return max(1, int(math.Round(hours*60/minutes))) }
	for i := range loads {
		l := model.Load{ID: fmt.Sprintf("load%02d", i)}
		switch kind := r.IntN(5); {
		case kind == 0:
			profile := []float64{f(1, 2.2)}
			for range slots(0.5) {
				profile = append(profile, f(0.2, 2))
			}
			from := r.IntN(n / 2)
			l.Cycle = &model.Cycle{ProfileKW: profile, Earliest: from, LatestFinish: min(n, from+len(profile)+1+r.IntN(n/2)), SkipPenalty: f(0.5, 3)}
		case kind == 1 || kind == 4 && tiny:
			l.OnOff = &model.OnOff{
				KW: f(0.8, 2), NeedSlots: slots(f(1, 4)), From: r.IntN(n / 3), To: n - r.IntN(n/3), MaxStarts: 1 + r.IntN(3), StartCost: 0.01, ShortPenalty: f(0.1, 0.5),
				Switching: model.Switching{MinOn: 1 + r.IntN(2), MinOff: 1 + r.IntN(2)},
			}
		case kind == 2:
			l.Variable = &model.Variable{
				MinKW: 1.2, MaxKW: f(2, 4), NeedKWh: f(3, 9), From: r.IntN(n / 3), To: n, MaxStarts: 2, StartCost: 0.02, ShortPenalty: f(0.5, 1),
				Switching: model.Switching{MinOn: 1 + r.IntN(2), MinOff: 1},
			}
		default:
			b := 60 / minutes
			l.Thermal = &model.Thermal{
				KW: 2, Modulating: r.IntN(3) == 0, A: 1 - 0.01/b, B: 8.6 / b, TEnv: model.Series{20}, Drop: make([]float64, n), T0: f(48, 58), TMin: Flat(n, 45), TMax: 72,
				ComfortPenalty: 0.16 / b, EndTarget: f(48, 54), EndPenalty: 0.05, Switching: model.Switching{MinOn: 1, MinOff: 1},
			}
			for range 3 {
				l.Thermal.Drop[r.IntN(n)] += f(1, 6)
			}
		}
		p.Loads = append(p.Loads, l)
	}
	upTo := 40.0
	if r.IntN(2) == 0 {
		p.Blocks = []model.Block{{From: 0, To: n, MTD: f(0, 60), Steps: []model.Step{{UpTo: &upTo, Adder: 0}, {UpTo: nil, Adder: 0.08}}}}
	}
	if r.IntN(3) == 0 {
		p.Battery = &model.Battery{CapKWh: 5, SoC0: 2, SoCMin: 0.5, SoCMax: 5, MaxChargeKW: 2.5, MaxDischargeKW: 2.5, EffC: 0.95, EffD: 0.95, Wear: 0.01, SoCEnd: 1.5}
	}
	p.FixedCharges = []model.FixedCharge{{Slot: 0, Amount: 0.3}}
	if class == "business" {
		d := model.DemandWindow{Name: "peak", Interval: 2, PricePerKW: 4, FloorKW: 10}
		for t := range n {
			d.Slots = append(d.Slots, t)
		}
		p.Demand = []model.DemandWindow{d}
	}
	switch class {
	case "peaks", "tiny peaks":
		d := model.DemandWindow{Name: "peak", Interval: 1 + r.IntN(4), PricePerKW: f(1, 20), FloorKW: max(0, f(-2, 2))}
		for t := range n {
			d.Slots = append(d.Slots, t)
		}
		p.Demand = []model.DemandWindow{d}
		p.ShedPenalty = 200 // so that none is shed for a peak
		return p
	case "tiny shared":
		p.Circuits = []model.Circuit{{Name: "garage", LimitKW: f(2, 3), Loads: []string{"load00", "load01"}}}
		p.Exclusions = [][]string{{"load00", fmt.Sprintf("load%02d", loads-1)}}
	}
	if class != "business" && r.IntN(2) == 0 {
		p.Credit = &model.Credit{Balance: f(3, 9), UntilSlot: n, EndReserve: 0.2}
	}
	return p
}

// Write writes a problem as the document that the optimizer reads.
func Write(w io.Writer, p *model.Problem) error {
	return json.NewEncoder(w).Encode(struct {
		Format string `json:"format"`
		*model.Problem
	}{model.InstanceFormat, p})
}
