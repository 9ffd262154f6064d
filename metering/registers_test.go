package metering

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/internal/units"
)

const (
	kWh = units.KilowattHour
	wh  = units.WattHour
)

func day(s string) time.Time {
	t, err := time.Parse("15:04:05", s)
	if err != nil {
		panic(err)
	}
	return time.Date(2026, 3, 29, t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

func reg(at string, import_ units.Energy) Sample {
	return Sample{At: day(at), Has: HasImport, Import: import_, Step: wh}
}

func pow(at string, w float64) Sample {
	return Sample{At: day(at), Has: HasPower, Power: units.FromW(w)}
}

func both(at string, import_ units.Energy, w float64) Sample {
	s := reg(at, import_)
	s.Has |= HasPower
	s.Power = units.FromW(w)
	return s
}

func named(s Sample, d string) Sample {
	s.Device = d
	return s
}

func wraps(s Sample, at units.Energy) Sample {
	s.Wrap = at
	return s
}

func TestTake(t *testing.T) {
	for _, row := range []struct {
		name    string
		samples []Sample
		energy  units.Energy // imported in all
		last    Quality      // of the last consumption
		events  []EventKind
	}{
		// Registers
		{"the first sample is where counting begins", []Sample{reg("10:00:00", 500*kWh)}, 0, 0, nil},
		{"the difference is what was used", []Sample{reg("10:00:00", 500*kWh), reg("10:00:10", 500*kWh+7*wh)}, 7 * wh, 0, nil},
		{"a register that stands still", []Sample{reg("10:00:00", 500*kWh), reg("10:00:10", 500*kWh)}, 0, 0, nil},
		{"five hours of silence are charged and said to be estimated in time", []Sample{reg("10:00:00", 500*kWh), reg("15:00:00", 510*kWh)}, 10 * kWh, Estimated, []EventKind{MeterGap}},
		{"back by more than a step", []Sample{reg("10:00:00", 500*kWh), reg("10:00:10", 3*kWh)}, 0, Gap | Suspect, []EventKind{RegisterBackwards}},
		{"back for good: counting goes on from there", []Sample{reg("10:00:00", 500*kWh), reg("10:00:10", 3*kWh), reg("10:00:20", 3*kWh+5*wh)}, 5 * wh, Suspect, []EventKind{RegisterBackwards, RegisterRebased}},
		{"back for one reading: nothing is lost", []Sample{reg("10:00:00", 500*kWh), reg("10:00:10", 3*kWh), reg("10:00:20", 500*kWh+5*wh)}, 5 * wh, 0, []EventKind{RegisterBackwards, RegisterRecovered}},
		{"trembling by one step is no movement", []Sample{reg("10:00:00", 500*kWh), reg("10:00:10", 500*kWh-wh), reg("10:00:20", 500*kWh+wh)}, wh, 0, nil},
		{"a jump", []Sample{reg("10:00:00", 500*kWh), reg("10:00:10", 501*kWh)}, 0, Gap | Suspect, []EventKind{RegisterJump}},
		{"a jump for good", []Sample{reg("10:00:00", 500*kWh), reg("10:00:10", 900*kWh), reg("10:00:20", 900*kWh+wh)}, wh, Suspect, []EventKind{RegisterJump, RegisterRebased}},
		{"a spike: what was used meanwhile is charged", []Sample{reg("10:00:00", 500*kWh), reg("10:00:10", 900*kWh), reg("10:00:20", 500*kWh+9*wh)}, 9 * wh, 0, []EventKind{RegisterJump, RegisterRecovered}},
		{"two different spikes", []Sample{reg("10:00:00", 500*kWh), reg("10:00:10", 900*kWh), reg("10:00:20", 700*kWh), reg("10:00:30", 500*kWh+9*wh)}, 9 * wh, 0, []EventKind{RegisterJump, RegisterJump, RegisterRecovered}},
		{"a register that wraps", []Sample{wraps(reg("10:00:00", 10_000*kWh-2*wh), 10_000*kWh), wraps(reg("10:00:10", 3*wh), 10_000*kWh)}, 5 * wh, 0, []EventKind{RegisterWrapped}},
		{"back far from the wrap is no wrap", []Sample{wraps(reg("10:00:00", 5_000*kWh), 10_000*kWh), wraps(reg("10:00:10", 3*wh), 10_000*kWh)}, 0, Gap | Suspect, []EventKind{RegisterBackwards}},
		{"a negative register is no register", []Sample{reg("10:00:00", 500*kWh), reg("10:00:10", -3*kWh)}, 0, Gap | Suspect, []EventKind{RegisterBackwards}},

		// Another meter
		{"another meter begins anew", []Sample{named(reg("10:00:00", 500*kWh), "A"), named(reg("10:00:10", 501*kWh), "B"), named(reg("10:00:20", 501*kWh+4*wh), "B")}, 4 * wh, 0, []EventKind{MeterReplaced}},
		{"a sample without identity is the same meter's", []Sample{named(reg("10:00:00", 500*kWh), "A"), reg("10:00:10", 500*kWh+2*wh), named(reg("10:00:20", 500*kWh+4*wh), "A")}, 4 * wh, 0, nil},

		// The clock
		{"the clock goes back: energy counts once", []Sample{reg("10:00:00", 500*kWh), reg("09:00:00", 500*kWh+5*wh), reg("09:00:10", 500*kWh+6*wh)}, 6 * wh, 0, []EventKind{ClockBack}},
		{"the clock goes back after days without power", []Sample{reg("10:00:00", 500*kWh), reg("09:00:00", 520*kWh)}, 20 * kWh, ClockChanged, []EventKind{ClockBack}},
		{"the clock goes back without a register: no energy", []Sample{pow("10:00:00", 3600), pow("09:00:00", 3600)}, 0, ClockChanged, []EventKind{ClockBack}},
		{"the same instant twice", []Sample{both("10:00:00", 500*kWh, 3600), both("10:00:00", 500*kWh+wh, 3600)}, wh, 0, nil},

		// Power alone
		{"the trapezoid of power", []Sample{pow("10:00:00", 1000), pow("10:00:36", 3000)}, 20 * wh, 0, nil},
		{"a long silence is not charged", []Sample{pow("10:00:00", 1000), pow("10:02:01", 1000)}, 0, Gap, []EventKind{MeterGap}},
		{"power beyond the supply is not believed", []Sample{pow("10:00:00", 1000), pow("10:00:10", 9e6), pow("10:00:20", 1000)}, 0, Gap, []EventKind{PowerAbsurd}},
		{"export is no import", []Sample{pow("10:00:00", -1000), pow("10:00:36", -1000)}, 0, 0, nil},
		{"from import to export", []Sample{pow("10:00:00", 1000), pow("10:00:36", -1000)}, 2500 * units.Joule * 36 / 10, 0, nil},

		// Registers and power together
		{"the register is the truth, not the power", []Sample{both("10:00:00", 500*kWh, 3600), both("10:00:10", 500*kWh+3*wh, 3600)}, 3 * wh, 0, nil},
		{"a sample without its register is charged by power, and the next difference less that", []Sample{both("10:00:00", 500*kWh, 3600), pow("10:00:10", 3600), both("10:00:20", 500*kWh+21*wh, 3600)}, 21 * wh, 0, nil},
		{"power ran ahead of the register: it is not given back, the register catches up", []Sample{both("10:00:00", 500*kWh, 3600), pow("10:00:10", 3600), both("10:00:20", 500*kWh+4*wh, 3600), both("10:00:30", 500*kWh+12*wh, 3600)}, 12 * wh, 0, nil},
		{"while the register is in doubt power is charged, and taken off when it recovers", []Sample{both("10:00:00", 500*kWh, 3600), both("10:00:10", 900*kWh, 3600), both("10:00:20", 500*kWh+20*wh, 3600)}, 20 * wh, 0, []EventKind{RegisterJump, RegisterRecovered}},
		{"set back to zero each time: power is charged all the same", []Sample{both("10:00:00", 500*kWh, 3600), both("10:00:10", 0, 3600)}, 10 * wh, Suspect, []EventKind{RegisterBackwards}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var r Registers
			var sum units.Energy
			var last Consumption
			var kinds []EventKind
			for _, s := range row.samples {
				var ev []Event
				r, last, ev = r.Take(s, DefaultLimits())
				sum += last.Import
				for _, e := range ev {
					kinds = append(kinds, e.Kind)
				}
			}
			if sum != row.energy || r.Import != row.energy {
				t.Errorf("counted %d uJ (register %d), want %d", sum, r.Import, row.energy)
			}
			if last.Quality != row.last {
				t.Errorf("quality %v, want %v", last.Quality, row.last)
			}
			if !reflect.DeepEqual(kinds, row.events) {
				t.Errorf("events %v, want %v", kinds, row.events)
			}
		})
	}
}

func TestTakeExportByPower(t *testing.T) {
	var r Registers
	r, _, _ = r.Take(pow("10:00:00", 1000), DefaultLimits())
	r, c, _ := r.Take(pow("10:00:36", -3000), DefaultLimits())
	// Zero is passed after 9 of 36 s: 1000/2*9 J in, 3000/2*27 J out.
	if c.Import != 4500*units.Joule || c.Export != 40_500*units.Joule {
		t.Errorf("%d in, %d out", c.Import, c.Export)
	}
	if r.Export != c.Export {
		t.Errorf("export register %d", r.Export)
	}
}

// Whatever comes, counting never goes down, never exceeds what the registers
// and the supply allow, and the state survives being stored.
func TestTakeAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lim := DefaultLimits()
		var r Registers
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		var total units.Energy
		for range rapid.IntRange(1, 30).Draw(t, "samples") {
			s := Sample{At: at, Step: wh}
			if rapid.Bool().Draw(t, "register") {
				s.Has |= HasImport
				s.Import = units.Energy(rapid.Int64().Draw(t, "import"))
			}
			if rapid.Bool().Draw(t, "power") {
				s.Has |= HasPower
				s.Power = units.Power(rapid.Int64Range(-1e12, 1e12).Draw(t, "power"))
			}
			step := time.Duration(rapid.Int64Range(-int64(time.Hour), int64(time.Hour)).Draw(t, "step"))
			before := r
			var c Consumption
			r, c, _ = r.Take(s, lim)
			if c.Import < 0 || c.Export < 0 || c.To.Before(c.From) {
				t.Fatalf("consumption %+v", c)
			}
			span := max(c.To.Sub(c.From), 0)
			if c.Quality&ClockChanged != 0 {
				span = clockTrust
			}
			if most := lim.MaxPower.Over(span+time.Hour*30) + 2*wh; c.Import > most { // an odd register may lie some steps back
				t.Fatalf("charged %v in %v", c.Import, span)
			}
			total += c.Import
			if r.Import != before.Import+c.Import {
				t.Fatal("the total is not the sum")
			}
			b, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			var back Registers
			if err := json.Unmarshal(b, &back); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(back, r) {
				t.Fatalf("stored %+v, came back %+v", r, back)
			}
			at = at.Add(step)
		}
		if total < 0 {
			t.Fatal("total below zero")
		}
	})
}

