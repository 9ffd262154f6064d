package learn_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
	"github.com/keeplit/keeplit/tariffs/catalogue"
	"github.com/keeplit/keeplit/tariffs/learn"
)

func ready(t *testing.T, name string) *tariffs.Tariff {
	t.Helper()
	text, err := catalogue.Read(name)
	if err != nil {
		t.Fatal(err)
	}
	doc, faults := config.Decode[tariffs.Document](text)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	tariff, err := tariffs.New(doc)
	if err != nil {
		t.Fatal(err)
	}
	return tariff
}

// bills are n months' receipts by a ready tariff, of so much energy at the most, with
// amounts rounded to a cent; all in one month of the calendar's rates.
func bills(t *testing.T, tariff *tariffs.Tariff, month string, n int, most int64, seed uint64) []learn.Receipt {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	first, err := time.ParseInLocation("2006-01", month, tariff.Location())
	if err != nil {
		t.Fatal(err)
	}
	cent := func(m units.Money) units.Money { return (m + units.One/200) / (units.One / 100) * (units.One / 100) }
	var out []learn.Receipt
	for i := range n {
		u := r.Float64() // more small months than great ones
		e := units.Energy(u*u*float64(most)*100+1) * units.KilowattHour / 100
		bill, _ := tariff.BillWhole(tariffs.Account{}, []tariffs.Reading{{From: first.UTC(), To: first.AddDate(0, 1, 0).UTC(), Energy: e}})
		var tax units.Money
		for _, x := range bill.Taxes {
			tax += x.Amount
		}
		out = append(out, learn.Receipt{Line: i + 2, Day: time.Date(2000, time.January+time.Month(i), 10, 0, 0, 0, 0, time.UTC), Energy: e, Amount: cent(bill.Total), Tax: cent(tax), HasTax: true})
	}
	return out
}

// shape is a version's limits, prices and fixed amounts, as they must be found.
func shape(v *tariffs.Version) (limits []units.Energy, prices []units.Price, fixed []units.Money) {
	for _, e := range v.Energy {
		if len(e.Steps) == 0 {
			prices = append(prices, e.Price)
		}
		for _, s := range e.Steps {
			prices = append(prices, s.Price)
			if s.To > 0 {
				limits = append(limits, s.To)
			}
		}
	}
	if v.Classes != nil {
		for _, c := range v.Classes.List[:len(v.Classes.List)-1] {
			limits = append(limits, c.To)
		}
	}
	for _, c := range v.Charges {
		fixed = append(fixed, c.Amount)
	}
	return limits, prices, fixed
}

// TestTenReadyTariffsAreFoundFromTheirReceipts: monthly receipts rounded to the cent; every limit, price, fixed amount and tax is the document's own.
func TestTenReadyTariffsAreFoundFromTheirReceipts(t *testing.T) {
	for _, c := range []struct {
		name, month string
		receipts    int
		most        int64
		tax         string
	}{
		{"zw-zetdc-domestic-prepaid", "2024-01", 70, 600, "6 %"},
		{"rw-reg-residential", "2025-11", 70, 120, ""},
		{"rw-reg-non-residential", "2025-11", 70, 300, ""},
		{"tz-tanesco-d1", "2018-03", 70, 200, ""},
		{"zm-zesco-residential", "2020-06", 70, 500, ""},
		{"vn-evn-domestic", "2024-01", 70, 600, ""},
		{"in-delhi-domestic", "2020-09", 70, 1600, ""},
		{"th-mea-small", "2016-02", 200, 600, "7 %"}, // three blocks within 35 kWh
		{"fr-edf-bleu-base", "2025-10", 70, 900, ""},
		{"za-eskom-homelight-20a", "2024-06", 70, 800, "15 %"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tariff := ready(t, c.name)
			doc := tariff.Document()
			receipts := bills(t, tariff, c.month, c.receipts, c.most, 3)
			found, err := learn.Learn(receipts, learn.Options{Currency: doc.Currency, Zone: doc.Zone})
			if err != nil {
				t.Fatal(err)
			}
			if faults := found.Document.Check(); len(faults) > 0 {
				t.Fatal(faults)
			}
			v := &doc.Versions[0]
			for i := range doc.Versions {
				if doc.Versions[i].From <= tariffs.DateOf(mustMonth(t, c.month).Date()) {
					v = &doc.Versions[i]
				}
			}
			limits, prices, fixed := shape(v)
			gotLimits, gotPrices, gotFixed := shape(&found.Document.Versions[0])
			if c.name == "in-delhi-domestic" {
				fixed = []units.Money{40 * units.One} // 2 kW at 20
			}
			if !slices.Equal(limits, gotLimits) || !slices.EqualFunc(prices, gotPrices, near(limits)) || !slices.Equal(fixed, gotFixed) {
				t.Errorf("limits %v, want %v\nprices %v, want %v\nfixed %v, want %v\n%s", gotLimits, limits, gotPrices, prices, gotFixed, fixed, strings.Join(found.Unexplained, "\n"))
			}
			sameBills(t, tariff, &found, c.month, c.most)
			tax := ""
			if x := found.Document.Versions[0].Taxes; len(x) > 0 {
				tax = x[0].Rate.String()
			}
			if tax != c.tax {
				t.Errorf("tax %q, want %q: %v", tax, c.tax, found.Unexplained)
			}
			if found.Explained != len(receipts) {
				t.Errorf("%d of %d explained: %v", found.Explained, len(receipts), found.Unexplained)
			}
		})
	}
}

