package credit_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/credittest"
	"github.com/keeplit/keeplit/credit/sts"
	"github.com/keeplit/keeplit/internal/units"
)

func ways() []string { return []string{"page", "cli", "mqtt", "keypad", "card"} }

func TestATokenByAllWaysAtOnceIsCreditedOnce(t *testing.T) {
	s := open(t, nil)
	token := s.vend(credit.AddCredit, 10*one)
	for i, way := range ways() {
		r := s.enter(token, way)
		want := credit.Used
		if i == 0 {
			want = credit.Accept
		}
		if r.Token.Code != want {
			t.Errorf("by %s: %s, want %s", way, r.Token.Code, want)
		}
	}
	s.has(10 * one)
	if s.a.Locks != nil {
		t.Errorf("used tokens counted as wrong ones: %+v", s.a.Locks)
	}
	s.sound()
}

// Whatever is done in whatever order, with storage after every operation: the
// available credit is what was bought and not used, each token counts once,
// the ledger is whole, no operation touches what it was given, and the same
// operation on the same account gives the same again.
func TestCreditIsConservedWhateverHappens(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s := open(r, func(d *credit.Document) {
			d.Opening = 5 * one
			d.Emergency = credit.EmergencyDocument{Amount: 3 * one, OfferBelow: one, Automatic: rapid.Bool().Draw(r, "automatic")}
			d.Debt.SharePercent = 25
		})
		var tokens []string
		worth := map[string]units.Money{}
		taken := map[string]bool{}
		bought, used, paid := 5*one, units.Money(0), units.Money(0)
		for range rapid.IntRange(1, 60).Draw(r, "operations") {
			before, err := json.Marshal(s.a)
			if err != nil {
				r.Fatalf("%v", err)
			}
			start := s.a
			var op func(a credit.Account) (credit.Account, []credit.Entry)
			switch rapid.IntRange(0, 9).Draw(r, "operation") {
			case 0, 1:
				m := units.Money(rapid.Int64Range(0, int64(4*one)).Draw(r, "used"))
				used += m
				op = func(a credit.Account) (credit.Account, []credit.Entry) {
					return s.engine.Accrue(a, s.now, credit.Charge{Name: "energy", Kind: credit.Consumption, Amount: m})
				}
			case 2:
				op = func(a credit.Account) (credit.Account, []credit.Entry) {
					return s.engine.Settle(a, s.now, "interval")
				}
			case 3, 4:
				m := units.Money(rapid.Int64Range(1, 900).Draw(r, "bought")) * (one / 100)
				token := s.vend(credit.AddCredit, m)
				tokens, worth[token] = append(tokens, token), m
				fallthrough
			case 5:
				if len(tokens) == 0 {
					continue
				}
				token := rapid.SampledFrom(tokens).Draw(r, "token")
				way := rapid.SampledFrom(ways()).Draw(r, "way")
				locked := s.a.Lock(way).Left > 0
				op = func(a credit.Account) (credit.Account, []credit.Entry) {
					a, entries, res := s.engine.TopUp(a, s.now, token, way)
					if res.Accepted() {
						if taken[token] || locked {
							r.Fatalf("%s accepted: taken before %v, locked %v", token, taken[token], locked)
						}
					}
					return a, entries
				}
				if _, _, res := s.engine.TopUp(s.a, s.now, token, way); res.Accepted() {
					defer func(token string) { taken[token] = true }(token)
					bought += worth[token]
					for _, p := range res.Paid {
						paid += p.Amount
					}
					a, entries := op(s.a)
					s.keep(a, entries)
					taken[token] = true
					continue
				}
			case 6:
				op = func(a credit.Account) (credit.Account, []credit.Entry) {
					a, entries, _ := s.engine.TopUp(a, s.now, "000000000", "keypad")
					return a, entries
				}
			case 7:
				s.now = s.now.Add(time.Duration(rapid.Int64Range(-int64(48*time.Hour), int64(400*24*time.Hour)).Draw(r, "clock")))
				op = func(a credit.Account) (credit.Account, []credit.Entry) { return s.engine.Tick(a, s.now) }
			case 8:
				op = func(a credit.Account) (credit.Account, []credit.Entry) {
					a, entries, _ := s.engine.Supply(a, s.now, credit.Facts{})
					return a, entries
				}
			case 9:
				if a, entries, err := s.engine.AcceptEmergency(s.a, s.now, "page"); err == nil {
					s.keep(a, entries)
				}
				if a, entries, err := s.engine.Owe(s.a, s.now, "old bill", one, true, "agreed"); err == nil {
					s.keep(a, entries)
				}
				continue
			}
			a1, e1 := op(s.a)
			a2, e2 := op(s.a)
			if !reflect.DeepEqual(a1, a2) || !reflect.DeepEqual(e1, e2) {
				r.Fatalf("the same operation gave two answers:\n%+v\n%+v", a1, a2)
			}
			after, err := json.Marshal(start)
			if err != nil || string(after) != string(before) {
				r.Fatalf("the operation changed the account it was given:\n%s\n%s", before, after)
			}
			s.keep(a1, e1)
		}
		if got := s.a.Available(); got != bought-used-paid {
			r.Fatalf("available %s, bought %s, used %s, paid %s\n%s", got, bought, used, paid, s.statement())
		}
		s.settle()
		s.sound()
	})
}

