// Package httpswitch switches a device that is told so by a request over HTTP, and tells
// it how much it may draw: which requests these are, and where in the answers it says its
// state, is known of some kinds of devices and else for the configuration to say.
//
// Nobody calls the agent when something changes: the state is asked for, every so often
// and right behind each command.  Redirects are not followed, and no proxy is used: what is
// asked, and who is given the password, is what stands in the configuration.
package httpswitch

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/internal/level"
)

// Driver is the driver http.
func Driver() loads.Driver {
	return loads.Driver{Name: "http", New: func() loads.Settings { return new(Document) }}
}

// Document is a device that answers over HTTP.
//
// In a configuration: A device that is switched or told a power by a request over HTTP, such as a Shelly or ESPHome without a broker.
// Example: {driver: http, kind: shelly, url: "http://192.168.1.40"}
type Document struct {
	// A kind of device whose requests are known: shelly (second generation and later), shelly-gen1 or
	// esphome. Left out: they are written here.
	// Example: shelly
	Kind string `yaml:"kind"`
	// The device's address; the others are told from it.
	// Example: http://192.168.1.40
	URL string `yaml:"url"`
	// Of kind shelly or shelly-gen1: the relay, from 0.
	// Example: 1
	Channel int `yaml:"channel"`
	// Of kind esphome: the switch as its page calls it, in the address of its own state: /switch/NAME.
	// Example: relay
	Component string `yaml:"component"`
	// What switches it on. {seconds} stands for the time after which the device is to go off by itself.
	// Example: {url: "/relay/0?turn=on&timer={seconds}"}
	On *RequestDocument `yaml:"on"`
	// What switches it off.
	// Example: {url: "/relay/0?turn=off"}
	Off *RequestDocument `yaml:"off"`
	// Where it says whether it is on. Left out: it is on where its set-point is above 0.
	// Example: {url: /status, path: "relays[0].ison"}
	State *StateDocument `yaml:"state"`
	// How it is told what it may draw, for loads of kind power.
	// Example: {url: "/set?amps={value}", unit: A, state: {url: /status, path: amps}}
	Setpoint *SetpointDocument `yaml:"setpoint"`
	// Where it says what it draws.
	// Example: {url: /status, path: "meters[0].power"}
	Measured *ValueDocument `yaml:"measured"`
	// The user, where the device asks for one (HTTP Basic or Digest).
	// Default: admin of kind shelly
	// Example: admin
	Username string `yaml:"username"`
	// That user's password, in a file or an environment variable.
	// Example: {file: plug.password}
	Password string `yaml:"password" secret:"true"`
	// A bearer token, in a file or an environment variable, where the device asks for one.
	// Example: {file: plug.token}
	Token string `yaml:"token" secret:"true"`
	// How long a whole answer may take.
	// Default: 5s
	// Example: 3s
	Timeout time.Duration `yaml:"timeout"`
	// How often it is asked for its state.
	// Default: 15s
	// Example: 30s
	Every time.Duration `yaml:"every"`
	// The least time between two changes of the set-point.
	// Example: 30s
	Pause time.Duration `yaml:"pause"`
	// The device drops the load by itself where it is not told again for so long, by the {seconds} of on.
	// 0s of a known kind: it does not.
	// Default: 10m, where on has {seconds}
	// Example: 10m
	DeadMan *time.Duration `yaml:"dead_man"`
	// A state that was heard longer ago than this is not known any more.
	// Default: 2m
	// Example: 5m
	Stale time.Duration `yaml:"stale"`
}

// RequestDocument is a request that does something.
type RequestDocument struct {
	// The address, or what of it follows the device's.
	// Example: "/relay/0?turn=on"
	URL string `yaml:"url"`
	// GET, POST or PUT. Left out: POST where there is a body, else GET.
	// Example: POST
	Method string `yaml:"method"`
	// What is sent with it.
	// Example: '{"on": true}'
	Body string `yaml:"body"`
}

