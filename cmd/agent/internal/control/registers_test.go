package control

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// The registers by tariff period add up to the whole, survive a restart and the
// replacement of the meter, and both greatest demands begin anew with the month.
func TestRegistersByPeriodOutliveRestartAndMeter(t *testing.T) {
	b := newBench(t)
	b.power = 2 * units.Kilowatt
	sum := func() (in units.Energy) {
		for _, p := range b.st.Meter.Registers.Periods {
			in += p.Import
		}
		return in
	}
	run := func(d time.Duration) {
		for range int(d / time.Minute) {
			for id := range b.states { // whatever they are told
				b.states[id] = id == loads.SupplyID
			}
			b.reading(time.Minute)
		}
	}
	run(26 * time.Hour)
	periods := len(b.st.Meter.Registers.Periods)
	if periods < 2 {
		t.Fatalf("%d periods: the tariff of the test has more", periods)
	}
	before := b.st.Meter.Registers
	// A restart, by way of the stored form.
	stored, err := json.Marshal(b.st)
	must(t, err)
	var again State
	must(t, json.Unmarshal(stored, &again))
	b.st, err = b.site.Resume(again)
	must(t, err)
	if got := b.st.Meter.Registers; got.Import != before.Import || len(got.Periods) != periods {
		t.Fatalf("after the restart: %+v", got)
	}
	// Another meter, which has counted from somewhere else.
	b.register = 7 * units.KilowattHour
	sample := metering.Sample{At: b.now.Add(time.Minute), Has: metering.HasImport, Import: b.register, Step: 1, Device: "new"}
	b.now = sample.At
	was := b.st.Meter.Registers
	was.Device = "old"
	b.st.Meter.Registers = was
	b.step(Input{What: Reading{Sample: sample}})
	if got := b.st.Meter.Registers; got.Import < was.Import || got.Device != "new" {
		t.Fatalf("after the replacement: %+v", got)
	}
	run(time.Hour)
	got := b.st.Meter.Registers
	if used := got.Import - was.Import; used < 1900*units.WattHour || used > 2100*units.WattHour {
		t.Errorf("the new meter counted %v in an hour at 2 kW", used)
	}
	if sum() != got.Import {
		t.Errorf("the periods hold %v, the whole is %v", sum(), got.Import)
	}
	if d := b.st.Meter.Sliding; d.MaxAt.IsZero() || d.Max < 1990*units.Watt || d.Max > 2010*units.Watt {
		t.Errorf("sliding demand %v at %v", d.Max, d.MaxAt)
	}
	if d := b.st.Meter.Intervals.Demand; d == nil || d.Max < 1990*units.Watt || d.Max > 2010*units.Watt {
		t.Errorf("block demand %+v", d)
	}
	// A month later the load is smaller.
	b.now = b.now.AddDate(0, 1, 0)
	b.power = 500 * units.Watt
	run(3 * time.Hour)
	if d := b.st.Meter.Sliding; d.Max > 600*units.Watt || d.MaxAt.IsZero() {
		t.Errorf("in the next month the sliding demand is %v at %v", d.Max, d.MaxAt)
	}
	if d := b.st.Meter.Intervals.Demand; d.Max > 600*units.Watt || d.MaxAt.IsZero() {
		t.Errorf("in the next month the block demand is %v at %v", d.Max, d.MaxAt)
	}
}

// D13: what the log says of a register that falls and comes back is said once, with
// the loudness of what it is, and without a figure below nothing.
func TestWhatTheLogSaysOfARegisterIsSaidOnce(t *testing.T) {
	b := newBench(t)
	alone(b)
	b.power = 6 * units.Kilowatt
	b.run(2*time.Hour, time.Minute)
	b.power = 300 * units.Watt
	b.run(time.Minute, time.Minute)
	was := b.register
	b.events = nil
	for _, at := range []units.Energy{0, units.WattHour, was, 5000 * units.KilowattHour, 5000*units.KilowattHour + units.WattHour} {
		b.register = at
		b.run(time.Minute, time.Minute)
	}
	seen := map[string]bool{}
	for _, e := range b.events {
		if !strings.HasPrefix(e.Code, "register_") {
			continue
		}
		text := e.Says.String()
		if seen[e.Code+text] || strings.Contains(text, "=-") {
			t.Errorf("it says %s: %s", e.Code, text)
		}
		seen[e.Code+text] = true
		if mild := e.Code == string(metering.RegisterRecovered) || e.Code == string(metering.RegisterRebased); mild && e.Severity != health.Info && e.Severity != health.Caution {
			t.Errorf("%s is %v: %s", e.Code, e.Severity, text)
		}
	}
	for _, code := range []metering.EventKind{metering.RegisterBackwards, metering.RegisterJump, metering.RegisterRebased, metering.RegisterRecovered} {
		if b.count(string(code)) == 0 {
			t.Errorf("%s is not told: %+v", code, b.events)
		}
	}
}
