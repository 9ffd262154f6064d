package tariffs

import (
	"math"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Tariff is a Document made ready for reckoning.  It never changes and may be
// used by many goroutines at once.
type Tariff struct {
	doc      Document
	loc      *time.Location
	cycle    cycle
	versions []version // by rising from; never empty
	carries  bool      // some allowance piles up
	overlay  Overlay
}

// version is a Version made ready.
type version struct {
	doc     *Version
	from    Date // of the first one: the least Date
	cal     *calendar
	energy  []energyCharge // import, then export
	fixed   []fixedCharge
	demand  []demandCharge
	react   []reactiveCharge
	factor  component
	minimum component
	rebate  component
	debt    component
	retro   bool // a cliff: earlier energy of the month can be priced anew
	daily   bool // some steps begin anew each day
}

type energyCharge struct {
	component
	*EnergyCharge
	replaced bool // pushed prices take its place; energy they price does not count for its steps
	daily    bool // its steps begin anew each day
	cal      *calendar
}

type fixedCharge struct {
	component
	*FixedCharge
	amount units.Money // times the contracted kW
}

type demandCharge struct {
	component
	*DemandCharge
	interval int64 // seconds
}

type reactiveCharge struct {
	component
	*Reactive
}

// component is what every line of a bill has: a name and its taxes.
type component struct {
	name     string
	kind     Kind
	included bool
	taxes    []tax
	gross    int64 // price with taxes for a net price of grossUnit
}

type tax struct {
	index int // in Version.Taxes
	rate  Rate
	over  []int // indices in component.taxes
}

const grossUnit = 1_000_000_000

// New makes a document ready.  The error is a fault.List of all that is wrong.
func New(doc Document) (*Tariff, error) {
	if err := doc.Check().Err(); err != nil {
		return nil, err
	}
	loc, err := time.LoadLocation(doc.Zone)
	if err != nil {
		return nil, err // Check has loaded it; only a file gone since comes here
	}
	t := &Tariff{doc: doc, loc: loc, cycle: cycle{max(1, doc.ResetDay), max(1, doc.ResetMonths), max(1, doc.ResetMonth)}}
	t.doc.Versions = slices.Clone(doc.Versions)
	for i := range t.doc.Versions {
		t.versions = append(t.versions, compile(&t.doc, i))
		t.carries = t.carries || slices.ContainsFunc(t.doc.Versions[i].Energy, func(e EnergyCharge) bool { return e.CarryOver })
	}
	return t, nil
}

func compile(doc *Document, i int) version {
	d := &doc.Versions[i]
	v := version{doc: d, from: d.From}
	pushAll := true // no charge is marked for pushed prices, so they replace all
	if i == 0 {
		v.from = math.MinInt32
	}
	cal := &doc.Calendar
	if d.Calendar != nil {
		cal = d.Calendar
	}
	v.cal = compileCalendar(cal)
	if cal.Zone != "" && cal.Zone != doc.Zone {
		v.cal.clock, _ = time.LoadLocation(cal.Zone) // Check has loaded it
	}
	v.retro = d.Classes.retro()
	for j := range d.Energy {
		e := &d.Energy[j]
		v.energy = append(v.energy, energyCharge{component: newComponent(d, e.Name, KindEnergy), EnergyCharge: e, daily: e.Daily(), cal: v.cal})
		v.retro = v.retro || e.Whole
		pushAll = pushAll && !e.Pushed
	}
	for j := range v.energy {
		v.energy[j].replaced = pushAll || v.energy[j].Pushed
	}
	for j := range d.Export {
		e := &d.Export[j]
		v.energy = append(v.energy, energyCharge{component: newComponent(d, e.Name, KindExport), EnergyCharge: e, daily: e.Daily(), cal: v.cal})
	}
	for j := range v.energy {
		v.daily = v.daily || v.energy[j].daily
	}
	for j := range d.Charges {
		f := &d.Charges[j]
		c := fixedCharge{newComponent(d, f.Name, KindFixed), f, f.Amount}
		if f.PerKW {
			kw := f.KW
			if kw == 0 {
				kw = doc.Contracted
			}
			c.amount = perKW(f.Amount, kw)
		}
		v.fixed = append(v.fixed, c)
	}
	for j := range d.Demand {
		c := &d.Demand[j]
		interval := c.Interval
		if interval == 0 {
			interval = 30 * time.Minute
		}
		v.demand = append(v.demand, demandCharge{newComponent(d, c.Name, KindDemand), c, int64(interval / time.Second)})
	}
	for j := range d.Reactive {
		v.react = append(v.react, reactiveCharge{newComponent(d, d.Reactive[j].Name, KindReactive), &d.Reactive[j]})
	}
	if d.Factor != nil {
		v.factor = newComponent(d, d.Factor.Name, KindFactor)
	}
	if d.Minimum != nil {
		v.minimum = newComponent(d, d.Minimum.Name, KindMinimum)
	}
	if d.Rebate != nil {
		v.rebate = component{name: d.Rebate.Name, kind: KindRebate, gross: grossUnit}
	}
	if d.Debt != nil {
		v.debt = component{name: d.Debt.Name, kind: KindDebt, gross: grossUnit}
	}
	return v
}

// newComponent finds which taxes fall on a component, and what they come to.
func newComponent(v *Version, name string, kind Kind) component {
	c := component{name: name, kind: kind, included: v.TaxIncluded, gross: grossUnit}
	parts := make(map[string]int, len(v.Taxes)) // tax name to its index in c.taxes
	var amounts []int64
	for i := range v.Taxes {
		x := &v.Taxes[i]
		if slices.Contains(x.Except, name) || (len(x.On) > 0 && !slices.Contains(x.On, name)) || (len(x.On) == 0 && kind == KindExport) {
			continue
		}
		t := tax{index: i, rate: x.Rate}
		base := int64(grossUnit)
		for _, o := range x.Over {
			if j, ok := parts[o]; ok {
				t.over = append(t.over, j)
				base += amounts[j]
			}
		}
		parts[x.Name] = len(c.taxes)
		c.taxes = append(c.taxes, t)
		amounts = append(amounts, units.MulDiv(base, int64(x.Rate), int64(hundred)))
		c.gross += amounts[len(amounts)-1]
	}
	return c
}

// split divides an amount, as the document's prices are, into net and taxes.
func (c *component) split(amount units.Money) (net, taxes units.Money) {
	if len(c.taxes) == 0 {
		return amount, 0
	}
	if c.included {
		net = amount.Part(grossUnit, c.gross)
		return net, amount - net
	}
	if len(c.taxes) == 1 {
		return amount, amount.Part(int64(c.taxes[0].rate), int64(hundred))
	}
	for i := range c.taxes {
		taxes += c.taxOf(amount, i)
	}
	return amount, taxes
}

// taxOf is the i-th tax of the component on a net amount.
func (c *component) taxOf(net units.Money, i int) units.Money {
	base := net
	for _, j := range c.taxes[i].over {
		base += c.taxOf(net, j)
	}
	return base.Part(int64(c.taxes[i].rate), int64(hundred))
}

// withTax is a price with its taxes.
func (c *component) withTax(p units.Price) units.Price {
	if c.included || len(c.taxes) == 0 {
		return p
	}
	return units.Price(units.MulDiv(int64(p), c.gross, grossUnit))
}

func perKW(m units.Money, p units.Power) units.Money {
	return m.Part(int64(p), int64(units.Kilowatt))
}

// Document is what the tariff was made of.
func (t *Tariff) Document() Document { return t.doc }

// Location is the time zone whose calendar the tariff follows.
func (t *Tariff) Location() *time.Location { return t.loc }

// Decimals is how many decimals a bill shows.
func (t *Tariff) Decimals() int {
	if t.doc.Decimals != nil {
		return *t.doc.Decimals
	}
	return 2
}

// Round brings an amount to the decimals of the currency by the document's
// rule.  Accounts are kept in full; this is for what people are shown.
func (t *Tariff) Round(m units.Money) units.Money {
	unit := units.Money(1)
	for range 6 - t.Decimals() {
		unit *= 10
	}
	rest := m % unit
	down := m - rest
	away := unit
	if m < 0 {
		rest, away = -rest, -unit
	}
	up := rest > 0
	switch t.doc.Rounding {
	case RoundUp:
	case RoundDown:
		up = false
	case RoundHalfEven:
		up = rest*2 > unit || (rest*2 == unit && down/unit%2 != 0)
	default:
		up = up && rest*2 >= unit
	}
	if up {
		return down + away
	}
	return down
}

// Show writes an amount as a bill does.
func (t *Tariff) Show(m units.Money) string { return t.Round(m).Decimal(t.Decimals()) }

// segment is a stretch of time in which nothing of the calendar changes.
type segment struct {
	start, end time.Time
	day        Date
	month      Date // first day of the billing month
	next       Date // first day of the next one
	v          *version
	season     string
	period     string
	offset     int64 // of the clock that tells the hours, in seconds before UTC
	pushed     int   // index in the overlay, or -1
}

// segment is the one that holds at; start is at itself.
func (t *Tariff) segment(at time.Time) segment {
	l := localClock(at, t.loc)
	s := segment{start: at, day: l.day, pushed: -1}
	s.month, s.next = t.cycle.at(s.day)
	s.v = t.versionOn(s.day)
	hours := l
	if s.v.cal.clock != nil {
		hours = localClock(at, s.v.cal.clock)
	}
	season, period, until := s.v.cal.at(hours.day, hours.sec)
	s.season, s.period = s.v.cal.seasons[season], s.v.cal.periods[period]
	s.end = hours.when(until)
	s.offset = hours.offset
	if s.v.cal.clock != nil {
		if midnight := l.when(secondsADay); midnight.Before(s.end) {
			s.end = midnight
		}
	}
	if len(t.overlay.Prices) > 0 {
		s.pushed, s.end = t.overlay.at(at, s.end)
	}
	return s
}

// clock is what a zone's clock shows at an instant.
type clock struct {
	unix   int64
	offset int64 // seconds before UTC
	day    Date
	sec    int       // of the day
	put    time.Time // when it is next put on or back, zero for never
}

func localClock(at time.Time, loc *time.Location) clock {
	local := at.In(loc)
	_, offset := local.Zone()
	_, put := local.ZoneBounds()
	c := clock{unix: at.Unix(), offset: int64(offset), put: put}
	day := floorDiv(c.unix+c.offset, secondsADay)
	c.day = Date(day)
	c.sec = int(c.unix + c.offset - day*secondsADay)
	return c
}

// when is the instant the clock shows second sec of the day, or the instant
// before then at which it is put on or back: what it shows afterwards has to be
// looked up afresh.
func (c clock) when(sec int) time.Time {
	at := time.Unix(c.unix+int64(sec-c.sec), 0).UTC()
	if !c.put.IsZero() && c.put.Before(at) {
		return c.put.UTC()
	}
	return at
}

// versionOn is the version in force on d.
func (t *Tariff) versionOn(d Date) *version {
	i := len(t.versions) - 1
	for i > 0 && d < t.versions[i].from {
		i--
	}
	return &t.versions[i]
}

// versionOf is the version whose lines and cells are marked with from, nil
// where the document has none such any more.
func (t *Tariff) versionOf(from Date) *version {
	for i := range t.versions {
		if t.versions[i].doc.From == from {
			return &t.versions[i]
		}
	}
	return nil
}

// dayOf is the local day of an instant.
func (t *Tariff) dayOf(at time.Time) Date {
	_, offset := at.In(t.loc).Zone()
	return Date(floorDiv(at.Unix()+int64(offset), secondsADay))
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// NextChange is the first instant after at when the period, season, version or
// pushed price is another one or the billing month begins.  Where nothing
// changes within 400 days it is the instant 400 days on.
func (t *Tariff) NextChange(at time.Time) time.Time {
	first := t.segment(at)
	s := first
	limit := at.Add(400 * 24 * time.Hour)
	for s.end.Before(limit) {
		n := t.segment(s.end)
		if n.v != first.v || n.season != first.season || n.period != first.period || n.month != first.month || n.pushed != first.pushed {
			return s.end
		}
		s = n
	}
	return limit.UTC()
}

// PriceAt is the price of the next kWh at an instant, with taxes, given the
// month so far, and the name of the period.
func (t *Tariff) PriceAt(acc Account, at time.Time) (units.Price, string) {
	s := t.segment(at)
	m, _ := t.monthAt(&acc, s.month)
	return t.priceIn(&s, &acc, &m), s.period
}

// priceIn is the price of the next kWh in a segment of the month.
func (t *Tariff) priceIn(s *segment, acc *Account, m *Month) units.Price {
	class := t.class(s.v, acc, m)
	var p units.Price
	for i := range s.v.energy {
		c := &s.v.energy[i]
		if c.kind != KindEnergy || !c.matches(s.season, s.period) || !c.inClass(s.v, class) {
			continue
		}
		if s.pushed >= 0 && c.replaced {
			if s.v.takesPushed(i, s.season, s.period, class) {
				p += t.pushedPrice(s.pushed, c, true)
			}
			continue
		}
		p += c.withTax(c.marginal(t.position(m, c, s.day), t.limits(c, m)))
	}
	return p
}
