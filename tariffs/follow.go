package tariffs

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/keeplit/keeplit/internal/units"
)

// Successor is a document that takes the place of another one from a local day on.
type Successor struct {
	From     Date
	Document Document
}

// Followed is the document with the successors' prices from their days on, as one document
// with more versions: what is charged before a day is not touched by what follows, and
// everything that asks a tariff by time is answered by the document of that time.  Of two
// from the same day the later one in the list counts.
//
// What an account is kept by cannot change between two documents: the currency, its
// decimals, the zone and the billing month.
func (d Document) Followed(by ...Successor) (Document, error) {
	for _, s := range by {
		if err := d.fits(&s.Document, s.From); err != nil {
			return Document{}, err
		}
		d.Versions = slices.DeleteFunc(slices.Clone(d.Versions), func(v Version) bool { return v.From >= s.From })
		d.Versions = append(d.Versions, s.Document.from(s.From, d.Name)...)
	}
	return d, nil
}

// fits is why a document cannot go on from a day where d ends.
func (d *Document) fits(next *Document, from Date) error {
	differs := func(key string, is, was any) error {
		return fmt.Errorf("its %s is %v and that of the tariff in force %v: one account is not kept by both", key, is, was)
	}
	decimals := func(d *Document) int { return (&Tariff{doc: *d}).Decimals() }
	cycle := func(d *Document) [3]int {
		return [3]int{max(1, d.ResetDay), max(1, d.ResetMonths), max(1, d.ResetMonth)}
	}
	rounding := func(d *Document) Rounding { return cmp.Or(d.Rounding, RoundHalfUp) }
	a, b := cycle(next), cycle(d)
	switch {
	case next.Currency != d.Currency:
		return differs("currency", next.Currency, d.Currency)
	case next.Zone != d.Zone:
		return differs("zone", next.Zone, d.Zone)
	case decimals(next) != decimals(d):
		return differs("decimals", decimals(next), decimals(d))
	case rounding(next) != rounding(d):
		return differs("rounding", rounding(next), rounding(d))
	case a[0] != b[0]:
		return differs("reset_day", a[0], b[0])
	case a[1] != b[1] || a[1] > 1 && (a[2]-b[2])%a[1] != 0:
		return differs("billing month (reset_months, reset_month)", a[1:], b[1:])
	case next.Contracted != 0 && next.Contracted != d.Contracted:
		return fmt.Errorf("its contracted load is %s and the site's %s: leave it out, and the site's own counts", next.Contracted, d.Contracted)
	case len(next.Versions) == 0:
		return fmt.Errorf("it has no versions")
	case len(d.Versions) > 0 && d.Versions[0].From >= from:
		return fmt.Errorf("%s is not after %s, where the site's own tariff begins", from, d.Versions[0].From)
	}
	return nil
}

// from is the document's versions from a day on, as part of another document of that name.
func (d *Document) from(day Date, name string) []Version {
	var out []Version
	for i, v := range d.Versions {
		if i+1 < len(d.Versions) && d.Versions[i+1].From <= day {
			continue // over before it could begin
		}
		v.From = max(v.From, day)
		if v.Calendar == nil {
			v.Calendar = &d.Calendar
		}
		v.Current = cmp.Or(v.Current, d.Current)
		if d.Name != "" && d.Name != name {
			v.Name = d.Name
			if label := d.Versions[i].Name; label != "" {
				v.Name += ", " + label
			}
		}
		out = append(out, v)
	}
	if len(out) > 0 {
		out[0].From = day
	}
	return out
}

// ordinary is a day's use that tariffs are compared by, and plenty one that reaches further blocks.
const (
	ordinary = 10 * units.KilowattHour
	plenty   = 40 * units.KilowattHour
)

// Ordinary is what the first whole billing month from a day on comes to, where so much is
// used evenly each day: all that is charged by use and by time, and what of a purchase of
// so much is left when its charges are taken.
func (t *Tariff) Ordinary(from Date, use units.Energy) (bill, left units.Money) {
	start, next := t.cycle.at(from)
	if start < from {
		start, next = t.cycle.at(next)
	}
	var load []Reading
	for day := start; day < next; day++ {
		load = append(load, Reading{From: day.Start(t.loc), To: (day + 1).Start(t.loc), Energy: use})
	}
	plain := *t
	plain.overlay = Overlay{}
	b, _ := plain.Bill(Account{}, load)
	_, items := plain.Purchase(Account{}, start.Start(t.loc), b.Total)
	return b.Total, b.Total - Sum(items)
}

// wild is how many times as much the same month may cost at the most.
const wild = 10

// Sane is why a tariff that follows another one from a day on is most likely a slip, by
// which homes would be dark within days; nil: it is none that shows.  It looks at the months
// of a year, for a slip may be in one season's prices, and at each version that comes later.
func (t *Tariff) Sane(before *Tariff, from Date) error {
	for _, use := range []units.Energy{ordinary, plenty} {
		for _, day := range t.looked(from) {
			if err := t.sane(before, from, day, use); err != nil {
				return err
			}
		}
	}
	return nil
}

// looked are days on which a month is looked at.
func (t *Tariff) looked(from Date) []Date {
	out := []Date{from}
	for _, next := t.cycle.at(from); next < from+366; _, next = t.cycle.at(next) {
		out = append(out, next)
	}
	for _, v := range t.doc.Versions {
		if v.From > from {
			out = append(out, v.From)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// sane compares the month from a day on with that of the tariff before and, where a version of
// this one comes between, with its own first.
func (t *Tariff) sane(before *Tariff, from, day Date, use units.Energy) error {
	was, kept := before.Ordinary(day, use)
	is, left := t.Ordinary(day, use)
	leaves := kept >= was/wild
	of := fmt.Sprintf("a month of %d kWh a day", use/units.KilowattHour)
	if day > from {
		first, _ := t.Ordinary(from, use)
		was = max(was, first)
		of = fmt.Sprintf("from %s on, %s", day, of)
	}
	switch {
	case is < 0 && was >= 0:
		return fmt.Errorf("%s comes to %s %s: it would be paid for", of, t.Show(is), t.doc.Currency)
	case was > 0 && is > wild*was:
		return fmt.Errorf("%s comes to %s %s in place of %s, more than %d times as much: send what lies between first if it is meant", of, t.Show(is), t.doc.Currency, t.Show(was), wild)
	case is > 0 && left < is/wild && leaves:
		return fmt.Errorf("of a purchase of %s %s its charges leave %s", t.Show(is), t.doc.Currency, t.Show(left))
	}
	return nil
}
