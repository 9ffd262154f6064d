package metering

import (
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/internal/units"
)

// stream is a meter read every so often for so long: what it claims, what flows,
// and the resolution of its register.
type stream struct {
	every, length time.Duration
	claims, flows units.Power
	tells         bool // a power
	step          units.Energy
	loses         bool // the driver says of each sample that it lost some
}

func (f stream) play(r Registers, begin time.Time, register units.Energy, lim Limits) (Registers, time.Time, units.Energy) {
	now := begin
	for ; now.Before(begin.Add(f.length)); now = now.Add(f.every) {
		register += f.flows.Over(f.every)
		s := Sample{At: now, Has: HasImport, Import: register / f.step * f.step, Step: f.step}
		if f.tells {
			s.Has, s.Power = s.Has|HasPower, f.claims
		}
		if f.loses {
			s.Quality = Lost
		}
		r, _, _ = r.Take(s, lim)
	}
	return r, now.Add(-f.every), register
}

func TestPowerIsHeldAgainstTheRegister(t *testing.T) {
	const kW, s, m = units.Kilowatt, time.Second, time.Minute
	lim := Limits{MaxGap: 2 * m, MaxPower: 14 * kW, Slack: 15 * s}
	calm := stream{2 * s, 5 * m, 400 * units.Watt, 400 * units.Watt, true, wh, false}
	for _, row := range []struct {
		name   string
		then   stream
		source Source
		power  units.Power
		within units.Power
		doubt  bool
		denied bool
	}{
		{"a true overload is told at once", stream{2 * s, 2 * s, 9 * kW, 9 * kW, true, wh, false}, Told, 9 * kW, 0, false, false},
		{"a true overload that lasts is told", stream{2 * s, 2 * m, 9 * kW, 9 * kW, true, wh, false}, Told, 9 * kW, 0, false, false},
		{"a true overload by a register of 10 Wh", stream{2 * s, 2 * m, 9 * kW, 9 * kW, true, 10 * wh, false}, Told, 9 * kW, 0, false, false},
		{"a true overload by a register of a kWh", stream{2 * s, 10 * m, 9 * kW, 9 * kW, true, kWh, false}, Told, 9 * kW, 0, false, false},
		{"far above the fuse is no power", stream{2 * s, 25 * s, 100 * kW, 400 * units.Watt, true, wh, false}, Derived, 400 * units.Watt, 50 * units.Watt, false, false},
		{"a claim that the register denies, by 1 Wh", stream{2 * s, 30 * s, 13 * kW, 0, true, wh, false}, Derived, 0, kW / 5, false, true},
		{"it is doubted long before", stream{2 * s, 10 * s, 13 * kW, 0, true, wh, false}, Told, 13 * kW, 0, true, false},
		{"a claim that the register denies, by 10 Wh", stream{2 * s, 40 * s, 13 * kW, 0, true, 10 * wh, false}, Derived, 0, kW / 2, false, true},
		{"a register of a kWh cannot deny it", stream{2 * s, 2 * m, 13 * kW, 0, true, kWh, false}, Told, 13 * kW, 0, false, false},
		{"a register that lost what was drawn denies nothing", stream{2 * s, 2 * m, 8 * kW, kW, true, wh, true}, Told, 8 * kW, 0, false, false},
		{"a power of nothing beside a register that runs", stream{2 * s, 2 * m, 0, 8 * kW, true, wh, false}, Derived, 8 * kW, kW / 2, false, true},
		{"a power a tenth too high is no lie", stream{2 * s, 10 * m, 5500 * units.Watt, 5 * kW, true, wh, false}, Told, 5500 * units.Watt, 0, false, false},
		{"power that is never told, by 1 Wh", stream{2 * s, 2 * m, 0, 6 * kW, false, wh, false}, Derived, 6 * kW, kW / 2, false, false},
		{"power that is never told, once a minute", stream{m, 10 * m, 0, 6 * kW, false, wh, false}, Derived, 6 * kW, kW / 5, false, false},
		{"power that is never told, by 1 kWh", stream{2 * s, 30 * m, 0, 6 * kW, false, kWh, false}, Derived, 6 * kW, kW / 10, false, false},
		{"power that is never told, and little of it", stream{2 * s, 30 * m, 0, 60 * units.Watt, false, wh, false}, Derived, 60 * units.Watt, 5 * units.Watt, false, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			var r Registers
			register := 500 * kWh
			first := calm
			first.step, first.tells = row.then.step, row.then.tells
			if first.step == kWh {
				first = stream{10 * s, 5 * time.Hour, 0, 400 * units.Watt, first.tells, kWh, false}
				first.claims = first.flows
			}
			if row.then.every == m {
				first.every = m
			}
			r, now, register := first.play(r, day("10:00:00"), register, lim)
			r, now, _ = row.then.play(r, now.Add(row.then.every), register, lim)
			d := r.Drawn(now, 2*m, row.then.step, lim)
			if d.Source != row.source || abs(d.Power-row.power) > row.within {
				t.Errorf("%s %q, want %s %q", d.Power, d.Source, row.power, row.source)
			}
			if d.Doubted != row.doubt || d.Denied != row.denied {
				t.Errorf("doubted %v denied %v; %+v", d.Doubted, d.Denied, r.Flow)
			}
		})
	}
}

