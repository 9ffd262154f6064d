package shelly

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/device/internal/read"
	"github.com/keeplit/keeplit/internal/units"
)

// partsOf are the kind and the channel of a component, e.g. switch:0.
func partsOf(component string) (kind string, channel int) {
	kind, n, _ := strings.Cut(component, ":")
	channel, _ = read.Index(n)
	return kind, channel
}

// kinds are the components that measure, the best first.
func kinds() []string {
	return []string{"em", "em1", "pm1", "switch", "cover", "light", "emeter", "meter"}
}

// Status reads a message of a Shelly: the status of one of the first generation
// (meters, emeters), and of the later ones a notification (NotifyStatus, partial,
// or NotifyFullStatus), an answer to a GetStatus request, or the payload of a
// status topic, whose component is the topic's last part ("switch:0"; what is no
// component is none).  Only what the message says is in a Meter: a partial one has no
// register where it told none.
func Status(component string, payload []byte) ([]device.Meter, error) {
	o, err := read.Parse(payload)
	if err != nil {
		return nil, err
	}
	return status(component, o)
}

func status(component string, o read.Object) ([]device.Meter, error) {
	if !isComponent(component) {
		component = ""
	}
	serial := o.Text("src")
	var at time.Time
	body := o
	if params, ok := o.Child("params"); ok {
		switch o.Text("method") {
		case "NotifyStatus", "NotifyFullStatus":
		default:
			return nil, nil // events and requests hold no measurement
		}
		body = params
		at = unixSeconds(params, "ts")
	} else if result, ok := o.Child("result"); ok {
		body = result
	} else if component == "" {
		serial = ""
	}

	if meters, found, err := firstGeneration(body); found {
		return meters, err
	}
	if mac := macOf(body); serial == "" && mac != "" {
		serial = mac
	}
	if component == "" {
		component = bareComponent(body)
	}
	if component != "" && !hasComponents(body) {
		body = read.Object{component: map[string]any(body)}
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
			r = &reader{}
			r.Told.Serial, r.Told.Clock = serial, at
			found[owner] = r
		}
		c, _ := body.Child(name)
		r.component(kind, name+".", c)
	}
	owners := make([]string, 0, len(found))
	for owner := range found {
		owners = append(owners, owner)
	}
	slices.SortFunc(owners, func(a, b string) int {
		rank := func(s string) int {
			k, _, _ := strings.Cut(s, ":")
			return slices.Index(kinds(), k)
		}
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b))
	})
	var meters []device.Meter
	for _, owner := range owners {
		m, ok, err := found[owner].done(owner)
		if err != nil {
			return nil, err
		}
		if ok {
			meters = append(meters, m)
		}
	}
	return meters, nil
}

// reader reads one component.
type reader struct{ read.Reader }

func (r *reader) done(component string) (m device.Meter, ok bool, err error) {
	m, ok, err = r.Done(units.WattHour)
	kind, channel := partsOf(component)
	m.Part, m.Channel, m.Rank = component, channel, slices.Index(kinds(), kind)
	return m, ok, err
}

func isComponent(name string) bool {
	kind, n, ok := strings.Cut(name, ":")
	if _, isIndex := read.Index(n); !ok || !isIndex {
		return false
	}
	return slices.Contains(kinds(), kind) || kind == "emdata" || kind == "em1data"
}

func hasComponents(o read.Object) bool {
	for name := range o {
		if isComponent(name) {
			return true
		}
	}
	return false
}

// bareComponent guesses the component of a status without one by the values
// that only its kind has.
func bareComponent(o read.Object) string {
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { _, ok := o[n]; return ok })
	}
	id := "0"
	if n, ok, err := o.Number("id"); ok && err == nil {
		if _, isIndex := read.Index(string(n)); isIndex {
			id = string(n)
		}
	}
	switch {
	case has("a_act_power", "total_act_power"):
		return "em:" + id
	case has("a_total_act_energy", "total_act", "total_act_ret"):
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

// component takes the values of one component.
func (r *reader) component(kind, prefix string, o read.Object) {
	take := func(name, unit string, store func(json.Number)) { r.Take(o, prefix, name, unit, store) }
	field := func(name, unit string, q read.Quantity) {
		take(name, unit, func(n json.Number) { r.Value(q, n) })
	}
	wattHours := func(export bool) func(json.Number) {
		return func(n json.Number) { r.Register(export, read.Energy(n, units.WattHour)) }
	}
	switch kind {
	case "em":
		for i, p := range []string{"a_", "b_", "c_"} {
			phase := func(name, unit string, q read.Quantity) {
				take(p+name, unit, func(n json.Number) { r.Phase(i, q, n) })
			}
			phase("voltage", "V", read.Voltage)
			phase("current", "A", read.Current)
			phase("act_power", "W", read.Power)
			phase("aprt_power", "VA", read.Apparent)
		}
		if len(r.Told.Phases) > 0 {
			r.Phases(3)
		}
		field("total_act_power", "W", read.Power)
		field("total_current", "A", read.Current)
		field("total_aprt_power", "VA", read.Apparent)
		field("n_current", "A", read.Neutral)
		field("a_freq", "Hz", read.Frequency)
	case "emdata":
		for _, way := range []struct {
			export     bool
			total, own string
		}{{false, "total_act", "_total_act_energy"}, {true, "total_act_ret", "_total_act_ret_energy"}} {
			if o[way.total] != nil {
				take(way.total, "Wh", wattHours(way.export))
				continue
			}
			for i, p := range []string{"a", "b", "c"} {
				take(p+way.own, "Wh", func(n json.Number) { r.Add(way.export, read.Energy(n, units.WattHour), i) })
			}
			r.WholeOf(way.export, 1<<3-1)
		}
	case "em1":
		field("voltage", "V", read.Voltage)
		field("current", "A", read.Current)
		field("act_power", "W", read.Power)
		field("aprt_power", "VA", read.Apparent)
		field("freq", "Hz", read.Frequency)
	case "em1data":
		take("total_act_energy", "Wh", wattHours(false))
		take("total_act_ret_energy", "Wh", wattHours(true))
	default: // switch, pm1, cover, light
		field("apower", "W", read.Power)
		field("voltage", "V", read.Voltage)
		field("current", "A", read.Current)
		field("freq", "Hz", read.Frequency)
		for i, name := range []string{"aenergy", "ret_aenergy"} {
			if en, ok := o.Child(name); ok {
				if n, ok := r.Get(en, prefix+name+".", "total", "Wh"); ok {
					wattHours(i == 1)(n)
				}
			}
		}
	}
}
