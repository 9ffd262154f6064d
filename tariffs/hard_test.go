package tariffs_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
)

// hard is one of the documents that a reckoning by the month's total alone gets wrong.
func hard(t *testing.T, name string) *tariffs.Tariff {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "kinds", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	doc, faults := config.Decode[tariffs.Document](text)
	if len(faults) > 0 {
		t.Fatalf("%s:\n%v", name, faults)
	}
	tariff, err := tariffs.New(doc)
	if err != nil {
		t.Fatal(err)
	}
	return tariff
}

// use is so many kWh evenly from one local time to another.
type use struct {
	from, to string
	kWh      float64
}

// TestTheHardDocumentsByHand: the last use's bill with its taxes, each reckoned by hand.
func TestTheHardDocumentsByHand(t *testing.T) {
	month := func(m string, next string, kWh float64) use { return use{m + "-01T00:00", next + "-01T00:00", kWh} }
	six := []use{
		month("2025-07", "2025-08", 150), month("2025-08", "2025-09", 150), month("2025-09", "2025-10", 150),
		month("2025-10", "2025-11", 150), month("2025-11", "2025-12", 150),
	}
	for _, c := range []struct {
		what, doc  string
		before     []use
		bill       []use
		net, total string
	}{
		// 100 x 22.44 + 80 x 28.91; duty 68.352; GST 18 % of both.
		{"201 kWh among the six months", "every-month-below", append(six[:5:5], month("2025-12", "2026-01", 201)), []use{month("2026-01", "2026-02", 180)}, "4556.80", "5457.68"},
		// 100 x 10.54 + 80 x 13.01
		{"each of the six months below", "every-month-below", append(six[:5:5], month("2025-12", "2026-01", 150)), []use{month("2026-01", "2026-02", 180)}, "2094.80", "2508.94"},
		{"48 kWh in one day's window, none in the next's", "allowance-of-the-day", nil, []use{{"2026-03-10T12:00", "2026-03-10T18:00", 48}, {"2026-03-11T12:00", "2026-03-11T18:00", 0}}, "7.64", "8.40"},
		{"24 kWh in each", "allowance-of-the-day", nil, []use{{"2026-03-10T12:00", "2026-03-10T18:00", 24}, {"2026-03-11T12:00", "2026-03-11T18:00", 24}}, "0.00", "0.00"},
		// 29.0323 x 17 = 493.5 kWh of winter and 406.5 of summer, evenly: 5/24 at the peak's price; less 30.21; 31 days at 0.79343.
		{"the baseline of both seasons", "baseline-across-seasons", nil, []use{{"2026-05-15T00:00", "2026-06-15T00:00", 900}}, "445.20", "445.20"},
		// 2.5 kW is the least of a month: 0.15 x 100 + 3.37 x 2.5, with 6 %.
		{"a month below the least demand", "capacity-of-twelve-months", nil, []use{month("2026-04", "2026-05", 100)}, "23.42", "24.83"},
		// Twelve months, of which one had 8.5 kW and the others the least: 3 kW.
		{"the mean of twelve months", "capacity-of-twelve-months", twelve(), []use{month("2026-12", "2027-01", 0)}, "10.11", "10.72"},
		// Means of 4, 3 and 2 kW over an hour on three days: 3 kW is the step to 5; a Sunday night at the night's price.
		{"three peaks", "mean-of-three-peaks", nil, []use{
			{"2026-04-01T08:00", "2026-04-01T09:00", 4}, {"2026-04-01T18:00", "2026-04-01T19:00", 4}, {"2026-04-02T08:00", "2026-04-02T09:00", 3}, {"2026-04-05T08:00", "2026-04-05T09:00", 2}, {"2026-04-30T23:00", "2026-05-01T00:00", 0},
		}, "293.28", "366.60"}, // 11 x 0.26 + 2 x 0.21 + 290
		{"999 kWh", "credit-from-a-thousand", nil, []use{month("2026-05", "2026-06", 999)}, "193.34", "193.34"},
		{"1,000 kWh", "credit-from-a-thousand", nil, []use{month("2026-05", "2026-06", 1000)}, "93.53", "93.53"},
		{"1,000 kWh, the credit as a tax", "credit-by-a-tax", nil, []use{month("2026-05", "2026-06", 1000)}, "293.53", "93.53"},
	} {
		tariff := hard(t, c.doc)
		readings := func(list []use) []tariffs.Reading {
			var out []tariffs.Reading
			for _, u := range list {
				var at [2]time.Time
				for i, s := range []string{u.from, u.to} {
					x, err := time.ParseInLocation("2006-01-02T15:04", s, tariff.Location())
					if err != nil {
						t.Fatal(err)
					}
					at[i] = x.UTC()
				}
				out = append(out, tariffs.Reading{From: at[0], To: at[1], Energy: units.FromKWh(u.kWh)})
			}
			return out
		}
		_, acc := tariff.Bill(tariffs.Account{}, readings(c.before))
		bill, _ := tariff.Bill(acc, readings(c.bill))
		var net units.Money
		for _, x := range bill.Components {
			net += x.Amount
		}
		if net.Decimal(2) != c.net || bill.Total.Decimal(2) != c.total {
			t.Errorf("%s: %s, with taxes %s, want %s and %s", c.what, net, bill.Total, c.net, c.total)
		}
	}
}

// twelve are eleven months: ten of 1 kW at the most and one of 8.5 kW.
func twelve() []use {
	var out []use
	for m := 1; m <= 11; m++ {
		first := time.Date(2026, time.Month(m), 1, 0, 0, 0, 0, time.UTC)
		kWh := 0.25
		if m == 6 {
			kWh = 8.5 / 4
		}
		out = append(out, use{first.Format("2006-01-02T15:04"), first.Add(15 * time.Minute).Format("2006-01-02T15:04"), kWh}, use{first.Add(15 * time.Minute).Format("2006-01-02T15:04"), first.AddDate(0, 1, 0).Format("2006-01-02T15:04"), 0})
	}
	return out
}
