// Package config reads the agent's one configuration file: strict, with every
// fault at once, each with its line, its path and what to do about it.  It
// builds nothing; the types that describe a tariff, a load or a meter belong to
// the packages that use them, which never import this one.
package config

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/tariffs"
)

// Config is the whole configuration of one site.
type Config struct {
	// What and where this place is: its name in messages, its meter number, its time zone and what its
	// main breaker carries.
	// Example: {id: home, name: Home, meter: "04123456789", zone: Africa/Johannesburg, limit: 13.8 kW, symbol: R}
	Site Site `yaml:"site"`
	// Folder of the records: the account, the ledger and what was measured. Only the agent may write
	// there; keep it on a disk that lasts, and in your backups.
	// Example: /var/lib/keeplit
	Data string `yaml:"data"`
	// File that keeps the number and hash of the ledger's last entry where a copy of the data folder does
	// not reach it, such as on a USB stick. An old copy of the folder that is put back is found out by it.
	// Without it the head is kept at the broker alone.
	// Example: /media/stick/head.json
	HeadFile string `yaml:"head_file"`
	// How consumption is measured: the driver, and in a part of the driver's name where the meter is
	// connected.
	// Example: {driver: modbus, max_power: 14 kW, modbus: {model: sdm230, port: /dev/ttyUSB0, unit: 1}}
	Meter metering.Document `yaml:"meter"`
	// What electricity costs. Give one of file, catalogue and document.
	// Example: {catalogue: za-eskom-homelight-20a}
	Tariff Tariff `yaml:"tariff"`
	// The prepaid account: in money or in kWh, when to warn, what is lent, how debts are paid back.
	// Example: {mode: money, warn_at: [25, 10], emergency: {amount: 20, offer_below: 10}}
	Credit credit.Document `yaml:"credit"`
	// Which tokens are read, and with which keys. At least one scheme is needed.
	// Example: {openpaygo: {key: {file: openpaygo.key}, starting_code: 516959010, unit: money}}
	Tokens Tokens `yaml:"tokens"`
	// How credit is bought.
	// Example: {vendor_hours: ["Mon-Fri 08:00-18:00", "Sat 09:00-13:00"]}
	TopUp TopUp `yaml:"topup"`
	// The contactor of the whole supply and when it is cut. Without one keeplit only advises.
	// Example: {switch: {driver: relay, relay: {line: GPIO17}}, min_off: 10s}
	Supply Supply `yaml:"supply"`
	// What takes tokens at the meter itself, besides page, command line and MQTT.
	// Example: {keypad: {rows: [GPIO5, GPIO6, GPIO13, GPIO19], columns: [GPIO12, GPIO16, GPIO20, GPIO21]}}
	Entry Entry `yaml:"entry"`
	// The appliances that the agent may switch, one entry each.
	// Example: [{id: geyser, name: Geyser, power: 3 kW, need: {for: 2h30m}, ready_by: "18:30", switch: {driver: tasmota, topic: geyser}}]
	Loads []loads.Document `yaml:"loads"`
	// The breakers and cables that loads hang on, each with what it may carry: docs/loads.md.
	// Example: [{id: garage, limit: 20 A}]
	Circuits []loads.CircuitDocument `yaml:"circuits"`
	// How gently loads are switched, so that they do not all start at once.
	// Example: {gap_min: 1s, gap_max: 10s, spread: 30s, per_hour: 30}
	Switching Switching `yaml:"switching"`
	// How far and how finely the agent plans.
	// Example: {slot: 15m, horizon: 24h}
	Plan Plan `yaml:"plan"`
	// The broker that the site reports to and takes commands from. Leave it out where there is none.
	// Example: {url: "mqtt://localhost:1883", username: keeplit, password: {file: mqtt.password}}
	MQTT *MQTT `yaml:"mqtt"`
	// Where charging stations call that speak OCPP 1.6.
	// Example: {listen: ":8887"}
	OCPP *OCPP `yaml:"ocpp"`
	// The utility whose signed prices, tokens, messages, limits and disconnections are obeyed. Leave it
	// out where there is none.
	// Example: {issuer: example-power, roots: [cdxqyRqyrl-F0FBV7rEIW5f1xgTwEwbqlGHkf3VC3ZY], streams: [tariff, token, message]}
	Policy *Policy `yaml:"policy"`
	// The OpenADR 3.1 server that the site is a VEN of. Left out, there is none.
	// Example: {url: https://vtn.example/openadr3/3.1.1, client_id: home-12, client_secret: {file: openadr.secret}}
	OpenADR *OpenADR `yaml:"openadr"`
	// Who may say how much is drawn, besides a utility that signs it: docs/limits.md.
	// Example: {mqtt: {floor: 500 W, fail_safe: 8 kW}}
	Limits Limits `yaml:"limits"`
	// The InfluxDB server that points are written to. Leave it out where there is none.
	// Example: {url: "http://192.168.1.10:8086", bucket: keeplit/autogen, token: {file: influx.token}}
	InfluxDB *InfluxDB `yaml:"influxdb"`
	// How often points are made, how long they wait for a server that does not answer, and what leaves the
	// home.
	// Example: {every: 1m, max_age: 168h}
	Telemetry Telemetry `yaml:"telemetry"`
	// For how many days what tells of a household's habits is kept: docs/privacy.md.
	// Example: {half_hours: 400, events: 90, plans: 14}
	Keep Keep `yaml:"keep"`
	// Who is told what is wrong, besides the page.
	// Example: {quiet: ["Mon-Sun 22:00-06:00"], to: [{name: my phone, ntfy: {url: "https://ntfy.sh/a-long-topic-of-your-own"}}]}
	Alerts *Alerts `yaml:"alerts"`
	// The page and the HTTP interface.
	// Example: {listen: ":8080", pin: {file: pin.hash}}
	Web Web `yaml:"web"`
	// When recurring work is done.
	// Example: {plan: "*/15 * * * *", nightly: "17 3 * * *", interval: 30m, persist: 1m}
	Schedule Schedule `yaml:"schedule"`
	// The simulated place behind a simulated meter. Only with the meter drivers house and replay.
	// Example: {speed: 60, per_day: 12 kWh}
	Simulation *Simulation `yaml:"simulation"`
	// What starts the machine again when the agent hangs. Nothing is needed here for the watchdog of
	// systemd.
	// Example: {device: /dev/watchdog, timeout: 15s}
	Watchdog Watchdog `yaml:"watchdog"`
	// How much is logged, and in which form.
	// Example: {level: info, format: text}
	Log Log `yaml:"log"`

	// Folder is where the file is; paths in it are relative to that.
	Folder string `yaml:"-"`

	drivers Drivers
	lines   map[string]int // where each path stands in the file
	texts   []string       // its words, as they stand there
	hidden  []string       // the files of its secrets
	keys    []string       // those of them that are keys of tokens
}