// What the register denied is believed again as soon as both agree.
func TestADeniedPowerIsBelievedAgain(t *testing.T) {
	const kW = units.Kilowatt
	lim := Limits{MaxGap: 2 * time.Minute, MaxPower: 14 * kW, Slack: 15 * time.Second}
	calm := stream{2 * time.Second, time.Minute, 400 * units.Watt, 400 * units.Watt, true, wh, false}
	var r Registers
	r, now, register := calm.play(r, day("10:00:00"), 500*kWh, lim)
	r, now, register = stream{2 * time.Second, time.Minute, 13 * kW, 400 * units.Watt, true, wh, false}.play(r, now.Add(2*time.Second), register, lim)
	if d := r.Drawn(now, time.Minute, wh, lim); !d.Denied {
		t.Fatalf("13 kW beside 400 W of the register: %+v", d)
	}
	r, now, register = stream{2 * time.Second, 4 * time.Second, 400 * units.Watt, 400 * units.Watt, true, wh, false}.play(r, now.Add(2*time.Second), register, lim)
	if d := r.Drawn(now, time.Minute, wh, lim); d.Denied || d.Source != Told || d.Power != 400*units.Watt {
		t.Errorf("400 W beside 400 W: %+v", d)
	}
	// And an overload that is true is told at once, and not doubted.
	r, now, _ = stream{2 * time.Second, 20 * time.Second, 9 * kW, 9 * kW, true, wh, false}.play(r, now.Add(2*time.Second), register, lim)
	if d := r.Drawn(now, time.Minute, wh, lim); d.Doubted || d.Denied || d.Power != 9*kW {
		t.Errorf("9 kW beside 9 kW: %+v", d)
	}
}

// A message without power does not take back what was told, before it is old.
func TestPowerHasItsOwnAge(t *testing.T) {
	lim := DefaultLimits()
	var r Registers
	r, _, _ = r.Take(both("10:00:00", 500*kWh, 3600), lim)
	r, _, _ = r.Take(reg("10:00:20", 500*kWh+20*wh), lim)
	if d := r.Drawn(day("10:00:20"), time.Minute, wh, lim); d.Source != Told || d.Power != units.FromW(3600) || !d.At.Equal(day("10:00:00")) {
		t.Errorf("after a message of energy: %+v", d)
	}
	r, _, _ = r.Take(reg("10:01:20", 500*kWh+80*wh), lim)
	if d := r.Drawn(day("10:01:20"), time.Minute, wh, lim); d.Source == Told {
		t.Errorf("told 80 s ago: %+v", d)
	}
	if d := r.Drawn(day("10:05:00"), time.Minute, wh, lim); d.Known() {
		t.Errorf("nothing came for minutes: %+v", d)
	}
}

func TestBelieved(t *testing.T) {
	lim := Limits{MaxPower: 14 * units.Kilowatt}
	s := Sample{
		Has: HasPower | HasCurrent | HasApparent | HasReactive | HasPhases, Power: 100 * units.Kilowatt, Current: 434_000,
		Apparent: int64(100 * units.Kilowatt), Reactive: int64(-99 * units.Kilowatt),
		Phases: []Phase{{Has: HasPower | HasVoltage, Power: 100 * units.Kilowatt, Voltage: 230_000}},
	}
	got := s.Believed(lim)
	if got.Has != HasPhases || got.Power != 0 || got.Current != 0 || got.Apparent != 0 || got.Reactive != 0 || got.Quality != Suspect {
		t.Errorf("%+v", got)
	}
	if got.Phases[0].Has != HasVoltage || got.Phases[0].Power != 0 || s.Phases[0].Power == 0 {
		t.Errorf("phases %+v, of %+v", got.Phases, s.Phases)
	}
	ok := Sample{Has: HasPower | HasCurrent, Power: 17 * units.Kilowatt, Current: 74_000}
	if got := ok.Believed(lim); !got.Gives(HasPower|HasCurrent) || got.Quality != 0 {
		t.Errorf("a short overload of the fuse: %+v", got)
	}
}