// sameBills compares what the tariff that was found and the one it was found from charge for
// other months.
func sameBills(t *testing.T, tariff *tariffs.Tariff, found *learn.Found, month string, most int64) {
	t.Helper()
	again, err := tariffs.New(found.Document)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range bills(t, tariff, month, 60, most, 99) {
		first := mustMonth(t, month)
		at := time.Date(first.Year(), first.Month(), 1, 0, 0, 0, 0, again.Location())
		bill, _ := again.BillWhole(tariffs.Account{}, []tariffs.Reading{{From: at.UTC(), To: at.AddDate(0, 1, 0).UTC(), Energy: r.Energy}})
		if d := bill.Total - r.Amount; d < -30_000 || d > 30_000 {
			t.Errorf("%s come to %s, by what was found %s", r.Energy, r.Amount, bill.Total)
		}
	}
}

// TestClassesAreFoundFromReceipts: a month that is priced anew from its first kWh, and a
// charge that goes by the month's total.
func TestClassesAreFoundFromReceipts(t *testing.T) {
	for _, c := range []struct {
		name, month string
		most        int64
		limits      []units.Energy // whose exact place receipts need not tell
	}{
		{"kr-kepco-six-steps", "2012-01", 700, nil},
		{"lk-ceb-domestic", "2024-04", 300, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			tariff := ready(t, c.name)
			doc := tariff.Document()
			var receipts []learn.Receipt
			for i := int64(3); i < c.most; i += 3 { // three receipts in each ten kWh, on both sides of every limit
				receipts = append(receipts, exact(t, tariff, c.month, i, len(receipts)))
			}
			found, err := learn.Learn(receipts, learn.Options{Currency: doc.Currency, Zone: doc.Zone})
			if err != nil {
				t.Fatal(err)
			}
			if found.Explained != len(receipts) {
				t.Errorf("%d of %d explained: %v", found.Explained, len(receipts), found.Unexplained)
			}
			sameBills(t, tariff, &found, c.month, c.most)
		})
	}
}

// exact is the receipt of so many kWh.
func exact(t *testing.T, tariff *tariffs.Tariff, month string, kWh int64, i int) learn.Receipt {
	t.Helper()
	first, err := time.ParseInLocation("2006-01", month, tariff.Location())
	if err != nil {
		t.Fatal(err)
	}
	e := units.Energy(kWh) * units.KilowattHour
	bill, _ := tariff.BillWhole(tariffs.Account{}, []tariffs.Reading{{From: first.UTC(), To: first.AddDate(0, 1, 0).UTC(), Energy: e}})
	return learn.Receipt{Line: i + 2, Day: time.Date(2000, time.January+time.Month(i), 10, 0, 0, 0, 0, time.UTC), Energy: e, Amount: bill.Total, HasTax: true}
}

