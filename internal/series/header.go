package series

import (
	"slices"
	"strings"
	"unicode"
)

// columns are the places of what is read, -1 where there is none.
type columns struct {
	time, date                     int // date: the day, where time is only its time of day
	value, export, reactive        int
	seconds, quality, celsius      int
	unit, exportUnit, reactiveUnit unit
	fields                         int // a row has at least so many
}

// words are a header's name in lower case, without what divides them: the words of
// "Energy (kWh)" are energy and kwh.
func words(name string) []string {
	return strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

func hasAny(list []string, of ...string) bool {
	return slices.ContainsFunc(list, func(w string) bool { return slices.Contains(of, w) })
}

// timeNames are names of the column of time, the surest first.
func timeNames() []string {
	return []string{
		"time", "timestamp", "datetime", "date time", "start", "from", "start time", "time start", "interval start", "period start", "utc", "utc time",
		"time utc", "timestamp utc", "local time", "time local", "last changed", "last updated", "tstp", "zeit", "zeitstempel", "unix", "unix time", "epoch", "ts",
	}
}

// find finds the columns by their names; the error has no line.
func find(head []string, column string) (columns, error) {
	c := columns{time: -1, date: -1, value: -1, export: -1, reactive: -1, seconds: -1, quality: -1, celsius: -1}
	names := make([]string, len(head))
	for i, name := range head {
		names[i] = strings.Join(words(name), " ")
	}
	for _, name := range timeNames() {
		if i := slices.Index(names, name); i >= 0 {
			c.time = i
			break
		}
	}
	if i := slices.IndexFunc(names, func(n string) bool { return n == "date" || n == "day" || n == "datum" }); i >= 0 {
		switch {
		case c.time < 0:
			c.time = i
		case slices.Contains([]string{"time", "zeit", "start", "start time"}, names[c.time]):
			c.date = i
		}
	}
	if c.time < 0 {
		return c, fail(1, "name the columns in the first line: time,kwh", "the header %q has no column of time", clip(strings.Join(head, ",")))
	}
	// A row's length and quality are as agent profile prints them.
	c.seconds = slices.Index(names, "seconds")
	c.quality = slices.Index(names, "quality")
	c.celsius = slices.IndexFunc(names, func(n string) bool {
		return n == "temp c" || n == "temperature" || n == "temp" || n == "temperature c" || n == "outdoor temp c"
	})
	if err := c.findValue(head, names, column); err != nil {
		return c, err
	}
	for _, i := range []int{c.time, c.date, c.value} {
		c.fields = max(c.fields, i+1)
	}
	return c, nil
}

func (c *columns) findValue(head, names []string, column string) error {
	var energies, powers []int
	made := false // the column export is of all that was generated
	for i, name := range names {
		w := strings.Fields(name)
		if column != "" && strings.EqualFold(strings.TrimSpace(head[i]), strings.TrimSpace(column)) {
			c.value, c.unit = i, unitOf(w, kilowattHours)
		}
		u := unitOf(w, none)
		switch {
		case u == none || i == c.time:
		case u.reactive():
			c.reactive, c.reactiveUnit = i, u
		case hasAny(w, "max", "min", "peak", "demand", "cost", "price", "average", "std"):
		case hasAny(w, "export", "exported", "returned", "feedin", "injected"):
			if u.energy() {
				c.export, c.exportUnit, made = i, u, false
			}
		case hasAny(w, "production", "generation", "generated", "solar", "pv"):
			if u.energy() && (c.export < 0 || made) {
				c.export, c.exportUnit, made = i, u, true
			}
		case u.energy():
			energies = append(energies, i)
		default:
			powers = append(powers, i)
		}
	}
	if column != "" {
		c.export, c.reactive = -1, -1
		if c.value < 0 {
			return fail(1, "the columns are "+strings.Join(head, ", "), "there is no column %q", column)
		}
		return nil
	}
	pick := func(from []int, plain ...string) (int, error) {
		for _, i := range from {
			if slices.Contains(plain, names[i]) {
				return i, nil
			}
		}
		if len(from) > 1 {
			return -1, fail(1, "leave one of them, or name it with --column where there is that option", "the energy may be in the column %q or %q", head[from[0]], head[from[1]])
		}
		return from[0], nil
	}
	var err error
	switch {
	case len(energies) > 0:
		c.value, err = pick(energies, "kwh", "wh", "import kwh")
	case len(powers) > 0:
		c.value, err = pick(powers, "w", "kw")
	default:
		err = fail(1, "name it with its unit: kwh (energy of the slot) or w (its mean power); or give its name, where there is that option, with --column", "the header %q has no column of energy", clip(strings.Join(head, ",")))
	}
	if err != nil {
		return err
	}
	if made && hasAny(strings.Fields(names[c.value]), "import", "imported", "grid", "purchased", "bought") {
		return fail(1, "leave it out, or have what was fed in", "column %q is what was taken from the grid, from which what was generated, column %q, is not to be taken off", head[c.value], head[c.export])
	}
	c.unit = unitOf(strings.Fields(names[c.value]), none)
	if c.unit.power() {
		c.export = -1
	}
	if c.reactive >= 0 && c.unit.power() != c.reactiveUnit.power() {
		c.reactive = -1
	}
	return nil
}
