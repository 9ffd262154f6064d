package sunspec

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/internal/asked"
)

// Switch is one inverter, which is only heard.  It is a loads.Switch, Troubled and a Runner.
type Switch struct {
	doc    Document
	device device // of the goroutine of Run
	now    func() time.Time
	log    *slog.Logger

	heard asked.Heard
}

// Open implements loads.Settings.
func (d *Document) Open(e loads.Env) (loads.Switch, error) {
	if e.Buses == nil {
		return nil, errors.New("sunspec: there are no lines")
	}
	bus, err := e.Buses.Bus(loads.BusAt{Port: d.Port, Baud: 9600, Parity: "none"}) // as another switch behind the same gateway has it
	if err != nil {
		return nil, err
	}
	if e.Store.Capacity > 0 {
		return newStore(*d, e, bus), nil
	}
	s := &Switch{doc: *d, device: device{bus: bus, unit: byte(d.unit()), timeout: d.timeout()}, now: e.Now, log: e.Log}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s, nil
}

// Set implements loads.Switch.
func (s *Switch) Set(context.Context, loads.Setpoint) error {
	return errors.New("sunspec: it is only measured")
}

// Observed implements loads.Switch.
func (s *Switch) Observed(context.Context) (loads.Observation, error) {
	return s.heard.Fresh(s.now(), s.doc.stale()), nil
}

// Trouble implements loads.Troubled.
func (s *Switch) Trouble() string {
	return s.heard.Trouble()
}

// Run implements loads.Runner: it reads what the inverter gives until ctx ends.
func (s *Switch) Run(ctx context.Context) error {
	asked.Run(ctx, nil, s.doc.every(), func(ctx context.Context) {
		at := s.now()
		given, err := s.device.gives(ctx)
		if errors.Is(err, errModels) {
			given, err = s.device.gives(ctx) // they are looked for anew
		}
		if ctx.Err() == nil { // the end is no failure
			s.take(loads.Observation{On: given > 0, Known: true, At: at, Power: -given, HasPower: true}, err)
		}
	})
	return nil
}

// take keeps what was read, and logs once what is wrong.
func (s *Switch) take(o loads.Observation, err error) {
	text := ""
	if err != nil {
		text = "sunspec: " + err.Error()
	}
	if err == nil {
		s.heard.Keep(o)
	}
	switch begins, ends := s.heard.Wrong(text); {
	case ends:
		s.log.Info("sunspec: the inverter answers again", "at", s.doc.Port, "unit", s.doc.unit())
	case begins:
		s.log.Warn("sunspec: the inverter does not say what it gives", "at", s.doc.Port, "unit", s.doc.unit(), "error", text)
	}
}
