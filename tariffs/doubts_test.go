package tariffs

import (
	"strings"
	"testing"

	"github.com/keeplit/keeplit/internal/units"
)

// TestWhatNoUtilityDoesIsDoubted: each document is good, and most likely a slip.
func TestWhatNoUtilityDoesIsDoubted(t *testing.T) {
	steps := func(to units.Energy, low, high units.Price) []Step {
		return []Step{{To: to, Price: low}, {Price: high}}
	}
	for _, c := range []struct {
		what string
		set  func(*Document, *Version)
		want string // the path; "" where nothing is doubted
		says string
	}{
		{"an ordinary price", func(_ *Document, v *Version) { v.Energy[0].Price = 250_000 }, "", ""},
		{"cents", func(_ *Document, v *Version) { v.Energy[0].Price = 25_000_000 }, "versions[0].energy[0].price", "0.25"},
		{"cents of a rand in the second step", func(d *Document, v *Version) {
			d.Currency = "ZAR"
			v.Energy[0].Steps = steps(350*kWh, 2_096_700, 240_500_000)
		}, "versions[0].energy[0].steps[1].price", "2.405"},
		{"euros per MWh", func(_ *Document, v *Version) { v.Energy[0].Price = 85_000_000 }, "versions[0].energy[0].price", "0.085"},
		{"Uganda's shillings", func(d *Document, v *Version) { d.Currency, v.Energy[0].Price = "UGX", 747_500_000 }, "", ""},
		{"a currency that is not known", func(d *Document, v *Version) { d.Currency, v.Energy[0].Price = "XXX", 747_500_000 }, "", ""},
		{"a month's limit for a day", func(_ *Document, v *Version) {
			v.Energy[0].Steps, v.Energy[0].Per = steps(350*kWh, 1, 2), PerDay
		}, "versions[0].energy[0].steps[0].to", "350"},
		{"Wh for kWh", func(_ *Document, v *Version) { v.Energy[0].Steps = steps(350*units.WattHour, 1, 2) }, "versions[0].energy[0].steps[0].to", "kWh"},
		{"a tax ten times what it is", func(_ *Document, v *Version) { v.Taxes = []Tax{{Name: "VAT", Rate: 150 * hundred / 100}} }, "versions[0].taxes[0].rate", "1.5"},
		{"a version in the middle of a month with blocks", func(d *Document, v *Version) {
			v.Energy[0].Steps = steps(350*kWh, 1, 2)
			d.Versions = append(d.Versions, *v)
			d.Versions[1].From = DateOf(2026, 7, 10)
		}, "versions[1].from", "2026-07-01 or 2026-08-01"},
		{"the same at a month's beginning", func(d *Document, v *Version) {
			v.Energy[0].Steps = steps(350*kWh, 1, 2)
			d.Versions = append(d.Versions, *v)
			d.Versions[1].From = DateOf(2026, 7, 1)
		}, "", ""},
		{"the same with nothing by the month", func(d *Document, v *Version) {
			v.Charges = []FixedCharge{{Name: "standing", Amount: 1, Due: DueDay}}
			d.Versions = append(d.Versions, *v)
			d.Versions[1].From = DateOf(2026, 7, 10)
		}, "", ""},
		{"a month of two seasons with a month's limits in each", func(d *Document, v *Version) {
			d.Calendar.Seasons = []Season{{Name: "summer", From: MonthDay{6, 15}, To: MonthDay{9, 14}}, {Name: "winter"}}
			v.Energy = append(v.Energy, EnergyCharge{Name: "credit", Seasons: []string{"summer"}, Steps: steps(300*kWh, -1, 0)})
		}, "versions[0].energy[1].seasons", "both"},
	} {
		d := Document{Currency: "EUR", Zone: "UTC", Versions: []Version{{Energy: []EnergyCharge{{Name: "energy"}}}}}
		c.set(&d, &d.Versions[0])
		if faults := d.Check(); len(faults) > 0 {
			t.Errorf("%s: %v", c.what, faults)
		}
		got := d.Doubts()
		switch {
		case c.want == "" && len(got) > 0:
			t.Errorf("%s: %v", c.what, got)
		case c.want != "" && (len(got) != 1 || got[0].Path != c.want || !strings.Contains(got[0].String(), c.says)):
			t.Errorf("%s: %v, want %s: %s", c.what, got, c.want, c.says)
		}
	}
}
