package httpmeter

import (
	"fmt"
	"maps"
	"net/url"
	"slices"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering/values"
)

// kind is a kind of device whose answers are known.
type kind struct {
	page string // that is asked for
	values.Description
	sml  bool   // it answers with SML as the meter sent it, and nothing is described
	user string // whom the password belongs to where nobody is named
}

// names of the kinds.
func names() []string { return slices.Sorted(maps.Keys(kinds())) }

// whole is d with what is known of its kind.  What is written goes before it.
func (d Document) whole() Document {
	k, known := kinds()[d.Kind]
	if !known {
		return d
	}
	d.Description = d.Description.Over(k.Description)
	if d.Username == "" && d.Password != "" {
		d.Username = k.user
	}
	if at, err := url.Parse(d.URL); err == nil && (at.Path == "" || at.Path == "/") {
		page, _ := url.Parse(k.page) // it is one
		d.URL = at.ResolveReference(page).String()
	}
	return d
}

// at is the value at a path.
func at(path string) *values.Value { return &values.Value{Path: path} }

// perhaps is one that not each device of the kind has.
func perhaps(path string) *values.Value { return &values.Value{Path: path, Optional: true} }

// in is a value in a unit.
func in(unit, path string) *values.Value { return &values.Value{Path: path, Unit: unit} }

// sum is the sum of values; each %d is 0, 1 ...
func sum(unit, path string, n int) *values.Value {
	v := &values.Value{Unit: unit}
	for i := range n {
		v.Sum = append(v.Sum, values.Part{Path: fmt.Sprintf(path, i)})
	}
	return v
}

// three makes phases of values; each %d is first, first + 1 ...
func three(first int, of func(path string) *values.Value, power, voltage, current string) (out []values.Phase) {
	for i := range 3 {
		out = append(out, values.Phase{Power: of(fmt.Sprintf(power, first+i)), Voltage: of(fmt.Sprintf(voltage, first+i)), Current: of(fmt.Sprintf(current, first+i))})
	}
	return out
}

// kinds are the kinds by their names.  Where the facts are from stands at each.
func kinds() map[string]kind {
	return map[string]kind{
		// HomeWizard, Local API v1, Measurement: a P1 meter tells null, or nothing, for a
		// phase that the home has not.
		"homewizard-p1": {page: "/api/v1/data", Description: values.Description{
			Import: at("total_power_import_kwh"), Export: at("total_power_export_kwh"), Power: at("active_power_w"), Device: "unique_id", Step: units.WattHour,
			Phases: three(1, perhaps, "active_power_l%d_w", "active_voltage_l%d_v", "active_current_l%d_a"),
		}},
		// The same of a kWh meter, of one phase or three; it has no identity of its own.
		"homewizard-kwh": {page: "/api/v1/data", Description: values.Description{
			Import: at("total_power_import_kwh"), Export: at("total_power_export_kwh"), Power: at("active_power_w"), Step: units.WattHour,
			Voltage: perhaps("active_voltage_v"), Frequency: perhaps("active_frequency_hz"),
			Phases: three(1, perhaps, "active_power_l%d_w", "active_voltage_l%d_v", "active_current_l%d_a"),
		}},
		// Shelly API, first generation, Shelly EM and Shelly 3EM: Wh; emeters[0] is clamp 1.
		"shelly-em": {page: "/status", Description: values.Description{
			Import: in("Wh", "emeters[0].total"), Export: in("Wh", "emeters[0].total_returned"), Power: at("emeters[0].power"), Voltage: at("emeters[0].voltage"),
			Valid: []string{"emeters[0].is_valid"}, Device: "mac",
		}},
		"shelly-3em": {page: "/status", Description: values.Description{
			Import: sum("Wh", "emeters[%d].total", 3), Export: sum("Wh", "emeters[%d].total_returned", 3), Power: at("total_power"),
			Phases: three(0, at, "emeters[%d].power", "emeters[%d].voltage", "emeters[%d].current"),
			Valid:  []string{"emeters[0].is_valid", "emeters[1].is_valid", "emeters[2].is_valid"}, Device: "mac",
		}},
		// YouLess LS120: two tariffs each way, in kWh; tm is when the meter was heard.
		"youless": {page: "/e", Description: values.Description{
			Import: &values.Value{Sum: []values.Part{{Path: "[0].p1"}, {Path: "[0].p2"}}}, Export: &values.Value{Sum: []values.Part{{Path: "[0].n1"}, {Path: "[0].n2"}}},
			Power: at("[0].pwr"), Time: "[0].tm", Step: units.WattHour,
		}},
		// IAMMETER local API: voltage, current, power, import, export (kWh) of each channel.
		"iammeter": {page: "/monitorjson", Description: values.Description{
			Import: at("Data[3]"), Export: at("Data[4]"), Power: at("Data[2]"), Voltage: at("Data[0]"), Current: at("Data[1]"), Device: "SN",
		}},
		// The bridge of a Tibber Pulse IR, its page switched on: marq24/ha-tibber-pulse-local and
		// micw/tibber-pulse-reader.
		"tibber-pulse": {page: "/data.json?node_id=1", sml: true, user: "admin"},
		"iammeter-3": {page: "/monitorjson", Description: values.Description{
			Import: sum("kWh", "Datas[%d][3]", 3), Export: sum("kWh", "Datas[%d][4]", 3), Power: sum("W", "Datas[%d][2]", 3), Device: "SN",
			Phases: three(0, at, "Datas[%d][2]", "Datas[%d][0]", "Datas[%d][1]"),
		}},
	}
}
