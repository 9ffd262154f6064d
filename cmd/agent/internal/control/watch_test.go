package control

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/tariffs"
)

// shown is a reading of a meter that tells voltage and frequency as well.
func (b *bench) shown(d time.Duration, change func(*metering.Sample)) Effects {
	b.t.Helper()
	s := metering.Sample{
		Has:   metering.HasImport | metering.HasPower | metering.HasVoltage | metering.HasCurrent | metering.HasFrequency,
		Power: b.power, Voltage: 230_000, Current: 2_000, Frequency: 50_000, Step: 1,
	}
	if !b.states[loads.SupplyID] {
		s.Power, s.Current = 0, 0
	}
	if change != nil {
		change(&s)
	}
	if s.Power > 0 {
		b.register += s.Power.Over(d)
	}
	b.now = b.now.Add(d)
	s.At, s.Import = b.now, b.register
	return b.step(Input{What: Reading{Sample: s}})
}

func (b *bench) count(code string) int {
	n := 0
	for _, e := range b.events {
		if e.Code == code {
			n++
		}
	}
	return n
}

// three is a three-phase reading.
func three(volts ...units.Voltage) func(*metering.Sample) {
	return func(s *metering.Sample) {
		s.Voltage = 0
		s.Has &^= metering.HasVoltage
		for _, v := range volts {
			s.Phases = append(s.Phases, metering.Phase{Has: metering.HasVoltage | metering.HasCurrent, Voltage: v, Current: 1_000})
		}
	}
}

func volts(v units.Voltage) func(*metering.Sample) {
	return func(s *metering.Sample) { s.Voltage = v }
}

