package httpmeter

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/jsonpath"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// Driver is the driver http.
func Driver() metering.Driver {
	return metering.Driver{Name: "http", New: func() metering.Settings { return new(Document) }}
}

// Document is a meter, or a gateway in front of one, that answers with JSON.
type Document struct {
	// URL is asked with GET, e.g. http://192.168.1.30/api/v1/data.
	URL string `yaml:"url"`
	// Timeout is how long a whole answer may take; zero takes 5 s.
	Timeout time.Duration `yaml:"timeout,omitempty"`
	// Username and Password are of basic authentication; Token is a bearer's.
	Username string `yaml:"username,omitempty"`
	Password string `yaml:"password,omitempty" secret:"true"`
	Token    string `yaml:"token,omitempty" secret:"true"`
	// CA is the file of the authority that signed the server's certificate; empty
	// takes the machine's.
	CA string `yaml:"ca,omitempty"`

	Import *Value `yaml:"import,omitempty"` // register, in kWh where it has no unit
	Export *Value `yaml:"export,omitempty"` // register, in kWh where it has no unit
	Power  *Value `yaml:"power,omitempty"`  // positive is import, in W where it has no unit
	// Returned is the power that flows out, where Power tells only what flows in: it
	// is taken off.
	Returned *Value  `yaml:"returned,omitempty"`
	Voltage  *Value  `yaml:"voltage,omitempty"`
	Current  *Value  `yaml:"current,omitempty"`
	Phases   []Phase `yaml:"phases,omitempty"`
	// Step is the resolution of the registers; zero: it is not known.
	Step units.Energy `yaml:"step,omitempty"`
	// Device is where the meter's identity stands: another one is another meter.
	Device string `yaml:"device,omitempty"`
	// Time is where the time of the measurement stands, in any form.  While it does
	// not move for longer than Stale, nothing was measured.
	Time  string        `yaml:"time,omitempty"`
	Stale time.Duration `yaml:"stale,omitempty"` // zero takes a minute, or three readings
}

// Phase is one phase's values.
type Phase struct {
	Power    *Value `yaml:"power,omitempty"`
	Returned *Value `yaml:"returned,omitempty"`
	Voltage  *Value `yaml:"voltage,omitempty"`
	Current  *Value `yaml:"current,omitempty"`
}

// Value is where a number stands and what it means.
type Value struct {
	// Path leads to it: keys with dots between, [2] is the third of a list, and
	// ["a.b"] a key with a dot.
	Path string `yaml:"path"`
	// Unit is Wh, kWh or MWh; W or kW; V or mV; A or mA.
	Unit string `yaml:"unit,omitempty"`
	// Factor is a decimal that the number is multiplied by, such as 0.1 or -1.
	Factor string `yaml:"factor,omitempty"`
}

// unit is a unit by its name and how many of the stored one it is.
type unit struct {
	name string
	per  int64 // microjoules of an energy, thousandths of the rest
}

// The units of each kind of value, the usual one first.
func energies() []unit {
	return []unit{{"kWh", int64(units.KilowattHour)}, {"Wh", int64(units.WattHour)}, {"MWh", 1000 * int64(units.KilowattHour)}}
}
func powers() []unit   { return []unit{{"W", 1000}, {"kW", 1_000_000}} }
func voltages() []unit { return []unit{{"V", 1000}, {"mV", 1}} }
func currents() []unit { return []unit{{"A", 1000}, {"mA", 1}} }

// Check implements metering.Settings.
func (d *Document) Check() fault.List {
	var l fault.List
	d.checkServer(&l)
	phases := len(d.Phases) > 0 && !slices.ContainsFunc(d.Phases, func(p Phase) bool { return p.Power == nil })
	if d.Import == nil && d.Power == nil && !phases {
		l.Add("", "add import: {path: ...} or power: {path: ...}", "neither energy nor power is read")
	}
	_, faults := d.fields()
	l = append(l, faults...)
	for _, p := range []struct{ at, path string }{{"device", d.Device}, {"time", d.Time}} {
		if _, err := jsonpath.Parse(p.path); p.path != "" && err != nil {
			l.Add(p.at, jsonpath.Remedy, "%v", err)
		}
	}
	if d.Step < 0 {
		l.Add("step", "write the energy that the register's last digit is, e.g. 1 Wh", "%v is negative", d.Step)
	}
	if d.Stale < 0 {
		l.Add("stale", "write a time such as 2m", "%v is not an age", d.Stale)
	}
	if d.Stale != 0 && d.Time == "" {
		l.Add("stale", "say by time where the time of the measurement stands, or leave it out", "nothing tells how old an answer is")
	}
	return l
}

