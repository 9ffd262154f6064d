// Package meteringtest is the suite that every meter driver runs.  A driver
// brings a device it can read (a pty with a slave behind it, a model of a chip,
// an MQTT broker) and a list of the faults that its medium can have; the suite
// checks the duties of metering.Meter, and that no fault ever becomes
// consumption.
package meteringtest

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// Fault is something that can be wrong with a device or its line.
type Fault string

// The faults.
const (
	None    Fault = ""        // all is well again
	Silence Fault = "silence" // it does not answer or send
	Late    Fault = "late"    // it answers after the driver stopped waiting
	Cut     Fault = "cut"     // frames end too early
	Corrupt Fault = "corrupt" // frames have a bit wrong
	Garbage Fault = "garbage" // something else altogether comes
	Refusal Fault = "refusal" // it says no
	HangUp  Fault = "hang-up" // the connection breaks; it can be opened again after
	Absurd  Fault = "absurd"  // well-formed values that no meter can have
)

// Truth is what the device shows.
type Truth struct {
	Import, Export units.Energy
	Power          units.Power
	Voltage        units.Voltage
	Current        units.Current
	Frequency      units.Frequency
}

// Device is the far end.  Its methods are called while the driver runs.
type Device interface {
	// Show sets what the device shows from now on.
	Show(Truth)
	// Break makes the fault last until Break(None).
	Break(Fault)
}

// Case is how a fault must come out.
type Case struct {
	Fault Fault
	// Codes are the errors it may be reported as.  Empty means that the
	// driver need not notice, only never show a wrong value.
	Codes []metering.Code
	// Reads says that it is read all the same while the fault lasts.
	Reads bool
}

// Bench is one driver to be tested.
type Bench struct {
	// New makes a driver and the device it reads, anew for each test.
	New func(t *testing.T) (metering.Meter, Device)
	// Has are the fields that each sample must give.
	Has metering.Fields
	// Cases are the faults that the medium can have.
	Cases []Case
	// Energy and Power are how far a value may be from the truth.
	Energy units.Energy
	Power  units.Power
	// Counts says that the driver counts energy itself, so that its registers
	// cannot be made to run back or jump by the device.
	Counts bool
	// Patience is how long the driver may take to show something; zero is ten
	// seconds.
	Patience time.Duration
}

// start is what a fresh device shows.
func start() Truth {
	return Truth{Import: 1234 * units.KilowattHour, Export: 12 * units.KilowattHour, Power: 1500 * units.Watt, Voltage: 230_000, Current: 6_522, Frequency: 50_000}
}

// Run runs the suite.
func Run(t *testing.T, b Bench) {
	if b.Patience == 0 {
		b.Patience = 10 * time.Second
	}
	t.Run("shows what the device shows", func(t *testing.T) { b.shows(t) })
	if tells := metering.HasExport | metering.HasPower; b.Has&tells == tells {
		t.Run("power that flows out is told below zero and not charged", func(t *testing.T) { b.flowsOut(t) })
	}
	for _, c := range b.Cases {
		t.Run("survives "+string(c.Fault), func(t *testing.T) { b.survives(t, c) })
	}
	if !b.Counts {
		t.Run("register set back is an event and not consumption", func(t *testing.T) { b.backwards(t) })
		t.Run("a spike is an event and not consumption", func(t *testing.T) { b.spike(t) })
		t.Run("a register that shows zero, goes silent and comes back is not consumption", func(t *testing.T) { b.zeroes(t) })
		t.Run("a power that cannot be is no power", func(t *testing.T) { b.impossible(t) })
	}
	t.Run("ends when told", func(t *testing.T) { b.ends(t, None) })
	for _, c := range b.Cases {
		t.Run("ends when told during "+string(c.Fault), func(t *testing.T) { b.ends(t, c.Fault) })
	}
	t.Run("one reading at a time", func(t *testing.T) { b.waits(t) })
}

// session is a running driver and what it says.
type session struct {
	t        *testing.T
	bench    Bench
	device   Device
	readings chan metering.Reading
	stop     func() error
	regs     metering.Registers
	limits   metering.Limits
	counted  metering.Consumption
	events   []metering.Event
}

