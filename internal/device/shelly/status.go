package mqttmeter

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

const shellyOp = "read a Shelly message"

// Part is what one component of a Shelly told, e.g. "switch:0".
type Part struct {
	Component string // kind and channel; the data of an em are counted to the em itself
	Telegram  metering.Telegram
}

// kind and channel of a part.
func (p Part) kind() string {
	k, _, _ := strings.Cut(p.Component, ":")
	return k
}

func (p Part) channel() int {
	_, n, _ := strings.Cut(p.Component, ":")
	i, _ := index(n)
	return i
}

// shellyKinds are the components that measure, the best first.
func shellyKinds() []string {
	return []string{"em", "em1", "pm1", "switch", "cover", "light", "emeter", "meter"}
}

// DecodeShelly reads a message of a Shelly: the status of one of the first
// generation (meters, emeters), and of the later ones a notification (NotifyStatus, partial, or NotifyFullStatus), an answer to a
// GetStatus request, or the payload of a status topic, whose component is the
// topic's last part ("switch:0", empty otherwise).  Only what the message says
// is in a Part: a partial one has no register where it told none.
func DecodeShelly(component string, payload []byte) ([]Part, error) {
	o, err := parse(payload)
	if err != nil {
		return nil, unknown(shellyOp, err)
	}
	device := o.text("src")
	var at time.Time
	body := o
	if params, ok := o.child("params"); ok {
		switch o.text("method") {
		case "NotifyStatus", "NotifyFullStatus":
		default:
			return nil, nil // events and requests hold no measurement
		}
		body = params
		at = unixSeconds(params, "ts")
	} else if result, ok := o.child("result"); ok {
		body = result
	} else if component == "" {
		device = ""
	}

	if parts, found, err := firstGeneration(body); found {
		return parts, err
	}
	if mac := macOf(body); device == "" && mac != "" {
		device = mac
	}
	if component == "" {
		component = bareComponent(body)
	}
	if component != "" && !hasComponents(body) {
		body = object{component: map[string]any(body)}
	}
	found := map[string]*reader{}
	var names []string
	for name, v := range body {
		if _, ok := v.(map[string]any); ok && isComponent(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names) // em before emdata, and always the same
	for _, name := range names {
		kind, n, _ := strings.Cut(name, ":")
		owner := strings.TrimSuffix(kind, "data") + ":" + n
		r := found[owner]
		if r == nil {
			r = &reader{t: metering.Telegram{Meter: device, Time: at}}
			found[owner] = r
		}
		c, _ := body.child(name)
		r.shelly(kind, name+".", c)
	}
	owners := make([]string, 0, len(found))
	for owner := range found {
		owners = append(owners, owner)
	}
	slices.SortFunc(owners, func(a, b string) int {
		rank := func(s string) int {
			k, _, _ := strings.Cut(s, ":")
			return slices.Index(shellyKinds(), k)
		}
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b))
	})
	var parts []Part
	for _, owner := range owners {
		t, ok, err := found[owner].done(shellyOp, units.WattHour)
		if err != nil {
			return nil, err
		}
		if ok {
			parts = append(parts, Part{Component: owner, Telegram: t})
		}
	}
	return parts, nil
}

func isComponent(name string) bool {
	kind, n, ok := strings.Cut(name, ":")
	if _, isIndex := index(n); !ok || !isIndex {
		return false
	}
	return slices.Contains(shellyKinds(), kind) || kind == "emdata" || kind == "em1data"
}

func hasComponents(o object) bool {
	for name := range o {
		if isComponent(name) {
			return true
		}
	}
	return false
}

// bareComponent guesses the component of a status without one by the values
// that only its kind has.
func bareComponent(o object) string {
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { _, ok := o[n]; return ok })
	}
	id := "0"
	if n, ok, err := o.number("id"); ok && err == nil {
		if _, isIndex := index(string(n)); isIndex {
			id = string(n)
		}
	}
	switch {
	case has("a_act_power", "total_act_power"):
		return "em:" + id
	case has("a_total_act_energy", "total_act"):
		return "emdata:" + id
	case has("act_power"):
		return "em1:" + id
	case has("total_act_energy"):
		return "em1data:" + id
	case has("apower", "aenergy"):
		if has("output") {
			return "switch:" + id
		}
		return "pm1:" + id
	}
	return ""
}

// shelly takes the values of one component.
func (r *reader) shelly(kind, prefix string, o object) {
	take := func(name, unit string, store func(json.Number)) {
		if n, ok := r.get(o, prefix, name, unit); ok {
			store(n)
		}
	}
	field := func(name, unit string, f metering.Fields) {
		take(name, unit, func(n json.Number) { r.value(f, n) })
	}
	wattHours := func(export bool) func(json.Number) {
		return func(n json.Number) { r.register(export, energy(n, units.WattHour)) }
	}
	switch kind {
	case "em":
		for i, p := range []string{"a_", "b_", "c_"} {
			phase := func(name, unit string, f metering.Fields) {
				take(p+name, unit, func(n json.Number) { r.phase(i, f, n) })
			}
			phase("voltage", "V", metering.HasVoltage)
			phase("current", "A", metering.HasCurrent)
			phase("act_power", "W", metering.HasPower)
			phase("aprt_power", "VA", metering.HasApparent)
		}
		if len(r.t.Sample.Phases) > 0 {
			r.phases(3)
		}
		field("total_act_power", "W", metering.HasPower)
		field("total_current", "A", metering.HasCurrent)
		field("total_aprt_power", "VA", metering.HasApparent)
		field("n_current", "A", metering.HasNeutral)
		field("a_freq", "Hz", metering.HasFrequency)
	case "emdata":
		take("total_act", "Wh", wattHours(false))
		take("total_act_ret", "Wh", wattHours(true))
	case "em1":
		field("voltage", "V", metering.HasVoltage)
		field("current", "A", metering.HasCurrent)
		field("act_power", "W", metering.HasPower)
		field("aprt_power", "VA", metering.HasApparent)
		field("freq", "Hz", metering.HasFrequency)
	case "em1data":
		take("total_act_energy", "Wh", wattHours(false))
		take("total_act_ret_energy", "Wh", wattHours(true))
	default: // switch, pm1, cover, light
		field("apower", "W", metering.HasPower)
		field("voltage", "V", metering.HasVoltage)
		field("current", "A", metering.HasCurrent)
		field("freq", "Hz", metering.HasFrequency)
		for i, name := range []string{"aenergy", "ret_aenergy"} {
			if en, ok := o.child(name); ok {
				if n, ok := r.get(en, prefix+name+".", "total", "Wh"); ok {
					wattHours(i == 1)(n)
				}
			}
		}
	}
}
