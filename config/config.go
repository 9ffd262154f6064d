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
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/openpaygo"
	"github.com/keeplit/keeplit/credit/sts"
	"github.com/keeplit/keeplit/credit/voucher"
	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/tariffs"
)

// Config is the whole configuration of one site.
type Config struct {
	Site Site   `yaml:"site"`
	Data string `yaml:"data"` // folder of the records
	// HeadFile keeps the end of the ledger where a copy of the folder does not
	// reach it, such as on another disk; empty: nowhere but at the broker.
	HeadFile   string            `yaml:"head_file"`
	Meter      metering.Document `yaml:"meter"`
	Tariff     Tariff            `yaml:"tariff"`
	Credit     credit.Document   `yaml:"credit"`
	Tokens     Tokens            `yaml:"tokens"`
	TopUp      TopUp             `yaml:"topup"`
	Supply     Supply            `yaml:"supply"`
	Entry      Entry             `yaml:"entry"`
	Loads      []loads.Document  `yaml:"loads"`
	Switching  Switching         `yaml:"switching"`
	Plan       Plan              `yaml:"plan"`
	MQTT       *MQTT             `yaml:"mqtt"`
	OCPP       *OCPP             `yaml:"ocpp"`
	Policy     *Policy           `yaml:"policy"`
	Limits     Limits            `yaml:"limits"`
	InfluxDB   *InfluxDB         `yaml:"influxdb"`
	Telemetry  Telemetry         `yaml:"telemetry"`
	Keep       Keep              `yaml:"keep"`
	Alerts     *Alerts           `yaml:"alerts"`
	Web        Web               `yaml:"web"`
	Schedule   Schedule          `yaml:"schedule"`
	Simulation *Simulation       `yaml:"simulation"`
	Watchdog   Watchdog          `yaml:"watchdog"`
	Log        Log               `yaml:"log"`

	// Folder is where the file is; paths in it are relative to that.
	Folder string `yaml:"-"`

	drivers Drivers
	lines   map[string]int // where each path stands in the file
	texts   []string       // its words, as they stand there
	hidden  []string       // the files of its secrets
	keys    []string       // those of them that are keys of tokens
}

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
	ID       string      `yaml:"id"`       // in topics and telemetry: lower-case letters, digits and hyphens
	Name     string      `yaml:"name"`     // for people
	Meter    string      `yaml:"meter"`    // the meter number that tokens are bought for
	Zone     string      `yaml:"zone"`     // IANA time zone, e.g. Africa/Johannesburg
	Limit    units.Power `yaml:"limit"`    // greatest import allowed; 0 is no limit
	Currency string      `yaml:"currency"` // ISO 4217; the tariff's where empty
	Symbol   string      `yaml:"symbol"`   // written before amounts; the currency code where empty
}

// Tariff names a tariff document: one of File, Catalogue and Document.
type Tariff struct {
	File      string            `yaml:"file"`      // a tariff document
	Catalogue string            `yaml:"catalogue"` // a document that the program brings along
	Document  *tariffs.Document `yaml:"document"`  // written out here
	// PricesFor: prices sent over MQTT that came longer ago than this do not rule
	// any more; 0: each rules its own slot however old it is.
	PricesFor time.Duration `yaml:"prices_for"`
}

// Tokens are the token schemes that top-ups are read by.
type Tokens struct {
	OpenPAYGO *OpenPAYGO `yaml:"openpaygo"`
	STS       *STS       `yaml:"sts"`
	// Voucher is whose signed vouchers are taken.
	Voucher *voucher.Document `yaml:"voucher"`
	// Described is a scheme that a document describes.
	Described *Described `yaml:"described"`
}

// TopUp is how credit is bought.
type TopUp struct {
	// VendorHours is when the shop is open, in local time; none: at any hour.
	VendorHours civil.Week `yaml:"vendor_hours"`
}

// OpenPAYGO is the document of that scheme with its key kept out of the file.
type OpenPAYGO struct {
	openpaygo.Document `yaml:",inline"`
	Secret             string `yaml:"key" secret:"true"`
}

// SetDefaults is what holds where the file says nothing.  The unit is the
// account's: see fillUnit.
func (o *OpenPAYGO) SetDefaults() {
	o.Document = openpaygo.Defaults()
	o.Unit = ""
}

