package homeassistant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/keeplit/keeplit/internal/device/topics"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/internal/level"
)

// Switch is one entity.  It is a loads.Switch, Capable, Troubled and a Runner.
type Switch struct {
	doc   Document
	pace  pace
	takes loads.Capability
	unit  units.Power // of the set-point
	power units.Power // of what is measured
	full  units.Power // told where plain on is, and only a power can be said; 0: on can be said
	now   func() time.Time
	log   *slog.Logger
	told  level.Told

	mu       sync.Mutex
	session  *session // nil: there is no connection
	states   map[string]entity
	sure     time.Time // the states were so then or later
	trouble  string
	complain string // what was logged last
}

// entity is what Home Assistant says of one.
type entity struct {
	state   string
	assumed bool   // it does not know, and says what was commanded last
	unit    string // unit_of_measurement: people choose it on Home Assistant's pages; empty: none
}

// Open implements loads.Settings.
func (d *Document) Open(e loads.Env) (loads.Switch, error) {
	if d.amperes() && e.PerAmpere <= 0 {
		return nil, errors.New("homeassistant: what amperes are in watts is not known of a load that is not of kind power")
	}
	s := &Switch{doc: *d, now: e.Now, log: e.Log, states: map[string]entity{}}
	if s.doc.Stale == 0 {
		s.doc.Stale = usualStale
	}
	s.pace = usualPace(s.doc.Stale)
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if x := d.Setpoint; x != nil {
		s.unit = level.Unit(x.Unit, e.PerAmpere)
		s.takes = loads.Capability{Powers: e.Powers, ReadBack: true, Pause: d.Pause}
		if d.Entity == "" && len(e.Powers) > 0 {
			s.full = e.Powers[len(e.Powers)-1].To
		}
	}
	if x := d.Measured; x != nil {
		s.power = level.Unit(x.Unit, e.PerAmpere)
	}
	return s, nil
}

// Takes implements loads.Capable.
func (s *Switch) Takes() loads.Capability { return s.takes }

// Set implements loads.Switch.
func (s *Switch) Set(ctx context.Context, p loads.Setpoint) error {
	if err := s.takes.Check(p); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.doc.Entity == "" && s.doc.Setpoint == nil {
		return errors.New("homeassistant: it is only measured")
	}
	s.mu.Lock()
	session := s.session
	s.mu.Unlock()
	if session == nil {
		return errors.New("homeassistant: it is not connected")
	}
	if !p.On {
		if s.doc.Entity == "" {
			return s.tell(session, 0)
		}
		return session.call(s.doc.Entity, "turn_off", nil)
	}
	power := p.Power
	if power == 0 {
		power = s.full
	}
	s.told.Tell(power)
	if power != 0 {
		if err := s.tell(session, power); err != nil {
			return err
		}
	}
	if s.doc.Entity == "" {
		return nil
	}
	return session.call(s.doc.Entity, "turn_on", nil)
}

// tell sends a set-point.
func (s *Switch) tell(session *session, p units.Power) error {
	x := s.doc.Setpoint
	s.mu.Lock()
	wrong := s.states[x.Entity].otherUnit(x.Unit)
	s.mu.Unlock()
	if wrong && p != 0 { // nothing is nothing in any unit
		return fmt.Errorf("homeassistant: %s is in another unit than setpoint.unit", x.Entity)
	}
	return session.call(x.Entity, "set_value", json.Number(topics.Number(p, s.unit)))
}

// Observed implements loads.Switch: without a connection nothing is known.
func (s *Switch) Observed(context.Context) (o loads.Observation, _ error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if age := s.now().Sub(s.sure); s.session == nil || age > s.doc.Stale || age < -s.doc.Stale {
		return o, nil // what it was says nothing while it may have been switched by others
	}
	on, known := true, true
	if s.doc.Entity != "" {
		on, known = s.states[s.doc.Entity].on(s.doc.Entity)
	}
	set := loads.Setpoint{}
	if x := s.doc.Setpoint; x != nil {
		says, ok := s.states[x.Entity].number(x.Unit, s.unit)
		if known = known && ok; says <= 0 {
			on = false // told to draw nothing it is off, whatever its switch says
		}
		set = loads.Setpoint{On: true, Power: s.told.Nearly(says)}
		o.HasSet = known
	}
	if x := s.doc.Measured; x != nil && s.doc.Entity == "" && s.doc.Setpoint == nil {
		draws, ok := s.states[x.Entity].number(x.Unit, s.power)
		on, known = draws > 0, ok
	}
	if !known {
		return loads.Observation{}, nil
	}
	if o.On, o.Known, o.At = on, true, s.sure; o.On && o.HasSet {
		o.Set = set
	}
	if x := s.doc.Measured; x != nil {
		o.Power, o.HasPower = s.states[x.Entity].number(x.Unit, s.power)
	}
	return o, nil
}

