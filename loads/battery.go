package loads

import (
	"fmt"
	"math"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
)

// BatteryDocument is a battery of kind battery.
type BatteryDocument struct {
	// What it can hold.
	// Example: 10 kWh
	Capacity units.Energy `yaml:"capacity"`
	// The most that it takes.
	// Example: 3 kW
	Charge units.Power `yaml:"charge"`
	// The most that it gives. Left out: as much as it takes.
	// Example: 3 kW
	Discharge units.Power `yaml:"discharge"`
	// Per cent of the capacity that are kept for outages: it is never told to give of them.
	// Default: 20
	// Example: 30
	Reserve *int `yaml:"reserve"`
	// Per cent of what is put in that come out again.
	// Default: 85
	// Example: 90
	Efficiency int `yaml:"efficiency"`
	// allowed: it may give to the grid where that is paid for. Left out: never.
	// Example: allowed
	Export string `yaml:"export"`
}

const (
	usualReserve    = 20 // per cent
	mostReserve     = 95
	usualEfficiency = 85
	leastEfficiency = 50
	exportAllowed   = "allowed"
	mostCapacity    = 10_000 * units.KilowattHour
	// leastFlow is the least that a battery is told to take or give: its inverter draws as much.
	leastFlow = 50 * units.Watt
)

// Rests is the mode of a battery that is neither to take nor to give; off leaves it to itself.
const Rests = "rest"

// Store is a battery as it is steered.
type Store struct {
	Capacity          units.Energy
	Charge, Discharge units.Power
	Reserve           int // thousandths of the capacity
	Efficiency        int // per cent, there and back
	Export            bool
}

// EachWay is the share that is left of what goes in, and again of what comes out.
func (s Store) EachWay() float64 { return math.Sqrt(float64(s.Efficiency) / 100) }

// Holds is what a state of charge is, in thousandths of the capacity.
func (s Store) Holds(charge int) units.Energy {
	return units.Energy(units.MulDiv(int64(s.Capacity), int64(charge), 1000))
}

// Store is the battery as the document has it.
func (d *BatteryDocument) Store() Store {
	s := Store{Capacity: d.Capacity, Charge: d.Charge, Discharge: d.Discharge, Reserve: 10 * value(d.Reserve, usualReserve), Efficiency: d.Efficiency, Export: d.Export == exportAllowed}
	if s.Discharge == 0 {
		s.Discharge = s.Charge
	}
	if s.Efficiency == 0 {
		s.Efficiency = usualEfficiency
	}
	return s
}

// Powers are what it can be told, taken and given.
func (s Store) Powers() []PowerRange {
	return []PowerRange{{From: leastFlow, To: s.Charge}, {From: -leastFlow, To: -s.Discharge}}
}

// checkBattery checks what only a load of kind battery has, and what it has not.
func (d Document) checkBattery(l *fault.List) {
	if d.Kind != Battery {
		if d.Battery != nil {
			l.Add("battery", "leave it out, or write kind: battery", "only a load of kind battery has a battery")
		}
		return
	}
	for _, x := range []struct {
		key   string
		given bool
	}{
		{"need", d.Need != nil},
		{"ready_by", d.ReadyBy != nil},
		{"late", d.Late != nil},
		{"min_on", d.MinOn != nil},
		{"min_off", d.MinOff != nil},
		{"max_starts", d.MaxStart != 0},
		{"priority", d.Priority != 0},
		{"essential", d.Essential},
		{"class", d.Class != ""},
		{"order", d.Order != 0},
		{"respect", d.Respect != nil},
		{"defer", d.Defer != nil},
		{"not_with", len(d.NotWith) > 0},
		{"prefer", d.Prefer != ""},
		{"optional", d.Optional != nil},
	} {
		if x.given {
			l.Add(x.key, "leave it out", "when a battery takes and gives is planned by what energy costs, and its charging makes way for every load")
		}
	}
	if d.Power != 0 || d.Range != nil {
		l.Add("power", "leave it out, and write charge and discharge under battery", "a battery takes and gives")
	}
	switch t := d.Switch.Traits(); {
	case !d.Switch.Switches():
		l.Add("switch.driver", "name the driver of its inverter, e.g. sunspec", "nothing steers it")
	case d.Switch.Settings != nil && !t.Stores:
		l.Add("switch.driver", "name a driver that steers batteries: sunspec, or victron with vebus", "%s cannot steer a battery", d.Switch.Driver)
	}
	b := d.Battery
	if b == nil {
		l.Add("battery", "write battery: {capacity: 10 kWh, charge: 3 kW}", "how much it holds and takes is not given")
		return
	}
	power := func(key string, p units.Power) {
		if p < 2*leastFlow || p > maxPower {
			l.Add("battery."+key, "write the greatest power, e.g. 3 kW", "%v is not the power of a battery", p)
		}
	}
	if b.Capacity <= 0 || b.Capacity > mostCapacity {
		l.Add("battery.capacity", "write what it holds, e.g. 10 kWh", "%v is not what a battery holds", b.Capacity)
	}
	power("charge", b.Charge)
	if b.Discharge != 0 {
		power("discharge", b.Discharge)
	}
	if r := value(b.Reserve, usualReserve); r < 0 || r > mostReserve {
		l.Add("battery.reserve", "write 0 to 95, e.g. 20", "%d per cent is not a reserve", r)
	}
	if b.Efficiency != 0 && (b.Efficiency < leastEfficiency || b.Efficiency > 100) {
		l.Add("battery.efficiency", "write 50 to 100, or leave it out", "%d per cent is not what comes out of a battery again", b.Efficiency)
	}
	if b.Export != "" && b.Export != exportAllowed {
		l.Add("battery.export", "write allowed, or leave it out: never", "%q does not say whether it may give to the grid", b.Export)
	}
}

