package loads

import (
	"net/url"

	"github.com/keeplit/keeplit/internal/fault"
)

// Forward is a second central system, which is told what the charging stations say: a company's that
// bills, or a supplier's.
type Forward struct {
	// The backend's address; the station's name is put behind it.
	// Example: wss://backend.example/ocpp
	URL string `yaml:"url"`
	// The password that stations call it with (HTTP Basic, the station's name as the user). Left out: none.
	// Example: {file: backend.password}
	Password string `yaml:"password" secret:"true"`
	// Whether the backend may begin and end transactions, unlock a connector and read what a station is set
	// to. How much a car may draw, and when, is the agent's matter all the same.
	// Default: false
	// Example: true
	Remote bool `yaml:"remote"`
}

// Check is everything wrong with f.
func (f Forward) Check() fault.List {
	var l fault.List
	u, err := url.Parse(f.URL)
	switch {
	case err != nil || u.Scheme != "ws" && u.Scheme != "wss" || u.Host == "":
		l.Add("url", "write e.g. wss://backend.example/ocpp", "%q is not the address of a backend", f.URL)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		l.Add("url", "leave out what stands before the host or behind ? and #; password has a key of its own", "%q has more than an address", u.Redacted())
	}
	return l
}