func TestWhatTheMeterShowsBesidesConsumption(t *testing.T) {
	watched := []health.Code{
		health.VoltageSag, health.VoltageSwell, health.VoltageInterruption, health.Outage, health.FrequencyOff, health.ReverseEnergy,
		health.CurrentNoVoltage, health.ConsumptionOpen, health.NeutralLoss, health.NeutralMismatch, health.CoverOpen, health.MagnetNear,
		health.RegisterStuck, health.VoltageUnbalance,
	}
	for _, row := range []struct {
		name    string
		before  func(*bench)
		change  func(*metering.Sample)
		lasts   time.Duration
		code    health.Code // "" is quiet
		subject string
		cause   string
	}{
		{"nothing", nil, nil, time.Minute, "", "", ""},
		{"the voltage is low", nil, volts(198_000), 5 * time.Second, health.VoltageSag, "phase 1", "voltage=198000 mV"},
		{"the voltage is low but within the limits", nil, volts(208_000), time.Minute, "", "", ""},
		{"the voltage is high", nil, volts(260_000), 5 * time.Second, health.VoltageSwell, "phase 1", "voltage=260000 mV"},
		{"the mains is down", nil, func(s *metering.Sample) { s.Voltage, s.Current, s.Power = 0, 0, 0 }, 5 * time.Second, health.Outage, "", "watch.voltage voltage=0 mV"},
		{"one phase of three is down", nil, three(230_000, 0, 229_000), 5 * time.Second, health.VoltageInterruption, "phase 2", "watch.voltage voltage=0 mV"},
		{"the neutral is lost", nil, three(270_000, 190_000, 231_000), 30 * time.Second, health.NeutralLoss, "", "voltage=270000 mV"},
		{"the phases are unequal", nil, three(240_000, 224_000, 230_000), 80 * time.Second, health.VoltageUnbalance, "", "voltage=240000 mV"},
		{"the phases are unequal while a motor starts", nil, three(240_000, 224_000, 230_000), 30 * time.Second, "", "", ""},
		{"a generator runs fast", nil, func(s *metering.Sample) { s.Frequency = 51_500 }, 5 * time.Second, health.FrequencyOff, "", "frequency=51500 mHz"},
		{"energy flows out", nil, func(s *metering.Sample) { s.Power = -900 * units.Watt }, 20 * time.Second, health.ReverseEnergy, "", "watch.flows_out power=900 W"},
		{"energy flows out for a moment", nil, func(s *metering.Sample) { s.Power = -900 * units.Watt }, 5 * time.Second, "", "", ""},
		{"energy flows out where the tariff buys it", sellsEnergy, func(s *metering.Sample) { s.Power = -900 * units.Watt }, time.Minute, "", "", ""},
		{"the cover is open", nil, func(s *metering.Sample) { s.Has |= metering.HasCover; s.CoverOpen = true }, time.Second, health.CoverOpen, "", "watch.cover"},
		{"a magnet", nil, func(s *metering.Sample) { s.Has |= metering.HasMagnet; s.MagnetNear = true }, time.Second, health.MagnetNear, "", "watch.magnet"},
		{"less comes back than goes out", nil, func(s *metering.Sample) { s.Has |= metering.HasNeutral; s.NeutralCurrent = 500 }, 20 * time.Second, health.NeutralMismatch, "", "watch.difference current=1500 mA"},
		{"the contactor says open and power flows", offBySwitch, func(s *metering.Sample) { s.Power = 700 * units.Watt }, 3 * time.Minute, health.ConsumptionOpen, "", "watch.power power=700 W"},
		{"the contactor opened just now", offBySwitch, func(s *metering.Sample) { s.Power = 700 * units.Watt }, 30 * time.Second, "", "", ""},
		{"the contactor is open and the meter behind it dark", offBySwitch, func(s *metering.Sample) { s.Voltage = 0 }, 3 * time.Minute, "", "", ""},
		{"a country of 120 V and 60 Hz", another(120_000, 60_000), func(s *metering.Sample) { s.Voltage, s.Frequency = 118_000, 60_000 }, time.Minute, "", "", ""},
		{"120 V gone low", another(120_000, 60_000), func(s *metering.Sample) { s.Voltage, s.Frequency = 100_000, 60_000 }, 5 * time.Second, health.VoltageSag, "phase 1", "voltage=100000 mV"},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newBench(t)
			if row.before != nil {
				row.before(b)
			} else {
				b.shown(20*time.Second, nil) // the contactor has come to rest
			}
			for end := b.now.Add(row.lasts); b.now.Before(end); {
				b.shown(time.Second, row.change)
			}
			for _, w := range b.st.Health.Active {
				if slices.Contains(watched, w.Code) && w.Code != row.code && row.code != health.NeutralLoss {
					t.Errorf("%s %s stands: %s", w.Code, w.Subject, w.Cause)
				}
				if w.Code == row.code && (w.Subject != row.subject || !strings.Contains(w.Cause.String(), row.cause)) {
					t.Errorf("of %q: %q", w.Subject, w.Cause)
				}
			}
			if row.code == "" {
				return
			}
			if !b.st.Health.Has(row.code, row.subject) || b.count(string(row.code)) != 1 {
				t.Fatalf("no warning %s, or more than one event; events %+v", row.code, b.events)
			}
			points := 0
			b.states[loads.SupplyID] = true
			for range 80 {
				eff := b.shown(time.Second, func(s *metering.Sample) {
					s.Voltage, s.Frequency = max(b.st.Meter.Watch.Nominal, 120_000), b.st.Meter.Watch.Frequency
				})
				for _, p := range eff.Points {
					if p.Measurement == QualityPoint {
						points++
						if p.Tags[0].Value != string(row.code) && row.code != health.NeutralLoss {
							t.Errorf("a point of %s", p.Tags[0].Value)
						}
					}
				}
			}
			if b.st.Health.Has(row.code, row.subject) || b.count(string(row.code)+"_cleared") != 1 || points == 0 {
				t.Errorf("it does not end: %+v, %d points", b.st.Health.Active, points)
			}
		})
	}
}

// measuredBy is a reading of a meter that measures the half cycles itself.
func (b *bench) measuredBy(events ...metering.Event) Effects {
	b.t.Helper()
	b.now = b.now.Add(time.Second)
	s := metering.Sample{At: b.now, Has: metering.HasImport | metering.HasPower | metering.HasVoltage, Import: b.register, Power: b.power, Voltage: 230_000, Step: 1}
	return b.step(Input{What: Reading{Sample: s, Events: events}})
}

