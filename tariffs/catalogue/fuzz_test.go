package catalogue_test

import (
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
	"github.com/keeplit/keeplit/tariffs/catalogue"
)

// FuzzDocument: whatever a file holds, it is either refused with faults that
// name a line and a remedy, or it is a tariff that charges without a panic and
// whose bill is the sum of its items.
func FuzzDocument(f *testing.F) {
	for _, name := range catalogue.Names() {
		text, err := catalogue.Read(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
		// Halves and doubled lines of good documents are bad ones.
		f.Add(string(text[:len(text)/2]))
		f.Add(strings.ReplaceAll(string(text), "price: ", "price: -"))
		f.Add(strings.ReplaceAll(string(text), "00, to: ", "30, to: "))
	}
	for _, text := range []string{
		"", "a", "[]", "{}", "versions: [", "versions: {}", "versions: [1]", "zone: [UTC]", "reset_day: 99999999999999999999",
		"currency: EUR\nzone: UTC\nversions: [{energy: [{name: e, price: 0}], taxes: [{name: t, rate: 5, over: [t]}]}]",
		"currency: EUR\nzone: UTC\nreset_day: 31\nversions: [{energy: [{name: e, per: day, steps: [{to: 1 kWh, price: 9}, {price: 1}]}], demand: [{name: d, price: 3, interval: 7m}]}]",
		"currency: EUR\nzone: UTC\nreset_months: 2\nversions: [{classes: {by: past_maximum, months: 6, initial: a, this_month: true, list: [{name: a, to: 9 kWh}, {name: b}]}, energy: [{name: e, per: day, reset: day, steps: [{to: 1 kWh, price: 9}, {price: 1}]}], charges: [{name: c, amount: -3, per_kw: true, contracted: 2 kW}], demand: [{name: d, mean_of: 3, average_months: 12, most_per_kwh: 1, per: day, each_kw: true, steps: [{to: 2 kW, price: 3}, {price: 4}]}]}]",
		"currency: EUR\nzone: America/Havana\nversions: [{classes: {list: [{name: a, to: 1 kWh}, {name: b}]}, energy: [{name: e, price: 1000000, classes: [a]}, {name: f, price: -1000000, classes: [b]}], minimum: {name: m, amount: 5}}]",
	} {
		f.Add(text)
	}
	f.Fuzz(read)
}

// FuzzEdits: the same for good documents with lines and values left out, doubled,
// moved and exchanged, as a person's mistakes are.
func FuzzEdits(f *testing.F) {
	var lines []string
	for _, name := range catalogue.Names() {
		text, err := catalogue.Read(name)
		if err != nil {
			f.Fatal(err)
		}
		lines = append(lines, strings.Split(string(text), "\n")...)
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		f.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "```yaml\n")
	rich, _, _ := strings.Cut(rest, "```")
	for seed := range uint64(40) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 0))
		text := rich
		if names := catalogue.Names(); r.IntN(3) > 0 {
			ready, err := catalogue.Read(names[r.IntN(len(names))])
			if err != nil {
				t.Fatal(err)
			}
			text = string(ready)
		}
		read(t, edited(r, text, lines))
	})
}

// edited is a document with one to six mistakes in it.
func edited(r *rand.Rand, text string, others []string) string {
	doc := strings.Split(text, "\n")
	for range 1 + r.IntN(6) {
		i := r.IntN(len(doc))
		line := doc[i]
		switch r.IntN(8) {
		case 0:
			doc = slices.Delete(doc, i, i+1)
		case 1:
			doc = slices.Insert(doc, i, line)
		case 2:
			j := r.IntN(len(doc))
			doc[i], doc[j] = doc[j], doc[i]
		case 3:
			doc[i] = others[r.IntN(len(others))]
		case 4:
			doc[i] = strings.Repeat(" ", r.IntN(9)) + strings.TrimLeft(line, " ")
		case 5:
			doc[i] = strings.Replace(line, ":", ": &a", 1)
		default: // another value for one of the line's
			parts := strings.FieldsFunc(line, func(c rune) bool { return strings.ContainsRune(" ,{}[]", c) })
			if len(parts) > 0 {
				doc[i] = strings.Replace(line, parts[r.IntN(len(parts))], values()[r.IntN(len(values()))], 1)
			}
		}
		if len(doc) == 0 {
			return ""
		}
	}
	return strings.Join(doc, "\n")
}

func values() []string {
	return []string{
		"-1", "0", "1", "31", "99999999999999999999", "1e9", "0.0000001", "-0", ".5", "~", "null", "true", "[]", "{}", "''", "*a", "[*a, *a]",
		"15 %", "-99 %", "100 %", "1000000 kWh", "-1 kWh", "0 kWh", "1 W", "00:00", "24:00", "25:00", "02-29", "02-30", "2024-02-30", "1970-01-01", "9999-12-31",
		"UTC", "Local", "America/Havana", "Australia/Lord_Howe", "1m", "7m", "1h", "day", "month", "week", "mon", "easter: 40", "first_purchase", "past_average", "past_maximum",
		"whole_month: true", "pushed: true", "per: day", "tax_included: true", "prorate: true", "per_kw: true", "catch_up: true", "reset: day", "each_kw: true", "this_month: true", "mean_of: 3", "average_months: 12",
	}
}

func read(t *testing.T, text string) {
	start := time.Date(2024, 10, 26, 20, 17, 3, 0, time.UTC)
	doc, faults := config.Decode[tariffs.Document]([]byte(text))
	for _, x := range faults {
		if x.Line < 1 || x.Problem == "" || x.Remedy == "" {
			t.Fatalf("a fault without line or remedy: %+v\n%s", x, text)
		}
	}
	if len(faults) > 0 {
		return
	}
	tariff, err := tariffs.New(doc)
	if err != nil {
		if text == "" || len(doc.Versions) == 0 {
			return // a file without any value is not checked by the decoder
		}
		t.Fatalf("the decoder let through what New refuses: %v", err)
	}
	charge(t, tariff, start)
}

func charge(t *testing.T, tariff *tariffs.Tariff, at time.Time) {
	load := halfHours(at, at.AddDate(0, 0, 12), 300*kWh)
	load[100].Energy = -5 * kWh
	load[200].Reactive = 9 * kWh
	var acc tariffs.Account
	var items []tariffs.Item
	var sum, purchased units.Money
	for i, r := range load {
		acc, items = tariff.ConsumeReading(acc, r)
		sum += tariffs.Sum(items)
		acc, items = tariff.Elapse(acc, r.From, r.To)
		sum += tariffs.Sum(items)
		if i%100 == 50 {
			acc, items = tariff.Purchase(acc, r.To, 30*units.One)
			purchased += tariffs.Sum(items)
			slots := units.Slots(r.To, 15*time.Minute, 96)
			tariff.Table(acc, slots, make([]units.Energy, len(slots)))
			tariff.Vend(acc, r.To, 10*units.One)
			tariff.Weeks(r.To)
		}
	}
	var booked units.Money
	for i := range acc.Months {
		booked += acc.Months[i].Total()
	}
	if booked != sum+purchased {
		t.Fatalf("items %s and purchases %s, account %s", sum, purchased, booked)
	}
	next := tariff.NextChange(at)
	if !next.After(at) {
		t.Fatalf("the next change after %s is %s", at, next)
	}
}