// 10,000 random tokens by all ways but one, restarts, and the clock moved about:
// the locks hold, and the honest customer on the other way does not wait.
func TestLockoutHoldsAgainstGuessing(t *testing.T) {
	for _, c := range []struct {
		name  string
		clock func(now time.Time, i int) time.Time
	}{
		{"clock in order", func(now time.Time, _ int) time.Time { return now }},
		{"clock leaps a year forward at every try", func(now time.Time, i int) time.Time { return now.AddDate(i%2000, 0, 0) }},
		{"clock falls to 1970 at every second try", func(now time.Time, i int) time.Time {
			if i%2 == 1 {
				return time.Unix(0, 0).Add(time.Duration(i) * time.Second)
			}
			return now
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			const tries = 10_000
			s := open(t, nil)
			random := rand.New(rand.NewPCG(1, 2))
			attacked := slices.DeleteFunc(ways(), func(way string) bool { return way == "page" })
			looked, accepted := 0, 0
			for i := range tries {
				s.now = c.clock(noon().Add(time.Duration(i)*time.Second), i)
				way := attacked[i%len(attacked)]
				if i%1000 != 0 { // storage is slow; the restarts are told apart below
					a, entries, r := s.engine.TopUp(s.a, s.now, fmt.Sprintf("%09d", random.IntN(1e9)), way)
					s.a, s.ledger = a, append(s.ledger, entries...)
					count(&looked, &accepted, r)
					continue
				}
				count(&looked, &accepted, s.enter(fmt.Sprintf("%09d", random.IntN(1e9)), way))
			}
			// Whatever the clock does, 28 hours of power at most have passed: a way
			// has its whole allowance of 20, and nothing has come back yet.
			if bound := 20 * len(attacked); looked > bound {
				t.Errorf("%d of %d tokens were looked at, want at most %d", looked, tries, bound)
			}
			if accepted > 1 {
				t.Errorf("%d random tokens were accepted", accepted)
			}
			t.Logf("%d of %d looked at, %d accepted", looked, tries, accepted)

			// The customer comes with a true token, by a way that nobody guessed on.
			if r := s.enter(s.vend(credit.AddCredit, one), "page"); !r.Accepted() {
				t.Errorf("the customer is told %q", r.Says)
			}
			s.sound()
		})
	}
}