// CheckBatteries says that there are several: plans are made for one.
func CheckBatteries(all []Document) (l fault.List) {
	first := ""
	for i, d := range all {
		switch {
		case d.Kind != Battery || !d.InUse():
		case first == "":
			first = d.ID
		default:
			l.Add(fmt.Sprintf("loads[%d].kind", i), "write one battery with the capacity and powers of all, where one inverter steers them; or enabled: false", "%s is a battery already, and only one can be steered", first)
		}
	}
	return l
}

// Flows is what a battery takes (gives, below zero) as its inverter measures it; known is false where nobody
// tells, or tells more than can be.
func (l Load) Flows(o Observation) (p units.Power, known bool) {
	if l.Kind != Battery || !o.Known || !o.HasPower {
		return 0, false
	}
	if float64(o.Power) > beyondBelief*float64(l.Store.Charge) || float64(-o.Power) > beyondBelief*float64(l.Store.Discharge) {
		return 0, false
	}
	return o.Power, true
}

// Track is what a battery is steered by.
type Track struct {
	Plan    units.Power // what is planned: taken, or given below zero
	Net     units.Power // what the plan expects the site to draw without the battery; below zero sun is over
	Planned bool        // else it takes what is over, and gives what the house needs
	Spare   bool        // nothing is to be taken from the grid: there is little credit
	House   units.Power // what the site draws now without the battery, below zero where sun is over
	Heard   bool        // House is known
	Charge  int         // thousandths of the capacity
	Now     Setpoint    // what it was told last
}

const (
	// aside is what the site goes on drawing while the battery gives: what is measured is a little late.
	aside = 30 * units.Watt
	// again is what of the reserve there must be more than that for it to give again, in thousandths.
	again = 20
	// calm is by how much less than before it must be for what it is told to be changed.
	calm = 50 * units.Watt
	// fromGrid is the least that is reckoned to be planned from the grid: plans are of means.
	fromGrid = 100 * units.Watt
)

// Steer is what a battery is to do now.  Plans are of slots and of means, and what is over, or needed, is of
// this moment: sun that is over is taken whatever is planned, what is given never goes into the grid unless that is
// allowed, and only what was planned from the grid is taken from it.
func (s Store) Steer(t Track) Setpoint {
	over, need := units.Power(0), units.Power(0)
	if t.Heard {
		over, need = max(0, -t.House), max(0, t.House-aside)
	}
	grid := t.Plan - max(0, -t.Net)
	if !t.Planned || grid < fromGrid || t.Spare {
		grid = 0
	}
	give := need
	switch most := -t.Plan; {
	case !t.Planned:
	case most <= 0:
		give = 0
	case s.Export && t.Heard && most > max(0, t.Net)+fromGrid:
		give = max(need, most) // the rest is sold
	case most < max(0, t.Net)-fromGrid:
		give = min(need, most) // of a part the plan says that it comes from the grid
	}
	least := s.Reserve
	if t.Now.Power >= 0 {
		least += again
	}
	if t.Charge <= s.Reserve || t.Charge < least {
		give = 0
	}
	p := min(over+grid, s.Charge)
	if p < leastFlow {
		p = -min(give, s.Discharge)
	}
	p -= p % (10 * units.Watt)
	// It does not follow each lamp, but what would flow out is not waited for.
	was := t.Now
	begin := leastFlow
	if was.Power == 0 {
		begin *= 2
	}
	switch {
	case p > -begin && p < begin:
		return Setpoint{On: true, Mode: Rests}
	case was.Power > 0 && p > was.Power-calm && p < was.Power+calm,
		was.Power < 0 && p > was.Power-calm && p <= was.Power+aside/2 && p < 0:
		return was
	}
	return Setpoint{On: true, Power: p}
}

// settles is how long an inverter may take to do what it was told.
const settles = 2 * time.Second

// Settled tells whether what is seen of the site and of the battery is of after it was told what it is told now.
func (u UnitState) Settled(site time.Time) bool {
	done := u.FirstSent.Add(settles)
	return !u.Commanded || !site.Before(done) && !u.Seen.At.Before(done)
}