func TestWhatReceiptsCannotSayIsTold(t *testing.T) {
	day := func(m int) time.Time { return time.Date(2025, time.Month(m), 3, 0, 0, 0, 0, time.UTC) }
	receipt := func(m int, kWh, amount int64) learn.Receipt {
		return learn.Receipt{Line: m + 1, Day: day(m), Energy: units.Energy(kWh) * units.KilowattHour, Amount: units.Money(amount) * units.One}
	}
	for _, c := range []struct {
		what string
		in   []learn.Receipt
		want string
		rest int // receipts that are not explained
	}{
		{"one of another kind", []learn.Receipt{receipt(1, 100, 210), receipt(2, 120, 250), receipt(3, 150, 310), receipt(4, 160, 500), receipt(5, 170, 350), receipt(6, 200, 410), receipt(7, 220, 450), receipt(8, 240, 490)}, "line 5 is unlike the others", 1},
		{"one above all others", []learn.Receipt{receipt(1, 100, 210), receipt(2, 120, 250), receipt(3, 150, 310), receipt(4, 170, 350), receipt(5, 400, 2000)}, "its price is not known", 1},
		{"all alike", []learn.Receipt{receipt(1, 100, 210), receipt(2, 100, 210), receipt(3, 100, 210)}, "the same energy", 0},
		{"no tax told apart", []learn.Receipt{receipt(1, 100, 210), receipt(2, 120, 250), receipt(3, 150, 310)}, "taxes are inside the prices", 0},
	} {
		found, err := learn.Learn(c.in, learn.Options{Currency: "EUR", Zone: "UTC"})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(found.Unexplained, "\n"); !strings.Contains(got, c.want) || found.Explained != len(c.in)-c.rest {
			t.Errorf("%s: %d explained, %s", c.what, found.Explained, got)
		}
		if faults := found.Document.Check(); len(faults) > 0 {
			t.Errorf("%s: %v", c.what, faults)
		}
	}
	if _, err := learn.Learn(nil, learn.Options{}); err == nil {
		t.Error("nothing is learned from no receipts")
	}
}

// TestPurchasesOfAMonthAreOneMonth: several top-ups climb the month's blocks together, and
// the first pays what is fixed.
func TestPurchasesOfAMonthAreOneMonth(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	total := func(x float64) float64 { return 30 + 2*min(x, 100) + 3.5*max(0, x-100) }
	var in []learn.Receipt
	for m := range 24 {
		sum := 0.0
		for k := range 1 + r.IntN(4) {
			e := float64(20 + r.IntN(80))
			amount := total(sum+e) - total(sum)
			if k == 0 {
				amount = total(e)
			}
			sum += e
			in = append(in, learn.Receipt{Line: len(in) + 2, Day: time.Date(2024, time.January+time.Month(m), 1+k, 0, 0, 0, 0, time.UTC), Energy: units.FromKWh(e), Amount: units.FromFloat(amount)})
		}
	}
	found, err := learn.Learn(in, learn.Options{Currency: "EUR", Zone: "UTC"})
	if err != nil {
		t.Fatal(err)
	}
	v := &found.Document.Versions[0]
	limits, prices, fixed := shape(v)
	if !slices.Equal(limits, []units.Energy{100 * units.KilowattHour}) || !slices.Equal(prices, []units.Price{2_000_000, 3_500_000}) || !slices.Equal(fixed, []units.Money{30 * units.One}) || v.Charges[0].Due != tariffs.DueFirstPurchase {
		t.Errorf("%+v: %v", v, found.Unexplained)
	}
}

// near tells whether prices are as near as amounts rounded to the cent let them be told apart:
// a few cents over what a step holds.
func near(limits []units.Energy) func(a, b units.Price) bool {
	i := -1
	return func(a, b units.Price) bool {
		i++
		width := units.KilowattHour * 100
		if i < len(limits) {
			width = limits[i]
			if i > 0 {
				width -= limits[i-1]
			}
		}
		d := (a - b).Cost(width)
		return d >= -40_000 && d <= 40_000
	}
}

func mustMonth(t *testing.T, m string) time.Time {
	t.Helper()
	x, err := time.Parse("2006-01", m)
	if err != nil {
		t.Fatal(err)
	}
	return x
}
