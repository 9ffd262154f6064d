package tariffs

import (
	"math/big"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"pgregory.net/rapid"
)

// oracle reckons a load the slow and obvious way: minute by minute, in
// fractions, with package time's own calendar, one version, no classes.  It
// shares nothing with the engine but the document.
type oracle struct {
	doc   *Document
	loc   *time.Location
	total *big.Rat
	used  map[string]map[string]*big.Rat // month, charge: kWh
	month map[string]int                 // days of each billing month
}

func (o *oracle) monthOf(local time.Time) string {
	reset := max(1, o.doc.ResetDay)
	first := func(y int, m time.Month) time.Time {
		last := time.Date(y, m+1, 0, 12, 0, 0, 0, time.UTC).Day()
		return time.Date(y, m, min(reset, last), 12, 0, 0, 0, time.UTC)
	}
	y, m, d := local.Date()
	day := time.Date(y, m, d, 12, 0, 0, 0, time.UTC)
	start, next := first(y, m), first(y, m+1)
	if day.Before(start) {
		start, next = first(y, m-1), start
	}
	name := start.Format(time.DateOnly)
	o.month[name] = int(next.Sub(start).Hours() / 24)
	return name
}

func (o *oracle) isHoliday(day time.Time) bool {
	is := func(d time.Time) int {
		n := 0
		switch d.Format("01-02") {
		case "01-01", "12-25", "12-26":
			n++
		}
		goodFriday := map[int]string{2009: "04-10", 2010: "04-02", 2023: "04-07", 2024: "03-29"}
		if d.Format("01-02") == goodFriday[d.Year()] {
			n++
		}
		if d.Month() == time.May && d.Weekday() == time.Monday && d.Day() <= 7 {
			n++
		}
		return n
	}
	if is(day) > 0 {
		return true
	}
	// New Year, Christmas and Boxing Day move from the weekend to the first
	// free working days.
	monday := day.AddDate(0, 0, -(int(day.Weekday())+6)%7)
	owed := is(monday.AddDate(0, 0, -1)) + is(monday.AddDate(0, 0, -2))
	for d := monday; !d.After(day) && d.Weekday() <= time.Friday; d = d.AddDate(0, 0, 1) {
		if is(d) > 0 {
			continue
		}
		if owed == 0 {
			return false
		}
		owed--
		if d.Equal(day) {
			return true
		}
	}
	return false
}

func (o *oracle) periodAt(at time.Time) (season, period string) {
	if len(o.doc.Calendar.Periods) == 0 {
		return "", ""
	}
	loc := o.loc
	if o.doc.Calendar.Zone != "" {
		loc = time.UTC
	}
	local := at.In(loc)
	season, period = "low", "off-peak"
	if m := local.Month(); m >= time.June && m <= time.August {
		season = "high"
	}
	y, mo, d := local.Date()
	day := time.Date(y, mo, d, 0, 0, 0, 0, time.UTC)
	kind := day.Weekday()
	if o.isHoliday(day) {
		kind = time.Sunday
	}
	switch h := local.Hour(); {
	case kind == time.Sunday:
	case kind == time.Saturday:
		if h >= 7 && h < 12 {
			period = "standard"
		}
	case (h >= 6 && h < 9) || (h >= 17 && h < 19):
		period = "peak"
	case h >= 9 && h < 22:
		period = "standard"
	}
	return season, period
}

// price is what the charge costs for e kWh after used kWh of the month.
func (o *oracle) price(c *EnergyCharge, month string, used, e *big.Rat) *big.Rat {
	rat := func(p units.Price) *big.Rat { return big.NewRat(int64(p), 1_000_000) }
	if len(c.Steps) == 0 {
		return new(big.Rat).Mul(rat(c.Price), e)
	}
	sum, from := new(big.Rat), new(big.Rat)
	end := new(big.Rat).Add(used, e)
	for i, s := range c.Steps {
		to := big.NewRat(int64(s.To), int64(units.KilowattHour))
		if c.Per == PerDay && !c.Daily() {
			to.Mul(to, big.NewRat(o.days(month, c.Seasons), 1))
		}
		if i == len(c.Steps)-1 || to.Cmp(end) > 0 {
			to = end
		}
		low := from
		if used.Cmp(low) > 0 {
			low = used
		}
		if part := new(big.Rat).Sub(to, low); part.Sign() > 0 {
			sum.Add(sum, part.Mul(part, rat(s.Price)))
		}
		if to.Cmp(from) > 0 {
			from = to
		}
	}
	return sum
}