// StateDocument is where a device says whether it is on.
type StateDocument struct {
	// The address, or what of it follows the device's.
	// Example: /status
	URL string `yaml:"url"`
	// Where it stands in JSON, as relays[0].ison. Left out: it is all of the answer.
	// Example: relays[0].ison
	Path string `yaml:"path"`
	// The words for on, with | between them.
	// Default: on, true and 1
	// Example: "run|heat"
	On string `yaml:"on"`
	// The words for off, with | between them.
	// Default: off, false and 0
	// Example: "idle|wait"
	Off string `yaml:"off"`
}

// ValueDocument is where a device says a power or a current.
type ValueDocument struct {
	// The address, or what of it follows the device's.
	// Example: /status
	URL string `yaml:"url"`
	// Where it stands in JSON, as meters[0].power. Left out: it is all of the answer.
	// Example: meters[0].power
	Path string `yaml:"path"`
	// The unit: W, kW, A or mA.
	// Default: W
	// Example: kW
	Unit string `yaml:"unit"`
}

// SetpointDocument is how a device is told what it may draw.
type SetpointDocument struct {
	// The address, or what of it follows the device's; {value} stands for the number, here or in body.
	// Example: "/set?amps={value}"
	URL string `yaml:"url"`
	// GET, POST or PUT. Left out: POST where there is a body, else GET.
	// Example: POST
	Method string `yaml:"method"`
	// What is sent with it.
	// Example: '{"amps": {value}}'
	Body string `yaml:"body"`
	// The unit of what it is told and of what it says: W, kW, A or mA.
	// Default: W
	// Example: A
	Unit string `yaml:"unit"`
	// Where it says what it was told. Left out: it does not.
	// Example: {url: /status, path: amps}
	State *LevelDocument `yaml:"state"`
}

// LevelDocument is where a device says what it was told to draw.
type LevelDocument struct {
	// The address, or what of it follows the device's.
	// Example: /status
	URL string `yaml:"url"`
	// Where it stands in JSON, as amps. Left out: it is all of the answer.
	// Example: amps
	Path string `yaml:"path"`
}

const (
	usualTimeout = 5 * time.Second
	usualEvery   = 15 * time.Second
	usualStale   = 2 * time.Minute
	seconds      = "{seconds}"
	value        = "{value}"
)

// Check implements loads.Settings.
func (d *Document) Check() fault.List {
	var l fault.List
	l.OneOf("kind", d.Kind, append([]string{""}, kinds()...)...)
	d.checkServer(&l)
	d.checkKind(&l)
	if d.Kind == "" {
		d.checkRequests(&l)
	}
	if v := d.Measured; v != nil {
		d.checkURL(&l, "measured.url", v.URL)
		level.CheckPath(&l, "measured.path", v.Path)
		level.CheckUnit(&l, "measured.unit", v.Unit)
	}
	if d.Timeout < 0 || d.Timeout > 8*time.Second {
		l.Add("timeout", "write a time such as 3s, up to 8s", "%v is not a time to wait for a switch", d.Timeout)
	}
	if d.Every != 0 && (d.Every < time.Second || d.Every > time.Hour) {
		l.Add("every", "write 1s to 1h, e.g. 15s", "%v is not how often a device is asked", d.Every)
	}
	if d.Pause < 0 || d.Pause > time.Hour {
		l.Add("pause", "write e.g. 10s", "%v is not a pause between two set-points", d.Pause)
	}
	if d.Stale < 0 || d.Stale > 0 && d.Stale < d.every()+d.timeout() {
		l.Add("stale", fmt.Sprintf("write more than every and timeout together, e.g. %v", 4*d.every()), "within %v the device is not asked again and heard", d.Stale)
	}
	if d.Stale == 0 && d.every()+d.timeout() > usualStale {
		l.Add("stale", fmt.Sprintf("write how long a state is believed, e.g. %v", 3*d.every()), "asked every %v, it is not heard again within %v", d.every(), usualStale)
	}
	if m := d.DeadMan; m != nil && *m != 0 && (*m < 30*time.Second || *m > 12*time.Hour) {
		l.Add("dead_man", "write 30s to 12h, or leave it out", "%v is not a dead-man time", *m)
	} else if m != nil && !d.timed() && *m != 0 {
		l.Add("dead_man", "write {seconds} where on says after how many seconds it goes off, or leave dead_man out", "nothing tells the device when to drop the load")
	}
	return l
}

