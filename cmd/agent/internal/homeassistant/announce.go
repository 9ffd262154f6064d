package homeassistant

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
)

// Home is a site as it announces itself.
type Home struct {
	Prefix  string // of Home Assistant's discovery topics
	ID      string // the site's
	Name    string // for people
	Version string // of the agent
	Unit    string // ISO 4217, or "kWh" where credit is kept in energy
	InKWh   bool
	// Decimals are those of the currency.
	Decimals int
	Switched bool // the supply has a contactor
	Commands bool // what the agent takes over MQTT is offered as well
	Loads    []Load
	Topics   broker.Topics
	Say      func(key string) string // the words for people
	Shares   func(topic string) bool // what is said to the broker; nil: all
}

// Load is one load, as it is announced; Class is "" where it has none.
type Load struct {
	ID, Name, Class string
	Measured        bool // it is never switched
}

// Topic is where the site announces itself.
func (h *Home) Topic() string { return h.Prefix + "/device/" + h.object() + "/config" }

// BirthTopic is where Home Assistant tells that it has started.
func (h *Home) BirthTopic() string { return h.Prefix + "/status" }

// object is the site in identifiers; a site's id has lower-case letters, digits and hyphens.
func (h *Home) object() string { return "keeplit_" + underscored(h.ID) }

func underscored(id string) string { return strings.ReplaceAll(id, "-", "_") }

// slug is text as an entity's id may have it: one underscore at a time, none at an end.  Where two
// become one, Home Assistant numbers them.
func slug(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '_' }), "_")
}

// message is the announcement.
type message struct {
	Device struct {
		IDs          []string `json:"identifiers"`
		Name         string   `json:"name"`
		Manufacturer string   `json:"manufacturer"`
		Model        string   `json:"model"`
		Version      string   `json:"sw_version,omitempty"`
	} `json:"device"`
	Origin struct {
		Name    string `json:"name"`
		Version string `json:"sw_version,omitempty"`
		URL     string `json:"support_url"`
	} `json:"origin"`
	Availability string               `json:"availability_topic"`
	Available    string               `json:"payload_available"`
	Gone         string               `json:"payload_not_available"`
	Components   map[string]component `json:"components"`
}

const (
	origin  = "keeplit" // tells our own announcements from others'
	support = "https://github.com/keeplit/keeplit"
)

// Message is the announcement, with before what is to be taken back: keys of components that
// were announced once and their platforms, see Announced.
func (h *Home) Message(before map[string]string) ([]byte, error) {
	var m message
	m.Device.IDs, m.Device.Name, m.Device.Manufacturer, m.Device.Model, m.Device.Version = []string{h.object()}, plain(h.Name, "keeplit"), origin, h.Say("ha.model"), h.Version
	m.Origin.Name, m.Origin.Version, m.Origin.URL = origin, h.Version, support
	m.Availability, m.Available, m.Gone = h.Topics.Status(), broker.Online, broker.Offline
	m.Components = h.components()
	gone := 0
	for _, key := range slices.Sorted(maps.Keys(before)) {
		if _, there := m.Components[key]; !there && gone < mostGone {
			m.Components[key] = component{"platform": before[key]} // its platform alone: it is gone
			gone++
		}
	}
	return json.Marshal(m)
}

// mostGone is how many components that are gone are told, and mostKept how many are read of
// what the broker keeps.
const mostGone, mostKept = 200, 2000

// Announced are the components of an announcement that the broker keeps, by key, and whether it
// is one of ours at all.  What cannot be a component of ours is left out: anybody may have written it.
func Announced(payload []byte) (components map[string]string, ours bool) {
	var kept struct {
		Origin     struct{ Name string }
		Components map[string]struct{ Platform string }
	}
	if json.Unmarshal(payload, &kept) != nil || kept.Origin.Name != origin {
		return nil, false
	}
	components = map[string]string{}
	for key, c := range kept.Components {
		if len(components) < mostKept && len(key) <= 100 && strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789_") == "" && slices.Contains(platforms(), c.Platform) {
			components[key] = c.Platform
		}
	}
	return components, true
}

// platforms are those that are announced.
func platforms() []string {
	return []string{"binary_sensor", "button", "event", "select", "sensor", "text"}
}

// longestName is how many characters of a name are shown.
const longestName = 80

// plain is a name in one line, other where it says nothing.
func plain(name, other string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(name, " "))
	name = strings.Join(strings.Fields(name), " ")
	if runes := []rune(name); len(runes) > longestName {
		name = string(runes[:longestName])
	}
	if name == "" {
		return other
	}
	return name
}
