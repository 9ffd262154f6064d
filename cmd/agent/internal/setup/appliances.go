package setup

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// appliances asks for loads, one after the other.
func (i *interview) appliances() error {
	all := appliances{interview: i, bare: i.sheet.Copy()}
	for {
		name := ""
		question := "Which appliance can wait, such as Geyser (none: no appliance)"
		if len(all.ids) > 0 {
			question = "Which other one (none: no other)"
		}
		err := i.Ask(question, none, func(s string) error {
			name = s
			if s != none && idOf(s) == "" {
				return fmt.Errorf("write a name with a letter from a to z, or a digit")
			}
			return nil
		})
		if err != nil || name == none {
			return err
		}
		if err := all.ask(name); err != nil {
			return err
		}
	}
}

// appliances are the loads that were asked for; the last one may not be whole yet.
type appliances struct {
	*interview
	bare   *Sheet // without any
	lines  []string
	begins int // the first of the last load's lines
	ids    []string
}

// lay puts the loads into the sheet.
func (a *appliances) lay() {
	*a.sheet = *a.bare.Copy()
	a.sheet.Add("loads", a.lines...)
}

// take adds lines to the last load, unless that makes a part of it wrong.
func (a *appliances) take(part string, lines ...string) error {
	a.lines = append(a.lines, lines...)
	a.lay()
	err := a.wrong(fmt.Sprintf("loads[%d].%s", len(a.ids)-1, part))
	if err != nil {
		a.drop(len(lines))
	}
	return err
}

// drop takes the last lines out again.
func (a *appliances) drop(n int) {
	a.lines = a.lines[:len(a.lines)-n]
	a.lay()
}

// leave takes the last load out again.
func (a *appliances) leave() {
	a.ids = a.ids[:len(a.ids)-1]
	a.drop(len(a.lines) - a.begins)
}

func (a *appliances) ask(name string) error {
	id := idOf(name)
	for n := 2; slices.Contains(a.ids, id); n++ {
		id = fmt.Sprintf("%s-%d", idOf(name), n)
	}
	a.ids, a.begins = append(a.ids, id), len(a.lines)
	if err := a.take("id", "  - id: "+id, "    name: "+text(name)); err != nil {
		return err
	}
	for _, q := range []struct {
		text, usual string
		take        func(string) error
	}{
		{"  What does it draw", "2 kW", func(s string) error {
			p, err := powerOf(s)
			if err != nil {
				return err
			}
			return a.take("power", "    power: "+p.String())
		}},
		{"  What does it need each day, hours of running or energy (as 2h or 6 kWh)", "2h", func(s string) error {
			if _, err := time.ParseDuration(s); err == nil {
				return a.take("need", "    need: {for: "+s+"}")
			}
			if _, err := units.ParseEnergy(s); err != nil {
				return fmt.Errorf("%q is neither a time such as 2h or 90m nor an energy such as 6 kWh", s)
			}
			return a.take("need", "    need: {energy: "+s+"}")
		}},
		{"  By when must it be done (as 18:30; none: by midnight)", none, func(s string) error {
			if s == none {
				return nil
			}
			return a.take("ready_by", "    ready_by: "+strconv.Quote(s))
		}},
	} {
		if err := a.Ask(q.text, q.usual, q.take); err != nil {
			return err
		}
	}
	return a.switchOf(id)
}

// switchOf asks what switches the last load, asks the switch for its state, and switches it over and
// back where that is wished.
func (a *appliances) switchOf(id string) error {
	drivers, usual := []string{"relay", none}, none
	if a.broker {
		drivers = []string{"tasmota", "shelly", "zigbee2mqtt", "esphome", "relay", none}
		usual = drivers[0]
	}
	driver, err := a.oneOf("  What switches it", usual, drivers...)
	if err != nil {
		return err
	}
	const line = "    switch: {driver: %s, %s}"
	switch driver {
	case none:
		a.Say("  Without a switch it cannot be scheduled: it is left out.")
		a.leave()
		return nil
	case "relay":
		return a.Ask("  On which GPIO line", "GPIO18", func(s string) error {
			return a.take("switch", fmt.Sprintf(line, driver, "relay: {line: "+text(s)+"}"))
		})
	}
	more := ""
	if driver == "esphome" {
		if err := a.Ask("  What is the switch called in its node", "relay", func(s string) error { more = ", component: " + text(s); return nil }); err != nil {
			return err
		}
	}
	var twice again
	if err := a.Ask("  Under which name has the broker it", id, func(s string) error {
		if err := a.take("switch", fmt.Sprintf(line, driver, "topic: "+text(s)+more)); err != nil {
			return err
		}
		t := a.Try(a.ctx, a.draft(), id)
		if err := twice.unless(s, answered(t)); err != nil {
			a.drop(1)
			return err
		}
		a.Say("  %s: %s", id, t.Says)
		return nil
	}); err != nil {
		return err
	}
	yes, err := a.yes("  Shall I switch it over and back once, to see that it obeys", false)
	if err != nil || !yes {
		return err
	}
	t := a.Over(a.ctx, a.draft(), id)
	a.Say("  %s: %s", id, strings.TrimSuffix(t.Says+"; "+t.Next, "; "))
	return nil
}
