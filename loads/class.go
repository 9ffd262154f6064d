package loads

import (
	"fmt"

	"github.com/keeplit/keeplit/internal/fault"
)

// Class is how much a load matters to the household.
type Class string

// The classes of loads, the most important first.
const (
	AlwaysOn   Class = "always_on"    // never shed: a fridge, a medical device
	MustHave   Class = "must_have"    // shed last
	NiceToHave Class = "nice_to_have" // shed before those
	CanWait    Class = "can_wait"     // shed first
)

// Classes are all of them, what matters most first.
func Classes() []Class { return []Class{AlwaysOn, MustHave, NiceToHave, CanWait} }

// mostOrder is the greatest order within a class, and the greatest priority.
const mostOrder = 1000

// Rank is where a load with this class and this order stands among all loads: 0 is the most
// important, and the greatest is shed first.
func (c Class) Rank(order int) int {
	step := 0
	switch c {
	case NiceToHave:
		step = 1
	case CanWait:
		step = 2
	case AlwaysOn, MustHave:
	}
	return step*(mostOrder+1) + order
}

// known tells whether c is one of the classes.
func (c Class) known() bool {
	return c == AlwaysOn || c == MustHave || c == NiceToHave || c == CanWait
}

// ClassOf is the class that a priority number stands for: 0 must_have, 1 and 2 nice_to_have,
// more can_wait.  The number itself is the order within it, so that numbers keep their order.
func ClassOf(priority int) Class {
	switch {
	case priority <= 0:
		return MustHave
	case priority <= 2:
		return NiceToHave
	}
	return CanWait
}

// class is the load's class and its order within it, by either way of saying so.
func (d Document) class() (Class, int) {
	switch {
	case d.Essential:
		return AlwaysOn, 0
	case d.Class == "":
		return ClassOf(d.Priority), d.Priority
	}
	return d.Class, d.Order
}

// Importance is the load's class and its order within it, whichever keys say so; "" of one that is
// only measured.
func (d Document) Importance() (Class, int) {
	if d.Kind == Measured || d.Kind == Sun {
		return "", 0
	}
	return d.class()
}

// Spared tells whether the load is never shed.
func (d Document) Spared() bool { return d.Essential || d.Class == AlwaysOn }

// checkClass checks how much the load matters.
func (d Document) checkClass(l *fault.List) {
	if d.UtilityClass != "" && !validID(d.UtilityClass) {
		l.Add("utility_class", "write 1 to 32 lower-case letters, digits and hyphens, e.g. heat-pump", "%q is not a utility's class of loads", d.UtilityClass)
	}
	if d.Class != "" && !d.Class.known() {
		l.Add("class", "write always_on, must_have, nice_to_have or can_wait; what a utility calls such a load is its utility_class", "%q is not how much a load matters", d.Class)
	}
	if d.Order < 0 || d.Order > mostOrder {
		l.Add("order", "write 0 (the most important of its class) to 1000 (shed first of it)", "%d is not a place in an order", d.Order)
	}
	if d.Priority < 0 || d.Priority > mostOrder {
		l.Add("priority", "write class: can_wait, and order where several can; or 0 (most important) to 1000 (shed first)", "%d is not a priority", d.Priority)
	}
	switch {
	case d.Class != "" && (d.Priority != 0 || d.Essential):
		l.Add("class", "leave priority and essential out", "how much the load matters is said twice")
	case d.Order != 0 && d.Class == "":
		l.Add("order", "write class beside it", "an order is one within a class, and no class is given")
	case d.Order != 0 && d.Class == AlwaysOn:
		l.Add("order", "leave it out", "a load that is always on is never shed, neither first nor last")
	}
}

// Notes say what older keys of the load stand for.
func (d Document) Notes() (l fault.List) {
	switch class, order := d.class(); {
	case d.Essential:
		l.Add("essential", "write class: always_on", "true is class always_on")
	case d.Priority > 0:
		l.Add("priority", fmt.Sprintf("write class: %s and order: %d", class, order), "%d is class %s, in it the place %d", d.Priority, class, order)
	}
	return l
}
