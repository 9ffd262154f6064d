package control

import (
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/tariffs"
)

// TestReactiveEnergyIsCharged: 3 kW and 4 kvar from the meter are 5 kVA, and
// what goes beyond half the kWh in kvarh is charged.
func TestReactiveEnergyIsCharged(t *testing.T) {
	b := newBench(t)
	doc := b.site.Tariff.Document()
	doc.Versions = slices.Clone(doc.Versions)
	v := &doc.Versions[0]
	v.Taxes = nil
	v.Demand = []tariffs.DemandCharge{{Name: "demand", Price: units.One, Unit: tariffs.KVA}}
	var half tariffs.Rate
	must(t, half.SetText("50 %"))
	v.Reactive = []tariffs.Reactive{{Name: "reactive", Price: 1_000_000, Free: half}}
	tariff, err := tariffs.New(doc)
	must(t, err)
	b.site.Tariff = tariff
	b.st, err = b.site.Resume(b.st)
	must(t, err)
	var register units.Energy = b.register
	for range 60 {
		register += (3 * units.Kilowatt).Over(time.Minute)
		b.now = b.now.Add(time.Minute)
		b.step(Input{What: Reading{Sample: metering.Sample{
			At: b.now, Has: metering.HasImport | metering.HasPower | metering.HasReactive,
			Import: register, Power: 3 * units.Kilowatt, Reactive: -int64(4 * units.Kilowatt), Step: 1,
		}}})
	}
	var demand units.Money
	for _, e := range b.ledger {
		if e.Kind == credit.Demand {
			demand += e.Amount
		}
	}
	// The first minute has no reading before it with reactive power: the second
	// half hour is whole.
	if want := -5 * units.One; demand != want {
		t.Errorf("demand %s, want %s for 5 kVA", demand, want)
	}
	_, due := tariff.Elapse(b.st.Tariff, b.now, b.now.AddDate(0, 1, 0))
	var reactive units.Money
	for _, it := range due {
		if it.Kind == tariffs.KindReactive {
			reactive += it.Amount
		}
	}
	// 59 minutes of 4 kvar less half of 3 kWh.
	if want := 4*units.One*59/60 - 3*units.One/2; reactive < want-1 || reactive > want+1 {
		t.Errorf("reactive %s, want %s", reactive, want)
	}
}
