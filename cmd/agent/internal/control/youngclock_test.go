package control

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/unraced"

	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/cmd/agent/internal/schedule"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/openpaygo"
	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/tariffs"
)

// youngBench is a site that is begun at an instant of the machine's clock, with
// free units each month and every night friendly.
func youngBench(t *testing.T, now time.Time) *bench {
	t.Helper()
	site := testSite(t)
	site.Wall = true
	doc := credit.Defaults()
	doc.Opening = 20 * units.One
	doc.FreeUnits = credit.FreeDocument{Amount: 7 * units.One, Period: credit.Month}
	doc.Friendly = credit.FriendlyDocument{Windows: []credit.FriendlyWindow{{Days: []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}, From: 0, To: 1440}}}
	scheme, err := openpaygo.New(openpaygo.Document{Key: "bc41ec9530f6dac86b1a29ab82edc5fb", StartingCode: testStart, ValueDivider: 1, Unit: openpaygo.Money})
	must(t, err)
	site.Credit, err = credit.New(doc, site.Zone, scheme)
	must(t, err)
	site.PlanAt, err = schedule.Parse("*/30 * * * *", site.Zone)
	must(t, err)
	b := &bench{t: t, site: site, now: now, power: units.Kilowatt, states: map[string]bool{loads.SupplyID: true}}
	var eff Effects
	b.st, eff = site.Begin(now)
	b.take(eff)
	f, err := forecast.New(forecast.Options{Zone: site.Zone, Step: site.Interval})
	must(t, err)
	b.planner = &plans{t: t, site: site, forecast: f}
	alone(b)
	b.reading(0)
	return b
}

// A board without a battery is begun with its clock wherever it stood, and set by
// the network after a while: the ledger is that of a right clock, and what used
// energy in between is paid.
func TestTheFirstClockOfANewInstall(t *testing.T) {
	unraced.Only(t)
	right := begin().Add(10*time.Hour + 7*time.Minute)
	count := func(b *bench, kind credit.Kind) (n int) {
		for _, e := range b.ledger {
			if e.Kind == kind {
				n++
			}
		}
		return n
	}
	for _, c := range []struct {
		situation string
		first     time.Time     // what the clock shows at first
		after     time.Duration // powered time until it is set; 0: it is right
	}{
		{"right from the start", right, 0},
		{"1970, set after a minute", time.Unix(10, 0), time.Minute},
		{"1970, no network for three hours", time.Unix(10, 0), 3 * time.Hour},
		{"where the image was made, set after a minute", time.Date(2023, 5, 1, 0, 0, 0, 0, time.UTC), time.Minute},
		{"three weeks behind, set after a minute", right.AddDate(0, 0, -21), time.Minute},
		{"fourteen years ahead, set after five minutes", right.AddDate(14, 0, 0), 5 * time.Minute},
	} {
		t.Run(c.situation, func(t *testing.T) {
			b := youngBench(t, c.first.UTC())
			token := tokenFor(t, 1, 30)
			b.step(Input{What: Token{Text: token, Source: "page"}})
			for since := b.now; b.now.Sub(since) < c.after; {
				b.reading(min(time.Minute, max(10*time.Second, c.after/100)))
			}
			if n := count(b, credit.Gift) + count(b, credit.Standing); n != 0 && c.after > 0 {
				t.Errorf("%d gifts and standing charges by a clock that was not set", n)
			}
			b.now = right.Add(c.after)
			b.reading(5 * time.Second)
			if !b.st.Now.Equal(b.now) || len(b.last.Intervals) > 2 {
				t.Fatalf("the clock shows %s, the time is %s; %d intervals", b.now, b.st.Now, len(b.last.Intervals))
			}
			alone(b) // what is said until a time is forgotten with the time
			if again := b.step(Input{What: Token{Text: token, Source: "mqtt"}}); again.Reply.TopUp.Token.Code != credit.Used {
				t.Errorf("the token again: %s", again.Reply.TopUp.Token.Code)
			}
			for b.now.Before(right.Add(c.after).Add(20 * time.Minute)) {
				b.reading(10 * time.Second)
			}
			// To the next midnight and a little on: one standing charge for each of
			// the two days, the month's free units once.
			for b.now.Before(begin().Add(24*time.Hour + 40*time.Minute)) {
				b.reading(4 * time.Minute)
			}
			if n := count(b, credit.Gift); n != 1 {
				t.Errorf("free units were given %d times in one month", n)
			}
			if n := count(b, credit.Standing); n != 1 {
				t.Errorf("%d standing charges were taken; one midnight has passed", n)
			}
			// 1 kW from the first reading on, by the register and by the ledger.
			wall := b.now.Sub(right)
			if got := b.st.Meter.Registers.Import.KWh(); got < wall.Hours()*0.999 || got > wall.Hours()*1.001 {
				t.Errorf("%.4f kWh were counted in %.4f h", got, wall.Hours())
			}
			var energy units.Energy
			for _, e := range b.ledger {
				energy += e.Energy
			}
			for _, p := range b.st.Credit.Pending {
				energy += p.Charge.Energy
			}
			if energy != b.st.Meter.Registers.Import {
				t.Errorf("%s were charged of %s", energy, b.st.Meter.Registers.Import)
			}
			if err := credit.Verify(b.ledger); err != nil {
				t.Error(err)
			}
			if !b.states[loads.SupplyID] && b.balance() > 0 {
				t.Error("the supply is off with credit")
			}
		})
	}
}

