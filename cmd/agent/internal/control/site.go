package control

import (
	"fmt"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/watch"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/cmd/agent/internal/schedule"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/tariffs"
)

// Site is the rules by which one site is run.  It does not change while the
// loop runs.
type Site struct {
	ID       string // in topics and tags
	Feeder   string // by which figures without a name are told; "": none are
	Meter    string // the meter number that tokens are bound to
	Zone     *time.Location
	Kind     forecast.Kind        // what it is used for, which tells its first days
	Days     []forecast.NamedDays // that it has names of its own for
	Currency string

	Limits      metering.Limits
	Beside      int64         // percent by which the utility's meter may differ; 0: the default
	Declared    units.Voltage // of the supply, line to neutral; zero: it is taken from the first sample
	SilentAfter time.Duration // the meter is called silent after this
	Interval    time.Duration // of settlement and of stored readings; divides a day
	PointEvery  time.Duration // of telemetry
	// Calibration is that of a converter; zero where the meter is none.
	Calibration Calibration

	Tariff *tariffs.Tariff // of the configuration: see TariffOf and Documents
	// ReadTariff reads the text of a tariff document, to the letter and with all its checks;
	// nil: none but the configuration's is known here.
	ReadTariff func(text string) (tariffs.Document, error)
	// PricesFor is how long after its arrival a pushed price document may still
	// begin to price a slot; 0: for as long as its slots last.
	PricesFor time.Duration
	Credit    *credit.Engine
	InKWh     bool // the account is kept in kWh

	Loads     []loads.Load
	Circuits  []loads.Circuit // that they hang on
	Guard     *loads.Guard
	Contactor bool        // there is a supply contactor
	Supply    SupplyRules // how it is cut
	Power     units.Power // greatest import allowed; 0 is no limit

	// Policy is whose signed word counts; nil: nobody's.
	Policy *policy.Rules
	// VTN is the OpenADR server that is listened to; nil: none.
	VTN *policy.Rules
	// Curbs are who may limit what is drawn besides.
	Curbs LimitRules

	Vendor  civil.Week // when credit can be bought; none: at any time
	Outages civil.Week // when there is no mains; none: never that is known

	PlanAt     schedule.Schedule // when a fresh plan is due
	PlanSlot   time.Duration
	PlanAhead  time.Duration
	RunOutOver time.Duration // how far ahead the end of credit is looked for
	Shift      bool          // false: loads run as soon as they may, for comparison
	ByLot      bool          // what costs the same at several times is laid by lot
	Seed       uint64
	Wall       bool // time is the machine's clock, which may be set wrong; a simulation's is right

	// KWhPrice is what a kWh of a kWh account is worth in the tariff's currency,
	// for its charges on purchases; 0: the vendor has taken them.
	KWhPrice units.Price
}

// Begin is the State of a new site: the account is opened at now.
func (s *Site) Begin(now time.Time) (State, Effects) {
	now = now.UTC().Truncate(time.Millisecond)
	st := State{
		Version: stateVersion, Now: now, AccountState: AccountState{Elapsed: now}, LoadsAt: now,
		Meter: MeterState{Intervals: metering.Intervals{Period: s.Interval}, StartedAt: now},
	}
	var eff Effects
	open := s.Credit.Open
	if s.Wall {
		st.Clock.Young, open = true, s.Credit.OpenUnset
	}
	st.Credit, eff.Entries = open(s.Meter, now)
	eff.Durable = true
	s.fit(&st)
	st.Meter = st.Meter.Measure(watch.DemandWindow(s.Tariff))
	s.record(&eff)
	return st, eff
}

// Belongs is why a stored state is not that of this site's meter; nil where it is.
func (s *Site) Belongs(st State) error {
	if st.Credit.Meter != s.Meter {
		return fmt.Errorf("the stored account belongs to meter %q, the configuration says %q: correct site.meter, or use another data folder", st.Credit.Meter, s.Meter)
	}
	return nil
}

// Resume fits a stored State to the present configuration: loads may have come
// and gone, the interval may be another one.
func (s *Site) Resume(st State) (State, error) {
	if err := s.Belongs(st); err != nil {
		return State{}, err
	}
	st = st.clone()
	if st.Meter.Intervals.Period != s.Interval {
		// Energy of the open interval was charged already; only its reading
		// begins anew on the other grid.
		st.Meter.Intervals = metering.Intervals{Period: s.Interval}
	}
	st.TariffSeen = time.Time{} // it may be another one
	if st.Prices != nil && st.Prices.Currency != s.Tariff.Document().Currency {
		st.Prices = nil
	}
	s.ratesAllowed(&st)
	s.fit(&st)
	st.Meter = st.Meter.Measure(watch.DemandWindow(s.Documents(&st)))
	return st, nil
}

// fit gives st one LoadState for each load, in the order of the configuration.
func (s *Site) fit(st *State) {
	fitted := make([]LoadState, len(s.Loads))
	for i, l := range s.Loads {
		fitted[i] = LoadState{ID: l.ID}
		if known := st.load(l.ID); known != nil {
			fitted[i] = *known
		}
	}
	st.Loads = fitted
	if st.Plan != nil && !st.Plan.Fits(s.Loads) {
		st.Plan, st.WantPlan = nil, true
	}
}
