package control

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// dimmed is a garage (a geyser, and a car at 7360 W) that a contact limits by what its devices
// draw, and the household itself by what all draw.
func dimmed(t *testing.T) *bench {
	b := garage(t)
	b.site.Loads[0].Class, b.site.Loads[1].Class = "heater", "car"
	devices := policy.LimitRules{FailSafe: 4200 * units.Watt, Minimum: 2 * time.Hour, Floor: 4200 * units.Watt, Devices: true, Wired: true}
	own := policy.LimitRules{FailSafe: 20 * units.Kilowatt, Minimum: 2 * time.Hour, Floor: units.Kilowatt}
	b.site.Curbs = LimitRules{Contact: &devices, Own: &own}
	return b
}

func (b *bench) contact(limit units.Power) {
	b.t.Helper()
	b.step(Input{What: LimitWord{From: policy.Contact, Limit: limit, None: limit == 0}})
}

func (b *bench) own(limit units.Power) error {
	b.t.Helper()
	return b.step(Input{What: LimitWord{From: policy.Own, Limit: limit, None: limit == 0}}).Reply.Err
}

// limitedFor goes on with both of them heard.
func (b *bench) limitedFor(d time.Duration, contact, own units.Power) {
	b.t.Helper()
	for end := b.now.Add(d); b.now.Before(end); {
		b.contact(contact)
		_ = b.own(own)
		b.run(30*time.Second, 5*time.Second)
	}
}

func TestAContactDimsTheDevicesAndNotTheHouse(t *testing.T) {
	b := dimmed(t)
	b.limitedFor(5*time.Minute, 0, 0)
	if b.told("car") != "on 7360 W" {
		t.Fatalf("nothing is limited: %s", b.told("car"))
	}
	b.power = 8 * units.Kilowatt // an oven and lights
	b.now = b.now.Add(time.Second)
	b.contact(4200 * units.Watt)
	for range 3 {
		b.reading(time.Second)
	}
	if got := b.told("car"); got != "on 4140 W" {
		t.Fatalf("within three seconds of the contact: %s", got)
	}
	b.limitedFor(10*time.Minute, 4200*units.Watt, 0)
	if got := b.told("car"); got != "on 4140 W" || !b.states[loads.SupplyID] {
		t.Errorf("the car %s, the supply %v", got, b.states[loads.SupplyID])
	}
	if !b.st.Health.Has(health.LimitInForce, "contact") {
		t.Error("nobody is told")
	}
	b.limitedFor(10*time.Minute, 0, 0)
	if got := b.told("car"); got != "on 7360 W" || b.st.Health.Has(health.LimitInForce, "contact") {
		t.Errorf("after it: %s", got)
	}
	b.run(3*time.Minute, 5*time.Second) // its wire is cut, and nobody sends anything
	if got := b.told("car"); got != "on 4140 W" || !b.st.Health.Has(health.LimitFailSafe, "contact") || !b.st.Health.Has(health.LimitFailSafe, "mqtt") {
		t.Errorf("fail-safe: %s", got)
	}
}

func TestTheHouseholdsOwnWordOnlyLowers(t *testing.T) {
	b := dimmed(t)
	b.power = 500 * units.Watt
	b.limitedFor(5*time.Minute, 4200*units.Watt, 20*units.Kilowatt)
	if got := b.told("car"); got != "on 4140 W" {
		t.Errorf("20 kW by the household, 4.2 kW by the contact: %s", got)
	}
	b.limitedFor(5*time.Minute, 4200*units.Watt, 2500*units.Watt)
	if got := b.told("car"); got != "on 1840 W" {
		t.Errorf("2.5 kW by the household, and 500 W are drawn besides: %s", got)
	}
	for _, bad := range []units.Power{-1, -5 * units.Kilowatt, 900 * units.Watt} {
		if b.own(bad) == nil {
			t.Errorf("%s was taken", bad)
		}
	}
	if err := b.step(Input{What: LimitWord{From: policy.Own}}).Reply.Err; err == nil || !strings.Contains(err.Error(), "take the light away") {
		t.Errorf("0 W: %v", err)
	}
	if l := policy.Least(b.site.LimitsInForce(&b.st)); l.Limit != 2500*units.Watt || l.Source != policy.Own {
		t.Errorf("%+v", l)
	}
}