// Line is where a path stands in the file, from 1; 0 where it was not read from one, or has no such path.
func (c *Config) Line(path string) int { return c.lines[path] }

// Locate gives faults that were found later, by building what the configuration
// describes, their lines, and puts them in the order of the file.  What stands
// at, below or above the path of one of known is left out: it follows from that.
func (c *Config) Locate(known, l fault.List) fault.List {
	d := decoder{lines: c.lines}
	out := slices.Clone(known)
	for _, f := range l {
		if known.Touches(f.Path) {
			continue
		}
		f.Line = d.lineOf(f.Path)
		out = append(out, f)
	}
	sortByLine(out)
	return out
}

// Site says what and where it is.
type Site struct {
	// The site's name in topics and telemetry: 1 to 63 lower-case letters, digits and hyphens. Change it
	// only with a new data folder in mind: others know the site by it.
	// Example: home
	ID string `yaml:"id"`
	// What people call the place, on the page and in messages.
	// Example: Home
	Name string `yaml:"name"`
	// The meter number that your tokens are bought for, as it stands on your receipts. Write it in quotes,
	// so that no zero is lost.
	// Example: "04123456789"
	Meter string `yaml:"meter"`
	// The time zone whose clock you live by, as an IANA name.
	// Example: Africa/Johannesburg
	Zone string `yaml:"zone"`
	// The most power that the site may draw: what the main breaker carries. Loads are shed above it. 0 is
	// no limit.
	// Example: 13.8 kW
	Limit units.Power `yaml:"limit"`
	// The currency of the account as an ISO 4217 code. Left out, it is the tariff's.
	// Example: ZAR
	Currency string `yaml:"currency"`
	// The feeder that the site hangs on, as its utility calls it, for figures of how long homes are without
	// supply that have no name in them (docs/telemetry.md). Left out, none are told.
	// Example: feeder-7
	Feeder string `yaml:"feeder"`
	// What is written before amounts. Left out, it is the currency's code.
	// Example: R
	Symbol string `yaml:"symbol"`
	// What the place is used for: home, shop or office. It tells how much is used, and when, until a few days
	// have been measured; then they do.
	// Example: shop
	Kind string `yaml:"kind"`
	// Days that are not as usual here, with names of your own, of the past and to come: school holidays, a
	// works holiday, a feast that follows the moon. The forecast learns what days of a name use. National
	// holidays it knows by itself.
	// Example: [{name: school holidays, from: 2026-12-11, to: 2027-01-12}, {name: Eid, from: 2026-03-20}]
	Holidays []Holiday `yaml:"holidays"`
	// Hours of each week without mains, as the utility has announced them. Nothing is planned into them, the
	// forecast expects nothing to be drawn in them, and water is heated before. Single ones are better told
	// while the agent runs (docs/expected-use.md).
	// Example: ["Mon-Fri 18:00-20:30", "Sat,Sun 10:00-12:00"]
	Outages civil.Week `yaml:"outages"`
	// The language of the page, of alerts, of answers over MQTT and of recorded events: ar, bn, de, en,
	// es, fr, hi, pt, sw or zu. Left out, it is English. Logs and the command line speak
	// English whatever it is, and the display of the keypad where the language has other letters than Latin ones.
	// Example: sw
	Language string `yaml:"language"`
}

