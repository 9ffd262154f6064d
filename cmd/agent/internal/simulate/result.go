package simulate

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Report is what came of a world under each policy.
type Report struct {
	World    string             `json:"world"`
	Variant  string             `json:"variant,omitempty"` // what differs from the world's document
	About    string             `json:"about,omitempty"`
	Start    string             `json:"start"` // the first day that counts
	Zone     string             `json:"zone"`
	Warm     int                `json:"warm_up"`
	Days     int                `json:"days"`
	Seed     uint64             `json:"seed"`
	Currency string             `json:"currency"`
	Loads    []LoadName         `json:"loads"`
	Policies map[Policy]*Result `json:"policies"`
	// GainShare is how much of what foresight saves keeplit saves, both against none
	// and by the kWh delivered, with panels by what is paid; nil where foresight saves less than a thousandth.
	GainShare *float64 `json:"gain_share"`
}

// LoadName is what a load is called.
type LoadName struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// report is one of the world without any policy.
func (w *World) report() *Report {
	r := &Report{
		World: w.Title, Variant: w.Variant, About: w.About, Start: w.Start.String(), Zone: w.Zone, Warm: w.Warm, Days: w.Days, Seed: w.Seed,
		Policies: map[Policy]*Result{},
	}
	for _, d := range w.Loads {
		name := d.Name
		if name == "" {
			name = d.ID
		}
		r.Loads = append(r.Loads, LoadName{d.ID, name})
	}
	return r
}

// Join takes in what another report of the same world says of policies.
func (r *Report) Join(other *Report) {
	maps.Copy(r.Policies, other.Policies)
	r.GainShare = r.gain()
}

// Result is what came of a world under one policy, over the days that count.
type Result struct {
	Cost       float64               `json:"cost"` // all that the account was charged
	CostAYear  float64               `json:"cost_a_year"`
	Energy     float64               `json:"energy_kwh"`
	CostPerKWh float64               `json:"cost_per_kwh"` // that was used, the sun's among it
	HoursOff   float64               `json:"hours_off"`    // the contactor open, whatever the cause
	Cutoffs    int                   `json:"cutoffs"`
	UnmetKWh   float64               `json:"unmet_kwh"`  // needs of loads, at their rated power
	UnmetDays  int                   `json:"unmet_days"` // on which any load went short
	Comfort    float64               `json:"comfort_kh"` // K h of tanks below 40 degrees
	HotHours   *float64              `json:"hot_hours,omitempty"`
	PeakKW     float64               `json:"peak_kw"` // mean of an interval
	Demand     float64               `json:"demand_charge"`
	DaysPer100 float64               `json:"days_per_100"` // of supply, for 100 of credit
	Starts     int                   `json:"starts"`
	Moves      int                   `json:"moves"`      // of announced next starts to another time, unforced
	MovesNear  int                   `json:"moves_near"` // those that were less than 2 h away
	Gone       int                   `json:"gone"`       // announced next starts that the next plan had no more, whatever the reason
	Announced  int                   `json:"shortfalls"` // plans that announced one
	Plans      int                   `json:"plans"`
	MainsHours float64               `json:"mains_off_hours"`
	ToppedUp   float64               `json:"topped_up"`
	LoadsKWh   float64               `json:"loads_kwh"`
	Sun        float64               `json:"sun_kwh,omitempty"` // that panels gave
	FedIn      float64               `json:"fed_in_kwh,omitempty"`
	Dry        float64               `json:"dry_kwh"`                // hot water or driving that could not be had
	LateCar    *float64              `json:"late_car_kwh,omitempty"` // that cars lacked to be full as they left
	Draws      int                   `json:"draws,omitempty"`        // of hot water, from tanks
	ColdDraws  int                   `json:"cold_draws,omitempty"`   // of them, those after which a tank was below 40 degrees
	RunOut     RunOuts               `json:"run_out"`
	Cuts       map[string]Cut        `json:"cuts"`
	Loads      map[string]LoadResult `json:"loads"`
	Seconds    float64               `json:"-"` // real time that the run took

	FalseShortfalls int `json:"false_shortfalls"` // of them, those that announced one that did not come

	Balance []DayBalance `json:"balance"`
	Week    []Slot       `json:"week"` // that is looked at closely
}

// Cut is the time without supply for one cause.
type Cut struct {
	Times int     `json:"times"`
	Hours float64 `json:"hours"`
}

