package control

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// tells is a reading of a meter that tells something else than what flows.  Its
// register moves by what flows, in steps.
func (b *bench) tells(d time.Duration, flows units.Power, step units.Energy, has metering.Fields, claims units.Power) Effects {
	b.t.Helper()
	b.register += flows.Over(d)
	b.now = b.now.Add(d)
	s := metering.Sample{At: b.now, Has: has, Step: step}
	if s.Gives(metering.HasImport) {
		s.Import = b.register / step * step
	}
	if s.Gives(metering.HasPower) {
		s.Power = claims
	}
	return b.step(Input{What: Reading{Sample: s}})
}

const registerAndPower = metering.HasImport | metering.HasPower

// limited is a site with a fuse of 14 kW and a limit of 5 kW, read every second.
func limited(t *testing.T) *bench {
	b := newBench(t)
	b.site.Limits.MaxPower = 14 * units.Kilowatt
	b.site.Supply.Limit = credit.LimitDefaults()
	b.site.Supply.Limit.Limit = 5 * units.Kilowatt
	b.register += 500 * units.KilowattHour
	b.site.Supply.Local = true
	alone(b)
	b.step(Input{What: Token{Text: tokenFor(t, 1, 900), Source: "page"}})
	for range 200 {
		b.tells(time.Second, 400*units.Watt, units.WattHour, registerAndPower, 400*units.Watt)
	}
	return b
}

// No supply is cut for a power that cannot be.
func TestAnImpossiblePowerCutsNobodyOff(t *testing.T) {
	for _, row := range []struct {
		name   string
		claims units.Power
		flows  units.Power
		step   units.Energy
		length time.Duration
	}{
		{"100 kW beside a register that stands", 100 * units.Kilowatt, 0, units.WattHour, 4 * time.Minute},
		{"100 kW beside a register of a kWh", 100 * units.Kilowatt, 400 * units.Watt, units.KilowattHour, 4 * time.Minute},
		{"-100 kW", -100 * units.Kilowatt, 400 * units.Watt, units.WattHour, 4 * time.Minute},
		{"13 kW beside a register that stands", 13 * units.Kilowatt, 0, units.WattHour, 4 * time.Minute},
		{"13 kW beside a register that goes on as before", 13 * units.Kilowatt, 400 * units.Watt, units.WattHour, 4 * time.Minute},
		{"13 kW beside a register of 10 Wh", 13 * units.Kilowatt, 400 * units.Watt, 10 * units.WattHour, 4 * time.Minute},
		{"17 kW for 25 s, below what a fuse carries for a while", 17 * units.Kilowatt, 0, units.WattHour, 25 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := limited(t)
			b.events = nil
			var watts []float64
			for range int(row.length / time.Second) {
				eff := b.tells(time.Second, row.flows, row.step, registerAndPower, row.claims)
				if !b.states[loads.SupplyID] {
					t.Fatalf("after %s it is off: %s", b.now.Sub(begin()), b.st.Decision.Why)
				}
				for _, p := range eff.Points {
					for _, f := range p.Fields {
						if p.Measurement == SitePoint && f.Key == "power_w" {
							watts = append(watts, f.Value)
						}
					}
				}
			}
			if row.length > time.Minute && !b.st.Health.Has(health.PowerDoubtful, "") {
				t.Errorf("no warning says that it cannot be: %+v", b.st.Health.Active)
			}
			told := 0
			for _, e := range b.events {
				if e.Code == string(health.PowerDoubtful) {
					told++
				}
			}
			if told > 3 {
				t.Errorf("the event was told %d times", told)
			}
			if row.claims > 18*units.Kilowatt && len(watts) > 0 {
				t.Errorf("telemetry has %v", watts)
			}
			for range 120 {
				b.tells(time.Second, 400*units.Watt, units.WattHour, registerAndPower, 400*units.Watt)
			}
			if row.step == units.WattHour && b.st.Health.Has(health.PowerDoubtful, "") {
				t.Error("the power is right again and the warning stays")
			}
		})
	}
}