// A meter whose power and register tell the same is never denied, though either may be late
// by what the limits allow, the register coarse, the power a tenth off, and loads come and go
// between two readings.
func TestASoundMeterIsNeverDenied(t *testing.T) {
	// Twice what flows was told by chance of two moments 30 s apart, with less between them.
	if after, f := sound(30*time.Second, 1, 8, 9, 96, 3000, 0xea467); after > 0 {
		t.Fatalf("two moments told: denied after %d s: %+v", after, f)
	}
	rapid.Check(t, func(t *rapid.T) {
		every := rapid.SampledFrom([]time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second}).Draw(t, "every")
		step := rapid.SampledFrom([]units.Energy{1, wh, 10 * wh, 100 * wh}).Draw(t, "step")
		registerLate := rapid.IntRange(0, 15).Draw(t, "register late")
		powerLate := rapid.IntRange(0, 15).Draw(t, "power late")
		off := rapid.IntRange(90, 110).Draw(t, "percent told")
		most := rapid.SampledFrom([]int{300, 3000, 20_000}).Draw(t, "most")
		if after, f := sound(every, step, registerLate, powerLate, off, most, rapid.Uint64().Draw(t, "seed")); after > 0 {
			t.Fatalf("denied after %d s: %+v", after, f)
		}
	})
}

// sound is half an hour of a sound meter: the second after which its power was denied, and what was
// known then; zero where it never was.
func sound(every time.Duration, step units.Energy, registerLate, powerLate, off, most int, seed uint64) (after int, f Flow) {
	lim := DefaultLimits()
	rng := rand.New(rand.NewPCG(seed, 1))
	length := 1800
	power, register := make([]units.Power, length), make([]units.Energy, length)
	var sum units.Energy
	now, left := units.Power(0), 0
	for i := range length {
		if left--; left < 0 {
			now, left = units.Power(rng.IntN(most))*units.Watt, 2+rng.IntN(1+rng.IntN(200))
		}
		sum += now.Over(time.Second)
		power[i], register[i] = now, sum
	}
	var r Registers
	for i := 15; i < length; i += int(every / time.Second) {
		at := day("10:00:00").Add(time.Duration(i) * time.Second)
		r, _, _ = r.Take(Sample{
			At: at, Has: HasImport | HasPower, Step: step,
			Import: register[i-registerLate] / step * step, Power: power[i-powerLate] * units.Power(off) / 100,
		}, lim)
		if d := r.Drawn(at, time.Minute, step, lim); d.Denied {
			return i, r.Flow
		}
	}
	return 0, r.Flow
}

// How soon it is told that the register counts twice what the power says, or counts while
// none is told.
func TestHowSoonAPowerIsDenied(t *testing.T) {
	const s, m = time.Second, time.Minute
	for _, row := range []struct {
		name         string
		every        time.Duration
		step         units.Energy
		tells, flows units.Power
		within       time.Duration
	}{
		{"none told of 1 kW, each second", s, wh, 0, units.Kilowatt, 80 * s},
		{"none told of 1 kW, each 2 s", 2 * s, wh, 0, units.Kilowatt, 2 * m},
		{"half of 1 kW, each second", s, wh, units.Kilowatt / 2, units.Kilowatt, 165 * s},
		{"half of 1 kW, by 10 Wh", 2 * s, 10 * wh, units.Kilowatt / 2, units.Kilowatt, 450 * s},
		{"half of 3 kW, each 2 s", 2 * s, wh, 1500 * units.Watt, 3 * units.Kilowatt, 2 * m},
		{"twice 1 kW, each second", s, wh, 2 * units.Kilowatt, units.Kilowatt, 65 * s},
		{"1 kW of none, each second", s, wh, units.Kilowatt, 0, 30 * s},
	} {
		lim := DefaultLimits()
		r, now, register := stream{row.every, 10 * m, 400 * units.Watt, 400 * units.Watt, true, row.step, false}.play(Registers{}, day("10:00:00"), 500*kWh, lim)
		from := now
		for now.Sub(from) < time.Hour && !r.Drawn(now, m, row.step, lim).Denied {
			r, now, register = stream{row.every, row.every, row.tells, row.flows, true, row.step, false}.play(r, now.Add(row.every), register, lim)
		}
		if took := now.Sub(from); took > row.within {
			t.Errorf("%s: after %v, want %v", row.name, took, row.within)
		} else {
			t.Logf("%s: after %v", row.name, took)
		}
	}
}
