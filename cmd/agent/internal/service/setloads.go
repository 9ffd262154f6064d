package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/keeplit/keeplit/cmd/agent/internal/settings"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/loads"
)

// applianceText is what can be set of a load, as it is kept.
func applianceText(d loads.Document) string {
	b, err := json.Marshal(applianceOf(d))
	if err != nil { // it has texts and numbers alone
		return ""
	}
	return string(b)
}

// applianceOf is what can be set of a load, as the configuration says it.
func applianceOf(d loads.Document) web.ApplianceSet {
	x := web.ApplianceSet{Out: !d.InUse()}
	class, order := d.Importance()
	x.Class, x.Order = string(class), strconv.Itoa(order)
	if d.Need != nil {
		var hours []string
		for _, w := range d.Need.Between {
			hours = append(hours, w.String())
		}
		x.Hours = strings.Join(hours, ", ")
	}
	if d.ReadyBy != nil {
		x.Ready = d.ReadyBy.String()
	}
	return x
}

// The keys of a load that are set on the page, as the faults of a configuration name them.
const (
	keyHours = "need.between"
	keyReady = "ready_by"
	keyOrder = "order"
)

// withAppliance is a configuration with one load as it is set.  The faults are those that the file
// would have with the same values: of the keys themselves, and of the whole.
func withAppliance(cfg config.Config, i int, x web.ApplianceSet) (config.Config, fault.List) {
	var l fault.List
	at := "loads[" + strconv.Itoa(i) + "]."
	d := cfg.Loads[i]
	if d.Need != nil {
		need := *d.Need
		need.Between = nil
		for part := range strings.FieldsFuncSeq(x.Hours, func(r rune) bool { return r == ',' || r == ';' || r == '\n' }) {
			var w loads.Window
			if err := w.SetText(strings.ReplaceAll(strings.TrimSpace(part), "\u2013", "-")); err != nil {
				l.Add(at+keyHours, "write stretches such as 22:00-06:00, with commas between them", "%v", err)
				continue
			}
			need.Between = append(need.Between, w)
		}
		d.Need = &need
		d.ReadyBy = nil
		if text := strings.TrimSpace(x.Ready); text != "" {
			var t loads.TimeOfDay
			if err := t.UnmarshalText([]byte(text)); err != nil {
				l.Add(at+keyReady, "write a local time such as 18:30, or nothing", "%v", err)
			}
			d.ReadyBy = &t
		}
	}
	if class, order := d.Importance(); class != "" {
		n, err := strconv.Atoi(strings.TrimSpace(x.Order))
		if err != nil {
			l.Add(at+keyOrder, "write 0 (the most important of its class) to 1000 (shed first of it)", "%q is not a place in an order", x.Order)
		}
		if x.Class != string(class) || n != order {
			d.Class, d.Order, d.Priority, d.Essential = loads.Class(x.Class), n, 0, false
		}
	}
	if d.InUse() == x.Out {
		use := !x.Out
		d.Enabled = &use
	}
	if len(l) > 0 {
		return cfg, l
	}
	next := cfg
	next.Loads = slices.Clone(cfg.Loads)
	next.Loads[i] = d
	before := cfg.Check()
	for _, f := range next.Check() {
		if !slices.ContainsFunc(before, func(g fault.Fault) bool { return g.Path == f.Path && g.Problem == f.Problem }) {
			l = append(l, f)
		}
	}
	if len(l) > 0 {
		return cfg, l
	}
	return next, nil
}

// layLoads lays over the configuration's loads what was set of them.  What was set of one may hold only with what was
// set of another: one out of use, the next on its switch.
func (s *Set) layLoads() {
	values := map[int]string{}
	for i, d := range s.Config.Loads {
		k, own := settings.Load(d.ID), applianceText(d)
		s.Written[k] = own
		if value := s.Book.Of(k, own); value != own {
			values[i] = value
		}
	}
	for more := true; more; {
		more = false
		for _, i := range slices.Sorted(maps.Keys(values)) {
			if s.layLoad(i, values[i]) == nil {
				delete(values, i)
				more = true
			}
		}
	}
	for _, i := range slices.Sorted(maps.Keys(values)) {
		s.Err = errors.Join(s.Err, fmt.Errorf("%s, as it was set on the page: %w", settings.Load(s.Config.Loads[i].ID), s.layLoad(i, values[i])))
	}
}

// layLoad lays a value over one load; an error leaves all as it was.
func (s *Set) layLoad(i int, value string) error {
	var x web.ApplianceSet
	if err := json.Unmarshal([]byte(value), &x); err != nil {
		return err
	}
	next, faults := withAppliance(s.Config, i, x)
	if len(faults) > 0 {
		return faults
	}
	s.Config = next
	s.Laid = append(s.Laid, settings.Load(next.Loads[i].ID))
	return nil
}

// Appliances implements web.Box.
func (b theBox) Appliances() []web.Appliance {
	var out []web.Appliance
	for i, d := range b.s.cfg.Loads {
		a := web.Appliance{
			ID: d.ID, Name: d.Name, Kind: utilityClass(d.UtilityClass), Line: b.s.cfg.Line("loads[" + strconv.Itoa(i) + "]"),
			Now: applianceOf(d), Timed: d.Need != nil,
		}
		if a.Name == "" {
			a.Name = d.ID
		}
		if d.Need != nil {
			a.Days = d.Need.Weekdays.String()
		}
		own := b.s.set.Written[settings.Load(d.ID)]
		kept := b.s.set.Book.Of(settings.Load(d.ID), own)
		if a.Set = a.Now; kept != applianceText(d) && json.Unmarshal([]byte(kept), &a.Set) != nil {
			a.Set = a.Now
		}
		a.Laid = kept != own
		out = append(out, a)
	}
	return out
}

// SetAppliance implements web.Box.
func (b theBox) SetAppliance(id string, x web.ApplianceSet) (fault.List, error) {
	for i, d := range b.s.cfg.Loads {
		if d.ID != id {
			continue
		}
		// Over what else was set since the start, which holds with it.
		cfg := b.s.cfg
		for j, a := range b.Appliances() {
			if j != i && a.Set != a.Now {
				cfg, _ = withAppliance(cfg, j, a.Set)
			}
		}
		next, faults := withAppliance(cfg, i, x)
		if len(faults) > 0 {
			return faults, nil
		}
		return nil, b.s.set.Book.Set(settings.Load(id), b.s.set.Written[settings.Load(id)], applianceText(next.Loads[i]))
	}
	return nil, web.ErrUnknown
}

// ResetAppliance implements web.Box.
func (b theBox) ResetAppliance(id string) error {
	own, ok := b.s.set.Written[settings.Load(id)]
	if !ok {
		return web.ErrUnknown
	}
	return b.s.set.Book.Set(settings.Load(id), own, own)
}