// Tariff names a tariff document: one of File, Catalogue and Document.
type Tariff struct {
	// A tariff document in a file of your own.
	// Example: tariff.yaml
	File string `yaml:"file"`
	// A tariff document that comes with the program; "agent tariff ready" lists them.
	// Example: za-eskom-homelight-20a
	Catalogue string `yaml:"catalogue"`
	// The tariff document written out here, in place of a file.
	// Example: {name: Flat, zone: Africa/Johannesburg, currency: ZAR, versions: [{energy: [{name: energy, price: 2.6}]}]}
	Document *tariffs.Document `yaml:"document"`
	// Prices that were sent over MQTT rule no longer than this after they came. 0: each rules its own
	// time, however old it is.
	// Example: 36h
	PricesFor time.Duration `yaml:"prices_for"`
}

// TopUp is how credit is bought.
type TopUp struct {
	// When the shop is open, in local time. "Buy before" is said while it still is. Left out: at any hour.
	// Example: ["Mon-Fri 08:00-18:00", "Sat 09:00-13:00"]
	VendorHours civil.Week `yaml:"vendor_hours"`
}

// Switching is how careful loads are switched.
type Switching struct {
	// The shortest pause between the starts of two loads.
	// Example: 1s
	GapMin time.Duration `yaml:"gap_min"`
	// The longest such pause; each is drawn between the two.
	// Example: 10s
	GapMax time.Duration `yaml:"gap_max"`
	// After an outage each load waits a random time up to this, so that a street does not start at once.
	// Example: 30s
	Spread time.Duration `yaml:"spread"`
	// The most starts of one load in an hour.
	// Example: 30
	PerHour int `yaml:"per_hour"`
}

// Plan is how far and how finely is planned.
type Plan struct {
	// Length of a step of the plan. It divides schedule.interval. Shorter steps fit prices better and take
	// more computing.
	// Example: 15m
	Slot time.Duration `yaml:"slot"`
	// How far ahead loads are planned, 1h to 168h. Longer than a day helps where tomorrow's prices are
	// known.
	// Example: 24h
	Horizon time.Duration `yaml:"horizon"`
	// How far ahead the end of the credit is looked for, 24h to 744h.
	// Example: 336h
	RunOut time.Duration `yaml:"run_out"`
	// The most computing time for one plan, 50ms to 1m. A small board has a use for more.
	// Example: 2s
	Time time.Duration `yaml:"time"`
	// Whether loads are moved into cheaper hours. false: they run as soon as they may.
	// Example: true
	Shift bool `yaml:"shift"`
	// Runs that cost the same at several times are laid by lot among them, so that the homes of a
	// feeder do not all begin with the cheap hours. For homes whose utility asks for it: docs/fleet.md.
	// Default: false
	// Example: true
	ByLot bool `yaml:"by_lot"`
}

