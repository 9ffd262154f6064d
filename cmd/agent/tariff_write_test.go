package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
)

// A document that is written is read as it was, lists of several names with it.
func TestATariffThatIsWrittenNamesAllThatItIsLimitedTo(t *testing.T) {
	names := []string{"service", `the "other" one`}
	d := tariffs.Document{Name: "n", Currency: "KES", Zone: "Africa/Nairobi", Versions: []tariffs.Version{{
		Energy:  []tariffs.EnergyCharge{{Name: "energy", Price: units.Price(20 * units.One)}},
		Charges: []tariffs.FixedCharge{{Name: names[0], Amount: units.One}, {Name: names[1], Amount: units.One}},
		Taxes:   []tariffs.Tax{{Name: "VAT", Rate: 160_000, Except: names}},
	}}}
	var b strings.Builder
	if err := writeTariff(&b, &d, nil); err != nil {
		t.Fatal(err)
	}
	got, faults := config.Decode[tariffs.Document]([]byte(b.String()))
	if len(faults) > 0 {
		t.Fatalf("%v\n%s", faults, b.String())
	}
	if tax := got.Versions[0].Taxes[0]; !slices.Equal(tax.Except, names) || tax.Rate != 160_000 {
		t.Errorf("read as %+v:\n%s", tax, b.String())
	}
}
