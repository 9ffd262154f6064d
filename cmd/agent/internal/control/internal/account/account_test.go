package account

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/openpaygo"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/tariffs"
)

func begin() time.Time { return time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// site is a home of 2 a day, 3 a kWh, with 30 taken from each month's first purchase,
// and a maker of its tokens.
func site(t testing.TB, opening units.Money) (Rules, State, *openpaygo.Scheme) {
	t.Helper()
	tariff, err := tariffs.New(tariffs.Document{
		Name: "a test", Currency: "EUR", Zone: "UTC",
		Versions: []tariffs.Version{{
			Energy: []tariffs.EnergyCharge{{Name: "energy", Price: 3_000_000}},
			Charges: []tariffs.FixedCharge{
				{Name: "service", Amount: 2 * units.One, Due: tariffs.DueDay},
				{Name: "network", Amount: 30 * units.One, Due: tariffs.DueFirstPurchase},
			},
		}},
	})
	must(t, err)
	scheme, err := openpaygo.New(openpaygo.Document{Key: "bc41ec9530f6dac86b1a29ab82edc5fb", StartingCode: 516959010, ValueDivider: 1, Unit: openpaygo.Money})
	must(t, err)
	doc := credit.Defaults()
	doc.Opening = opening
	engine, err := credit.New(doc, time.UTC, scheme)
	must(t, err)
	r := Rules{Engine: engine, Tariff: tariff}
	s := State{Elapsed: begin()}
	s.Tariff, _ = tariff.Elapse(tariffs.Account{}, begin(), begin())
	s.Credit, _ = engine.Open("1", begin())
	return r, s, scheme
}

func elapse(t *tariffs.Tariff, acc tariffs.Account, from, to time.Time) (tariffs.Account, time.Time, []tariffs.Item) {
	acc, items := t.Elapse(acc, from, to)
	return acc, to, items
}

func TestAnySplitOfUseCostsTheSame(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r, s, _ := site(t, 500*units.One)
		whole, _, _ := r.Consume(s, metering.Consumption{From: begin(), To: begin().Add(time.Hour), Import: 2 * units.KilowattHour}, elapse)
		cut := time.Duration(rapid.Int64Range(1, 3599).Draw(rt, "cut")) * time.Second
		first := units.Energy(rapid.Int64Range(0, int64(2*units.KilowattHour)).Draw(rt, "first"))
		s, _, _ = r.Consume(s, metering.Consumption{From: begin(), To: begin().Add(cut), Import: first}, elapse)
		s, _, _ = r.Consume(s, metering.Consumption{From: begin().Add(cut), To: begin().Add(time.Hour), Import: 2*units.KilowattHour - first}, elapse)
		if got, want := s.Credit.Available(), whole.Credit.Available(); got != want {
			t.Fatalf("in two parts %v is left, in one %v", got, want)
		}
	})
}

// The least purchase for light is told before it is made: with it there is light, with
// the amount below it there is none, and to be asked changes nothing.
func TestTheLeastPurchaseForLightIsTheLeast(t *testing.T) {
	r, dark, scheme := site(t, 0)
	dark.Credit, _, _ = r.Engine.Supply(dark.Credit, begin().Add(time.Minute), credit.Facts{})
	now := begin().Add(2 * time.Minute)
	amount, ok := r.ForLight(dark, now, false)
	if !ok || amount <= 30*units.One || amount%r.Coin() != 0 {
		t.Fatalf("%v for light, %v", amount, ok)
	}
	if again, _ := r.ForLight(dark, now, false); again != amount {
		t.Errorf("asked again it is %v", again)
	}
	light := func(value int) bool {
		token, _, err := scheme.Issue(1, credit.AddCredit, value)
		must(t, err)
		s, _, result := r.TopUp(dark, now, token, "page", false, false)
		if !result.Accepted() {
			t.Fatalf("%+v", result)
		}
		_, _, d := r.Engine.Supply(s.Credit, now, credit.Facts{})
		return d.Close
	}
	least := int((amount + units.One - 1) / units.One) // tokens are of whole ones
	if !light(least) || light(least-1) {
		t.Errorf("a purchase of %d: light is %v; of %d: %v", least, light(least), least-1, light(least-1))
	}
}

func TestARefusedTokenTakesNothingFromTheTariffsAccount(t *testing.T) {
	r, s, scheme := site(t, 5*units.One)
	token, count, err := scheme.Issue(1, credit.AddCredit, 100)
	must(t, err)
	before, _ := r.ForLight(s, begin(), false)
	after, entries, result := r.TopUp(s, begin(), "123456789", "page", false, false)
	if now, _ := r.ForLight(after, begin(), false); result.Accepted() || now != before {
		t.Fatalf("a token of nobody: %+v, %v", result, entries)
	}
	after, _, result = r.TopUp(after, begin(), token, "page", false, false)
	if !result.Accepted() || len(result.Paid) != 1 || result.Paid[0].Name != "network" || after.Credit.Available() != 75*units.One {
		t.Fatalf("the month's first purchase: %+v", result)
	}
	if again, _, spent := r.TopUp(after, begin(), token, "page", true, false); spent.Accepted() || again.Credit.Available() != after.Credit.Available() {
		t.Errorf("what the records have is taken again: %+v", spent)
	}
	token, _, err = scheme.Issue(count, credit.AddCredit, 100)
	must(t, err)
	if after, _, result = r.TopUp(after, begin(), token, "page", false, false); len(result.Paid) != 0 || after.Credit.Available() != 175*units.One {
		t.Errorf("the month's second purchase: %+v", result)
	}
}

// Where the month is not sure nothing is taken for it: the next purchase is asked.
func TestAPurchaseOfAnUnknownMonthPaysNoMonth(t *testing.T) {
	r, s, scheme := site(t, 0)
	first, count, err := scheme.Issue(1, credit.AddCredit, 100)
	must(t, err)
	s, _, result := r.TopUp(s, begin(), first, "page", false, true)
	if !result.Accepted() || s.Credit.Available() != 100*units.One {
		t.Fatalf("undated: %+v", result)
	}
	next, _, err := scheme.Issue(count, credit.AddCredit, 100)
	must(t, err)
	if s, _, _ = r.TopUp(s, begin(), next, "page", false, false); s.Credit.Available() != 170*units.One {
		t.Errorf("after the dated one %v is there", s.Credit.Available())
	}
}

func TestTheSmallestStepOfAPurchase(t *testing.T) {
	r, _, _ := site(t, 0)
	if c := r.Coin(); c != units.One/100 {
		t.Errorf("of money: %v", c)
	}
	r.InKWh = true
	if c := r.Coin(); c != units.One/10 {
		t.Errorf("of kWh: %v", c)
	}
}
