package simulate

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/house"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/openpaygo"
	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// World is a site and the life in it, as a person writes them down.
type World struct {
	Title string        `yaml:"title"`
	About string        `yaml:"about"` // a sentence or two for the report
	Seed  uint64        `yaml:"seed"`
	Zone  string        `yaml:"zone"`
	Start Date          `yaml:"start"`   // the first day that counts
	Days  int           `yaml:"days"`    // that count
	Warm  int           `yaml:"warm_up"` // days before them, in which the forecast learns and nothing counts
	Step  time.Duration `yaml:"step"`    // between two readings of the meter

	Limit  units.Power     `yaml:"limit"` // greatest import allowed; 0 is no limit
	Base   Base            `yaml:"base"`
	Tariff config.Tariff   `yaml:"tariff"`
	Prices *DayAhead       `yaml:"prices"` // sent for each day the evening before; none where it is left out
	Credit credit.Document `yaml:"credit"`
	Loads  []Load          `yaml:"loads"`
	Plan   config.Plan     `yaml:"plan"`
	Every  time.Duration   `yaml:"plan_every"` // between two plans

	TopUps []TopUp `yaml:"top_up"`
	Vendor Vendor  `yaml:"vendor"`
	Mains  Mains   `yaml:"outages"`

	// Variants are the same world with another tariff or habit; Variant is the title
	// of that which this one is.
	Variants []Variant `yaml:"variants"`
	Variant  string    `yaml:"-"`

	// Folder is where the file is; paths in it are relative to that.
	Folder string `yaml:"-"`
}

// Base is what is used besides the loads: a recording, or a household made up.
type Base struct {
	File      string       `yaml:"file"`      // CSV of energy or power by time, any spacing
	Column    string       `yaml:"column"`    // its header, where it cannot be told by its name
	Register  bool         `yaml:"register"`  // the energy counts up
	Daily     units.Energy `yaml:"daily"`     // of a made-up household, on an average day
	Occupants int          `yaml:"occupants"` // of it
	Latitude  float64      `yaml:"latitude"`  // of it, degrees, south is negative
}

// Load is one load as in a configuration, and what really is behind its switch.
type Load struct {
	loads.Document `yaml:",inline"`
	Plant          Plant `yaml:"plant"`
}

// Plant is an appliance as it is, which the agent does not know.
type Plant struct {
	Kind  house.ApplianceKind `yaml:"kind"`  // plain, geyser, tank, washer or charger; plain where empty
	Daily units.Energy        `yaml:"daily"` // hot water taken or driven on an average day
	Water house.Water         `yaml:"water"` // of a tank
}

// Mains are the outages of the grid.
type Mains struct {
	PerWeek float64       `yaml:"per_week"` // of random ones, on average
	Mean    time.Duration `yaml:"mean"`     // length of those; 2h where 0
	Listed  []Outage      `yaml:"listed"`
	// Announced is how long before an outage it is announced; 0: none is.
	Announced time.Duration `yaml:"announced"`
}

// Outage is one stretch without mains.
type Outage struct {
	From time.Time `yaml:"from"`
	To   time.Time `yaml:"to"`
}

// Date is a day of the calendar.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// SetText reads a date such as 2026-01-31.
func (d *Date) SetText(s string) error {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return fmt.Errorf("%q is not a day such as 2026-01-31", s)
	}
	d.Year, d.Month, d.Day = t.Date()
	return nil
}

// String writes the day as SetText reads it.
func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }

// in is the local midnight that the day begins with.
func (d Date) in(zone *time.Location) time.Time {
	return units.DayStart(d.Year, d.Month, d.Day, zone)
}

const day = 24 * time.Hour

// MostDays is the most that can be lived through.
const MostDays = 3660

// defaults is a world of which nothing is said.
func defaults() World {
	c := config.Default()
	c.Plan.Horizon = day
	return World{
		Title: "A home", Seed: 1, Zone: "UTC", Start: Date{2026, time.January, 1}, Days: 365, Warm: 28, Step: time.Minute,
		Credit: c.Credit, Plan: c.Plan, Every: 30 * time.Minute,
	}
}

// ReadWorld reads a world from a file: strictly, and with every fault in it at once.
func ReadWorld(name string) (World, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return World{}, err
	}
	w, faults := ParseWorld(data, filepath.Dir(name))
	if len(faults) > 0 {
		return w, faults
	}
	return w, nil
}

// ParseWorld reads a world whose relative paths begin at folder.
func ParseWorld(data []byte, folder string) (World, fault.List) {
	w := defaults()
	w.Folder = folder
	faults := config.DecodeInto(&w, data, config.FromSystem())
	w.Loads = slices.DeleteFunc(w.Loads, func(l Load) bool { return !l.InUse() })
	return w, faults
}

// Check names everything wrong with the world.
func (w *World) Check() fault.List {
	var l fault.List
	w.checkTime(&l)
	w.checkBase(&l)
	for i := range w.Loads {
		at := fmt.Sprintf("loads[%d].plant", i)
		switch p := w.Loads[i].Plant; p.Kind {
		case "", house.Plain, house.Geyser, house.Tank, house.Washer, house.Charger:
		default:
			l.Add(at+".kind", "write plain, geyser, tank, washer or charger", "%q is not an appliance", p.Kind)
		}
	}
	cfg := w.config()
	cfg.Use(config.Drivers{Meters: []metering.Driver{house.MeterDriver()}, Switches: []loads.Driver{house.SwitchDriver()}})
	for _, f := range cfg.Check() {
		// What the world does not hold is as it is in every world, and is right.
		f.Path = strings.TrimPrefix(f.Path, "site.")
		l = append(l, f)
	}
	for i, t := range w.TopUps {
		l.Under(fmt.Sprintf("top_up[%d]", i), t.Check())
	}
	l.Under("vendor", w.Vendor.Check())
	l.Under("outages", w.Mains.Check())
	if w.Prices != nil {
		l.Under("prices", w.Prices.Check())
	}
	w.checkVariants(&l)
	return l
}

