package voltage

import (
	"math"
	"time"

	"github.com/keeplit/keeplit/metering/waveform/spectrum"
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

	// Orders is how many harmonics were told in each of the values that Spectra counts;
	// zero where none were.
	Orders, Spectra int
	// Spectrum are the subgroups of IEC 61000-4-7.
	Spectrum [MaxPhases]Spectrum
	// Pst is the short-term flicker severity of 10 minutes, and HasPst whether 95 % of
	// them were judged.
	Pst    [MaxPhases]float64
	HasPst bool
}

// Spectrum is what lies beside the fundamental of one phase, in V.
type Spectrum struct {
	Harmonics [spectrum.MostOrders]float64 // order 1 first
	Inter     [spectrum.MostOrders]float64 // that between order 1 and 2 first
	Below     float64                      // that below the fundamental
	THDS      float64                      // a part of the fundamental's
	Signal    float64                      // mains signalling
}

// add adds the squares of another.
func (s *Spectrum) add(o *Spectrum) {
	for h := range s.Harmonics {
		s.Harmonics[h] += o.Harmonics[h] * o.Harmonics[h]
		s.Inter[h] += o.Inter[h] * o.Inter[h]
	}
	s.Below += o.Below * o.Below
	s.THDS += o.THDS * o.THDS
	s.Signal += o.Signal * o.Signal
}

// root is the root of the mean of n sums.
func (s *Spectrum) root(n float64) {
	for h := range s.Harmonics {
		s.Harmonics[h], s.Inter[h] = math.Sqrt(s.Harmonics[h]/n), math.Sqrt(s.Inter[h]/n)
	}
	s.Below, s.THDS, s.Signal = math.Sqrt(s.Below/n), math.Sqrt(s.THDS/n), math.Sqrt(s.Signal/n)
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
	orders    int
	spectra   int
	spectrum  [MaxPhases]Spectrum
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
	if v.Spectra > 0 {
		if g.spectra == 0 || v.Orders < g.orders {
			g.orders = v.Orders
		}
		g.spectra++
		for k := range v.Spectrum {
			g.spectrum[k].add(&v.Spectrum[k])
		}
	}
	if v.HasROCOF && math.Abs(v.ROCOF) >= math.Abs(g.rocof) {
		g.rocof, g.hasROCOF = v.ROCOF, true
	}
}

// value is what it came to, over a time of so many samples.
func (g *gather) value(samples float64, out *Value) {
	n := float64(max(1, g.windows))
	*out = Value{From: g.from, To: g.to, Windows: g.windows, Gaps: g.gaps, Flagged: g.flagged, ROCOF: g.rocof, HasROCOF: g.hasROCOF}
	v := out
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
	if g.spectra > 0 {
		v.Orders, v.Spectra, v.Spectrum = g.orders, g.spectra, g.spectrum
		for k := range v.Spectrum {
			v.Spectrum[k].root(float64(g.spectra))
		}
	}
}
