package quality

import "time"

// Promise is one of EN 50160 for low voltage.
type Promise string

// What is promised of each week.
const (
	Voltage95   Promise = "voltage_95"   // 95 % of the values over 10 minutes within 10 %
	Voltage100  Promise = "voltage_100"  // all of them within +10 and -15 %
	Frequency99 Promise = "frequency_99" // 99.5 % of the values over 10 s within 1 %; the standard has it of a year
	Frequency   Promise = "frequency"    // all of them within +4 and -6 %
	Unbalance   Promise = "unbalance"    // 95 % up to 2 %
	Distortion  Promise = "thd"          // 95 % up to 8 %
	Harmonics   Promise = "harmonics"    // 95 % of each order up to its limit, to the 25th
	Flicker     Promise = "flicker"      // 95 % of P_lt up to 1
)

// Outcome is what became of a promise.
type Outcome string

// Outcomes.
const (
	Kept    Outcome = "kept"
	Broken  Outcome = "broken"
	Unknown Outcome = "unknown" // too little was measured, or the week is not over
)

// Finding is what can be said of one promise.
type Finding struct {
	Promise Promise
	Is      Outcome
	N       int // values
	Beyond  int // of them beyond the limit
	Of      int // values that a whole week has
	Phase   int // from 1; 0: all together
	Order   int // of a harmonic
	Orders  int // of Harmonics: how many were measured; fewer than 25 are not all
}

// Verdict is what a week came to.
type Verdict struct {
	Is       Outcome // broken where one promise was; kept where those of the voltage were, and no other was broken
	Over     bool
	Of       int // values over 10 minutes that a whole week has
	Findings []Finding
}

// Judge judges the week at an instant.
func (w *Week) Judge(now time.Time) Verdict {
	whole := int(w.To.Sub(w.From) / slot)
	v := Verdict{Over: !now.Before(w.To), Of: whole, Is: Unknown}
	j := judge{v: &v, whole: whole, flagged: w.Flagged}
	phases := len(w.Phases)
	number := func(k int) int {
		if phases == 1 {
			return 0
		}
		return k + 1
	}
	for k := range w.Phases {
		p := &w.Phases[k]
		j.share(Finding{Promise: Voltage95, Phase: number(k), N: w.Values, Beyond: p.Beyond10}, 50)
		j.share(Finding{Promise: Voltage100, Phase: number(k), N: w.Values, Beyond: p.Beyond15}, 0)
	}
	if !w.Sampled {
		v.settle()
		return v
	}
	seconds := judge{v: &v, whole: whole * 60}
	seconds.share(Finding{Promise: Frequency99, N: w.Frequency.N, Beyond: w.Frequency.Beyond}, 5)
	seconds.share(Finding{Promise: Frequency, N: w.Frequency.N, Beyond: w.Far}, 0)
	if phases == 3 {
		j.share(Finding{Promise: Unbalance, N: w.Unbalance.N, Beyond: w.Unbalance.Beyond}, 50)
	}
	hours := judge{v: &v, whole: whole / 12, least: 75}
	for k := range w.Phases {
		p := &w.Phases[k]
		j.share(Finding{Promise: Distortion, Phase: number(k), N: p.Distort.N, Beyond: p.Distort.Beyond}, 50)
		worst := OrderShare{}
		for _, o := range p.Harmonic {
			if o.Beyond > worst.Beyond {
				worst = o
			}
		}
		j.share(Finding{Promise: Harmonics, Phase: number(k), N: p.Spectra, Beyond: worst.Beyond, Order: worst.Order, Orders: min(p.Orders, Orders)}, 50)
		hours.share(Finding{Promise: Flicker, Phase: number(k), N: p.Flicker.N, Beyond: p.Flicker.Beyond}, 50)
	}
	v.settle()
	return v
}

// judge judges promises of so many values a week.
type judge struct {
	v              *Verdict
	whole, flagged int
	least          int // percent of them that must be there; zero is 90
}

// share judges a promise of which so many values in a thousand may be beyond the limit.
// It is broken where even a week without any other would be; kept only where enough of
// the week was measured and it is over.  Half of the values must speak: in a week of flags,
// as one spent in the dark, the few others say nothing of it.
func (j *judge) share(f Finding, mayPerMille int) {
	least := 90
	if j.least > 0 {
		least = j.least
	}
	f.Of, f.Is = j.whole, Unknown
	enough := (f.N+j.flagged)*100 >= j.whole*least && f.N*2 >= j.whole
	switch {
	case f.Beyond*1000 > max(f.N, j.whole-j.flagged)*mayPerMille:
		f.Is = Broken
	case j.v.Over && enough && f.Beyond*1000 > f.N*mayPerMille:
		f.Is = Broken
	case j.v.Over && enough:
		f.Is = Kept
	}
	j.v.Findings = append(j.v.Findings, f)
}

// settle says what all findings come to.
func (v *Verdict) settle() {
	voltage, open := 0, 0
	for _, f := range v.Findings {
		switch {
		case f.Is == Broken:
			v.Is = Broken
			return
		case f.Promise != Voltage95 && f.Promise != Voltage100:
		case f.Is == Kept:
			voltage++
		default:
			open++
		}
	}
	if voltage > 0 && open == 0 {
		v.Is = Kept
	}
}
