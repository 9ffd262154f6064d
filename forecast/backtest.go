package forecast

import (
	"context"
	"errors"
	"math"
	"time"
)

// ErrTooShort is a history with too little in it to test on.
var ErrTooShort = errors.New("history is too short to test forecasts on")

// BacktestOptions say how a past is forecast again.
type BacktestOptions struct {
	Origins int           // how many forecasts; zero is 60
	Every   time.Duration // between their origins; zero is 53 hours, which moves round the clock
	// Dark is how the history that forecasts are made from is cut off; what came is
	// as it was recorded.
	Dark Darkness
	// Progress, where set, is called after each forecast.
	Progress func(done, total int)
}

// BacktestWeek is one forecast beside what came of it.
type BacktestWeek struct {
	Slots  []Slot
	Actual []float64 // kWh; NaN where it is not known
	WQL    float64   // of its first 48 hours
}

// BacktestReport is how good the forecasts were.  Losses are relative to the
// mean load, so that sites can be compared; 48 hours are scored slot by slot.
type BacktestReport struct {
	Origins    int
	WQL        float64 // twice the mean pinball loss over q10, q50, q90, over the mean load
	NaiveWQL   float64 // the same of "as a week before", as a yardstick
	NMAE       float64 // of q50
	Coverage   float64 // share of slots within [q10, q90]; 0.80 is right
	DayNMAE    float64 // of the mean's daily energy
	RunOutLoss float64 // hours: pinball score of the run-out time, credits of half a day to four days
	RunOutLate float64 // share of run-outs before q10; 0.10 is right
	RunOuts    []RunOutScore
	Weeks      []BacktestWeek
}

// RunOutScore is how good the run-out times of credits of one size were.
type RunOutScore struct {
	Days   float64 // for how many days the credit would last at the last four weeks' use
	Cases  int
	Loss   float64 // hours: pinball score
	Before float64 // share of run-outs before q10; 0.10 is right
	Beyond float64 // share of run-outs after q90; 0.10 is right
	Wide   float64 // hours: mean of q90 less q10
}

const (
	backtestWarmup = 28 // days of history before the first origin
	backtestPaths  = 500
)

// Backtest forecasts the last part of a history (in order of time) again, each time from nothing
// but the slots before, and scores it.  It ends early with the context's error.
func Backtest(ctx context.Context, o Options, history []Observation, b BacktestOptions) (BacktestReport, error) {
	var rep BacktestReport
	f, err := New(o)
	if err != nil {
		return rep, err
	}
	all, err := New(o)
	if err != nil {
		return rep, err
	}
	for _, x := range history {
		if err := all.Update(x); err != nil {
			return rep, err
		}
	}
	origins := all.backtestOrigins(&b, longDays, backtestWarmup)
	if len(origins) == 0 {
		return rep, ErrTooShort
	}
	perDay := int64(day / f.opt.Step)
	var s scores
	next := 0
	history = b.Dark.Cut(history)
	for k, origin := range origins {
		if err := ctx.Err(); err != nil {
			return rep, err
		}
		at := time.Unix(origin*f.hist.step, 0).UTC()
		for ; next < len(history) && history[next].Slot.Start.Before(at); next++ {
			if err := f.Update(history[next]); err != nil {
				return rep, err
			}
		}
		rep.Weeks = append(rep.Weeks, s.add(f, &all.hist, at, origin, perDay))
		if b.Progress != nil {
			b.Progress(k+1, len(origins))
		}
	}
	s.report(&rep)
	return rep, nil
}

// scores are sums over forecasts.
type scores struct {
	pinball, naive, load, naiveLoad, absolute float64
	slots, covered                            float64
	dayError, dayLoad                         float64
	runOut, runOuts, late                     float64
	bySize                                    [creditsApart]RunOutScore // sums, and how many
}

// creditSizes are the credits whose run-outs are scored apart, in days.
func creditSizes() [creditsApart]float64 { return [creditsApart]float64{1, 3, 7, 12} }

// creditsApart is how many they are.
const creditsApart = 4

func (s *scores) add(f *Forecaster, truth *history, at time.Time, origin, perDay int64) BacktestWeek {
	fc := f.Forecast(at, longDays*day)
	w := BacktestWeek{Slots: fc.Slots}
	before := *s
	w.Actual = s.addSlots(fc, truth, origin, perDay)
	w.WQL = (s.pinball - before.pinball) * 2 / 3 / (s.load - before.load)
	s.addRunOuts(truth, f.Scenarios(at, longDays*day, backtestPaths, 1), w.Actual, origin, perDay)
	s.addBySize(f, truth, at, origin, perDay)
	return w
}