// What anybody can make, or has on a slip, between two guesses does not open
// the lock: test tokens, which need no key, and tokens entered before.
func TestNothingButATrueNewTokenEndsTheCount(t *testing.T) {
	s, v := stsScheme(t)
	doc := credit.Defaults()
	doc.Mode = credit.InKWh
	e, err := credit.New(doc, time.UTC, s)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := e.Open("meter 1", noon())
	enter := func(token string, want credit.Code) {
		t.Helper()
		var r credit.Result
		if a, _, r = e.TopUp(a, noon(), token, "keypad"); r.Token.Code != want {
			t.Fatalf("%s: %s, want %s", token, r.Token.Code, want)
		}
	}
	used, err := v.Credit(noon(), 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	enter(used, credit.Accept)
	const test, wrong = "00000000000150997584", "00000000000000000001"
	for range 2 {
		enter(wrong, credit.CRC)
		enter(test, credit.Accept)
		enter(used, credit.Used)
	}
	enter(wrong, credit.CRC)
	enter(test, credit.Lockout)
	if l := a.Lock("keypad"); l.Wrong != 3 || l.Left != 10*time.Second {
		t.Errorf("%+v", l)
	}
}

func TestTamperingHoldsUntilATokenClearsIt(t *testing.T) {
	s, v := stsScheme(t)
	doc := credit.Defaults()
	doc.Mode, doc.Opening = credit.InKWh, one
	e, err := credit.New(doc, time.UTC, s)
	if err != nil {
		t.Fatal(err)
	}
	a, ledger := e.Open("meter 1", noon())
	for range 2 {
		var entries []credit.Entry
		a, entries = e.ReportTamper(a, noon(), "current behind an open contactor")
		ledger = append(ledger, entries...)
	}
	if len(ledger) != 2 || !a.Tampered {
		t.Fatalf("%d entries, tampered %v; want 2 and true", len(ledger), a.Tampered)
	}
	token, err := v.Manage(5, noon(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	a, entries, r := e.TopUp(a, noon(), token, "keypad")
	if !r.Accepted() || a.Tampered {
		t.Errorf("%+v, tampered %v", r, a.Tampered)
	}
	if err := credit.Verify(append(ledger, entries...), a.Head); err != nil {
		t.Error(err)
	}
}

// What tokens do besides credit.
func TestTokensThatSetThings(t *testing.T) {
	s, v := stsScheme(t)
	doc := credit.Defaults()
	doc.Mode, doc.Opening = credit.InKWh, 5*one
	e, err := credit.New(doc, time.UTC, s)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := e.Open("meter 1", noon())
	a, _ = e.Accrue(a, noon(), credit.Charge{Name: "energy", Kind: credit.Consumption, Energy: units.KilowattHour})
	for i, c := range []struct {
		sub   int
		value int64
		holds func(credit.Account) bool
	}{
		{0, 2000, func(a credit.Account) bool { return a.Limit == 2*units.Kilowatt }},
		{0, 0, func(a credit.Account) bool { return a.Limit == 0 }},
		{2, 3, func(a credit.Account) bool { return a.Tariff == 3 }},
		{6, 500, func(a credit.Account) bool { return a.Phase == 500*units.Watt }},
		{1, 0xffff, func(a credit.Account) bool { return a.Available() == 0 && len(a.Pending) == 0 }},
		{1, 0xffff, func(a credit.Account) bool { return a.Available() == 0 }}, // nothing left to clear
	} {
		token, err := v.Manage(c.sub, noon().Add(time.Duration(i)*time.Minute), c.value, 0)
		if err != nil {
			t.Fatal(err)
		}
		var entries []credit.Entry
		var r credit.Result
		a, entries, r = e.TopUp(a, noon(), token, "keypad")
		if !r.Accepted() || len(entries) == 0 || !c.holds(a) {
			t.Errorf("sub-class %d value %d: %+v, %d entries, account %+v", c.sub, c.value, r, len(entries), a)
		}
	}

	p := open(t, func(d *credit.Document) { d.Opening = 5 * one })
	p.use(one)
	p.enter(p.vend(credit.SetCredit, 30*one), "page")
	p.has(30 * one)
	p.enter(p.vend(credit.SetCredit, 0), "page")
	p.has(0)
	p.lit(false, credit.ForNoCredit)
	p.enter(p.vend(credit.Sync, 0), "page")
	p.lit(false, credit.ForNoCredit)
	p.enter(p.vend(credit.Unlock, 0), "page")
	p.use(50 * one)
	p.lit(true, credit.NoCause)
	p.settle()
	p.sound()
}

func count(looked, accepted *int, r credit.Result) {
	if r.Token.Code != credit.Lockout {
		*looked++
	}
	if r.Accepted() {
		*accepted++
	}
}

// stsScheme is an STS meter and its vendor.
func stsScheme(t testing.TB) (*sts.Scheme, *sts.Vendor) {
	t.Helper()
	doc := sts.Defaults()
	doc.DecoderKey, doc.BaseDate = "00112233445566778899aabbccddeeff", 2014
	s, err := sts.New(doc)
	if err != nil {
		t.Fatal(err)
	}
	v, err := sts.NewVendor(doc)
	if err != nil {
		t.Fatal(err)
	}
	return s, v
}

// Chance is all that lets a slip of the finger pass for another token; how
// often it may is computed.
func TestSlipsOfTheFinger(t *testing.T) {
	t.Run("sts", func(t *testing.T) {
		s, v := stsScheme(t)
		tried, accepted, credited := 0, 0, 0
		for i := range 100 {
			at := noon().Add(time.Duration(i) * 37 * time.Minute)
			token, err := v.Credit(at, int64(1+i*i), i%16)
			if err != nil {
				t.Fatal(err)
			}
			for _, slip := range credittest.Slips(token) {
				tried++
				got, _, err := s.Decode(s.Start(), slip, at)
				if err != nil {
					t.Fatal(err)
				}
				// Class 1 moves nothing and needs no key; it is not counted.
				if got.Code == credit.Accept && got.Class != 1 {
					accepted++
				}
				if got.Code == credit.Accept && got.Effect == credit.AddCredit {
					credited++
				}
			}
		}
		// 16 bits of checksum, and 10 of the 48 sub-classes mean something.
		expected := float64(tried) / 65536 * 10 / 64
		t.Logf("%d slips, %d accepted (%d of them credit), %.3f expected", tried, accepted, credited, expected)
		if credited > 0 || float64(accepted) > expected+1 {
			t.Errorf("%d of %d slips accepted, %d of them credit, chance allows %.3f", accepted, tried, credited, expected)
		}
	})
	t.Run("openpaygo", func(t *testing.T) {
		s := paygo(t)
		state := s.Start()
		tried, accepted, last := 0, 0, 0
		for i := range 100 {
			token, n, err := s.Issue(last, credit.AddCredit, 1+i)
			if err != nil {
				t.Fatal(err)
			}
			last = n
			for _, slip := range credittest.Slips(token) {
				tried++
				if got, _ := s.Decode(state, slip); got.Code == credit.Accept {
					accepted++
				}
			}
			_, state = s.Decode(state, token)
		}
		// 6 digits that must be right, for each of 64 counts ahead.
		expected := float64(tried) * 64 / 1e6
		t.Logf("%d slips, %d accepted, %.2f expected", tried, accepted, expected)
		if float64(accepted) > expected+4 {
			t.Errorf("%d of %d slips accepted, chance allows %.1f", accepted, tried, expected)
		}
	})
}

// The clock goes back a day, forward a year, and to 1970: no credit moves, no
// token is good again, no charge by time is taken twice.
func TestClockMovesNothing(t *testing.T) {
	for _, c := range []struct {
		name string
		to   time.Time
	}{
		{"back a day", noon().AddDate(0, 0, -1)},
		{"back into the last month", noon().AddDate(0, 0, -3)},
		{"forward a year", noon().AddDate(1, 0, 0)},
		{"1970 at boot", time.Unix(0, 0)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, func(d *credit.Document) { d.Opening = 20 * one })
			token := s.vend(credit.AddCredit, 10*one)
			s.enter(token, "page")
			daily := credit.Charge{Name: "standing charge", Kind: credit.Standing, Amount: one, Period: noon().Truncate(24 * time.Hour)}
			s.charge(daily)
			s.settle()
			s.lit(true, credit.NoCause)
			s.has(29 * one)
			// There and back again.
			for _, at := range []time.Time{c.to, c.to.Add(time.Second), noon().Add(time.Minute)} {
				s.now = at
				s.keep(s.engine.Tick(s.a, at))
				if r := s.enter(token, "mqtt"); r.Token.Code != credit.Used {
					t.Errorf("the token entered again at %s: %s, want used", at, r.Token.Code)
				}
				s.charge(daily)
				past := daily
				past.Period = daily.Period.AddDate(0, 0, -1)
				s.charge(past)
				s.lit(true, credit.NoCause)
				s.settle()
				s.has(29 * one)
			}
			s.sound()
		})
	}
}

func TestTokensInTheOtherUnit(t *testing.T) {
	// 10 kWh by STS into a money account, and into one of kWh.
	for _, c := range []struct {
		name  string
		mode  credit.Mode
		price units.Price
		want  units.Money
		code  credit.Code
	}{
		{"kWh into money at a price", credit.InMoney, units.Price(one / 4), 10 * one / 4, credit.Accept},
		{"kWh into money without one", credit.InMoney, 0, 0, credit.Function},
		{"kWh into kWh", credit.InKWh, 0, 10 * one, credit.Accept},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, v := stsScheme(t)
			doc := credit.Defaults()
			doc.Mode, doc.KWhPrice = c.mode, c.price
			e, err := credit.New(doc, time.UTC, s)
			if err != nil {
				t.Fatal(err)
			}
			token, err := v.Credit(noon(), 100, 0)
			if err != nil {
				t.Fatal(err)
			}
			a, _ := e.Open("meter 1", noon())
			a, _, r := e.TopUp(a, noon(), token, "page")
			if r.Token.Code != c.code || a.Available() != c.want {
				t.Errorf("%s and %s, want %s and %s", r.Token.Code, a.Available(), c.code, c.want)
			}
		})
	}
}