// A true overload is acted on as before: shed in the step that shows it, cut when
// the allowance has passed.
func TestATrueOverloadShedsAtOnceAndCutsInTime(t *testing.T) {
	for _, row := range []struct {
		name  string
		flows units.Power
		step  units.Energy
	}{
		{"8 kW by 1 Wh", 8 * units.Kilowatt, units.WattHour},
		{"8 kW by 10 Wh", 8 * units.Kilowatt, 10 * units.WattHour},
		{"8 kW by a kWh", 8 * units.Kilowatt, units.KilowattHour},
		{"16 kW, above the fuse", 16 * units.Kilowatt, units.WattHour},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := limited(t)
			b.site.Power = 5 * units.Kilowatt
			b.step(Input{What: Request{Kind: RunLoad, Load: "geyser", By: "page"}})
			for range 60 {
				b.tells(time.Second, 3400*units.Watt, row.step, registerAndPower, 3400*units.Watt)
			}
			if !b.states["geyser"] {
				t.Fatal("the geyser does not run")
			}
			b.tells(time.Second, row.flows, row.step, registerAndPower, row.flows)
			if b.states["geyser"] {
				t.Error("the geyser is not shed in the step that shows the overload")
			}
			seconds := 1
			for ; b.states[loads.SupplyID] && seconds < 120; seconds++ {
				b.tells(time.Second, row.flows, row.step, registerAndPower, row.flows)
			}
			if seconds > 32 {
				t.Errorf("cut after %d s, the allowance is 30 s", seconds)
			}
			t.Logf("cut after %d s", seconds)
		})
	}
}

// Nor is it a witness that the contactor is bridged, nor a reason to keep a
// contactor closed that has to open.
func TestAnImpossiblePowerIsNoWitness(t *testing.T) {
	b := newBench(t)
	b.site.Limits.MaxPower = 14 * units.Kilowatt
	b.site.Supply.Local, b.site.Supply.Breaks = true, 10*units.Kilowatt
	b.register += 500 * units.KilowattHour
	alone(b)
	b.step(Input{What: Request{Kind: SupplyOff, By: "page"}})
	for range 600 {
		b.tells(time.Second, 0, units.WattHour, registerAndPower, 100*units.Kilowatt)
	}
	if b.st.Credit.Tampered || b.st.Health.Has(health.SupplyBypass, loads.SupplyID) || b.st.Health.Has(health.ConsumptionOpen, "") {
		t.Errorf("100 kW behind an open contactor are believed: %+v", b.st.Health.Active)
	}
	for range 600 {
		b.tells(time.Second, 0, units.WattHour, registerAndPower, 5*units.Kilowatt)
	}
	if b.st.Credit.Tampered {
		t.Error("5 kW that the register denies are tampering")
	}
	// A bridge that the register confirms is.
	for range 600 {
		b.states[loads.SupplyID] = true
		b.tells(time.Second, 5*units.Kilowatt, units.WattHour, registerAndPower, 5*units.Kilowatt)
		b.states[loads.SupplyID] = false
	}
	if !b.st.Credit.Tampered {
		t.Error("5 kW that the register confirms are no tampering")
	}
}

func TestAnImpossiblePowerDoesNotHoldACut(t *testing.T) {
	b := newBench(t)
	b.site.Limits.MaxPower = 14 * units.Kilowatt
	b.site.Supply.Breaks = 10 * units.Kilowatt
	alone(b)
	b.power = 6 * units.Kilowatt
	for b.balance() > units.One {
		b.reading(time.Minute)
	}
	for range 60 {
		b.tells(time.Minute, 6*units.Kilowatt, units.WattHour, registerAndPower, 100*units.Kilowatt)
		if !b.states[loads.SupplyID] {
			return
		}
	}
	t.Errorf("a power of 100 kW holds the cut: %+v", b.st.Decision)
}

