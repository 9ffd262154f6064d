package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// list is an outage as announcements have it.
func list(from, to time.Time) string {
	return fmt.Sprintf(`{"events":[{"start":%q,"end":%q,"note":"Stage 2"}],"info":{"name":"Area 7"}}`, from.Format(time.RFC3339), to.Format(time.RFC3339))
}

// TestAListOfOutagesTakesThePlaceOfTheOneBefore, is kept over a restart, and what cannot be read changes nothing.
func TestAListOfOutagesTakesThePlaceOfTheOneBefore(t *testing.T) {
	b := habitual(t)
	at := func(h float64) time.Time { return b.now.Add(time.Duration(h * float64(time.Hour))) }
	b.expects("guests from tomorrow until Sun")
	for _, text := range []string{
		list(at(5), at(7.5)),
		fmt.Sprintf(`[{"start":%q,"end":%q},{"start":%q,"end":%q}]`, at(6).Format(time.RFC3339), at(8).Format(time.RFC3339), at(-6).Format(time.RFC3339), at(-4).Format(time.RFC3339)),
	} {
		if eff := b.expects(text); eff.Reply.Err != nil || !eff.Durable {
			t.Fatalf("%s: %v, stored %t", text, eff.Reply.Err, eff.Durable)
		}
	}
	if all := b.st.Expecting(); len(all) != 2 || all[0].What != forecast.Outage || !all[0].From.Equal(at(6)) || !all[0].To.Equal(at(8)) {
		t.Fatalf("told: %+v", all)
	}
	if eff := b.expects(fmt.Sprintf(`[{"start":%q,"end":%q}]`, at(6).Format(time.RFC3339), at(8).Format(time.RFC3339))); eff.Durable {
		t.Error("the same list is stored anew")
	}
	for _, text := range []string{`[`, `{}`, `{"events":null}`, `[{"start":"18:00"}]`, fmt.Sprintf(`[{"start":%q,"end":%q}]`, at(8).Format(time.RFC3339), at(6).Format(time.RFC3339))} {
		var not *NotTakenError
		if eff := b.expects(text); !errors.As(eff.Reply.Err, &not) || len(b.st.Expecting()) != 2 {
			t.Errorf("%s: %v, %+v", text, eff.Reply.Err, b.st.Expecting())
		}
	}
	var long *NotTakenError
	if eff := b.expects(list(at(6), at(24*90))); !errors.As(eff.Reply.Err, &long) || long.Says[0].Kind != "expect.long" {
		t.Errorf("an outage of three months: %v", eff.Reply.Err)
	}
	data, err := json.Marshal(b.st)
	must(t, err)
	var st State
	must(t, json.Unmarshal(data, &st))
	if st, err = b.site.Resume(st); err != nil || len(st.Expecting()) != 2 {
		t.Fatalf("after a restart: %+v, %v", st.Expecting(), err)
	}
	if b.expects("[]"); len(b.st.Expecting()) != 1 || b.st.Expecting()[0].What != forecast.Guests {
		t.Errorf("an empty list: %+v", b.st.Expecting())
	}
	if b.expects("outage from 18:00 until 20:30"); len(b.st.ofOutages(true)) != 1 {
		t.Errorf("by hand: %+v", b.st.Expecting())
	}
}

// TestHoursOfTheWeekAreTold of the next day, follow the configuration, and cannot be taken back; plans know them
// as far as the end of the credit is looked for.
func TestHoursOfTheWeekAreTold(t *testing.T) {
	b := habitual(t)
	var h civil.Hours
	must(t, h.SetText("Mon-Sun 18:00-20:30"))
	b.site.Outages = civil.Week{h}
	b.step(Input{})
	all := b.st.Expecting()
	if len(all) < 1 || len(all) > 2 || all[0].To.Sub(all[0].From) != 150*time.Minute {
		t.Fatalf("told: %+v", all)
	}
	if n := len(b.site.Brief(&b.st).Expected); n < 8 || n > 9 {
		t.Errorf("a plan knows %d in 8 days", n)
	}
	if eff := b.expects(fmt.Sprintf("withdraw %d", all[0].N)); eff.Reply.Err == nil {
		t.Error("what the configuration says was taken back")
	}
	if b.expects("[]"); len(b.st.Expecting()) != len(all) {
		t.Error("an empty list took back what the configuration says")
	}
	b.site.Outages = nil
	if b.step(Input{}); len(b.st.Expecting()) != 0 {
		t.Errorf("the configuration has none, and told is %+v", b.st.Expecting())
	}
}

