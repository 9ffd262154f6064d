package values

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/jsonpath"
	"github.com/keeplit/keeplit/internal/units"
)

// Medium is what messages come by.
type Medium int

// The media.
const (
	Pages  Medium = iota // asked for by HTTP
	Topics               // published over MQTT
	Socket               // sent over a websocket, where a message tells some of it or nothing
)

// Description is what stands where.
type Description struct {
	// The register of energy taken from the grid, in kWh where no unit is given.
	// Example: {path: energy.import, unit: Wh}
	Import *Value `yaml:"import,omitempty"`
	// The register of energy fed into the grid, in kWh where no unit is given.
	// Example: {path: energy.export, unit: Wh}
	Export *Value `yaml:"export,omitempty"`
	// The power, above zero taken from the grid, in W where no unit is given.
	// Example: {path: power}
	Power *Value `yaml:"power,omitempty"`
	// The power that flows out, where power tells only what flows in. It is taken off.
	// Example: {path: power_returned}
	Returned *Value `yaml:"returned,omitempty"`
	// The voltage, in V where no unit is given.
	// Example: {path: voltage}
	Voltage *Value `yaml:"voltage,omitempty"`
	// The current, in A where no unit is given.
	// Example: {path: current}
	Current *Value `yaml:"current,omitempty"`
	// The frequency, in Hz.
	// Example: {path: frequency}
	Frequency *Value `yaml:"frequency,omitempty"`
	// The values of each phase, one entry each.
	// Example: [{power: {path: l1.power}, voltage: {path: l1.voltage}}]
	Phases []Phase `yaml:"phases,omitempty"`
	// The resolution of the registers. Left out: it is not known.
	// Example: 1 Wh
	Step units.Energy `yaml:"step,omitempty" zero:"no"`
	// Where the meter's identity stands: another one is another meter, whose register begins elsewhere.
	// Example: serial
	Device string `yaml:"device,omitempty"`
	// Places that must say true; else nothing was measured.
	// Example: [is_valid]
	Valid []string `yaml:"valid,omitempty"`
	// Where the time of the measurement stands, in any form. While it does not move for longer than stale,
	// nothing was measured.
	// Example: time
	Time string `yaml:"time,omitempty"`
	// How old a value may be.
	// Default: 1m, or three readings
	// Example: 2m
	Stale time.Duration `yaml:"stale,omitempty" zero:"no"`
}

// Phase is one phase's values.
type Phase struct {
	// The phase's power.
	// Example: {path: l1.power}
	Power *Value `yaml:"power,omitempty"`
	// The power that flows out on the phase, where power tells only what flows in.
	// Example: {path: l1.returned}
	Returned *Value `yaml:"returned,omitempty"`
	// The phase's voltage.
	// Example: {path: l1.voltage}
	Voltage *Value `yaml:"voltage,omitempty"`
	// The phase's current.
	// Example: {path: l1.current}
	Current *Value `yaml:"current,omitempty"`
}

// Value is where a number stands and what it means.
type Value struct {
	// The topic that it is told under, where that is not the meter's own.
	// Example: meter/energy
	Topic string `yaml:"topic,omitempty"`
	// The page of the same server that it is asked from, where that is not the meter's own.
	// Example: /status/emeter
	URL string `yaml:"url,omitempty"`
	// Where it stands: keys with dots between, [2] is the third of a list, ["a.b"] a key with a dot. Over
	// MQTT left out: all of the message.
	// Example: emeters[0].total
	Path string `yaml:"path,omitempty"`
	// Wh, kWh or MWh; W or kW; V or mV; A or mA; Hz.
	// Example: Wh
	Unit string `yaml:"unit,omitempty"`
	// A decimal that the number is multiplied by, in quotes, such as "0.1" or "-1".
	// Example: "-1"
	Factor string `yaml:"factor,omitempty"`
	// Parts that are added up, in place of a path.
	// Example: [{path: t1}, {path: t2}]
	Sum []Part `yaml:"sum,omitempty"`
	// Whether the meter is read all the same where this is not told.
	// Example: true
	Optional bool `yaml:"optional,omitempty"`
}

// Part is one of several numbers that are added up.  What it does not say its Value
// says.
type Part struct {
	// The topic, where it is not the value's.
	// Example: meter/t1
	Topic string `yaml:"topic,omitempty"`
	// The page of the same server, where it is not the value's.
	// Example: /status/t1
	URL string `yaml:"url,omitempty"`
	// Where it stands.
	// Example: t1
	Path string `yaml:"path,omitempty"`
	// The unit, where it is not the value's.
	// Example: Wh
	Unit string `yaml:"unit,omitempty"`
	// The factor, where it is not the value's.
	// Example: "-1"
	Factor string `yaml:"factor,omitempty"`
}

