package desk

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/cmd/agent/internal/testsite"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/store"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/optimizer"
)

func shown(site *control.Site, st control.State, r Records) *Desk {
	maker := picture.New(site, picture.About{Name: "Home", Unit: present.Unit{Code: "ZAR", Symbol: "R", Decimals: 2}})
	return New(site, control.NewLoop(control.LoopConfig{Site: site, State: st}), r, maker, About{})
}

var raw = regexp.MustCompile(`\d\.\d{3,}|\dh\d|\dm0s|\d{4}-\d\d-\d\dT|#\d|geyser`)

func TestAWaitingLoadSaysWhyInMoneyAndClock(t *testing.T) {
	site := testsite.New(t)
	at := time.Date(2026, 11, 3, 6, 0, 0, 0, time.UTC) // 08:00 in Johannesburg: dear
	st, _ := site.Begin(at)
	if v := shown(site, st, nil).View(); v.Supply.State != "" {
		t.Errorf("before the first decision the supply is %q", v.Supply.State)
	}
	st, _, _ = testsite.Drive(t, site, st, at, 10*time.Minute)
	v := shown(site, st, nil).View()
	if v.Supply.State != present.Unswitched {
		t.Errorf("the supply is %q", v.Supply.State)
	}
	why := strings.ReplaceAll(v.Loads[0].Why, "\u00a0", " ")
	// Two hours of 3 kW at 2 the kWh less.
	if !regexp.MustCompile(`^Waits until \d\d:\d\d: R 12\.00 cheaper than now\.`).MatchString(why) || raw.MatchString(why) {
		t.Errorf("it says %q", why)
	}
	// Another language says the same of the same instant, with the same figures.
	if got := strings.ReplaceAll(shown(site, st, nil).In("fr").View().Loads[0].Why, "\u00a0", " "); !regexp.MustCompile(`^Attend jusqu'à \d\d:\d\d : R 12,00 moins cher que maintenant\.`).MatchString(got) {
		t.Errorf("in French it says %q", got)
	}
	// What was planned survives a restart: the words come from the State alone.
	if again := shown(site, st, nil).View().Loads[0].Why; again != v.Loads[0].Why {
		t.Errorf("%q, then %q", v.Loads[0].Why, again)
	}
}

func TestANewSiteSaysWhenItsFirstForecastComes(t *testing.T) {
	site := testsite.New(t)
	at := time.Date(2026, 11, 3, 6, 10, 0, 0, time.UTC)
	st, _ := site.Begin(at)
	st.Plan, st.WantPlan = nil, true
	for _, c := range []struct {
		after time.Duration
		want  time.Time
	}{
		{0, at.Add(80 * time.Minute)}, // the half hour from 06:30 on is whole at 07:00, and the plan behind it is of 07:30
		{79 * time.Minute, at.Add(80 * time.Minute)},
		{81 * time.Minute, time.Time{}},
		{48 * time.Hour, time.Time{}},
	} {
		now := st
		now.Now = at.Add(c.after)
		if got := shown(site, now, nil).View().RunOut.First; !got.Equal(c.want) {
			t.Errorf("after %s: %s, want %s", c.after, got, c.want)
		}
	}
}

func TestWhatTheKeypadShowsIsOnThePage(t *testing.T) {
	site := testsite.New(t)
	st, _ := site.Begin(time.Date(2026, 11, 3, 6, 0, 0, 0, time.UTC))
	a := shown(site, st, nil)
	if got := a.View().TopUp.Keypad; got != "" {
		t.Errorf("untouched it shows %q", got)
	}
	a.Keypad("Token:", "1234 56")
	if got := a.View().TopUp.Keypad; got != "Token: 1234 56" {
		t.Errorf("it shows %q", got)
	}
	a.Keypad("", "")
	if got := a.View().TopUp.Keypad; got != "" {
		t.Errorf("cleared it shows %q", got)
	}
}

