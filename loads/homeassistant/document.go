// Package homeassistant switches an entity of Home Assistant, and tells it how much it may
// draw, over Home Assistant's websocket: the way to devices that it speaks to and keeplit
// does not, such as those of Tuya, Kasa, Matter or ZHA.
//
// Home Assistant is asked for the entities by subscribe_entities: it tells their states at
// once and then each change, also to a user who is no administrator.  That it has taken
// a command is no state: this is what the entity is said to be after it
// (developers.home-assistant.io, WebSocket API; the compressed states are those of
// home-assistant-js-websocket).
package homeassistant

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/internal/level"
)

// Driver is the driver homeassistant.
func Driver() loads.Driver {
	return loads.Driver{Name: "homeassistant", New: func() loads.Settings { return new(Document) }}
}

// Document is an entity.
//
// In a configuration: An entity of Home Assistant, such as a plug of Tuya, Kasa, Matter or ZHA.
// Example: {driver: homeassistant, url: "http://homeassistant.local:8123", token: {file: homeassistant.token}, entity: switch.geyser}
type Document struct {
	// Home Assistant's address, as in a browser.
	// Example: http://homeassistant.local:8123
	URL string `yaml:"url"`
	// A long-lived access token, made on the profile page of a user of Home Assistant, in a file or an
	// environment variable.
	// Example: {file: homeassistant.token}
	Token string `yaml:"token" secret:"true"`
	// What is switched: an entity with turn_on and turn_off. Left out: a set-point of 0 is off; without one
	// it is of kind measured.
	// Example: switch.geyser
	Entity string `yaml:"entity"`
	// How it is told what it may draw, for loads of kind power.
	// Example: {entity: number.charger_current, unit: A}
	Setpoint *SetpointDocument `yaml:"setpoint"`
	// Where it says what it draws.
	// Example: {entity: sensor.geyser_power}
	Measured *MeasuredDocument `yaml:"measured"`
	// The least time between two changes of the set-point.
	// Example: 30s
	Pause time.Duration `yaml:"pause"`
	// How long a state is believed when Home Assistant says nothing any more.
	// Default: 1m
	// Example: 2m
	Stale time.Duration `yaml:"stale"`
}

// SetpointDocument is a number that is how much may be drawn.
type SetpointDocument struct {
	// The entity: of number or input_number.
	// Example: number.charger_current
	Entity string `yaml:"entity"`
	// Its unit: W, kW, A or mA.
	// Default: W
	// Example: A
	Unit string `yaml:"unit"`
}

// MeasuredDocument is a sensor of power or current.
type MeasuredDocument struct {
	// The sensor.
	// Example: sensor.geyser_power
	Entity string `yaml:"entity"`
	// Its unit: W, kW, A or mA.
	// Default: W
	// Example: kW
	Unit string `yaml:"unit"`
}

const usualStale = time.Minute

var entityForm = regexp.MustCompile(`^[a-z0-9_]+\.[a-z0-9_]+$`) //nolint:gochecknoglobals // compiled once, never changed

// switchable are the domains whose entities have turn_on and turn_off, and whose state then is not
// something else.
func switchable() []string {
	return []string{"switch", "input_boolean", "light", "fan", "climate", "water_heater", "humidifier", "siren"}
}

// Check implements loads.Settings.
func (d *Document) Check() fault.List {
	var l fault.List
	u, err := url.Parse(d.URL)
	switch {
	case d.URL == "":
		l.Add("url", "write Home Assistant's address, like http://homeassistant.local:8123", "it is missing")
	case err != nil || !slices.Contains([]string{"http", "https", "ws", "wss"}, u.Scheme) || u.Host == "":
		l.Add("url", "write it with http:// before it, like http://homeassistant.local:8123", "this is not the address of Home Assistant")
	case u.User != nil:
		l.Add("url", "write the token as a key of its own", "a password must not stand in the configuration")
	}
	l.Need("token", d.Token, "make a long-lived access token on your profile page in Home Assistant, and write {file: homeassistant.token}")
	if d.Entity == "" && d.Setpoint == nil && d.Measured == nil {
		l.Add("entity", "write e.g. entity: switch.geyser, or setpoint: {entity: number.charger_current}; of kind measured, measured: {entity: sensor.geyser_power}", "nothing says what is switched")
	}
	if d.Entity != "" {
		checkEntity(&l, "entity", d.Entity, switchable()...)
	}
	if s := d.Setpoint; s != nil {
		checkEntity(&l, "setpoint.entity", s.Entity, "number", "input_number")
		level.CheckUnit(&l, "setpoint.unit", s.Unit)
	}
	if m := d.Measured; m != nil {
		checkEntity(&l, "measured.entity", m.Entity, "sensor", "input_number", "number")
		level.CheckUnit(&l, "measured.unit", m.Unit)
	}
	if d.Pause < 0 || d.Pause > time.Hour {
		l.Add("pause", "write e.g. 10s", "%v is not a pause between two set-points", d.Pause)
	}
	if d.Stale != 0 && (d.Stale < 10*time.Second || d.Stale > time.Hour) {
		l.Add("stale", "write 10s to 1h, e.g. 1m", "%v is not how long a state is believed", d.Stale)
	}
	return l
}

func checkEntity(l *fault.List, path, entity string, domains ...string) {
	domain, _, _ := strings.Cut(entity, ".")
	switch {
	case !entityForm.MatchString(entity):
		l.Add(path, "write it as Home Assistant has it under Developer tools, States: "+domains[0]+".NAME", "%q is not an entity", entity)
	case !slices.Contains(domains, domain):
		l.Add(path, "write an entity of "+strings.Join(domains, ", "), "%s is none of what this can be", entity)
	}
}

func (d *Document) amperes() bool {
	return d.Setpoint != nil && level.Current(d.Setpoint.Unit) || d.Measured != nil && level.Current(d.Measured.Unit)
}

// Traits implements loads.Settings: nothing in Home Assistant drops a load that is not
// told On again.
func (d *Document) Traits() loads.Traits {
	t := loads.Traits{
		Remote: true, Powers: d.Setpoint != nil, Told: d.Setpoint != nil, Amperes: d.amperes(),
		Measures: d.Measured != nil, Deaf: d.Entity == "" && d.Setpoint == nil,
	}
	if t.Deaf && d.Measured != nil {
		t.Of = d.Measured.Entity
	}
	if d.Entity != "" {
		t.Of = d.Entity
	}
	if s := d.Setpoint; s != nil && s.Entity != "" {
		if t.Of == "" {
			t.Of = s.Entity
		} else {
			t.Also = s.Entity
		}
	}
	return t
}