// fillUnit is the unit of tokens where the file says nothing: what the account
// can take.
func (c *Config) fillUnit(o *OpenPAYGO) {
	switch {
	case o.Unit != "":
	case c.Credit.Mode == credit.InMoney && c.Credit.KWhPrice == 0:
		o.Unit = openpaygo.Money
	default:
		o.Unit = openpaygo.KWh
	}
}

// SetDefaults is what holds where the file says nothing.
func (s *STS) SetDefaults() { s.Document = sts.Defaults() }

// STS is the document of that scheme with its keys kept out of the file.
type STS struct {
	sts.Document  `yaml:",inline"`
	DecoderSecret string `yaml:"decoder_key" secret:"true"`
	VendingSecret string `yaml:"vending_key" secret:"true"`
	TablesText    string `yaml:"tables" secret:"true"` // of algorithm 07, JSON; see sts.ReadTables
}

// readTables puts the tables of algorithm 07 in their place.
func (s *STS) readTables(l *fault.List) {
	if s.TablesText == "" || s.Tables != nil {
		return
	}
	var err error
	if s.Tables, err = sts.ReadTables([]byte(s.TablesText)); err != nil {
		l.Add("tokens.sts.tables", "give the file as your operator has it from the STS Association", "%v", err)
	}
}

// Switching is how careful loads are switched.
type Switching struct {
	GapMin  time.Duration `yaml:"gap_min"` // pause between two starts
	GapMax  time.Duration `yaml:"gap_max"`
	Spread  time.Duration `yaml:"spread"`   // random wait of each load after an outage
	PerHour int           `yaml:"per_hour"` // most starts of one load in an hour
}

// Plan is how far and how finely is planned.
type Plan struct {
	Slot    time.Duration `yaml:"slot"`    // length of a slot of the plan; divides meter readings' interval
	Horizon time.Duration `yaml:"horizon"` // how far ahead loads are planned
	RunOut  time.Duration `yaml:"run_out"` // how far ahead the end of credit is looked for
	Time    time.Duration `yaml:"time"`    // most computing time for one plan; a simulation counts a desktop's work
	Shift   bool          `yaml:"shift"`   // false: loads run as soon as they may
}

// MQTT is the broker.
type MQTT struct {
	URL      string `yaml:"url"` // mqtt://host:1883 or mqtts://host:8883
	ClientID string `yaml:"client_id"`
	Username string `yaml:"username"`
	Password string `yaml:"password" secret:"true"`
	CA       string `yaml:"ca"`   // file of the authority that signed the broker's certificate
	Cert     string `yaml:"cert"` // file of the agent's own certificate
	Key      string `yaml:"key"`  // file of its key
	// HomeAssistant is how the site announces itself there; nil: it does not.
	HomeAssistant *HomeAssistant `yaml:"homeassistant"`
}

// HomeAssistant is how the site announces itself to Home Assistant.
type HomeAssistant struct {
	Discovery bool   `yaml:"discovery"` // false: what was announced before is taken back
	Prefix    string `yaml:"prefix"`    // of its discovery topics
	Commands  bool   `yaml:"commands"`  // what the agent takes over MQTT is offered there as well
}

// SetDefaults is what holds where the file says nothing.
func (h *HomeAssistant) SetDefaults() {
	*h = HomeAssistant{Discovery: true, Prefix: "homeassistant", Commands: true}
}

// OCPP is where charging stations call, which speak it.
type OCPP struct {
	Listen string `yaml:"listen"` // host:port; :8887 where empty
}

// SetDefaults is what holds where the file says nothing.
func (o *OCPP) SetDefaults() { o.Listen = ":8887" }

// InfluxDB is where telemetry goes.
type InfluxDB struct {
	URL    string `yaml:"url"`
	Org    string `yaml:"org"`                 // empty for InfluxDB 1.8
	CA     string `yaml:"ca"`                  // file of the authority that signed the server's certificate
	Bucket string `yaml:"bucket"`              // InfluxDB 1.8: database/retention-policy
	Token  string `yaml:"token" secret:"true"` // InfluxDB 1.8: user:password
}

// Web is the page.
type Web struct {
	Listen  string   `yaml:"listen"`
	Title   string   `yaml:"title"`
	PIN     string   `yaml:"pin" secret:"true"` // the hash that "agent pin" printed
	Reading string   `yaml:"reading"`           // open: anybody on the network may look; closed: the PIN is asked; closed where empty and there is a PIN
	Hosts   []string `yaml:"hosts"`             // further names the page is reached by
	// TLS is off by default: the page is for the home's own network.
	TLS WebTLS `yaml:"tls"`
	// Proxies are addresses of proxies in front of the page, or networks of them:
	// what they say of a reader's address is believed, and of nobody else.
	Proxies []string `yaml:"proxies"`
}

