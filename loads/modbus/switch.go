package modbus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/internal/asked"
	"github.com/keeplit/keeplit/loads/internal/level"
)

// The functions of the protocol that are used.
const (
	readCoils      = 1
	readInputs     = 2
	readHolding    = 3
	readRegisters  = 4
	writeCoil      = 5
	writeRegister  = 6
	writeRegisters = 16
)

// Switch is one relay or device.  It is a loads.Switch, Capable, Troubled and a Runner.
type Switch struct {
	doc   Document
	bus   loads.Bus
	set   form // of the set-point
	power form // of what is measured
	takes loads.Capability
	full  units.Power // told where plain on is, and only a power can be said; 0: on can be said
	stale time.Duration
	now   func() time.Time
	log   *slog.Logger
	soon  chan struct{} // it was told something
	told  level.Told

	heard asked.Heard
}

// Open implements loads.Settings.
func (d *Document) Open(e loads.Env) (loads.Switch, error) {
	if d.amperes() && e.PerAmpere <= 0 {
		return nil, errors.New("modbus: what amperes are in watts is not known of a load that is not of kind power")
	}
	if e.Buses == nil {
		return nil, errors.New("modbus: there are no lines")
	}
	at := loads.BusAt{Port: d.Port, RTU: d.rtu(), Baud: d.Baud, Parity: d.Parity}
	if at.Baud == 0 {
		at.Baud = usualBaud
	}
	if at.Parity == "" {
		at.Parity = "none"
	}
	bus, err := e.Buses.Bus(at)
	if err != nil {
		return nil, err
	}
	s := &Switch{doc: *d, bus: bus, stale: d.Stale, now: e.Now, log: e.Log, soon: make(chan struct{}, 1)}
	if s.stale == 0 {
		s.stale = usualStale
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if x := d.Setpoint; x != nil {
		s.set = formOf(x.Type, x.Words, x.Scale, x.Unit, e.PerAmpere)
		s.takes = loads.Capability{Powers: e.Powers, ReadBack: true, Pause: d.Pause}
		if d.Coil == nil && d.Command == nil && len(e.Powers) > 0 {
			s.full = e.Powers[len(e.Powers)-1].To
		}
	}
	if x := d.Measured; x != nil {
		s.power = formOf(x.Type, x.Words, x.Scale, x.Unit, e.PerAmpere)
	}
	return s, nil
}

// Takes implements loads.Capable.
func (s *Switch) Takes() loads.Capability { return s.takes }

// Set implements loads.Switch.  What was not answered is an error, though the device may have
// heard it: told again it does no harm.
func (s *Switch) Set(ctx context.Context, p loads.Setpoint) error {
	if err := s.takes.Check(p); err != nil {
		return err
	}
	if s.doc.deaf() {
		return errors.New("modbus: it is only measured")
	}
	defer func() { // what came of it is read at once
		select {
		case s.soon <- struct{}{}:
		default:
		}
	}()
	if !p.On {
		return s.turn(ctx, false)
	}
	power := p.Power
	if power == 0 {
		power = s.full
	}
	s.told.Tell(power)
	if power != 0 {
		if err := s.tell(ctx, power); err != nil {
			return err
		}
	}
	return s.turn(ctx, true)
}

// turn switches; where only a set-point is said, 0 is off and on is said by it.
func (s *Switch) turn(ctx context.Context, on bool) error {
	switch {
	case s.doc.Coil != nil:
		value := uint16(0)
		if on {
			value = 0xff00
		}
		return s.write(ctx, question(writeCoil, *s.doc.Coil, value))
	case s.doc.Command != nil:
		yes, no := s.doc.Command.numbers()
		if !on {
			yes = no
		}
		return s.write(ctx, question(writeRegister, s.doc.Command.Register, uint16(yes)))
	case !on:
		return s.tell(ctx, 0)
	}
	return nil
}

// tell writes a set-point.
func (s *Switch) tell(ctx context.Context, p units.Power) error {
	if !s.set.fits(p) {
		return fmt.Errorf("modbus: %v does not go into setpoint.register; check its type and scale", p)
	}
	words := s.set.words(p)
	if len(words) == 1 {
		return s.write(ctx, question(writeRegister, s.doc.Setpoint.Register, words[0]))
	}
	q := question(writeRegisters, s.doc.Setpoint.Register, uint16(len(words)))
	q = append(q, byte(2*len(words)))
	for _, w := range words {
		q = binary.BigEndian.AppendUint16(q, w)
	}
	return s.write(ctx, q)
}

func question(function byte, at int, value uint16) []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16([]byte{function}, uint16(at)), value)
}

func (s *Switch) write(ctx context.Context, q []byte) error {
	_, err := s.bus.Ask(ctx, byte(s.doc.unit()), q, s.doc.timeout())
	return err
}

// words are a power as it stands in registers: no more than it is.
func (f form) words(p units.Power) []uint16 {
	n := int64(math.Floor(float64(p)/float64(f.unit)/f.scale + 1e-6))
	if !f.wide {
		return []uint16{uint16(n)}
	}
	high, low := uint16(uint32(n)>>16), uint16(uint32(n))
	if f.low {
		high, low = low, high
	}
	return []uint16{high, low}
}

// fits tells whether a power goes into the registers.
func (f form) fits(p units.Power) bool {
	n := math.Floor(float64(p)/float64(f.unit)/f.scale + 1e-6)
	least, most := 0.0, float64(math.MaxUint16)
	switch {
	case f.wide && f.signed:
		least, most = math.MinInt32, math.MaxInt32
	case f.wide:
		most = math.MaxUint32
	case f.signed:
		least, most = math.MinInt16, math.MaxInt16
	}
	return n >= least && n <= most
}

