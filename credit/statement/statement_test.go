package statement_test

import (
	"errors"
	"iter"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/statement"
	"github.com/keeplit/keeplit/internal/units"
)

func of(entries []credit.Entry) iter.Seq2[credit.Entry, error] {
	return func(yield func(credit.Entry, error) bool) {
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// drawn is a ledger of some days, with intervals that are posted late now and then.
func drawn(r *rapid.T, from time.Time, hours int) []credit.Entry {
	var out []credit.Entry
	balance := units.Money(0)
	put := func(e credit.Entry) {
		e.Seq = uint64(len(out) + 1)
		balance += e.Amount
		e.Balance = balance
		out = append(out, e)
	}
	put(credit.Entry{At: from, Kind: credit.Opening, Name: "37124", Amount: 10 * units.One})
	for i := range 2 * hours {
		start := from.Add(time.Duration(i) * 30 * time.Minute)
		end := start.Add(30 * time.Minute)
		for _, name := range []string{"energy", "levy"} {
			e := credit.Entry{At: end, Kind: credit.Consumption, Name: name, Amount: -units.Money(rapid.IntRange(0, 5000).Draw(r, "amount")), Ref: start.Format(time.RFC3339)}
			if name == "energy" {
				e.Energy = units.Energy(rapid.IntRange(-3, 500).Draw(r, "Wh")) * units.WattHour
			}
			put(e)
		}
		switch rapid.IntRange(0, 20).Draw(r, "what") {
		case 0:
			put(credit.Entry{At: end.Add(time.Minute), Kind: credit.Topup, Name: "page", Amount: 5 * units.One, Ref: "0123456789abcdef01234567"})
			put(credit.Entry{At: end.Add(time.Minute), Kind: credit.Debt, Name: "old bill", Amount: -units.One, Owed: -units.One, Ref: "0123456789abcdef01234567"})
		case 1:
			put(credit.Entry{At: end, Kind: credit.Refund, Amount: units.Money(rapid.IntRange(-9, 9).Draw(r, "refund"))})
		case 2:
			put(credit.Entry{At: end, Kind: credit.Supply, Name: "connected"})
		}
	}
	return out
}

// Whatever the bounds, spans follow each other and add up to the ledger.
func TestSpansAddUpToTheLedger(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom([]string{"Africa/Nairobi", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"}).Draw(r, "zone"))
		if err != nil {
			r.Fatal(err)
		}
		from := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 300).Draw(r, "day"))
		entries := drawn(r, from, rapid.IntRange(1, 60).Draw(r, "hours"))
		last := entries[len(entries)-1]
		to := last.At.Add(time.Second)
		days, err := statement.Cut(credit.Entry{}, of(entries), statement.Days(from, to, zone))
		if err != nil {
			r.Fatal(err)
		}
		var want statement.Sum
		for _, e := range entries {
			want.Add(e)
		}
		got := statement.Whole(days)
		if got.Charged != want.Charged || got.Bought != want.Bought || got.Debts != want.Debts || got.Other != want.Other || got.Energy != want.Energy || got.Sold != want.Sold || got.Entries != want.Entries {
			r.Errorf("the days come to %+v, the ledger to %+v", got.Sum, want)
		}
		if got.Opening != 0 || got.Closing != last.Balance || got.Moved() != last.Balance {
			r.Errorf("from %s to %s, the ledger ends with %s", got.Opening, got.Closing, last.Balance)
		}
		for _, d := range days {
			var parts units.Money
			for _, p := range d.Parts {
				parts += p.Amount
			}
			if parts != d.Moved() || d.Opening+parts != d.Closing {
				r.Errorf("the parts of %s come to %s, the balance moved from %s to %s", d.From, parts, d.Opening, d.Closing)
			}
			hours, err := statement.Cut(before(entries, d.From), of(within(entries, d.From, d.To)), statement.Hours(d.From, zone))
			if err != nil {
				r.Fatal(err)
			}
			if h := statement.Whole(hours); h.Charged != d.Charged || h.Energy != d.Energy || h.Closing != d.Closing || h.Opening != d.Opening || !h.From.Equal(d.From) || !h.To.Equal(d.To) {
				r.Errorf("the hours of %s come to %s and end with %s, the day to %s and %s", d.From, h.Charged, h.Closing, d.Charged, d.Closing)
			}
		}
	})
}

