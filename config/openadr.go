package config

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
)

// OpenADR is the OpenADR 3.1 server that the site is a VEN of: see docs/openadr.md.
type OpenADR struct {
	// The server's address, with the path under which its programs and events are.
	// Example: https://vtn.example/openadr3/3.1.1
	URL string `yaml:"url"`
	// Where tokens are fetched. Left out, the server is asked; its answer counts where that is the same
	// machine.
	// Example: https://login.example/oauth2/token
	TokenURL string `yaml:"token_url"`
	// The name by which the server's operator knows this client.
	// Example: home-12
	ClientID string `yaml:"client_id"`
	// That client's secret, in a file or an environment variable.
	// Example: {file: openadr.secret}
	ClientSecret string `yaml:"client_secret" secret:"true"`
	// What the token is asked for, where the operator names it.
	// Example: read_targets read_ven_objects write_reports write_vens
	Scope string `yaml:"scope"`
	// File of the authority that signed the server's certificate, PEM. Left out, the machine's own
	// authorities are trusted.
	// Example: openadr-ca.pem
	CA string `yaml:"ca"`
	// The program whose events count, by its name or id. Left out: those of all that the server shows.
	// Example: residential-peak
	Program string `yaml:"program"`
	// The name of this site at the server.
	// Default: the site's id
	// Example: home-12
	VEN string `yaml:"ven"`
	// What is listened to: tariff, message, event and limit. Nobody signs what a server says: tariff lets
	// it price what is used, limit lets its limits hold whether the household likes it or not.
	// Default: [message, event]
	// Example: [message, event]
	Streams []string `yaml:"streams"`
	// How often the server is asked, at least each minute where streams has limit.
	// Default: 1m
	// Example: 1m
	Poll time.Duration `yaml:"poll"`
	// Whether the server's MQTT broker is heard, where it has one, so that events do not wait for the
	// next poll.
	// Default: true
	// Example: true
	Notify bool `yaml:"notify"`
	// How the site is limited, where streams has limit.
	// Example: {fail_safe: 4.2 kW, fail_safe_for: 2h, floor: 4.2 kW}
	Limit Limit `yaml:"limit"`
}

// SetDefaults is what holds where the file says nothing.
func (o *OpenADR) SetDefaults() {
	*o = OpenADR{Streams: []string{"message", "event"}, Poll: time.Minute, Notify: true, Limit: limitDefaults()}
}

// OpenADRStreams are the streams that an OpenADR server may be listened to for.
func OpenADRStreams() []string { return []string{"tariff", "message", "event", "limit"} }

// Bounds of openadr.poll.
const leastPoll, mostPoll, mostPollOfLimits = 10 * time.Second, time.Hour, time.Minute

// checkOpenADR names what is wrong with openadr.
func (c *Config) checkOpenADR(l *fault.List) {
	o := c.OpenADR
	if o == nil {
		return
	}
	address(l, "openadr.url", o.URL)
	if o.TokenURL != "" {
		address(l, "openadr.token_url", o.TokenURL)
	}
	for _, x := range []struct{ path, text string }{{"openadr.client_id", o.ClientID}, {"openadr.program", o.Program}, {"openadr.ven", o.VEN}} {
		if len(x.text) > 128 || strings.ContainsFunc(x.text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			l.Add(x.path, "write 1 to 128 characters, as the server's operator has given them", "%.40q cannot be one", x.text)
		}
	}
	if o.ClientID == "" {
		l.Add("openadr.client_id", "write the name that the server's operator has given you", "it is missing")
	}
	if o.ClientSecret == "" {
		l.Add("openadr.client_secret", "write {file: PATH} or {env: NAME}", "it is missing")
	}
	if len(o.Streams) == 0 {
		l.Add("openadr.streams", "name what the server may do: tariff, message, event, limit", "nothing is listened to")
	}
	for i, s := range o.Streams {
		if !slices.Contains(OpenADRStreams(), s) {
			l.Add(fmt.Sprintf("openadr.streams[%d]", i), "write tariff, message, event or limit", "%.40q is no stream of an OpenADR server", s)
		}
	}
	if o.Poll < leastPoll || o.Poll > mostPoll {
		l.Add("openadr.poll", "write 10s to 1h", "%s is not between 10s and 1h", o.Poll)
	} else if o.Poll > mostPollOfLimits && slices.Contains(o.Streams, "limit") {
		l.Add("openadr.poll", "write 1m or less, or leave limit out of openadr.streams", "limits hold for as long as the server is heard each two minutes, and it would be asked each %s", o.Poll)
	}
	o.Limit.check(l, "openadr.limit")
}

// address checks the address of a server to which a secret is sent: over TLS, or within the
// household's own network.
func address(l *fault.List, path, text string) {
	const remedy = "write the address that the server's operator has given you, such as https://vtn.example/openadr3/3.1.1"
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		l.Add(path, remedy, "%.120q is no address of a server", text)
		return
	}
	host := u.Hostname()
	ip := net.ParseIP(host)
	own := host == "localhost" || strings.HasSuffix(host, ".local") || ip != nil && (ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast())
	if u.Scheme == "http" && !own {
		l.Add(path, "write https://", "a secret would go to %.80q for everybody to read", host)
	}
}
