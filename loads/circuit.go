package loads

import (
	"fmt"
	"slices"
	"strings"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
)

// CircuitDocument is a breaker, or a cable, that some of the loads hang on.
type CircuitDocument struct {
	// The circuit's short name, which loads name it by: lower-case letters, digits and hyphens.
	// Example: garage
	ID string `yaml:"id"`
	// What people call it. Left out: the id.
	// Example: Garage
	Name string `yaml:"name"`
	// The circuit that it is fed from. Left out: the site's own.
	// Example: outbuilding
	In string `yaml:"in"`
	// What it may carry, as a power or as the current of each phase.
	// Example: 20 A
	Limit Level `yaml:"limit"`
	// Its phases, 1 or 3, where the limit is a current.
	// Default: 1
	// Example: 3
	Phases int `yaml:"phases"`
	// Voltage of a phase to neutral, by which a current becomes a power.
	// Default: 230 V
	// Example: 230 V
	Volts units.Voltage `yaml:"volts"`
}

// volts is the voltage that holds.
func (d CircuitDocument) volts() units.Voltage {
	if d.Volts == 0 {
		return usualVolts
	}
	return d.Volts
}

// perPhase is what each phase may carry; 0 where the limit is a power.
func (d CircuitDocument) perPhase() units.Power {
	return RangeDocument{Volts: d.volts(), Phases: 1}.power(d.Limit)
}

// Allowed is what the circuit may carry on all its phases together.
func (d CircuitDocument) Allowed() units.Power {
	if d.Limit.Current == 0 {
		return d.Limit.Power
	}
	return d.perPhase() * units.Power(max(1, d.Phases))
}

// Circuit is a checked circuit with the loads that hang on it and on what it feeds.
type Circuit struct {
	ID, Name string
	Allowed  units.Power // on all its phases
	Curbs    []Curb      // all that holds of it, each of its phases where they are known
}

// CircuitsOf are the circuits of checked documents, with the loads that are in use.
func CircuitsOf(circuits []CircuitDocument, all []Document) []Circuit {
	var out []Circuit
	for _, d := range circuits {
		c := Circuit{ID: d.ID, Name: d.Name, Allowed: d.Allowed()}
		if c.Name == "" {
			c.Name = c.ID
		}
		whole := Curb{Allowed: c.Allowed}
		phases := make([]Curb, 0, 3)
		if d.Limit.Current != 0 && d.Phases == 3 {
			phases = append(phases, Curb{Allowed: d.perPhase()}, Curb{Allowed: d.perPhase()}, Curb{Allowed: d.perPhase()})
		}
		for _, l := range all {
			if !l.InUse() || !under(circuits, l.Circuit, d.ID) {
				continue
			}
			whole.Of = append(whole.Of, l.ID)
			for k := range phases {
				if n := l.phases(); n > 1 || l.Phase == 0 || l.Phase == k+1 {
					phases[k].Of, phases[k].Phases = append(phases[k].Of, l.ID), append(phases[k].Phases, n)
				}
			}
		}
		if len(whole.Of) > 0 {
			c.Curbs = append([]Curb{whole}, slices.CompactFunc(phases, func(a, b Curb) bool { return slices.Equal(a.Of, b.Of) })...)
			c.Curbs = slices.DeleteFunc(c.Curbs, func(x Curb) bool { return len(x.Of) == 0 })
		}
		out = append(out, c)
	}
	return out
}

// phases is how many phases a load draws from: more than one only where its range says so.
func (d Document) phases() int {
	if d.Range == nil {
		return 1
	}
	return max(1, d.Range.Phases)
}

// under tells whether a circuit is another one or is fed from it.
func under(circuits []CircuitDocument, id, of string) bool {
	for range len(circuits) + 1 {
		if id == of {
			return id != ""
		}
		i := slices.IndexFunc(circuits, func(c CircuitDocument) bool { return c.ID == id })
		if i < 0 {
			return false
		}
		id = circuits[i].In
	}
	return false
}

