package config

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/loads"
)

// Policy is whose signed word counts: see docs/policy.md.
type Policy struct {
	// The utility's name, as its messages have it.
	// Example: example-power
	Issuer string `yaml:"issuer"`
	// The utility's public root keys, as it publishes them.
	// Example: [cdxqyRqyrl-F0FBV7rEIW5f1xgTwEwbqlGHkf3VC3ZY]
	Roots []string `yaml:"roots"`
	// So many root keys must have signed a set of keys before it counts.
	// Example: 1
	Threshold int `yaml:"threshold"`
	// Groups of sites that this one belongs to, such as its feeder.
	// Example: [feeder-7]
	Groups []string `yaml:"groups"`
	// What is listened to: tariff, rates, token, message, limit, event, read, time and supply. Tariff sends
	// prices, rates whole tariffs that take the place of your own from a day on. A limit holds off what can
	// wait, an event asks for that and you may opt out, read asks for readings that you share, supply
	// disconnects you; give them only to whom may.
	// Example: [tariff, token, message, limit]
	Streams []string `yaml:"streams"`
	// How the site is limited, where streams has limit.
	// Example: {fail_safe: 4.2 kW, fail_safe_for: 2h, floor: 4.2 kW}
	Limit Limit `yaml:"limit"`
	// How the site is disconnected, where streams has supply.
	// Example: {control_mode: 1, protected: {holidays: [12-25], notice: 48h}}
	Disconnect *PolicyDisconnect `yaml:"disconnect"`
}

// PolicyDisconnect is how a utility may disconnect the site.
type PolicyDisconnect struct {
	// How a disconnection ends, as DLMS numbers it, 0 to 6: docs/policy.md says what each means. 0: no
	// utility disconnects this site.
	// Example: 1
	ControlMode credit.ControlMode `yaml:"control_mode"`
	// When the utility may not disconnect, whatever it signs. Left out: only what the utility has signed
	// itself holds.
	// Example: {windows: [{days: [fri], from: "12:00", to: "23:59"}], dates: ["11-15 to 04-15"], holidays: ["12-25"], eves: true, notice: 48h}
	Protected *credit.ProtectedDocument `yaml:"protected"`
}

// SetDefaults is what holds where the file says nothing.
func (p *PolicyDisconnect) SetDefaults() { *p = PolicyDisconnect{ControlMode: 1} }

// SetDefaults is what holds where the file says nothing.
func (p *Policy) SetDefaults() {
	*p = Policy{Threshold: 1, Limit: limitDefaults()}
}

// PolicyStreams are the streams that a site may listen to.
func PolicyStreams() []string {
	return []string{"tariff", "rates", "token", "message", "limit", "event", "read", "time", "supply"}
}

var issuerForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,62}$`) //nolint:gochecknoglobals // compiled once, never changed

// checkPolicy names what is wrong with policy.
func (c *Config) checkPolicy(l *fault.List) {
	p := c.Policy
	if p == nil {
		return
	}
	if c.MQTT == nil {
		l.Add("policy", "write mqtt: with the broker's address, or leave policy out", "a utility is heard over MQTT, and there is no broker")
	}
	if !issuerForm.MatchString(p.Issuer) {
		l.Add("policy.issuer", "write the name that your utility signs with: lower-case letters, digits, dots and hyphens", "%q cannot name a utility", p.Issuer)
	}
	if len(p.Roots) == 0 || len(p.Roots) > 16 {
		l.Add("policy.roots", "write the root keys that your utility has given you, 1 to 16", "there are %d root keys", len(p.Roots))
	}
	for i, r := range p.Roots {
		at := fmt.Sprintf("policy.roots[%d]", i)
		if raw, err := base64.RawURLEncoding.Strict().DecodeString(r); err != nil || len(raw) != 32 {
			l.Add(at, `write the 43 characters that "agent policy keygen" printed as the public key`, "%.60q is not a public key", r)
		}
		if slices.Contains(p.Roots[:i], r) {
			l.Add(at, "leave it out", "this key stands there twice")
		}
	}
	if p.Threshold < 1 || p.Threshold > max(1, len(p.Roots)) {
		l.Add("policy.threshold", "write how many of the root keys must have signed, best 2 of 3", "%d of %d root keys can never be", p.Threshold, len(p.Roots))
	}
	for i, g := range p.Groups {
		if !idForm.MatchString(g) {
			l.Add(fmt.Sprintf("policy.groups[%d]", i), "write 1 to 63 lower-case letters, digits and hyphens", "%q cannot name a group", g)
		}
	}
	if len(p.Groups) > 16 {
		l.Add("policy.groups", "name 16 at the most", "there are %d groups", len(p.Groups))
	}
	if len(p.Streams) == 0 {
		l.Add("policy.streams", "name what the utility may do: tariff, rates, token, message, limit, event, read, time, supply", "nothing is listened to")
	}
	for i, s := range p.Streams {
		if !slices.Contains(PolicyStreams(), s) {
			l.Add(fmt.Sprintf("policy.streams[%d]", i), "write tariff, rates, token, message, limit, event, read, time or supply", "%q is no stream", s)
		}
	}
	p.Limit.check(l, "policy.limit")
	c.checkDisconnect(l)
}

// checkDisconnect names what is wrong with policy.disconnect.
func (c *Config) checkDisconnect(l *fault.List) {
	d, listens := c.Policy.Disconnect, slices.Contains(c.Policy.Streams, "supply")
	switch {
	case d == nil && listens:
		l.Add("policy.disconnect", "write when the home is protected (disconnect.protected, docs/policy.md), or leave supply out of policy.streams", "it is missing, and policy.streams lets the utility disconnect the home")
		return
	case d == nil:
		return
	case !listens:
		l.Add("policy.disconnect", "add supply to policy.streams, or leave disconnect out", "policy.streams does not let the utility disconnect the home")
	case c.Supply.Switch.Driver == loads.DriverNone:
		l.Add("policy.disconnect", "write supply.switch, or leave disconnect and the stream supply out", "there is no switch of the supply")
	}
	if err := d.ControlMode.Check(); err != nil {
		l.Add("policy.disconnect.control_mode", "write 0 to 6, best 1: somebody at home closes the supply", "%s", err)
	}
	if d.Protected != nil {
		if len(d.Protected.Alerts) > 0 && !slices.Contains(c.Policy.Streams, "message") {
			l.Add("policy.disconnect.protected.alerts", "add message to policy.streams", "alerts come as messages, and policy.streams does not let the utility send any")
		}
		for _, f := range d.Protected.Check() {
			l.Add("policy.disconnect.protected."+f.Path, f.Remedy, "%s", f.Problem)
		}
	}
}