// addSlots scores the first 48 hours slot by slot and by day; it returns what
// came of all slots.
func (s *scores) addSlots(fc Forecast, truth *history, origin, perDay int64) []float64 {
	actual := make([]float64, len(fc.Slots))
	for i := range actual {
		y := truth.at(origin + int64(i))
		actual[i] = y
		if i >= int(scoreDays*perDay) || y != y {
			continue
		}
		q := fc.Slots[i]
		s.pinball += pinball(y, q.Q10, 0.1) + pinball(y, q.Q50, 0.5) + pinball(y, q.Q90, 0.9)
		s.load += y
		s.slots++
		s.absolute += math.Abs(y - q.Q50)
		// What came is kept in single precision, and a meter that reads tenths often reads just what a quantile says.
		if y >= float64(float32(q.Q10)) && y <= float64(float32(q.Q90)) {
			s.covered++
		}
		if n := truth.at(origin + int64(i) - longDays*perDay); n == n {
			s.naive += 1.5 * math.Abs(y-n)
			s.naiveLoad += y
		}
	}
	for d := range scoreDays {
		sum, mean := 0.0, 0.0
		for i := d * int(perDay); i < (d+1)*int(perDay) && i < len(actual); i++ {
			sum += actual[i]
			mean += fc.Slots[i].Mean
		}
		if sum == sum {
			s.dayError += math.Abs(sum - mean)
			s.dayLoad += sum
		}
	}
	return actual
}

// usualDay is a day's use of the four weeks before an origin, zero where it is not known.
func usualDay(truth *history, origin, perDay int64) float64 {
	sum, n := 0.0, 0.0
	for g := origin - backtestWarmup*perDay; g < origin; g++ {
		if y := truth.at(g); y == y {
			sum += y
			n++
		}
	}
	return sum / max(1, n) * float64(perDay)
}

// addRunOuts scores credits of half a day to four days of the use of the last
// four weeks.
func (s *scores) addRunOuts(truth *history, paths Scenarios, actual []float64, origin, perDay int64) {
	usual := usualDay(truth, origin, perDay)
	if usual <= 0 {
		return
	}
	horizon := float64(len(actual))
	for _, days := range []float64{0.5, 1, 2, 4} {
		c := Credit{Balance: days * usual}
		y := c.slotsUntilSpent(actual)
		if y != y {
			continue
		}
		y = math.Min(y, horizon) * paths.Step.Hours()
		r := paths.RunOut(c)
		s.runOut += 2.0 / 3 * (pinball(y, r.Q10.Hours(), 0.1) + pinball(y, r.Q50.Hours(), 0.5) + pinball(y, r.Q90.Hours(), 0.9))
		s.runOuts++
		if r.Q10.Hours() > y {
			s.late++
		}
	}
}

// addBySize scores credits of creditSizes, each where it is known when it ended: those of days within a
// week, the greater ones within three.
func (s *scores) addBySize(f *Forecaster, truth *history, at time.Time, origin, perDay int64) {
	usual := usualDay(truth, origin, perDay)
	ahead := min(3*longDays*perDay, truth.end()-origin) / (longDays * perDay) * (longDays * perDay)
	if usual <= 0 || ahead <= 0 {
		return
	}
	actual := make([]float64, ahead)
	for i := range actual {
		actual[i] = truth.at(origin + int64(i))
	}
	var credits []Credit
	for _, days := range creditSizes() {
		credits = append(credits, Credit{Balance: days * usual})
	}
	for k, r := range f.RunOuts(at, time.Duration(ahead)*f.opt.Step, backtestPaths, 1, credits...) {
		if creditSizes()[k] >= longDays && ahead < 3*longDays*perDay {
			continue
		}
		y := credits[k].slotsUntilSpent(actual)
		if y != y {
			continue
		}
		came := math.Min(y*f.opt.Step.Hours(), r.Horizon.Hours())
		b := &s.bySize[k]
		b.Cases++
		b.Loss += 2.0 / 3 * (pinball(came, r.Q10.Hours(), 0.1) + pinball(came, r.Q50.Hours(), 0.5) + pinball(came, r.Q90.Hours(), 0.9))
		b.Wide += r.Q90.Hours() - r.Q10.Hours()
		if r.Q10.Hours() > came {
			b.Before++
		}
		if r.Q90.Hours() < came {
			b.Beyond++
		}
	}
}

func (s *scores) report(r *BacktestReport) {
	for k, b := range s.bySize {
		if n := float64(b.Cases); n > 0 {
			r.RunOuts = append(r.RunOuts, RunOutScore{creditSizes()[k], b.Cases, b.Loss / n, b.Before / n, b.Beyond / n, b.Wide / n})
		}
	}
	r.Origins = len(r.Weeks)
	r.WQL = 2.0 / 3 * s.pinball / s.load
	r.NaiveWQL = 2.0 / 3 * s.naive / s.naiveLoad
	r.NMAE = s.absolute / s.load
	r.Coverage = s.covered / s.slots
	r.DayNMAE = s.dayError / s.dayLoad
	r.RunOutLoss = s.runOut / s.runOuts
	r.RunOutLate = s.late / s.runOuts
}

// pinball is the loss of calling q the tau quantile when y came.
func pinball(y, q, tau float64) float64 {
	return math.Max(tau*(y-q), (tau-1)*(y-q))
}