// An account that is as good as empty is not held on by hours that a clock which
// nobody has set takes for friendly.
func TestAnUnsetClockMakesNoFriendlyHours(t *testing.T) {
	b := youngBench(t, time.Unix(10, 0).UTC())
	b.power = 6 * units.Kilowatt
	for range 12 * 60 {
		if b.reading(time.Minute); !b.states[loads.SupplyID] {
			break
		}
	}
	if b.states[loads.SupplyID] || b.st.Credit.Supply.Cause != credit.ForNoCredit {
		t.Fatalf("on with %s: %+v", b.balance(), b.st.Decision)
	}
	if b.balance() < -units.One {
		t.Errorf("cut only at %s", b.balance())
	}
}

// An agent in use that starts with a clock far ahead of what it remembers wants
// a person's word, or a day of power, before it takes a year of charges.
func TestAYearAheadAtAStartIsNotBelieved(t *testing.T) {
	for _, c := range []struct {
		ahead    time.Duration
		believed bool
	}{{10 * 24 * time.Hour, true}, {40 * 24 * time.Hour, true}, {365 * 24 * time.Hour, false}} {
		t.Run(fmt.Sprint(c.ahead), func(t *testing.T) {
			b := newBench(t)
			alone(b)
			b.site.Wall = true
			b.run(20*time.Minute, 5*time.Second)
			b.now = b.now.Add(c.ahead)
			before := b.balance()
			st, _ := b.site.Step(b.st, Input{Now: b.now, Fresh: true, Facts: b.facts()})
			if got := st.Now.Equal(b.now); got != c.believed {
				t.Errorf("the time is %s, the clock shows %s", st.Now, b.now)
			}
			if !c.believed && st.Credit.Available() != before {
				t.Errorf("%s were taken", before-st.Credit.Available())
			}
		})
	}
}

// A clock that is set for the first time takes nothing with it but what hangs on
// the calendar: whoever adds a field to State says which it is.
func TestASetClockForgetsOnlyWhatHangsOnTheCalendar(t *testing.T) {
	kept := []string{"Prices", "Rates", "Decision", "SupplySeen", "Supply", "Clock", "Plant", "Health", "EventSeq", "OpeningTaken", "Hold", "HoldTokens", "Credit", "Version", "Policy", "VTN", "Limits"}
	anew := []string{
		"Now", "Meter", "Tariff", "Elapsed", "TariffSeen", "Loads", "LoadsAt", "Guard", "Held", "Next", "Shed", "Ladder", "Plan", "AskedAt", "Asking", "WantPlan",
		"PointAt", "Days", "Said", "laid", "Until", "Expected", "Pasted", "Purchases", "Quality", "Beside", "Feeder",
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[State]()) {
		if field.Anonymous {
			continue // its own fields follow
		}
		if slices.Contains(kept, field.Name) == slices.Contains(anew, field.Name) {
			t.Errorf("%s: is it kept when a young clock is set, or does it begin anew?", field.Name)
		}
	}
	b := youngBench(t, time.Unix(10, 0).UTC())
	b.st.Hold, b.st.HoldTokens, b.st.OpeningTaken, b.st.EventSeq = &Hold{Why: "x"}, true, true, 7
	b.st.Plant = []byte(`{"a":1}`)
	b.st.Policy = policy.State{Anchor: "x", Limit: policy.LimitState{Phase: policy.FailSafe, Heard: begin()}}
	next, _ := b.site.reclock(b.st, begin())
	was, is := reflect.ValueOf(b.st), reflect.ValueOf(next)
	for _, name := range []string{"Prices", "SupplySeen", "Clock", "Plant", "Health", "EventSeq", "OpeningTaken", "Hold", "HoldTokens", "Version", "Policy", "VTN", "Limits"} {
		if !reflect.DeepEqual(was.FieldByName(name).Interface(), is.FieldByName(name).Interface()) {
			t.Errorf("%s is lost when the clock is set", name)
		}
	}
}

// West of Greenwich a clock that was never set shows a day of 1969, and the billing
// month of the account begins in it.
func TestAClockThatWasNeverSetIsReadBackWestOfGreenwich(t *testing.T) {
	for _, name := range []string{"America/New_York", "Pacific/Honolulu", "Europe/Madrid"} {
		zone, err := time.LoadLocation(name)
		must(t, err)
		site := testSite(t)
		doc := site.Tariff.Document()
		doc.Zone = name
		site.Zone, site.Wall = zone, true
		site.Tariff, err = tariffs.New(doc)
		must(t, err)
		now := time.Unix(10, 0).UTC()
		st, _ := site.Begin(now)
		for i := range 4 {
			now = now.Add(5 * time.Second)
			st, _ = site.Step(st, Input{Now: now, What: Reading{Sample: metering.Sample{
				At: now, Has: metering.HasImport, Import: units.Energy(i) * units.WattHour, Step: 1,
			}}})
		}
		text, err := json.Marshal(st)
		must(t, err)
		back, err := ReadState(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if again, err := json.Marshal(back); err != nil || !bytes.Equal(again, text) {
			t.Errorf("%s: it is read back as another State (%v)", name, err)
		}
	}
}
