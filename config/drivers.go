package config

import (
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// Drivers are the meters and switches that a program can drive: what a
// configuration may name, and how their settings are read.  config itself knows
// none of them.
type Drivers struct {
	Meters   []metering.Driver
	Switches []loads.Driver
}

// MeterNames are what meter.driver may be.
func (d Drivers) MeterNames() []string {
	var out []string
	for _, m := range d.Meters {
		out = append(out, m.Name)
	}
	return out
}

// SwitchNames are what a switch's driver may be.
func (d Drivers) SwitchNames() []string {
	var out []string
	for _, s := range d.Switches {
		out = append(out, s.Name)
	}
	return append(out, loads.DriverNone)
}

// simulated are the meters that a simulation builds.
func (d Drivers) simulated() []string {
	var out []string
	for _, m := range d.Meters {
		if m.New().Needs()&metering.NeedsSimulation != 0 {
			out = append(out, m.Name)
		}
	}
	return out
}

// Simulated tells whether the meter is part of a simulated site.
func (c *Config) Simulated() bool { return c.meterNeeds(metering.NeedsSimulation) }

// meterNeeds tells whether the meter cannot do without n, also where its settings
// are not given.
func (c *Config) meterNeeds(n metering.Needs) bool {
	settings := c.Meter.Settings
	if i := slices.IndexFunc(c.drivers.Meters, func(m metering.Driver) bool { return m.Name == c.Meter.Driver }); settings == nil && i >= 0 {
		settings = c.drivers.Meters[i].New()
	}
	return settings != nil && settings.Needs()&n != 0
}

// Metered is the meter's document with what the site says of its supply: a meter on a
// breaker that carries more than a house's does counts up to that.
func (c *Config) Metered() metering.Document {
	d := c.Meter
	if d.MaxPower == 0 && c.Site.Limit > metering.DefaultLimits().MaxPower {
		d.MaxPower = c.Site.Limit
	}
	return d
}

func (c *Config) checkMeter(l *fault.List) {
	d := c.Metered()
	switch names := c.drivers.MeterNames(); {
	case !slices.Contains(names, d.Driver):
		problem := fmt.Sprintf("%q is not a meter driver", d.Driver)
		if d.Driver == "" {
			problem = "it is missing"
		}
		l.Add("meter.driver", "write one of "+strings.Join(names, ", "), "%s", problem)
	case d.Settings == nil:
		l.Add("meter."+d.Driver, "add its settings", "driver is %s but there is no part of that name", d.Driver)
	}
	l.Under("meter", d.Check())
	if d.MaxPower > 0 && d.MaxPower < c.Site.Limit {
		l.Add("meter.max_power", "write what the main fuse carries, or lower site.limit to it; a register that moves faster is taken for a fault and not charged",
			"%s is less than the site may draw, %s", d.MaxPower, c.Site.Limit)
	}
	if c.meterNeeds(metering.NeedsBroker) && c.MQTT == nil {
		l.Add("meter.driver", "add the mqtt part with your broker's address", "the meter is reached over MQTT, and no broker is configured")
	}
}

// device is a device by the name that it has here: what is below /dev/serial/by-id is another one's too.
func device(name string) string {
	if real, err := filepath.EvalSymlinks(name); err == nil {
		return real
	}
	return name
}

// checkShared finds switches that are named twice: each of the two would undo what
// the other does.
func (c *Config) checkShared(l *fault.List) {
	names := map[string]string{} // of the load by the switch
	check := func(path, load string, s loads.SwitchDocument) {
		traits := s.Traits()
		if w, wired := c.Meter.Settings.(metering.Wired); wired && traits.Serial != "" && device(traits.Serial) == device(w.Line()) {
			l.Add(path+".port", "give it an adapter of its own, or put both behind a Modbus gateway in the network", "%s is the meter's line, and two cannot speak on it", traits.Serial)
		}
		for _, of := range []string{traits.Of, traits.Also} {
			key := s.Driver + " " + of
			if other, taken := names[key]; taken && of != "" && other != load {
				l.Add(path, "name another switch: what hangs on one switch is one load", "%q is the switch of %s already", of, other)
				return
			}
			names[key] = load
		}
	}
	for i, d := range c.Loads {
		if !d.InUse() {
			continue // as where one of two ways to switch it is kept for later
		}
		check(fmt.Sprintf("loads[%d].switch", i), "load "+d.ID, d.Switch)
	}
	check("supply.switch", "the supply", c.Supply.Switch)
}

func (c *Config) checkSwitch(l *fault.List, path string, s loads.SwitchDocument) {
	needs := s.Traits().Needs
	switch names := c.drivers.SwitchNames(); {
	case s.Driver != "" && !slices.Contains(names, s.Driver):
		l.Add(path+".driver", "write one of "+strings.Join(names, ", "), "%q is not a driver of a switch", s.Driver)
	case needs&loads.NeedsBroker != 0 && c.MQTT == nil:
		l.Add(path+".driver", "add the mqtt part with your broker's address", "%s is reached over MQTT, and no broker is configured", s.Driver)
	case needs&loads.NeedsStations != 0 && c.OCPP == nil:
		l.Add(path+".driver", `add "ocpp: {listen: :8887}", and give the station this machine's address, ws://ADDRESS:8887/NAME`, "%s stations call the agent, and nothing listens to them", s.Driver)
	case needs&loads.NeedsSimulation != 0 && c.Simulation == nil:
		l.Add(path+".driver", "add the simulation part, or name the real switch", "%s is a switch of the simulated plant, and nothing is simulated", s.Driver)
	}
}

// A struct field tagged "drivers" holds settings whose type its driver decides:
// with "part" they stand below a key of the driver's name, with "keys" beside the
// key driver itself.
const (
	asPart = "part"
	asKeys = "keys"
)

// choice is a struct's field for a driver's settings.
type choice struct {
	index int
	form  string
	makes map[string]func() any // settings by driver
	names []string              // of all drivers, in the list's order
}

// choiceOf is the field of t for a driver's settings; ok is false where there is none.
func (d Drivers) choiceOf(t reflect.Type) (c choice, ok bool) {
	for i := range t.NumField() {
		f := t.Field(i)
		c.form = f.Tag.Get("drivers")
		if c.form == "" {
			continue
		}
		c.index, c.makes = i, map[string]func() any{}
		switch f.Type {
		case reflect.TypeFor[metering.Settings]():
			for _, m := range d.Meters {
				c.makes[m.Name] = func() any { return m.New() }
				c.names = append(c.names, m.Name)
			}
		case reflect.TypeFor[loads.Settings]():
			for _, s := range d.Switches {
				c.makes[s.Name] = func() any { return s.New() }
				c.names = append(c.names, s.Name)
			}
		}
		return c, true
	}
	return c, false
}

// settings are new ones of a driver, as a struct to fill; the zero Value where
// there is no such driver.
func (c choice) settings(driver string) reflect.Value {
	make, ok := c.makes[driver]
	if !ok {
		return reflect.Value{}
	}
	return reflect.ValueOf(make())
}

// keys are those of a driver's settings.
func (c choice) keys(driver string) map[string]field {
	s := c.settings(driver)
	if !s.IsValid() {
		return nil
	}
	return fieldsOf(s.Type().Elem())
}

// having are the drivers whose settings have a key.
func (c choice) having(key string) []string {
	return slices.DeleteFunc(slices.Clone(c.names), func(name string) bool {
		_, has := c.keys(name)[key]
		return !has
	})
}

// known are all keys of a document of the driver: fields are its own.
func (c choice) known(fields map[string]field, driver string) map[string]field {
	out := maps.Clone(fields)
	if c.form == asKeys {
		maps.Copy(out, c.keys(driver))
		return out
	}
	for _, name := range c.names {
		if len(c.keys(name)) > 0 {
			out[name] = field{}
		}
	}
	return out
}

// chosen is the driver that a mapping names, or that v names already.
func (d *decoder) chosen(pairs []*ast.MappingValueNode, v reflect.Value) string {
	for _, p := range pairs {
		if p.Key.GetToken().Value == "driver" {
			if name, ok := scalarText(d.plain(p.Value)); ok {
				return name
			}
		}
	}
	return v.FieldByName("Driver").String()
}

// driven reads the keys of a mapping that are not v's own into the settings of its
// driver; others are those that neither has.
func (d *decoder) driven(rest []*ast.MappingValueNode, v reflect.Value, c choice, driver, path string) (others []*ast.MappingValueNode) {
	settings := c.settings(driver)
	own := c.keys(driver)
	given := len(own) == 0 || c.form == asKeys
	for _, p := range rest {
		key := p.Key.GetToken().Value
		at := join(path, key)
		d.lines[at] = lineOf(p.Key)
		if c.form == asPart {
			part := c.settings(key)
			_, empty := d.plain(p.Value).(*ast.NullNode)
			switch {
			case !part.IsValid() || len(c.keys(key)) == 0:
				others = append(others, p)
			case empty: // as if it were not there
			case key == driver:
				given = true
				d.value(p.Value, settings.Elem(), at, false)
			default:
				if driver == "" {
					d.fault(p.Key, at, "add driver: "+key, "no driver is named, so this part would be ignored")
				} else {
					d.fault(p.Key, at, "take it out, or set driver: "+key, "driver is %q, so this part would be ignored", driver)
				}
				d.value(p.Value, part.Elem(), at, false)
			}
			continue
		}
		f, has := own[key]
		having := c.having(key)
		switch {
		case has:
			d.field(p.Value, settings.Elem().FieldByIndex(f.index), at, f)
		case len(having) == 0:
			others = append(others, p)
		case settings.IsValid() || driver == "" || driver == loads.DriverNone:
			d.fault(p.Key, at, fmt.Sprintf("leave it out, or name %s", anyOf(having)), "only a switch with %s has this", anyOf(having))
		default: // the driver is not known, and that is said
		}
	}
	if given && settings.IsValid() {
		v.Field(c.index).Set(settings)
	}
	return others
}

// anyOf is names as one of which something must be.
func anyOf(names []string) string {
	if n := len(names); n > 1 {
		return "driver " + strings.Join(names[:n-1], ", ") + " or " + names[n-1]
	}
	return "driver " + strings.Join(names, "")
}