// parts are the numbers that make a value, each with all that is said of it.
func (v Value) parts() []Part {
	if len(v.Sum) == 0 {
		return []Part{{v.Topic, v.URL, v.Path, v.Unit, v.Factor}}
	}
	var out []Part
	for _, p := range v.Sum {
		out = append(out, Part{cmp.Or(p.Topic, v.Topic), cmp.Or(p.URL, v.URL), p.Path, cmp.Or(p.Unit, v.Unit), cmp.Or(p.Factor, v.Factor)})
	}
	return out
}

// Over is d, and what base says of anything that d does not.
func (d Description) Over(base Description) Description {
	d.Import, d.Export = cmp.Or(d.Import, base.Import), cmp.Or(d.Export, base.Export)
	if d.Power == nil {
		d.Power, d.Returned = base.Power, cmp.Or(d.Returned, base.Returned)
	}
	d.Voltage, d.Current, d.Frequency = cmp.Or(d.Voltage, base.Voltage), cmp.Or(d.Current, base.Current), cmp.Or(d.Frequency, base.Frequency)
	if len(d.Phases) == 0 {
		d.Phases = base.Phases
	}
	if len(d.Valid) == 0 {
		d.Valid = base.Valid
	}
	d.Step, d.Stale = cmp.Or(d.Step, base.Step), cmp.Or(d.Stale, base.Stale)
	d.Device, d.Time = cmp.Or(d.Device, base.Device), cmp.Or(d.Time, base.Time)
	return d
}

// quantity is what is measured.
type quantity int

const (
	importRegister quantity = iota
	exportRegister
	power
	voltage
	current
	frequency
	quantities // how many there are
)

// unit is a unit by its name and how many of the stored one it is.
type unit struct {
	name string
	per  int64 // microjoules of an energy, thousandths of the rest
}

// units of each quantity, the usual one first.
func (q quantity) units() []unit {
	switch q {
	case importRegister, exportRegister:
		return []unit{{"kWh", int64(units.KilowattHour)}, {"Wh", int64(units.WattHour)}, {"MWh", 1000 * int64(units.KilowattHour)}}
	case power:
		return []unit{{"W", 1000}, {"kW", 1_000_000}}
	case voltage:
		return []unit{{"V", 1000}, {"mV", 1}}
	case current:
		return []unit{{"A", 1000}, {"mA", 1}}
	case frequency, quantities:
	}
	return []unit{{"Hz", 1000}}
}

// one is a factor of 1, in billionths.
const one = 1_000_000_000

// place is one of the meter's values.
type place struct {
	quantity quantity
	phase    int // from 1; 0: the meter's total
	optional bool
	parts    []part
}

// part is a number that a place is made of.
type part struct {
	name  string // in the configuration
	from  string // topic or page
	path  jsonpath.Path
	scale int64 // of the number, in billionths
	per   int64 // of its unit
	off   bool  // it is taken off

	amount int64     // as it was told last, in the stored unit
	at     time.Time // when that was; zero: it is not known
}

// Check is everything wrong with d over a medium.  own is the topic, or page, of what
// says none of its own.
func (d Description) Check(m Medium, own string) fault.List {
	_, l := d.places(m, own)
	phases := len(d.Phases) > 0 && !slices.ContainsFunc(d.Phases, func(p Phase) bool { return p.Power == nil })
	if d.Import == nil && d.Power == nil && !phases {
		l.Add("", "add import: {path: ...} or power: {path: ...}", "neither energy nor power is read")
	}
	check := func(at, path string) {
		if _, err := jsonpath.Parse(path); path != "" && err != nil {
			l.Add(at, jsonpath.Remedy, "%v", err)
		}
	}
	check("device", d.Device)
	check("time", d.Time)
	for i, p := range d.Valid {
		if p == "" {
			l.Add(fmt.Sprintf("valid[%d]", i), jsonpath.Remedy, "the path is missing")
		}
		check(fmt.Sprintf("valid[%d]", i), p)
	}
	if d.Step < 0 {
		l.Add("step", "write the energy that the register's last digit is, e.g. 1 Wh", "%v is negative", d.Step)
	}
	if d.Stale < 0 {
		l.Add("stale", "write a time such as 2m", "%v is not an age", d.Stale)
	}
	if d.Stale != 0 && d.Time == "" && m == Pages {
		l.Add("stale", "say by time where the time of the measurement stands, or leave it out", "nothing tells how old an answer is")
	}
	return l
}

