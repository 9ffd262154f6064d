package mqttmeter

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// wattMinute is the unit in which a relay of the first generation counts.
const wattMinute = units.WattHour / 60

// firstGeneration reads the status of a Shelly of the first generation.  Three
// emeters are the phases of one meter (3EM); others are a meter each.
func firstGeneration(o object) (parts []Part, found bool, err error) {
	read := func(kind string, list []any) error {
		var r *reader
		for i, v := range list[:min(len(list), 8)] {
			m, isObject := v.(map[string]any)
			if !isObject {
				continue
			}
			together := kind == "emeter" && len(list) == 3
			if !together || i == 0 {
				r = &reader{t: metering.Telegram{Meter: macOf(o), Time: unixSeconds(o, "unixtime")}}
			}
			if together && i == 0 {
				// A phase that is not valid is there and tells nothing: the power of
				// two of three is not the meter's.
				r.t.Sample.Phases = make([]metering.Phase, 3)
			}
			if valid, told := m["is_valid"].(bool); !told || valid {
				r.first(kind, fmt.Sprintf("%s:%d.", kind, i), m, i, together)
			}
			if together && i < 2 {
				continue
			}
			if together {
				r.whole(1<<3 - 1)
			}
			t, ok, err := r.done(shellyOp, units.WattHour)
			if err != nil {
				return err
			}
			if ok {
				channel := i
				if together {
					channel = 0
				}
				parts = append(parts, Part{Component: fmt.Sprintf("%s:%d", kind, channel), Telegram: t})
			}
		}
		return nil
	}
	for _, kind := range []string{"emeter", "meter"} {
		list, isList := o[kind+"s"].([]any)
		if !isList {
			continue
		}
		found = true
		if err := read(kind, list); err != nil {
			return nil, true, err
		}
	}
	return parts, found, nil
}

// first takes one entry of meters or emeters.
func (r *reader) first(kind, prefix string, m object, i int, together bool) {
	take := func(name, unit string, store func(json.Number)) {
		if n, ok := r.get(m, prefix, name, unit); ok {
			store(n)
		}
	}
	for _, f := range []struct {
		name, unit string
		field      metering.Fields
	}{{"power", "W", metering.HasPower}, {"voltage", "V", metering.HasVoltage}, {"current", "A", metering.HasCurrent}} {
		take(f.name, f.unit, func(n json.Number) {
			if together {
				r.phase(i, f.field, n)
			} else {
				r.value(f.field, n)
			}
		})
	}
	unit, per := "Wh", units.WattHour
	if kind == "meter" {
		unit, per = "Wmin", wattMinute
	}
	s := &r.t.Sample
	if !together {
		take("total", unit, func(n json.Number) { r.register(false, energy(n, per)) })
		take("total_returned", unit, func(n json.Number) { r.register(true, energy(n, per)) })
		return
	}
	take("total", unit, func(n json.Number) { r.sum(false, s.Import+energy(n, per), s.ImportSum|1<<i) })
	take("total_returned", unit, func(n json.Number) { r.sum(true, s.Export+energy(n, per), s.ExportSum|1<<i) })
}

// macOf is the device's address, where a status has it.
func macOf(o object) string {
	if mac := o.text("mac"); mac != "" {
		return clip(mac)
	}
	if sys, ok := o.child("sys"); ok {
		return clip(sys.text("mac"))
	}
	return ""
}

func unixSeconds(o object, name string) time.Time {
	n, ok, err := o.number(name)
	if !ok || err != nil {
		return time.Time{}
	}
	f, err := n.Float64()
	if err != nil || f < 1e9 || f > 1e10 { // 2001 to 2286
		return time.Time{}
	}
	return time.UnixMilli(int64(f * 1000)).UTC()
}
