package control

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/days"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/cmd/agent/internal/schedule"
	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// closedIn runs the bench for d and answers the intervals of a series that it closed.
func (b *bench) closedIn(series string, d time.Duration, step func()) (out []planning.Interval) {
	b.t.Helper()
	for end := b.now.Add(d); b.now.Before(end); {
		step()
		for _, iv := range b.last.Intervals {
			if iv.Series == series {
				out = append(out, iv)
			}
		}
	}
	return out
}

func TestAnIntervalKnowsThatNotAllCouldBeUsedThatWasWanted(t *testing.T) {
	minute := func(b *bench) { b.reading(time.Minute) }
	voltage := func(v units.Voltage) func(*bench) {
		return func(b *bench) {
			b.shown(time.Minute, func(s *metering.Sample) {
				if s.Voltage = v; v == 0 {
					s.Power, s.Current = 0, 0
				}
			})
		}
	}
	for _, c := range []struct {
		name string
		set  func(*bench)
		then func(*bench)
		site metering.Quality
		load metering.Quality // of the geyser
		base forecast.Quality
	}{
		{"all is well", func(*bench) {}, minute, 0, 0, forecast.Measured},
		{"the credit is spent", func(b *bench) { b.leave(-units.One) }, minute, metering.SupplyOff, metering.SupplyOff, forecast.Censored},
		{"the customer switched it off", func(b *bench) {
			b.step(Input{What: Request{Kind: SupplyOff, By: "page"}})
		}, minute, metering.SupplyOff, metering.SupplyOff, forecast.Censored},
		{"the contactor fell off by itself", func(b *bench) {
			b.stuck, b.states[loads.SupplyID] = true, false
		}, minute, metering.SupplyOff, metering.SupplyOff, forecast.Censored},
		{"the mains is down and the agent lives on a battery", voltage(0), voltage(0), metering.MainsOff, metering.MainsOff, forecast.Censored},
		{"the mains is there", voltage(230_000), voltage(230_000), 0, 0, forecast.Measured},
		{"a load is held off for want of credit: the base load was measured", func(b *bench) {
			b.site.Supply.Shed = []ShedRule{{Below: 1000 * units.One}}
		}, minute, metering.Shed, metering.Shed, forecast.Measured},
		{"more is drawn than a power limit in force allows", func(b *bench) {
			b.site.Power = 300 * units.Watt
		}, minute, metering.Limited, 0, forecast.Censored},
		{"the contactor should be open and power flows: what is measured is wanted", func(b *bench) {
			b.stuck = true
			b.leave(-units.One)
		}, minute, 0, 0, forecast.Measured},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			alone(b)
			for i := range b.site.Loads {
				b.site.Loads[i].Essential = false
			}
			b.run(45*time.Minute, time.Minute)
			c.set(b)
			all := b.closedIn(planning.SiteSeries, 90*time.Minute, func() { c.then(b) })
			if len(all) < 3 {
				t.Fatalf("%d intervals", len(all))
			}
			for _, iv := range all[:3] { // the first began before
				if got := iv.Quality & metering.Censored; got != c.site {
					t.Errorf("%s: %s, want %s", iv.Slot.Start.Format("15:04"), got, c.site)
				}
			}
			loads := b.closedIn("geyser", time.Hour, func() { c.then(b) })
			if got := loads[0].Quality; got != c.load {
				t.Errorf("the geyser's: %s, want %s", got, c.load)
			}
			o := planning.Observations([]planning.Interval{all[2]}, b.site.Interval, false)
			if len(o) != 1 || o[0].Quality != c.base {
				t.Errorf("the base load is %+v, want quality %d", o, c.base)
			}
		})
	}
}

// Only the interval in which it was dark is marked, and none after it is over.
func TestWhatHeldEndsWithIt(t *testing.T) {
	b := newBench(t)
	alone(b)
	b.run(40*time.Minute, time.Minute)
	b.step(Input{What: Request{Kind: SupplyOff, By: "page"}})
	b.run(5*time.Minute, time.Minute)
	b.step(Input{What: Request{Kind: SupplyOn, By: "page"}})
	all := b.closedIn(planning.SiteSeries, 2*time.Hour, func() { b.reading(time.Minute) })
	for i, iv := range all {
		want := metering.Quality(0)
		if i == 0 {
			want = metering.SupplyOff
		}
		if got := iv.Quality & metering.Censored; got != want {
			t.Errorf("%s: %s, want %s", iv.Slot.Start.Format("15:04"), got, want)
		}
	}
	if len(b.st.Meter.Held) != 0 {
		t.Errorf("%+v is left", b.st.Meter.Held)
	}
}

