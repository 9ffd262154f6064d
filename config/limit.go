package config

import (
	"fmt"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// Limits are who may say how much is drawn besides a utility that signs it (policy): see
// docs/limits.md.
type Limits struct {
	// Contacts at GPIO inputs, such as those of a grid operator's control box.
	// Example: {of: loads, inputs: [{line: GPIO5, pull: up, active_low: true, limit: 4.2 kW}]}
	Contact *ContactLimit `yaml:"contact"`
	// What the household's own programs send to the topic limit/set.
	// Example: {floor: 500 W, fail_safe: 8 kW}
	MQTT *Limit `yaml:"mqtt"`
}

// ContactLimit is one to four contacts; the lowest limit of those that are closed holds.
type ContactLimit struct {
	Limit `yaml:",inline"`
	// One to four contacts. The lowest limit of those that are closed holds.
	// Example: [{line: GPIO5, pull: up, active_low: true, limit: 4.2 kW}]
	Inputs []LimitInput `yaml:"inputs"`
}

// LimitInput is one contact.
type LimitInput struct {
	metering.ContactDocument `yaml:",inline"`
	// The limit while the contact is closed.
	// Example: 4.2 kW
	Limit units.Power `yaml:"limit"`
	// Whether it says by being closed that there is no limit. One of the contacts is then always closed,
	// and where none is, a wire is broken.
	// Example: true
	Free bool `yaml:"free"`
}

// SetDefaults is what holds where the file says nothing.
func (c *ContactLimit) SetDefaults() { c.Limit = limitDefaults() }

// What a limit counts.
const (
	OfSite  = "site"  // all that the site draws
	OfLoads = "loads" // what the loads that can wait draw together
)

// Limit is how the site may be limited by one who may.
type Limit struct {
	// What counts: site, all that is drawn; loads, what the loads that can wait draw together.
	// Example: loads
	Of string `yaml:"of"`
	// The limit while nobody is heard.
	// Example: 4.2 kW
	FailSafe units.Power `yaml:"fail_safe"`
	// At least so long the fail-safe limit holds, where somebody is heard again and says nothing of a
	// limit; 2h to 24h.
	// Example: 2h
	FailSafeFor time.Duration `yaml:"fail_safe_for"`
	// The least limit that is obeyed: no message takes more away.
	// Example: 4.2 kW
	Floor units.Power `yaml:"floor"`
}

// SetDefaults is what holds where the file says nothing.
func (p *Limit) SetDefaults() { *p = limitDefaults() }

func limitDefaults() Limit {
	return Limit{Of: OfSite, FailSafe: 4200 * units.Watt, FailSafeFor: 2 * time.Hour, Floor: 4200 * units.Watt}
}

// Devices tells whether what the loads that can wait draw together counts, and no more.
func (p Limit) Devices() bool { return p.Of == OfLoads }

// Bounds of the least time of fail-safe.
const leastFailSafe, mostFailSafe = 2 * time.Hour, 24 * time.Hour

func (p Limit) check(l *fault.List, at string) {
	if p.Of != OfSite && p.Of != OfLoads {
		l.Add(at+".of", "write site (all that is drawn counts) or loads (what the loads that can wait draw)", "%q cannot be limited", p.Of)
	}
	if p.Floor <= 0 {
		l.Add(at+".floor", "write the least that the site may be limited to, e.g. 4.2 kW", "%s would let the light be taken away", p.Floor)
	}
	if p.FailSafe <= 0 || p.FailSafe < p.Floor {
		l.Add(at+".fail_safe", fmt.Sprintf("write %s or more", p.Floor), "%s is below the floor of %s", p.FailSafe, p.Floor)
	}
	if p.FailSafeFor < leastFailSafe || p.FailSafeFor > mostFailSafe {
		l.Add(at+".fail_safe_for", "write 2h to 24h", "%s is not between 2h and 24h", p.FailSafeFor)
	}
}

// mostInputs is as many contacts as a control box has.
const mostInputs = 4

// checkLimits names what is wrong with limits.
func (c *Config) checkLimits(l *fault.List) {
	if m := c.Limits.MQTT; m != nil {
		if c.MQTT == nil {
			l.Add("limits.mqtt", "write mqtt: with the broker's address, or leave it out", "a limit comes over MQTT, and there is no broker")
		}
		m.check(l, "limits.mqtt")
	}
	k := c.Limits.Contact
	if k == nil {
		return
	}
	k.check(l, "limits.contact")
	if len(k.Inputs) == 0 || len(k.Inputs) > mostInputs {
		l.Add("limits.contact.inputs", "write 1 to 4 contacts, each with its line and its limit", "there are %d contacts", len(k.Inputs))
	}
	for i, in := range k.Inputs {
		at := fmt.Sprintf("limits.contact.inputs[%d]", i)
		l.Under(at, in.Check())
		switch {
		case in.Free && in.Limit != 0:
			l.Add(at+".limit", "leave it out, or leave free out", "a contact that says that there is no limit has none")
		case !in.Free && in.Limit < k.Floor:
			l.Add(at+".limit", fmt.Sprintf("write %s or more: a limit dims what can wait, and is no disconnection", k.Floor), "%s is below the floor", in.Limit)
		}
		if in.Line != "" && slices.ContainsFunc(k.Inputs[:i], func(o LimitInput) bool { return o.Line == in.Line && o.Chip == in.Chip }) {
			l.Add(at+".line", "give each contact an input of its own", "%s is used twice", in.Line)
		}
	}
	if frees := len(slices.DeleteFunc(slices.Clone(k.Inputs), func(in LimitInput) bool { return !in.Free })); frees > 0 && frees == len(k.Inputs) {
		l.Add("limits.contact.inputs", "add a contact with a limit", "none of the contacts limits anything")
	}
}
