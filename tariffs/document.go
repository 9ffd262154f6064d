package tariffs

import (
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Document is a tariff as a person writes it: who it is for, where its figures
// come from, and one Version for each date from which its prices changed.
type Document struct {
	Name     string   `yaml:"name"`      // e.g. "Johannesburg prepaid high"
	Country  string   `yaml:"country"`   // ISO 3166 code, for people
	Currency string   `yaml:"currency"`  // ISO 4217 code, e.g. ZAR
	Decimals *int     `yaml:"decimals"`  // decimals of the currency on a bill, 0 to 6; 2 where not given
	Rounding Rounding `yaml:"rounding"`  // how amounts are brought to those decimals where they are shown: half_up (default), half_even, up, down
	Zone     string   `yaml:"zone"`      // IANA time zone whose clock and calendar rule, e.g. Africa/Johannesburg
	ResetDay int      `yaml:"reset_day"` // day of the month on which the billing month begins at local midnight; 1 where not given; 29 to 31 mean the last day of a shorter month

	// ResetMonths is how many months a billing month lasts, for tariffs whose blocks and
	// charges are of 2, 3, 4, 6 or 12 months; 1 where not given.  All that is said of "the
	// month" is of it then.  ResetMonth is a month in which one begins, 1 to 12; January
	// where not given.
	ResetMonths int `yaml:"reset_months"`
	ResetMonth  int `yaml:"reset_month"`

	Contracted units.Power `yaml:"contracted"` // sanctioned or contracted load of this site, for charges per kW

	Sources []Source    `yaml:"sources"`
	Current Currentness `yaml:"current"` // whether these figures are known to be in force
	Notes   string      `yaml:"notes"`   // for people

	Calendar Calendar  `yaml:"calendar"` // used by every version that has none of its own
	Versions []Version `yaml:"versions"` // by rising From
}

// Source says where a figure comes from.
type Source struct {
	Title string `yaml:"title"` // the paper, order or page
	URL   string `yaml:"url"`   // where it is published
	Dated string `yaml:"dated"` // its own date, as it gives it
	Read  Date   `yaml:"read"`  // when it was read
	For   string `yaml:"for"`   // which figures
}

// Version is the tariff from a date on.
type Version struct {
	From     Date        `yaml:"from"`    // first local day; may be left out of the first version, which then has no beginning
	Until    Date        `yaml:"until"`   // last local day for which the figures are known; later days are charged alike, with a warning
	Name     string      `yaml:"name"`    // e.g. "2024/25"
	Current  Currentness `yaml:"current"` // as the document's, for this version alone
	Calendar *Calendar   `yaml:"calendar"`

	TaxIncluded bool `yaml:"tax_included"` // the prices below already hold the taxes

	Classes  *Classes       `yaml:"classes"`
	Energy   []EnergyCharge `yaml:"energy"`
	Export   []EnergyCharge `yaml:"export"` // credit for energy delivered to the grid, written as positive prices
	Charges  []FixedCharge  `yaml:"charges"`
	Demand   []DemandCharge `yaml:"demand"`
	Reactive []Reactive     `yaml:"reactive"`
	Factor   *PowerFactor   `yaml:"power_factor"`
	Minimum  *Minimum       `yaml:"minimum"`
	Taxes    []Tax          `yaml:"taxes"` // in the order in which they are reckoned
	Rebate   *Rebate        `yaml:"rebate"`
	Debt     *Debt          `yaml:"debt"`
}

// Calendar divides the year into seasons, the days into day types and the day
// into periods.  All of it may be left out: then there is one of each.
type Calendar struct {
	Zone     string    `yaml:"zone"` // whose clock the hours are told by, where it is not the document's: UTC for a meter that keeps winter time
	Seasons  []Season  `yaml:"seasons"`
	DayTypes []DayType `yaml:"day_types"`
	Holidays []Holiday `yaml:"holidays"`
	Periods  []Period  `yaml:"periods"`
}

// Season is part of every year, both days included; it may run over the new
// year.  One season may have no dates and is the rest of the year.
type Season struct {
	Name string   `yaml:"name"`
	From MonthDay `yaml:"from"`
	To   MonthDay `yaml:"to"`
}

// DayType is a set of days of the week; at most one has Holidays and rules on
// holidays whatever the day of the week.
type DayType struct {
	Name     string    `yaml:"name"`
	Days     []Weekday `yaml:"days"`
	Holidays bool      `yaml:"holidays"`
}

// Holiday is a rule for a public holiday: exactly one of On, Date, Easter and
// Month with Weekday and Nth.
type Holiday struct {
	Name     string   `yaml:"name"`
	On       Date     `yaml:"on"`       // this day only
	Date     MonthDay `yaml:"date"`     // this day every year
	Easter   *int     `yaml:"easter"`   // days after (before: negative) Gregorian Easter Sunday
	Month    int      `yaml:"month"`    // 1 to 12, with Weekday and Nth
	Weekday  Weekday  `yaml:"weekday"`  //
	Nth      int      `yaml:"nth"`      // 1 is the first such day of the month, -1 the last
	Observed Observed `yaml:"observed"` // when it falls on a weekend
	DayType  string   `yaml:"day_type"` // the day type it is; empty is the one with holidays: true
	From     int      `yaml:"from_year"`
	To       int      `yaml:"to_year"`
}

// Period is a name for some hours.  One period may have no Times and is the
// rest of the week.
type Period struct {
	Name  string `yaml:"name"`
	Times []Span `yaml:"times"`
}

// Span is [From, To) of the local clock on the days it names; empty Seasons or
// Days mean all.  To at or before From runs to midnight and on from midnight of
// the same day type; both left out are the whole day.
type Span struct {
	Seasons []string  `yaml:"seasons"`
	Days    []string  `yaml:"days"` // names of day types
	From    TimeOfDay `yaml:"from"`
	To      TimeOfDay `yaml:"to"` // 00:00 or nothing is the day's end
}

// Filter limits a component to energy of some seasons, periods or classes;
// empty means all.
type Filter struct {
	Seasons []string `yaml:"seasons"`
	Periods []string `yaml:"periods"`
	Classes []string `yaml:"classes"`
}

// Classes puts the customer in one class a month, by consumption.
type Classes struct {
	By        ClassRule `yaml:"by"`         // month (default): the whole month is priced by where its total ends; past_average, past_maximum: by the mean or the greatest of past months
	Months    int       `yaml:"months"`     // how many past months are looked at; 3 where not given
	Initial   string    `yaml:"initial"`    // class before there is any past month; with past_maximum of each month that is not known
	ThisMonth bool      `yaml:"this_month"` // by past months: the month's own total counts too, where it comes to a higher class
	List      []Class   `yaml:"list"`
}

// Class holds up to and with To kWh a month; the last one has no limit.
type Class struct {
	Name string       `yaml:"name"`
	To   units.Energy `yaml:"to"`
}

// EnergyCharge is a price per kWh: Price, or rising or falling Steps over the
// month's energy that the filter lets in.  The steps go on counting when a new
// version begins within the month.
type EnergyCharge struct {
	Name    string      `yaml:"name"`
	Seasons []string    `yaml:"seasons"`
	Periods []string    `yaml:"periods"`
	Classes []string    `yaml:"classes"`
	Price   units.Price `yaml:"price"`
	Steps   []Step      `yaml:"steps"`
	Whole   bool        `yaml:"whole_month"` // all the energy at the price of the step the total has reached (a cliff), not each kWh at its own step's
	Per     Per         `yaml:"per"`         // month (default) or day: the steps are per day
	Reset   Per         `yaml:"reset"`       // when the steps begin anew: month, or day, which only steps per day can; where not given day for those on some hours of it
	Pushed  bool        `yaml:"pushed"`      // prices received at run time take the place of this one

	CarryOver       bool         `yaml:"carry_over"`        // what a month leaves of the first step is added to the first step of the months after it
	CarryOverMonths int          `yaml:"carry_over_months"` // for how many months, 1 to 24; 0: for ever
	CarryOverMost   units.Energy `yaml:"carry_over_most"`   // the most that a month finds; 0: no limit
}

// Daily tells whether the steps begin anew each local day.  Otherwise steps per day
// are laid on the whole billing month, times its days of the charge's seasons.
func (e *EnergyCharge) Daily() bool {
	if len(e.Steps) == 0 || e.Per != PerDay {
		return false
	}
	return e.Reset == PerDay || e.Reset == "" && len(e.Periods) > 0
}

// Step is a price up to and with To kWh of the month.  A price of zero is a
// free allowance.  The last step has no To.
type Step struct {
	To    units.Energy `yaml:"to"`
	Price units.Price  `yaml:"price"`
}

// FixedCharge is an amount for a day, for a month, or taken from purchases.
type FixedCharge struct {
	Name    string      `yaml:"name"`
	Classes []string    `yaml:"classes"`
	Amount  units.Money `yaml:"amount"`     // below zero it is given back; not from purchases
	PerKW   bool        `yaml:"per_kw"`     // times the contracted kW
	KW      units.Power `yaml:"contracted"` // this charge's own, in place of the document's
	Due     Due         `yaml:"due"`        // day, month (its end, default), month_start, first_purchase, purchase
	Prorate bool        `yaml:"prorate"`    // a month begun late is charged by its days

	SplitOver units.Money `yaml:"split_over"`      // first_purchase: taken in proportion until the month's purchases reach this
	CatchUp   bool        `yaml:"catch_up"`        // first_purchase: what past months did not pay is owed; otherwise it is forgiven
	MaxMonths int         `yaml:"catch_up_months"` // most months caught up; 0 is no limit
	Share     Rate        `yaml:"share"`           // purchase: this share of the purchase in place of Amount
}

// DemandCharge is a price on the month's highest mean demand, or on the mean of the
// highest of several days or months.
type DemandCharge struct {
	Name         string        `yaml:"name"`
	Seasons      []string      `yaml:"seasons"`
	Periods      []string      `yaml:"periods"`
	Classes      []string      `yaml:"classes"`
	Price        units.Money   `yaml:"price"`          // per kW or kVA and month
	Per          Per           `yaml:"per"`            // month (default), or day: the price is a day's, times the days of the month in the charge's seasons
	Steps        []DemandStep  `yaml:"steps"`          // in place of price: what the month costs by the step that its demand is in
	EachKW       bool          `yaml:"each_kw"`        // the steps' prices are per kW, of each kW that of its own step
	MostPerKWh   units.Price   `yaml:"most_per_kwh"`   // the charge is at most so much for each of the month's kWh; 0: no limit
	MeanOf       int           `yaml:"mean_of"`        // the mean of so many highest, each of another day; 1 where not given
	MeanMonths   int           `yaml:"average_months"` // the mean of so many months: this one, and those before it as far as they are known; 1 where not given
	Unit         DemandUnit    `yaml:"unit"`           // kW (default) or kVA
	Interval     time.Duration `yaml:"interval"`       // of averaging; 30m where not given; must divide an hour or be 1h
	Free         units.Power   `yaml:"free"`           // demand that is not charged
	Ratchet      Rate          `yaml:"ratchet"`        // at least this share of the highest of the past months
	RatchetOver  int           `yaml:"ratchet_months"` // how many past months; 11 where not given
	AtLeast      units.Power   `yaml:"at_least"`       // smallest demand charged, of each month
	AssumeFactor Rate          `yaml:"assume_factor"`  // power factor where reactive energy is not measured; 100 % where not given
}

// DemandStep is a price up to and with To.  What is above the last step's To, where it
// has one, is charged as the last step.
type DemandStep struct {
	To    units.Power `yaml:"to"`
	Price units.Money `yaml:"price"`
}

// Reactive is a price per kvarh above a share of the month's kWh.
type Reactive struct {
	Name    string      `yaml:"name"`
	Seasons []string    `yaml:"seasons"`
	Periods []string    `yaml:"periods"`
	Price   units.Price `yaml:"price"`
	Free    Rate        `yaml:"free"` // kvarh free of charge as a share of kWh
}

// PowerFactor is a surcharge on energy and demand where the month's power
// factor is below Threshold: Surcharge for each Step below, reckoned in
// proportion or, with Whole, by whole steps.
type PowerFactor struct {
	Name      string   `yaml:"name"`
	Threshold Rate     `yaml:"threshold"`
	Step      Rate     `yaml:"step"`      // 1 % where not given
	Surcharge Rate     `yaml:"surcharge"` // for each step
	Whole     bool     `yaml:"whole_steps"`
	On        []string `yaml:"on"` // component names; empty: all energy and demand
}

// Minimum is the least a month's bill comes to before taxes.
type Minimum struct {
	Name    string      `yaml:"name"`
	Amount  units.Money `yaml:"amount"`
	PerKW   bool        `yaml:"per_kw"`
	On      []string    `yaml:"on"` // components that count; empty: all but export
	Classes []string    `yaml:"classes"`
}

// Tax is a share of the named components and of earlier taxes on them.
type Tax struct {
	Name   string   `yaml:"name"`
	Rate   Rate     `yaml:"rate"` // may be negative: a rebate
	On     []string `yaml:"on"`   // component names; empty: all but export
	Except []string `yaml:"except"`
	Over   []string `yaml:"over"` // names of earlier taxes that are taxed too
}

// Rebate is given back on every purchase, as a share of what is left of it
// after charges.
type Rebate struct {
	Name string `yaml:"name"`
	Rate Rate   `yaml:"rate"`
}

// Debt is paid off from purchases.  What is owed is in the Account.
type Debt struct {
	Name  string      `yaml:"name"`
	Share Rate        `yaml:"share"` // of each purchase
	Cap   units.Money `yaml:"cap"`   // most taken in each Per; 0 is no limit
	Per   Per         `yaml:"per"`   // day, week (Monday to Sunday) or month (default)
}
