package tariffs

import (
	"fmt"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"pgregory.net/rapid"
)

const kWh = units.KilowattHour

func cents(n int64) units.Money  { return units.Money(n * 10_000) }
func perKWh(n int64) units.Price { return units.Price(n * 100) } // in hundredths of a cent

func touCalendar() Calendar {
	return Calendar{
		Seasons: []Season{{Name: "high", From: MonthDay{time.June, 1}, To: MonthDay{time.August, 31}}, {Name: "low"}},
		DayTypes: []DayType{
			{Name: "weekday", Days: []Weekday{1, 2, 3, 4, 5}},
			{Name: "saturday", Days: []Weekday{6}},
			{Name: "sunday", Days: []Weekday{7}, Holidays: true},
		},
		Holidays: []Holiday{
			{Name: "new year", Date: MonthDay{time.January, 1}, Observed: ObservedWeekendMonday},
			{Name: "good friday", Easter: new(-2)},
			{Name: "first monday of may", Month: 5, Weekday: 1, Nth: 1},
			{Name: "christmas", Date: MonthDay{time.December, 25}, Observed: ObservedWeekendMonday},
			{Name: "boxing", Date: MonthDay{time.December, 26}, Observed: ObservedWeekendMonday},
		},
		Periods: []Period{
			{Name: "peak", Times: []Span{
				{Days: []string{"weekday"}, From: 6 * 60, To: 9 * 60},
				{Days: []string{"weekday"}, From: 17 * 60, To: 19 * 60},
			}},
			{Name: "standard", Times: []Span{
				{Days: []string{"weekday"}, From: 9 * 60, To: 17 * 60},
				{Days: []string{"weekday"}, From: 19 * 60, To: 22 * 60},
				{Days: []string{"saturday"}, From: 7 * 60, To: 12 * 60},
			}},
			{Name: "off-peak"},
		},
	}
}

// rich is a document with every kind of component, in two versions that change
// in the middle of a month.
func rich() Document {
	version := func(name string, from Date, up int64) Version {
		return Version{
			Name: name, From: from,
			Classes: &Classes{By: ByPastAverage, Months: 3, Initial: "small", List: []Class{{Name: "small", To: 400 * kWh}, {Name: "large"}}},
			Energy: []EnergyCharge{
				{Name: "winter peak", Seasons: []string{"high"}, Periods: []string{"peak"}, Price: perKWh(60000 + up)},
				{Name: "summer peak", Seasons: []string{"low"}, Periods: []string{"peak"}, Price: perKWh(33000 + up)},
				{Name: "standard", Periods: []string{"standard"}, Price: perKWh(21000 + up)},
				{Name: "off-peak", Periods: []string{"off-peak"}, Price: perKWh(15000 + up)},
				{Name: "network", Steps: []Step{{To: 100 * kWh, Price: perKWh(1000)}, {To: 350 * kWh, Price: perKWh(2500)}, {Price: perKWh(4000 + up)}}},
				{Name: "peak use", Periods: []string{"peak"}, Per: PerDay, Steps: []Step{{To: 2 * kWh}, {Price: perKWh(777)}}},
				{Name: "large levy", Classes: []string{"large"}, Price: perKWh(333)},
				{Name: "levy", Price: perKWh(123)},
			},
			Export: []EnergyCharge{{Name: "export", Price: perKWh(9000)}},
			Charges: []FixedCharge{
				{Name: "standing", Amount: cents(123), Due: DueDay},
				{Name: "service", Amount: cents(7001)},
				{Name: "rent", Amount: cents(4000), Due: DueMonthStart, Prorate: true},
				{Name: "large service", Amount: cents(999), Classes: []string{"large"}},
				{Name: "capacity", Amount: cents(13000), Due: DueFirstPurchase, SplitOver: cents(40000), CatchUp: true},
				{Name: "fee", Due: DuePurchase, Share: 15_000},
			},
			Demand: []DemandCharge{
				{Name: "demand", Price: cents(9100), Interval: 30 * time.Minute, Ratchet: 700_000},
				{Name: "apparent", Price: cents(1100), Unit: KVA, Interval: 15 * time.Minute, Periods: []string{"peak", "standard"}},
			},
			Reactive: []Reactive{{Name: "reactive", Price: perKWh(1900), Free: 300_000}},
			Factor:   &PowerFactor{Name: "low factor", Threshold: 950_000, Surcharge: 20_000},
			Minimum:  &Minimum{Name: "minimum", Amount: cents(20000)},
			Taxes: []Tax{
				{Name: "levy fund", Rate: 50_000, On: []string{"winter peak", "summer peak", "standard", "off-peak"}},
				{Name: "VAT", Rate: 150_000, Over: []string{"levy fund"}},
				{Name: "municipal", Rate: 12_300, Except: []string{"levy"}},
			},
			Rebate: &Rebate{Name: "rebate", Rate: 5_000},
			Debt:   &Debt{Name: "debt", Share: 100_000, Cap: cents(500), Per: PerWeek},
		}
	}
	return Document{
		Name: "rich", Currency: "ZAR", Zone: "Europe/London", Current: CurrentExample,
		Calendar: touCalendar(),
		Versions: []Version{version("old", 0, 0), version("new", DateOf(2024, time.April, 12), 500)},
	}
}