func (b Bench) start(t *testing.T) *session {
	t.Helper()
	m, dev := b.New(t)
	s := &session{t: t, bench: b, device: dev, readings: make(chan metering.Reading), limits: metering.DefaultLimits()}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	var over atomic.Bool
	go func() {
		err := m.Run(ctx, func(r metering.Reading) {
			if over.Load() {
				t.Error("emit was called after Run returned")
			}
			select {
			case s.readings <- r:
			case <-ctx.Done():
			}
		})
		over.Store(true)
		done <- err
	}()
	stopped := false
	s.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(5 * time.Second):
			buf := make([]byte, 64<<10)
			t.Fatalf("Run did not return within 5 s of the end of its context\n%s", buf[:runtime.Stack(buf, true)])
			return nil
		}
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Errorf("Run returned %v", err)
		}
	})
	return s
}

// until takes readings, counting the samples, until want is content.
func (s *session) until(what string, want func(metering.Reading) bool) metering.Reading {
	s.t.Helper()
	deadline := time.After(s.bench.Patience)
	var last metering.Reading
	for {
		select {
		case r := <-s.readings:
			last = r
			s.check(r)
			if want(r) {
				return r
			}
		case <-deadline:
			s.t.Fatalf("no %s within %v; last reading: %+v", what, s.bench.Patience, last)
		}
	}
}

// check holds every reading to what all readings must be.
func (s *session) check(r metering.Reading) {
	s.t.Helper()
	if r.Err != nil {
		var e *metering.Error
		if !errors.As(r.Err, &e) {
			s.t.Fatalf("error %v is no *metering.Error", r.Err)
		}
		if e.Code == "" || e.Op == "" || e.Remedy == "" {
			s.t.Fatalf("error %#v lacks a code, an operation or a remedy", e)
		}
		return
	}
	if r.Sample.At.IsZero() || r.Sample.At.Location() != time.UTC {
		s.t.Fatalf("sample at %v", r.Sample.At)
	}
	if err := r.Sample.Sane("suite"); err != nil {
		s.t.Fatalf("sample %+v: %v", r.Sample, err)
	}
	if f := untold(r.Sample); f != "" {
		s.t.Fatalf("%s is set and not told: %+v", f, r.Sample)
	}
	regs, c, ev := s.regs.Take(r.Sample, s.limits)
	if c.Import < 0 || c.Export < 0 || c.To.Before(c.From) {
		s.t.Fatalf("consumption %+v", c)
	}
	s.regs = regs
	s.counted.Import += c.Import
	s.counted.Export += c.Export
	s.events = append(s.events, ev...)
}

// agrees tells whether a sample is the truth.
func (s *session) agrees(r metering.Reading, want Truth) bool {
	if r.Err != nil || !r.Sample.Gives(s.bench.Has) {
		return false
	}
	got := r.Sample
	far := func(f metering.Fields, got, want, most int64) bool {
		return s.bench.Has&f != 0 && (got-want > most || want-got > most)
	}
	return !far(metering.HasImport, int64(got.Import), int64(want.Import), int64(s.bench.Energy)) &&
		!far(metering.HasExport, int64(got.Export), int64(want.Export), int64(s.bench.Energy)) &&
		!far(metering.HasPower, int64(got.Power), int64(want.Power), int64(s.bench.Power)) &&
		!far(metering.HasVoltage, int64(got.Voltage), int64(want.Voltage), 250) &&
		!far(metering.HasCurrent, int64(got.Current), int64(want.Current), 50) &&
		!far(metering.HasFrequency, int64(got.Frequency), int64(want.Frequency), 50)
}

func (s *session) shows(want Truth) {
	s.t.Helper()
	s.device.Show(want)
	s.until("sample that agrees with the device", func(r metering.Reading) bool { return s.agrees(r, want) })
}

// settles shows want until a register that jumped there is no longer in doubt: the
// first sample may be of a device that showed nothing yet.
func (s *session) settles(want Truth) {
	s.t.Helper()
	s.shows(want)
	if s.saw(metering.RegisterJump) {
		s.until("second sample", func(r metering.Reading) bool { return s.agrees(r, want) })
	}
	s.counted, s.events = metering.Consumption{}, nil
}

