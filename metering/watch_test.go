package metering

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
)

// three is a sample of three phases with volts and amperes each.
func three(at string, volts, amps [3]float64) Sample {
	s := Sample{At: day(at)}
	for i := range volts {
		s.Phases = append(s.Phases, Phase{
			Has: HasVoltage | HasCurrent | HasPower, Voltage: units.Voltage(volts[i] * 1000),
			Current: units.Current(amps[i] * 1000), Power: units.FromW(volts[i] * amps[i]),
		})
	}
	return s.Complete()
}

func single(at string, volts, amps, watts float64) Sample {
	return Sample{At: day(at), Has: HasVoltage | HasCurrent | HasPower, Voltage: units.Voltage(volts * 1000), Current: units.Current(amps * 1000), Power: units.FromW(watts)}.Complete()
}

func with(s Sample, change func(*Sample)) Sample {
	change(&s)
	return s
}

func TestWatch(t *testing.T) {
	type step struct {
		s    Sample
		open bool
	}
	for _, row := range []struct {
		name  string
		steps []step
		want  []string // kind, phase, open or the duration
	}{
		{"all is well", []step{{single("10:00:00", 230, 5, 1150), false}, {single("10:00:10", 229, 5, 1145), false}}, nil},
		{"a sag begins and ends", []step{{single("10:00:00", 200, 5, 1000), false}, {single("10:00:02", 195, 5, 1000), false}, {single("10:00:05", 230, 5, 1150), false}}, []string{"voltage_sag 1 open", "voltage_sag 1 5s 195"}},
		{"a swell", []step{{single("10:00:00", 255, 5, 1000), false}, {single("10:00:01", 260, 5, 1000), false}, {single("10:00:02", 230, 5, 1000), false}}, []string{"voltage_swell 1 open", "voltage_swell 1 2s 260"}},
		{"one phase is interrupted", []step{{three("10:00:00", [3]float64{230, 0, 230}, [3]float64{1, 0, 1}), false}, {three("10:00:04", [3]float64{230, 230, 230}, [3]float64{1, 1, 1}), false}}, []string{"voltage_interruption 2 open", "voltage_interruption 2 4s 0"}},
		{"all phases are out, and come back", []step{{three("10:00:00", [3]float64{}, [3]float64{}), false}, {three("11:00:00", [3]float64{230, 230, 230}, [3]float64{}), false}}, []string{"outage 0 open", "outage 0 1h0m0s 0"}},
		{"the neutral is lost", []step{{three("10:00:00", [3]float64{290, 180, 230}, [3]float64{1, 1, 1}), false}, {three("10:00:04", [3]float64{290, 180, 230}, [3]float64{1, 1, 1}), false}}, []string{"voltage_sag 2 open", "voltage_swell 1 open", "neutral_loss 0 open"}},
		{"a voltage wire is cut while current flows", []step{{three("10:00:00", [3]float64{230, 0, 230}, [3]float64{1, 8, 1}), false}, {three("10:00:04", [3]float64{230, 0, 230}, [3]float64{1, 8, 1}), false}}, []string{"voltage_interruption 2 open", "current_without_voltage 2 open"}},
		{"reverse power for a moment is none", []step{{single("10:00:00", 230, 5, -1150), false}, {single("10:00:02", 230, 5, 1150), false}}, nil},
		{"reverse power that lasts", []step{{single("10:00:00", 230, 5, -1150), false}, {single("10:00:05", 230, 5, -1150), false}}, []string{"reverse_energy 0 open"}},
		{"the contactor opens: the last power is no weld", []step{{single("10:00:00", 230, 5, 1150), true}, {single("10:00:01", 230, 0, 0), true}}, nil},
		{"the contactor is welded", []step{{single("10:00:00", 230, 5, 1150), true}, {single("10:00:04", 230, 5, 1150), true}, {single("10:00:08", 230, 5, 1150), false}}, []string{"consumption_while_open 0 open", "consumption_while_open 0 8s 0"}},
		{"less comes back by the neutral", []step{
			{with(single("10:00:00", 230, 5, 1150), func(s *Sample) { s.Has |= HasNeutral; s.NeutralCurrent = 2000 }), false},
			{with(single("10:00:04", 230, 5, 1150), func(s *Sample) { s.Has |= HasNeutral; s.NeutralCurrent = 2000 }), false},
		}, []string{"neutral_mismatch 0 open"}},
		{"the cover is opened", []step{{with(single("10:00:00", 230, 5, 1150), func(s *Sample) { s.Has |= HasCover; s.CoverOpen = true }), false}}, []string{"cover_open 0 open"}},
		{"a magnet is near", []step{{with(single("10:00:00", 230, 5, 1150), func(s *Sample) { s.Has |= HasMagnet; s.MagnetNear = true }), false}}, []string{"magnet_near 0 open"}},
		{"the frequency is off", []step{{with(single("10:00:00", 230, 5, 1150), func(s *Sample) { s.Has |= HasFrequency; s.Frequency = 48_500 }), false}}, []string{"frequency_deviation 0 open"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var w Watch
			var got []string
			for _, st := range row.steps {
				var events []Event
				w, events = w.Take(st.s, st.open, WatchLimits{})
				b, err := json.Marshal(w)
				if err != nil {
					t.Fatal(err)
				}
				var back Watch
				if err := json.Unmarshal(b, &back); err != nil || !reflect.DeepEqual(back, w) {
					t.Fatalf("stored %+v, came back %+v (%v)", w, back, err)
				}
				w = back
				for _, e := range events {
					if e.Open {
						got = append(got, fmt.Sprintf("%s %d open", e.Kind, e.Phase))
					} else {
						v := e.Voltage / 1000
						if e.Kind == ConsumptionWhileOpen {
							v = 0
						}
						got = append(got, fmt.Sprintf("%s %d %v %d", e.Kind, e.Phase, e.Duration, v))
					}
				}
			}
			if strings.Join(got, ", ") != strings.Join(row.want, ", ") {
				t.Errorf("got  %v\nwant %v", got, row.want)
			}
		})
	}
}