// In an account of kWh what is smaller than its millionth is carried, not lost.
func TestEnergyIsChargedToTheLastJoule(t *testing.T) {
	doc := credit.Defaults()
	doc.Mode, doc.Opening = credit.InKWh, 10*one
	e, err := credit.New(doc, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := e.Open("meter 1", noon())
	for i := range 3600 {
		// 1 kWh in 3600 steps of 1000 J, with money that a kWh account does not take.
		a, _ = e.Accrue(a, noon(), credit.Charge{Name: "energy", Kind: credit.Consumption, Energy: 1000 * units.Joule, Amount: one})
		a, _ = e.Accrue(a, noon(), credit.Charge{Name: "standing charge", Kind: credit.Standing, Amount: one})
		if i%7 == 0 {
			a, _ = e.Settle(a, noon(), "")
		}
	}
	if a.Available() != 9*one || a.Rest != 0 {
		t.Errorf("available %s kWh and %d uJ over, want 9 and 0", a.Available(), a.Rest)
	}
}

// The text of a barcode, a QR code or a slip holds more than the token.
func TestATokenIsFoundInWhatWasScanned(t *testing.T) {
	s := open(t, nil)
	const token = "123456789" // 9 digits, or 12 where they are extended
	for _, c := range []struct{ text, want string }{
		{token, token},
		{"123 456 789", token},
		{"123-456-789\n", token},
		{"\ufeff123\u2011456\u2011789", token},
		{"token:123 456 789", token},
		{"https://pay.example/t?meter=07123456789&token=123456789&kwh=25", token},
		{"Meter 07123456789, Token 123 456 789, 25.6 kWh", token},
		{"Token: 123 456 789\nMeter: 07123456789\n2026-03-02 12:00", token},
		{"Token 123456789 (again: 123-456-789)", token},
		// Two that differ, none, or a letter in the digits: refused as it stands.
		{"123456789 or 987654321?", "123456789or987654321?"},
		{"12345678", "12345678"},
		{"l23456789", "l23456789"},
		{"123456789O12", "123456789O12"},
		{"Token x123456789", "Tokenx123456789"},
		{"", ""},
	} {
		if got := s.engine.Digits(c.text); got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
	vended := s.vend(credit.AddCredit, 5*one)
	if r := s.enter("Meter 07123456789 Token "+vended[:4]+" "+vended[4:8]+" "+vended[8:]+" thank you", "card"); !r.Accepted() {
		t.Errorf("%+v", r)
	}
	if r := s.enter(vended, "page"); r.Token.Code != credit.Used {
		t.Errorf("the bare token after the text: %s", r.Token.Code)
	}
}

func TestNormalizeTakesWhatPeopleAndCamerasGive(t *testing.T) {
	for _, text := range []string{"5938 6323 4721 3742 6967", "5938-6323-4721-3742-6967", " 59386323472137426967\r\n", "token:59386323472137426967", "STS=5938.6323.4721.3742.6967"} {
		if got := credit.Normalize(text); got != "59386323472137426967" {
			t.Errorf("Normalize(%q) = %q", text, got)
		}
	}
}