func TestAUtilityLimitsOneLoadOrAClass(t *testing.T) {
	b := garage(t)
	b.site.Loads[0].Class, b.site.Loads[1].Class = "heater", "car"
	u := govern(t, b)
	b.site.Policy.Devices = []policy.Device{{ID: "geyser", Class: "heater"}, {ID: "car", Class: "car"}}
	u.heard(2 * time.Minute)
	u.say(policy.Limit, `{"clear":true}`)
	u.heard(3 * time.Minute)
	event := func(id, target string, kw float64) policy.Outcome {
		return u.say(policy.Limit, fmt.Sprintf(`{"event":{"id":%q,"programID":"dim","targets":[%q],"intervalPeriod":{"start":"0001-01-01","duration":"PT10M"},"intervals":[{"id":0,"payloads":[{"type":"IMPORT_CAPACITY_LIMIT","values":[%g]}]}]}}`, id, target, kw))
	}
	if out := event("e1", "load:boat", 5); out.Code != policy.Inapplicable {
		t.Errorf("a load that is not there: %+v", out)
	}
	if out := event("e2", "feeder", 5); out.Code != policy.Unreadable {
		t.Errorf("a target of no kind: %+v", out)
	}
	if out := event("e3", "load:car", 0.9); out.Code != policy.Unsafe {
		t.Errorf("below the floor: %+v", out)
	}
	if out := event("e4", "class:car", 3); out.Code != policy.Taken {
		t.Fatalf("%+v", out)
	}
	u.heard(2 * time.Minute)
	if got := u.told("car"); got != "on 2990 W" {
		t.Errorf("3 kW for the class of the car: %s", got)
	}
	ahead := u.site.LimitsAhead(&u.st, u.st.Now.Add(time.Hour))
	if !slices.ContainsFunc(ahead, func(x planning.Limit) bool { return slices.Equal(x.Of, []string{"car"}) && x.Power == 3*units.Kilowatt }) {
		t.Errorf("plans are told %+v", ahead)
	}
	event("e5", "load:car", 2)
	u.heard(2 * time.Minute)
	if got := u.told("car"); got != "on 1840 W" {
		t.Errorf("2 kW for the car itself besides: %s", got)
	}
	applied := 0
	for _, a := range u.st.Policy.Acks {
		if a.State == policy.Applied && a.Of.Stream == policy.Limit && a.Limit > 0 {
			applied++
		}
	}
	if applied != 2 {
		t.Errorf("%d of two were acknowledged as applied", applied)
	}
	u.heard(15 * time.Minute)
	if got := u.told("car"); got != "on 7360 W" {
		t.Errorf("after both: %s", got)
	}
}

func TestPlansKnowTheLimitsOfAllSources(t *testing.T) {
	b := dimmed(t)
	b.reading(time.Second)
	b.contact(5 * units.Kilowatt)
	if err := b.own(3 * units.Kilowatt); err != nil {
		t.Fatal(err)
	}
	b.reading(time.Second)
	to := b.st.Now.Add(24 * time.Hour)
	if got := b.site.LimitsAhead(&b.st, to); len(got) != 2 || !got[0].Loads || got[0].Power != 5*units.Kilowatt || got[1].Loads || got[1].Power != 3*units.Kilowatt || got[0].To.Sub(b.st.Now) != unsaidFor {
		t.Errorf("%+v", got)
	}
	b.run(5*time.Minute, time.Minute)
	if got := b.site.LimitsAhead(&b.st, to); len(got) != 2 || !got[0].To.Equal(to) || got[0].Power != 4200*units.Watt {
		t.Errorf("in fail-safe: %+v", got)
	}
}

func TestALimitLeavesEvidence(t *testing.T) {
	b := dimmed(t)
	b.limitedFor(5*time.Minute, 0, 0)
	var over []LimitRecord
	b.now = b.now.Add(time.Second)
	from := b.now
	b.contact(4200 * units.Watt)
	for range 60 {
		over = append(over, b.reading(time.Second).Limits...)
	}
	b.now = b.now.Add(time.Second)
	over = append(over, b.step(Input{What: LimitWord{From: policy.Contact, None: true}}).Limits...)
	if len(over) != 1 || len(b.st.LimitsOpen()) != 0 {
		t.Fatalf("%+v, open %+v", over, b.st.LimitsOpen())
	}
	r := over[0]
	if r.Source != policy.Contact || r.Limit != 4200*units.Watt || !r.From.Equal(from) || !r.To.Equal(b.now) || r.Met.Sub(from) > 5*time.Second || r.Met.IsZero() || r.Over > 5*time.Second || r.Most < 4*units.Kilowatt {
		t.Errorf("%+v", r)
	}
	if kwh := r.Energy.KWh(); kwh < 0.06 || kwh > 0.08 { // a minute at 4.14 kW
		t.Errorf("%v kWh", kwh)
	}
}

// A geyser with a larger element than the configuration knows of draws more than its limit
// leaves, and is not tried again every few seconds.
func TestALoadThatDrawsMoreThanItsLimitDoesNotChatter(t *testing.T) {
	b := dimmed(t)
	b.plain = true
	b.plans("car", 0)
	b.plans("geyser", 3*units.Kilowatt)
	b.deaf["geyser"] = 5500 * units.Watt
	b.limitedFor(10*time.Minute, 0, 0)
	if !b.states["geyser"] {
		t.Fatal("it does not run")
	}
	starts, over, was := 0, 0, true
	for end := b.now.Add(30 * time.Minute); b.now.Before(end); {
		b.contact(4200 * units.Watt)
		_ = b.own(0)
		for range 30 {
			b.reading(time.Second)
			is := b.states["geyser"]
			if is && !was {
				starts++
			}
			if was = is; is {
				over++
			}
		}
	}
	if starts > 6 || over > 30 {
		t.Errorf("in half an hour it was started %d times, and drew more than allowed for %d s", starts, over)
	}
}

// The time in which the agent was away is no evidence of what was drawn.
func TestALimitIsNotMeasuredWhileTheAgentIsAway(t *testing.T) {
	b := dimmed(t)
	b.limitedFor(5*time.Minute, 4200*units.Watt, 0)
	b.reading(20 * time.Hour)
	measured := b.now.Sub(begin()) - 20*time.Hour
	if open := b.st.LimitsOpen(); len(open) == 0 {
		t.Fatal("no limit holds")
	}
	for _, r := range append(b.last.Limits, b.st.LimitsOpen()...) {
		if r.Measured > measured || r.Energy > (10*units.Kilowatt).Over(measured) {
			t.Errorf("%s of %s: %+v", r.Measured, measured, r)
		}
	}
}
