package control

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// What panels give is counted, and nobody switches them; while they are not heard it is written down that
// it is not known, and as a guess where they went to sleep.
func TestARoof(t *testing.T) {
	b := newBench(t)
	b.with(loads.Document{ID: "roof", Kind: loads.Sun, Power: 4 * units.Kilowatt})
	b.planner, b.states["roof"], b.gone = nil, true, map[string]bool{}
	b.deaf = map[string]units.Power{"roof": -2 * units.Kilowatt} // as who gives says it
	var last metering.Interval
	halfHour := func(do func(minute int)) metering.Interval {
		t.Helper()
		last = metering.Interval{}
		for minute := range 31 {
			do(minute)
			b.run(time.Minute, time.Minute)
			for _, iv := range b.last.Intervals {
				if iv.Series == "roof" {
					last = iv.Interval
				}
			}
			for _, c := range b.last.Commands {
				if c.ID == "roof" {
					t.Fatalf("it is told %v", c)
				}
			}
		}
		return last
	}
	nothing := func(int) {}
	halfHour(nothing)
	if got := halfHour(nothing); got.Export != units.KilowattHour || got.Import != 0 || got.Quality != 0 {
		t.Errorf("of 1 kWh given, %v given and %v used, quality %v", got.Export, got.Import, got.Quality)
	}
	if before := b.register; before != b.st.Meter.Registers.Import || b.st.Health.Has(health.ReverseEnergy, "") {
		t.Errorf("what is over is no sign of tampering, and is not charged: %+v", b.st.Health)
	}
	if got := b.st.load("roof").Total; got < 2*units.KilowattHour {
		t.Errorf("in all %v were given", got)
	}
	b.gone["roof"] = true
	halfHour(nothing)
	if got := halfHour(nothing); got.Export != 0 || got.Quality != metering.Gap {
		t.Errorf("not heard while it gave: %v given, quality %v", got.Export, got.Quality)
	}
	b.gone["roof"] = false
	b.deaf["roof"] = 30 * units.Watt // some write it so
	halfHour(nothing)
	b.gone["roof"] = true
	halfHour(nothing)
	if got := halfHour(nothing); got.Export != 0 || got.Quality != metering.Estimated {
		t.Errorf("asleep: %v given, quality %v", got.Export, got.Quality)
	}
	for range 40 {
		halfHour(nothing)
	}
	if got := last; got.Quality != metering.Gap {
		t.Errorf("asleep for 20 h: quality %v", got.Quality)
	}
	b.gone["roof"] = false
	b.deaf["roof"] = 40 * units.Kilowatt // a register misread
	halfHour(nothing)
	if got := halfHour(nothing); got.Export != 0 || got.Quality != metering.Gap {
		t.Errorf("beyond belief: %v given, quality %v", got.Export, got.Quality)
	}
}

// Panels that fall silent while they give are told of once, after two hours; such as sleep are not, before
// they should have woken, nor is what nobody listened to while the agent was off; such as were never heard
// are told of after a night.
func TestPanelsThatAreSilentByDayAreToldOfOnce(t *testing.T) {
	roof := func(gives units.Power) *bench {
		b := newBench(t)
		b.with(loads.Document{ID: "roof", Kind: loads.Sun, Power: 4 * units.Kilowatt})
		b.planner, b.states["roof"], b.gone = nil, true, map[string]bool{}
		b.deaf = map[string]units.Power{"roof": gives}
		return b
	}
	told := func(b *bench) bool { return b.st.Health.Has(health.SunSilent, "roof") }
	times := func(b *bench) (n int) {
		for _, e := range b.events {
			if e.Code == string(health.SunSilent) {
				n++
			}
		}
		return n
	}
	b := roof(-2 * units.Kilowatt)
	b.run(time.Hour, time.Minute)
	b.gone["roof"] = true
	if b.run(119*time.Minute, time.Minute); told(b) {
		t.Error("it is told of before two hours are over")
	}
	if b.run(5*time.Minute, time.Minute); !told(b) {
		t.Error("silent by day, and nobody is told")
	}
	if b.run(10*time.Hour, time.Minute); !told(b) || times(b) > 1 {
		t.Errorf("it is told of %d times, and still %v", times(b), told(b))
	}
	b.gone["roof"] = false
	if b.run(time.Minute, time.Minute); told(b) {
		t.Error("heard again, and it is still told of")
	}

	b = roof(-30 * units.Watt)
	b.run(time.Hour, time.Minute)
	b.gone["roof"] = true
	if b.run(17*time.Hour, time.Minute); told(b) {
		t.Error("it sleeps, and is told of")
	}
	if b.run(4*time.Hour, time.Minute); !told(b) {
		t.Error("it does not wake up, and nobody is told")
	}

	b = roof(-2 * units.Kilowatt)
	b.run(time.Hour, time.Minute)
	b.gone["roof"] = true
	b.run(time.Hour, time.Minute)
	b.now = b.now.Add(6 * time.Hour) // the agent was off
	b.step(Input{Fresh: true})
	if b.run(90*time.Minute, time.Minute); told(b) {
		t.Error("told of right after a start")
	}
	if b.run(40*time.Minute, time.Minute); !told(b) {
		t.Error("silent since the start, and nobody is told")
	}

	b = roof(0)
	b.gone["roof"] = true
	b.st.load("roof").Gave = Gave{}
	if b.run(17*time.Hour, time.Minute); told(b) {
		t.Error("never heard, which may be a night, and told of")
	}
	if b.run(2*time.Hour, time.Minute); !told(b) {
		t.Error("never heard, and nobody is told")
	}
}