// Trouble implements loads.Troubled.
func (s *Switch) Trouble() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trouble
}

// on is whether an entity is on; known is false where it says neither.  A heater's state is the
// way in which it heats.
func (e entity) on(id string) (on, known bool) {
	if e.assumed {
		return false, false
	}
	switch e.state {
	case "on", "off":
		return e.state == "on", true
	case "", "unavailable", "unknown":
		return false, false
	}
	domain, _, _ := strings.Cut(id, ".")
	return true, domain == "climate" || domain == "water_heater"
}

// otherUnit tells whether an entity is in another unit than the configuration has it, where 2 may be
// 2 kW: people change it on Home Assistant's pages.
func (e entity) otherUnit(name string) bool {
	if name == "" {
		name = "W"
	}
	return e.unit != name && slices.Contains([]string{"mW", "W", "kW", "MW", "GW", "TW", "BTU/h", "mA", "A", "%"}, e.unit)
}

// number is what an entity says as a number in a unit of that name; what it says in another one is
// none.
func (e entity) number(name string, unit units.Power) (units.Power, bool) {
	if e.otherUnit(name) {
		return 0, false
	}
	x, err := strconv.ParseFloat(e.state, 64)
	w := x * unit.W()
	if err != nil || math.IsNaN(w) || math.Abs(w) > 1e6 {
		return 0, false
	}
	return units.FromW(math.Round(w*1000) / 1000), true
}

// entities are those that are asked for.
func (d *Document) entities() []string {
	var out []string
	add := func(id string) {
		if id != "" {
			out = append(out, id)
		}
	}
	add(d.Entity)
	if d.Setpoint != nil {
		add(d.Setpoint.Entity)
	}
	if d.Measured != nil {
		add(d.Measured.Entity)
	}
	return out
}

// inUnits are those that say a number, and its unit by the configuration.
func (d *Document) inUnits() map[string]string {
	out := map[string]string{}
	if x := d.Setpoint; x != nil {
		out[x.Entity] = x.Unit
	}
	if x := d.Measured; x != nil {
		out[x.Entity] = x.Unit
	}
	return out
}

// update is an event of subscribe_entities: entities that are there with all they have, what has changed
// of them, and those that are gone.
type update struct {
	Added   map[string]compressed `json:"a"`
	Changed map[string]struct {
		Plus  compressed `json:"+"`
		Minus struct {
			Attributes []string `json:"a"`
		} `json:"-"`
	} `json:"c"`
	Removed []string `json:"r"`
}

type compressed struct {
	State      *string                    `json:"s"`
	Attributes map[string]json.RawMessage `json:"a"`
}

func (c compressed) onto(e entity) entity {
	if c.State != nil {
		e.state = *c.State
	}
	if raw, told := c.Attributes["assumed_state"]; told {
		e.assumed = string(raw) == "true"
	}
	if raw, told := c.Attributes["unit_of_measurement"]; told {
		e.unit = ""
		_ = json.Unmarshal(raw, &e.unit) // what is no text is no unit
	}
	return e
}

// take takes in an update.
func (s *Switch) take(u update, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, c := range u.Added {
		s.states[id] = c.onto(entity{})
	}
	for id, c := range u.Changed {
		e := c.Plus.onto(s.states[id])
		for _, gone := range c.Minus.Attributes {
			switch gone {
			case "assumed_state":
				e.assumed = false
			case "unit_of_measurement":
				e.unit = ""
			}
		}
		s.states[id] = e
	}
	for _, id := range u.Removed {
		delete(s.states, id)
	}
	s.sure = at
	s.trouble = s.missing()
}

// missing says which entity does not say what it should.
func (s *Switch) missing() string {
	for _, id := range s.doc.entities() {
		e, there := s.states[id]
		switch {
		case !there:
			return fmt.Sprintf("Home Assistant has no %s, or its user may not see it; see Developer tools, States there", id)
		case e.state == "unavailable":
			return id + " is unavailable in Home Assistant: see whether the device has power and is in the network"
		case e.assumed:
			return "of " + id + " Home Assistant only assumes the state: the device does not tell it"
		}
	}
	units := s.doc.inUnits()
	for _, id := range s.doc.entities() {
		unit, number := units[id]
		if e := s.states[id]; number && e.otherUnit(unit) {
			return fmt.Sprintf("%s is in %s in Home Assistant and not in the unit of the configuration: set both alike", id, e.unit)
		}
	}
	return ""
}