func (d *Document) checkServer(l *fault.List) {
	u, err := url.Parse(d.URL)
	switch {
	case d.URL == "":
		l.Add("url", "write the device's address, like http://192.168.1.40", "it is missing")
	case err != nil || !slices.Contains([]string{"http", "https"}, u.Scheme) || u.Host == "":
		l.Add("url", "write it with http:// before it, like http://192.168.1.40", "this is not the address of a device")
	case u.User != nil:
		l.Add("url", "write username and password as keys of their own", "a password must not stand in the configuration")
	}
	if d.Token != "" && (d.Username != "" || d.Password != "") {
		l.Add("token", "give a token, or a user name and a password", "there are two ways to sign in")
	}
	if d.Password != "" && d.user() == "" {
		l.Add("username", "write the user's name", "there is a password and nobody it belongs to")
	}
}

// checkKind finds keys that do not go with the kind.
func (d *Document) checkKind(l *fault.List) {
	k, known := kindOf(d.Kind)
	if d.Kind != "" && !known {
		return // that is said
	}
	if d.Channel < 0 || d.Channel > 31 {
		l.Add("channel", "relays are counted from 0", "%d is not a channel", d.Channel)
	} else if d.Channel != 0 && !k.channels {
		l.Add("channel", "leave it out, or write kind: shelly or shelly-gen1", "only the relays of a Shelly are counted")
	}
	switch {
	case k.component && !componentForm.MatchString(d.Component):
		l.Add("component", "write the switch's name as it stands in the address of its state, e.g. relay of /switch/relay", "%q is not the name of a switch", d.Component)
	case !k.component && d.Component != "":
		l.Add("component", "leave it out, or write kind: esphome", "only the switches of an ESPHome have names")
	}
	if d.Kind == "" {
		return
	}
	for _, x := range []struct {
		key   string
		given bool
	}{{"on", d.On != nil}, {"off", d.Off != nil}, {"state", d.State != nil}, {"setpoint", d.Setpoint != nil}} {
		if x.given {
			l.Add(x.key, "leave it out, or take out kind", "kind %s has its own requests", d.Kind)
		}
	}
}

func (d *Document) checkRequests(l *fault.List) {
	switch {
	case d.On == nil && d.Off == nil && d.Setpoint == nil && d.Measured != nil: // of kind measured
	case d.On == nil && d.Off == nil && d.Setpoint == nil:
		l.Add("on", `write on: {url: ...} and off: {url: ...}, or setpoint: {url: "...{value}"}, or a kind`, "nothing says how it is switched")
	case d.On == nil && d.Off != nil:
		l.Add("on", "write on: {url: ...}", "it is told to go off and never to go on")
	case d.On != nil && d.Off == nil:
		l.Add("off", "write off: {url: ...}", "it is told to go on and never to go off")
	}
	if r := d.On; r != nil {
		d.checkRequest(l, "on", *r)
	}
	if r := d.Off; r != nil {
		d.checkRequest(l, "off", *r)
		if strings.Contains(r.URL+r.Body, seconds) {
			l.Add("off", "take {seconds} out", "what is off must not come on by itself")
		}
		if d.On != nil && *d.On == *d.Off {
			l.Add("off", "write the request that switches it off", "it is the same as the one for on")
		}
	}
	if s := d.State; s != nil {
		d.checkURL(l, "state.url", s.URL)
		level.CheckPath(l, "state.path", s.Path)
		level.CheckWords(l, "state", s.On, s.Off)
	}
	if s := d.Setpoint; s != nil {
		d.checkRequest(l, "setpoint", RequestDocument{URL: s.URL, Method: s.Method, Body: s.Body})
		level.CheckUnit(l, "setpoint.unit", s.Unit)
		if strings.Count(s.URL, value)+strings.Count(s.Body, value) != 1 {
			l.Add("setpoint", `write {value} where the number stands, e.g. {url: "/set?amps={value}"}`, "where the number stands is not said, or said twice")
		}
		if v := s.State; v != nil {
			d.checkURL(l, "setpoint.state.url", v.URL)
			level.CheckPath(l, "setpoint.state.path", v.Path)
		}
	}
}

