package desk

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/cmd/agent/internal/testsite"
	"github.com/keeplit/keeplit/internal/units"
)

// after is the site's page once e has been used since the start of November.
func after(t *testing.T, site *control.Site, e units.Energy) *Desk {
	t.Helper()
	start := time.Date(2026, 10, 31, 22, 0, 0, 0, time.UTC)
	at := start.Add(12 * time.Hour)
	st, _ := site.Begin(at)
	st.Tariff, _ = site.Tariff.Consume(st.Tariff, start, at, e)
	return shown(site, st, nil)
}

func TestTariffOnThePage(t *testing.T) {
	site := testsite.New(t)
	reset := time.Date(2026, 11, 30, 22, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		situation string
		used      units.Energy
		block     picture.Block
		advice    bool
	}{
		{"a fresh month", 0, picture.Block{Number: 1, UpTo: 350 * units.KilowattHour, NextPrice: 3_500_000, ResetAt: reset}, false},
		{"in the first block", 100 * units.KilowattHour, picture.Block{Number: 1, Used: 100 * units.KilowattHour, UpTo: 350 * units.KilowattHour, NextPrice: 3_500_000, ResetAt: reset}, false},
		{"in the last block", 400 * units.KilowattHour, picture.Block{Number: 2, Used: 400 * units.KilowattHour, ResetAt: reset}, true},
	} {
		t.Run(c.situation, func(t *testing.T) {
			a := after(t, site, c.used)
			v := a.View().Tariff
			if v.Block == nil || *v.Block != c.block {
				t.Errorf("block %+v, want %+v", v.Block, c.block)
			}
			if v.FixedPerDay != 2*units.One || v.FixedPerMonth != 30*units.One {
				t.Errorf("fixed %s a day and %s a month", v.FixedPerDay, v.FixedPerMonth)
			}
			d := a.TariffDetail()
			if len(d.Weeks) != 1 || d.Weeks[0].Days[0][0].Price != 1_000_000 || d.Weeks[0].Days[6][24].Period != "day" {
				t.Errorf("weeks %+v", d.Weeks)
			}
			if len(d.Doubts) != 1 || len(d.Sources) != 1 {
				t.Errorf("doubts %q, sources %v", d.Doubts, d.Sources)
			}
			if (d.Advice != nil) != c.advice {
				t.Fatalf("advice %+v", d.Advice)
			}
			if c.advice && (d.Advice.Price != 3_500_000 || d.Advice.After != 3_000_000 || !d.Advice.Reset.Equal(reset)) {
				t.Errorf("advice %+v", d.Advice)
			}
		})
	}
}

func TestBuyNowOrWaitWhereCreditIsInKWh(t *testing.T) {
	site := testsite.New(t)
	site.InKWh = true
	if d := after(t, site, 0).TariffDetail(); d.Advice != nil {
		t.Errorf("in a fresh month: %+v", d.Advice)
	}
	d := after(t, site, 400*units.KilowattHour).TariffDetail()
	if d.Advice == nil || d.Advice.Amount <= 0 || d.Advice.BuysThen <= d.Advice.Buys {
		t.Errorf("in the dear block: %+v", d.Advice)
	}
}

func TestThePageSaysThatPricesAreStale(t *testing.T) {
	site := testsite.New(t)
	at := time.Date(2026, 11, 3, 10, 0, 0, 0, time.UTC)
	st, _ := site.Begin(at)
	st, eff := site.Step(st, control.Input{Now: at, What: control.PriceDocument{Text: testsite.Prices(at, 2, 4)}})
	if eff.Reply.Err != nil {
		t.Fatal(eff.Reply.Err)
	}
	view := func(now time.Time) picture.Tariff {
		s, _ := site.Step(st, control.Input{Now: now})
		return shown(site, s, nil).View().Tariff
	}
	if v := view(at.Add(time.Hour)); v.Stale || v.Price != 5_000_000 || !v.PushedUntil.Equal(at.Add(2*time.Hour)) {
		t.Errorf("while they last: %+v", v)
	}
	if v := view(at.Add(2 * time.Hour)); !v.Stale || v.Price == 4_000_000 || v.Price == 5_000_000 {
		t.Errorf("after their end: %+v", v)
	}
}