func before(entries []credit.Entry, at time.Time) (last credit.Entry) {
	for _, e := range entries {
		if e.At.Before(at) {
			last = e
		}
	}
	return last
}

func within(entries []credit.Entry, from, to time.Time) []credit.Entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e credit.Entry) bool { return e.At.Before(from) || e.At.After(to.Add(30*time.Minute)) })
}

func TestDaysAndHoursOfAClockThatChanges(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		day   time.Time
		hours int
	}{{time.Date(2026, 3, 29, 12, 0, 0, 0, berlin), 23}, {time.Date(2026, 10, 25, 12, 0, 0, 0, berlin), 25}, {time.Date(2026, 6, 1, 12, 0, 0, 0, berlin), 24}} {
		if got := len(statement.Hours(c.day, berlin)) - 1; got != c.hours {
			t.Errorf("%s has %d hours", c.day, got)
		}
	}
	if got := statement.Days(time.Date(2026, 10, 1, 0, 0, 0, 0, berlin), time.Date(2026, 11, 1, 0, 0, 0, 0, berlin), berlin); len(got) != 32 {
		t.Errorf("October has %d midnights", len(got))
	}
}

func TestATopUpHasWhatItPaidAndHowLongItLasted(t *testing.T) {
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	const ref = "0123456789abcdef01234567"
	entries := []credit.Entry{
		{Seq: 1, At: at.Add(-time.Hour), Kind: credit.Consumption, Name: "energy", Amount: -9}, // before any top-up
		{Seq: 2, At: at, Kind: credit.Topup, Name: "page", Amount: 100, Ref: ref},
		{Seq: 3, At: at, Kind: credit.Debt, Name: "old bill", Amount: -10, Owed: -10, Ref: ref},
		{Seq: 4, At: at, Kind: credit.Standing, Name: "rent", Amount: -5, Ref: ref},
		{Seq: 5, At: at.Add(30 * time.Minute), Kind: credit.Consumption, Name: "energy", Amount: -20, Energy: units.KilowattHour, Ref: "2026-03-02T12:00:00Z"},
		{Seq: 6, At: at.Add(time.Hour), Kind: credit.Topup, Name: "cli", Amount: 7, Ref: "1123456789abcdef01234567"},
		{Seq: 7, At: at.Add(2 * time.Hour), Kind: credit.Consumption, Name: "energy", Amount: -3},
	}
	got, err := statement.Purchases(of(entries))
	if err != nil || len(got) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	p := got[0]
	if p.Left != 85 || len(p.Paid) != 2 || p.Since.Charged != 20 || p.Since.Energy != units.KilowattHour || p.Lasted(at.Add(9*time.Hour)) != time.Hour {
		t.Errorf("%+v", p)
	}
	if p := got[1]; p.Left != 7 || p.Paid != nil || p.Since.Charged != 3 || p.Lasted(at.Add(3*time.Hour)) != 2*time.Hour {
		t.Errorf("%+v", p)
	}
	broken := errors.New("disk")
	if _, err := statement.Purchases(func(yield func(credit.Entry, error) bool) { yield(credit.Entry{}, broken) }); !errors.Is(err, broken) {
		t.Error(err)
	}
	if _, err := statement.Cut(credit.Entry{}, func(yield func(credit.Entry, error) bool) { yield(credit.Entry{}, broken) }, []time.Time{at, at.Add(time.Hour)}); !errors.Is(err, broken) {
		t.Error(err)
	}
}

// An empty stretch ends as it begins: with the last balance ahead of it.
func TestAnEmptyStretchKeepsTheBalance(t *testing.T) {
	at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	got, err := statement.Cut(credit.Entry{Seq: 4, Balance: 77}, of(nil), []time.Time{at, at.Add(time.Hour), at.Add(2 * time.Hour)})
	if err != nil || len(got) != 2 || got[0].Opening != 77 || got[1].Closing != 77 {
		t.Errorf("%+v, %v", got, err)
	}
}
