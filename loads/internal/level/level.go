// Package level is what drivers have in common whose device is told how much it may
// draw, as a number in a unit of its own.
package level

import (
	"slices"
	"strings"
	"sync"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/jsonpath"
	"github.com/keeplit/keeplit/internal/units"
)

// CheckUnit finds what is no unit of power or current.
func CheckUnit(l *fault.List, path, unit string) {
	if unit != "" && unit != "W" && unit != "kW" && unit != "A" && unit != "mA" {
		l.Add(path, "write W, kW, A or mA", "%q is not a unit of power or current", unit)
	}
}

// Unit is what 1 of a unit is, where an ampere is perAmpere.
func Unit(name string, perAmpere units.Power) units.Power {
	switch name {
	case "kW":
		return units.Kilowatt
	case "A":
		return perAmpere
	case "mA":
		return perAmpere / 1000
	}
	return units.Watt
}

// Current tells whether a unit is one of current.
func Current(unit string) bool { return unit == "A" || unit == "mA" }

// CheckPath finds what is no place in JSON.
func CheckPath(l *fault.List, path, at string) {
	if _, err := jsonpath.Parse(at); at != "" && err != nil {
		l.Add(path, jsonpath.Remedy, "%v", err)
	}
}

// Path is a path that was checked; none where it is empty.
func Path(text string) jsonpath.Path {
	p, _ := jsonpath.Parse(text)
	return p
}

// Words are those that stand in a text with | between.
func Words(s string) []string {
	if s == "" {
		return nil
	}
	out := strings.Split(s, "|")
	for i := range out {
		out[i] = strings.TrimSpace(out[i])
	}
	return out
}

// CheckWords finds words of a state that say both, or say half.
func CheckWords(l *fault.List, path, on, off string) {
	for _, w := range Words(on) {
		if slices.ContainsFunc(Words(off), func(o string) bool { return strings.EqualFold(o, w) }) {
			l.Add(path+".off", "write other words than for on", "%q is both on and off", w)
		}
	}
	if (on == "") != (off == "") {
		l.Add(path, "write the words for on and for off, or neither", "only one of on and off is given")
	}
}

// Told is the power that a device was told last.
type Told struct {
	mu   sync.Mutex
	last units.Power
}

// Tell keeps what is told.
func (t *Told) Tell(p units.Power) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = p
}

// Nearly is the power that was told last where a device says about that, within a
// hundredth or 10 W: some round.  Else it is what it says.
func (t *Told) Nearly(level units.Power) units.Power {
	t.mu.Lock()
	defer t.mu.Unlock()
	off := max(level-t.last, t.last-level)
	if t.last > 0 && off <= max(t.last/100, 10*units.Watt) {
		return t.last
	}
	return level
}
