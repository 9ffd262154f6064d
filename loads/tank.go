package loads

import (
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads/heat"
)

// TankDocument is the tank of a load of kind heat.
type TankDocument struct {
	// Litres of water.
	// Default: by power: 80 below 1800 W, 100 below 2500 W, 150 below 3500 W, else 200
	// Example: 150
	Litres int `yaml:"litres"`
	// Degrees C at which its own thermostat switches off.
	// Default: 60
	// Example: 65
	Thermostat int `yaml:"thermostat"`
	// Local hours in which hot water is drawn. They hold until it is learned when it is, and where nobody
	// measures what the heater draws.
	// Default: ["05:00-09:00", "17:00-22:00"]
	// Example: ["06:00-08:00", "18:00-21:00"]
	Usual []Window `yaml:"usual"`
	// Days within which it must once be hot up to its thermostat, against legionella: however little credit
	// there is.
	// Default: 7
	// Example: 3
	HotDays int `yaml:"hot_days"`
}

const (
	leastLitres, mostLitres = 10, 1000
	leastHot, mostHot       = 45, 90 // degrees
	usualThermostat         = 60
	usualHotDays            = 7
	mostHotDays             = 30
)

// usualHours are those in which hot water is drawn where nothing is said.
func usualHours() []Window { return []Window{{From: 5 * 60, To: 9 * 60}, {From: 17 * 60, To: 22 * 60}} }

// filled is d with what is left out as it is taken to be.
func (d *TankDocument) filled(power units.Power) TankDocument {
	var t TankDocument
	if d != nil {
		t = *d
	}
	if t.Litres == 0 {
		t.Litres = heat.LitresOf(power)
	}
	if t.Thermostat == 0 {
		t.Thermostat = usualThermostat
	}
	if len(t.Usual) == 0 {
		t.Usual = usualHours()
	}
	if t.HotDays == 0 {
		t.HotDays = usualHotDays
	}
	return t
}

// tank is what a load of kind heat heats.
func (d Document) tank(zone *time.Location) heat.Tank {
	t := d.Tank.filled(d.Power)
	var usual []heat.Hours
	for _, w := range newCalendar(t.Usual, nil, 0, zone).windows {
		usual = append(usual, heat.Hours{From: w[0], To: w[1]})
	}
	return heat.New(t.Litres, t.Thermostat, d.Power, usual, time.Duration(t.HotDays)*24*time.Hour, zone)
}