// A plug on a load is believed no more than the meter.
func TestAnImpossiblePowerOfAPlugIsNotUsed(t *testing.T) {
	b := newBench(t)
	b.reading(time.Minute)
	in := Input{Now: b.now.Add(time.Minute), Facts: []loads.Fact{{ID: "geyser", Observation: loads.Observation{
		On: true, Known: true, At: b.now, HasPower: true, Power: 99 * units.Kilowatt,
	}}}}
	before := b.st.load("geyser").Total
	st, _ := b.site.Step(b.st, in)
	ls := st.load("geyser")
	if ls.Seen.HasPower {
		t.Errorf("a geyser that draws %s", ls.Seen.Power)
	}
	if got, most := ls.Total-before, (4 * units.Kilowatt).Over(time.Minute); got > most {
		t.Errorf("it used %s in a minute", got)
	}
}

// A meter that tells no power is not a house that draws none: what the register
// says is held to the limit, and where nothing says anything a warning does.
func TestAMeterWithoutPowerIsNotBlind(t *testing.T) {
	b := limited(t)
	b.site.Power = 5 * units.Kilowatt
	b.step(Input{What: Request{Kind: RunLoad, Load: "geyser", By: "page"}})
	b.tells(4*time.Minute, 400*units.Watt, units.WattHour, metering.HasImport, 0)
	for range 60 {
		b.tells(2*time.Second, 3400*units.Watt, units.WattHour, metering.HasImport, 0)
	}
	if !b.states["geyser"] {
		t.Fatal("the geyser does not run")
	}
	d := b.site.Drawn(&b.st, b.now)
	if d.Source != metering.Derived || max(d.Power-3400*units.Watt, 3400*units.Watt-d.Power) > 400*units.Watt {
		t.Errorf("the register says %+v", d)
	}
	seconds := 0
	for ; b.states["geyser"] && seconds < 120; seconds += 2 {
		b.tells(2*time.Second, 8*units.Kilowatt, units.WattHour, metering.HasImport, 0)
	}
	if seconds > 30 {
		t.Errorf("shed after %d s by the register alone", seconds)
	}
	t.Logf("shed after %d s by a register of 1 Wh that is read every 2 s", seconds)
	for _, p := range b.last.Points {
		for _, f := range p.Fields {
			if f.Key == "power_w" && p.Measurement == SitePoint {
				t.Errorf("telemetry says that %v W were told", f.Value)
			}
		}
	}
}

func TestALimitThatNobodyCanKeepIsTold(t *testing.T) {
	b := newBench(t)
	b.site.Power = 5 * units.Kilowatt
	for range 20 {
		b.tells(time.Minute, 0, units.WattHour, metering.HasImport, 0)
	}
	if !b.st.Health.Has(health.PowerUnknown, "") {
		t.Errorf("nothing says that no power is told: %+v", b.st.Health.Active)
	}
	b.reading(time.Minute)
	if b.st.Health.Has(health.PowerUnknown, "") {
		t.Error("power is told and the warning stays")
	}
}

// A Shelly's message of energy does not take its message of power back.
func TestAMessageOfEnergyDoesNotTakePowerBack(t *testing.T) {
	b := limited(t)
	b.site.Power = 5 * units.Kilowatt
	b.step(Input{What: Request{Kind: RunLoad, Load: "geyser", By: "page"}})
	b.tells(time.Second, 3400*units.Watt, units.WattHour, registerAndPower, 3400*units.Watt)
	if !b.states["geyser"] {
		t.Fatal("the geyser does not run")
	}
	b.tells(time.Second, 8*units.Kilowatt, units.WattHour, metering.HasPower, 8*units.Kilowatt)
	b.tells(time.Second, 8*units.Kilowatt, units.WattHour, metering.HasImport, 0)
	if b.states["geyser"] {
		t.Error("the geyser runs on although 8 kW were told a second ago")
	}
	for range 40 {
		b.tells(time.Second, 8*units.Kilowatt, units.WattHour, metering.HasImport, 0)
	}
	if b.states[loads.SupplyID] || b.st.Decision.Why.String() != "supply.overload" {
		t.Errorf("8 kW told once and confirmed by the register are not cut: %+v", b.st.Decision)
	}
}
