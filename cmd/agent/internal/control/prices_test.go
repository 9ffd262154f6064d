package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/account"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/tariffs"
)

// pushed is a price document of n hours from start at what price says.
func pushed(t testing.TB, start time.Time, n int, price func(i int) float64) []byte {
	t.Helper()
	type entry struct {
		Start  time.Time   `json:"start"`
		End    time.Time   `json:"end"`
		Import json.Number `json:"import"`
	}
	doc := struct {
		Currency    string  `json:"currency"`
		TaxIncluded bool    `json:"tax_included"`
		Prices      []entry `json:"prices"`
	}{Currency: "ZAR"}
	for i := range n {
		at := start.Add(time.Duration(i) * time.Hour)
		doc.Prices = append(doc.Prices, entry{at, at.Add(time.Hour), json.Number(fmt.Sprintf("%.4f", price(i)))})
	}
	text, err := json.Marshal(doc)
	must(t, err)
	return text
}

func flat(price float64) func(int) float64 { return func(int) float64 { return price } }

// still lets nothing but the base run, and never cuts.
func still(b *bench) {
	b.st.Credit.Unlocked = true
	for i := range b.site.Loads {
		b.st.Loads[i].Progress.Override = &loads.Override{Until: b.now.Add(200 * time.Hour)}
	}
}

func (b *bench) spent(f func()) units.Money {
	before := b.balance()
	f()
	return before - b.balance()
}

func TestPushedPricesAreChargedUntilTheyEnd(t *testing.T) {
	b := newBench(t)
	still(b)
	b.power = units.Kilowatt
	eff := b.step(Input{What: PriceDocument{Text: pushed(t, b.now, 2, flat(7))}})
	if eff.Reply.Err != nil || !eff.Durable {
		t.Fatalf("the prices were answered %v, durable %v", eff.Reply.Err, eff.Durable)
	}
	if got := b.spent(func() { b.run(2*time.Hour, time.Minute) }); got != units.FromFloat(14*1.15) {
		t.Errorf("two hours of 1 kW at 7 pushed and 15 %% of VAT cost %s", got)
	}
	if !b.st.Health.Has(health.TariffStale, "") {
		t.Error("the prices have ended and no warning says so")
	}
	if got := b.spent(func() { b.run(time.Hour, time.Minute) }); got != units.FromFloat(1.15) {
		t.Errorf("the hour after, at the document's 1 and 15 %% of VAT, cost %s", got)
	}
	b.step(Input{What: PriceDocument{Text: pushed(t, b.now, 24, flat(7))}})
	if b.st.Health.Has(health.TariffStale, "") {
		t.Error("new prices have come and the warning stays")
	}
}

func TestARegisterIsCaughtUpAtThePricesThatWere(t *testing.T) {
	b := newBench(t)
	still(b)
	b.power = units.Kilowatt
	b.step(Input{What: PriceDocument{Text: pushed(t, b.now, 2, func(i int) float64 { return float64(2 + 4*i) })}})
	b.now = b.now.Add(90 * time.Minute)
	// New prices come while the meter is silent; the old ones rule its past.
	b.step(Input{What: PriceDocument{Text: pushed(t, begin().Add(2*time.Hour), 2, flat(9))}})
	b.now = b.now.Add(-90 * time.Minute)
	got := b.spent(func() { b.reading(3 * time.Hour) })
	if want := units.FromFloat((2 + 6 + 9) * 1.15); got != want {
		t.Errorf("three hours after a silence cost %s, want %s", got, want)
	}
}

func TestPushedPricesMoveThePlan(t *testing.T) {
	b := newBench(t)
	b.step(Input{What: Token{Text: tokenFor(t, 1, 900), Source: "page"}})
	b.run(time.Minute, time.Minute)
	// By the document the night is cheap; the prices sent say noon.
	noon := begin().Add(12 * time.Hour)
	eff := b.step(Input{What: PriceDocument{Text: pushed(t, begin(), 30, func(i int) float64 {
		if i >= 12 && i < 15 {
			return 0.1
		}
		return 5
	})}})
	must(t, eff.Reply.Err)
	b.run(time.Minute, 30*time.Second)
	b.run(time.Minute, 30*time.Second)
	from, to, _ := b.st.Plan.Run("geyser", b.now)
	if from.Before(noon) || to.After(noon.Add(3*time.Hour)) {
		t.Errorf("the geyser is planned from %s to %s; the prices sent are low from %s", from, to, noon)
	}
	if k, ok := b.st.Plan.At(noon); !ok || b.st.Plan.Prices[k] != 115_000 {
		t.Errorf("the plan shows %v at noon", b.st.Plan.Prices)
	}
}

func TestPricesThatAreNotTakenLeaveWhatIs(t *testing.T) {
	b := newBench(t)
	must(t, b.step(Input{What: PriceDocument{Text: pushed(t, b.now, 5, flat(7))}}).Reply.Err)
	was := b.st.Prices
	many := strings.Builder{}
	many.WriteString(`{"currency":"ZAR","prices":[`)
	for i := range account.MostPrices + 1 {
		fmt.Fprintf(&many, `{"start":%q,"import":%d},`, b.now.Add(time.Duration(i)*time.Hour).Format(time.RFC3339), 1+i%2)
	}
	text := strings.TrimSuffix(many.String(), ",") + "]}"
	for situation, text := range map[string]string{
		"no JSON":            "now it is cheap",
		"another currency":   strings.Replace(string(pushed(t, b.now, 3, flat(1))), "ZAR", "EUR", 1),
		"all of it is over":  string(pushed(t, b.now.Add(-9*time.Hour), 3, flat(1))),
		"more than is kept":  text,
		"a price of a house": string(pushed(t, b.now, 1, flat(2e9))),
	} {
		eff := b.step(Input{What: PriceDocument{Text: []byte(text)}})
		if !errors.Is(eff.Reply.Err, tariffs.ErrPrices) || b.st.Prices != was {
			t.Errorf("%s: answered %v, the prices in force changed: %v", situation, eff.Reply.Err, b.st.Prices != was)
		}
	}
}

