package control

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/tariffs"
)

func readTariff(text string) (tariffs.Document, error) {
	doc, faults := config.Decode[tariffs.Document]([]byte(text))
	return doc, faults.Err()
}

// flat is a tariff of one price.
func flatTariff(price int) string {
	return fmt.Sprintf("name: flat %d\ncurrency: ZAR\nzone: Africa/Johannesburg\nversions: [{energy: [{name: energy, price: %d}]}]\n", price, price)
}

// priced is a home without loads that pays 2 a kWh, whose utility may send it tariffs.
func priced(t testing.TB) *utility {
	b := newBench(t)
	doc, err := readTariff(flatTariff(2))
	must(t, err)
	b.site.Tariff, err = tariffs.New(doc)
	must(t, err)
	b.site.ReadTariff = readTariff
	b.site.Loads, b.site.Guard = nil, loads.NewGuard(loads.DefaultGuard(), nil, b.site.Zone)
	open := credit.Defaults()
	open.Opening = 1000 * units.One
	b.site.Credit, err = credit.New(open, b.site.Zone, testScheme(t))
	must(t, err)
	b.power, b.planner = units.Kilowatt, nil
	b.st, _ = b.site.Begin(b.now)
	b.reading(0)
	return govern(t, b)
}

// day is the n-th local day after the one on which the bench begins, the 3rd of November.
func day(n int) string { return fmt.Sprintf("2026-11-%02d", 3+n) }

func ratesBody(t testing.TB, id, from, text string) string {
	t.Helper()
	body, err := policy.RatesBody(policy.RatesDocument{ID: id, From: from, Tariff: text})
	must(t, err)
	return string(body)
}

func (u *utility) rates(id, from, text string) policy.Outcome {
	u.t.Helper()
	return u.say(policy.Rates, ratesBody(u.t, id, from, text))
}

// heardOf are the acknowledgements of rates so far, as state and number.
func (u *utility) heardOf() string {
	var out []string
	for _, a := range u.st.Policy.Acks {
		if a.Of.Stream == policy.Rates {
			out = append(out, fmt.Sprintf("%s %d", a.State, a.Of.Seq))
		}
	}
	return strings.Join(out, ", ")
}

// spent is what was charged since the account was opened.
func (u *utility) spent() units.Money { return 1000*units.One - u.balance() }

func TestATariffDocumentHoldsFromItsDay(t *testing.T) {
	u := priced(t)
	u.run(10*time.Hour, 5*time.Minute)
	if out := u.rates("winter", day(1), flatTariff(3)); out.Code != policy.Taken {
		t.Fatalf("%+v", out)
	}
	// It is known ahead of its day to whoever asks for a price, and changes nothing before.
	if p, _ := u.site.TariffOf(&u.st).PriceAt(u.st.Tariff, u.now.Add(14*time.Hour)); p != 3_000_000 {
		t.Errorf("the first price of the day is %s", p)
	}
	if !u.st.WantPlan {
		t.Error("no plan is asked for")
	}
	f, err := forecast.New(forecast.Options{Zone: u.site.Zone, Step: u.site.Interval})
	must(t, err)
	var b planning.Brief // as the planner's process hears it
	must(t, json.Unmarshal([]byte(u.text(u.site.Brief(&u.st))), &b))
	plan, err := planning.New(u.site.Rules(), f, nil).Plan(context.Background(), b, 0)
	must(t, err)
	if p := plan.Prices; p[27] != 2_000_000 || p[28] != 3_000_000 {
		t.Errorf("the plan's prices are %v", p)
	}
	u.run(13*time.Hour+55*time.Minute, 5*time.Minute)
	if got := u.heardOf(); got != "received 1" {
		t.Errorf("before its day the utility hears %q", got)
	}
	u.reading(10 * time.Minute) // over midnight
	if got, want := u.spent(), 2*24*units.One+3*units.One/12; got != want {
		t.Errorf("%s is charged in place of %s", got, want)
	}
	if got := u.heardOf(); got != "received 1, applied 1" {
		t.Errorf("on its day the utility hears %q", got)
	}
	u.run(24*time.Hour, 5*time.Minute)
	if out := u.rates("spring", day(3), flatTariff(6)); out.Code != policy.Taken {
		t.Fatalf("%+v", out)
	}
	u.run(24*time.Hour, 5*time.Minute)
	if got, want := u.spent(), 2*24*units.One+3*48*units.One+6*units.One/12; got != want {
		t.Errorf("%s is charged in place of %s", got, want)
	}
	if got := u.heardOf(); got != "received 1, applied 1, received 2, completed 1, applied 2" {
		t.Errorf("the utility hears %q", got)
	}
	for _, code := range []string{"rates_taken", "rates_in_force"} {
		if !slices.ContainsFunc(u.events, func(e Event) bool { return e.Code == code }) {
			t.Errorf("no event %s", code)
		}
	}
	// A utility that the configuration does not name any more has no say.
	u.site.Policy.Streams = slices.DeleteFunc(u.site.Policy.Streams, func(s policy.Stream) bool { return s == policy.Rates })
	st, err := u.site.Resume(u.st)
	must(t, err)
	if p, _ := u.site.TariffOf(&st).PriceAt(st.Tariff, u.now); p != 2_000_000 || len(st.Rates) != 0 {
		t.Errorf("without the stream a kWh costs %s by %d documents", p, len(st.Rates))
	}
}