// A load that is on while there is no power is given nothing.
func TestALoadIsGivenNothingInTheDark(t *testing.T) {
	b := newBench(t)
	alone(b)
	b.run(40*time.Minute, time.Minute)
	down := func(*metering.Sample) {}
	before := b.st.Loads[0]
	b.states["geyser"], b.states[loads.SupplyID] = true, false // as is seen; nothing is measured
	b.stuck = true
	for range 30 {
		b.shown(time.Minute, down)
		b.states["geyser"] = true
	}
	after := b.st.Loads[0]
	if d := after.Progress.Delivered - before.Progress.Delivered; d > 2*time.Minute {
		t.Errorf("%s are counted as given", d)
	}
	if !after.Progress.Rest.IsZero() {
		t.Error("it is held to have had enough")
	}
}

// What is usual here is what was used on whole days: not of those on which it was
// dark, and they stand for as long as it is.
func TestDarkDaysAreNotUsual(t *testing.T) {
	b := newBench(t)
	alone(b)
	daily, err := schedule.Parse("0 0 * * *", b.site.Zone)
	must(t, err)
	b.site.PlanAt = daily // nothing here is planned
	b.step(Input{What: Token{Text: tokenFor(t, 1, 900), Source: "page"}})
	b.run(9*24*time.Hour, 5*time.Minute)
	energy, spent, days := b.st.Usual(b.site.Zone)
	if days < 7 || energy < 11*units.KilowattHour {
		t.Fatalf("%s, %s over %d days", energy, spent, days)
	}
	b.step(Input{What: Request{Kind: SupplyOff, By: "page"}})
	b.run(22*24*time.Hour, 10*time.Minute)
	dark, darkSpent, days := b.st.Usual(b.site.Zone)
	if days < 6 || dark != energy || darkSpent != spent {
		t.Errorf("after 22 days in the dark the usual day is %s, %s (of %d days); it was %s, %s", dark, darkSpent, days, energy, spent)
	}
	if len(b.st.Days) > keepDays {
		t.Errorf("%d days are kept", len(b.st.Days))
	}
	b.step(Input{What: Request{Kind: SupplyOn, By: "page"}})
	b.power = 1000 * units.Watt
	b.run(5*24*time.Hour, 10*time.Minute)
	if now, _, _ := b.st.Usual(b.site.Zone); now <= energy {
		t.Errorf("with twice the use since the usual day is %s; it was %s", now, energy)
	}
}

// The agent was away because the mains were, or a register stood still through a
// silence: nobody knows what would have been used.
func TestATimeThatNobodySawIsNotUsual(t *testing.T) {
	for _, c := range []struct {
		name  string
		fresh bool
		used  units.Energy
		want  metering.Quality
	}{
		{"the agent started again after hours", true, units.KilowattHour, metering.MainsOff},
		{"the meter was silent and its register stood", false, 0, metering.MainsOff},
		{"the meter was silent and went on counting", false, units.KilowattHour, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			alone(b)
			b.run(40*time.Minute, time.Minute)
			before := b.st.Days[0].Unseen
			b.now, b.register = b.now.Add(4*time.Hour), b.register+c.used
			all := b.step(Input{Fresh: c.fresh, What: Reading{Sample: metering.Sample{
				At: b.now, Has: metering.HasImport | metering.HasPower, Import: b.register, Step: 1,
			}}}).Intervals
			seen := 0
			for _, iv := range all {
				if iv.Series != planning.SiteSeries {
					continue
				}
				seen++
				if got := iv.Quality & metering.Censored; got != c.want {
					t.Errorf("%s: %s, want %s", iv.Slot.Start.Format("15:04"), got, c.want)
				}
				if o := planning.Observations([]planning.Interval{iv}, b.site.Interval, false)[0]; o.Quality == forecast.Measured {
					t.Errorf("%+v is learned from", o)
				}
			}
			if seen != 8 {
				t.Errorf("%d intervals were closed", seen)
			}
			if dark := b.st.Days[0].Unseen - before; dark > 0 != (c.want != 0) {
				t.Errorf("%s of the day were not seen", dark)
			}
		})
	}
}

// A fridge that is metered and not planned is in the forecast: the plan does not add it.
func TestALoadThatIsOnlyMeteredStaysInTheForecast(t *testing.T) {
	b := newBench(t)
	b.site.Loads[0].Defer = false
	past := units.Slots(b.now.AddDate(0, 0, -29), b.site.Interval, 29*48)
	for _, slot := range past {
		interval := func(series string, kwh float64) planning.Interval {
			return planning.Interval{Series: series, Interval: metering.Interval{Slot: slot, Import: units.FromKWh(kwh), Covered: slot.Len}}
		}
		b.planner.Learn([]planning.Interval{interval(planning.SiteSeries, 1), interval("geyser", 0.4), interval("washer", 0.1)})
	}
	plan := b.planner.Plan(b.st)
	if kw := plan.Mid[10].KW(); kw < 1.7 || kw > 1.9 {
		t.Errorf("%.2f kW are foreseen of 2 kW less a planned load of 0.2 kW", kw)
	}
}

const keepDays = days.Keep