func TestARetainedDocumentIsNoNewsAndAnOldOneIsAWarning(t *testing.T) {
	b := newBench(t)
	text := pushed(t, b.now, 5, flat(7))
	b.step(Input{What: PriceDocument{Text: text, Kept: true}})
	b.now = b.now.Add(2 * time.Hour)
	b.reading(0)
	was := b.st.Prices
	eff := b.step(Input{What: PriceDocument{Text: text, Kept: true}})
	if eff.Reply.Err != nil || eff.Durable || b.st.Prices != was {
		t.Errorf("the same document handed on again: %v, durable %v, new %v", eff.Reply.Err, eff.Durable, b.st.Prices != was)
	}
	fresh := newBench(t)
	eff = fresh.step(Input{What: PriceDocument{Text: pushed(t, begin().Add(-100*time.Hour), 5, flat(7)), Kept: true}})
	if eff.Reply.Err != nil || !fresh.st.Health.Has(health.TariffStale, "") {
		t.Errorf("a retained document that is over, at the first start: %v, warnings %v", eff.Reply.Err, fresh.st.Health.Active)
	}
}

func TestPricesAreTooOldBySite(t *testing.T) {
	b := newBench(t)
	still(b)
	b.power = units.Kilowatt
	b.site.PricesFor = time.Hour
	b.step(Input{What: PriceDocument{Text: pushed(t, b.now, 24, flat(7))}})
	if got := b.spent(func() { b.run(2*time.Hour, time.Minute) }); got != units.FromFloat(8*1.15) {
		t.Errorf("two hours, of which one may use the prices sent, cost %s", got)
	}
	if !b.st.Health.Has(health.TariffStale, "") {
		t.Error("no warning says that the prices are too old")
	}
}

func TestPricesOfAnotherCurrencyAreForgottenAtARestart(t *testing.T) {
	b := newBench(t)
	b.step(Input{What: PriceDocument{Text: pushed(t, b.now, 24, flat(7))}})
	st, err := b.site.Resume(b.st)
	must(t, err)
	if price, _ := b.site.TariffOf(&st).PriceAt(st.Tariff, st.Now); price != 8_050_000 {
		t.Errorf("after a restart a kWh costs %s", price)
	}
	doc := b.site.Tariff.Document()
	doc.Currency = "EUR"
	b.site.Tariff, err = tariffs.New(doc)
	must(t, err)
	if st, err = b.site.Resume(b.st); err != nil || st.Prices != nil {
		t.Errorf("prices in ZAR are kept for a tariff in EUR: %v, %v", st.Prices, err)
	}
}

// BenchmarkStep is one reading, without and with two days of quarter hours of
// pushed prices.
func BenchmarkStep(b *testing.B) {
	for name, hours := range map[string]int{"document": 0, "pushed": 192} {
		b.Run(name, func(b *testing.B) {
			x := newBench(b)
			x.planner = nil
			x.st.Credit.Unlocked = true
			if hours > 0 {
				st, eff := x.site.Step(x.st, Input{Now: x.now, What: PriceDocument{Text: pushed(b, x.now, hours, func(i int) float64 { return 2 + float64(i%7)/10 })}})
				must(b, eff.Reply.Err)
				x.st = st
			}
			facts := x.facts()
			for b.Loop() {
				x.now = x.now.Add(time.Second)
				if hours > 0 && x.now.Sub(begin()) > time.Duration(hours-1)*time.Hour {
					b.Fatal("the prices have ended")
				}
				x.register += (500 * units.Watt).Over(time.Second)
				x.st, x.last = x.site.Step(x.st, Input{Now: x.now, Facts: facts, What: Reading{Sample: metering.Sample{
					At: x.now, Has: metering.HasImport | metering.HasPower, Import: x.register, Power: 500 * units.Watt, Step: 1,
				}}})
			}
			if x.st.Credit.Supply.Position != credit.Connected {
				b.Fatal("the supply went off")
			}
		})
	}
}

func TestAnUnsureTariffIsSaid(t *testing.T) {
	b := newBench(t)
	b.site.Shift = false // warnings of a tariff do not hang on when loads run
	if !b.st.Health.Has(health.TariffUnsure, "") {
		t.Error("nobody knows whether the test's prices are in force, and no warning says so")
	}
	doc := b.site.Tariff.Document()
	doc.Current = tariffs.CurrentYes
	var err error
	b.site.Tariff, err = tariffs.New(doc)
	must(t, err)
	b.st, err = b.site.Resume(b.st)
	must(t, err)
	b.reading(time.Minute)
	if b.st.Health.Has(health.TariffUnsure, "") {
		t.Error("after a restart with a tariff that is known to be in force the warning stays")
	}
	doc.Versions[0].Until = tariffs.Date(begin().Unix() / 86400)
	b.site.Tariff, err = tariffs.New(doc)
	must(t, err)
	b.run(26*time.Hour, 10*time.Minute)
	if !b.st.Health.Has(health.TariffUnsure, "") {
		t.Error("the figures' last day is over and no warning says so")
	}
}