// A sag of half a cycle, which no sample shows, is stored, published and shown.
func TestAShortSagThatTheMeterMeasured(t *testing.T) {
	b := newBench(t)
	b.shown(time.Second, nil)
	sag := metering.Event{Kind: metering.VoltageSag, Phase: 2, Start: b.now.Add(300 * time.Millisecond), Duration: 10 * time.Millisecond, Voltage: 184_000}
	eff := b.measuredBy(sag)
	if !eff.Durable || !b.st.Health.Has(health.VoltageSag, "phase 2") || b.count("voltage_sag") != 1 {
		t.Fatalf("durable %v, warnings %+v, events %+v", eff.Durable, b.st.Health.Active, b.events)
	}
	again := sag
	again.Start, again.Voltage = sag.Start.Add(5*time.Second), 150_000
	b.measuredBy(again)
	var points []Point
	for range 70 {
		for _, p := range b.shown(time.Second, nil).Points {
			if p.Measurement == QualityPoint {
				points = append(points, p)
			}
		}
	}
	i := slices.IndexFunc(b.events, func(e Event) bool { return e.Code == "voltage_sag_cleared" })
	if i < 0 || !strings.Contains(b.events[i].Says.String(), "over_often n=2 ") || !strings.Contains(b.events[i].Says.String(), "lasted=20ms; watch.voltage voltage=150000 mV") {
		t.Fatalf("its end: %+v", b.events)
	}
	if b.st.Health.Has(health.VoltageSag, "phase 2") || len(points) != 1 || !points[0].At.Equal(sag.Start) {
		t.Fatalf("points %+v", points)
	}
	if !slices.Contains(points[0].Fields, Field{"duration_s", 0.02}) || !slices.Contains(points[0].Fields, Field{"voltage_v", 150}) {
		t.Errorf("fields %+v", points[0].Fields)
	}
}

// A sag that samples showed too is the same one.
func TestALongSagIsNotCountedTwice(t *testing.T) {
	b := newBench(t)
	b.shown(time.Second, nil)
	began := b.now
	for range 5 {
		b.shown(time.Second, volts(190_000))
	}
	b.shown(time.Second, nil)
	b.measuredBy(metering.Event{Kind: metering.VoltageSag, Phase: 1, Start: began.Add(400 * time.Millisecond), Duration: 5200 * time.Millisecond, Voltage: 185_000})
	standing := b.st.Meter.Watch.Standing
	if len(standing) != 1 || standing[0].Times != 1 || standing[0].Lasted > 6*time.Second || standing[0].Event.Voltage != 185_000 {
		t.Errorf("%+v", standing)
	}
}

// The cover's contact is told also while the meter is silent, and a restart
// with the cover still open does not count it again.
func TestTheCoverIsOpenedAndTheMeterIsSilent(t *testing.T) {
	b := newBench(t)
	b.shown(time.Second, nil)
	open := Input{What: Edge{Code: health.CoverOpen, Cause: said.Of("watch.cover")}}
	if eff := b.step(Input{What: Edge{Code: health.CoverOpen}}); eff.Durable || len(b.st.Health.Active) > 0 && b.st.Health.Has(health.CoverOpen, "") {
		t.Fatal("a closed cover is told")
	}
	eff := b.step(open)
	if !eff.Durable || !b.st.Health.Has(health.CoverOpen, "") || b.count("cover_open") != 1 {
		t.Fatalf("events %+v", b.events)
	}
	b.now = b.now.Add(10 * time.Minute)
	b.step(open) // the agent was started again
	b.now = b.now.Add(10 * time.Minute)
	b.step(Input{What: Edge{Code: health.CoverOpen}})
	for range 62 {
		b.shown(time.Second, nil)
	}
	i := slices.IndexFunc(b.events, func(e Event) bool { return e.Code == "cover_open_cleared" })
	if i < 0 || strings.Contains(b.events[i].Says.String(), "over_often") || !strings.Contains(b.events[i].Says.String(), "lasted=20m") || b.count("cover_open") != 1 {
		t.Errorf("%+v", b.events)
	}
}

func sellsEnergy(b *bench) {
	doc := b.site.Tariff.Document()
	doc.Versions = slices.Clone(doc.Versions)
	doc.Versions[0].Export = []tariffs.EnergyCharge{{Name: "feed-in", Price: 500_000}}
	t, err := tariffs.New(doc)
	must(b.t, err)
	b.site.Tariff = t
	b.shown(time.Second, nil)
}

