package zigbee2mqtt

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/device/internal/read"
	"github.com/keeplit/keeplit/internal/units"
)

// step is the coarsest resolution of plugs in use; the message does not
// tell it.
const step = 100 * units.WattHour

// phaseNames are the endings under which o tells a value of its phases, or of
// the sockets of one device; none where it tells only one.
func phaseNames(o read.Object, name string) []string {
	for _, names := range [][]string{{"_phase_a", "_phase_b", "_phase_c"}, {"_a", "_b", "_c"}, {"_l1", "_l2", "_l3"}} {
		if o[name+names[0]] != nil {
			return names
		}
		for _, other := range names[1:] {
			switch {
			case o[name+other] == nil:
			case o[name] != nil && names[0] == "_phase_a": // the first has no ending
				return append([]string{""}, names[1:]...)
			default:
				return names
			}
		}
	}
	return nil
}

// flow is which way the power with this ending goes, by the device's word: a
// clamp tells the amount in power_a and the way in energy_flow_a.  known is false
// where the word is none that is known, so that the sign is not.
func flow(o read.Object, suffix string) (out, known bool) {
	v := o["energy_flow"+suffix]
	if v == nil {
		return false, true // the number has its sign
	}
	switch word, _ := v.(string); word {
	case "producing":
		return true, true
	case "consuming", "sign":
		return false, true
	}
	return false, false
}

// State reads a device's state message.  There is no meter where it tells no
// energy measurement.
func State(payload []byte) ([]device.Meter, error) {
	o, err := read.Parse(payload)
	if err != nil {
		return nil, err
	}
	return measured(o)
}

func measured(o read.Object) ([]device.Meter, error) {
	if o["battery"] != nil {
		return nil, nil // its voltage is that of the battery, in mV
	}
	r := read.Reader{}
	if at, err := time.Parse(time.RFC3339, o.Text("last_seen")); err == nil {
		r.Told.Clock = at.UTC()
	}
	if dev, found := o.Child("device"); found {
		r.Told.Serial = dev.Text("ieeeAddr")
	}
	take := func(name, unit string, store func(json.Number)) { r.Take(o, "", name, unit, store) }
	// directed is the number with the sign that its direction gives it.
	directed := func(q read.Quantity, suffix string, store func(json.Number)) func(json.Number) {
		out, known := flow(o, suffix)
		switch {
		case q != read.Power || known && !out:
			return store
		case !known:
			return func(json.Number) {}
		}
		return func(n json.Number) { store("-" + json.Number(strings.TrimPrefix(string(n), "-"))) }
	}
	for _, f := range []struct {
		name, unit string
		quantity   read.Quantity
	}{
		{"voltage", "V", read.Voltage},
		{"current", "A", read.Current},
		{"power", "W", read.Power},
		{"power_apparent", "VA", read.Apparent},
		{"power_reactive", "var", read.Reactive},
	} {
		names := phaseNames(o, f.name)
		for i, suffix := range names {
			if _, there := o[f.name+suffix]; there {
				r.Phases(i + 1)
			}
			take(f.name+suffix, f.unit, directed(f.quantity, suffix, func(n json.Number) { r.Phase(i, f.quantity, n) }))
		}
		if len(names) == 0 || names[0] != "" {
			take(f.name, f.unit, directed(f.quantity, "", func(n json.Number) { r.Value(f.quantity, n) }))
		}
	}
	for _, f := range []struct {
		name, unit string
		quantity   read.Quantity
	}{
		{"power_ab", "W", read.Power}, // with its sign, whatever its parts have
		{"power_abc", "W", read.Power},
		{"total_power", "W", read.Power},
		{"total_power_apparent", "VA", read.Apparent},
		{"total_power_reactive", "var", read.Reactive},
	} {
		take(f.name, f.unit, func(n json.Number) { r.Value(f.quantity, n) })
	}
	for _, name := range []string{"ac_frequency", "frequency"} {
		take(name, "Hz", func(n json.Number) { r.Value(read.Frequency, n) })
	}
	take("power_factor", "", func(json.Number) {})
	registers(o, &r)
	r.EveryPhase()
	m, ok, err := r.Done(step)
	if err != nil || !ok {
		return nil, err
	}
	return []device.Meter{m}, nil
}

// registers takes both registers: the total, or what it is the sum of where there
// is none (phases, clamps, or the sockets of one device).
func registers(o read.Object, r *read.Reader) {
	for _, way := range []struct {
		export bool
		names  []string
	}{{false, []string{"energy"}}, {true, []string{"produced_energy", "energy_produced", "reverse_energy"}}} {
		for k, name := range way.names {
			add := func(bit int) func(json.Number) {
				return func(n json.Number) { r.Add(way.export, read.Energy(n, units.KilowattHour), 4*k+bit) }
			}
			if o[name] != nil {
				r.Take(o, "", name, "kWh", add(0))
				continue
			}
			for i, suffix := range phaseNames(o, name) {
				r.Take(o, "", name+suffix, "kWh", add(i+1))
			}
		}
	}
}