func TestShortfallsAndWarningsAreSentences(t *testing.T) {
	site := testsite.New(t)
	at := time.Date(2026, 11, 3, 6, 0, 0, 0, time.UTC)
	st, _ := site.Begin(at)
	st, _, _ = testsite.Drive(t, site, st, at, 5*time.Minute)
	plan := *st.Plan
	plan.Short = []planning.Shortfall{
		{Kind: optimizer.ShortEnergy, Load: "geyser", At: at, Time: 105 * time.Minute, Amount: 3.5, Unit: "slots"},
		{Kind: optimizer.ShortSkip, Load: "geyser", At: at, Amount: 1, Unit: "runs"},
		{Kind: optimizer.ShortCredit, At: at.Add(9 * time.Hour), Amount: 12.345678, Unit: "money"},
		{Kind: optimizer.ShortCredit, At: at.Add(9 * time.Hour), Amount: 15.5, Unit: "money"},
		{Kind: optimizer.ShortComfort, Load: "geyser", At: at, Amount: 1.2345, Unit: "K*slot"},
	}
	st, _ = site.Step(st, control.Input{Now: st.Now, What: control.NewPlan{Plan: plan}})
	st, _ = site.Step(st, control.Input{Now: st.Now.Add(time.Hour), What: control.Edge{Code: health.BrokerGone, Cause: said.Words("connection refused")}})
	v := shown(site, st, nil).View()
	if len(v.Plan.Shortfalls) != 4 || strings.ReplaceAll(v.Plan.Shortfalls[0].Text, "\u00a0", " ") != "Geyser will run 1 h 45 min less than it needs." {
		t.Errorf("shortfalls %+v", v.Plan.Shortfalls)
	}
	codes := map[string]bool{}
	for _, w := range v.Warnings {
		codes[w.Code] = true
		if w.Cause == "" || w.Cause[0] < 'A' || w.Cause[0] > 'Z' || raw.MatchString(w.Cause) {
			t.Errorf("%s: %q", w.Code, w.Cause)
		}
	}
	for _, code := range []health.Code{health.LoadShort, health.MeterSilent, health.BrokerGone, health.TariffUnsure} {
		if !codes[string(code)] {
			t.Errorf("no warning %s among %v", code, codes)
		}
	}
}

func TestALoadThatThePlanLeavesShortIsNotDone(t *testing.T) {
	site := testsite.New(t)
	at := time.Date(2026, 11, 3, 6, 0, 0, 0, time.UTC)
	st, _ := site.Begin(at)
	st, _, _ = testsite.Drive(t, site, st, at, 5*time.Minute)
	st.Loads[0].Progress.Delivered = site.Loads[0].Need
	plan := *st.Plan
	plan.Loads, plan.Outlook.Runs, plan.Short = []planning.LoadPlan{{ID: "geyser"}}, nil, nil
	st.Plan = &plan
	if l := shown(site, st, nil).View().Loads[0]; l.State != present.LoadDone {
		t.Fatalf("what has all it needs is %q", l.State)
	}
	plan.Short = []planning.Shortfall{{Kind: optimizer.ShortEnergy, Load: "geyser", At: at.Add(12 * time.Hour), Time: time.Hour, Amount: 2, Unit: "slots"}}
	if l := shown(site, st, nil).View().Loads[0]; l.State != present.LoadOff || l.Why != "Left out: it does not fit." {
		t.Errorf("what will go short is %q: %q", l.State, l.Why)
	}
}

func TestHistoryHasWhatTheLedgerCharged(t *testing.T) {
	site := testsite.New(t)
	at := time.Date(2026, 11, 3, 20, 0, 0, 0, time.UTC)
	st, first := site.Begin(at)
	st, entries, intervals := testsite.Drive(t, site, st, at, 27*time.Hour)
	r := &testsite.Records{Entries: append(first.Entries, entries...), Stretches: intervals}
	points, err := shown(site, st, r).History(t.Context(), at, at.Add(48*time.Hour))
	if err != nil || len(points) != 53 {
		t.Fatalf("%d points, %v", len(points), err)
	}
	sum, want := units.Money(0), units.Money(0)
	for _, p := range points {
		sum += p.Cost
		if p.Cost <= 0 {
			t.Errorf("%s cost %s", p.Slot.Start, p.Cost)
		}
	}
	for _, e := range r.Entries {
		if e.Kind != credit.Opening && e.Kind != credit.Supply {
			want -= e.Amount
		}
	}
	if sum != want {
		t.Errorf("the history comes to %s, the ledger charged %s", sum, want)
	}
	later, err := shown(site, st, r).History(t.Context(), at.Add(24*time.Hour), at.Add(48*time.Hour))
	if err != nil || len(later) != 5 || later[0].Cost != points[48].Cost {
		t.Errorf("asked for the end alone: %+v, %v", later, err)
	}
}

