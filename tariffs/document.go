package tariffs

import (
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Document is a tariff as a person writes it: who it is for, where its figures
// come from, and one Version for each date from which its prices changed.
type Document struct {
	// The tariff's name.
	// Example: Johannesburg prepaid high
	Name string `yaml:"name"`
	// The country, as an ISO 3166 code, for people.
	// Example: ZA
	Country string `yaml:"country"`
	// The currency, as an ISO 4217 code.
	// Example: ZAR
	Currency string `yaml:"currency"`
	// Decimals of the currency on a bill, 0 to 6.
	// Default: 2
	// Example: 2
	Decimals *int `yaml:"decimals"`
	// How amounts are brought to those decimals where they are shown: half_up, half_even, up or down.
	// Default: half_up
	// Example: half_even
	Rounding Rounding `yaml:"rounding"`
	// The IANA time zone whose clock and calendar rule.
	// Example: Africa/Johannesburg
	Zone string `yaml:"zone"`
	// Day of the month on which the billing month begins, at local midnight. 29 to 31 mean the last day of
	// a shorter month.
	// Default: 1
	// Example: 5
	ResetDay int `yaml:"reset_day"`

	// How many months a billing month lasts, where blocks and charges are of 2, 3, 4, 6 or 12. All that is
	// said of the month is of it then.
	// Default: 1
	// Example: 2
	ResetMonths int `yaml:"reset_months"`
	// A month in which such a billing month begins, 1 to 12.
	// Default: 1
	// Example: 4
	ResetMonth int `yaml:"reset_month"`

	// The site's contracted or sanctioned load, for charges per kW.
	// Example: 5 kW
	Contracted units.Power `yaml:"contracted"`

	// Where the figures come from.
	// Example: [{title: Tariff book 2025/26, url: "https://example.org/tariffs", read: 2026-11-22}]
	Sources []Source `yaml:"sources"`
	// Whether the figures are known to be in force: yes, no or unknown.
	// Example: "yes"
	Current Currentness `yaml:"current"`
	// Anything else, for people.
	// Example: Prices without VAT.
	Notes string `yaml:"notes"`

	// Seasons, kinds of days and hours, for every version that has no calendar of its own.
	// Example: {periods: [{name: peak, times: [{from: "18:00", to: "21:00"}]}, {name: standard}]}
	Calendar Calendar `yaml:"calendar"`
	// The prices, one version for each date from which they changed, the oldest first.
	// Example: [{from: 2025-04-01, energy: [{name: energy, price: 2.1611}]}]
	Versions []Version `yaml:"versions"`
}

// Source says where a figure comes from.
type Source struct {
	// The paper, order or page.
	// Example: Tariff book 2025/26
	Title string `yaml:"title"`
	// Where it is published.
	// Example: https://example.org/tariffs
	URL string `yaml:"url"`
	// Its own date, as it gives it.
	// Example: March 2025
	Dated string `yaml:"dated"`
	// The day it was read.
	// Example: 2026-11-22
	Read Date `yaml:"read"`
	// Which figures are from it.
	// Example: all prices
	For string `yaml:"for"`
}

// Version is the tariff from a date on.
type Version struct {
	// The first local day. The first version may leave it out, and then has no beginning.
	// Example: 2025-04-01
	From Date `yaml:"from"`
	// The last local day for which the figures are known. Later days are charged alike, with a warning.
	// Example: 2026-03-31
	Until Date `yaml:"until"`
	// What people call the version.
	// Example: 2025/26
	Name string `yaml:"name"`
	// Whether this version is known to be in force: yes, no or unknown. Left out: as the document says.
	// Example: "yes"
	Current Currentness `yaml:"current"`
	// A calendar of this version alone.
	// Example: {periods: [{name: peak, times: [{from: "18:00", to: "21:00"}]}, {name: standard}]}
	Calendar *Calendar `yaml:"calendar"`

	// Whether the prices below hold the taxes already.
	// Example: true
	TaxIncluded bool `yaml:"tax_included"`

	// Classes of customers, by what a month comes to.
	// Example: {list: [{name: lifeline, to: 50 kWh}, {name: normal}]}
	Classes *Classes `yaml:"classes"`
	// Prices per kWh taken from the grid.
	// Example: [{name: energy, price: 2.1611}]
	Energy []EnergyCharge `yaml:"energy"`
	// What is paid per kWh fed into the grid, as prices above zero.
	// Example: [{name: feed-in, price: 0.9}]
	Export []EnergyCharge `yaml:"export"`
	// Fixed amounts: for a day, for a month, or taken from purchases.
	// Example: [{name: service, amount: 60, due: month}]
	Charges []FixedCharge `yaml:"charges"`
	// Charges for the greatest demand of the month.
	// Example: [{name: demand, price: 250, interval: 30m}]
	Demand []DemandCharge `yaml:"demand"`
	// Charges for reactive energy.
	// Example: [{name: reactive, price: 0.2, free: 30 %}]
	Reactive []Reactive `yaml:"reactive"`
	// A surcharge where the month's power factor is poor.
	// Example: {name: power factor, threshold: 90 %, surcharge: 1 %}
	Factor *PowerFactor `yaml:"power_factor"`
	// The least that a month's bill comes to before taxes.
	// Example: {name: minimum, amount: 40}
	Minimum *Minimum `yaml:"minimum"`
	// Taxes, in the order in which they are reckoned.
	// Example: [{name: VAT, rate: 15 %}]
	Taxes []Tax `yaml:"taxes"`
	// What is given back on every purchase.
	// Example: {name: rebate, rate: 1 %}
	Rebate *Rebate `yaml:"rebate"`
	// A debt with the utility that is paid off from purchases.
	// Example: {name: meter debt, share: 50 %}
	Debt *Debt `yaml:"debt"`
}

// Calendar divides the year into seasons, the days into day types and the day
// into periods.  All of it may be left out: then there is one of each.
type Calendar struct {
	// The zone whose clock the hours are told by, where it is not the document's: UTC for a meter that
	// keeps winter time.
	// Example: UTC
	Zone string `yaml:"zone"`
	// Parts of the year.
	// Example: [{name: winter, from: 06-01, to: 08-31}, {name: summer}]
	Seasons []Season `yaml:"seasons"`
	// Kinds of days.
	// Example: [{name: workday, days: [mon, tue, wed, thu, fri]}, {name: weekend, days: [sat, sun], holidays: true}]
	DayTypes []DayType `yaml:"day_types"`
	// Rules for public holidays.
	// Example: [{name: Christmas, date: 12-25}, {name: Good Friday, easter: -2}]
	Holidays []Holiday `yaml:"holidays"`
	// Names for hours, such as peak and off-peak.
	// Example: [{name: peak, times: [{from: "18:00", to: "21:00"}]}, {name: standard}]
	Periods []Period `yaml:"periods"`
}

// Season is part of every year, both days included; it may run over the new
// year.  One season may have no dates and is the rest of the year.
type Season struct {
	// The season's name.
	// Example: winter
	Name string `yaml:"name"`
	// Its first day, month-day. One season may have no dates and is the rest of the year.
	// Example: 06-01
	From MonthDay `yaml:"from"`
	// Its last day, month-day, in it; it may lie beyond the new year.
	// Example: 08-31
	To MonthDay `yaml:"to"`
}

// DayType is a set of days of the week; at most one has Holidays and rules on
// holidays whatever the day of the week.
type DayType struct {
	// The name of the kind of day.
	// Example: workday
	Name string `yaml:"name"`
	// Days of the week that are of it.
	// Example: [mon, tue, wed, thu, fri]
	Days []Weekday `yaml:"days"`
	// Whether holidays are of it, whatever the day of the week. One kind of day at most.
	// Example: true
	Holidays bool `yaml:"holidays"`
}

// Holiday is a rule for a public holiday: exactly one of On, Date, Easter and
// Month with Weekday and Nth.
type Holiday struct {
	// The holiday's name.
	// Example: Christmas
	Name string `yaml:"name"`
	// One day only. Give one of on, date, easter, and month with weekday and nth.
	// Example: 2026-11-04
	On Date `yaml:"on"`
	// A day of every year, month-day.
	// Example: 12-25
	Date MonthDay `yaml:"date"`
	// Days after Easter Sunday, below zero before it.
	// Example: -2
	Easter *int `yaml:"easter"`
	// The month, 1 to 12, with weekday and nth.
	// Example: 5
	Month int `yaml:"month"`
	// The day of the week, with month and nth.
	// Example: mon
	Weekday Weekday `yaml:"weekday"`
	// Which of those days in the month: 1 is the first, -1 the last.
	// Example: -1
	Nth int `yaml:"nth"`
	// What follows where it falls on a weekend: sunday_to_monday or weekend_to_monday. Left out:
	// nothing.
	// Example: sunday_to_monday
	Observed Observed `yaml:"observed"`
	// The kind of day it is. Left out: the one with holidays.
	// Example: weekend
	DayType string `yaml:"day_type"`
	// The first year in which it is kept.
	// Example: 2026
	From int `yaml:"from_year"`
	// The last year in which it is kept.
	// Example: 2030
	To int `yaml:"to_year"`
}

// Period is a name for some hours.  One period may have no Times and is the
// rest of the week.
type Period struct {
	// The period's name.
	// Example: peak
	Name string `yaml:"name"`
	// Its hours. One period may have none and is the rest of the week.
	// Example: [{from: "18:00", to: "21:00"}]
	Times []Span `yaml:"times"`
}

// Span is [From, To) of the local clock on the days it names; empty Seasons or
// Days mean all.  To at or before From runs to midnight and on from midnight of
// the same day type; both left out are the whole day.
type Span struct {
	// The seasons in which it holds. Left out: all.
	// Example: [winter]
	Seasons []string `yaml:"seasons"`
	// The kinds of days on which it holds. Left out: all.
	// Example: [workday]
	Days []string `yaml:"days"`
	// When it begins on the local clock.
	// Example: "18:00"
	From TimeOfDay `yaml:"from"`
	// When it ends. 00:00 or nothing is the day's end; at or before from it runs to midnight, and on from
	// midnight of the same kind of day.
	// Example: "21:00"
	To TimeOfDay `yaml:"to"`
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
	// month: the whole month is priced by the class that its total ends in; past_average or past_maximum:
	// by the mean or the greatest of past months.
	// Default: month
	// Example: past_average
	By ClassRule `yaml:"by"`
	// How many past months are looked at.
	// Default: 3
	// Example: 3
	Months int `yaml:"months"`
	// The class before there is any past month; with past_maximum that of each month which is not known.
	// Example: normal
	Initial string `yaml:"initial"`
	// Of classes by past months: whether the month's own total counts too, where it comes to a higher
	// class.
	// Example: true
	ThisMonth bool `yaml:"this_month"`
	// The classes, the smallest first.
	// Example: [{name: lifeline, to: 50 kWh}, {name: normal}]
	List []Class `yaml:"list"`
}

// Class holds up to and with To kWh a month; the last one has no limit.
type Class struct {
	// The class's name.
	// Example: lifeline
	Name string `yaml:"name"`
	// Up to and with this in a month. The last class has none.
	// Example: 50 kWh
	To units.Energy `yaml:"to"`
}

// EnergyCharge is a price per kWh: Price, or rising or falling Steps over the
// month's energy that the filter lets in.  The steps go on counting when a new
// version begins within the month.
type EnergyCharge struct {
	// The component's name, for bills and for taxes.
	// Example: energy
	Name string `yaml:"name"`
	// The seasons in which it is charged. Left out: all.
	// Example: [winter]
	Seasons []string `yaml:"seasons"`
	// The hours in which it is charged. Left out: all.
	// Example: [peak]
	Periods []string `yaml:"periods"`
	// The classes that it is charged to. Left out: all.
	// Example: [lifeline]
	Classes []string `yaml:"classes"`
	// The price of a kWh. Give it, or steps.
	// Example: 2.1611
	Price units.Price `yaml:"price"`
	// Prices that rise or fall with the month's energy.
	// Example: [{to: 350 kWh, price: 1.9028}, {price: 2.1562}]
	Steps []Step `yaml:"steps"`
	// Whether all the energy has the price of the step that the total has reached, and not each kWh that
	// of its own step.
	// Example: true
	Whole bool `yaml:"whole_month"`
	// What the steps are of: a month or a day.
	// Default: month
	// Example: day
	Per Per `yaml:"per"`
	// When the steps begin anew: month, or day, which only steps per day can.
	// Example: day
	Reset Per `yaml:"reset"`
	// Whether prices that are received at run time take the place of this one.
	// Example: true
	Pushed bool `yaml:"pushed"`

	// Whether what a month leaves of the first step is added to that of the months after it.
	// Example: true
	CarryOver bool `yaml:"carry_over"`
	// For how many months, 1 to 24. 0: for ever.
	// Example: 12
	CarryOverMonths int `yaml:"carry_over_months"`
	// The most that a month finds of it. 0 is no limit.
	// Example: 100 kWh
	CarryOverMost units.Energy `yaml:"carry_over_most"`
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
	// Up to and with this in the month. The last step has none.
	// Example: 350 kWh
	To units.Energy `yaml:"to"`
	// The price of a kWh. 0 is a free allowance.
	// Example: 1.9028
	Price units.Price `yaml:"price"`
}

// FixedCharge is an amount for a day, for a month, or taken from purchases.
type FixedCharge struct {
	// The component's name.
	// Example: service
	Name string `yaml:"name"`
	// The classes that it is charged to. Left out: all.
	// Example: [normal]
	Classes []string `yaml:"classes"`
	// The amount. Below zero it is given back, but not from purchases.
	// Example: 60
	Amount units.Money `yaml:"amount"`
	// Whether it is for each contracted kW.
	// Example: true
	PerKW bool `yaml:"per_kw"`
	// The contracted load of this charge, in place of the document's.
	// Example: 5 kW
	KW units.Power `yaml:"contracted"`
	// When it is taken: day, month (at its end), month_start, first_purchase of a month, or purchase.
	// Default: month
	// Example: month_start
	Due Due `yaml:"due"`
	// Whether a month that is begun late is charged by its days.
	// Example: true
	Prorate bool `yaml:"prorate"`

	// With first_purchase: it is taken in parts until the month's purchases come to this.
	// Example: 500
	SplitOver units.Money `yaml:"split_over"`
	// With first_purchase: whether what past months did not pay is owed. Left out, it is forgiven.
	// Example: true
	CatchUp bool `yaml:"catch_up"`
	// The most months that are caught up. 0 is no limit.
	// Example: 6
	MaxMonths int `yaml:"catch_up_months"`
	// With purchase: this share of it in place of an amount.
	// Example: 2 %
	Share Rate `yaml:"share"`
}

// DemandCharge is a price on the month's highest mean demand, or on the mean of the
// highest of several days or months.
type DemandCharge struct {
	// The component's name.
	// Example: demand
	Name string `yaml:"name"`
	// The seasons in which it is charged. Left out: all.
	// Example: [winter]
	Seasons []string `yaml:"seasons"`
	// The hours whose demand counts. Left out: all.
	// Example: [peak]
	Periods []string `yaml:"periods"`
	// The classes that it is charged to. Left out: all.
	// Example: [normal]
	Classes []string `yaml:"classes"`
	// The price of a kW or kVA and month. Give it, or steps.
	// Example: 250
	Price units.Money `yaml:"price"`
	// What the price is of: a month, or a day of the month in the charge's seasons.
	// Default: month
	// Example: day
	Per Per `yaml:"per"`
	// What the month costs, by the step that its demand is in.
	// Example: [{to: 2.5 kW, price: 100}, {to: 5 kW, price: 200}]
	Steps []DemandStep `yaml:"steps"`
	// Whether the steps' prices are per kW, each kW at that of its own step.
	// Example: true
	EachKW bool `yaml:"each_kw"`
	// The charge is at most this for each of the month's kWh. 0 is no limit.
	// Example: 1.2
	MostPerKWh units.Price `yaml:"most_per_kwh"`
	// The mean of so many of the highest, each of another day.
	// Default: 1
	// Example: 3
	MeanOf int `yaml:"mean_of"`
	// The mean of so many months: this one, and those before it as far as they are known.
	// Default: 1
	// Example: 12
	MeanMonths int `yaml:"average_months"`
	// kW or kVA.
	// Default: kW
	// Example: kVA
	Unit DemandUnit `yaml:"unit"`
	// Time over which power is averaged. It divides an hour.
	// Default: 30m
	// Example: 15m
	Interval time.Duration `yaml:"interval"`
	// Demand that is not charged.
	// Example: 2.5 kW
	Free units.Power `yaml:"free"`
	// At least this share of the highest of past months is charged.
	// Example: 80 %
	Ratchet Rate `yaml:"ratchet"`
	// How many past months that looks at.
	// Default: 11
	// Example: 11
	RatchetOver int `yaml:"ratchet_months"`
	// The smallest demand that is charged, of each month.
	// Example: 2.5 kW
	AtLeast units.Power `yaml:"at_least"`
	// The power factor where reactive energy is not measured.
	// Default: 100 %
	// Example: 95 %
	AssumeFactor Rate `yaml:"assume_factor"`
}

// DemandStep is a price up to and with To.  What is above the last step's To, where it
// has one, is charged as the last step.
type DemandStep struct {
	// Up to and with this. What is above the last step's is charged as the last step.
	// Example: 5 kW
	To units.Power `yaml:"to"`
	// The price.
	// Example: 200
	Price units.Money `yaml:"price"`
}

// Reactive is a price per kvarh above a share of the month's kWh.
type Reactive struct {
	// The component's name.
	// Example: reactive
	Name string `yaml:"name"`
	// The seasons in which it is charged. Left out: all.
	// Example: [winter]
	Seasons []string `yaml:"seasons"`
	// The hours in which it is charged. Left out: all.
	// Example: [peak]
	Periods []string `yaml:"periods"`
	// The price of a kvarh.
	// Example: 0.2
	Price units.Price `yaml:"price"`
	// What is free of charge, as a share of the kWh.
	// Example: 30 %
	Free Rate `yaml:"free"`
}

// PowerFactor is a surcharge on energy and demand where the month's power
// factor is below Threshold: Surcharge for each Step below, reckoned in
// proportion or, with Whole, by whole steps.
type PowerFactor struct {
	// The component's name.
	// Example: power factor
	Name string `yaml:"name"`
	// The surcharge is on where the month's power factor is below this.
	// Example: 90 %
	Threshold Rate `yaml:"threshold"`
	// The surcharge is for each step of so much below.
	// Default: 1 %
	// Example: 1 %
	Step Rate `yaml:"step"`
	// The surcharge for each step.
	// Example: 1 %
	Surcharge Rate `yaml:"surcharge"`
	// Whether whole steps count alone, and not parts.
	// Example: true
	Whole bool `yaml:"whole_steps"`
	// Names of the components that it is on. Left out: all energy and demand.
	// Example: [energy]
	On []string `yaml:"on"`
}

// Minimum is the least a month's bill comes to before taxes.
type Minimum struct {
	// The component's name.
	// Example: minimum
	Name string `yaml:"name"`
	// The least.
	// Example: 40
	Amount units.Money `yaml:"amount"`
	// Whether it is for each contracted kW.
	// Example: true
	PerKW bool `yaml:"per_kw"`
	// Names of the components that count. Left out: all but export.
	// Example: [energy]
	On []string `yaml:"on"`
	// The classes that it holds for. Left out: all.
	// Example: [normal]
	Classes []string `yaml:"classes"`
}

// Tax is a share of the named components and of earlier taxes on them.
type Tax struct {
	// The tax's name.
	// Example: VAT
	Name string `yaml:"name"`
	// The rate. Below zero it is a rebate.
	// Example: 15 %
	Rate Rate `yaml:"rate"`
	// Names of the components that are taxed. Left out: all but export.
	// Example: [energy]
	On []string `yaml:"on"`
	// Names of components that are not.
	// Example: [service]
	Except []string `yaml:"except"`
	// Names of taxes before it that are taxed too.
	// Example: [levy]
	Over []string `yaml:"over"`
}

// Rebate is given back on every purchase, as a share of what is left of it
// after charges.
type Rebate struct {
	// The component's name.
	// Example: rebate
	Name string `yaml:"name"`
	// The share of what is left of a purchase after charges.
	// Example: 1 %
	Rate Rate `yaml:"rate"`
}

// Debt is paid off from purchases.  What is owed is in the Account.
type Debt struct {
	// The component's name.
	// Example: meter debt
	Name string `yaml:"name"`
	// The share of each purchase.
	// Example: 50 %
	Share Rate `yaml:"share"`
	// The most that is taken in each period. 0 is no limit.
	// Example: 300
	Cap units.Money `yaml:"cap"`
	// The period: day, week (Monday to Sunday) or month.
	// Default: month
	// Example: month
	Per Per `yaml:"per"`
}