// A true meter, read at odd times with faults between, is counted to the
// microjoule, whatever subset of readings gets through.
func TestTakeTrueMeter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lim := DefaultLimits()
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		truth := 900 * kWh
		var r Registers
		r, _, _ = r.Take(Sample{At: at, Has: HasImport, Import: truth, Step: wh}, lim)
		for i := range rapid.IntRange(1, 40).Draw(t, "samples") {
			dt := time.Duration(rapid.Int64Range(1e6, int64(2*time.Hour)).Draw(t, "dt"))
			p := units.Power(rapid.Int64Range(0, int64(lim.MaxPower)).Draw(t, "power"))
			truth += p.Over(dt)
			at = at.Add(dt)
			s := Sample{At: at, Has: HasImport | HasPower, Import: truth, Power: p, Step: wh}
			switch rapid.IntRange(0, 6).Draw(t, "fault") {
			case 0:
				continue // not read
			case 1:
				s.Has &^= HasImport
			case 2:
				r, _, _ = r.Take(Sample{At: at, Has: HasImport, Import: 9e17 + units.Energy(i)*1e15, Step: wh}, lim)
				continue
			}
			r, _, _ = r.Take(s, lim)
		}
		r, _, _ = r.Take(Sample{At: at.Add(time.Second), Has: HasImport, Import: truth, Step: wh}, lim)
		if over := r.Import - (truth - 900*kWh); over < 0 || over != r.ImportCounter.Ahead {
			t.Fatalf("counted %d, truth is %d, ahead %d", r.Import, truth-900*kWh, r.ImportCounter.Ahead)
		}
	})
}