// Hours in the dark are told as such, and not as hours that nobody measured; the mean
// day is that of days with light.
func TestHistoryAndMeanTellTheDarkApart(t *testing.T) {
	site := testsite.New(t)
	at := time.Date(2026, 11, 3, 22, 0, 0, 0, time.UTC) // local midnight
	slot := func(i int, kwh float64, q metering.Quality) planning.Interval {
		return planning.Interval{Series: planning.SiteSeries, Interval: metering.Interval{
			Slot: units.Slot{Start: at.Add(time.Duration(i) * 30 * time.Minute), Len: 30 * time.Minute}, Import: units.FromKWh(kwh), Quality: q,
		}}
	}
	st, _ := site.Begin(at)
	r := &testsite.Records{Stretches: []planning.Interval{slot(0, 0.5, 0), slot(1, 0, metering.SupplyOff), slot(2, 0, metering.Gap), slot(3, 0, metering.Gap|metering.MainsOff)}}
	points, err := shown(site, st, r).History(t.Context(), at, at.Add(24*time.Hour))
	if err != nil || len(points) != 4 {
		t.Fatal(points, err)
	}
	for i, want := range []web.HistoryPoint{{}, {Held: true}, {Gap: true}, {Gap: true, Held: true}} {
		if p := points[i]; p.Gap != want.Gap || p.Held != want.Held {
			t.Errorf("slot %d: gap %v, held back %v", i, p.Gap, p.Held)
		}
	}
	day := func(back int, spent units.Money, dark time.Duration) control.DayTotal {
		return control.DayTotal{Start: at.AddDate(0, 0, -back), Spent: spent * units.One, Unseen: dark}
	}
	st.Days = []control.DayTotal{day(3, 61, 0), day(2, 59, time.Minute), day(1, 2, 23*time.Hour), day(0, 1, 0)}
	if c := shown(site, st, r).View().Credit; c.SpentPerDay != 60*units.One || c.SpentToday != units.One {
		t.Errorf("%s a day, %s today", c.SpentPerDay, c.SpentToday)
	}
}

func TestLogNamesWhatHappened(t *testing.T) {
	site := testsite.New(t)
	at := time.Date(2026, 11, 3, 6, 0, 0, 0, time.UTC)
	st, _ := site.Begin(at)
	rows, err := shown(site, st, &testsite.Records{Happened: []store.Event{
		{ID: 3, At: at, Code: "voltage_sag_cleared", Severity: "info", Text: "phase 1: from Tue 08:00 for 10 ms: 184.0 V"},
		{ID: 2, At: at, Code: "voltage_sag", Severity: "caution", Text: "phase 1: 184.0 V"},
		{ID: 1, At: at, Code: "supply_connected", Severity: "critical", Text: "on"},
		{ID: 0, At: at, Code: "setting_changed", Severity: "info", Text: "in another language", Data: []byte(`{"says":[{"kind":"setting.out"}]}`)},
	}}).Log(t.Context(), 0, 10)
	if err != nil || len(rows) != 4 {
		t.Fatal(rows, err)
	}
	for i, want := range []picture.LogRow{
		{ID: 3, At: at, Severity: picture.Info, Code: "voltage_sag_cleared", Title: "The voltage is low", Over: true, Text: "phase 1: from Tue 08:00 for 10 ms: 184.0 V"},
		{ID: 2, At: at, Severity: picture.Caution, Code: "voltage_sag", Title: "The voltage is low", Text: "phase 1: 184.0 V"},
		{ID: 1, At: at, Severity: picture.Critical, Code: "supply_connected", Title: "Supply", Text: "on"},
		{At: at, Severity: picture.Info, Code: "setting_changed", Text: "not in use"},
	} {
		if rows[i] != want {
			t.Errorf("got  %+v\nwant %+v", rows[i], want)
		}
	}
}
