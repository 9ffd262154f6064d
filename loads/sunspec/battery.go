package sunspec

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/internal/asked"
)

// Places in model 124, counted from its number (model_124.json of the public definitions).
const (
	chaMax, mode, chaState, outRate, inRate, revertAfter, fromGrid = 2, 5, 8, 12, 13, 15, 17
	chaMaxScale, chaStateScale, rateScale                          = 18, 22, 25
	storageLength                                                  = 26
)

// bothWays is StorCtl_Mod with both rates in force: the least that is taken is then what OutWRte is below zero,
// and the least that is given what InWRte is.
const bothWays = 3

const writeMany = 16

// Store is the battery of one inverter, steered by model 124.  It is a loads.Switch, Capable, Troubled and a Runner.
type Store struct {
	doc     Document
	store   loads.Store
	deadMan time.Duration
	device  device // its models are found by Run
	now     func() time.Time
	log     *slog.Logger
	soon    chan struct{}

	heard asked.Heard

	mu    sync.Mutex
	found control // zero: nothing was found so far
	told  bool    // it was told something
	lent  bool    // it was let take from the grid, which it is not by its own ways
}

// control is what must be known to tell it anything.
type control struct {
	at     int         // of model 124
	whole  units.Power // of a rate of all
	step   units.Power // of the least rate
	revert bool        // it has RvrtTms
	grid   bool        // and ChaGriSet, which has it take from panels alone
}

func newStore(d Document, e loads.Env, bus loads.Bus) *Store {
	s := &Store{doc: d, store: e.Store, deadMan: e.DeadMan, device: device{bus: bus, unit: byte(d.unit()), timeout: d.timeout()}, now: e.Now, log: e.Log, soon: make(chan struct{}, 1)}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s
}

func (s *Store) known() control {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.found
}

// power is a rate as a power: rates are whole numbers of steps.
func (c control) power(rate int) units.Power { return units.Power(rate) * c.step }

// rate is the greatest that is no more than a power.
func (c control) rate(p units.Power) int { return int(p / c.step) }

// Takes implements loads.Capable: what both the configuration and the inverter allow, in steps of its rates.
func (s *Store) Takes() loads.Capability {
	c := s.known()
	if c.whole == 0 {
		return loads.Load{Kind: loads.Battery, Powers: powers(s.store.Charge, s.store.Discharge, units.Watt, 50*units.Watt)}.Takes().Proven()
	}
	most := func(p units.Power) units.Power { return c.power(c.rate(min(p, c.whole))) }
	least := c.step * ((50*units.Watt + c.step - 1) / c.step)
	return loads.Load{Kind: loads.Battery, Powers: powers(most(s.store.Charge), most(s.store.Discharge), c.step, least)}.Takes().Proven()
}

func powers(charge, discharge, step, least units.Power) []loads.PowerRange {
	return []loads.PowerRange{{From: least, To: charge, Step: step}, {From: -least, To: -discharge, Step: step}}
}

// Set implements loads.Switch.  Rates come first, then what puts them in force.
func (s *Store) Set(ctx context.Context, set loads.Setpoint) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	takes := s.Takes()
	if err := takes.Check(set); err != nil {
		return err
	}
	if set.On && set.Power == 0 && set.Mode != loads.Rests {
		return &loads.RefusedError{Set: set, Takes: takes}
	}
	c := s.known()
	if c.whole == 0 {
		return errors.New("sunspec: its battery has not been found yet")
	}
	defer func() {
		select {
		case s.soon <- struct{}{}:
		default:
		}
	}()
	if !set.On {
		return errors.Join(s.write(ctx, c.at+mode, 0), s.write(ctx, c.at+outRate, c.all(), c.all()), s.takeBack(ctx, c))
	}
	out, in := 0, 0
	if set.Mode != loads.Rests {
		in = c.rate(max(set.Power, -set.Power))
		out = -in
		if set.Power < 0 {
			in, out = out, in
		}
	}
	if s.deadMan > 0 && c.revert {
		if err := s.write(ctx, c.at+revertAfter, uint16(s.deadMan/time.Second)); err != nil {
			return err
		}
	}
	if set.Power > 0 && c.grid {
		if err := s.write(ctx, c.at+fromGrid, 1); err != nil {
			return err
		}
		s.lends(true)
	}
	if err := s.write(ctx, c.at+outRate, uint16(int16(out)), uint16(int16(in))); err != nil { //nolint:gosec // a rate is at most its whole
		return err
	}
	s.mu.Lock()
	s.told = true
	s.mu.Unlock()
	return s.write(ctx, c.at+mode, bothWays)
}

