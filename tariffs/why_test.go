package tariffs_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
)

func written(t interface{ Fatal(...any) }, text string) *tariffs.Tariff {
	doc, faults := config.Decode[tariffs.Document]([]byte(text))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	tariff, err := tariffs.New(doc)
	if err != nil {
		t.Fatal(err)
	}
	return tariff
}

const kwh = units.KilowattHour

// daily is a stretch of so many days with so much a day, used at six in the evening.
func daily(t *tariffs.Tariff, from time.Time, days int, day units.Energy, acc tariffs.Account) tariffs.Stretch {
	s := tariffs.Stretch{Account: acc, From: from, To: from.AddDate(0, 0, days)}
	for d := range days {
		at := from.AddDate(0, 0, d).Add(18 * time.Hour)
		s.Load = append(s.Load, tariffs.Reading{From: at, To: at.Add(30 * time.Minute), Energy: day})
	}
	return s
}

const raised = `{currency: KES, zone: UTC, current: example, versions: [
  {energy: [{name: energy, price: 10}], charges: [{name: rent, amount: 3, due: day}]},
  {from: 2026-03-01, energy: [{name: energy, price: 11.60}], charges: [{name: rent, amount: 3, due: day}]}]}`

const laddered = `{currency: ZAR, zone: UTC, current: example, versions: [
  {energy: [{name: energy, steps: [{to: 100 kWh, price: 2}, {price: 3}]}], taxes: [{name: VAT, rate: 10 %}]}]}`

func TestUseAndPricesAreToldApart(t *testing.T) {
	feb, mar := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name          string
		tariff        string
		before, after units.Energy // a day
		use, price    units.Money  // over 20 days
	}{
		{"the same use, prices 16 % higher", raised, 5 * kwh, 5 * kwh, 0, 160 * units.One},
		{"40 % more used and prices 16 % higher", raised, 5 * kwh, 7 * kwh, 400 * units.One, 224 * units.One},
		{"40 % more used at the same prices, into the dearer step", laddered, 5 * kwh, 7 * kwh, 132 * units.One, 0},
		{"less used", laddered, 7 * kwh, 5 * kwh, -132 * units.One, 0},
		{"nothing changed", laddered, 5 * kwh, 5 * kwh, 0, 0},
	} {
		tariff := written(t, c.tariff)
		got := tariff.Compare(daily(tariff, feb, 20, c.before, tariffs.Account{}), daily(tariff, mar, 20, c.after, tariffs.Account{}))
		if got.Use != c.use || got.Price != c.price || got.Before+got.Use+got.Price != got.After {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	if got := written(t, laddered).Compare(tariffs.Stretch{}, tariffs.Stretch{}); got != (tariffs.Change{}) {
		t.Errorf("of nothing: %+v", got)
	}
}

// Whatever the use, the parts add up, and where no price changed none is blamed.
func TestThePartsOfAChangeAddUp(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		tariff := written(r, rapid.SampledFrom([]string{raised, laddered}).Draw(r, "tariff"))
		n := rapid.IntRange(1, 28).Draw(r, "days")
		feb, mar := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		a := daily(tariff, feb, n, units.Energy(rapid.IntRange(0, 20).Draw(r, "a"))*kwh, tariffs.Account{})
		b := daily(tariff, mar, n, units.Energy(rapid.IntRange(0, 20).Draw(r, "b"))*kwh, tariffs.Account{})
		got := tariff.Compare(a, b)
		if got.Before+got.Use+got.Price != got.After {
			r.Errorf("%+v", got)
		}
		if len(tariff.Document().Versions) == 1 && got.Price != 0 {
			r.Errorf("no price changed: %+v", got)
		}
		if a.Load[0].Energy == b.Load[0].Energy && got.Use != 0 {
			r.Errorf("as much was used: %+v", got)
		}
	})
}