// MQTT is the broker.
type MQTT struct {
	// The broker's address: mqtt:// without, mqtts:// with TLS.
	// Example: mqtt://192.168.1.10:1883
	URL string `yaml:"url"`
	// Further addresses, where the broker is a cluster of several machines. The agent begins at one of all
	// that is drawn from its name, and goes on to the next where one does not answer.
	// Example: ["mqtts://nats-2.example:8883", "mqtts://nats-3.example:8883"]
	Others []string `yaml:"others"`
	// The name by which the broker knows the agent. Two agents of one name throw each other out.
	// Default: keeplit- and the site's id
	// Example: keeplit-home
	ClientID string `yaml:"client_id"`
	// The broker's user.
	// Example: keeplit
	Username string `yaml:"username"`
	// That user's password, in a file or an environment variable.
	// Example: {file: mqtt.password}
	Password string `yaml:"password" secret:"true"`
	// File of the authority that signed the broker's certificate, PEM. Left out, the machine's own
	// authorities are trusted.
	// Example: broker-ca.pem
	CA string `yaml:"ca"`
	// File of the agent's own certificate, PEM, where the broker asks for one. Goes with key.
	// Example: agent.pem
	Cert string `yaml:"cert"`
	// File of that certificate's private key, PEM.
	// Example: agent.key
	Key string `yaml:"key"`
	// A connection that was lost is made anew at a time drawn from so long, besides the usual pause, so
	// that a fleet does not come back all at once. A home with a broker of its own needs none.
	// Default: 0s
	// Example: 1m
	Spread time.Duration `yaml:"spread"`
	// How the site announces itself to Home Assistant. Left out, it does not.
	// Example: {discovery: true}
	HomeAssistant *HomeAssistant `yaml:"homeassistant"`
}

// HomeAssistant is how the site announces itself to Home Assistant.
type HomeAssistant struct {
	// Whether it does. false: what was announced before is taken back.
	// Example: true
	Discovery bool `yaml:"discovery"`
	// The beginning of the discovery topics, as Home Assistant's MQTT integration has it.
	// Example: homeassistant
	Prefix string `yaml:"prefix"`
	// Whether what the agent takes over MQTT (a token, run, skip) is offered in Home Assistant as well.
	// Example: false
	Commands bool `yaml:"commands"`
}

// SetDefaults is what holds where the file says nothing.
func (h *HomeAssistant) SetDefaults() {
	*h = HomeAssistant{Discovery: true, Prefix: "homeassistant", Commands: true}
}

// OCPP is where charging stations call, which speak it.
type OCPP struct {
	// Address and port that the stations call: ws://THIS-MACHINE:8887/NAME-OF-THE-STATION.
	// Example: ":8887"
	Listen string `yaml:"listen"`
	// A second central system that is told what the stations say, such as one that bills: docs/loads.md.
	// Example: {url: "wss://backend.example/ocpp", password: {file: backend.password}}
	Forward *loads.Forward `yaml:"forward"`
}

// SetDefaults is what holds where the file says nothing.
func (o *OCPP) SetDefaults() { o.Listen = ":8887" }

// InfluxDB is where telemetry goes.
type InfluxDB struct {
	// The server's address.
	// Example: http://192.168.1.10:8086
	URL string `yaml:"url"`
	// The organisation; none for InfluxDB 1.8.
	// Example: home
	Org string `yaml:"org"`
	// File of the authority that signed the server's certificate, PEM. Left out, the machine's own
	// authorities are trusted.
	// Example: influx-ca.pem
	CA string `yaml:"ca"`
	// The bucket that points go to; for InfluxDB 1.8 database/retention-policy.
	// Example: keeplit/autogen
	Bucket string `yaml:"bucket"`
	// The token that may write there, in a file or an environment variable; for InfluxDB 1.8
	// user:password.
	// Example: {file: influx.token}
	Token string `yaml:"token" secret:"true"`
}

