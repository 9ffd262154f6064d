package loads

import (
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads/heat"
)

// Defaults of the limits of a load.
const (
	DefaultMinOn  = time.Minute
	DefaultMinOff = 3 * time.Minute // long enough for a compressor's pressure to fall
	// DefaultDeadMan is how long a load switched over MQTT stays on when the
	// agent is gone.
	DefaultDeadMan = 10 * time.Minute
	// DefaultRespect is how long the plan leaves what a person has set at a device of
	// kind power.
	DefaultRespect = time.Hour
)

// Load is a checked and compiled Document.  It is a value without hidden state
// and may be shared.
type Load struct {
	ID        string
	Name      string
	Class     Class  // how much it matters
	Order     int    // within its class: 0 is the most important
	Called    string // by a utility, which may limit all of a kind; "": nothing
	Kind      Kind
	Power     units.Power   // drawn while on; kind power: at most
	Gives     units.Power   // kind sun: at most
	Powers    []PowerRange  // kind power: what it can be told, by rising power
	Defer     bool          // it is scheduled; otherwise only metered and shed
	Need      time.Duration // running time owed each need-day; 0: none
	Runs      int           // kind cycle: programmes owed each need-day
	Cycle     time.Duration // kind cycle: length of the programme
	MinOn     time.Duration // for a cycle at least the programme
	MinOff    time.Duration
	MaxStart  int      // in a local day; 0: no limit
	Priority  int      // by class and order: 0 is the most important
	Essential bool     // never shed: always on
	NotWith   []string // loads that are not to be on while it is, by id; so for them
	// Respect is how long what a person has set at the device goes before the plan; 0:
	// not at all.
	Respect time.Duration
	// Unbroken: it had rather run in one piece.
	Unbroken bool
	// LatePerHour is what an hour of running counts as that comes later than it should
	// be ready, in the account's unit.
	LatePerHour units.Money

	// Below is the price of a kWh below which alone the load runs; then nothing of its need is owed, nor
	// ever short.  nil: it is had whatever it costs.
	Below *units.Price

	Tank  heat.Tank // kind heat: what it heats
	Store Store     // kind battery

	Feedback bool          // the switch can tell its real state
	DeadMan  time.Duration // renew the command well within this; 0: not needed

	people    bool // what it needs is for people: nothing while nobody is there
	byEnergy  bool // the need was given as energy: measured energy counts, not time
	carryOver bool
	calendar  calendar
}

// Compile checks d and compiles it for a site in zone.  The error is a
// fault.List.
func Compile(d Document, zone *time.Location) (Load, error) {
	if err := d.Check().Err(); err != nil {
		return Load{}, err
	}
	l := Load{
		ID: d.ID, Name: d.Name, Called: d.UtilityClass, Kind: d.Kind, Power: d.Greatest(),
		Defer:  d.Defer == nil || *d.Defer,
		Need:   d.needTime(),
		Cycle:  d.Cycle,
		MinOn:  value(d.MinOn, DefaultMinOn),
		MinOff: value(d.MinOff, DefaultMinOff),

		Respect: value(d.Respect, 0), MaxStart: d.MaxStart, Essential: d.Spared(), NotWith: d.NotWith, Unbroken: d.Prefer == preferUnbroken,
		Feedback: d.Switch.HasFeedback(),
	}
	l.Class, l.Order = d.class()
	l.Priority = l.Class.Rank(l.Order)
	if l.Name == "" {
		l.Name = l.ID
	}
	if l.Kind == "" {
		l.Kind = OnOff
	}
	l.DeadMan = d.DeadMan()
	if l.Kind.Heard() { // nobody can take anything from it
		l.Defer, l.Essential, l.Class = false, true, ""
	}
	if l.Kind == Sun {
		l.Power, l.Gives = 0, d.Power
	}
	if l.Kind == Battery { // what it takes makes way for every load
		l.Store = d.Battery.Store()
		l.Power, l.Powers, l.MinOn, l.MinOff = l.Store.Charge, l.Store.Powers(), 0, 0
		l.Class, l.Order, l.Priority = CanWait, mostOrder, CanWait.Rank(mostOrder)+1
	}
	if l.Kind == Varies {
		l.Powers = d.Range.Powers()
		l.Respect = value(d.Respect, DefaultRespect)
	}
	if hold := d.Switch.Traits().Hold; hold > 0 {
		l.MinOn, l.MinOff = max(l.MinOn, hold), max(l.MinOff, hold)
	}
	if l.Kind == Cycle {
		l.MinOn = max(l.MinOn, l.Cycle) // a programme is not interrupted
	}
	if l.Kind == Heat {
		l.Tank = d.tank(zone)
	}
	var windows []Window
	if n := d.Need; n != nil {
		windows = n.Between
		l.people = !value(n.Away, l.Kind == OnOff)
		l.byEnergy = n.Energy != 0
		l.carryOver = n.CarryOver
		if l.Kind == Cycle {
			l.Runs = max(n.Runs, 1)
		}
	}
	if d.Optional != nil {
		l.Below = d.Optional.Below
	}
	late := time.Duration(0)
	if d.Late != nil {
		late, l.LatePerHour = d.Late.UpTo, d.Late.PerHour
	}
	l.calendar = newCalendar(windows, d.ReadyBy, late, zone)
	if d.Need != nil {
		l.calendar.on, l.calendar.byReady = d.Need.Weekdays, d.ReadyBy != nil
	}
	return l, nil
}

// Draws is what the load draws at a set-point, where nothing measures it: the
// set-point's power, or its own; nothing where it is off, rests or gives.
func (l Load) Draws(s Setpoint) units.Power {
	switch {
	case !s.On:
		return 0
	case s.Power != 0:
		return max(0, s.Power)
	case l.Kind == Battery:
		return 0
	}
	return l.Power
}

// Least is the least that the load draws while it is on.
func (l Load) Least() units.Power {
	if len(l.Powers) > 0 {
		return l.Powers[0].From
	}
	return l.Power
}

// Takes is what the load can be told to draw by its configuration.
func (l Load) Takes() Capability {
	c := Capability{Powers: l.Powers}
	if l.Kind == Battery {
		c.Modes = []string{Rests}
	}
	return c
}

// Full is the load on at all that it may draw.
func (l Load) Full() Setpoint {
	if l.Kind == Varies {
		return Setpoint{On: true, Power: l.Power}
	}
	return Setpoint{On: true}
}

// Least is the least that the load draws while it is on; 0 where that cannot be told.
func (d Document) Least() units.Power {
	if d.Range == nil {
		return d.Power
	}
	if len(d.Range.check()) > 0 {
		return 0
	}
	return d.Range.least()
}

// Greatest is what the load draws at most.
func (d Document) Greatest() units.Power {
	if d.Kind == Battery && d.Battery != nil {
		return d.Battery.Charge
	}
	if d.Range == nil {
		return d.Power
	}
	p := units.Power(0)
	for _, r := range d.Range.Powers() {
		p = max(p, r.To)
	}
	return p
}

func value[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// DeadMan is how long the load's device leaves it on when it is not renewed, 0:
// for ever.  The driver must be told the same that the guard renews by.  What is
// never scheduled (a fridge that is only metered) must not drop with the agent.
func (d Document) DeadMan() time.Duration {
	t := d.Switch.Traits()
	if !t.Renewable || d.Kind.Heard() || d.Defer != nil && !*d.Defer {
		return 0
	}
	return value(t.DeadMan, DefaultDeadMan)
}
