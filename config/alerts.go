package config

import (
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"slices"
	"strings"

	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/fault"
)

// Alerts is who is told what is wrong, besides the page: see docs/alerts.md.
type Alerts struct {
	Quiet civil.Week `yaml:"quiet"` // hours in which only what is critical is told; the rest waits until they are over
	To    []AlertTo  `yaml:"to"`
}

// AlertTo is a recipient, and the one way to tell it.
type AlertTo struct {
	Name     string         `yaml:"name"`  // of who or what it is
	Least    string         `yaml:"least"` // severity that it is told of: info, caution, serious (where empty) or critical
	Mail     *AlertMail     `yaml:"mail"`
	Ntfy     *AlertNtfy     `yaml:"ntfy"`
	Telegram *AlertTelegram `yaml:"telegram"`
	Webhook  *AlertWebhook  `yaml:"webhook"`
	MQTT     *AlertMQTT     `yaml:"mqtt"`
}

// AlertMail is an SMTP server that takes mail.
type AlertMail struct {
	Server   string   `yaml:"server"`   // host:port
	Security string   `yaml:"security"` // starttls (where empty), tls from the first byte on, or none
	Username string   `yaml:"username"`
	Password string   `yaml:"password" secret:"true"`
	From     string   `yaml:"from"`
	To       []string `yaml:"to"`
	CA       string   `yaml:"ca"` // file of the authority that signed the server's certificate
}

// AlertNtfy is a topic of an ntfy server.
type AlertNtfy struct {
	URL   string `yaml:"url"` // https://server/topic
	Token string `yaml:"token" secret:"true"`
	CA    string `yaml:"ca"`
}

// AlertTelegram is a chat that a bot may write to.
type AlertTelegram struct {
	Token  string `yaml:"token" secret:"true"`
	Chat   string `yaml:"chat"`   // its number, or @channel
	Server string `yaml:"server"` // of the bot interface
}

// SetDefaults is what holds where the file says nothing.
func (t *AlertTelegram) SetDefaults() { t.Server = "https://api.telegram.org" }

// AlertWebhook is an address that takes the message as JSON.
type AlertWebhook struct {
	URL    string `yaml:"url"`
	Secret string `yaml:"secret" secret:"true"` // signs the body
	CA     string `yaml:"ca"`
}

// AlertMQTT is the site's topic alert at the broker.
type AlertMQTT struct{}

// ways are the ways that a recipient names.
func (t AlertTo) ways() (out []string) {
	for name, is := range map[string]bool{"mail": t.Mail != nil, "ntfy": t.Ntfy != nil, "telegram": t.Telegram != nil, "webhook": t.Webhook != nil, "mqtt": t.MQTT != nil} {
		if is {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// mostRecipients is more than a home or a business tells.
const mostRecipients = 16

// checkAlerts names what is wrong with alerts.
func (c *Config) checkAlerts(l *fault.List) {
	a := c.Alerts
	if a == nil {
		return
	}
	if len(a.To) == 0 || len(a.To) > mostRecipients {
		l.Add("alerts.to", fmt.Sprintf("name 1 to %d, each with one way: mail, ntfy, telegram, webhook or mqtt", mostRecipients), "there are %d recipients", len(a.To))
	}
	for i := range a.To {
		t, at := &a.To[i], fmt.Sprintf("alerts.to[%d]", i)
		if t.Name == "" {
			l.Add(at+".name", "write who or what it is, e.g. Thandi", "the recipient has no name")
		}
		if slices.ContainsFunc(a.To[:i], func(o AlertTo) bool { return o.Name == t.Name }) {
			l.Add(at+".name", "give each recipient a name of its own", "%q is used twice", t.Name)
		}
		if !slices.Contains([]string{"", "info", "caution", "serious", "critical"}, t.Least) {
			l.Add(at+".least", "write info, caution, serious or critical", "%q is no severity", t.Least)
		}
		switch w := t.ways(); {
		case len(w) == 0:
			l.Add(at, "write mail, ntfy, telegram, webhook, or mqtt: {}", "there is no way to tell it")
		case len(w) > 1:
			l.Add(at, "make a recipient of each", "it names %s, and a recipient has one way", strings.Join(w, " and "))
		}
		t.check(l, at)
		if t.MQTT != nil && c.MQTT == nil {
			l.Add(at+".mqtt", "add the mqtt part with your broker's address", "it is told over MQTT, and no broker is configured")
		}
	}
}

func (t *AlertTo) check(l *fault.List, at string) {
	if m := t.Mail; m != nil {
		m.check(l, at+".mail")
	}
	if n := t.Ntfy; n != nil {
		if u := checkURL(l, at+".ntfy.url", n.URL); u != nil && (strings.Trim(u.Path, "/") == "" || strings.HasSuffix(u.Path, "/") || u.RawQuery != "") {
			l.Add(at+".ntfy.url", "write the server and your topic, like https://ntfy.sh/my-own-topic", "%q names no topic", n.URL)
		}
	}
	if g := t.Telegram; g != nil {
		checkURL(l, at+".telegram.server", g.Server)
		if g.Token == "" {
			l.Add(at+".telegram.token", "write {file: PATH} or {env: NAME} of the token that @BotFather gave you", "the bot's token is missing")
		}
		if g.Chat == "" {
			l.Add(at+".telegram.chat", "write the number of the chat, or @channel", "the chat is missing")
		}
	}
	if w := t.Webhook; w != nil {
		checkURL(l, at+".webhook.url", w.URL)
	}
}

func (m *AlertMail) check(l *fault.List, at string) {
	if host, port, err := net.SplitHostPort(m.Server); err != nil || host == "" || port == "" {
		l.Add(at+".server", "write it like smtp.example.org:587", "%q is not the address of a mail server", m.Server)
	}
	if !slices.Contains([]string{"", "starttls", "tls", "none"}, m.Security) {
		l.Add(at+".security", "write starttls (port 587), tls (port 465), or none within your own network", "%q is no security", m.Security)
	}
	if m.Security == "none" && m.Username != "" {
		l.Add(at+".security", "write starttls or tls, or leave username out", "a password would be sent in the clear")
	}
	if (m.Username == "") != (m.Password == "") {
		l.Add(at+".username", "write both username and password, or neither", "one of username and password is missing")
	}
	one := func(at, s string) {
		if _, err := mail.ParseAddress(s); err != nil {
			l.Add(at, "write it like name@example.org", "%q is not a mail address", s)
		}
	}
	one(at+".from", m.From)
	if len(m.To) == 0 {
		l.Add(at+".to", "write the address that is to be told: [name@example.org]", "nobody is to be told")
	}
	for i, to := range m.To {
		one(fmt.Sprintf("%s.to[%d]", at, i), to)
	}
}

// checkURL is the address, nil where it is not one; that is a fault.
func checkURL(l *fault.List, at, s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		l.Add(at, "write it like https://example.org/path", "it is not the address of a server")
		return nil
	}
	return u
}
