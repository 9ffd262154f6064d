package shelly

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/device/internal/read"
	"github.com/keeplit/keeplit/internal/units"
)

// wattMinute is the unit in which a relay of the first generation counts.
const wattMinute = units.WattHour / 60

// firstGeneration reads the status of a Shelly of the first generation.  Three
// emeters are the phases of one meter (3EM); others are a meter each.
func firstGeneration(o read.Object) (meters []device.Meter, found bool, err error) {
	read := func(kind string, list []any) error {
		var r *reader
		for i, v := range list[:min(len(list), 8)] {
			m, isObject := v.(map[string]any)
			if !isObject {
				continue
			}
			together := kind == "emeter" && len(list) == 3
			if !together || i == 0 {
				r = &reader{}
				r.Told.Serial, r.Told.Clock = macOf(o), unixSeconds(o, "unixtime")
			}
			if together && i == 0 {
				// A phase that is not valid is there and tells nothing: the power of
				// two of three is not the meter's.
				r.Phases(3)
			}
			if valid, told := m["is_valid"].(bool); !told || valid {
				r.first(kind, fmt.Sprintf("%s:%d.", kind, i), m, i, together)
			}
			if together && i < 2 {
				continue
			}
			if together {
				r.Whole(1<<3 - 1)
			}
			channel := i
			if together {
				channel = 0
			}
			t, ok, err := r.done(fmt.Sprintf("%s:%d", kind, channel))
			if err != nil {
				return err
			}
			if ok {
				meters = append(meters, t)
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
	return meters, found, nil
}

// first takes one entry of meters or emeters.
func (r *reader) first(kind, prefix string, m read.Object, i int, together bool) {
	take := func(name, unit string, store func(json.Number)) { r.Take(m, prefix, name, unit, store) }
	for _, f := range []struct {
		name, unit string
		quantity   read.Quantity
	}{{"power", "W", read.Power}, {"voltage", "V", read.Voltage}, {"current", "A", read.Current}} {
		take(f.name, f.unit, func(n json.Number) {
			if together {
				r.Phase(i, f.quantity, n)
			} else {
				r.Value(f.quantity, n)
			}
		})
	}
	unit, per := "Wh", units.WattHour
	if kind == "meter" {
		unit, per = "Wmin", wattMinute
	}
	for _, way := range []struct {
		name   string
		export bool
	}{{"total", false}, {"total_returned", true}} {
		take(way.name, unit, func(n json.Number) {
			if together {
				r.Add(way.export, read.Energy(n, per), i)
			} else {
				r.Register(way.export, read.Energy(n, per))
			}
		})
	}
}

// macOf is the device's address, where a status has it.
func macOf(o read.Object) string {
	if mac := o.Text("mac"); mac != "" {
		return read.Clip(mac)
	}
	if sys, ok := o.Child("sys"); ok {
		return read.Clip(sys.Text("mac"))
	}
	return ""
}

func unixSeconds(o read.Object, name string) time.Time {
	n, ok, err := o.Number(name)
	if !ok || err != nil {
		return time.Time{}
	}
	f, err := n.Float64()
	if err != nil || f < 1e9 || f > 1e10 { // 2001 to 2286
		return time.Time{}
	}
	return time.UnixMilli(int64(f * 1000)).UTC()
}
