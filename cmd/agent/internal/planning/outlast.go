package control

import (
	"errors"
	"math"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/tariffs"
)

// Outlook is what energy costs in time, and what it takes to last: from the
// same futures as the plan's RunOut.
type Outlook struct {
	// PerKWh is by how much sooner the credit ends where one kWh more is used
	// now; 0 is not known.
	PerKWh time.Duration `json:"per_kwh,omitempty"`
	Runs   []RunTime     `json:"runs,omitempty"` // of each load, in the site's order
	Needs  []Need        `json:"needs,omitempty"`
}

// RunTime is what one run of a load, begun now, costs in time.
type RunTime struct {
	ID     string        `json:"id"`
	Energy units.Energy  `json:"energy"`
	Sooner time.Duration `json:"sooner"`
}

// Need is the credit that lasts up to a local midnight, in the account's unit:
// consumption as forecast, loads as planned, blocks and charges by time as they
// come.
type Need struct {
	Until time.Time   `json:"until"`
	Even  units.Money `json:"even"` // in half of the futures
	Safe  units.Money `json:"safe"` // in nine of ten
}

// outlook asks the futures.
func (s *Site) outlook(now time.Time, paths forecast.Scenarios, c forecast.Credit) Outlook {
	var out Outlook
	n := len(paths.Paths[0])
	var marks []int
	for at := units.NextLocalMidnight(now, s.Zone); ; at = units.NextLocalMidnight(at, s.Zone) {
		// A midnight within a slot is reached with the whole slot.
		i := int((at.Sub(paths.Start) + s.Interval - 1) / s.Interval)
		if i > n {
			break
		}
		marks = append(marks, i)
		out.Needs = append(out.Needs, Need{Until: at})
	}
	for i, need := range paths.Needs(c, marks) {
		out.Needs[i].Even, out.Needs[i].Safe = moneyUp(need.Even), moneyUp(need.Safe)
	}
	perHour := s.Interval.Hours()
	spread := func(power units.Power, length time.Duration) []float64 {
		extra := make([]float64, int((length+s.Interval-1)/s.Interval))
		for i := range extra {
			part := min(s.Interval, length-time.Duration(i)*s.Interval)
			extra[i] = power.KW() * perHour * float64(part) / float64(s.Interval)
		}
		return extra
	}
	extras := [][]float64{{1}}
	for _, l := range s.Loads {
		extras = append(extras, spread(l.Power, oneRun(l)))
	}
	sooner := paths.Sooner(c, extras...)
	if len(sooner) == 0 {
		return out
	}
	out.PerKWh = sooner[0]
	for i, l := range s.Loads {
		if l.Power > 0 {
			out.Runs = append(out.Runs, RunTime{l.ID, l.Power.Over(oneRun(l)), sooner[i+1]})
		}
	}
	return out
}

// oneRun is how long one run of a load is: a programme, a day's need, or an
// hour where nothing is asked of it.
func oneRun(l loads.Load) time.Duration {
	switch {
	case l.Kind == loads.Cycle:
		return l.Cycle
	case l.Need > 0:
		return l.Need
	}
	return time.Hour
}

// moneyUp is v rounded up: less would not last.
func moneyUp(v float64) units.Money {
	return units.FromFloat(math.Ceil(v*float64(units.One)) / float64(units.One))
}

// Coin is the smallest step of an amount that can be paid: the currency's
// smallest coin, or a tenth of a kWh, which is what a token can carry.
func (s *Site) Coin() units.Money {
	step := units.One
	if s.InKWh {
		return step / 10
	}
	for range s.Tariff.Decimals() {
		step /= 10
	}
	return max(1, step)
}

// money is an amount for the log, in coins.
func (s *Site) money(m units.Money) string {
	if s.InKWh {
		return m.Decimal(1) + " kWh"
	}
	return m.Decimal(s.Tariff.Decimals()) + " " + s.Currency
}

// switched is why the supply is on or off; without a switch it is neither.
func (s *Site) switched(why string) string {
	if s.Contactor {
		return why
	}
	return strings.TrimPrefix(strings.TrimPrefix(why, "off: "), "on: ")
}

// Light is what must be paid to have light again, or to keep it.
type Light struct {
	// Amount is the least top-up; 0 where the credit is not what keeps the light
	// off, nor soon will.
	Amount units.Money
	// Beyond: no one top-up that the account may take now is enough.
	Beyond bool
}

// Needed tells whether anything must be paid.
func (l Light) Needed() bool { return l.Amount > 0 || l.Beyond }

// ForLight is what must be paid now to have light again: by a purchase that
// nobody makes, with everything that a purchase pays first.
func (s *Site) ForLight(st *State) Light {
	amount, ok := s.Credit.ForLight(st.Credit, st.Now, s.Coin(), s.due(st, func(tariffs.Account) {}))
	return Light{amount, !ok}
}

// ErrNotForecast says that the futures do not reach so far, or that there are
// none yet.
var ErrNotForecast = errors.New("the forecast does not reach that far")

// TopUp is the least top-ups with which the credit lasts.
type TopUp struct {
	Until time.Time
	// Even lasts in half of the futures, Safe in nine of ten; 0 where the credit
	// lasts without one.  A false says that no one top-up that may be made now is
	// enough.
	Even, Safe         units.Money
	EvenMay, SafeMay   bool
	EvenNeed, SafeNeed units.Money // the credit that it takes, from the plan's instant on
}

// TopUpFor is the least top-up, in steps, with which the credit lasts to the end
// of the local day that day lies in.  What a top-up pays first (debts, charges
// taken at purchase, used emergency credit) is reckoned by the rules themselves.
// The need is that of the plan's instant, so what was used since is asked for
// once more: half an hour's use at the most.
func (s *Site) TopUpFor(st *State, day time.Time, step units.Money) (TopUp, error) {
	until := units.NextLocalMidnight(day, s.Zone)
	if st.Plan == nil || st.Credit.Unlocked || st.Health.Has(health.PlanStale, "") {
		return TopUp{Until: until}, ErrNotForecast
	}
	for _, n := range st.Plan.Outlook.Needs {
		if !n.Until.Equal(until) {
			continue
		}
		out := TopUp{Until: until, EvenNeed: n.Even, SafeNeed: n.Safe}
		due := s.due(st, func(tariffs.Account) {})
		out.Even, out.EvenMay = s.Credit.SmallestTopUp(st.Credit, st.Now, n.Even, step, due)
		out.Safe, out.SafeMay = s.Credit.SmallestTopUp(st.Credit, st.Now, n.Safe, step, due)
		return out, nil
	}
	return TopUp{Until: until}, ErrNotForecast
}