// kinds says what a drawn document may contain.
type kinds struct {
	cliffs, falling, demand, monthEnd, classes, carry bool
}

func zones() []string {
	return []string{"UTC", "Europe/London", "Africa/Johannesburg", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Havana", "America/St_Johns", "Asia/Beirut"}
}

// drawDocument is a random valid document.
func drawDocument(t *rapid.T, k kinds) Document {
	d := Document{
		Currency: "EUR",
		Zone:     rapid.SampledFrom(zones()).Draw(t, "zone"),
		ResetDay: rapid.SampledFrom([]int{0, 1, 15, 29, 31}).Draw(t, "reset"),
	}
	if rapid.Bool().Draw(t, "tou") {
		d.Calendar = touCalendar()
		d.Calendar.Zone = rapid.SampledFrom([]string{"", "", "UTC"}).Draw(t, "clock")
	}
	from := Date(0)
	for i := range rapid.IntRange(1, 3).Draw(t, "versions") {
		v := drawVersion(t, &d, k)
		v.From = from
		v.Name = fmt.Sprint("v", i)
		d.Versions = append(d.Versions, v)
		from = max(from, DateOf(2024, time.January, 1)) + Date(rapid.IntRange(1, 100).Draw(t, "days"))
	}
	return d
}

func drawVersion(t *rapid.T, d *Document, k kinds) Version {
	price := func() units.Price { return units.Price(rapid.Int64Range(0, 9_000_000).Draw(t, "price")) }
	v := Version{TaxIncluded: rapid.Bool().Draw(t, "included")}
	if k.classes && rapid.Bool().Draw(t, "classes") {
		c := Classes{By: ByPastAverage, Initial: "b", List: []Class{{Name: "a", To: 30 * kWh}, {Name: "b", To: 90 * kWh}, {Name: "c"}}}
		if k.cliffs {
			c.By = rapid.SampledFrom([]ClassRule{ByMonth, ByPastAverage, ByPastMaximum}).Draw(t, "by")
			c.ThisMonth = c.By != ByMonth && rapid.Bool().Draw(t, "this month")
		}
		v.Classes = &c
		p := price()
		for _, x := range c.List {
			v.Energy = append(v.Energy, EnergyCharge{Name: "class " + x.Name, Classes: []string{x.Name}, Price: p})
			p += price()
		}
		v.Charges = append(v.Charges, FixedCharge{Name: "class c service", Classes: []string{"c"}, Amount: cents(100)})
	}
	e := EnergyCharge{Name: "energy", Per: rapid.SampledFrom([]Per{"", PerMonth, PerDay}).Draw(t, "per")}
	p, to := price(), units.Energy(0)
	for range rapid.IntRange(0, 3).Draw(t, "steps") {
		to += units.Energy(rapid.Int64Range(1, 100_000).Draw(t, "to")) * units.WattHour
		e.Steps = append(e.Steps, Step{To: to, Price: p})
		if p += price(); k.falling {
			p = price()
		}
	}
	if len(e.Steps) > 0 {
		e.Steps = append(e.Steps, Step{Price: p})
		e.Whole = k.cliffs && rapid.Bool().Draw(t, "whole")
		if e.Per == PerDay && !e.Whole {
			e.Reset = rapid.SampledFrom([]Per{"", PerMonth, PerDay}).Draw(t, "reset steps")
		}
	} else {
		e.Price = p
	}
	v.Energy = append(v.Energy, e)
	if k.carry && rapid.Bool().Draw(t, "carry over") {
		v.Energy = append(v.Energy, drawCarry(t, d))
	}
	if len(d.Calendar.Periods) > 0 {
		v.Energy = append(v.Energy,
			EnergyCharge{Name: "peak", Periods: []string{"peak"}, Price: price()},
			EnergyCharge{Name: "winter", Seasons: []string{"high"}, Steps: []Step{{To: 20 * kWh, Price: 1}, {Price: price() + 1}}},
			EnergyCharge{Name: "allowance", Periods: []string{"peak", "off-peak"}, Seasons: []string{"high"}, Per: PerDay, Steps: []Step{{To: 2 * kWh, Price: 1}, {Price: price() + 1}}})
	}
	v.Export = []EnergyCharge{{Name: "export", Price: price()}}
	v.Charges = append(v.Charges,
		FixedCharge{Name: "standing", Amount: cents(rapid.Int64Range(0, 500).Draw(t, "standing")), Due: DueDay},
		FixedCharge{Name: "service", Amount: cents(777), Prorate: rapid.Bool().Draw(t, "prorate")},
		FixedCharge{Name: "rent", Amount: cents(333), Due: DueMonthStart})
	if k.demand {
		v.Demand = []DemandCharge{{Name: "demand", Price: cents(1234), Ratchet: 500_000, Interval: 15 * time.Minute}, {Name: "kva", Unit: KVA, Price: cents(77)}}
		v.Demand = append(v.Demand, drawDemand(t, "more"))
	}
	if k.monthEnd {
		v.Reactive = []Reactive{{Name: "reactive", Price: price(), Free: 100_000}}
		v.Factor = &PowerFactor{Name: "factor", Threshold: 900_000, Surcharge: 10_000, Whole: rapid.Bool().Draw(t, "whole steps")}
		v.Minimum = &Minimum{Name: "minimum", Amount: cents(rapid.Int64Range(0, 9000).Draw(t, "minimum"))}
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "taxes") {
		x := Tax{Name: fmt.Sprint("tax", i), Rate: Rate(rapid.Int64Range(1, 300_000).Draw(t, "rate"))}
		if i > 0 && rapid.Bool().Draw(t, "over") {
			x.Over = []string{"tax0"}
		}
		v.Taxes = append(v.Taxes, x)
	}
	return v
}

// drawCarry is a charge with an allowance that piles up.
func drawCarry(t *rapid.T, d *Document) EnergyCharge {
	e := EnergyCharge{Name: "piles up", CarryOver: true, Per: rapid.SampledFrom([]Per{"", PerDay}).Draw(t, "carry per"), Reset: PerMonth}
	if e.Per == "" {
		e.Reset = ""
	}
	to, p := units.Energy(0), units.Price(rapid.Int64Range(0, 500_000).Draw(t, "carry price"))
	for range rapid.IntRange(1, 2).Draw(t, "carry steps") {
		most := int64(60_000)
		if e.Per == PerDay {
			most = 2000
		}
		to += units.Energy(rapid.Int64Range(1, most).Draw(t, "carry to")) * units.WattHour
		e.Steps = append(e.Steps, Step{To: to, Price: p})
		p += units.Price(rapid.Int64Range(1, 5_000_000).Draw(t, "carry rise"))
	}
	e.Steps = append(e.Steps, Step{Price: p})
	e.CarryOverMonths = rapid.SampledFrom([]int{0, 1, 2, 3, 24}).Draw(t, "carry months")
	e.CarryOverMost = units.Energy(rapid.SampledFrom([]int64{0, 0, 1, 30, 90}).Draw(t, "carry most")) * kWh
	if len(d.Calendar.Periods) > 0 {
		e.Periods = rapid.SampledFrom([][]string{nil, {"peak"}, {"standard", "off-peak"}}).Draw(t, "carry periods")
		e.Seasons = rapid.SampledFrom([][]string{nil, {"high"}}).Draw(t, "carry seasons")
	}
	return e
}

// drawDemand is a demand charge of any kind but those whose amount hangs on the order
// of readings.
func drawDemand(t *rapid.T, name string) DemandCharge {
	c := DemandCharge{Name: name, Interval: 15 * time.Minute, Price: cents(rapid.Int64Range(1, 9000).Draw(t, "demand price"))}
	c.Per = rapid.SampledFrom([]Per{"", PerDay}).Draw(t, "demand per")
	c.MeanOf = rapid.SampledFrom([]int{0, 0, 3}).Draw(t, "mean of")
	c.MeanMonths = rapid.SampledFrom([]int{0, 0, 12}).Draw(t, "mean months")
	c.AtLeast = units.Power(rapid.SampledFrom([]int64{0, 2}).Draw(t, "at least")) * units.Kilowatt
	if rapid.Bool().Draw(t, "ratchet") {
		c.Ratchet = 700_000
	}
	if rapid.IntRange(0, 3).Draw(t, "capped") == 0 {
		c.MostPerKWh = units.Price(rapid.Int64Range(1, 900_000).Draw(t, "most per kWh"))
	}
	if rapid.Bool().Draw(t, "demand steps") {
		p := c.Price
		c.Price, c.EachKW = 0, rapid.Bool().Draw(t, "each kW")
		for to := range 3 {
			c.Steps = append(c.Steps, DemandStep{units.Power(to+1) * units.Kilowatt, p})
			p += cents(rapid.Int64Range(1, 9000).Draw(t, "step price"))
		}
		c.Steps = append(c.Steps, DemandStep{Price: p})
	}
	return c
}

// drawLoad is readings one after another, each of constant power in whole
// watts and whole seconds, so that any second divides it exactly.
func drawLoad(t *rapid.T, from time.Time, n int, export bool) []Reading {
	var load []Reading
	for range n {
		d := time.Duration(rapid.IntRange(1, 4*86_400).Draw(t, "seconds")) * time.Second
		low := int64(0)
		if export {
			low = -3000
		}
		p := units.Power(rapid.Int64Range(low, 5000).Draw(t, "watts")) * units.Watt
		q := units.Power(rapid.Int64Range(0, 2000).Draw(t, "vars")) * units.Watt
		load = append(load, Reading{From: from, To: from.Add(d), Energy: p.Over(d), Reactive: q.Over(d)})
		from = from.Add(d)
	}
	return load
}

// cut divides every reading at random seconds.
func cut(t *rapid.T, load []Reading) []Reading {
	var out []Reading
	for _, r := range load {
		for r.To.Sub(r.From) > time.Second && rapid.IntRange(0, 3).Draw(t, "cut") > 0 {
			d := time.Duration(rapid.Int64Range(1, int64(r.To.Sub(r.From)/time.Second)-1).Draw(t, "at")) * time.Second
			left := int64(r.To.Sub(r.From))
			head := Reading{From: r.From, To: r.From.Add(d), Energy: r.Energy.Part(int64(d), left), Reactive: r.Reactive.Part(int64(d), left)}
			out = append(out, head)
			r.From, r.Energy, r.Reactive = head.To, r.Energy-head.Energy, r.Reactive-head.Reactive
		}
		out = append(out, r)
	}
	return out
}
