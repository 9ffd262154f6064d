package ocpp

import (
	"context"
	"fmt"
	"slices"
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
	phases    int
	deadMan   time.Duration

	// Under st.mu.
	order  *order // told last; nil: nothing, or it did not get out
	proved *proof // what the station has taken in this session; nil: nothing
	doubt  bool   // another limit than the proved one may hold: it was told, and not answered
	life   int    // counts what the station may have forgotten everything at

	status      string // "": none was heard in this session
	statusAt    time.Time
	statusHeard time.Time
	askedStatus time.Time // it was asked for
	transaction int       // 0: none
	startedAt   time.Time // a transaction was asked for
	ended       bool      // a person has ended the last transaction, and the car is still plugged in

	power      units.Power
	powerHeard time.Time   // zero: never
	drawsHeard time.Time   // it measured that
	most       units.Power // that it gives, as it said at mostAt; 0: it did not say that it gives less than it was told
	mostAt     time.Time
}

// order is a set-point on its way.
type order struct {
	set    loads.Setpoint
	out    chan error // holds one; nil once it has left this machine
	begun  bool       // it is being written: that it did not get out cannot be said any more
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

// mostFor is how long a station that gives less than it was told is told no more: what lowers
// it may be another limit, which ends.
const mostFor = time.Hour

// Takes implements loads.Capable: less where the station has said that it gives less.
func (c *connector) Takes() loads.Capability {
	c.st.mu.Lock()
	defer c.st.mu.Unlock()
	return c.takes(c.st.central.now())
}

func (c *connector) takes(now time.Time) loads.Capability {
	out := loads.Capability{ReadBack: true}
	for _, r := range c.powers {
		if c.most > 0 && now.Sub(c.mostAt) < mostFor && r.To > c.most {
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
	now := c.st.central.now()
	takes := c.takes(now)
	if err := takes.Check(p); err != nil {
		c.st.mu.Unlock()
		return fmt.Errorf("ocpp: %w", err)
	}
	if !p.On {
		p = loads.Setpoint{}
	}
	c.drop(nil) // this one goes in its place
	if c.st.session == nil {
		c.order = nil // what was told before is not told later
		c.st.mu.Unlock()
		return fmt.Errorf("ocpp: station %s is not connected", c.at.Station)
	}
	if o := c.observed(now); c.deadMan == 0 && c.holds(p) && o.Known && o.On == p.On && (c.order == nil || c.order.set == p) {
		c.order = &order{set: p, left: true, tried: c.proved.at} // it follows it: stations keep profiles in flash
		c.st.mu.Unlock()
		return nil
	}
	w := &order{set: p, out: make(chan error, 1)}
	c.order = w
	c.st.session.rouse()
	if c.urgent(w, now) {
		c.st.session.hasten()
	}
	c.st.mu.Unlock()
	select {
	case err := <-w.out:
		return err
	case <-ctx.Done():
	}
	c.st.mu.Lock()
	defer c.st.mu.Unlock()
	if w.left || w.begun {
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
	c.proved, c.doubt, c.most = nil, false, 0
	c.life++
	c.status, c.statusHeard, c.askedStatus = "", time.Time{}, time.Time{}
	c.powerHeard, c.drawsHeard = time.Time{}, time.Time{}
	c.startedAt = time.Time{}
	if c.order != nil {
		c.order.tried, c.order.failed = time.Time{}, false // it is told again
	}
}

// holds tells whether the station is known to follow a set-point.
func (c *connector) holds(p loads.Setpoint) bool {
	return c.proved != nil && !c.doubt && c.proved.set == p
}

// due tells whether an order is to be told now.
func (c *connector) due(w *order, now time.Time) bool {
	return w != nil && !w.failed && (w.tried.IsZero() || !c.holds(w.set) && now.Sub(w.tried) >= c.st.central.pace.Retry)
}

// urgent tells whether an order is due that has the car draw less.
func (c *connector) urgent(w *order, now time.Time) bool {
	return c.due(w, now) && (!w.set.On || c.proved != nil && c.limit(w.set) < c.proved.limit)
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
		settled := p.at.Add(settle)
		if c.statusHeard.After(settled) {
			switch c.status {
			case charging, suspendedEV:
				o.On = true
			case suspendedEVSE:
				o.On = false
			}
			o.At = c.statusHeard
		}
		o = c.draws(o, settled, now)
	} else if c.status != "" {
		o.On, o.Known, o.At = c.status == charging || c.status == suspendedEV, true, c.statusHeard
		o = c.draws(o, time.Time{}, now)
	}
	if !o.Known {
		return loads.Observation{}
	}
	if w := c.order; !c.doubt && (w == nil || c.holds(w.set)) { // nothing is on its way
		o.At = st.heard
	}
	nothing := slices.Contains([]string{suspendedEVSE, suspendedEV, available, preparing, finishing, reserved}, c.status) // no car is given anything without a transaction
	switch {
	case nothing && (c.statusHeard.After(c.powerHeard) || !c.fresh(now)): // what was measured before is over
		o.HasPower = true
	case c.fresh(now):
		o.Power, o.HasPower = c.power, true
	}
	if c.proved != nil {
		o.HasSet = true
		if o.On {
			o.Set = loads.Setpoint{On: true, Power: c.proved.limit}
		}
	}
	return o
}

// draws is o where the station has measured, once what was told and the last state had time
// to take effect, that the car draws: it is on then, whatever is said.
func (c *connector) draws(o loads.Observation, settled, now time.Time) loads.Observation {
	if c.power > anyDraw && c.fresh(now) && c.drawsHeard.After(settled) && c.drawsHeard.After(c.statusHeard.Add(c.st.central.pace.Settle)) {
		o.On, o.At = true, c.drawsHeard
	}
	return o
}

// fresh tells whether what was measured last is of now.
func (c *connector) fresh(now time.Time) bool {
	return !c.powerHeard.IsZero() && now.Sub(c.powerHeard) <= 3*c.st.central.pace.Sample
}

// limit is the power that a set-point allows.
func (c *connector) limit(p loads.Setpoint) units.Power {
	switch {
	case !p.On:
		return 0
	case p.Power == 0:
		r := c.takes(c.st.central.now()).Powers
		if len(r) == 0 {
			return c.powers[len(c.powers)-1].To
		}
		return r[len(r)-1].To
	}
	return p.Power
}