// LoadResult is what one load got.
type LoadResult struct {
	KWh       float64 `json:"kwh"`
	UnmetKWh  float64 `json:"unmet_kwh"`
	UnmetDays int     `json:"unmet_days"`
	Starts    int     `json:"starts"`
	Moves     int     `json:"moves"`
	MovesNear int     `json:"moves_near"`
	Gone      int     `json:"gone"`
}

// RunOuts is how right plans were about the end of the credit: what they said, beside
// when what was really used had taken all that there was then.
type RunOuts struct {
	Said   int     `json:"said"`             // plans whose credit would have ended within what they look ahead
	Before float64 `json:"before_p10"`       // share of them in which it ended before p10; 0.1 is right
	After  float64 `json:"after_p90"`        // and after p90
	Error  float64 `json:"median_error_h"`   // between p50 and the truth
	Missed int     `json:"beyond_but_ended"` // of them, those that said that it would last
}

// DayBalance is the credit of one day.
type DayBalance struct {
	Day  string  `json:"day"` // by the local calendar
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	Off  float64 `json:"off"` // hours without supply, for want of credit or of mains
}

// Slot is one slot of the week that is looked at closely.
type Slot struct {
	Start   time.Time `json:"start"`
	Base    float64   `json:"base"`  // kWh
	Loads   []float64 `json:"loads"` // kWh, in the order of the world
	Price   float64   `json:"price"` // of a kWh, as the plan sees it
	Balance float64   `json:"balance"`
	Off     float64   `json:"off"`           // share of it
	Hot     *float64  `json:"hot,omitempty"` // temperature of the first geyser, degrees
}

// gain is the report's GainShare.
func (r *Report) gain() *float64 {
	none, mine, best := r.Policies[None], r.Policies[Keeplit], r.Policies[Foresight]
	if none == nil || mine == nil || best == nil || none.CostPerKWh <= 0 {
		return nil
	}
	could := none.CostPerKWh - best.CostPerKWh
	if could < none.CostPerKWh/1000 {
		return nil
	}
	return ptr(round((none.CostPerKWh-mine.CostPerKWh)/could, 4))
}

// round keeps the figures of a report readable, and the same on every machine.
func round(v float64, places int) float64 {
	p := math.Pow10(places)
	return math.Round(v*p) / p
}

// tidy rounds a result's figures.
func (r *Result) tidy() {
	for _, v := range []*float64{&r.Cost, &r.CostAYear, &r.Energy, &r.HoursOff, &r.UnmetKWh, &r.Comfort, &r.PeakKW, &r.Demand, &r.DaysPer100, &r.MainsHours, &r.ToppedUp, &r.LoadsKWh, &r.Sun, &r.FedIn, &r.Dry, &r.RunOut.Error} {
		*v = round(*v, 3)
	}
	for _, v := range []*float64{&r.CostPerKWh, &r.RunOut.Before, &r.RunOut.After} {
		*v = round(*v, 5)
	}
	if r.HotHours != nil {
		r.HotHours = ptr(round(*r.HotHours, 3))
	}
	for k, c := range r.Cuts {
		c.Hours = round(c.Hours, 3)
		r.Cuts[k] = c
	}
	for k, l := range r.Loads {
		l.KWh, l.UnmetKWh = round(l.KWh, 3), round(l.UnmetKWh, 3)
		r.Loads[k] = l
	}
}

// endings resolves what was said of the end of the credit.
type endings struct {
	open          []said
	errors        []float32
	before, after int
	missed        int
	over          time.Duration
}

// see resolves what has ended by now, where so much has been spent since the beginning.
func (e *endings) see(now time.Time, spent units.Money) {
	e.open = slices.DeleteFunc(e.open, func(s said) bool {
		if spent-s.spent < s.left {
			return now.Sub(s.at) > e.over
		}
		e.errors = append(e.errors, float32(s.mid.Sub(now).Abs().Hours()))
		if now.Before(s.early) {
			e.before++
		}
		if !s.late.IsZero() && now.After(s.late) {
			e.after++
		}
		if s.beyond {
			e.missed++
		}
		return true
	})
}

// result is how right they were.
func (e *endings) result() RunOuts {
	n := len(e.errors)
	if n == 0 {
		return RunOuts{}
	}
	slices.Sort(e.errors)
	return RunOuts{Said: n, Before: float64(e.before) / float64(n), After: float64(e.after) / float64(n), Error: float64(e.errors[n/2]), Missed: e.missed}
}