// Open tells whether anybody on the network may look: when nobody is home can be read off
// the power, so with a PIN only where the owner says so.
func (w Web) Open() bool { return w.Reading == "open" || w.Reading == "" && w.PIN == "" }

// WebTLS is how the page is served over TLS: own, or cert and key.
type WebTLS struct {
	Own  bool   `yaml:"own"`  // the agent makes a certificate for itself, once, in the data folder
	Cert string `yaml:"cert"` // file, PEM
	Key  string `yaml:"key"`  // file, PEM
}

// Schedule is when recurring work is done, in cron's five fields, local time.
type Schedule struct {
	Plan    string `yaml:"plan"`
	Nightly string `yaml:"nightly"`
	// Interval is how long an interval of settlement and of readings is.
	Interval time.Duration `yaml:"interval"`
	// Persist is the longest that anything measured is kept in memory only.
	Persist time.Duration `yaml:"persist"`
}

// Simulation is the simulated plant behind a simulated meter.
type Simulation struct {
	Speed  float64           `yaml:"speed"` // simulated seconds a real second; 0 is as fast as possible
	Step   time.Duration     `yaml:"step"`  // simulated time between two readings
	Start  time.Time         `yaml:"start"` // where the simulation begins; the recording's begin, or now
	End    time.Time         `yaml:"end"`   // where it ends; the recording's end, or never
	Seed   uint64            `yaml:"seed"`
	PerDay units.Energy      `yaml:"per_day"`    // consumption of a simulated house
	Tokens string            `yaml:"tokens"`     // CSV "time,token": tokens entered at those times
	Plants map[string]string `yaml:"appliances"` // load id: plain, geyser, washer or charger
}

// Watchdog is what starts the machine again when the agent hangs.  What a
// service manager asks for (WatchdogSec=) needs no setting here.
type Watchdog struct {
	Device   string        `yaml:"device"`   // of the kernel, /dev/watchdog; none where it is left out
	Timeout  time.Duration `yaml:"timeout"`  // of the device: a Raspberry Pi's ends at 15s
	Patience time.Duration `yaml:"patience"` // this long metering or persistence may stand still; 0: 5m, or as long as they need
}

// Log is how much is logged.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn or error
	Format string `yaml:"format"` // text or json
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

// prefixForm is one level of a topic or a few; keeplit's own topics begin otherwise.
var prefixForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}(/[A-Za-z0-9_-]{1,40}){0,3}$`) //nolint:gochecknoglobals // compiled once, never changed

var idForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`) //nolint:gochecknoglobals // compiled once, never changed

// Check names everything wrong with the configuration as a whole.
func (c *Config) Check() fault.List {
	var l fault.List
	if !idForm.MatchString(c.Site.ID) {
		l.Add("site.id", "write 1 to 63 lower-case letters, digits and hyphens", "%q cannot name a site", c.Site.ID)
	}
	if strings.TrimSpace(c.Site.Meter) == "" {
		l.Add("site.meter", "write the meter number that is on your receipts", "the meter number is missing")
	}
	if _, err := time.LoadLocation(c.Site.Zone); err != nil || c.Site.Zone == "" || c.Site.Zone == "Local" {
		l.Add("site.zone", "write an IANA name such as Africa/Johannesburg", "%q is not a time zone", c.Site.Zone)
	}
	if c.Site.Limit < 0 {
		l.Add("site.limit", "write what the main breaker carries, e.g. 13.8 kW", "%s is negative", c.Site.Limit)
	}
	if c.Data == "" {
		l.Add("data", "write a folder that only the agent may write to", "there is no folder for the records")
	}
	if rel, err := filepath.Rel(c.Path(c.Data), c.Path(c.HeadFile)); c.HeadFile != "" && err == nil && filepath.IsLocal(rel) {
		l.Add("head_file", "choose a place outside, best on another disk", "it is in the data folder, and would be copied and deleted with it")
	}
	c.checkMeter(&l)
	c.checkTariff(&l)
	l.Under("credit", c.Credit.Check())
	c.checkTokens(&l)
	c.checkLoads(&l)
	l.Under("entry", c.Entry.Check())
	c.checkPlan(&l)
	c.checkEdges(&l)
	c.checkPolicy(&l)
	c.checkLimits(&l)
	c.checkAlerts(&l)
	c.checkSimulation(&l)
	return l
}

