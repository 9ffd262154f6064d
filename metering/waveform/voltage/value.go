package voltage

import (
	"math"
	"time"
)

// Value is what was measured over a time: over 10 (12) cycles, or the root of the mean
// of the squares of such values.
type Value struct {
	From, To float64   // in samples since the beginning
	End      time.Time // of the clock's 10 minutes; zero where no clock was told
	Windows  int       // how many values over 10 (12) cycles are in it
	// Covered is how much of the time was measured, as a part; Gaps says that what was
	// measured is no unbroken run of cycles.
	Covered float64
	Gaps    bool
	// Flagged says that a dip, swell or interruption was in it.
	Flagged bool

	Urms     [MaxPhases]float64 // V
	Sequence bool               // there are three phases, and the two values below are known
	Negative float64            // negative over positive sequence
	Zero     float64            // zero over positive sequence
	// ROCOF is the greatest rate of change of frequency of a second, by amount, in Hz/s,
	// and HasROCOF whether there was an unbroken second.
	ROCOF    float64
	HasROCOF bool
}

// gather adds values up.
type gather struct {
	from, to  float64
	windows   int
	measured  float64 // samples
	gaps      bool
	flagged   bool
	squares   [MaxPhases]float64
	sequences int
	negative  float64
	zero      float64
	rocof     float64
	hasROCOF  bool
}

func (g *gather) add(v *Value) {
	g.windows++
	g.to = v.To
	g.measured += v.Covered * (v.To - v.From)
	g.gaps = g.gaps || v.Gaps
	g.flagged = g.flagged || v.Flagged
	for k, u := range v.Urms {
		g.squares[k] += u * u
	}
	if v.Sequence {
		g.sequences++
		g.negative += v.Negative * v.Negative
		g.zero += v.Zero * v.Zero
	}
	if v.HasROCOF && math.Abs(v.ROCOF) >= math.Abs(g.rocof) {
		g.rocof, g.hasROCOF = v.ROCOF, true
	}
}

// value is what it came to, over a time of so many samples.
func (g *gather) value(samples float64) Value {
	n := float64(max(1, g.windows))
	v := Value{From: g.from, To: g.to, Windows: g.windows, Gaps: g.gaps, Flagged: g.flagged, ROCOF: g.rocof, HasROCOF: g.hasROCOF}
	if samples > 0 {
		v.Covered = min(1, g.measured/samples)
	}
	for k, s := range g.squares {
		v.Urms[k] = math.Sqrt(s / n)
	}
	if g.sequences > 0 {
		v.Sequence = true
		v.Negative, v.Zero = math.Sqrt(g.negative/float64(g.sequences)), math.Sqrt(g.zero/float64(g.sequences))
	}
	return v
}