// power is what stands in registers.
func (f form) power(data []byte) units.Power {
	n := 0.0
	switch {
	case f.wide:
		high, low := binary.BigEndian.Uint16(data), binary.BigEndian.Uint16(data[2:])
		if f.low {
			high, low = low, high
		}
		n = float64(uint32(high)<<16 | uint32(low))
		if f.signed {
			n = float64(int32(uint32(high)<<16 | uint32(low)))
		}
	default:
		n = float64(binary.BigEndian.Uint16(data))
		if f.signed {
			n = float64(int16(binary.BigEndian.Uint16(data)))
		}
	}
	return units.FromW(math.Round(n*f.scale*f.unit.W()*1000) / 1000)
}

func (f form) count() int {
	if f.wide {
		return 2
	}
	return 1
}

// Observed implements loads.Switch.
func (s *Switch) Observed(context.Context) (loads.Observation, error) {
	return s.heard.Fresh(s.now(), s.stale), nil
}

// Trouble implements loads.Troubled.
func (s *Switch) Trouble() string {
	return s.heard.Trouble()
}

// Run implements loads.Runner: it reads the state until ctx ends, and right behind each command.
func (s *Switch) Run(ctx context.Context) error {
	asked.Run(ctx, s.soon, s.doc.every(), func(ctx context.Context) {
		if o, err := s.look(ctx); ctx.Err() == nil { // the end is no failure
			s.take(o, err)
		}
	})
	return nil
}

// take keeps what was read, and logs once what is wrong.
func (s *Switch) take(o loads.Observation, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	switch {
	case err == nil || errors.As(err, new(*unmeasuredError)):
		s.heard.Keep(o)
	case errors.As(err, new(*puzzleError)): // it is in a state, but which?
		s.heard.Keep(loads.Observation{})
	}
	switch begins, ends := s.heard.Wrong(text); {
	case ends:
		s.log.Info("modbus: the switch answers again", "at", s.doc.Port, "unit", s.doc.unit())
	case begins:
		s.log.Warn("modbus: the switch does not say its state", "at", s.doc.Port, "unit", s.doc.unit(), "error", text)
	}
}

// puzzleError is a state that is neither on nor off.
type puzzleError struct{ register, says int }

func (e *puzzleError) Error() string {
	return fmt.Sprintf("modbus: register %d is %d, which is neither on nor off", e.register, e.says)
}

// unmeasuredError is that what it draws cannot be read: whether it is on is known without.
type unmeasuredError struct{ err error }

func (e *unmeasuredError) Error() string { return "what it draws: " + e.err.Error() }

func (e *unmeasuredError) Unwrap() error { return e.err }

// look reads the state once.
func (s *Switch) look(ctx context.Context) (o loads.Observation, err error) {
	o = loads.Observation{At: s.now(), Known: true}
	on, switched, err := s.isOn(ctx)
	if err != nil {
		return o, err
	}
	if x := s.doc.Setpoint; x != nil {
		at := x.Register
		if x.State != nil {
			at = *x.State
		}
		says, err := s.read(ctx, readHolding, at, s.set)
		if err != nil {
			return o, err
		}
		if !switched || on {
			on = says > 0 // told to draw nothing it is off, whatever its switch says
		}
		if o.HasSet = true; on {
			o.Set = loads.Setpoint{On: true, Power: s.told.Nearly(says)}
		}
	}
	if x := s.doc.Measured; x != nil {
		function := byte(readHolding)
		if x.Table == "input" {
			function = readRegisters
		}
		o.Power, err = s.read(ctx, function, x.Register, s.power)
		o.HasPower = err == nil
		switch {
		case s.doc.deaf() && !switched:
			on = o.Power > 0
		case err != nil:
			err = &unmeasuredError{err}
		}
	}
	o.On = on
	return o, err
}

// isOn reads whether it is on; known is false where nothing tells but its set-point or its
// power.
func (s *Switch) isOn(ctx context.Context) (on, known bool, err error) {
	bit := func(function byte, at int) (bool, bool, error) {
		a, err := s.bus.Ask(ctx, byte(s.doc.unit()), question(function, at, 1), s.doc.timeout())
		if err != nil {
			return false, false, err
		}
		return a[2]&1 == 1, true, nil
	}
	number := func(function byte, at int) (int, error) {
		a, err := s.bus.Ask(ctx, byte(s.doc.unit()), question(function, at, 1), s.doc.timeout())
		if err != nil {
			return 0, err
		}
		return int(binary.BigEndian.Uint16(a[2:])), nil
	}
	switch x := s.doc.State; {
	case x != nil && x.Coil != nil:
		return bit(readCoils, *x.Coil)
	case x != nil && x.Input != nil:
		return bit(readInputs, *x.Input)
	case x != nil:
		function := byte(readHolding)
		if x.Table == "input" {
			function = readRegisters
		}
		n, err := number(function, *x.Register)
		if err == nil && x.On != nil && n != *x.On && n != x.off() {
			err = &puzzleError{*x.Register, n}
		}
		return n != x.off(), true, err
	case s.doc.Coil != nil:
		return bit(readCoils, *s.doc.Coil)
	case s.doc.Command != nil:
		n, err := number(readHolding, s.doc.Command.Register)
		yes, no := s.doc.Command.numbers()
		if err == nil && n != yes && n != no {
			err = &puzzleError{s.doc.Command.Register, n}
		}
		return n == yes, true, err
	}
	return false, false, nil
}

func (s *Switch) read(ctx context.Context, function byte, at int, f form) (units.Power, error) {
	a, err := s.bus.Ask(ctx, byte(s.doc.unit()), question(function, at, uint16(f.count())), s.doc.timeout())
	if err != nil {
		return 0, err
	}
	return f.power(a[2:]), nil
}