func (c *Config) checkTariff(l *fault.List) {
	given := 0
	for _, is := range []bool{c.Tariff.File != "", c.Tariff.Catalogue != "", c.Tariff.Document != nil} {
		if is {
			given++
		}
	}
	if given != 1 {
		l.Add("tariff", "give one of file, catalogue and document", "%d tariffs are named", given)
	}
	if c.Tariff.PricesFor < 0 {
		l.Add("tariff.prices_for", "write a time such as 36h, or 0s for no end", "%s is negative", c.Tariff.PricesFor)
	}
	if c.Tariff.Document != nil {
		l.Under("tariff.document", c.Tariff.Document.Check())
	}
}

func (c *Config) checkTokens(l *fault.List) {
	if t := c.Tokens; t.OpenPAYGO == nil && t.STS == nil && t.Voucher == nil && t.Described == nil {
		l.Add("tokens", "add openpaygo, sts or described with the key of your meter, or voucher with your operator's public key", "no token could ever be read")
	}
	c.checkDescribed(l)
	if v := c.Tokens.Voucher; v != nil {
		l.Under("tokens.voucher", v.Check())
	}
	if o := c.Tokens.OpenPAYGO; o != nil {
		o.Key = o.Secret
		c.fillUnit(o)
		l.Under("tokens.openpaygo", o.Document.Check())
		c.checkUnit(l, o.Unit)
	}
	if s := c.Tokens.STS; s != nil {
		s.DecoderKey, s.VendingKey = s.DecoderSecret, s.VendingSecret
		s.readTables(l)
		l.Under("tokens.sts", s.Document.Check())
	}
}

// checkUnit sees to it that a token's value can become credit.
func (c *Config) checkUnit(l *fault.List, unit openpaygo.Unit) {
	if (unit == openpaygo.Money) == (c.Credit.Mode == credit.InMoney) || c.Credit.KWhPrice > 0 {
		return
	}
	l.Add("tokens.openpaygo.unit", "write the unit that your vendor sells in, set credit.mode to the same, or say by credit.kwh_price what a kWh is worth",
		"tokens are of %s and the account is kept in %s, so no token could ever be credited", unit, c.Credit.Mode)
}

func (c *Config) checkLoads(l *fault.List) {
	for i, d := range c.Loads {
		at := fmt.Sprintf("loads[%d]", i)
		l.Under(at, d.Check())
		if slices.ContainsFunc(c.Loads[:i], func(o loads.Document) bool { return o.ID == d.ID }) {
			l.Add(at+".id", "give each load an id of its own", "%q is used twice", d.ID)
		}
		if d.ID == loads.SupplyID {
			l.Add(at+".id", "choose another id", "%q is the supply contactor's own", d.ID)
		}
		if least := d.Least(); c.Site.Limit > 0 && least > c.Site.Limit {
			l.Add(at+".power", "correct the load's power, or raise site.limit to what the main breaker carries", "%s is more than the whole site may draw, %s", least, c.Site.Limit)
		}
		c.checkSwitch(l, at+".switch", d.Switch)
	}
	l.Under("supply.switch", c.Supply.Switch.Check())
	c.checkSwitch(l, "supply.switch", c.Supply.Switch)
	c.checkShared(l)
	l.Under("supply", c.Supply.Check())
	for _, d := range []struct {
		path string
		d    time.Duration
	}{{"gap_min", c.Switching.GapMin}, {"gap_max", c.Switching.GapMax}, {"spread", c.Switching.Spread}} {
		if d.d < 0 {
			l.Add("switching."+d.path, "write 0s or more", "%s is negative", d.d)
		}
	}
	if c.Switching.GapMax < c.Switching.GapMin {
		l.Add("switching.gap_max", "write at least switching.gap_min", "%s is less than gap_min %s", c.Switching.GapMax, c.Switching.GapMin)
	}
}

