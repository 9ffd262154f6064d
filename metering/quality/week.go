package quality

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Week is what is kept of a week: how many values there were and how many lay beyond
// what EN 50160 promises.
type Week struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Since is when watching began within it; zero: it had begun before.
	Since time.Time `json:"since,omitzero"`
	// Sampled says that the values come of samples, and not of what a meter tells.
	Sampled bool          `json:"sampled,omitempty"`
	Nominal units.Voltage `json:"nominal"`

	Values  int       `json:"values"`            // over 10 minutes that count
	Flagged int       `json:"flagged,omitempty"` // left out for a disturbance
	Short   int       `json:"short,omitempty"`   // left out for want of samples
	Newest  time.Time `json:"newest,omitzero"`   // end of the newest of all of them

	Phases    []PhaseWeek `json:"phases,omitempty"`
	Unbalance Share       `json:"unbalance,omitzero"`
	Frequency Share       `json:"frequency,omitzero"` // of values over 10 s: beyond 1 %
	Far       int         `json:"far,omitempty"`      // of them: beyond +4 % or -6 %
	HzNewest  time.Time   `json:"hz_newest,omitzero"`

	// Dips by residual voltage (from 80, 70, 40, 5 %, and below) and length (up to 0.2,
	// 0.5, 1, 5, 60 s); Swells by voltage (from 120 %, from 110 %) and length (up to
	// 0.5, 5, 60 s): EN 50160, 4.3.
	Dips          [5][5]int `json:"dips"`
	Swells        [2][3]int `json:"swells"`
	Interruptions [2]int    `json:"interruptions"`    // up to 3 minutes, and longer
	Longer        int       `json:"longer,omitempty"` // dips and swells of more than a minute
	Rapid         int       `json:"rapid,omitempty"`
	Worst         *Event    `json:"worst,omitempty"` // the dip that took most of the voltage for longest
}

// PhaseWeek is one phase's part of it.
type PhaseWeek struct {
	Beyond10 int           `json:"beyond_10"` // more than 10 % off
	Beyond15 int           `json:"beyond_15"` // below -15 % or above +10 %
	Low      units.Voltage `json:"low"`
	High     units.Voltage `json:"high"`
	LowEnd   time.Time     `json:"low_end,omitzero"` // when the 10 minutes of Low ended
	HighEnd  time.Time     `json:"high_end,omitzero"`
	Distort  Share         `json:"thd,omitzero"`
	Spectra  int           `json:"spectra,omitempty"`
	Orders   int           `json:"orders,omitempty"`    // the fewest that were measured
	Harmonic []OrderShare  `json:"harmonics,omitempty"` // those that were ever beyond their limit
	Flicker  Share         `json:"flicker,omitzero"`    // of P_lt over 2 hours: above 1
	Two      []int64       `json:"two_hours,omitempty"` // P_st of the 2 hours under way, in thousandths
	TwoEnd   time.Time     `json:"two_end,omitzero"`    // when these end
}

// Share is how many values there were, and how many beyond a limit.
type Share struct {
	N      int `json:"n"`
	Beyond int `json:"beyond,omitempty"`
}

func (s *Share) add(beyond bool) {
	s.N++
	if beyond {
		s.Beyond++
	}
}

// OrderShare is how often a harmonic was beyond its limit.
type OrderShare struct {
	Order  int `json:"order"`
	Beyond int `json:"beyond"`
}

// Limit is the part of the fundamental that EN 50160 promises a harmonic to stay below, in
// 95 % of a week; zero: nothing is promised.
func Limit(order int) PPM {
	switch order {
	case 2:
		return 20_000
	case 4:
		return 10_000
	case 3:
		return 50_000
	case 9:
		return 15_000
	case 15, 21:
		return 5_000
	case 5:
		return 60_000
	case 7:
		return 50_000
	case 11:
		return 35_000
	case 13:
		return 30_000
	case 17:
		return 20_000
	case 19, 23, 25:
		return 15_000
	}
	if order >= 6 && order <= 24 && order%2 == 0 {
		return 5_000
	}
	return 0
}

// counts is how much of 10 minutes must have been measured.
const counts = 750_000