// checkTank checks what only a load of kind heat has, and what it has not.
func (d Document) checkTank(l *fault.List) {
	if d.Kind != Heat {
		if d.Tank != nil {
			l.Add("tank", "leave it out, or write kind: heat", "only a load of kind heat has a tank")
		}
		return
	}
	if d.Need != nil {
		l.Add("need", "leave it out; write under tank when hot water is usual: usual: [\"05:00-08:00\", \"18:00-21:00\"]", "what a load of kind heat needs is learned from what it draws")
	}
	if d.ReadyBy != nil || d.Late != nil {
		at := "ready_by"
		if d.ReadyBy == nil {
			at = "late"
		}
		l.Add(at, "leave it out; write under tank when hot water is usual: usual: [\"05:00-08:00\", \"18:00-21:00\"]", "when a load of kind heat is to be ready is learned")
	}
	if d.Optional != nil {
		l.Add("optional", "leave it out; it is heated where it is cheapest", "hot water is not only for cheap hours")
	}
	if d.Defer != nil && !*d.Defer {
		l.Add("defer", "leave it out, or write kind: onoff", "a load of kind heat is scheduled, and nothing is learned of one that is not")
	}
	if !d.Switch.Switches() {
		l.Add("switch.driver", "name the driver of its switch, which should measure what it draws", "a water heater without a switch cannot be scheduled")
	}
	if d.MaxStart != 0 {
		l.Add("max_starts", "leave it out; its thermostat starts it as well", "a load of kind heat is not to be cold because it has started so often")
	}
	if at := map[bool]string{true: "essential", false: "class"}[d.Essential]; d.Spared() {
		l.Add(at, "leave it out: it is heated within hot_days in any case; write class: must_have if it goes before other loads", "a water heater is never the last thing to be switched off")
	}
	t := d.Tank.filled(d.Power)
	if t.Litres < leastLitres || t.Litres > mostLitres {
		l.Add("tank.litres", "write how much water it holds, e.g. 150", "%d litres is not the tank of a water heater", t.Litres)
	}
	if t.Thermostat < leastHot || t.Thermostat > mostHot {
		l.Add("tank.thermostat", "write at how many degrees C its thermostat switches off, e.g. 60", "%d degrees is not what a water heater heats to", t.Thermostat)
	}
	if t.HotDays < 1 || t.HotDays > mostHotDays {
		l.Add("tank.hot_days", "write 1 to 30, e.g. 7", "%d days is not how long water may stand without having been hot", t.HotDays)
	}
	if newCalendar(t.Usual, nil, 0, time.UTC).overlap() {
		l.Add("tank.usual", "make them stand apart and fit into one day", "the hours overlap")
	}
	if p := heat.New(t.Litres, t.Thermostat, d.Power, nil, 0, time.UTC); d.Power > 0 && d.Power < 4*p.Loss {
		l.Add("power", "write what it draws while it heats, e.g. 2000 W", "%v cannot keep %d litres hot", d.Power, t.Litres)
	}
}

// MustHeat tells whether a load is to be heated now however little credit there is, because
// its water has not been hot for too long.
func (l Load) MustHeat(p Progress, now time.Time) bool {
	if back, empty := p.emptyAt(now); empty && back.Sub(now) > beforeReturn {
		return false // before somebody is back it is
	}
	return l.Kind == Heat && p.Heat != nil && l.Tank.Must(*p.Heat, now)
}

// Doubt is why nothing is known of how hot the water of a load of kind heat is.
func (l Load) Doubt(p Progress, now time.Time) heat.Doubt {
	return l.Tank.Doubt(p.water(), now)
}

// water is what is known of the water, of one that is never seen too.
func (p Progress) water() heat.State {
	if p.Heat == nil {
		return heat.State{}
	}
	return *p.Heat
}

// heats follows the water through a stretch of time.
func (l Load) heats(p Progress, t Taken) Progress {
	_, empty := p.emptyAt(t.From)
	s := l.Tank.Take(p.water(), heat.Seen{From: t.From, To: t.To, On: t.On, Energy: t.Energy, Measured: t.HasEnergy, Empty: empty})
	p.Heat = &s
	return p
}

// seenAhead is how far ahead it is looked at least for what water heaters need.
const seenAhead = 12 * time.Hour

// heatRequests are what a water heater is owed: so much by when, as a load that is switched
// on and off.  Where little is known, or where there is no time, it is on all the while.
func (l Load) heatRequests(p Progress, u UnitState, now, free time.Time, ahead time.Duration) []Request {
	s := p.water()
	var out []Request
	until := now.Add(max(ahead, seenAhead))
	for _, n := range l.emptied(p, l.Tank.Needs(s, now, until), now, until) {
		r := l.request(u)
		r.By, r.All, r.Must, r.Late = n.By, n.All, n.Must, !n.All && !n.Soon
		from := n.From
		if free.After(from) {
			from, r.Free = free, free
		}
		if !from.Before(n.By) {
			continue
		}
		r.Spans = []units.Slot{{Start: from, Len: n.By.Sub(from)}}
		r.Time = timeFor(n.Energy, l.Tank.Element(s))
		if n.All {
			r.Time = n.By.Sub(from)
		}
		if len(out) == 0 {
			r.Locked = l.locked(u, now)
		}
		out = append(out, r)
	}
	return out
}