func (b Bench) shows(t *testing.T) {
	s := b.start(t)
	want := start()
	s.settles(want)
	for range 3 {
		want.Import += 10 * units.WattHour
		if b.Has&metering.HasExport != 0 {
			want.Export += 20 * units.WattHour
		}
		s.shows(want)
	}
	if got := s.counted.Import; got < 30*units.WattHour-2*b.Energy || got > 30*units.WattHour+2*b.Energy {
		t.Errorf("counted %d uJ, want 30 Wh; events %+v", got, s.events)
	}
}

// flowsOut lets power flow out, as from a roof: it is told below zero, by whatever its kind of
// meter tells it, and never charged.
func (b Bench) flowsOut(t *testing.T) {
	s := b.start(t)
	want := start()
	s.settles(want)
	want.Power = -1200 * units.Watt
	want.Export += 20 * units.WattHour
	s.shows(want)
	s.until("second sample", func(r metering.Reading) bool { return s.agrees(r, want) })
	if d := s.regs.Drawn(s.regs.At, time.Minute, 0, s.limits); d.Source == metering.Told && d.Power > 0 {
		t.Errorf("%s is drawn where power flows out", d.Power)
	}
	s.atMost(0, 0)
}

func (b Bench) survives(t *testing.T, c Case) {
	s := b.start(t)
	want := start()
	s.settles(want)
	before := s.counted
	s.device.Break(c.Fault)
	if len(c.Codes) > 0 {
		s.until("error of code "+join(c.Codes), func(r metering.Reading) bool {
			if r.Err == nil && !s.agrees(r, want) {
				t.Fatalf("during %s the driver showed %+v", c.Fault, r.Sample)
			}
			return slices.Contains(c.Codes, metering.CodeOf(r.Err))
		})
	}
	used := 10 * units.WattHour
	if c.Reads {
		want.Import += used
		s.shows(want)
		used *= 2
	}
	s.device.Break(None)
	want.Import += 10 * units.WattHour
	s.shows(want)
	if got := s.counted.Import - before.Import; got > used+2*b.Energy {
		t.Errorf("counted %d uJ over the fault, want %d; events %+v", got, used, s.events)
	}
	if !b.Counts {
		if got := s.counted.Import - before.Import; got < used-2*b.Energy {
			t.Errorf("counted %d uJ over the fault, want %d; events %+v", got, used, s.events)
		}
	}
}

func (b Bench) backwards(t *testing.T) {
	if b.Has&metering.HasImport == 0 {
		t.Skip("it has no register")
	}
	s := b.start(t)
	want := start()
	s.settles(want)
	before := s.counted.Import
	want.Import = 3 * units.KilowattHour
	s.shows(want)
	s.until("second sample", func(r metering.Reading) bool { return s.agrees(r, want) })
	if !s.saw(metering.RegisterBackwards) {
		t.Errorf("no event %s in %+v", metering.RegisterBackwards, s.events)
	}
	want.Import += 10 * units.WattHour
	s.shows(want)
	s.atMost(before, 10*units.WattHour)
}

func (b Bench) spike(t *testing.T) {
	if b.Has&metering.HasImport == 0 {
		t.Skip("it has no register")
	}
	s := b.start(t)
	want := start()
	s.settles(want)
	before := s.counted.Import
	spiked := want
	spiked.Import += 500 * units.KilowattHour
	s.shows(spiked)
	if !s.saw(metering.RegisterJump) {
		t.Errorf("no event %s in %+v", metering.RegisterJump, s.events)
	}
	want.Import += 10 * units.WattHour
	s.shows(want)
	s.atMost(before, 10*units.WattHour)
}