// TestTheCreditLastsLongerByWhatAnOutageTakes, as the site knows its use; and as before once it is seen that it has
// not come.
func TestTheCreditLastsLongerByWhatAnOutageTakes(t *testing.T) {
	b := habitual(t)
	b.fills(20 * units.One)
	before := b.foresees()
	from := civil.DateIn(b.now, b.site.Zone).At(16*60, b.site.Zone)
	to := from.Add(6 * time.Hour)
	b.expects(list(from, to))
	with := b.foresees()
	if !with.RunOut.Mid.After(before.RunOut.Mid.Add(90 * time.Minute)) {
		t.Errorf("the credit ends at %s, with six hours without mains at %s", before.RunOut.Mid, with.RunOut.Mid)
	}
	for i := range with.Prices {
		at := with.Start.Add(time.Duration(i) * with.Slot)
		if in := !at.Before(from) && at.Before(to); in && (with.Mid[i] != 0 || with.High[i] == 0) {
			t.Fatalf("at %s %v is expected, %v at most", at, with.Mid[i], with.High[i])
		}
	}
	b.passes(from.Add(time.Hour).Sub(b.now), false) // and the mains is there
	if all := b.st.Expecting(); len(all) != 1 || !all[0].Lit {
		t.Fatalf("told: %+v", all)
	}
	after := b.foresees()
	b.st.Expected = nil
	if without := b.foresees(); !after.RunOut.Mid.Equal(without.RunOut.Mid) {
		t.Errorf("an outage that has not come moves the end of the credit from %s to %s", without.RunOut.Mid, after.RunOut.Mid)
	}
}

// TestWhatIsMeasuredInAnOutageIsNotLearned, where it comes; where it does not it is as any other.
func TestWhatIsMeasuredInAnOutageIsNotLearned(t *testing.T) {
	for _, comes := range []bool{true, false} {
		b := habitual(t)
		from := units.SlotAt(b.now, b.site.Interval).End()
		b.expects(list(from, from.Add(3*time.Hour)))
		censored := 0
		for end := from.Add(3 * time.Hour); b.now.Before(end); {
			if b.power = 0; !comes || b.now.Before(from) {
				b.power = 500 * units.Watt
			}
			for _, iv := range b.reading(b.site.Interval).Intervals {
				if iv.Series == planning.SiteSeries && iv.Quality&metering.MainsOff != 0 {
					censored++
				}
			}
		}
		if comes && censored < 5 || !comes && censored > 1 {
			t.Errorf("it comes: %t; %d intervals are not learned", comes, censored)
		}
	}
}

// TestNothingIsAskedForInAnOutage: what is to be hot in it is heated before, as long before as it takes.
func TestNothingIsAskedForInAnOutage(t *testing.T) {
	at := func(h float64) time.Time {
		return time.Date(2026, 12, 7, 0, 0, 0, 0, time.UTC).Add(time.Duration(h * float64(time.Hour)))
	}
	span := func(from, to float64) units.Slot { return units.Slot{Start: at(from), Len: at(to).Sub(at(from))} }
	out := []forecast.Expected{{Told: forecast.Outage, From: at(18), To: at(20.5)}}
	for name, c := range map[string]struct {
		of   loads.Request
		want []units.Slot
	}{
		"a pump of all day":        {loads.Request{Kind: loads.OnOff, Spans: []units.Slot{span(8, 24)}}, []units.Slot{span(8, 18), span(20.5, 24)}},
		"before it":                {loads.Request{Kind: loads.OnOff, Spans: []units.Slot{span(8, 12)}}, []units.Slot{span(8, 12)}},
		"water by eight":           {loads.Request{Kind: loads.Heat, By: at(20), Time: 2 * time.Hour, Late: true, Spans: []units.Slot{span(17.5, 20)}}, []units.Slot{span(16, 18)}},
		"water of little is known": {loads.Request{Kind: loads.Heat, By: at(20), All: true, Time: 2 * time.Hour, Spans: []units.Slot{span(18, 20)}}, []units.Slot{span(16, 18)}},
		"water, and it is late":    {loads.Request{Kind: loads.Heat, By: at(20), Time: 12 * time.Hour, Spans: []units.Slot{span(17, 20)}}, []units.Slot{span(7, 18)}},
	} {
		got := outOf(out, []loads.Request{c.of}, at(7))[0].Spans
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