// What a kWh more takes is that of this hour everywhere, and not that of the hour in which the
// plan was made.
func TestWhatAKWhTakesIsThatOfThisHour(t *testing.T) {
	site := testsite.New(t)
	at := time.Date(2026, 11, 3, 6, 0, 0, 0, time.UTC)
	st, _ := site.Begin(at)
	st, _, _ = testsite.Drive(t, site, st, at, 10*time.Minute)
	plan := *st.Plan
	hour := st.Now.Truncate(time.Hour)
	plan.Outlook.Starts = []time.Time{hour.Add(-time.Hour), hour}
	one := []units.Money{units.One, units.One}
	plan.Outlook.Extra = []planning.Extra{{Energy: units.KilowattHour, Cost: one, Sooner: []int{1380, 5580}}, {ID: "geyser", Energy: 6 * units.KilowattHour, Cost: one, Sooner: []int{9840, 27360}}}
	plan.Outlook.PerKWh, plan.Outlook.Runs = 23*time.Minute, []planning.RunTime{{ID: "geyser", Energy: 6 * units.KilowattHour, Sooner: 164 * time.Minute}}
	plan.RunOut = planning.RunOut{Known: true, Mid: st.Now.Add(48 * time.Hour), Early: st.Now.Add(40 * time.Hour)}
	st.Plan = &plan
	v := shown(site, st, nil).View()
	if v.Credit.PerKWh != 93*time.Minute || v.Credit.Ahead[0].Sooner != v.Credit.PerKWh {
		t.Errorf("a kWh takes %s in one place and %+v in another", v.Credit.PerKWh, v.Credit.Ahead)
	}
	if l := v.Loads[0]; l.RunSooner != 456*time.Minute || l.Ahead[0].Sooner != l.RunSooner {
		t.Errorf("a run takes %s in one place and %+v in another", l.RunSooner, l.Ahead)
	}
}

// At a dear hour an amount does not buy what it would if all were used at once: it goes by the
// use that is foreseen, and the page says the same in all places.
func TestWhatAnAmountBuysIsTheSameEverywhere(t *testing.T) {
	site := testsite.New(t)
	at := time.Date(2026, 11, 3, 6, 0, 0, 0, time.UTC) // 08:00 in Johannesburg: dear
	st, _ := site.Begin(at)
	st, _, _ = testsite.Drive(t, site, st, at, 10*time.Minute)
	plan := *st.Plan
	was := st.Credit.Available()
	kwh := units.KilowattHour
	plan.Outlook = planning.Outlook{
		Starts: []time.Time{at, at.Add(time.Hour)}, Spent: []units.Money{0, was}, Used: []units.Energy{0, 10 * kwh},
		Needs: []planning.Need{{Until: at.Add(101 * time.Hour), Even: was + 500*units.One, Used: 260 * kwh}},
	}
	st.Plan = &plan
	d := shown(site, st, nil)
	if a := d.WhatBuys(100 * units.One); a.Buys != 50*kwh || !a.Foreseen || a.BuysThen != 0 {
		t.Errorf("of the tariff's page: %+v", a)
	}
	if b, ok := site.Buys(&st, 100*units.One); !ok || b.Energy != 50*kwh || b.Lasts != 20*time.Hour || b.Credit != 100*units.One {
		t.Errorf("%+v, %v", b, ok)
	}
	for _, b := range d.buys(&st) {
		if a := d.WhatBuys(b.Amount); a.Buys != b.Energy || !b.Foreseen {
			t.Errorf("%s: %s on the account's page, %s on the tariff's", b.Amount, b.Energy, a.Buys)
		}
	}
	st.Plan = nil // nothing is foreseen: it says at which price
	if a := shown(site, st, nil).WhatBuys(100 * units.One); a.Foreseen || a.Buys != a.Price.Buys(100*units.One) {
		t.Errorf("without a plan: %+v", a)
	}
}
