package tariffs

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestParsePrices(t *testing.T) {
	tar := mustNew(t, flat("Europe/London"))
	_, err := tar.ParsePrices([]byte(`{"currency":"EUR","prices":[
		{"start":"2026-07-01T01:30:00+01:00","import":-0.0123456789},
		{"start":"2026-07-01T00:00:00Z","end":"2026-07-01T00:15:00Z","import":0.2513,"export":0},
		{"start":"2026-07-01T00:15:00Z","import":1e0}]}`), at(t, "2026-06-30T23:00:00Z"), time.Hour)
	if err == nil || !errors.Is(err, ErrPrices) || !strings.Contains(err.Error(), "1e0") {
		t.Errorf("an exponent: %v", err)
	}
	o, err := tar.ParsePrices([]byte(`{"currency":"EUR","prices":[
		{"start":"2026-07-01T01:30:00+01:00","import":-0.0123456789},
		{"start":"2026-07-01T00:00:00Z","end":"2026-07-01T00:15:00Z","import":0.2513,"export":0},
		{"start":"2026-07-01T00:15:00Z","import":1}]}`), at(t, "2026-06-30T23:00:00Z"), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if len(o.Prices) != 3 || o.Prices[0].Import.String() != "0.251300" || !o.Prices[0].Priced || o.Prices[1].Priced ||
		o.Prices[2].Import.String() != "-0.012346" || o.Prices[2].Len != 15*time.Minute || !o.Prices[2].Start.Equal(at(t, "2026-07-01T00:30:00Z")) {
		t.Errorf("%+v", o)
	}
	if !o.Stale(at(t, "2026-07-01T00:00:00Z")) { // received an hour before, good for an hour
		t.Error("not stale after an hour")
	}
	for what, text := range map[string]string{
		"not JSON":         `prices`,
		"another currency": `{"currency":"GBP","prices":[{"start":"2026-07-01T00:00:00Z","import":1}]}`,
		"empty":            `{"currency":"EUR","prices":[]}`,
		"unknown key":      `{"currency":"EUR","price":[]}`,
		"two documents":    `{"currency":"EUR","prices":[{"start":"2026-07-01T00:00:00Z","import":1}]}{}`,
		"no start":         `{"currency":"EUR","prices":[{"import":1}]}`,
		"no price":         `{"currency":"EUR","prices":[{"start":"2026-07-01T00:00:00Z"}]}`,
		"not a number":     `{"currency":"EUR","prices":[{"start":"2026-07-01T00:00:00Z","import":"cheap"}]}`,
		"too dear":         `{"currency":"EUR","prices":[{"start":"2026-07-01T00:00:00Z","import":1000001}]}`,
		"backwards":        `{"currency":"EUR","prices":[{"start":"2026-07-01T00:00:00Z","end":"2026-06-01T00:00:00Z","import":1}]}`,
		"overlapping":      `{"currency":"EUR","prices":[{"start":"2026-07-01T00:00:00Z","end":"2026-07-01T02:00:00Z","import":1},{"start":"2026-07-01T01:00:00Z","import":1}]}`,
		"twice":            `{"currency":"EUR","prices":[{"start":"2026-07-01T00:00:00Z","import":1},{"start":"2026-07-01T00:00:00Z","import":1}]}`,
	} {
		if _, err := tar.ParsePrices([]byte(text), time.Time{}, 0); !errors.Is(err, ErrPrices) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// FuzzPrices: what is taken has prices in order, and can be charged by.
func FuzzPrices(f *testing.F) {
	f.Add(`{"currency":"EUR","tax_included":true,"prices":[{"start":"2026-07-01T00:00:00Z","end":"2026-07-01T00:15:00Z","import":0.2513,"export":0.1}]}`)
	f.Add(`{"currency":"EUR","prices":[{"start":"2026-10-25T00:00:00+02:00","import":-1},{"start":"2026-10-25T00:00:00+01:00","import":9.999999999999}]}`)
	tar, err := New(flat("Europe/Paris"))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, err := tar.ParsePrices([]byte(text), time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC), 24*time.Hour)
		if err != nil {
			if !errors.Is(err, ErrPrices) {
				t.Fatalf("untyped %v", err)
			}
			return
		}
		for i := 1; i < len(o.Prices); i++ {
			if o.Prices[i].Start.Before(o.Prices[i-1].End()) {
				t.Fatal("overlap")
			}
		}
		with := tar.WithPrices(o)
		start := o.Prices[0].Start
		_, items := with.Consume(Account{}, start.Add(-time.Hour), start.Add(50*time.Hour), kWh)
		Sum(items)
		with.NextChange(start)
	})
}

// A time of the year 10000 cannot be written as JSON: it was taken, and what shows
// or stores it failed.
func TestAPriceOfATimeThatCannotBeWrittenDownIsRefused(t *testing.T) {
	tar := mustNew(t, flat("Europe/London"))
	received := time.Date(2026, 11, 29, 7, 0, 0, 0, time.UTC)
	for _, start := range []string{"9999-12-31T23:59:59Z", "9999-12-31T23:59:59-12:00", "0000-01-01T00:00:00+14:00", "0001-01-01T00:00:01Z", "2201-01-01T00:00:00Z"} {
		o, err := tar.ParsePrices([]byte(`{"currency":"EUR","prices":[{"start":"`+start+`","import":1}]}`), received, 0)
		if !errors.Is(err, ErrPrices) {
			t.Errorf("a price from %s: %v, %v; want it refused", start, o.Prices, err)
		}
	}
	if _, err := tar.ParsePrices([]byte(`{"currency":"EUR","prices":[{"start":"2026-11-29T08:00:00Z","end":"9999-12-31T23:59:59-12:00","import":1}]}`), received, 0); !errors.Is(err, ErrPrices) {
		t.Errorf("a price that ends in the year 10000: %v", err)
	}
}