// CheckCircuits says what is wrong with circuits, and with what loads say of them.
func CheckCircuits(circuits []CircuitDocument, all []Document) (l fault.List) {
	at := func(id string) int {
		return slices.IndexFunc(circuits, func(c CircuitDocument) bool { return c.ID == id })
	}
	for i, c := range circuits {
		path := fmt.Sprintf("circuits[%d]", i)
		if !validID(c.ID) {
			l.Add(path+".id", "write 1 to 32 lower-case letters, digits and hyphens, e.g. garage", "%q is not an id", c.ID)
		} else if at(c.ID) < i {
			l.Add(path+".id", "give each circuit an id of its own", "%q is used twice", c.ID)
		}
		switch {
		case c.Limit.isZero():
			l.Add(path+".limit", "write what its breaker carries, e.g. 20 A or 4.6 kW", "what it may carry is not given")
		case c.Limit.Current < 0 || c.Limit.Power < 0 || c.Limit.Power > maxPower || c.Limit.Current > 1_000_000:
			l.Add(path+".limit", "write what its breaker carries, e.g. 20 A or 4.6 kW", "%v is not the limit of a circuit", c.Limit)
		case c.Limit.Current == 0 && c.Phases > 1:
			l.Add(path+".phases", "leave it out, or write the limit in A", "a limit in W is that of all phases together")
		case c.Limit.Current == 0 && c.Volts != 0:
			l.Add(path+".volts", "leave it out, or write the limit in A", "a limit in W needs no voltage")
		}
		if c.Phases != 0 && c.Phases != 1 && c.Phases != 3 {
			l.Add(path+".phases", "write 1 or 3", "%d is not the phases of a circuit", c.Phases)
		}
		if c.Volts != 0 && (c.Volts < 90_000 || c.Volts > 300_000) {
			l.Add(path+".volts", "write the voltage from a phase to neutral, e.g. 230 V", "%v V is not the voltage of a house", float64(c.Volts)/1000)
		}
		switch {
		case c.In == "":
		case at(c.In) < 0:
			l.Add(path+".in", "name one of circuits by its id, or leave it out", "there is no circuit %q", c.In)
		case under(circuits, c.In, c.ID):
			l.Add(path+".in", "have one of them be fed from the site: leave its in out", "it is fed from itself: %s", strings.Join(ring(circuits, c.ID), " in "))
		}
	}
	for i, d := range all {
		path := fmt.Sprintf("loads[%d]", i)
		k := at(d.Circuit)
		switch {
		case d.Circuit == "":
		case k < 0:
			l.Add(path+".circuit", "name one of circuits by its id", "there is no circuit %q", d.Circuit)
		default:
			for range circuits { // it, and what it is fed from
				const remedy = "name the circuit that it hangs on, or correct the load's power or the circuit's limit"
				c := circuits[k]
				if c.Allowed() > 0 && d.Least() > c.Allowed() {
					l.Add(path+".circuit", remedy, "%s is more than the circuit %s may carry, %s", d.Least(), c.ID, c.Allowed())
					break
				}
				if one, n := c.perPhase(), d.phases(); one > 0 && d.Least()/units.Power(n) > one {
					l.Add(path+".circuit", remedy+"; of a load that draws from three phases write kind: power and phases: 3", "%s on %d of the phases is more than the circuit %s may carry on each, %s", d.Least(), n, c.ID, one)
					break
				}
				if k = at(circuits[k].In); k < 0 {
					break
				}
			}
		}
		switch {
		case d.Phase == 0:
		case d.Phase < 1 || d.Phase > 3:
			l.Add(path+".phase", "write 1, 2 or 3", "%d is not a phase", d.Phase)
		case d.phases() > 1:
			l.Add(path+".phase", "leave it out", "the load draws from %d phases", d.phases())
		case d.Circuit == "":
			l.Add(path+".phase", "write circuit beside it", "on which phase it hangs matters on a circuit alone")
		}
	}
	return l
}

// ring is the way from a circuit back to itself.
func ring(circuits []CircuitDocument, id string) []string {
	out := []string{id}
	for range circuits {
		i := slices.IndexFunc(circuits, func(c CircuitDocument) bool { return c.ID == id })
		if i < 0 {
			break
		}
		if id = circuits[i].In; id == out[0] {
			break
		}
		out = append(out, id)
	}
	return append(out, out[0])
}

// NotesOfCircuits tell of limits that never hold, for what feeds a circuit carries less, and of
// loads for which what is always on leaves no room.
func NotesOfCircuits(circuits []CircuitDocument, all []Document, site units.Power) (l fault.List) {
	for _, c := range CircuitsOf(circuits, all) {
		for _, x := range c.Curbs {
			left := x.Allowed
			for _, d := range all {
				if x.covers(d.ID) && d.Spared() && !d.Kind.Heard() {
					left -= d.Least() / x.phases(d.ID)
				}
			}
			for i, d := range all {
				path := fmt.Sprintf("loads[%d].circuit", i)
				if slices.ContainsFunc(l, func(f fault.Fault) bool { return f.Path == path }) {
					continue
				}
				if need := d.Least() / x.phases(d.ID); x.covers(d.ID) && !d.Spared() && !d.Kind.Heard() && need <= x.Allowed && need > left {
					l.Add(path, "raise the circuit's limit, or take something off it", "beside what is always on %s has %s left, and %s draws %s: it runs only while that is off", c.ID, max(0, left), d.ID, need)
				}
			}
		}
	}
	for i, c := range circuits {
		path, most, of := fmt.Sprintf("circuits[%d].limit", i), site, "the site"
		if k := slices.IndexFunc(circuits, func(o CircuitDocument) bool { return o.ID == c.In }); k >= 0 {
			most, of = circuits[k].Allowed(), c.In
		}
		if most > 0 && c.Allowed() > most {
			l.Add(path, "nothing is to be done where that is so", "%s may carry %s, and %s that feeds it %s: that holds first", c.ID, c.Allowed(), of, most)
		}
	}
	return l
}