func (d *Document) checkRequest(l *fault.List, path string, r RequestDocument) {
	d.checkURL(l, path+".url", r.URL)
	l.OneOf(path+".method", r.Method, "", http.MethodGet, http.MethodPost, http.MethodPut)
	if r.Body != "" && r.Method == http.MethodGet {
		l.Add(path+".body", "write method: POST or PUT", "nothing is sent with GET")
	}
}

// checkURL finds what leads nowhere, or to another device, which would be given the
// password.
func (d *Document) checkURL(l *fault.List, path, text string) {
	if text == "" {
		l.Add(path, "write what of the address follows the device's, e.g. /status", "it is missing")
		return
	}
	base, err := url.Parse(d.URL)
	if err != nil || base.Host == "" {
		return // that is said
	}
	own, err := url.Parse(text)
	if err != nil {
		l.Add(path, "write e.g. /status", "this is not an address")
		return
	}
	if at := base.ResolveReference(own); at.Host != base.Host || at.Scheme != base.Scheme || own.User != nil {
		l.Add(path, "write an address of the device under url", "it leads to another device, or names a user")
	}
}

func (d *Document) timeout() time.Duration { return or(d.Timeout, usualTimeout) }

func (d *Document) every() time.Duration { return or(d.Every, usualEvery) }

func or[T comparable](v, otherwise T) T {
	if v == *new(T) {
		return otherwise
	}
	return v
}

// user is whom the password belongs to: of a Shelly of the second generation there is one
// alone.
func (d *Document) user() string {
	if d.Username == "" && d.Kind == kindShelly {
		return "admin"
	}
	return d.Username
}

// timed tells whether the device can be told when to go off by itself.
func (d *Document) timed() bool {
	if k, known := kindOf(d.Kind); known {
		return k.timed
	}
	return d.On != nil && strings.Contains(d.On.URL+d.On.Body, seconds)
}

func (d *Document) amperes() bool {
	return d.Setpoint != nil && level.Current(d.Setpoint.Unit) || d.Measured != nil && level.Current(d.Measured.Unit)
}

// deaf tells whether it is only measured.
func (d *Document) deaf() bool {
	return d.Kind == "" && d.On == nil && d.Off == nil && d.Setpoint == nil
}

// Traits implements loads.Settings.
func (d *Document) Traits() loads.Traits {
	t := loads.Traits{
		Remote: true, Powers: d.Setpoint != nil, Told: d.Setpoint != nil, Amperes: d.amperes(),
		Renewable: d.timed(), DeadMan: d.DeadMan,
		Measures: d.Measured != nil || d.Kind == kindShelly, Deaf: d.deaf(),
	}
	t.Blind = d.Kind == "" && d.State == nil && (d.Setpoint == nil || d.Setpoint.State == nil) && !t.Deaf
	host := ""
	if u, err := url.Parse(d.URL); err == nil {
		host = u.Host
	}
	switch k, _ := kindOf(d.Kind); {
	case host == "":
	case k.channels:
		t.Of = fmt.Sprintf("relay %d of %s", d.Channel, host)
	case k.component:
		t.Of = "switch " + d.Component + " of " + host
	default:
		if r := d.On; r != nil && r.URL != "" {
			t.Of = strings.TrimSpace(r.URL + " " + r.Body + " of " + host)
		}
		if s := d.Setpoint; s != nil && s.URL != "" {
			of := strings.TrimSpace(s.URL + " " + s.Body + " of " + host)
			if t.Of == "" {
				t.Of = of
			} else {
				t.Also = of
			}
		}
	}
	return t
}
