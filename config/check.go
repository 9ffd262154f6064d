package config

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/openpaygo"
	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/loads"
)

// prefixForm is one level of a topic or a few; keeplit's own topics begin otherwise.
var prefixForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}(/[A-Za-z0-9_-]{1,40}){0,3}$`) //nolint:gochecknoglobals // compiled once, never changed

var idForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`) //nolint:gochecknoglobals // compiled once, never changed

// Languages are those that a site may speak.
func Languages() []string {
	return []string{"ar", "bn", "de", "en", "es", "fr", "hi", "pt", "sw", "zu"}
}

// Check names everything wrong with the configuration as a whole.
func (c *Config) Check() fault.List {
	var l fault.List
	if f := c.Site.Feeder; f != "" && !idForm.MatchString(f) {
		l.Add("site.feeder", "write 1 to 63 lower-case letters, digits and hyphens, or leave it out", "%.80q cannot name a feeder", f)
	}
	if !idForm.MatchString(c.Site.ID) {
		l.Add("site.id", "write 1 to 63 lower-case letters, digits and hyphens", "%q cannot name a site", c.Site.ID)
	}
	if strings.TrimSpace(c.Site.Meter) == "" {
		l.Add("site.meter", "write the meter number that is on your receipts", "the meter number is missing")
	}
	if _, err := time.LoadLocation(c.Site.Zone); err != nil || c.Site.Zone == "" || c.Site.Zone == "Local" {
		l.Add("site.zone", "write an IANA name such as Africa/Johannesburg", "%q is not a time zone", c.Site.Zone)
	}
	if c.Site.Language != "" && !slices.Contains(Languages(), c.Site.Language) {
		l.Add("site.language", "write one of "+strings.Join(Languages(), ", ")+", or leave it out for English", "there are no texts in %q", c.Site.Language)
	}
	if _, err := forecast.ParseKind(c.Site.Kind); err != nil {
		l.Add("site.kind", "write home, shop or office, whichever is nearest", "%q is no kind of site", c.Site.Kind)
	}
	c.checkHolidays(&l)
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
	if o := c.OCPP; o != nil && o.Forward != nil {
		l.Under("ocpp.forward", o.Forward.Check())
	}
	c.checkPlan(&l)
	c.checkEdges(&l)
	c.checkPolicy(&l)
	c.checkOpenADR(&l)
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
		"tokens are of %s and the account is kept in %q, so no token could ever be credited", unit, c.Credit.Mode)
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
		if d.Optional != nil && c.Credit.Mode == credit.InKWh {
			l.Add(at+".optional", "leave it out", "an account in kWh has no price of a kWh that could be below another")
		}
		l.Under(at, loads.CheckApart(c.Loads, i))
	}
	*l = append(*l, loads.CheckBatteries(c.Loads)...)
	*l = append(*l, loads.CheckCircuits(c.Circuits, c.Loads)...)
	l.Under("supply.switch", c.Supply.Switch.Check())
	c.checkSwitch(l, "supply.switch", c.Supply.Switch)
	if c.Supply.Switch.Traits().Deaf {
		l.Add("supply.switch", "write what switches it", "it is measured, and nothing switches it")
	}
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

// Notes say what older keys of a right configuration stand for, with their lines.
func (c *Config) Notes() fault.List {
	var l fault.List
	for i, d := range c.Loads {
		l.Under(fmt.Sprintf("loads[%d]", i), d.Notes())
	}
	l = append(l, loads.NotesOfCircuits(c.Circuits, c.Loads, c.Site.Limit)...)
	l = append(l, loads.NotesApart(c.Loads)...)
	for i, s := range c.Supply.Shed {
		if s.Class == "" {
			class := loads.ClassOf(s.Priority)
			l.Add(fmt.Sprintf("supply.shed[%d].priority", i), fmt.Sprintf("write class: %s", class), "%d and greater is class %s from the place %d on", s.Priority, class, s.Priority)
		}
	}
	return c.Locate(nil, l)
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

// mostSpread is the longest that a fleet may take to come back.
const mostSpread = time.Hour

// mostBrokers is how many more addresses a broker may have.
const mostBrokers = 8

func (c *Config) checkEdges(l *fault.List) {
	if m := c.MQTT; m != nil && m.URL == "" {
		l.Add("mqtt.url", "write it like mqtt://192.168.1.10:1883", "the broker's address is missing")
	}
	if m := c.MQTT; m != nil && len(m.Others) > mostBrokers {
		l.Add("mqtt.others", "name 8 at the most", "there are %d more addresses", len(m.Others))
	}
	if m := c.MQTT; m != nil && (m.Spread < 0 || m.Spread > mostSpread) {
		l.Add("mqtt.spread", "write 1m, or up to 1h", "%s is no time to be spread over", m.Spread)
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