func TestTariffDocumentsTakeEachOthersPlace(t *testing.T) {
	u := priced(t)
	u.reading(time.Minute)
	now := func(says string) {
		t.Helper()
		if got := u.heardOf(); got != says {
			t.Errorf("the utility hears %q, not %q", got, says)
		}
		u.st.Policy.Acks = nil
	}
	refused := func(out policy.Outcome, code policy.Code) {
		t.Helper()
		if out.Code != code {
			t.Errorf("%s %s, not %s", out.Code, out.Detail, code)
		}
		u.st.Policy.Acks = nil
	}
	u.rates("b", day(4), flatTariff(5))
	u.rates("a", day(2), flatTariff(3)) // it comes later and holds earlier
	now("received 1, received 2")
	if len(u.st.Rates) != 2 || u.st.Rates[0].ID != "a" {
		t.Errorf("%+v", u.st.Rates)
	}
	u.rates("a", day(3), flatTariff(4)) // the same one, of another day
	now("received 3, superseded 2")
	u.rates("c", day(4), flatTariff(6)) // another one from the same day
	now("received 4, superseded 1")
	u.say(policy.Rates, `{"cancel":"a"}`)
	now("received 5, applied 5, superseded 3")
	refused(u.say(policy.Rates, `{"cancel":"a"}`), policy.Inapplicable)
	u.run(96*time.Hour, 5*time.Minute)
	now("applied 4")
	refused(u.say(policy.Rates, `{"cancel":"c"}`), policy.Inapplicable)
	refused(u.rates("c", day(9), flatTariff(7)), policy.Inapplicable)
	refused(u.rates("old", day(1), flatTariff(7)), policy.Expired) // c has taken over what was left of it
	u.rates("late", day(4), flatTariff(7))
	now("received 10")
	u.run(24*time.Hour, 5*time.Minute)
	now("completed 4, applied 10")
	if x := u.st.Rates[len(u.st.Rates)-1]; x.From.String() != day(5) {
		t.Errorf("what came late holds from %s", x.From)
	}
	for n := 6; ; n++ {
		out := u.rates(fmt.Sprint("n", n), day(n), flatTariff(7))
		if out.Code == policy.TooMany {
			break
		}
		if n > 12 || out.Code != policy.Taken {
			t.Fatalf("%d: %+v", n, out)
		}
	}
}

func TestATariffDocumentIsRefusedWithAReason(t *testing.T) {
	u := priced(t)
	u.site.Policy.Groups = []string{"feeder"}
	u.rates("own", day(5), flatTariff(3))
	for name, x := range map[string]struct {
		body string
		code policy.Code
		says string
	}{
		"no tariff":        {ratesBody(t, "x", day(2), "hello"), policy.Unreadable, ""},
		"a slip":           {ratesBody(t, "x", day(2), strings.Replace(flatTariff(3), "price", "prise", 1)), policy.Unreadable, "prise"},
		"no price":         {ratesBody(t, "x", day(2), "currency: ZAR\nzone: Africa/Johannesburg\n"), policy.Unreadable, "versions"},
		"two bodies":       {`{"cancel":"x","rates":{"id":"x","from":"2026-11-09","tariff":""}}`, policy.Unreadable, "one of"},
		"no body":          {`{}`, policy.Unreadable, "one of"},
		"no day":           {ratesBody(t, "x", "soon", flatTariff(3)), policy.Unreadable, "rates.from"},
		"no name":          {ratesBody(t, "", day(2), flatTariff(3)), policy.Unreadable, "rates.id"},
		"long":             {ratesBody(t, "x", day(2), flatTariff(3)+strings.Repeat("# \n", 6000)), policy.Oversize, "the most is 16384"},
		"another currency": {ratesBody(t, "x", day(2), strings.Replace(flatTariff(3), "ZAR", "EUR", 1)), policy.Inapplicable, "currency is EUR"},
		"another zone":     {ratesBody(t, "x", day(2), strings.Replace(flatTariff(3), "Johannesburg", "Nairobi", 1)), policy.Inapplicable, "zone is Africa/Nairobi"},
		"in cents":         {ratesBody(t, "x", day(2), flatTariff(300)), policy.Unsafe, "more than 10 times"},
		"far ahead":        {ratesBody(t, "x", "2028-11-09", flatTariff(3)), policy.Inapplicable, "400 days ahead"},
		"none to cancel":   {`{"cancel":"x"}`, policy.Inapplicable, "no tariff document x"},
	} {
		t.Run(name, func(t *testing.T) {
			was := u.text(u.st.Rates)
			if out := u.say(policy.Rates, x.body); out.Code != x.code || !strings.Contains(out.Detail, x.says) {
				t.Errorf("%s: %s", out.Code, out.Detail)
			}
			if got := u.text(u.st.Rates); got != was {
				t.Errorf("what is refused leaves %s", got)
			}
		})
	}
	e := policy.Envelope{
		V: 1, Issuer: "utility", Audience: "group:feeder", Stream: policy.Rates, Epoch: 1, Seq: 1, ID: "all",
		Issued: u.now, Expires: u.now.Add(time.Hour), Body: json.RawMessage(ratesBody(t, "all", day(5), flatTariff(4))),
	}
	text, err := e.Sign(utilityKey(2))
	must(t, err)
	if out := u.step(Input{What: PolicyEnvelope{Text: []byte(text)}}).Reply.Policy; out.Code != policy.Inapplicable {
		t.Errorf("a group's has taken the place of the site's own: %+v", out)
	}
}

