package control

import (
	"errors"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/account"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/optimizer"
	"github.com/keeplit/keeplit/tariffs"
)

// Coin is the smallest step of an amount that can be paid: the currency's
// smallest coin, or a tenth of a kWh, which is what a token can carry.
func (s *Site) Coin() units.Money { return s.accounting().Coin() }

// accounting is how the site's account is kept.
func (s *Site) accounting() account.Rules {
	return account.Rules{
		Engine: s.Credit, Tariff: s.Tariff, Read: s.ReadTariff, PricesFor: s.PricesFor, InKWh: s.InKWh, KWhPrice: s.KWhPrice,
	}
}

// undated tells whether it is not sure in which month a purchase is made.
func (st *State) undated() bool { return st.Clock.Dateless() || st.Clock.NewMonth(st.Tariff) }

// TariffOf is the tariff that holds with the State's pushed prices: where those
// are stale or have a gap, the document's own rules.
func (s *Site) TariffOf(st *State) *tariffs.Tariff { return s.accounting().TariffOf(st.AccountState) }

// Documents is the tariff by its documents alone: the configuration's, and from their days
// on those that a utility has sent.
func (s *Site) Documents(st *State) *tariffs.Tariff {
	return s.accounting().Documents(st.AccountState)
}

// PricesEnded is when the pushed prices came to their end, so that the document
// rules again; ok is false where none were ever sent or they still last.
func (s *Site) PricesEnded(st *State) (at time.Time, ok bool) {
	return s.accounting().PricesEnded(st.AccountState, st.Now)
}

// switched is why the supply is on or off; without a switch it is neither.
func (s *Site) switched(why said.Said) said.Said {
	if s.Contactor || len(why) == 0 {
		return why
	}
	out := why.Then()
	out[0].Kind += said.Bare
	return out
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
	amount, ok := s.accounting().ForLight(st.AccountState, st.Now, st.undated())
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
		a, undated := st.AccountState, st.undated()
		out.Even, out.EvenMay = s.accounting().Smallest(a, st.Now, n.Even, step, undated)
		out.Safe, out.SafeMay = s.accounting().Smallest(a, st.Now, n.Safe, step, undated)
		return out, nil
	}
	return TopUp{Until: until}, ErrNotForecast
}

// LastsTo is how long the credit lasts with a top-up that nobody has made.
type LastsTo struct {
	Until  time.Time // in half of the futures
	Beyond bool      // the forecast does not reach its end: it lasts longer than Until
}

// LastsWith is how long the credit lasts with a top-up of amount now; ok is false where
// no forecast says so, and where the top-up would not be taken.  What the credit must be
// by the plan's hours is known, and after them by the ends of the days; in between it is
// taken to be used evenly.
func (s *Site) LastsWith(st *State, amount units.Money) (l LastsTo, ok bool) {
	if st.Plan == nil || st.Credit.Unlocked || st.Health.Has(health.PlanStale, "") {
		return l, false
	}
	ends := st.Plan.RunOut
	if !ends.Known || ends.Beyond || !ends.Mid.After(st.Now) {
		return l, false
	}
	left, ok := s.accounting().After(st.AccountState, st.Now, amount, st.undated())
	if !ok {
		return l, false
	}
	// Without a top-up it ends when the plan says.
	was, at := st.Credit.Available(), ends.Mid
	if left <= was {
		return LastsTo{Until: at}, true
	}
	for _, n := range st.Plan.Outlook.Marks() {
		if !n.At.After(at) || n.Spent <= was {
			continue
		}
		if left < n.Spent {
			step := n.At.Sub(at)
			return LastsTo{Until: at.Add(time.Duration(units.MulDiv(int64(step), int64(left-was), int64(n.Spent-was))))}, true
		}
		was, at = n.Spent, n.At
	}
	return LastsTo{Until: at, Beyond: true}, true
}

// Bought is what a top-up gives on top of the credit that is there.
type Bought struct {
	Credit units.Money // what is left of it when the debts and the charges have been paid
	Energy units.Energy
	Lasts  time.Duration
}

// Buys is what a top-up of amount gives by the use that is foreseen: the hours at which it
// will be used, the blocks that it comes to, and the charges by time.  ok is false where no
// forecast says so, and where the top-up would not be taken.
func (s *Site) Buys(st *State, amount units.Money) (b Bought, ok bool) {
	if st.Plan == nil || st.Credit.Unlocked || st.Health.Has(health.PlanStale, "") {
		return b, false
	}
	left, ok := s.accounting().After(st.AccountState, st.Now, amount, st.undated())
	if !ok {
		return b, false
	}
	was := max(0, st.Credit.Available())
	left = max(was, left)
	before, used, ok := st.Plan.Outlook.Reaches(was)
	if !ok {
		return b, false
	}
	after, more, _ := st.Plan.Outlook.Reaches(left)
	return Bought{Credit: left - was, Energy: more - used, Lasts: after - before}, true
}

// shortfall is a shortfall in short, for the log.
func (s *Site) shortfall(f planning.Shortfall, ends planning.RunOut) said.Said {
	of := said.Text("name", f.Load)
	for _, l := range s.Loads {
		if l.ID == f.Load {
			of.Text = l.Name + " "
		}
	}
	var why said.Said
	switch {
	case f.Cause == planning.ShortOfCredit && f.Kind != optimizer.ShortSkip:
		why = said.Of("short.of_credit_for_more")
	case f.Cause == planning.ShortOfCredit:
		why = said.Of("short.of_credit")
	case f.Cause == planning.ShortOfHours:
		why = said.Of("short.of_hours")
	}
	at := said.Time("at", f.At)
	switch {
	case f.Kind == optimizer.ShortSkip:
		return said.Of("short.left_out", of).Then(why)
	case f.Time > 0:
		return said.Of("short.by", of, said.Length("by", f.Time)).Then(why)
	case f.Kind == optimizer.ShortCredit, f.Kind == optimizer.ShortReserve:
		if ends.Known && !ends.Beyond { // one time for the end of the credit
			at = said.Time("at", ends.Mid)
		}
		return said.Of("short.credit", at)
	}
	return said.Of("short.other", of, said.Text("kind", string(f.Kind)), at)
}
