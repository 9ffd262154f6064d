package control

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
)

// purchaseTariff takes 30 a month from the first purchase (half of it while the
// month's purchases are below 60), caught up for two months, pays a debt by a
// tenth of each purchase, and gives 2 % of the rest back.
func purchaseTariff(t *testing.T) *tariffs.Tariff {
	t.Helper()
	var tenth, back tariffs.Rate
	must(t, tenth.SetText("10 %"), back.SetText("2 %"))
	tariff, err := tariffs.New(tariffs.Document{
		Name: "purchases", Currency: "ZAR", Zone: "Africa/Johannesburg",
		Versions: []tariffs.Version{{
			Energy:  []tariffs.EnergyCharge{{Name: "energy", Price: 1_000_000}},
			Charges: []tariffs.FixedCharge{{Name: "network", Amount: 30 * units.One, Due: tariffs.DueFirstPurchase, SplitOver: 60 * units.One, CatchUp: true, MaxMonths: 2}},
			Debt:    &tariffs.Debt{Name: "arrears", Share: tenth},
			Rebate:  &tariffs.Rebate{Name: "online rebate", Rate: back},
		}},
	})
	must(t, err)
	return tariff
}

func TestPurchasesPayWhatTheTariffTakesFromThem(t *testing.T) {
	b := newBench(t)
	b.site.Tariff = purchaseTariff(t)
	b.st.Tariff = tariffs.Account{Debt: 5 * units.One}
	b.power = 0
	n := 0
	buy := func(value int) *credit.Result {
		t.Helper()
		n++
		eff := b.step(Input{What: Token{Text: tokenFor(t, n, value), Source: "page"}})
		if eff.Reply.TopUp == nil || !eff.Reply.TopUp.Accepted() {
			t.Fatalf("token %d: %+v", n, eff.Reply.TopUp)
		}
		return eff.Reply.TopUp
	}
	paid := func(r *credit.Result) map[string]units.Money {
		out := map[string]units.Money{}
		for _, p := range r.Paid {
			out[p.Name] += p.Amount
		}
		return out
	}
	for _, c := range []struct {
		situation string
		wait      time.Duration
		buy       int
		want      map[string]units.Money
	}{
		{"first purchase of November pays half of the charge", 0, 30, map[string]units.Money{
			"network": 15_000_000, "arrears": 3_000_000, "online rebate": -240_000,
		}},
		{"the second brings the month to 60: the other half, and the rest of the debt", time.Hour, 30, map[string]units.Money{
			"network": 15_000_000, "arrears": 2_000_000, "online rebate": -260_000,
		}},
		{"the third pays nothing more", time.Hour, 50, map[string]units.Money{"online rebate": -1_000_000}},
		// December was not paid at all: it is caught up with January's.
		{"January catches December up", 63 * 24 * time.Hour, 100, map[string]units.Money{
			"network": 60_000_000, "online rebate": -800_000,
		}},
	} {
		if c.wait > 0 {
			b.run(c.wait, c.wait)
		}
		before, tariff := b.balance(), b.st.Tariff
		r := buy(c.buy)
		got := paid(r)
		sum := units.Money(0)
		for name, amount := range got {
			if amount != c.want[name] {
				t.Errorf("%s: %s took %s, want %s", c.situation, name, amount, c.want[name])
			}
			sum += amount
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: paid %v, want %v", c.situation, got, c.want)
		}
		// Conserved: what was bought is what was paid and what the balance grew by.
		if grown := b.balance() - before; grown != r.Bought-sum {
			t.Errorf("%s: bought %s, paid %s, and the balance grew by %s", c.situation, r.Bought, sum, grown)
		}
		if mustJSON(t, tariff) == mustJSON(t, b.st.Tariff) {
			t.Errorf("%s: the tariff's account does not know of the purchase", c.situation)
		}
		// The same token by another way buys nothing and pays nothing.
		after, known := b.balance(), mustJSON(t, b.st.Tariff)
		again := b.step(Input{What: Token{Text: tokenFor(t, n, c.buy), Source: "mqtt"}})
		if again.Reply.TopUp.Accepted() || b.balance() != after || mustJSON(t, b.st.Tariff) != known {
			t.Errorf("%s: the same token again changed something: %+v", c.situation, again.Reply.TopUp)
		}
	}
	if err := credit.Verify(b.ledger); err != nil {
		t.Fatal(err)
	}
	sum := units.Money(0)
	for _, e := range b.ledger {
		sum += e.Amount
	}
	if sum != b.st.Credit.Balance {
		t.Fatalf("the entries come to %s, the balance is %s", sum, b.st.Credit.Balance)
	}
}

// A kWh token has been charged by the vendor, unless a price says what its kWh
// are worth.
func TestPurchaseChargesInAKWhAccount(t *testing.T) {
	site := testSite(t)
	site.Tariff, site.InKWh = purchaseTariff(t), true
	st, _ := site.Begin(begin())
	asked := false
	if got := site.accounting().Due(st.AccountState, st.undated(), func(tariffs.Account) { asked = true })(30 * units.One); got != nil || asked {
		t.Fatalf("without a price %v was taken", got)
	}
	site.KWhPrice = 2_000_000
	got := site.accounting().Due(st.AccountState, st.undated(), func(tariffs.Account) { asked = true })(30 * units.One)
	if len(got) == 0 || !asked || got[0].Name != "network" || got[0].Amount != 30*units.One {
		t.Fatalf("30 kWh at 2 are 60, which pay the whole charge of 30: %+v", got)
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	must(t, err)
	return string(text)
}
