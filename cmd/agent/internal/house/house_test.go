package house

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

var start = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func appliances() []Appliance {
	return []Appliance{
		{ID: "geyser", Kind: Geyser, Power: 3 * units.Kilowatt},
		{ID: "pump", Power: 750 * units.Watt},
		{ID: "washer", Kind: Washer, Power: 500 * units.Watt},
		{ID: "car", Kind: Charger, Power: 3700 * units.Watt},
		{ID: "zoe", Kind: Charger, Power: 7360 * units.Watt, Powers: wallboxPowers()},
	}
}

func wallboxPowers() []loads.PowerRange {
	return []loads.PowerRange{{From: 1380 * units.Watt, To: 7360 * units.Watt, Step: 230 * units.Watt}}
}

func household(t testing.TB, c HouseholdConfig) *Household {
	t.Helper()
	h, err := NewHousehold(c)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func plant(t testing.TB, c Config) *Plant {
	t.Helper()
	if c.Start.IsZero() {
		c.Start = start
	}
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func set(t testing.TB, s loads.Switch, on bool) {
	t.Helper()
	if err := s.Set(context.Background(), loads.Setpoint{On: on}); err != nil {
		t.Fatal(err)
	}
}

func load(t testing.TB, p *Plant, id string) loads.Switch {
	t.Helper()
	s, ok := p.Switch(id)
	if !ok {
		t.Fatalf("no appliance %q", id)
	}
	return s
}

func TestACarChargesAtWhatItIsTold(t *testing.T) {
	p := plant(t, Config{Loads: []Appliance{{ID: "car", Kind: Charger, Power: 7360 * units.Watt, Powers: wallboxPowers()}}})
	p.Advance(start.Add(20 * time.Hour)) // it is back from work
	s := load(t, p, "car")
	for _, text := range []string{"on 2300 W", "on 4600 W", "on"} {
		told, err := loads.ParseSetpoint(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Set(t.Context(), told); err != nil {
			t.Fatal(err)
		}
		before := p.State().Register
		p.Advance(p.Now().Add(6 * time.Minute))
		want := told.Power
		if want == 0 {
			want = 7360 * units.Watt
		}
		if got := p.State().Register - before; got != want.Over(6*time.Minute) {
			t.Errorf("%s: %v in 6 minutes", text, got)
		}
		if o, err := s.Observed(t.Context()); err != nil || o.Power != want || !o.HasSet || o.Set != told {
			t.Errorf("%s: %+v, %v", text, o, err)
		}
	}
	if err := s.Set(t.Context(), loads.Setpoint{On: true, Power: units.Kilowatt}); err == nil {
		t.Error("less than 6 A is taken")
	}
}

// What is switched, and when, must not depend on how finely time is stepped; the
// register is the sum of its parts to the microjoule; a restart from the stored
// state changes nothing.
func TestEnergyIsConservedAndStepsDoNotMatter(t *testing.T) {
	home := household(t, HouseholdConfig{Seed: 7})
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		c := Config{Base: home, Loads: appliances(), Start: start, Register: 1234567 * units.WattHour, Seed: seed}
		coarse, fine := plant(t, c), plant(t, c)
		ids := []string{"geyser", "pump", "washer", "car"}
		now := start
		for range rapid.IntRange(1, 30).Draw(rt, "commands") {
			next := now.Add(time.Duration(rapid.IntRange(1, 8*3600*1000).Draw(rt, "ms")) * time.Millisecond)
			want := coarse.Advance(next)
			var got metering.Reading
			for cuts := rapid.IntRange(0, 5).Draw(rt, "cuts"); cuts > 0; cuts-- {
				if d := next.Sub(now); d > 1 {
					now = now.Add(time.Duration(rapid.Int64Range(0, int64(d)-1).Draw(rt, "cut")))
				}
				fine.Advance(now)
			}
			got = fine.Advance(next)
			now = next
			if got.Sample.Import != want.Sample.Import {
				rt.Fatalf("%v: register %d in fine steps, %d in one", now, got.Sample.Import, want.Sample.Import)
			}
			if d := cmp.Diff(coarse.State(), fine.State()); d != "" {
				rt.Fatalf("%v: %s", now, d)
			}
			s := fine.State()
			sum := c.Register + s.Base
			for _, l := range s.Loads {
				sum += l.Used
			}
			if sum != s.Register {
				rt.Fatalf("register %d, parts %d", s.Register, sum)
			}

			// Restart the fine one from its stored state.
			text, err := json.Marshal(s)
			if err != nil {
				rt.Fatal(err)
			}
			var back State
			if err := json.Unmarshal(text, &back); err != nil {
				rt.Fatal(err)
			}
			if d := cmp.Diff(s, back); d != "" {
				rt.Fatalf("state does not survive JSON: %s", d)
			}
			fine = plant(t, c)
			if err := fine.Restore(back); err != nil {
				rt.Fatal(err)
			}

			id := rapid.SampledFrom(append(ids, loads.SupplyID)).Draw(rt, "switch")
			to := loads.Setpoint{On: rapid.Bool().Draw(rt, "on")}
			for _, p := range []*Plant{coarse, fine} {
				sw := p.Supply()
				if id != loads.SupplyID {
					sw = load(t, p, id)
				}
				if takes := loads.CapabilityOf(sw); to.On && to.Power == 0 && len(takes.Powers) > 0 {
					to.Power = 1380*units.Watt + 230*units.Watt*units.Power(rapid.IntRange(0, 26).Draw(rt, "amperes"))
				}
				if err := sw.Set(context.Background(), to); err != nil {
					rt.Fatal(err)
				}
			}
		}
	})
}

func TestNothingIsUsedWithoutSupply(t *testing.T) {
	p := plant(t, Config{Base: household(t, HouseholdConfig{}), Loads: appliances()})
	set(t, load(t, p, "pump"), true)
	p.Advance(start.Add(time.Hour))
	before := p.State()
	if before.Loads[2].ID != "pump" || before.Loads[2].Used != 750*units.WattHour {
		t.Fatalf("the pump used %v in an hour", before.Loads[2].Used)
	}
	set(t, p.Supply(), false)
	for _, id := range []string{"geyser", "pump"} {
		set(t, load(t, p, id), true) // it hears nothing
	}
	r := p.Advance(start.Add(5 * time.Hour))
	if r.Err != nil || r.Sample.Import != before.Register || r.Sample.Power != 0 {
		t.Errorf("without supply the meter says %+v", r)
	}
	set(t, p.Supply(), true)
	o, err := load(t, p, "pump").Observed(context.Background())
	if err != nil || o.On || !o.Known {
		t.Errorf("after the supply is back the pump is %+v, %v", o, err)
	}
	if r := p.Advance(start.Add(6 * time.Hour)); r.Sample.Import == before.Register {
		t.Error("nothing is used after the supply is back")
	}
}

func TestFaults(t *testing.T) {
	ctx := context.Background()
	p := plant(t, Config{Loads: appliances()})
	for _, tc := range []struct {
		id    string
		fault Fault
		known bool
	}{
		{loads.SupplyID, Stuck, true},
		{loads.SupplyID, Offline, false},
		{"pump", Stuck, true},
		{"pump", Offline, false},
	} {
		if err := p.Break(tc.id, Sound); err != nil {
			t.Fatal(err)
		}
		s := p.Supply()
		if tc.id != loads.SupplyID {
			s = load(t, p, tc.id)
		}
		set(t, s, true)
		if err := p.Break(tc.id, tc.fault); err != nil {
			t.Fatal(err)
		}
		set(t, s, false)
		if o, err := s.Observed(ctx); err != nil || o.Known != tc.known || o.On != tc.known {
			t.Errorf("%s %s: %+v, %v", tc.id, tc.fault, o, err)
		}
	}
	if err := p.Break("nothing", Stuck); err == nil {
		t.Error("an appliance that is not there can be broken")
	}
}

func TestGeyserKeepsItsWaterHot(t *testing.T) {
	p := plant(t, Config{Loads: appliances(), Seed: 3})
	set(t, load(t, p, "geyser"), true)
	const days = 28
	for h := range 24 * days {
		p.Advance(start.Add(time.Duration(h+1) * time.Hour))
	}
	s := p.State().Loads[1]
	perDay := s.Used / days
	// 6 kWh of water a day on weekdays and 75 W of loss; some more at weekends.
	if perDay < 6500*units.WattHour || perDay > 10*units.KilowattHour {
		t.Errorf("%v a day", perDay)
	}
	if s.Unmet > 0 || s.Deficit > 2500*units.WattHour {
		t.Errorf("an element that is always on leaves a deficit of %v and %v unmet", s.Deficit, s.Unmet)
	}
	set(t, load(t, p, "geyser"), false)
	p.Advance(start.Add((days*24 + 72) * time.Hour))
	if s := p.State().Loads[1]; s.Unmet == 0 {
		t.Error("three days without heating and nobody had a cold shower")
	}
}

func TestWasherRunsItsProgrammeOnce(t *testing.T) {
	p := plant(t, Config{Loads: appliances()})
	set(t, load(t, p, "washer"), true)
	p.Advance(start.Add(5 * time.Hour))
	mean := 500 * units.Watt
	want := mean.Over(105 * time.Minute)
	got := p.State().Loads[3].Used
	if diff := got - want; diff < -want/200 || diff > want/200 {
		t.Errorf("a programme used %v, want about %v", got, want)
	}
	p.Advance(start.Add(24 * time.Hour))
	if p.State().Loads[3].Used != got {
		t.Error("it went on after the end of the programme")
	}
	set(t, load(t, p, "washer"), false)
	set(t, load(t, p, "washer"), true)
	p.Advance(start.Add(48 * time.Hour))
	if p.State().Loads[3].Used != 2*got {
		t.Error("switched off and on, it does not run again")
	}
}

func TestCarChargesOnlyAtHome(t *testing.T) {
	p := plant(t, Config{Loads: appliances(), Start: time.Date(2026, 6, 1, 6, 0, 0, 0, time.UTC), Seed: 5}) // a Monday
	set(t, load(t, p, "car"), true)
	at := p.Now()
	var byHour [24]units.Energy
	last := units.Energy(0)
	for range 5 * 24 {
		at = at.Add(time.Hour)
		p.Advance(at)
		used := p.State().Loads[0].Used
		byHour[at.Add(-time.Minute).Hour()] += used - last
		last = used
	}
	if last < 20*units.KilowattHour {
		t.Errorf("five workdays took %v", last)
	}
	for h := 9; h < 17; h++ {
		if byHour[h] != 0 {
			t.Errorf("it charged %v at %d h while away", byHour[h], h)
		}
	}
}

func TestHouseholdIsOfTheAskedSize(t *testing.T) {
	for _, kwh := range []int{8, 12, 18, 25} {
		for _, seed := range []uint64{uint64(kwh)} {
			t.Run(fmt.Sprintf("%d kWh seed %d", kwh, seed), func(t *testing.T) {
				want := units.Energy(kwh) * units.KilowattHour
				h := household(t, HouseholdConfig{Seed: seed, Daily: want, Latitude: -26, Zone: zone(t, "Africa/Johannesburg")})
				var sum units.Energy
				const days = 121 // every third of a year
				for i := range days {
					e, ok := h.Energy(start.AddDate(0, 0, 3*i), start.AddDate(0, 0, 3*i+1))
					if !ok {
						t.Fatal("it does not know what it uses")
					}
					sum += e
				}
				mean := sum / days
				if mean < want*90/100 || mean > want*110/100 {
					t.Errorf("a year has %v a day, want %v within 10%%", mean, want)
				}
			})
		}
	}
}

// The profile must look like people: quiet at night, busy in the evening, with
// peaks of a kettle and an oven, quieter on holiday.
func TestHouseholdLooksLikePeople(t *testing.T) {
	z := zone(t, "Africa/Johannesburg")
	h := household(t, HouseholdConfig{Seed: 1, Latitude: -26, Zone: z})
	var night, evening units.Energy
	var peak units.Power
	changes := 0
	for d := range 28 {
		day := time.Date(2026, 5, 4+d, 0, 0, 0, 0, z)
		n, _ := h.Energy(day.Add(1*time.Hour), day.Add(5*time.Hour))
		e, _ := h.Energy(day.Add(18*time.Hour), day.Add(22*time.Hour))
		night += n
		evening += e
		last := units.Power(-1)
		for s := 0; s < 24*3600; s += 10 {
			p := h.Power(day.Add(time.Duration(s) * time.Second))
			if p <= 0 {
				t.Fatalf("%v: draws %v", day, p)
			}
			peak = max(peak, p)
			if p != last {
				changes++
			}
			last = p
		}
	}
	if evening < 3*night {
		t.Errorf("evenings use %v, nights %v", evening, night)
	}
	if peak < 2500*units.Watt || peak > 12*units.Kilowatt {
		t.Errorf("greatest power %v", peak)
	}
	if perDay := changes / 28; perDay < 500 {
		t.Errorf("power changes only %d times a day", perDay)
	}
	away, home := units.Energy(0), units.Energy(0)
	nAway, nHome := 0, 0
	for d := range 365 {
		noon := time.Date(2026, 1, 1+d, 12, 0, 0, 0, z)
		b := builder{h: h, r: dayRand(1, 1), noon: noon}
		e, _ := h.Energy(noon.Add(-12*time.Hour), noon.Add(12*time.Hour))
		if b.holiday() {
			away, nAway = away+e, nAway+1
		} else {
			home, nHome = home+e, nHome+1
		}
	}
	if nAway != 20 || away/units.Energy(nAway)*2 > home/units.Energy(nHome) {
		t.Errorf("%d holidays with %v a day, other days %v", nAway, away/units.Energy(max(nAway, 1)), home/units.Energy(nHome))
	}
}

func TestDaysOf23And25HoursAreWhole(t *testing.T) {
	z := zone(t, "Europe/Paris")
	h := household(t, HouseholdConfig{Seed: 2, Latitude: 48, Zone: z})
	for _, tc := range []struct {
		day   time.Time
		hours int
	}{
		{time.Date(2026, 3, 29, 12, 0, 0, 0, z), 23},
		{time.Date(2026, 10, 25, 12, 0, 0, 0, z), 25},
		{time.Date(2026, 6, 7, 12, 0, 0, 0, z), 24},
	} {
		d := h.day(tc.day)
		if got := d.to.Sub(d.from); got != time.Duration(tc.hours)*time.Hour {
			t.Errorf("%v lasts %v", tc.day, got)
		}
		var sum units.Energy
		for at := d.from; at.Before(d.to); at = at.Add(15 * time.Minute) {
			e, _ := h.Energy(at, at.Add(15*time.Minute))
			sum += e
		}
		if sum != d.total {
			t.Errorf("%v: quarters add up to %d, the day is %d", tc.day, sum, d.total)
		}
	}
}

type silence struct{ from, to time.Time }

func (s silence) Energy(from, to time.Time) (units.Energy, bool) {
	if from.Before(s.to) && to.After(s.from) {
		return 0, false
	}
	return units.Watt.Over(to.Sub(from)), true
}

func TestSilentMeter(t *testing.T) {
	p := plant(t, Config{Base: silence{start.Add(time.Hour), start.Add(2 * time.Hour)}, Loads: appliances()})
	set(t, load(t, p, "pump"), true)
	p.Advance(start.Add(time.Hour))
	if r := p.Advance(start.Add(90 * time.Minute)); metering.CodeOf(r.Err) != metering.Silent {
		t.Fatalf("while nobody knows: %+v", r)
	}
	p.Advance(start.Add(2 * time.Hour))
	r := p.Advance(start.Add(3 * time.Hour))
	if want := 3*750*units.WattHour + 2*units.WattHour; r.Err != nil || r.Sample.Import != want {
		t.Errorf("after the silence the register is %v, want %v", r.Sample.Import, want)
	}
}

func TestMeterResumesOnTheSameGrid(t *testing.T) {
	run := func(m *Meter) (at []time.Time, register []units.Energy) {
		err := m.Run(context.Background(), func(r metering.Reading) {
			at, register = append(at, r.Sample.At), append(register, r.Sample.Import)
		})
		if err != nil {
			t.Fatal(err)
		}
		return at, register
	}
	c := Config{Base: household(t, HouseholdConfig{Seed: 9}), Start: start}
	until := start.Add(time.Hour)
	at, reg := run(&Meter{Plant: plant(t, c), Step: 10 * time.Second, Until: until})
	if len(at) != 360 || !at[359].Equal(until) {
		t.Fatalf("%d readings in an hour, the last at %v", len(at), at[len(at)-1])
	}
	atLater, regLater := run(&Meter{Plant: plant(t, c), Step: 10 * time.Second, Until: until, After: at[99]})
	if d := cmp.Diff(at[100:], atLater); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(reg[100:], regLater); d != "" {
		t.Error(d)
	}
}

func TestMeterPaceAndConcurrentSwitching(t *testing.T) {
	p := plant(t, Config{Base: household(t, HouseholdConfig{}), Loads: appliances()})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	n := 0
	begin := time.Now()
	wg.Go(func() {
		m := &Meter{Plant: p, Step: 10 * time.Second, Speed: 1000} // a step each 10 ms
		if err := m.Run(ctx, func(metering.Reading) {
			if n++; n == 20 {
				cancel()
			}
		}); err != nil {
			t.Error(err)
		}
	})
	for _, id := range []string{"geyser", "pump"} {
		wg.Go(func() {
			s, _ := p.Switch(id)
			for i := 0; ctx.Err() == nil; i++ {
				_ = s.Set(ctx, loads.Setpoint{On: i%2 == 0}) // the error is ctx's
				_, _ = s.Observed(ctx)
				_ = p.Supply().Set(ctx, loads.Setpoint{On: i%3 > 0})
				p.Now()
				p.State()
			}
		})
	}
	wg.Wait()
	if took := time.Since(begin); n != 20 || took < 150*time.Millisecond {
		t.Errorf("%d readings in %v", n, took)
	}
}

func TestConfigurationsThatCannotBe(t *testing.T) {
	for name, c := range map[string]Config{
		"no start":        {},
		"no power":        {Start: start, Loads: []Appliance{{ID: "a"}}},
		"unknown kind":    {Start: start, Loads: []Appliance{{ID: "a", Power: 1, Kind: "kettle"}}},
		"two of one name": {Start: start, Loads: []Appliance{{ID: "a", Power: 1}, {ID: "a", Power: 2}}},
		"feeble geyser":   {Start: start, Loads: []Appliance{{ID: "a", Power: 1, Kind: Geyser}}},
		"hasty washer":    {Start: start, Loads: []Appliance{{ID: "a", Power: 1, Kind: Washer, Cycle: 1}}},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := NewHousehold(HouseholdConfig{Daily: 1}); err == nil {
		t.Error("a household of a microjoule a day")
	}
	if err := plant(t, Config{}).Restore(State{Loads: []DeviceState{{ID: "gone"}}}); err == nil {
		t.Error("a state of another plant was taken")
	}
	if err := (&Meter{Plant: plant(t, Config{})}).Run(context.Background(), nil); err == nil {
		t.Error("a meter without a step runs")
	}
}

func BenchmarkAdvance(b *testing.B) {
	for _, step := range []time.Duration{time.Second, 10 * time.Second, 30 * time.Minute} {
		b.Run(step.String(), func(b *testing.B) {
			p := plant(b, Config{Base: household(b, HouseholdConfig{Seed: 1}), Loads: appliances(), Seed: 1})
			r := rand.New(rand.NewPCG(1, 1))
			at := start
			steps := 0
			for b.Loop() {
				at = at.Add(step)
				p.Advance(at)
				if steps++; r.IntN(60) == 0 {
					s, _ := p.Switch([]string{"geyser", "pump", "washer", "car"}[r.IntN(4)])
					_ = s.Set(context.Background(), loads.Setpoint{On: r.IntN(2) == 0})
				}
			}
			b.ReportMetric(float64(steps)*step.Hours()/24/b.Elapsed().Seconds(), "days/s")
		})
	}
}