func TestBook(t *testing.T) {
	var r Registers
	r = r.Book("peak", Consumption{Import: 5})
	first := r
	r = r.Book("off-peak", Consumption{Import: 2, Export: 1})
	r = r.Book("peak", Consumption{Import: 1})
	want := []PeriodRegister{{"off-peak", 2, 1}, {"peak", 6, 0}}
	if !reflect.DeepEqual(r.Periods, want) {
		t.Errorf("periods %+v", r.Periods)
	}
	if !reflect.DeepEqual(first.Periods, []PeriodRegister{{"peak", 5, 0}}) {
		t.Errorf("Book changed the state before it: %+v", first.Periods)
	}
}

func TestQualityString(t *testing.T) {
	for q, want := range map[Quality]string{0: "measured", Gap: "gap", Estimated | Suspect: "estimated+suspect", ClockChanged | Lost | DeviceChanged: "clock_changed+lost+device_changed"} {
		if got := q.String(); got != want {
			t.Errorf("%d is %q, want %q", q, got, want)
		}
	}
}

// TestReactiveEnergy: reactive power of either sign is integrated between
// samples that tell it; across a gap nothing is known of it.
func TestReactiveEnergy(t *testing.T) {
	sample := func(at string, kvar float64) Sample {
		s := both(at, 0, 1000)
		s.Reactive, s.Has = int64(units.FromKW(kvar)), s.Has|HasReactive
		return s
	}
	for _, row := range []struct {
		name    string
		samples []Sample
		want    units.Energy
	}{
		{"ten seconds of 3.6 kvar", []Sample{sample("10:00:00", 3.6), sample("10:00:10", 3.6)}, 10 * wh},
		{"capacitive as well", []Sample{sample("10:00:00", -3.6), sample("10:00:10", -3.6)}, 10 * wh},
		{"from one to the other", []Sample{sample("10:00:00", -3.6), sample("10:00:10", 3.6)}, 5 * wh},
		{"not told before", []Sample{both("10:00:00", 0, 1000), sample("10:00:10", 3.6)}, 0},
		{"not told any more", []Sample{sample("10:00:00", 3.6), both("10:00:10", 0, 1000)}, 0},
		{"over a gap", []Sample{sample("10:00:00", 3.6), sample("11:00:00", 3.6)}, 0},
		{"more than the supply can carry", []Sample{sample("10:00:00", 3.6), sample("10:00:10", 9999)}, 0},
	} {
		var r Registers
		var sum units.Energy
		for _, s := range row.samples {
			var c Consumption
			r, c, _ = r.Take(s, Limits{MaxPower: 14 * units.Kilowatt, MaxGap: 5 * time.Minute})
			sum += c.Reactive
		}
		if sum != row.want {
			t.Errorf("%s: %s, want %s", row.name, sum, row.want)
		}
	}
}

// Where the driver does not know it, the configuration says where a register
// begins again.
func TestARolloverThatTheConfigurationNamesIsCounted(t *testing.T) {
	lim := Document{Rollover: 100_000 * units.KilowattHour}.Limits()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	one := func(after time.Duration, e units.Energy) Sample {
		return Sample{At: at.Add(after), Has: HasImport, Import: e, Step: 10 * units.WattHour}
	}
	r, _, _ := Registers{}.Take(one(0, 99_999*units.KilowattHour+990*units.WattHour), lim)
	_, c, events := r.Take(one(10*time.Second, 10*units.WattHour), lim)
	if c.Import != 20*units.WattHour || len(events) != 1 || events[0].Kind != RegisterWrapped {
		t.Errorf("%v, %+v", c.Import, events)
	}
}