// days are the days of a billing month that are in some seasons.
func (o *oracle) days(month string, seasons []string) (n int64) {
	first, _ := time.Parse(time.DateOnly, month)
	for i := range o.month[month] {
		season := "low"
		if m := first.AddDate(0, 0, i).Month(); m >= time.June && m <= time.August {
			season = "high"
		}
		if len(seasons) == 0 || seasons[0] == season {
			n++
		}
	}
	return n
}

// taxed adds an amount of a component with its taxes.
func (o *oracle) taxed(v *Version, amount *big.Rat, export bool) {
	if v.TaxIncluded || export {
		o.total.Add(o.total, amount)
		return
	}
	parts := map[string]*big.Rat{}
	o.total.Add(o.total, amount)
	for _, x := range v.Taxes {
		base := new(big.Rat).Set(amount)
		for _, name := range x.Over {
			base.Add(base, parts[name])
		}
		parts[x.Name] = base.Mul(base, big.NewRat(int64(x.Rate), 1_000_000))
		o.total.Add(o.total, parts[x.Name])
	}
}

func (o *oracle) minute(v *Version, at time.Time, e *big.Rat) {
	month := o.monthOf(at.In(o.loc))
	season, period := o.periodAt(at)
	if o.used[month] == nil {
		o.used[month] = map[string]*big.Rat{}
	}
	list, export := v.Energy, false
	if e.Sign() < 0 {
		list, export, e = v.Export, true, new(big.Rat).Neg(e)
	}
	for i := range list {
		c := &list[i]
		if !c.matches(season, period) {
			continue
		}
		counted := c.Name
		if c.Daily() {
			counted += at.In(o.loc).Format(time.DateOnly)
		}
		used := o.used[month][counted]
		if used == nil {
			used = new(big.Rat)
		}
		cost := o.price(c, month, used, e)
		if export {
			cost.Neg(cost)
		}
		o.taxed(v, cost, export)
		o.used[month][counted] = new(big.Rat).Add(used, e)
	}
}

// TestTheEngineAgreesWithAnOracle: energy charges only differ by the one
// rounding of each line; the standing charges are checked elsewhere.
func TestTheEngineAgreesWithAnOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		doc := drawDocument(t, kinds{falling: true})
		doc.Versions = doc.Versions[:1]
		doc.Zone = rapid.SampledFrom([]string{"UTC", "Europe/London", "Africa/Johannesburg", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Havana", "Asia/Beirut"}).Draw(t, "zone")
		v := &doc.Versions[0]
		v.Charges = nil
		tar := mustNew(t, doc)
		o := &oracle{doc: &doc, loc: tar.loc, total: new(big.Rat), used: map[string]map[string]*big.Rat{}, month: map[string]int{}}
		from := begin(t).Truncate(time.Minute)
		var load []Reading
		for at := from; len(load) < 6; {
			minutes := rapid.Int64Range(1, 600).Draw(t, "minutes")
			perMinute := units.Energy(rapid.Int64Range(-1, 9).Draw(t, "watts")) * 1000 * units.Joule
			r := Reading{From: at, To: at.Add(time.Duration(minutes) * time.Minute), Energy: perMinute * units.Energy(minutes)}
			load = append(load, r)
			for m := range minutes {
				o.minute(v, at.Add(time.Duration(m)*time.Minute), big.NewRat(int64(perMinute), int64(units.KilowattHour)))
			}
			at = r.To
		}
		bill, _ := tar.Bill(Account{}, load)
		want, _ := o.total.Float64()
		if diff := bill.Total.Float() - want; diff > 40e-6 || diff < -40e-6 {
			t.Fatalf("the engine says %s, the oracle %.7f", bill.Total, want)
		}
	})
}