// A register that stands still while power flows is told after the energy that
// should have moved it.
func TestWatchRegisterStuck(t *testing.T) {
	var w Watch
	at := day("10:00:00")
	for i := range 100 {
		s := Sample{At: at, Has: HasImport | HasPower, Import: 5 * kWh, Step: wh, Power: 2 * units.Kilowatt}
		var events []Event
		w, events = w.Take(s, false, WatchLimits{})
		if len(events) > 0 {
			if events[0].Kind != RegisterStuck || i < 19 || i > 22 {
				t.Fatalf("after %d s: %+v", i*10, events)
			}
			return
		}
		at = at.Add(10 * time.Second)
	}
	t.Error("it was never told")
}

func TestDemand(t *testing.T) {
	feed := func(d Demand, watts ...float64) (Demand, []Peak) { // one a minute
		var peaks []Peak
		at := day("10:00:00")
		for _, w := range watts {
			to := at.Add(time.Minute)
			var p []Peak
			d, p = d.Add(Consumption{From: at, To: to, Import: units.FromW(w).Over(time.Minute)})
			peaks = append(peaks, p...)
			at = to
		}
		return d, peaks
	}
	// A load of 3 kW from 10:10 to 10:20: each block of 15 minutes sees a part,
	// a sliding window all of it.
	watts := make([]float64, 30)
	for i := 10; i < 20; i++ {
		watts[i] = 3000
	}
	block, peaks := feed(Demand{Window: 15 * time.Minute, Step: 15 * time.Minute}, watts...)
	if len(peaks) != 2 || block.Max != 1000*units.Watt {
		t.Errorf("block demand %v, peaks %+v", block.Max, peaks)
	}
	sliding, peaks := feed(Demand{Window: 15 * time.Minute, Step: time.Minute}, watts...)
	if len(peaks) != 16 || sliding.Max != 2000*units.Watt || !sliding.MaxAt.Equal(day("10:20:00")) {
		t.Errorf("sliding demand %v at %v, %d peaks", sliding.Max, sliding.MaxAt, len(peaks))
	}
	if r := sliding.Reset(); r.Max != 0 || len(r.Recent) != 15 {
		t.Errorf("after Reset: %+v", r)
	}
	// A gap breaks the window.
	d, _ := Demand{Window: 15 * time.Minute, Step: 5 * time.Minute}.Add(Consumption{From: day("10:00:00"), To: day("10:10:00"), Import: kWh})
	d, peaks = d.Add(Consumption{From: day("10:10:00"), To: day("10:20:00"), Quality: Gap})
	if len(peaks) != 0 || len(d.Recent) != 0 {
		t.Errorf("over a gap: %+v, %+v", d, peaks)
	}
	// Intervals carry it.
	b := Intervals{Period: 30 * time.Minute, Demand: &Demand{Window: 15 * time.Minute, Step: 5 * time.Minute}}
	b, _ = b.Add(Consumption{From: day("10:00:00"), To: day("10:25:00"), Import: kWh})
	_, closed := b.Add(Consumption{From: day("10:25:00"), To: day("10:30:00"), Import: kWh})
	if want := (kWh + kWh*2/5).Mean(15 * time.Minute); len(closed) != 1 || closed[0].MaxDemand != want {
		t.Errorf("interval %+v, want demand %v", closed, want)
	}
}