// ten takes a value over 10 minutes.
func (w *Week) ten(t *Ten, nominal units.Voltage) {
	if !t.End.After(w.Newest) {
		return // the clock went back over it
	}
	w.Newest = t.End
	if n := len(t.Phases); n > len(w.Phases) {
		w.Short += w.Values + w.Flagged // of a phase that is new nothing was measured before
		w.Values, w.Flagged = 0, 0
		w.Phases = make([]PhaseWeek, n)
	}
	w.flicker(t)
	switch {
	case t.Covered < counts || len(t.Phases) < max(1, len(w.Phases)):
		w.Short++
		return
	case t.Flagged:
		w.Flagged++
		return
	}
	w.Values++
	if t.Sequence {
		w.Unbalance.add(t.Negative > 20_000)
	}
	for k := range t.Phases {
		p, in := &w.Phases[k], &t.Phases[k]
		off := in.Voltage - nominal
		if off*10 > nominal || off*10 < -nominal {
			p.Beyond10++
		}
		if off*10 > nominal || off*100 < -15*nominal {
			p.Beyond15++
		}
		if p.LowEnd.IsZero() || in.Voltage < p.Low {
			p.Low, p.LowEnd = in.Voltage, t.End
		}
		if p.HighEnd.IsZero() || in.Voltage > p.High {
			p.High, p.HighEnd = in.Voltage, t.End
		}
		if in.Orders == 0 {
			continue
		}
		p.Distort.add(in.THD > 80_000)
		if p.Spectra++; p.Spectra == 1 || in.Orders < p.Orders {
			p.Orders = in.Orders
		}
		for h := 2; h <= min(Orders, in.Orders); h++ {
			if l := Limit(h); l > 0 && in.Harmonics[h-1] > l {
				p.beyond(h)
			}
		}
	}
}

// beyond counts a harmonic that was beyond its limit.
func (p *PhaseWeek) beyond(order int) {
	p.Harmonic = slices.Clone(p.Harmonic)
	i, found := slices.BinarySearchFunc(p.Harmonic, order, func(o OrderShare, to int) int { return o.Order - to })
	if !found {
		p.Harmonic = slices.Insert(p.Harmonic, i, OrderShare{Order: order})
	}
	p.Harmonic[i].Beyond++
}

// flicker gathers P_st to P_lt over 2 hours of the clock: of 12 values, none of them
// flagged or missing.
func (w *Week) flicker(t *Ten) {
	const two = 2 * time.Hour
	for k := range min(len(t.Phases), len(w.Phases)) {
		p, in := &w.Phases[k], &t.Phases[k]
		end := t.End.Truncate(two)
		if end.Before(t.End) {
			end = end.Add(two)
		}
		if !end.Equal(p.TwoEnd) {
			p.Two, p.TwoEnd = nil, end
		}
		if in.Flicker && !t.Flagged && t.Covered >= counts {
			p.Two = append(slices.Clone(p.Two), in.Pst)
		}
		if t.End.Equal(end) {
			if len(p.Two) == 12 {
				sum := 0.0
				for _, v := range p.Two {
					f := float64(v) / 1000
					sum += f * f * f
				}
				p.Flicker.add(sum > 12)
			}
			p.Two = nil
		}
	}
}

// seconds takes the frequency of 10 s.
func (w *Week) seconds(s Seconds, nominal units.Frequency) {
	if !s.End.After(w.HzNewest) || s.Frequency <= 0 {
		return
	}
	w.HzNewest = s.End
	off := s.Frequency - nominal
	w.Frequency.add(off*100 > nominal || off*100 < -nominal)
	if off*100 > 4*nominal || off*100 < -6*nominal {
		w.Far++
	}
}

// event counts a disturbance.
func (w *Week) event(e Event, nominal units.Voltage) {
	among := func(v int64, edges ...int64) int {
		for i, edge := range edges {
			if v <= edge {
				return i
			}
		}
		return len(edges)
	}
	length := e.Length.Milliseconds()
	part := int64(0)
	if nominal > 0 {
		part = int64(e.Voltage) * 1000 / int64(nominal)
	}
	switch e.Kind {
	case Interruption:
		w.Interruptions[among(length, 180_000)]++
	case RapidChange:
		w.Rapid++
	case Swell:
		column := among(length, 500, 5000, 60_000)
		if column > 2 {
			w.Longer++
			return
		}
		w.Swells[1-min(1, int(part/1200))][column]++
	case Dip:
		if e.Interrupted {
			return
		}
		if w.Worst == nil || weight(e, nominal) > weight(*w.Worst, nominal) {
			w.Worst = &e
		}
		column := among(length, 200, 500, 1000, 5000, 60_000)
		if column > 4 {
			w.Longer++
			return
		}
		w.Dips[4-among(part, 49, 399, 699, 799)][column]++
	}
}

// weight is what of the voltage was missing, times how long.
func weight(e Event, nominal units.Voltage) float64 {
	return float64(nominal-e.Voltage) * e.Length.Seconds()
}
