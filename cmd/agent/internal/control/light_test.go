package control

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/openpaygo"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
)

// coins are tokens of any amount: in cents, or in tenths of a kWh.
func coins(t testing.TB, inKWh bool) (credit.Scheme, func(units.Money) string) {
	t.Helper()
	doc := openpaygo.Document{Key: "bc41ec9530f6dac86b1a29ab82edc5fb", StartingCode: testStart, ValueDivider: 100, Unit: openpaygo.Money, Extended: true}
	if inKWh {
		doc.ValueDivider, doc.Unit = 10, openpaygo.KWh
	}
	scheme, err := openpaygo.New(doc)
	must(t, err)
	return scheme, func(m units.Money) string {
		text, err := openpaygo.Encode(testKey(), testStart, 2, int(m/(units.One/units.Money(doc.ValueDivider))), openpaygo.Form{Extended: true})
		must(t, err)
		return text
	}
}

// darkSite is a site whose supply has been cut for want of credit, with all that
// a purchase may have to pay first.
func darkSite(t *rapid.T, tb testing.TB) (*Site, State, func(units.Money) string) {
	some := func(name string, most int64) units.Money {
		return units.Money(rapid.Int64Range(0, most).Draw(t, name)) * units.One / 100
	}
	rate := func(name string, most int) tariffs.Rate {
		return tariffs.Rate(rapid.IntRange(0, most).Draw(t, name)) * 10_000
	}
	site := testSite(tb)
	site.InKWh = rapid.Bool().Draw(t, "kWh")
	scheme, token := coins(tb, site.InKWh)
	doc := credit.Defaults()
	doc.Opening, doc.RestoreAbove = some("opening", 200), some("restore above", 1000)
	if site.InKWh {
		doc.Mode = credit.InKWh
		if rapid.Bool().Draw(t, "priced") {
			site.KWhPrice = 2_345_678
			doc.KWhPrice = site.KWhPrice
		}
	}
	doc.Debt = credit.DebtDocument{SharePercent: rapid.Int64Range(0, 90).Draw(t, "share"), Cap: some("cap", 500), Period: credit.Week}
	doc.Emergency = credit.EmergencyDocument{
		Amount: some("lent", 800), OfferBelow: some("offered below", 300), SuspendStanding: rapid.Bool().Draw(t, "suspend"),
		Automatic: rapid.Bool().Draw(t, "lent by itself"),
	}
	if rapid.Bool().Draw(t, "armed") {
		doc.Restore = credit.Armed
	}
	engine, err := credit.New(doc, site.Zone, scheme)
	must(tb, err)
	site.Credit = engine
	v := tariffs.Version{
		Energy: []tariffs.EnergyCharge{{Name: "energy", Price: 2_000_000}},
		Charges: []tariffs.FixedCharge{
			{Name: "network", Amount: some("network", 6000), Due: tariffs.DueFirstPurchase, SplitOver: some("split over", 9000), CatchUp: true, MaxMonths: 3},
			{Name: "vendor", Amount: some("vendor", 300), Share: rate("vendor's share", 20), Due: tariffs.DuePurchase},
			{Name: "service", Amount: some("service", 200), Due: tariffs.DueDay},
		},
		Taxes: []tariffs.Tax{{Name: "VAT", Rate: rate("tax", 25)}},
	}
	if r := rate("arrears' share", 50); r > 0 {
		v.Debt = &tariffs.Debt{Name: "arrears", Share: r, Cap: some("arrears' cap", 3000)}
	}
	if r := rate("rebate", 5); r > 0 {
		v.Rebate = &tariffs.Rebate{Name: "rebate", Rate: r}
	}
	site.Tariff, err = tariffs.New(tariffs.Document{Name: "dark", Currency: "ZAR", Zone: "Africa/Johannesburg", Versions: []tariffs.Version{v}})
	must(tb, err)

	now := begin()
	st, _ := site.Begin(now)
	if v.Debt != nil {
		st.Tariff.Debt = some("arrears", 9000)
	}
	carry := func(o Order) {
		if st, _, err = site.Carry(st, now, o); err != nil {
			t.Fatal(err)
		}
	}
	if m := some("old bill", 9000); m > 0 {
		carry(Owe("old bill", m, true, "agreed"))
	}
	if m := some("charges owed", 3000); m > 0 {
		carry(Owe("charges owed", m, false, "agreed"))
	}
	step := func(in Input, d time.Duration) {
		now = now.Add(d)
		in.Now = now
		st, _ = site.Step(st, in)
	}
	step(Input{}, 0)
	if rapid.Bool().Draw(t, "lends") {
		step(Input{What: Request{Kind: AcceptEmergency, By: "page"}}, time.Second)
	}
	carry(Adjust(credit.Adjustment, -(doc.Opening + doc.Emergency.Amount + some("below", 1500) + 1), "used"))
	step(Input{}, time.Second)
	for range rapid.IntRange(0, 40).Draw(t, "days") { // charges by time, arrears of past months
		step(Input{}, 24*time.Hour)
	}
	return site, st, token
}

// D14: exactly what is asked for brings the light back, and the smallest coin less
// does not, whatever the account and the tariff take first.
func TestExactlyWhatIsAskedForBringsTheLightBack(t *testing.T) {
	asked, plain := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		site, st, token := darkSite(rt, t)
		if st.Decision.Close || st.Decision.Cause != credit.ForNoCredit {
			rt.Skip("it is not dark")
		}
		need := site.ForLight(&st)
		if need.Beyond || need.Amount <= 0 || need.Amount > 9000*units.One {
			rt.Skip("no token of this test is as great") // a vendor who takes all of it
		}
		asked++
		if need.Amount == max(0, -st.Credit.Available())+site.Coin() {
			plain++
		}
		for _, m := range []units.Money{need.Amount, need.Amount - site.Coin()} {
			if m <= 0 {
				continue
			}
			after, eff := site.Step(st, Input{Now: st.Now, What: Token{Text: token(m), Source: "page"}})
			if eff.Reply.TopUp == nil || !eff.Reply.TopUp.Accepted() {
				rt.Fatalf("%s: %+v", m, eff.Reply.TopUp)
			}
			back := after.Decision.Close || after.Credit.Supply.Position == credit.Ready
			if back != (m == need.Amount) {
				rt.Fatalf("%s is asked for; with %s the supply is %s, the credit %s, paid %v", need.Amount, m, after.Credit.Supply.Position, after.Credit.Available(), eff.Reply.TopUp.Paid)
			}
			if !back {
				// What is asked for next, paid as well, does it.
				rest := site.ForLight(&after)
				if !rest.Needed() {
					rt.Fatalf("dark after %s, and nothing is asked for", m)
				}
			}
		}
	})
	t.Logf("%d accounts were asked, %d of them plain", asked, plain)
	if asked < 30 || plain == asked {
		t.Errorf("%d accounts were asked, %d of them plain: the test tries too little", asked, plain)
	}
}
