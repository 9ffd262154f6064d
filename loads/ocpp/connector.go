package ocpp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// connector is a loads.Switch, and Capable.
type connector struct {
	st        *station
	n         int
	at        loads.Connector
	powers    []loads.PowerRange
	perAmpere units.Power
	deadMan   time.Duration

	// Under st.mu.
	order  *order // told last; nil: nothing, or it did not get out
	proved *proof // what the station has taken in this session; nil: nothing

	status      string // "": none was heard in this session
	statusAt    time.Time
	statusHeard time.Time
	askedStatus time.Time // it was asked for
	transaction int       // 0: none
	startedAt   time.Time // a transaction was asked for

	power      units.Power
	powerHeard time.Time // zero: never
	drawsHeard time.Time // it measured that
	most       units.Power
}

// order is a set-point on its way.
type order struct {
	set    loads.Setpoint
	out    chan error // holds one; nil once it has left this machine
	left   bool
	tried  time.Time
	failed bool // the station took it in no form
}

// proof is what a station has accepted.
type proof struct {
	set loads.Setpoint
	// limit is what the station says that it follows; what was told where it does not say.
	limit units.Power
	at    time.Time
}

// anyDraw is what a station may measure of itself.
const anyDraw = 100 * units.Watt

// Takes implements loads.Capable: less where the station has said that it gives less.
func (c *connector) Takes() loads.Capability {
	c.st.mu.Lock()
	defer c.st.mu.Unlock()
	return c.takes()
}

func (c *connector) takes() loads.Capability {
	out := loads.Capability{ReadBack: true}
	for _, r := range c.powers {
		if c.most > 0 && r.To > c.most {
			if r.From > c.most {
				continue
			}
			r.To = loads.Capability{Powers: []loads.PowerRange{r}}.AtMost(loads.Setpoint{On: true, Power: c.most}).Power
		}
		out.Powers = append(out.Powers, r)
	}
	return out
}

// Set implements loads.Switch.
func (c *connector) Set(ctx context.Context, p loads.Setpoint) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.st.mu.Lock()
	takes := c.takes()
	if err := takes.Check(p); err != nil {
		c.st.mu.Unlock()
		return fmt.Errorf("ocpp: %w", err)
	}
	if !p.On {
		p = loads.Setpoint{}
	}
	now := c.st.central.now()
	c.drop(nil) // this one goes in its place
	if c.st.session == nil {
		c.order = nil // what was told before is not told later
		c.st.mu.Unlock()
		return fmt.Errorf("ocpp: station %s is not connected", c.at.Station)
	}
	if o := c.observed(now); c.deadMan == 0 && c.proved != nil && c.proved.set == p && o.Known && o.On == p.On && (c.order == nil || c.order.set == p) {
		c.order = &order{set: p, left: true, tried: c.proved.at} // it follows it: stations keep profiles in flash
		c.st.mu.Unlock()
		return nil
	}
	w := &order{set: p, out: make(chan error, 1)}
	c.order = w
	c.st.session.rouse()
	c.st.mu.Unlock()
	select {
	case err := <-w.out:
		return err
	case <-ctx.Done():
	}
	c.st.mu.Lock()
	defer c.st.mu.Unlock()
	if w.left {
		return nil
	}
	if c.order == w {
		c.order = nil
	}
	return ctx.Err()
}

// drop ends the wait of an order that has not left yet: another goes in its place, or, with
// an error, none.
func (c *connector) drop(err error) {
	w := c.order
	if w == nil || w.left {
		return
	}
	w.left = true // it is nobody's any more
	w.out <- err
	if err != nil {
		c.order = nil
	}
}

// forget is a new session, or a station that has started again.
func (c *connector) forget() {
	c.proved, c.most = nil, 0
	c.status, c.statusHeard, c.askedStatus = "", time.Time{}, time.Time{}
	c.powerHeard, c.drawsHeard = time.Time{}, time.Time{}
	c.startedAt = time.Time{}
	if c.order != nil {
		c.order.tried, c.order.failed = time.Time{}, false // it is told again
	}
}

// Observed implements loads.Switch.
func (c *connector) Observed(context.Context) (loads.Observation, error) {
	c.st.mu.Lock()
	defer c.st.mu.Unlock()
	return c.observed(c.st.central.now()), nil
}

func (c *connector) observed(now time.Time) (o loads.Observation) {
	st := c.st
	if st.session == nil || st.heard.IsZero() || now.Sub(st.heard) > c.at.Stale || c.status == unavailable || c.status == faulted {
		return o
	}
	settle := st.central.pace.Settle
	if p := c.proved; p != nil {
		o.On, o.Known, o.At = p.limit > 0, true, p.at
		if settled := p.at.Add(settle); c.statusHeard.After(settled) {
			switch c.status {
			case charging, suspendedEV:
				o.On = true
			case suspendedEVSE:
				o.On = false
			}
			o.At = c.statusHeard
		} else if c.drawsHeard.After(settled) && c.power > anyDraw {
			o.On, o.At = true, c.drawsHeard
		}
	} else if c.status != "" {
		o.On, o.Known, o.At = c.status == charging || c.status == suspendedEV, true, c.statusHeard
	}
	if !o.Known {
		return loads.Observation{}
	}
	if w := c.order; w == nil || c.proved != nil && w.set == c.proved.set { // nothing is on its way
		o.At = st.heard
	}
	switch {
	case !c.powerHeard.IsZero() && (now.Sub(c.powerHeard) <= 3*st.central.pace.Sample || c.status == available):
		o.Power, o.HasPower = c.power, true
	case c.status == suspendedEVSE || c.status == suspendedEV:
		o.HasPower = true
	}
	if c.proved != nil {
		o.HasSet = true
		if o.On {
			o.Set = loads.Setpoint{On: true, Power: c.proved.limit}
		}
	}
	return o
}