func TestWriteProfile(t *testing.T) {
	var b bytes.Buffer
	err := WriteProfile(&b, []Interval{
		{Slot: units.SlotAt(day("10:00:00"), 30*time.Minute), Import: 1500 * wh, Export: 1, MaxPower: 3_500_000, MaxDemand: 3_000_000, Covered: 30 * time.Minute},
		{Slot: units.SlotAt(day("10:30:00"), 30*time.Minute), Quality: Gap | Estimated, Covered: 15 * time.Minute},
	})
	want := "time,seconds,import_kwh,export_kwh,max_power_w,max_demand_w,covered,quality\n" +
		"2026-03-29T10:00:00Z,1800,1.5,0.0000000000002777777777777778,3500,3000,1,measured\n" +
		"2026-03-29T10:30:00Z,1800,0,0,0,0,0.5,estimated+gap\n"
	if err != nil || b.String() != want {
		t.Errorf("%v\n%s", err, b.String())
	}
}

// set are settings with a fault of their own where they are broken.
type set struct {
	broken bool
	pace   time.Duration
}

func (s set) Check() (l fault.List) {
	if s.broken {
		l.Add("port", "mend it", "it is broken")
	}
	return l
}
func (s set) Pace() time.Duration   { return s.pace }
func (set) Label() string           { return "a meter" }
func (set) Needs() Needs            { return 0 }
func (set) Open(Env) (Meter, error) { return nil, nil }

// How long a meter may be quiet is three of its readings, by the driver where the
// configuration does not say; and what comes at its pace is measured.
func TestAMeterThatSpeaksRarelyIsNeitherSilentNorEstimatedBetween(t *testing.T) {
	for _, row := range []struct {
		name         string
		d            Document
		silence, gap time.Duration
	}{
		{"no driver", Document{}, time.Minute, 2 * time.Minute},
		{"often by the driver", Document{Settings: set{pace: 2 * time.Second}}, time.Minute, 2 * time.Minute},
		{"every five minutes by the driver", Document{Settings: set{pace: 5 * time.Minute}}, 15 * time.Minute, 10 * time.Minute},
		{"oftener by the configuration", Document{Settings: set{pace: 5 * time.Minute}, Every: 30 * time.Second}, 90 * time.Second, 2 * time.Minute},
		{"more rarely by the configuration", Document{Settings: set{pace: time.Second}, Every: 10 * time.Minute}, 30 * time.Minute, 20 * time.Minute},
		{"a gap that is written", Document{Settings: set{pace: 5 * time.Minute}, MaxGap: time.Minute}, 15 * time.Minute, time.Minute},
	} {
		if got := row.d.Limits().MaxGap; row.d.Silence() != row.silence || got != row.gap {
			t.Errorf("%s: silent after %v, a gap after %v; want %v, %v", row.name, row.d.Silence(), got, row.silence, row.gap)
		}
	}
	var r Registers
	for i := range 5 {
		s := Sample{At: time.Date(2026, 11, 29, 10, 5*i, i, 0, time.UTC), Has: HasImport | HasPower, Import: units.Energy(i) * 50 * units.WattHour, Power: 600 * units.Watt}
		var used Consumption
		var events []Event
		if r, used, events = r.Take(s, Document{Settings: set{pace: 5 * time.Minute}}.Limits()); used.Quality != 0 || len(events) > 0 {
			t.Errorf("reading %d: %v, %+v", i, used.Quality, events)
		}
	}
}

func TestDocument(t *testing.T) {
	if d := (Document{Driver: "abacus", Settings: set{}}); len(d.Check()) > 0 || d.Label() != "a meter" {
		t.Errorf("%v, %s", d.Check(), d.Label())
	}
	for _, row := range []struct {
		name string
		d    Document
		path string
	}{
		{"the driver's own settings", Document{Driver: "abacus", Settings: set{broken: true}}, "abacus.port"},
		{"negative fuse", Document{Driver: "house", MaxPower: -1}, "max_power"},
		{"negative gap", Document{Driver: "house", MaxGap: -1}, "max_gap"},
		{"too often", Document{Driver: "house", Every: time.Millisecond}, "every"},
		{"too rare", Document{Driver: "house", Every: 2 * time.Hour}, "every"},
	} {
		t.Run(row.name, func(t *testing.T) {
			l := row.d.Check()
			for _, f := range l {
				if f.Path == row.path && f.Remedy != "" && f.Problem != "" {
					return
				}
			}
			t.Errorf("no fault at %s in %v", row.path, l)
		})
	}
	if lim := (Document{MaxPower: 9_200_000, MaxGap: time.Minute}).Limits(); lim.MaxPower != 9_200_000 || lim.MaxGap != time.Minute || lim.Slack == 0 {
		t.Errorf("limits %+v", lim)
	}
}