// Whatever comes in whatever order, and whenever the power fails: each day is charged by the
// document that holds on it at the end, whole, and by no other.
func TestEachDayIsChargedByItsDocument(t *testing.T) {
	home := priced(t)
	rapid.Check(t, func(rt *rapid.T) {
		b := *home.bench
		u := &utility{bench: &b, seq: map[policy.Stream]uint64{}}
		begun, stored, sent := u.now, u.st, [][]byte(nil)
		step := func(in Input) *policy.Outcome {
			in.Now = u.now
			st, eff := u.site.Step(u.st, in)
			if eff.Reply.Policy != nil && eff.Reply.Policy.Code == policy.Taken && !eff.Durable {
				rt.Fatal("what was taken is not stored")
			}
			if u.st = st; eff.Durable {
				text, err := json.Marshal(st)
				if err != nil {
					rt.Fatal(err)
				}
				if stored, err = ReadState(text); err != nil {
					rt.Fatal(err)
				}
			}
			return eff.Reply.Policy
		}
		measure := func() {
			at := units.Kilowatt.Over(u.now.Sub(begun))
			step(Input{What: Reading{Sample: metering.Sample{At: u.now, Has: metering.HasImport | metering.HasPower, Import: home.register + at, Power: units.Kilowatt, Step: 1}}})
		}
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			switch rapid.IntRange(0, 5).Draw(rt, "what") {
			case 0:
				n := int(u.now.Sub(begun)/(24*time.Hour)) + rapid.IntRange(-2, 4).Draw(rt, "day")
				sent = append(sent, u.envelope(policy.Rates, ratesBody(t, rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "id"), day(max(0, n)), flatTariff(rapid.IntRange(1, 9).Draw(rt, "price")))))
				step(Input{What: PolicyEnvelope{Text: sent[len(sent)-1]}})
			case 1:
				if len(sent) > 0 {
					step(Input{What: PolicyEnvelope{Text: rapid.SampledFrom(sent).Draw(rt, "again")}})
				}
			case 2:
				step(Input{What: PolicyEnvelope{Text: u.envelope(policy.Rates, `{"cancel":"a"}`)}})
			case 3:
				var err error
				if u.st, err = u.site.Resume(stored); err != nil {
					rt.Fatal(err)
				}
			default:
				u.now = u.now.Add(rapid.SampledFrom([]time.Duration{time.Minute, 40 * time.Minute, 11 * time.Hour}).Draw(rt, "time"))
				measure()
			}
		}
		measure()
		want := units.Money(0)
		for at := begun; at.Before(u.now); {
			end := units.NextLocalMidnight(at, u.site.Zone)
			if end.After(u.now) {
				end = u.now
			}
			price := units.Price(2_000_000)
			for _, x := range u.st.Rates {
				if !x.From.Start(u.site.Zone).After(at) {
					doc, err := readTariff(x.Text)
					if err != nil {
						rt.Fatal(err)
					}
					price = doc.Versions[0].Energy[0].Price
				}
			}
			want += price.Cost(units.Kilowatt.Over(end.Sub(at)))
			at = end
		}
		got := 1000*units.One - u.st.Credit.Available()
		if off := got - want; off < -100 || off > 100 { // each piece is rounded to a millionth
			rt.Fatalf("%s is charged in place of %s, by %s", got, want, u.text(u.st.Rates))
		}
	})
}