// limit is the power that a set-point allows.
func (c *connector) limit(p loads.Setpoint) units.Power {
	switch {
	case !p.On:
		return 0
	case p.Power == 0:
		r := c.takes().Powers
		if len(r) == 0 {
			return c.powers[len(c.powers)-1].To
		}
		return r[len(r)-1].To
	}
	return p.Power
}

// form is one of the ways in which a profile is told: what one station wants another refuses.
type form struct {
	kind  string
	stack int
	watts bool
}

// forms are those that are tried, the one that was taken last first.
func (st *station) forms() []form {
	k := st.keys
	all := []form{
		{"Absolute", k.stack, k.inWatts},
		{"Relative", k.stack, k.inWatts},
		{"Absolute", 0, k.inWatts},
		{"Relative", 0, k.inWatts},
		{"Absolute", k.stack, !k.inWatts},
		{"Relative", 0, !k.inWatts},
	}
	at := min(st.variant, len(all)-1)
	return append(all[at:len(all):len(all)], all[:at]...)
}

// absoluteSince is how long before now an absolute schedule begins: a station's clock may be
// behind, and a schedule that has not begun limits nothing.
const absoluteSince = 5 * time.Minute

// profile is the limit as it is told.
func (c *connector) profile(f form, limit units.Power, now time.Time) any {
	p := profile{ID: c.n, Stack: f.stack, Purpose: "TxDefaultProfile", Kind: f.kind}
	p.Schedule.Unit = "A"
	tenths := int64(limit) * 10 / max(1, int64(c.perAmpere)) // no more than was told
	if f.watts {
		p.Schedule.Unit, tenths = "W", int64(limit)*10/int64(units.Watt)
	}
	p.Schedule.Periods = []period{{0, float64(tenths) / 10}}
	if f.kind == "Absolute" {
		p.Schedule.Start = written(now.Add(-absoluteSince))
		if c.deadMan > 0 && limit > 0 && c.st.keys.periods != 1 {
			p.Schedule.Periods = append(p.Schedule.Periods, period{int((absoluteSince + c.deadMan + time.Second - 1) / time.Second), 0})
		}
	}
	return map[string]any{"connectorId": c.n, "csChargingProfiles": p}
}

// tell tells the station the order, in each form until it takes one, and reads back what it
// follows.
func (s *session) tell(ctx context.Context, c *connector, w *order) error {
	st := s.st
	st.mu.Lock()
	forms, limit, deadMan := st.forms(), c.limit(w.set), c.deadMan
	first := st.variant
	st.mu.Unlock()
	out := func(err error) { // once: the first form that is written
		st.mu.Lock()
		defer st.mu.Unlock()
		if !w.left {
			w.left = true
			w.out <- err
		}
	}
	var refused error
	for i, f := range forms {
		if deadMan > 0 && w.set.On && f.kind != "Absolute" {
			continue // the end of it would count from another time
		}
		now := st.central.now()
		st.mu.Lock()
		told := c.profile(f, limit, now)
		st.mu.Unlock()
		var a answer
		err := s.ask(ctx, "SetChargingProfile", told, &a, out)
		var no *refusedError
		switch {
		case err == nil && a.Status == "Accepted":
			p := &proof{set: w.set, limit: limit, at: st.central.now()}
			follows, known := s.readBack(ctx, c, f)
			st.mu.Lock()
			st.variant = (first + i) % len(forms)
			c.prove(p, follows, known)
			st.mu.Unlock()
			return nil
		case err != nil && !errors.As(err, &no):
			return err
		case err == nil:
			err = errors.New(string(a.Status))
		}
		refused = err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	w.failed = true
	st.central.log.Warn("a station takes no limit; see that smart charging is on in it", "station", st.name, "connector", c.n, "limit", limit, "answer", refused)
	return nil
}

// prove keeps what the station took; follows, where known, is what it says that it follows.
func (c *connector) prove(p *proof, follows units.Power, known bool) {
	c.proved = p
	if !known || nearly(follows, p.limit, c.perAmpere) {
		return
	}
	p.limit = follows
	if p.set.On && follows > 0 && follows < c.limit(p.set) {
		c.most = follows // its cable or its maker's setting gives no more
	}
}

// nearly tells whether two powers are the same but for a tenth of an ampere.
func nearly(a, b, perAmpere units.Power) bool {
	d := max(a-b, b-a)
	return d <= max(perAmpere/10, 10*units.Watt) && (a > 0) == (b > 0)
}

// readBack asks what the connector may draw now, with all that limits it; false where the
// station cannot say.
func (s *session) readBack(ctx context.Context, c *connector, f form) (units.Power, bool) {
	st := s.st
	st.mu.Lock()
	skip := st.noReading
	st.mu.Unlock()
	if skip {
		return 0, false
	}
	unit := "A"
	if f.watts {
		unit = "W"
	}
	var a compositeAnswer
	err := s.ask(ctx, "GetCompositeSchedule", map[string]any{"connectorId": c.n, "duration": 60, "chargingRateUnit": unit}, &a, nil)
	var no *refusedError
	if errors.As(err, &no) {
		st.mu.Lock()
		st.noReading = true
		st.mu.Unlock()
	}
	if err != nil || a.Status != "Accepted" || a.Schedule == nil || len(a.Schedule.Periods) == 0 {
		return 0, false
	}
	v, ok := a.Schedule.Periods[0].Limit.number()
	if !ok || v < 0 || v > 1e6 {
		return 0, false
	}
	if a.Schedule.Unit == "W" {
		return units.FromW(v), true
	}
	return units.Power(v * float64(c.perAmpere)), true
}