// zeroes lets the device show zero for two samples, be silent for three days and
// be back.
func (b Bench) zeroes(t *testing.T) {
	if b.Has&metering.HasImport == 0 {
		t.Skip("it has no register")
	}
	s := b.start(t)
	want := start()
	s.settles(want)
	before := s.counted.Import
	zero := want
	zero.Import = 0
	s.shows(zero)
	s.until("second sample", func(r metering.Reading) bool { return s.agrees(r, zero) })
	s.regs = s.regs.Reclocked(-72 * time.Hour)
	want.Import += 10 * units.WattHour
	s.shows(want)
	s.atMost(before, 10*units.WattHour)
}

// impossible lets the device tell a power that the supply cannot carry.
func (b Bench) impossible(t *testing.T) {
	if b.Has&metering.HasPower == 0 {
		t.Skip("it tells no power")
	}
	s := b.start(t)
	want := start()
	s.settles(want)
	s.limits.MaxPower = want.Power / 3
	s.until("sample of the impossible power", func(r metering.Reading) bool { return s.agrees(r, want) })
	if d := s.regs.Drawn(s.regs.At, time.Minute, 0, s.limits); d.Source == metering.Told {
		t.Errorf("%s is believed on a supply of %s", d.Power, s.limits.MaxPower)
	}
	if !s.saw(metering.PowerAbsurd) {
		t.Errorf("no event %s in %+v", metering.PowerAbsurd, s.events)
	}
}

// untold names a value that a sample holds and does not say that it gives.
func untold(s metering.Sample) string {
	for _, v := range []struct {
		field metering.Fields
		name  string
		set   bool
	}{
		{metering.HasImport, "import", s.Import != 0},
		{metering.HasExport, "export", s.Export != 0},
		{metering.HasPower, "power", s.Power != 0},
		{metering.HasReactive, "reactive", s.Reactive != 0},
		{metering.HasApparent, "apparent", s.Apparent != 0},
		{metering.HasVoltage, "voltage", s.Voltage != 0},
		{metering.HasCurrent, "current", s.Current != 0},
		{metering.HasFrequency, "frequency", s.Frequency != 0},
		{metering.HasNeutral, "neutral current", s.NeutralCurrent != 0},
	} {
		if v.set && !s.Gives(v.field) {
			return v.name
		}
	}
	return ""
}

// atMost checks what was counted since before.  Power may have been integrated
// for the moment in which the register was in doubt.
func (s *session) atMost(before, want units.Energy) {
	s.t.Helper()
	slack := 2*s.bench.Energy + 2*units.WattHour
	if got := s.counted.Import - before; got < 0 || got > want+slack {
		s.t.Errorf("counted %d uJ, want at most %d; events %+v", got, want, s.events)
	}
}

func (s *session) saw(k metering.EventKind) bool {
	return slices.ContainsFunc(s.events, func(e metering.Event) bool { return e.Kind == k })
}

func (b Bench) ends(t *testing.T, f Fault) {
	s := b.start(t)
	s.shows(start())
	s.device.Break(f)
	if f != None {
		time.Sleep(50 * time.Millisecond) // let it run into the fault
	}
	if err := s.stop(); err != nil {
		t.Errorf("Run returned %v", err)
	}
}

func (b Bench) waits(t *testing.T) {
	m, dev := b.New(t)
	dev.Show(start())
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var inside atomic.Int32
	n := 0
	done := make(chan error, 1)
	go func() {
		done <- m.Run(ctx, func(metering.Reading) {
			if inside.Add(1) != 1 {
				t.Error("emit was called while it ran")
			}
			time.Sleep(60 * time.Millisecond) // a slow taker
			inside.Add(-1)
			if n++; n == 4 {
				cancel()
			}
		})
	}()
	var ticks <-chan time.Time
	if b.Counts { // such a driver may speak only when something happens
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		ticks = tick.C
	}
	want := start()
	deadline := time.After(b.Patience)
	for {
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run returned %v", err)
			}
			if n < 4 {
				t.Errorf("%d readings", n)
			}
			return
		case <-ticks:
			want.Import += 10 * units.WattHour
			dev.Show(want)
		case <-deadline:
			t.Fatalf("no four readings within %v", b.Patience)
		}
	}
}

func join(codes []metering.Code) string {
	var s []string
	for _, c := range codes {
		s = append(s, string(c))
	}
	return strings.Join(s, " or ")
}