// offBySwitch opens the contactor by the customer's switch.
func offBySwitch(b *bench) {
	b.shown(time.Second, nil)
	b.step(Input{What: Request{Kind: SupplyOff, By: "test"}})
	if b.states[loads.SupplyID] {
		b.t.Fatal("the contactor is not open")
	}
}

func another(v units.Voltage, f units.Frequency) func(*bench) {
	return func(b *bench) {
		b.shown(time.Second, func(s *metering.Sample) { s.Voltage, s.Frequency = v, f })
	}
}

// A voltage about the limit is one warning and one line of the record.
func TestAVoltageThatTremblesIsToldOnce(t *testing.T) {
	b := newBench(t)
	b.shown(time.Second, nil)
	durable := 0
	for i := range 600 {
		eff := b.shown(time.Second, volts(units.Voltage(206_000+2_000*(i%2))))
		if eff.Durable && len(eff.Intervals) == 0 {
			durable++
		}
	}
	if got := b.count("voltage_sag"); got != 1 {
		t.Fatalf("told %d times", got)
	}
	if durable > 30 {
		t.Errorf("%d of 600 samples had to be stored at once", durable)
	}
	for range 61 {
		b.shown(time.Second, nil)
	}
	i := slices.IndexFunc(b.events, func(e Event) bool { return e.Code == "voltage_sag_cleared" })
	if i < 0 || !strings.Contains(b.events[i].Says.String(), "over_often n=300 ") || !strings.Contains(b.events[i].Says.String(), "voltage=206000 mV") {
		t.Fatalf("its end: %+v", b.events)
	}
}

// C9, C11: a meter of three phases on a supply of one shows nothing on the others: that
// is no interruption, no mains of 120 V, and no hour in which nothing could be used.
func TestPhasesThatNothingIsConnectedToAreNoInterruption(t *testing.T) {
	b := newBench(t)
	alone(b)
	b.power = 5 * units.Watt // so little that the voltage alone says whether the mains is there
	shelly := func(volts, current [3]int64) {
		b.shown(time.Minute, func(s *metering.Sample) {
			s.Has &^= metering.HasVoltage | metering.HasCurrent
			for i := range volts {
				s.Phases = append(s.Phases, metering.Phase{
					Has: metering.HasVoltage | metering.HasCurrent, Voltage: units.Voltage(volts[i]), Current: units.Current(current[i]),
				})
			}
			*s = s.Complete()
		})
	}
	single, one := [3]int64{230_000, 400, 0}, [3]int64{20, 0, 30}
	held := metering.Quality(0)
	for range 90 {
		shelly(single, one)
		for _, iv := range b.last.Intervals {
			held |= iv.Quality & metering.Censored
		}
	}
	for _, w := range b.st.Health.Active {
		if strings.HasPrefix(string(w.Code), "voltage_") || w.Code == health.Code(metering.Outage) {
			t.Errorf("it is warned of %s %s: %s", w.Code, w.Subject, w.Cause)
		}
	}
	if v := b.st.Meter.Last.Voltage; v != 230_000 || b.st.Meter.Watch.Nominal != 230_000 || held != 0 {
		t.Errorf("the voltage is %v of %v, held %s", v, b.st.Meter.Watch.Nominal, held)
	}
	// What has been there and goes is an interruption, and so is a wire that is cut
	// while current flows; with all phases gone the mains is down.
	shelly(single, [3]int64{20, 0, 5_000})
	if !b.st.Health.Has(health.VoltageInterruption, "phase 3") {
		t.Error("a current without a voltage is not told")
	}
	shelly([3]int64{230_000, 230_000, 230_000}, one)
	shelly(single, one)
	if !b.st.Health.Has(health.VoltageInterruption, "phase 2") {
		t.Error("a phase that was there and is lost is not told")
	}
	shelly([3]int64{}, [3]int64{})
	if !b.st.Health.Has(health.Code(metering.Outage), "") {
		t.Errorf("the outage is not told: %+v", b.st.Health.Active)
	}
}
