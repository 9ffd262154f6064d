package ocpp

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// form is one of the ways in which a profile is told: what one station wants another refuses.
type form struct {
	kind  string
	stack int
	watts bool
	// bare: a limit in W without the number of phases, which some refuse.
	bare bool
}

// forms are those that are tried, the one that was taken last first.
func (st *station) forms() []form {
	k := st.keys
	var all []form
	for _, f := range []form{
		{kind: "Absolute", stack: k.stack, watts: k.inWatts},
		{kind: "Relative", stack: k.stack, watts: k.inWatts},
		{kind: "Absolute", watts: k.inWatts},
		{kind: "Relative", watts: k.inWatts},
		{kind: "Absolute", stack: k.stack, watts: !k.inWatts},
		{kind: "Relative", watts: !k.inWatts},
	} {
		all = append(all, f)
		if f.bare = true; f.watts {
			all = append(all, f)
		}
	}
	return append(all[st.variant:len(all):len(all)], all[:st.variant]...)
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
	phases := 0
	if f.watts && !f.bare && c.phases < 3 {
		phases = c.phases
	}
	p.Schedule.Periods = []period{{0, float64(tenths) / 10, phases}}
	if f.kind == "Absolute" {
		p.Schedule.Start = written(now.Add(-endlessSince))
		if c.deadMan > 0 && limit > 0 && c.st.keys.periods != 1 {
			p.Schedule.Start = written(now.Add(-absoluteSince))
			p.Schedule.Periods = append(p.Schedule.Periods, period{int((absoluteSince + c.deadMan + time.Second - 1) / time.Second), 0, phases})
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
		if f.bare && (c.phases == 0 || c.phases >= 3) {
			continue // the one before it was that already
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