func (w *World) checkTime(l *fault.List) {
	if w.Days < 1 || w.Days > MostDays {
		l.Add("days", "write 1 to 3660; 365 is a year", "%d days cannot be run", w.Days)
	}
	if w.Warm < 0 || w.Warm > 366 {
		l.Add("warm_up", "write 0 to 366; 28 is usual", "%d days are no warm-up", w.Warm)
	}
	if w.Step < time.Second || w.Step > 15*time.Minute || time.Hour%w.Step != 0 {
		l.Add("step", "write 10s, 1m or 5m", "%s does not divide an hour", w.Step)
	}
	if w.Every < 5*time.Minute || w.Every > time.Hour || time.Hour%w.Every != 0 {
		l.Add("plan_every", "write 5m, 15m, 30m or 1h", "%s does not divide an hour", w.Every)
	}
	if w.Start.Year < 2000 || w.Start.Year > 2100 {
		l.Add("start", "write a day from 2000 to 2100", "a run cannot begin in the year %d", w.Start.Year)
	}
}

func (w *World) checkBase(l *fault.List) {
	switch b := w.Base; {
	case b.File != "" && (b.Daily != 0 || b.Occupants != 0):
		l.Add("base", "keep file, or daily", "a recording and a made-up household are both given")
	case b.File == "" && b.Daily != 0 && (b.Daily < 2*units.KilowattHour || b.Daily > 60*units.KilowattHour):
		l.Add("base.daily", "write 2 kWh to 60 kWh", "%s a day is no household that can be made up", b.Daily)
	case b.Occupants < 0 || b.Occupants > 8:
		l.Add("base.occupants", "write 1 to 8", "%d people cannot be made up", b.Occupants)
	case b.Latitude < -60 || b.Latitude > 60:
		l.Add("base.latitude", "write -60 to 60", "%v degrees is no place with a day and a night all year", b.Latitude)
	}
}

// Check names everything wrong with the outages.
func (m Mains) Check() fault.List {
	var l fault.List
	if m.PerWeek < 0 || m.PerWeek > 20 {
		l.Add("per_week", "write 0 to 20", "%v outages a week cannot be made up", m.PerWeek)
	}
	if m.Mean < 0 || m.Mean > 2*day {
		l.Add("mean", "write up to 48h", "%s is no mean length", m.Mean)
	}
	if m.Announced < 0 || m.Announced > 14*day {
		l.Add("announced", "write up to 336h", "%s before is no announcement", m.Announced)
	}
	for i, o := range m.Listed {
		if !o.To.After(o.From) {
			l.Add(fmt.Sprintf("listed[%d]", i), "write from before to", "the outage ends before it begins")
		}
	}
	return l
}

// zone is the site's; Check has seen to it that it exists.
func (w *World) zone() *time.Location {
	loc, err := time.LoadLocation(w.Zone)
	if err != nil {
		return time.UTC
	}
	return loc
}

// vendorKey is the key of the published OpenPAYGO example: the world's vendor needs
// no secret.
const vendorKey = "bc41ec9530f6dac86b1a29ab82edc5fb"

// divider is how many units of a token are one of the account's.
const divider = 100

// config is the configuration that the site is built from, as "agent run" would be.
func (w *World) config() config.Config {
	c := config.Default()
	c.Folder = w.Folder
	c.Site = config.Site{ID: "world", Name: w.Title, Meter: "1", Zone: w.Zone, Limit: w.Limit}
	c.Meter = metering.Document{Driver: "house", Settings: house.MeterDriver().New()}
	c.Tariff, c.Credit, c.Plan = w.Tariff, w.Credit, w.Plan
	doc := openpaygo.Defaults()
	doc.Key, doc.StartingCode, doc.Extended, doc.ValueDivider, doc.Unit = vendorKey, 516959010, true, divider, openpaygo.Money
	if w.Credit.Mode == credit.InKWh {
		doc.Unit = openpaygo.KWh
	}
	c.Tokens.OpenPAYGO = &config.OpenPAYGO{Document: doc, Secret: vendorKey}
	c.Supply.Switch = loads.SwitchDocument{Driver: "house", Settings: house.SwitchDriver().New()}
	for _, d := range w.Loads {
		d.Switch = c.Supply.Switch
		c.Loads = append(c.Loads, d.Document)
	}
	c.Schedule.Plan = cron(w.Every)
	c.Telemetry.Every = 1000 * day // nothing is sent anywhere
	c.Simulation = &config.Simulation{Step: w.Step, Seed: w.Seed}
	return c
}

// cron is a schedule for every so many minutes of the hour.
func cron(every time.Duration) string {
	if every >= time.Hour {
		return "0 * * * *"
	}
	return fmt.Sprintf("*/%d * * * *", max(1, int(every.Minutes())))
}