// Web is the page.
type Web struct {
	// Address and port that the page is served on. ":8080" is every network of the machine,
	// "127.0.0.1:8080" the machine alone.
	// Example: ":8080"
	Listen string `yaml:"listen"`
	// The page's title. Left out, it is the site's name.
	// Example: Our house
	Title string `yaml:"title"`
	// The hash of the PIN that guards changes, as "agent pin" printed it, in a file or an environment
	// variable. Without it nothing can be changed by the page.
	// Example: {file: pin.hash}
	PIN string `yaml:"pin" secret:"true"`
	// open: anybody on the network may look; closed: the PIN is asked first. Left out, it is closed where
	// there is a PIN: when nobody is home can be read off the power.
	// Example: open
	Reading string `yaml:"reading"`
	// Further names by which the page is reached, such as that of a proxy. Requests for other names are
	// refused.
	// Example: [meter.example.org]
	Hosts []string `yaml:"hosts"`
	// Serves the page over TLS: own, or cert and key. Off where it is left out: the page is for the home's
	// own network.
	// Example: {own: true}
	TLS WebTLS `yaml:"tls"`
	// Addresses or networks of proxies in front of the page. What they say of a reader's address is
	// believed, and of nobody else.
	// Example: [192.168.1.2, 172.16.0.0/12]
	Proxies []string `yaml:"proxies"`
}

// Open tells whether anybody on the network may look: when nobody is home can be read off
// the power, so with a PIN only where the owner says so.
func (w Web) Open() bool { return w.Reading == "open" || w.Reading == "" && w.PIN == "" }

// WebTLS is how the page is served over TLS: own, or cert and key.
type WebTLS struct {
	// The agent makes a certificate for itself, once, in the data folder. Browsers ask once whether to
	// trust it.
	// Example: true
	Own bool `yaml:"own"`
	// File of the certificate, PEM. Goes with key, and not with own.
	// Example: page.pem
	Cert string `yaml:"cert"`
	// File of its private key, PEM.
	// Example: page.key
	Key string `yaml:"key"`
}

// Schedule is when recurring work is done, in cron's five fields, local time.
type Schedule struct {
	// When a new plan is made, in cron's five fields, local time.
	// Example: "*/15 * * * *"
	Plan string `yaml:"plan"`
	// When the nightly work is done (a copy of the ledger, tidying up), in cron's five fields, local time.
	// Example: 17 3 * * *
	Nightly string `yaml:"nightly"`
	// Length of an interval of settlement and of stored readings: 5m, 10m, 15m, 30m or 1h. Take that of
	// your meter or tariff.
	// Example: 30m
	Interval time.Duration `yaml:"interval"`
	// The longest that a measurement is in memory only, 1s to 1h. Longer spares an SD card; what was
	// measured meanwhile is measured again from the register after a power cut.
	// Example: 1m
	Persist time.Duration `yaml:"persist"`
}

// Simulation is the simulated plant behind a simulated meter.
type Simulation struct {
	// Simulated seconds in a real second: 1 is real time, 0 as fast as possible.
	// Example: 60
	Speed float64 `yaml:"speed"`
	// Simulated time between two readings, up to 1h.
	// Example: 10s
	Step time.Duration `yaml:"step"`
	// Where the simulation begins, UTC. Left out: the recording's begin, or now.
	// Example: 2026-07-01T00:00:00Z
	Start time.Time `yaml:"start"`
	// Where it ends, UTC. Left out: the recording's end, or never.
	// Example: 2026-07-08T00:00:00Z
	End time.Time `yaml:"end"`
	// Seed of all that is random in it: the same seed is the same house.
	// Example: 7
	Seed uint64 `yaml:"seed"`
	// What a simulated house uses on an average day.
	// Example: 12 kWh
	PerDay units.Energy `yaml:"per_day"`
	// File, CSV with the header time,token: tokens that are entered at those times.
	// Example: tokens.csv
	Tokens string `yaml:"tokens"`
	// What really is behind each load's switch, by the load's id: plain, geyser, washer or charger.
	// Example: {geyser: geyser}
	Plants map[string]string `yaml:"appliances"`
}

