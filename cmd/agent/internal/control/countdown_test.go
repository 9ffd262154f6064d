package control

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/ladder"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/schedule"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// rungs are the warnings of the ladder that were said, as hours left.
func rungs(b *bench) (out []string) {
	for _, e := range b.events {
		if e.Code == string(health.CreditEnds) {
			out = append(out, fmt.Sprintf("%s (%s)", e.Says[:1], e.Severity))
		}
	}
	return out
}

func TestEachRungIsSaidOnceATopUp(t *testing.T) {
	b := newBench(t)
	b.site.RunOutOver = 4 * 24 * time.Hour
	b.power = 500 * units.Watt
	alone(b)
	hourly, err := schedule.Parse("0 * * * *", b.site.Zone)
	must(t, err)
	b.site.PlanAt = hourly
	b.step(Input{What: Token{Text: tokenFor(t, 1, 150), Source: "page"}})
	b.events = nil
	heard := 0
	for b.states[loads.SupplyID] && b.now.Before(begin().Add(20*24*time.Hour)) {
		b.reading(5 * time.Minute)
		if b.st.Buzzes(b.now) {
			heard++
		}
	}
	want := []string{"rung.days n=3 (info)", "rung.day (caution)", "rung.hours n=4 (serious)", "rung.hours n=1 (critical)", "rung.minutes n=10 (critical)"}
	if got := rungs(b); strings.Join(got, "; ") != strings.Join(want, "; ") {
		t.Errorf("said were %q", got)
	}
	if heard != 2 {
		t.Errorf("the buzzer began %d times; the last hour and the last ten minutes make two", heard)
	}
	if b.st.Health.Has(health.CreditEnds, "") {
		t.Error("with the supply off it is still said that the credit will end")
	}
	// The next top-up begins anew, and its plan is waited for: nothing is said of
	// the credit that was.
	b.reading(time.Minute)
	b.events = nil
	b.step(Input{What: Token{Text: tokenFor(t, 2, 200), Source: "page"}})
	b.reading(time.Minute)
	if got := rungs(b); len(got) != 0 {
		t.Errorf("after a top-up for six days it was said %q", got)
	}
	if b.st.Health.Has(health.CreditEnds, "") {
		t.Errorf("the warning stays: %+v", b.st.Health.Active)
	}
	for range 5 * 24 * 12 {
		b.reading(5 * time.Minute)
	}
	if got := rungs(b); len(got) == 0 || got[0] != want[0] {
		t.Errorf("the second ladder is %q", got)
	}
}

func TestTheBuzzerStopsWhenTheWarningIsSeen(t *testing.T) {
	now := begin()
	st := State{Ladder: ladder.State{Sound: now.Add(time.Minute)}}
	st.Health, _ = st.Health.Raise(now, health.CreditEnds, "", said.Words("less than 1 h of credit left"))
	if !st.Buzzes(now) || !st.Buzzes(now.Add(59*time.Second)) || st.Buzzes(now.Add(time.Minute)) {
		t.Error("it does not sound for a minute")
	}
	if st.Buzzes(now.Add(-time.Hour)) {
		t.Error("after the clock went back an hour it sounds for an hour")
	}
	st.Health = st.Health.Acknowledge(health.CreditEnds)
	if st.Buzzes(now) {
		t.Error("it sounds on after the warning was seen")
	}
}

// D13: what a plan says of the end of the credit is of the credit that it knew.
func TestAPlanOfBeforeATopUpSaysNothingOfTheCreditThatThereIs(t *testing.T) {
	b := newBench(t)
	b.site.RunOutOver = 4 * 24 * time.Hour
	b.power = 500 * units.Watt
	alone(b)
	for range 6 {
		b.reading(10 * time.Minute)
	}
	b.leave(5 * units.One)
	b.reading(10 * time.Minute)
	before := b.planner.Plan(b.st)
	b.step(Input{What: NewPlan{before}})
	if !b.st.Health.Has(health.CreditEnds, "") || !b.st.Foresees() {
		t.Fatal("it is not said that the credit ends")
	}
	planner := b.planner
	b.planner = nil // it was asked, and answers late, or never again
	b.now = b.now.Add(time.Minute)
	b.step(Input{What: Token{Text: tokenFor(t, 1, 200), Source: "page"}})
	b.step(Input{What: NewPlan{before}}) // was under way when the token came
	if b.st.Foresees() {
		t.Error("the plan of before is taken for one that knows of the top-up")
	}
	for range 3 {
		b.reading(time.Minute)
	}
	if b.st.Health.Has(health.CreditEnds, "") {
		t.Errorf("with 200 on the account and no plan it is said %+v", b.st.Health.Active)
	}
	// A plan comes, and then no other for hours: what it foresaw is no forecast.
	after := planner.Plan(b.st)
	b.step(Input{What: NewPlan{after}})
	if _, err := b.site.TopUpFor(&b.st, b.now, units.One); !b.st.Foresees() || err != nil {
		t.Fatalf("the plan is not taken: %v", err)
	}
	for range 60 {
		b.reading(5 * time.Minute)
	}
	if _, err := b.site.TopUpFor(&b.st, b.now, units.One); b.st.Foresees() || !errors.Is(err, ErrNotForecast) || b.st.Health.Has(health.CreditEnds, "") {
		t.Errorf("five hours later it foresees: %v, %v, %+v", b.st.Foresees(), err, b.st.Health.Active)
	}
}
