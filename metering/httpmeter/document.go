package httpmeter

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/values"
)

// Driver is the driver http.
func Driver() metering.Driver {
	return metering.Driver{Name: "http", New: func() metering.Settings { return new(Document) }}
}

// Document is a meter, or a gateway in front of one, that answers with JSON.
//
// In a configuration: A meter, or a gateway in front of one, that answers with JSON or a number over
// HTTP or a websocket.
// Example: {url: "http://192.168.1.30/api/v1/data", import: {path: total_power_import_kwh}, power: {path: active_power_w}}
type Document struct {
	// A kind of device whose answers are known. Left out: they are described here.
	// Example: homewizard-p1
	Kind string `yaml:"kind,omitempty"`
	// The address that is asked with GET; of a known kind that of the device alone. ws:// or wss:// is a
	// websocket, on which the device sends by itself.
	// Example: http://192.168.1.30/api/v1/data
	URL string `yaml:"url"`
	// What a websocket is told once it is open.
	// Example: ['{"subscribe": "power"}']
	Send []string `yaml:"send,omitempty"`
	// How long a whole answer may take.
	// Default: 5s
	// Example: 10s
	Timeout time.Duration `yaml:"timeout,omitempty" zero:"no"`
	// The user, where the device asks for one (HTTP Basic).
	// Example: admin
	Username string `yaml:"username,omitempty"`
	// That user's password, in a file or an environment variable.
	// Example: {file: meter.password}
	Password string `yaml:"password,omitempty" secret:"true"`
	// A bearer token, in a file or an environment variable, where the device asks for one.
	// Example: {file: homeassistant.token}
	Token string `yaml:"token,omitempty" secret:"true"`
	// File of the authority that signed the device's certificate, PEM. Left out, the machine's own
	// authorities are trusted.
	// Example: meter-ca.pem
	CA string `yaml:"ca,omitempty"`

	values.Description `yaml:",inline"`
}

// Check implements metering.Settings.
func (d *Document) Check() fault.List {
	var l fault.List
	w := d.whole()
	w.checkServer(&l)
	k, known := kinds()[d.Kind]
	switch {
	case d.Kind != "" && !known:
		l.OneOf("kind", d.Kind, names()...)
	case !k.sml:
		l = append(l, w.Description.Check(w.medium(), "")...)
	case !reflect.DeepEqual(d.Description, values.Description{Stale: d.Stale}):
		l.Add("kind", "take out what is described", "kind %s tells its values itself", d.Kind)
	case d.Stale < 0:
		l.Add("stale", "write a time such as 2m", "%v is not an age", d.Stale)
	}
	return l
}

// Doubts implements metering.Doubtful.
func (d *Document) Doubts() (l fault.List) {
	if w := d.whole(); !kinds()[d.Kind].sml && w.Import == nil {
		metering.NoRegister(&l, "", "add import")
	}
	return l
}

func (d *Document) checkServer(l *fault.List) {
	u, err := url.Parse(d.URL)
	switch {
	case d.URL == "":
		l.Add("url", "write the address of the page, like http://192.168.1.30/api/v1/data", "it is missing")
	case err != nil || !slices.Contains([]string{"http", "https", "ws", "wss"}, u.Scheme) || u.Host == "":
		l.Add("url", "write it with http:// before it, like http://192.168.1.30/api/v1/data", "this is not the address of a page")
	case u.User != nil:
		l.Add("url", "write username and password as keys of their own", "a password must not stand in the configuration")
	}
	if d.socket() && d.Kind != "" {
		l.Add("kind", "take it out, or write http:// in url", "kind %s is asked", d.Kind)
	}
	if len(d.Send) > 0 && !d.socket() {
		l.Add("send", "take it out, or write ws:// in url", "only a websocket is told anything")
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

// socket tells whether it is a websocket.
func (d *Document) socket() bool {
	return strings.HasPrefix(d.URL, "ws://") || strings.HasPrefix(d.URL, "wss://")
}

func (d *Document) medium() values.Medium {
	if d.socket() {
		return values.Socket
	}
	return values.Pages
}

// redacted is an address without what may be a secret of it.
func redacted(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "it"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// Label implements metering.Settings.
func (d *Document) Label() string { return "HTTP meter at " + redacted(d.URL) }

// Needs implements metering.Settings.
func (d *Document) Needs() metering.Needs { return 0 }

// Pace implements metering.Settings.
func (*Document) Pace() time.Duration { return usualEvery }

// Open implements metering.Settings.
func (d *Document) Open(e metering.Env) (metering.Meter, error) {
	c := Config{Document: *d, Every: e.Every, Now: e.Now, Seen: e.Seen}
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
