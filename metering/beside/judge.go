package beside

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Verdict is whether two meters can both be right.
type Verdict string

// The verdicts.
const (
	Agree   Verdict = "agree"   // they differ by no more than they may
	More    Verdict = "more"    // more was measured here than two sound meters may differ
	Less    Verdict = "less"    // less was
	Unclear Verdict = "unclear" // digits, or time in which nothing was measured, may explain it
)

// Stretch is what both meters counted between two readings.
type Stretch struct {
	From, To     time.Time
	Utility, Own units.Energy
	// Blur is how far the difference may be off by the last digits and by instants that
	// lie between two points.
	Blur units.Energy
	// Unmeasured is the time in which nothing was measured here, and Missed the most that
	// may have been used in it.
	Unmeasured time.Duration
	Missed     units.Energy
	Is         Verdict
}

// Month is a Stretch from one month's edge to the next, as near as there are readings.
type Month struct {
	Start time.Time // of the local month
	Stretch
}

// Account is the two meters held against each other.
type Account struct {
	Readings int
	// Whole is from the first reading of the meter that hangs there now to the last one.
	Whole Stretch
	// Judged is the newest stretch that is long enough to say something, else Whole.
	Judged Stretch
	Months []Month
	// Percent is by how much they may differ.
	Percent int64
}

// Compared tells whether there is anything to compare.
func (a Account) Compared() bool { return !a.Whole.To.IsZero() }

// stretch is what lies between two readings of one register.
func (r Rules) stretch(a, b Reading) Stretch {
	s := Stretch{
		From: a.Here.At, To: b.Here.At, Utility: b.counted() - a.counted(), Own: b.Here.Own - a.Here.Own,
		Blur: max(a.Step, b.Step) + a.Blur + b.Blur, Unmeasured: b.Here.Unmeasured - a.Here.Unmeasured,
	}
	if s.Unmeasured > 0 {
		s.Missed = r.fastest(s.Unmeasured)
	}
	s.Is = s.judge(r.Percent)
	if max(s.Utility, s.Own) < least || s.Own < 0 { // below zero: what was counted here was lost, with the records
		s.Is = Unclear
	}
	return s
}

// least is what one of the two must have counted to be judged: what a home uses in a day.
const least = 10 * units.KilowattHour

// judge is whether the difference is within so many percent of what the utility's meter
// counted: surely, surely not, or nobody can say.
func (s Stretch) judge(percent int64) Verdict {
	may := s.Utility.Part(percent, 100)
	low, high := s.Own-s.Utility-s.Blur, s.Own-s.Utility+s.Blur+s.Missed
	switch {
	case low > may:
		return More
	case high < -may:
		return Less
	case low >= -may && high <= may:
		return Agree
	}
	return Unclear
}

// PerMille is by how much more was measured here, in thousandths of what the utility's
// meter counted, below zero: less; ok is false where it counted nothing.
func (s Stretch) PerMille() (n int64, ok bool) {
	if s.Utility <= 0 {
		return 0, false
	}
	return units.MulDiv(int64(s.Own-s.Utility), 1000, int64(s.Utility)), true
}

// nearEdge is how far from the edge of a month a reading may be that stands for it.
const nearEdge = 3 * 24 * time.Hour

// Account holds the two meters against each other, with months by the calendar of zone.
func (s State) Account(r Rules, zone *time.Location) Account {
	a := Account{Readings: len(s.Readings), Percent: r.Percent}
	run := s.run()
	if len(run) < 2 {
		return a
	}
	a.Whole, a.Judged, a.Months = r.stretch(run[0], run[len(run)-1]), s.Judged(r), r.months(run, zone)
	return a
}

// Judged is the newest stretch that is long enough to say something, else all of it; zero
// where there is nothing to compare.
func (s State) Judged(r Rules) (j Stretch) {
	run := s.run()
	if len(run) < 2 {
		return j
	}
	last := run[len(run)-1]
	for _, from := range slices.Backward(run[:len(run)-1]) {
		if j = r.stretch(from, last); j.Is != Unclear {
			break
		}
	}
	return j
}

// run is the readings of the register that is read now.
func (s State) run() []Reading {
	for i, x := range slices.Backward(s.Readings) {
		if x.Anew {
			return s.Readings[i:]
		}
	}
	return s.Readings
}

// months are the local months with a reading near both of their edges.
func (r Rules) months(run []Reading, zone *time.Location) (out []Month) {
	near := func(edge time.Time) int {
		best := -1
		for i, x := range run {
			off := x.Here.At.Sub(edge).Abs()
			if off <= nearEdge && (best < 0 || off < run[best].Here.At.Sub(edge).Abs()) {
				best = i
			}
		}
		return best
	}
	y, m, _ := run[0].Here.At.Add(-nearEdge).In(zone).Date()
	for n := 0; ; n++ {
		start, end := units.DayStart(y, m+time.Month(n), 1, zone), units.DayStart(y, m+time.Month(n)+1, 1, zone)
		if start.After(run[len(run)-1].Here.At) {
			return out
		}
		if i, k := near(start), near(end); i >= 0 && k > i {
			out = append(out, Month{Start: start, Stretch: r.stretch(run[i], run[k])})
		}
	}
}