func (c *Config) checkPlan(l *fault.List) {
	const day = 24 * time.Hour
	iv := c.Schedule.Interval
	if iv < time.Minute || iv > time.Hour || time.Hour%iv != 0 {
		l.Add("schedule.interval", "write 5m, 10m, 15m, 30m or 1h", "%s does not divide an hour", iv)
		iv = 30 * time.Minute
	}
	if s := c.Plan.Slot; s < time.Minute || iv%s != 0 {
		l.Add("plan.slot", "write a length that divides schedule.interval", "%s does not divide %s", s, iv)
	}
	if h := c.Plan.Horizon; h < time.Hour || h > 7*day {
		l.Add("plan.horizon", "write 24h to 48h", "%s is not between 1h and 168h", h)
	}
	if r := c.Plan.RunOut; r < day || r > 31*day {
		l.Add("plan.run_out", "write 168h", "%s is not between 24h and 744h", r)
	}
	if c.Plan.Time < 50*time.Millisecond || c.Plan.Time > time.Minute {
		l.Add("plan.time", "write 2s", "%s is not between 50ms and 1m", c.Plan.Time)
	}
	if p := c.Schedule.Persist; p < time.Second || p > time.Hour {
		l.Add("schedule.persist", "write 1m", "%s is not between 1s and 1h", p)
	}
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

func (c *Config) checkEdges(l *fault.List) {
	if m := c.MQTT; m != nil && m.URL == "" {
		l.Add("mqtt.url", "write it like mqtt://192.168.1.10:1883", "the broker's address is missing")
	}
	if m := c.MQTT; m != nil && m.HomeAssistant != nil && !prefixForm.MatchString(m.HomeAssistant.Prefix) {
		l.Add("mqtt.homeassistant.prefix", "write homeassistant, or what Home Assistant's MQTT integration has as its discovery prefix", "%.60q is not the beginning of a topic", m.HomeAssistant.Prefix)
	}
	if i := c.InfluxDB; i != nil {
		if i.URL == "" {
			l.Add("influxdb.url", "write it like http://192.168.1.10:8086", "the server's address is missing")
		}
		if i.Bucket == "" {
			l.Add("influxdb.bucket", "write a bucket, or database/retention-policy for InfluxDB 1.8", "the bucket is missing")
		}
	}
	c.Telemetry.check(l)
	c.Keep.check(l)
	if !slices.Contains([]string{"", "open", "closed"}, c.Web.Reading) {
		l.Add("web.reading", "write open or closed", "%q is neither", c.Web.Reading)
	}
	switch t := c.Web.TLS; {
	case t.Own && (t.Cert != "" || t.Key != ""):
		l.Add("web.tls.own", "write own: true, or cert and key", "the page has one certificate")
	case (t.Cert == "") != (t.Key == ""):
		l.Add("web.tls", "name both files, cert and key", "only one of cert and key is given")
	}
	if c.Web.Reading == "closed" && c.Web.PIN == "" {
		l.Add("web.pin", `make one with "agent pin", or write reading: open`, "the page is closed and there is no PIN to open it")
	}
	if w := c.Watchdog; w.Timeout < time.Second || w.Timeout > time.Hour || w.Timeout%time.Second != 0 {
		l.Add("watchdog.timeout", "write whole seconds from 1s to 1h; 15s suits most boards", "%s is not a timeout of a watchdog", w.Timeout)
	}
	if least := c.leastPatience(); c.Watchdog.Patience != 0 && c.Watchdog.Patience < least {
		l.Add("watchdog.patience", fmt.Sprintf("write %s or more: twice schedule.persist, three times meter.every", least), "%s would start a machine again that is well", c.Watchdog.Patience)
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level) {
		l.Add("log.level", "write debug, info, warn or error", "%q is not a level", c.Log.Level)
	}
	if c.Log.Format != "text" && c.Log.Format != "json" {
		l.Add("log.format", "write text or json", "%q is not a format", c.Log.Format)
	}
}

func (c *Config) checkSimulation(l *fault.List) {
	simulated := c.Simulated()
	s := c.Simulation
	switch {
	case s == nil && simulated:
		l.Add("meter.driver", "add the simulation part", "%s is a simulated meter", c.Meter.Driver)
		return
	case s != nil && !simulated:
		l.Add("simulation", "take it out, or choose the meter driver "+strings.Join(c.drivers.simulated(), " or "), "nothing is simulated behind a real meter")
		return
	case s == nil:
		return
	}
	if s.Speed < 0 {
		l.Add("simulation.speed", "write 1 for real time, more for faster, 0 for as fast as possible", "%v is negative", s.Speed)
	}
	if s.Step < 0 || s.Step > time.Hour {
		l.Add("simulation.step", "write 1s to 1h", "%s is not a step", s.Step)
	}
	for id := range s.Plants {
		if !slices.ContainsFunc(c.Loads, func(d loads.Document) bool { return d.ID == id }) {
			l.Add("simulation.appliances."+id, "use the ids of loads", "there is no load %q", id)
		}
	}
}