func TestTheNextLimitAndWhatKeepingWithinItSaves(t *testing.T) {
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	month := func(used units.Energy, past ...units.Energy) tariffs.Account {
		a := tariffs.Account{Months: []tariffs.Month{{Start: tariffs.DateOf(2026, 11, 1), Seen: tariffs.DateOf(2026, 11, 1), Cells: []tariffs.Cell{{Import: used}}}}}
		for i, e := range past {
			a.Past = append(a.Past, tariffs.PastMonth{Start: tariffs.DateOf(2026, time.Month(11-len(past)+i), 1), Import: e})
		}
		return a
	}
	for _, c := range []struct {
		name, tariff string
		acc          tariffs.Account
		want         tariffs.Limit
		none         bool
	}{
		{"a step", laddered, month(96800 * units.WattHour), tariffs.Limit{Name: "energy", Left: 3200 * units.WattHour, Beyond: 1_100_000}, false},
		{
			"a step over prices by the hour, with a tax: what is rounded is no saving", `{currency: ZAR, zone: UTC, current: example, calendar: {periods: [{name: dear, times: [{from: "17:00", to: "20:00"}]}, {name: cheap}]}, versions: [{
			energy: [{name: dear energy, periods: [dear], price: 4.10}, {name: cheap energy, periods: [cheap], price: 1.45}, {name: surcharge, steps: [{to: 350 kWh, price: 0}, {price: 0.45}]}],
			charges: [{name: service, amount: 2.30, due: day}], taxes: [{name: VAT, rate: 15 %}]}]}`,
			month(226007 * units.WattHour),
			tariffs.Limit{Name: "surcharge", Left: 123993 * units.WattHour, Beyond: 517_500},
			false,
		},
		{"beyond the last step", laddered, month(120 * kwh), tariffs.Limit{}, true},
		{"one price", raised, month(10 * kwh), tariffs.Limit{}, true},
		{
			"a class that prices the month anew", `{currency: GHS, zone: UTC, current: example, versions: [{classes: {list: [{name: lifeline, to: 30 kWh}, {name: others}]},
			energy: [{name: lifeline energy, classes: [lifeline], price: 1}, {name: energy, classes: [others], price: 2}]}]}`,
			month(28 * kwh),
			tariffs.Limit{Name: "others", Class: true, Left: 2 * kwh, Saves: 30 * units.One},
			false,
		},
		{
			"a class by the mean of three months: next month at another price", `{currency: KES, zone: UTC, current: example, versions: [{classes: {by: past_average, months: 3, initial: small, list: [{name: small, to: 30 kWh}, {name: large}]},
			energy: [{name: a, classes: [small], price: 12}, {name: b, classes: [large], price: 16}]}]}`,
			month(28*kwh, 25*kwh, 33*kwh),
			tariffs.Limit{Name: "large", Class: true, Left: 4 * kwh, Months: 1, Saves: 160 * units.One},
			false,
		},
		{
			"a class that each of three months must be within", `{currency: PKR, zone: UTC, current: example, versions: [{classes: {by: past_maximum, months: 3, initial: safe, list: [{name: safe, to: 200 kWh}, {name: other}]},
			energy: [{name: a, classes: [safe], price: 10}, {name: b, classes: [other], price: 30}]}]}`,
			month(196800*units.WattHour, 150*kwh, 150*kwh),
			tariffs.Limit{Name: "other", Class: true, Left: 3200 * units.WattHour, Months: 3, Saves: 3 * 40 * 20 * units.One},
			false,
		},
	} {
		tariff := written(t, strings.Join(strings.Fields(c.tariff), " "))
		got, ok := tariff.NextLimit(c.acc, at, 40*kwh)
		if ok == c.none {
			t.Errorf("%s: %+v, %v", c.name, got, ok)
			continue
		}
		if c.none {
			continue
		}
		c.want.Until = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
		if off := got.Beyond - c.want.Beyond; max(off, -off) <= 1000 { // rounded hour by hour
			got.Beyond = c.want.Beyond
		}
		if got != c.want {
			t.Errorf("%s:\n got %+v\nwant %+v", c.name, got, c.want)
		}
	}
}

func TestAnAccountAsItWas(t *testing.T) {
	a := tariffs.Account{
		Past:   []tariffs.PastMonth{{Start: tariffs.DateOf(2026, 8, 1), Import: kwh}, {Start: tariffs.DateOf(2026, 9, 1), Import: 2 * kwh}},
		Months: []tariffs.Month{{Start: tariffs.DateOf(2026, 10, 1), Cells: []tariffs.Cell{{Import: 3 * kwh}}, Peaks: []tariffs.Peak{{Name: "peak", Highest: 5}}}, {Start: tariffs.DateOf(2026, 11, 1)}},
	}
	if got := a.AsOf(tariffs.DateOf(2026, 9, 1)); len(got.Past) != 1 || got.Months != nil {
		t.Errorf("%+v", got)
	}
	if got := a.AsOf(tariffs.DateOf(2026, 11, 1)); len(got.Past) != 3 || got.Past[2].Import != 3*kwh || got.Past[2].Peaks[0].Highest != 5 {
		t.Errorf("%+v", got)
	}
}