// places are the values that are read, in their order, and what is wrong with them.
func (d Description) places(m Medium, own string) (out []place, l fault.List) {
	add := func(at string, v *Value, q quantity, phase int, off bool) {
		if v == nil {
			return
		}
		parts, faults := v.compile(m, own, q, off)
		l.Under(at, faults)
		for i := range parts {
			parts[i].name = at
		}
		if n := len(out); off && n > 0 && out[n-1].quantity == q && out[n-1].phase == phase {
			out[n-1].parts, out[n-1].optional = append(out[n-1].parts, parts...), out[n-1].optional || v.Optional
			return
		}
		out = append(out, place{q, phase, v.Optional, parts})
	}
	returned := func(at string, in, back *Value, phase int) {
		if back != nil && in == nil {
			l.Add(at, "say by power where the power that flows in stands", "it is taken off a power that is not read")
		}
		add(at, back, power, phase, true)
	}
	add("import", d.Import, importRegister, 0, false)
	add("export", d.Export, exportRegister, 0, false)
	add("power", d.Power, power, 0, false)
	returned("returned", d.Power, d.Returned, 0)
	add("voltage", d.Voltage, voltage, 0, false)
	add("current", d.Current, current, 0, false)
	add("frequency", d.Frequency, frequency, 0, false)
	for i, p := range d.Phases {
		at := fmt.Sprintf("phases[%d]", i)
		if p == (Phase{}) {
			l.Add(at, "name its power, voltage or current, or take it out", "nothing is read of the phase")
		}
		if p.Power != nil && p.Power.Optional && d.Power == nil {
			l.Add(at+".power.optional", "say by power where the total stands, or take it out", "without it the others are not the meter's power")
		}
		add(at+".power", p.Power, power, i+1, false)
		returned(at+".returned", p.Power, p.Returned, i+1)
		add(at+".voltage", p.Voltage, voltage, i+1, false)
		add(at+".current", p.Current, current, i+1, false)
	}
	if len(d.Phases) > 3 {
		l.Add("phases", "write up to three", "%d phases", len(d.Phases))
	}
	return out, l
}

// compile reads what is written of a value.
func (v Value) compile(m Medium, own string, q quantity, off bool) (out []part, l fault.List) {
	if len(v.Sum) > 0 && v.Path != "" {
		l.Add("path", "write it as one of sum, or take it out", "it stands beside the sum")
	}
	for i, said := range v.parts() {
		at := ""
		if len(v.Sum) > 0 {
			at = fmt.Sprintf("sum[%d]", i)
		}
		var f fault.List
		p := part{from: own, scale: one, off: off}
		p.from = said.place(&f, m, own)
		var err error
		if p.path, err = jsonpath.Parse(said.Path); err != nil && (said.Path != "" || m != Topics) {
			f.Add("path", jsonpath.Remedy, "%v", err)
		}
		var names []string
		for _, k := range q.units() {
			names = append(names, k.name)
			if cmp.Or(said.Unit, q.units()[0].name) == k.name {
				p.per = k.per
			}
		}
		if p.per == 0 {
			f.OneOf("unit", said.Unit, names...)
		}
		if said.Factor != "" {
			if p.scale, err = units.ParseDecimal(said.Factor, 9); err != nil || p.scale == 0 || max(p.scale, -p.scale) > 1_000_000*one {
				f.Add("factor", "write a decimal such as 0.1 or -1", "%q is not a factor", said.Factor)
			}
		}
		if at == "" {
			l = append(l, f...)
		} else {
			l.Under(at, f)
		}
		out = append(out, p)
	}
	return out, l
}

// place is the topic or page that a part comes from.
func (p Part) place(l *fault.List, m Medium, own string) string {
	if m == Topics {
		if p.URL != "" {
			l.Add("url", "write topic", "over MQTT there are no pages")
		}
		topic := cmp.Or(p.Topic, own)
		switch {
		case topic == "":
			l.Add("topic", "write the topic that it is told under", "it is missing")
		case p.Topic == "": // the meter's own, which is checked where it stands
		case strings.ContainsAny(p.Topic, "#+"):
			l.Add("topic", "name one topic", "a wildcard cannot name a value")
		case strings.HasPrefix(p.Topic, "/") || strings.HasSuffix(p.Topic, "/"):
			l.Add("topic", "write it without slashes at the ends", "nothing is told under %q", p.Topic)
		}
		return topic
	}
	if p.Topic != "" {
		l.Add("topic", "write url, or driver: mqtt", "a page has no topics")
	}
	if p.URL != "" && m == Socket {
		l.Add("url", "take it out", "a websocket is all there is")
		return own
	}
	if page, err := url.Parse(p.URL); p.URL != "" && (err != nil || !strings.HasPrefix(p.URL, "/") || page.Host != "") {
		l.Add("url", "write the page of the same server, e.g. /sensor/energy", "%q is not a page of it", clip(p.URL))
	}
	return cmp.Or(p.URL, own)
}
