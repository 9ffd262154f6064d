package ocpp

import (
	"context"
	"errors"
	"fmt"
	"strings"
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
	nothing := c.status == suspendedEVSE || c.status == suspendedEV || c.status == available
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
// behind, and a schedule that has not begun limits nothing.  What has no end begins a day
// before, as a clock may be of another zone too.
const (
	absoluteSince = 5 * time.Minute
	endlessSince  = 24 * time.Hour
)

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
		p.Schedule.Start = written(now.Add(-endlessSince))
		if c.deadMan > 0 && limit > 0 && c.st.keys.periods != 1 {
			p.Schedule.Start = written(now.Add(-absoluteSince))
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
	forms, limit, deadMan, life := st.forms(), c.limit(w.set), c.deadMan, c.life
	first := st.variant
	st.mu.Unlock()
	out := func(err error) { // once: the first form that is written
		st.mu.Lock()
		defer st.mu.Unlock()
		if w.left {
			return
		}
		w.left = true
		w.out <- err
		if err != nil && c.order == w {
			c.order = nil // it is not told later
		}
	}
	var refused error
	for i, f := range forms {
		if deadMan > 0 && w.set.On && f.kind != "Absolute" {
			continue // the end of it would count from another time
		}
		now := st.central.now()
		st.mu.Lock()
		if c.order == nil || c.order.set != w.set || c.life != life { // it has been superseded, or is to be told again
			st.mu.Unlock()
			return nil
		}
		told, doubt := c.profile(f, limit, now), c.doubt
		w.begun, c.doubt = true, true
		st.mu.Unlock()
		var a answer
		err := s.ask(ctx, "SetChargingProfile", told, &a, w, out)
		var no *refusedError
		switch {
		case err == nil && a.Status == "Accepted":
			p := &proof{set: w.set, limit: limit, at: st.central.now()}
			follows, known := s.readBack(ctx, c, f, w)
			st.mu.Lock()
			defer st.mu.Unlock()
			st.variant = (first + i) % len(forms)
			if c.life == life { // else it may be forgotten already
				c.prove(p, follows, known)
			}
			return nil
		case err != nil && !errors.As(err, &no):
			return err
		case err == nil:
			err = errors.New(string(a.Status))
		}
		refused = err
		st.mu.Lock()
		if c.life == life {
			c.doubt = doubt // what held before holds on
		}
		st.mu.Unlock()
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if c.life != life {
		return nil
	}
	w.failed = true
	st.central.log.Warn("a station takes no limit; see that smart charging is on in it", "station", st.name, "connector", c.n, "limit", limit, "answer", refused)
	return nil
}

// prove keeps what the station took; follows, where known, is what it says that it follows.
func (c *connector) prove(p *proof, follows units.Power, known bool) {
	c.proved, c.doubt = p, false
	if !known || nearly(follows, p.limit, c.perAmpere) {
		return
	}
	p.limit = follows
	if p.set.On && follows > 0 && follows < c.limit(p.set) {
		c.most, c.mostAt = follows, p.at // its cable or its maker's setting gives no more
	}
}

// nearly tells whether two powers are the same but for a tenth of an ampere.
func nearly(a, b, perAmpere units.Power) bool {
	d := max(a-b, b-a)
	return d <= max(perAmpere/10, 10*units.Watt) && (a > 0) == (b > 0)
}

// readBack asks what the connector may draw now, with all that limits it; false where the
// station cannot say.
func (s *session) readBack(ctx context.Context, c *connector, f form, w *order) (units.Power, bool) {
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
	err := s.ask(ctx, "GetCompositeSchedule", map[string]any{"connectorId": c.n, "duration": 60, "chargingRateUnit": unit}, &a, w, nil)
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
	if a.Schedule.Unit == "" {
		a.Schedule.Unit = word(unit) // as it was asked
	}
	if strings.EqualFold(string(a.Schedule.Unit), "W") {
		return units.FromW(v), true
	}
	return units.Power(v * float64(c.perAmpere)), true
}