// Watchdog is what starts the machine again when the agent hangs.  What a
// service manager asks for (WatchdogSec=) needs no setting here.
type Watchdog struct {
	// The kernel's watchdog. Left out, none is used.
	// Example: /dev/watchdog
	Device string `yaml:"device"`
	// After this long without a sign of life the device starts the machine again; whole seconds. A
	// Raspberry Pi's takes 15s at most.
	// Example: 15s
	Timeout time.Duration `yaml:"timeout"`
	// Metering or writing may stand still this long before the agent stops giving signs of life. At least
	// twice schedule.persist and three times meter.every.
	// Default: 5m, or longer where the meter or schedule.persist need it
	// Example: 10m
	Patience time.Duration `yaml:"patience"`
}

// Log is how much is logged.
type Log struct {
	// The least that is logged: debug, info, warn or error.
	// Example: info
	Level string `yaml:"level"`
	// text for people, json for programs.
	// Example: text
	Format string `yaml:"format"`
}

// Default is the configuration with every default as a value.
func Default() Config {
	return Config{
		Site:      Site{Name: "Home", Zone: "UTC"},
		Data:      "data",
		Credit:    credit.Defaults(),
		Supply:    supplyDefaults(),
		Switching: Switching{GapMin: time.Second, GapMax: 10 * time.Second, Spread: 30 * time.Second, PerHour: 30},
		Plan: Plan{
			Slot: 30 * time.Minute, Horizon: 24 * time.Hour, RunOut: 14 * 24 * time.Hour, Time: 2 * time.Second, Shift: true,
		},
		Telemetry: telemetryDefaults(),
		Keep:      keepDefaults(),
		Web:       Web{Listen: ":8080"},
		Schedule: Schedule{
			Plan: "*/30 * * * *", Nightly: "17 3 * * *", Interval: 30 * time.Minute, Persist: time.Minute,
		},
		Watchdog: Watchdog{Timeout: 15 * time.Second},
		Log:      Log{Level: "info", Format: "text"},
	}
}

// Load reads the file and answers its configuration, or every fault in it.  The
// settings of meters and switches are read as drivers have them.
func Load(path string, secrets Secrets, drivers Drivers) (Config, fault.List) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fault.List{{Problem: fmt.Sprintf("cannot read the configuration: %v", err), Remedy: `write one with "agent init"`}}
	}
	return Parse(data, filepath.Dir(path), secrets, drivers)
}

// Parse reads a configuration whose relative paths begin at folder.
func Parse(data []byte, folder string, secrets Secrets, drivers Drivers) (Config, fault.List) {
	c := Default()
	c.Folder, c.drivers = folder, drivers
	relative := secrets
	relative.ReadFile = func(name string) ([]byte, error) { return secrets.ReadFile(c.Path(name)) }
	if secrets.Mode != nil {
		relative.Mode = func(name string) (fs.FileMode, error) { return secrets.Mode(c.Path(name)) }
	}
	d := decoder{lines: map[string]int{}, anchors: map[string]ast.Node{}, secrets: relative, drivers: drivers}
	faults := d.into(&c, data)
	c.lines, c.texts, c.hidden, c.keys = d.lines, d.texts, d.hidden, d.keys
	if o := c.Tokens.OpenPAYGO; o != nil {
		o.Key = o.Secret
	}
	if s := c.Tokens.STS; s != nil {
		s.DecoderKey, s.VendingKey = s.DecoderSecret, s.VendingSecret
	}
	return c, faults
}

// Use has a configuration that was not read from a file checked with the drivers of a
// program.
func (c *Config) Use(drivers Drivers) { c.drivers = drivers }

// Path is a path of the configuration, made absolute from its own folder.
func (c *Config) Path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(c.Folder, p)
}

// Zone is the site's time zone; Check has seen to it that it exists.
func (c *Config) Zone() *time.Location {
	loc, err := time.LoadLocation(c.Site.Zone)
	if err != nil {
		return time.UTC
	}
	return loc
}

// leastPatience is how long metering and persistence stand still when all is well.
func (c *Config) leastPatience() time.Duration {
	return max(2*c.Schedule.Persist, c.Meter.Silence())
}

// Patience is how long the watchdog waits for metering and persistence to move.
func (c *Config) Patience() time.Duration {
	if c.Watchdog.Patience != 0 {
		return c.Watchdog.Patience
	}
	return max(5*time.Minute, c.leastPatience())
}