func (s *Store) lends(lent bool) {
	s.mu.Lock()
	s.lent = lent
	s.mu.Unlock()
}

// takeBack lets it take from panels alone again, where that was so before.
func (s *Store) takeBack(ctx context.Context, c control) error {
	s.mu.Lock()
	lent := s.lent
	s.mu.Unlock()
	if !lent {
		return nil
	}
	if err := s.write(ctx, c.at+fromGrid, 0); err != nil {
		return err
	}
	s.lends(false)
	return nil
}

// all is the rate of everything.
func (c control) all() uint16 { return uint16(c.rate(c.whole)) } //nolint:gosec // see controlOf

func (s *Store) write(ctx context.Context, at int, words ...uint16) error {
	q := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16([]byte{writeMany}, uint16(at)), uint16(len(words))) //nolint:gosec // places are below 65536: see chain
	q = append(q, byte(2*len(words)))
	for _, w := range words {
		q = binary.BigEndian.AppendUint16(q, w)
	}
	if _, err := s.device.bus.Ask(ctx, s.device.unit, q, s.device.timeout); err != nil {
		return fmt.Errorf("sunspec: %w", err)
	}
	return nil
}

// Observed implements loads.Switch.
func (s *Store) Observed(context.Context) (loads.Observation, error) {
	return s.heard.Fresh(s.now(), s.doc.stale()), nil
}

// Trouble implements loads.Troubled.
func (s *Store) Trouble() string { return s.heard.Trouble() }

// Run implements loads.Runner: it reads what the battery does until ctx ends.
func (s *Store) Run(ctx context.Context) error {
	asked.Run(ctx, s.soon, s.doc.every(), func(ctx context.Context) {
		o, drops, err := s.look(ctx)
		if errors.Is(err, errModels) {
			o, drops, err = s.look(ctx) // they are looked for anew
		}
		if ctx.Err() != nil {
			return // the end is no failure
		}
		text := ""
		switch {
		case err != nil:
			text = "sunspec: " + err.Error()
			s.log.Debug("sunspec: the battery was not read", "error", err)
		default:
			s.heard.Keep(o)
			if !drops {
				text = "sunspec: the inverter does not keep the time after which it is to go back to its own ways (InOutWRte_RvrtTms of model 124): if the agent dies, the battery goes on as it was told last"
			}
		}
		switch begins, ends := s.heard.Wrong(text); {
		case ends:
			s.log.Info("sunspec: all is well with the battery again", "at", s.doc.Port, "unit", s.doc.unit())
		case begins:
			s.log.Warn("sunspec: something is wrong with the battery", "at", s.doc.Port, "unit", s.doc.unit(), "error", text)
		}
	})
	return nil
}

// look reads all that is to be known.  drops is false where it was told for how long a word of the agent holds,
// and does not say so.
func (s *Store) look(ctx context.Context) (o loads.Observation, drops bool, err error) {
	d := &s.device
	o.At = s.now()
	if err := d.find(ctx); err != nil {
		return o, true, err
	}
	i := slices.IndexFunc(d.models, func(m model) bool { return m.id == 124 })
	if i < 0 {
		return o, true, &notOursError{"it has no battery that can be steered: model 124 is not among its models; switch on that it may be controlled over Modbus, or check unit"}
	}
	m := d.models[i]
	p, err := d.read(ctx, m, storageLength)
	if err != nil {
		return o, true, fmt.Errorf("model 124: %w", err)
	}
	c, err := controlOf(m, p)
	if err != nil {
		return o, true, fmt.Errorf("model 124: %w", err)
	}
	s.mu.Lock()
	s.found = c
	told := s.told
	s.mu.Unlock()

	o.Known, o.HasSet = true, true
	o.Set = c.set(p)
	o.On = o.Set.On
	if o.Charge, o.HasCharge, err = d.charge(ctx, p); err != nil {
		return o, true, err
	}
	flow, known, err := d.flow(ctx)
	if err != nil {
		return o, true, err
	}
	o.Power, o.HasPower = flow, known
	revert := time.Duration(p[revertAfter]) * time.Second
	drops = s.deadMan == 0 || !told || !o.On || c.revert && revert > 0 && revert <= s.deadMan
	return o, drops, nil
}

