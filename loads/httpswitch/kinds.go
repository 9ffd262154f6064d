package httpswitch

import (
	"net/http"
	"net/url"
	"regexp"
	"strconv"
)

const (
	kindShelly  = "shelly"
	kindGen1    = "shelly-gen1"
	kindESPHome = "esphome"
)

func kinds() []string { return []string{kindShelly, kindGen1, kindESPHome} }

var componentForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 ._-]{0,119}$`) //nolint:gochecknoglobals // compiled once, never changed

// kind is a kind of device whose requests are known.
type kind struct {
	channels  bool // its relays are counted
	component bool // its switches have names
	timed     bool // it can be told when to go off by itself
}

func kindOf(name string) (k kind, known bool) {
	switch name {
	case kindShelly, kindGen1:
		return kind{channels: true, timed: true}, true
	case kindESPHome:
		return kind{component: true}, true
	}
	return k, false
}

// whole is d with the requests of its kind.  drops tells whether the device is to go off
// by itself.
//
// Shelly, second generation: HTTP GET on /rpc/METHOD with the parameters in the query
// (shelly-api-docs.shelly.cloud, gen2, Switch: Switch.Set with toggle_after in seconds,
// Switch.GetStatus with output, and apower where it measures).  First generation:
// /relay/N?turn=on&timer=SECONDS and /status with relays[N].ison (the same, gen1); what
// it says under meters is no measurement of a model that cannot measure, and so is only
// taken where measured names it.  ESPHome: the REST of web_server, POST
// /switch/ID/turn_on and GET /switch/ID with {"value": true, "state": "ON"}
// (esphome.io/web-api).
func (d *Document) whole(drops bool) Document {
	w := *d
	n := strconv.Itoa(d.Channel)
	timer := ""
	switch d.Kind {
	case kindShelly:
		if drops {
			timer = "&toggle_after=" + seconds
		}
		w.On = &RequestDocument{URL: "/rpc/Switch.Set?id=" + n + "&on=true" + timer}
		w.Off = &RequestDocument{URL: "/rpc/Switch.Set?id=" + n + "&on=false"}
		w.State = &StateDocument{URL: "/rpc/Switch.GetStatus?id=" + n, Path: "output"}
		if w.Measured == nil {
			w.Measured = &ValueDocument{URL: w.State.URL, Path: "apower"}
		}
	case kindGen1:
		if drops {
			timer = "&timer=" + seconds
		}
		w.On = &RequestDocument{URL: "/relay/" + n + "?turn=on" + timer}
		w.Off = &RequestDocument{URL: "/relay/" + n + "?turn=off"}
		w.State = &StateDocument{URL: "/status", Path: "relays[" + n + "].ison"}
	case kindESPHome:
		at := "/switch/" + url.PathEscape(d.Component)
		w.On = &RequestDocument{URL: at + "/turn_on", Method: http.MethodPost}
		w.Off = &RequestDocument{URL: at + "/turn_off", Method: http.MethodPost}
		w.State = &StateDocument{URL: at, Path: "value"}
	}
	return w
}