func (d *Document) checkServer(l *fault.List) {
	u, err := url.Parse(d.URL)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		l.Add("url", "write it like http://192.168.1.30/api/v1/data", "%q is not the address of a page", redacted(d.URL))
	case u.User != nil:
		l.Add("url", "write username and password as keys of their own", "a password must not stand in the configuration")
	}
	if d.Timeout < 0 || d.Timeout > time.Minute {
		l.Add("timeout", "write a time such as 5s, up to 1m", "%v is not a time to wait", d.Timeout)
	}
	if d.Token != "" && (d.Username != "" || d.Password != "") {
		l.Add("token", "give a token, or a user name and a password", "there are two ways to sign in")
	}
	if d.Password != "" && d.Username == "" {
		l.Add("username", "write the user's name", "there is a password and nobody it belongs to")
	}
}

// redacted is an address without what may be a secret of it.
func redacted(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "it"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// fields are the values that are read, in their order, and what is wrong with them.
func (d *Document) fields() ([]reading, fault.List) {
	var out []reading
	var l fault.List
	add := func(at string, v *Value, kinds []unit, r reading) {
		if v == nil {
			return
		}
		var part fault.List
		r.name, r.scale = at, one
		var err error
		if r.path, err = jsonpath.Parse(v.Path); err != nil {
			part.Add("path", jsonpath.Remedy, "%v", err)
		}
		r.per = 0
		var names []string
		for _, k := range kinds {
			names = append(names, k.name)
			if cmp.Or(v.Unit, kinds[0].name) == k.name {
				r.per = k.per
			}
		}
		if r.per == 0 {
			part.OneOf("unit", v.Unit, names...)
		}
		if v.Factor != "" {
			if r.scale, err = units.ParseDecimal(v.Factor, 9); err != nil || r.scale == 0 || max(r.scale, -r.scale) > 1_000_000*one {
				part.Add("factor", "write a decimal such as 0.1 or -1", "%q is not a factor", v.Factor)
			}
		}
		l.Under(at, part)
		out = append(out, r)
	}
	add("import", d.Import, energies(), reading{field: metering.HasImport})
	add("export", d.Export, energies(), reading{field: metering.HasExport})
	add("power", d.Power, powers(), reading{field: metering.HasPower})
	returned := func(at string, power, back *Value, phase int) {
		if back != nil && power == nil {
			l.Add(at, "say by power where the power that flows in stands", "it is taken off a power that is not read")
		}
		add(at, back, powers(), reading{field: metering.HasPower, phase: phase, off: true})
	}
	returned("returned", d.Power, d.Returned, 0)
	add("voltage", d.Voltage, voltages(), reading{field: metering.HasVoltage})
	add("current", d.Current, currents(), reading{field: metering.HasCurrent})
	for i, p := range d.Phases {
		at := fmt.Sprintf("phases[%d]", i)
		if p == (Phase{}) {
			l.Add(at, "name its power, voltage or current, or take it out", "nothing is read of the phase")
		}
		add(at+".power", p.Power, powers(), reading{field: metering.HasPower, phase: i + 1})
		returned(at+".returned", p.Power, p.Returned, i+1)
		add(at+".voltage", p.Voltage, voltages(), reading{field: metering.HasVoltage, phase: i + 1})
		add(at+".current", p.Current, currents(), reading{field: metering.HasCurrent, phase: i + 1})
	}
	if len(d.Phases) > 3 {
		l.Add("phases", "write up to three", "%d phases", len(d.Phases))
	}
	return out, l
}

// Label implements metering.Settings.
func (d *Document) Label() string { return "HTTP meter at " + redacted(d.URL) }

// Needs implements metering.Settings.
func (d *Document) Needs() metering.Needs { return 0 }

// Pace implements metering.Settings.
func (*Document) Pace() time.Duration { return usualEvery }

// Open implements metering.Settings.
func (d *Document) Open(e metering.Env) (metering.Meter, error) {
	c := Config{Document: *d, Every: e.Every, Now: e.Now}
	if d.CA != "" {
		text, err := os.ReadFile(e.Path(d.CA))
		if err != nil {
			return nil, fmt.Errorf("meter.http.ca: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("meter.http.ca: %s holds no certificate in PEM form", d.CA)
		}
		c.TLS = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return New(c)
}