func controlOf(m model, p points) (control, error) {
	if len(p) < storageLength {
		return control{}, &notOursError{fmt.Sprintf("it is of %d registers, which cannot be", m.length)}
	}
	scale, err := p.scale(chaMaxScale)
	if err != nil {
		return control{}, fmt.Errorf("WChaMax: %w", err)
	}
	step, err := p.scale(rateScale)
	if err != nil {
		return control{}, fmt.Errorf("InWRte: %w", err)
	}
	whole := float64(p[chaMax]) * scale
	if p[chaMax] == noUint || whole < 100 || whole > 1e6 {
		return control{}, errors.New("it does not tell the most that its battery takes (WChaMax)")
	}
	all := math.Round(100 / step)
	if all < 1 || all > math.MaxInt16 {
		return control{}, fmt.Errorf("a rate of all in %g steps is none", all)
	}
	c := control{at: m.at, step: units.FromW(whole / all), revert: p[revertAfter] != noUint, grid: p[fromGrid] == 0}
	c.whole = c.step * units.Power(all)
	return c, nil
}

// set is the set-point that stands in the registers: plain on is one that nobody here can have told.
func (c control) set(p points) loads.Setpoint {
	out, in := int(int16(p[outRate])), int(int16(p[inRate]))
	switch {
	case p[mode]&bothWays == 0:
		return loads.Setpoint{}
	case p[mode]&bothWays != bothWays || out != -in:
		return loads.Setpoint{On: true}
	case in == 0:
		return loads.Setpoint{On: true, Mode: loads.Rests}
	case in > 0:
		return loads.Setpoint{On: true, Power: c.power(in)}
	}
	return loads.Setpoint{On: true, Power: -c.power(out)}
}

// charge is how full the battery is, in thousandths: of model 124, else 713, else 802.
func (d *device) charge(ctx context.Context, storage points) (charge int, known bool, err error) {
	told := func(p points, at, scaleAt int) (int, bool, error) {
		if at >= len(p) || p[at] == noUint {
			return 0, false, nil
		}
		f := 1.0
		if scaleAt < len(p) {
			var err error
			if f, err = p.scale(scaleAt); err != nil {
				return 0, false, fmt.Errorf("the state of charge: %w", err)
			}
		}
		x := float64(p[at]) * f
		if x > 105 {
			return 0, false, fmt.Errorf("a battery is not %g %% full", x)
		}
		return min(1000, int(math.Round(10*x))), true, nil
	}
	if charge, known, err = told(storage, chaState, chaStateScale); known || err != nil {
		return charge, known, err
	}
	for _, m := range d.models {
		at, scaleAt := 4, 8 // SoC and Pct_SF of 713
		switch m.id {
		case 713:
		case 802:
			at, scaleAt = 11, 56
		default:
			continue
		}
		p, err := d.read(ctx, m, scaleAt+1)
		if err != nil {
			return 0, false, fmt.Errorf("model %d: %w", m.id, err)
		}
		if charge, known, err = told(p, at, scaleAt); known || err != nil {
			return charge, known, err
		}
	}
	return 0, false, nil
}

// flow is what the battery takes; below zero what it gives.  Of an inverter that tells its strings it is what
// the two of them tell that are the battery's (StCha, StDisCha), of one without strings what the whole inverter does.
func (d *device) flow(ctx context.Context) (p units.Power, known bool, err error) {
	i := slices.IndexFunc(d.models, func(m model) bool { return m.id == 160 })
	if i < 0 {
		w, told, _, err := d.output(ctx)
		return power(-w), told, err
	}
	m := d.models[i]
	all, err := d.read(ctx, m, 2+m.length)
	if err != nil {
		return 0, false, fmt.Errorf("model 160: %w", err)
	}
	sum, parts := 0.0, 0
	for at := stringsHead; at+eachString <= len(all); at += eachString {
		s := all[at : at+eachString]
		sign := 0.0
		switch name := s.text(1, 8); {
		case len(name) >= 8 && name[:8] == "StDisCha":
			sign = -1
		case len(name) >= 5 && name[:5] == "StCha":
			sign = 1
		default:
			continue
		}
		w, ok, err := scaled(s, 11, all, 4)
		if err != nil {
			return 0, false, fmt.Errorf("model 160: %w", err)
		}
		if ok {
			sum, parts = sum+sign*w, parts+1
		}
	}
	return power(sum), parts == 2, nil
}
