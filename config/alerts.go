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
	// Hours in which only what is critical is told; the rest waits until they are over. Local time.
	// Example: ["Mon-Sun 22:00-06:00"]
	Quiet civil.Week `yaml:"quiet"`
	// Who is told, and how: one way each.
	// Example: [{name: my phone, least: serious, ntfy: {url: "https://ntfy.sh/a-long-topic-of-your-own"}}]
	To []AlertTo `yaml:"to"`
}

// AlertTo is a recipient, and the one way to tell it.
type AlertTo struct {
	// Who or what it is, for messages and "agent alert".
	// Example: my phone
	Name string `yaml:"name"`
	// The least severity that it is told of: info, caution, serious or critical.
	// Default: serious
	// Example: serious
	Least string `yaml:"least"`
	// Tells by mail.
	// Example: {server: "smtp.example.org:587", username: me, password: {file: mail.password}, from: me@example.org, to: [me@example.org]}
	Mail *AlertMail `yaml:"mail"`
	// Tells by ntfy, an app for phones that needs no account.
	// Example: {url: "https://ntfy.sh/a-long-topic-of-your-own"}
	Ntfy *AlertNtfy `yaml:"ntfy"`
	// Tells by Telegram.
	// Example: {token: {file: telegram.token}, chat: "123456789"}
	Telegram *AlertTelegram `yaml:"telegram"`
	// Tells a program by HTTP.
	// Example: {url: "https://example.org/hook", secret: {file: hook.secret}}
	Webhook *AlertWebhook `yaml:"webhook"`
	// Tells over the broker of mqtt. It has no settings of its own.
	// Example: {}
	MQTT *AlertMQTT `yaml:"mqtt"`
}

// AlertMail is an SMTP server that takes mail.
type AlertMail struct {
	// The mail server and its port.
	// Example: smtp.example.org:587
	Server string `yaml:"server"`
	// starttls, tls (from the first byte on, often port 465) or none (on this machine or network alone).
	// Default: starttls
	// Example: starttls
	Security string `yaml:"security"`
	// The server's user.
	// Example: me@example.org
	Username string `yaml:"username"`
	// That user's password, in a file or an environment variable. Many providers want one made for
	// programs.
	// Example: {file: mail.password}
	Password string `yaml:"password" secret:"true"`
	// The address that mail comes from.
	// Example: me@example.org
	From string `yaml:"from"`
	// The addresses that it goes to.
	// Example: [me@example.org, you@example.org]
	To []string `yaml:"to"`
	// File of the authority that signed the server's certificate, PEM. Left out, the machine's own
	// authorities are trusted.
	// Example: mail-ca.pem
	CA string `yaml:"ca"`
}

// AlertNtfy is a topic of an ntfy server.
type AlertNtfy struct {
	// The server with the topic. Whoever knows the topic reads along: make it long.
	// Example: https://ntfy.sh/a-long-topic-of-your-own
	URL string `yaml:"url"`
	// The access token, in a file or an environment variable, where the server asks for one.
	// Example: {file: ntfy.token}
	Token string `yaml:"token" secret:"true"`
	// File of the authority that signed the server's certificate, PEM. Left out, the machine's own
	// authorities are trusted.
	// Example: ntfy-ca.pem
	CA string `yaml:"ca"`
}

// AlertTelegram is a chat that a bot may write to.
type AlertTelegram struct {
	// The bot's token, in a file or an environment variable.
	// Example: {file: telegram.token}
	Token string `yaml:"token" secret:"true"`
	// The chat that the bot writes to: its number in quotes, or @channel.
	// Example: "123456789"
	Chat string `yaml:"chat"`
	// Where the bot interface is; another one only for tests or a server of your own.
	// Example: https://api.telegram.org
	Server string `yaml:"server"`
}

// SetDefaults is what holds where the file says nothing.
func (t *AlertTelegram) SetDefaults() { t.Server = "https://api.telegram.org" }

// AlertWebhook is an address that takes the message as JSON.
type AlertWebhook struct {
	// The address that the message is sent to, as JSON, by POST.
	// Example: https://example.org/hook
	URL string `yaml:"url"`
	// What the body is signed with, in a file or an environment variable.
	// Example: {file: hook.secret}
	Secret string `yaml:"secret" secret:"true"`
	// File of the authority that signed the server's certificate, PEM. Left out, the machine's own
	// authorities are trusted.
	// Example: hook-ca.pem
	CA string `yaml:"ca"`
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
