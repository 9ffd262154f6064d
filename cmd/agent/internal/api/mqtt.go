package api

import (
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
)

// State is the retained report of now: the MQTT topic state.
type State struct {
	At        time.Time  `json:"at"`
	Balance   string     `json:"balance"`
	Supply    string     `json:"supply"`
	Cause     string     `json:"cause,omitempty"`   // why it is off, as a code; left out where it is not
	Why       string     `json:"why"`               // in words
	Pay       *string    `json:"pay,omitempty"`     // what must be paid so that credit is no cause of darkness any more; why tells of the other causes
	PowerW    *float64   `json:"power_w,omitempty"` // left out where it is not known
	Derived   bool       `json:"power_derived,omitempty"`
	ImportKWh *float64   `json:"import_kwh,omitempty"` // left out before the first sample
	RunOut    *time.Time `json:"run_out,omitempty"`
	Early     *time.Time `json:"run_out_early,omitempty"` // one future of ten has run out by then
	Late      *time.Time `json:"run_out_late,omitempty"`  // nine of ten have
	HoursLeft *float64   `json:"hours_left,omitempty"`    // median; where Beyond, it lasts longer
	Beyond    bool       `json:"beyond,omitempty"`        // the credit outlasts the forecast
	Until     *Until     `json:"until,omitempty"`         // left out where nobody asks how long the credit is to last
	Limited   *Limited   `json:"limited,omitempty"`       // left out where no utility limits the site
	Utility   *Cut       `json:"utility,omitempty"`       // left out where no utility has ordered the supply off
	Price     string     `json:"price"`
	Period    string     `json:"period,omitempty"`     // of the tariff
	NextPrice string     `json:"next_price,omitempty"` // from NextAt on
	NextAt    *time.Time `json:"next_at,omitempty"`    // left out where no change is known
	Warnings  int        `json:"warnings"`
}

// StateOf is v in short.  The power is left out where it is not that of now: no
// key of State could say so.
func StateOf(v View) State {
	s := State{
		Balance: v.Credit.Balance, Supply: v.Supply.State, Why: v.Supply.Says, Pay: v.Supply.Pay,
		Derived: v.Power.Derived, Until: v.Until, Limited: v.Limited, Utility: v.Supply.Utility, ImportKWh: v.Meter.ImportKWh, Warnings: len(v.Warnings),
		Cause: v.Supply.Cause, Period: v.Tariff.Period,
	}
	if v.At != nil {
		s.At = *v.At
	}
	if f := picture.Freshness(v.Power.Freshness); f == picture.Fresh || f == picture.Stale {
		s.PowerW = v.Power.W
	}
	if v.RunOut.Known {
		s.HoursLeft, s.Beyond, s.Early = v.RunOut.Hours, v.RunOut.Beyond, v.RunOut.Early
		if !v.RunOut.Beyond {
			s.RunOut, s.Late = v.RunOut.At, v.RunOut.Late
		}
	}
	if v.Tariff.NextAt != nil {
		s.NextAt, s.NextPrice = v.Tariff.NextAt, v.Tariff.NextPrice
	}
	if v.Tariff.Price != nil {
		s.Price = *v.Tariff.Price
	}
	return s
}

// Totals is what only grows: the MQTT topic totals.  It is of what is stored, so that a crash
// takes nothing back; nothing in it speaks of a meter, so that a change of the meter does not
// show.  It starts at zero where the records were begun anew.
type Totals struct {
	At        time.Time   `json:"at"`
	Since     time.Time   `json:"since"`                // when the records begin
	ImportKWh *float64    `json:"import_kwh,omitempty"` // left out before the first sample
	ExportKWh *float64    `json:"export_kwh,omitempty"`
	Cost      *string     `json:"cost,omitempty"` // all that was charged, less what was earned by energy sold
	Fixed     *string     `json:"cost_fixed,omitempty"`
	Bought    *string     `json:"bought,omitempty"`
	Loads     []LoadTotal `json:"loads"`
}

// LoadTotal is what one load has used.
type LoadTotal struct {
	ID  string  `json:"id"`
	KWh float64 `json:"kwh"`
}

// Notice is a warning as the MQTT topic warnings has it: with the agent's own four
// degrees of severity, of which the page makes three.
type Notice struct {
	Code     string    `json:"code"`
	Subject  string    `json:"subject,omitempty"`
	Severity string    `json:"severity"` // info, caution, serious or critical
	Since    time.Time `json:"since"`
	Title    string    `json:"title"`
	Cause    string    `json:"cause"`
	Remedy   string    `json:"remedy"`
}

// NoticesOf are the warnings of a picture.
func NoticesOf(v *picture.View) []Notice {
	out := make([]Notice, len(v.Warnings))
	for i, w := range v.Warnings {
		out[i] = Notice{w.Code, w.Subject, w.Grade.String(), w.Since, w.Title, w.Cause, w.Remedy}
	}
	return out
}

// LoadState is one load: the MQTT topic load/<id>/state.
type LoadState struct {
	On       bool    `json:"on"` // as far as is known: by feedback, else as told
	State    string  `json:"state"`
	PowerW   float64 `json:"power_w"`
	Rated    bool    `json:"rated,omitempty"`  // power_w is not measured
	ToldW    float64 `json:"told_w,omitempty"` // that it may draw while it is on, of a load that is told so
	Why      string  `json:"why,omitempty"`
	Override string  `json:"override,omitempty"`
}

// LoadStateOf is a load in short.
func LoadStateOf(l picture.Load) LoadState {
	return LoadState{On: l.On, State: string(l.State), PowerW: l.Power.W(), Rated: l.Rated, ToldW: l.Told.W(), Why: l.Why, Override: string(l.Override)}
}

// Order is a person's word with its time, on load/<id>/set and supply/reconnect.
// A plain word is an order of the moment at which it comes.
type Order struct {
	Order  string    `json:"order"`
	At     time.Time `json:"at"`
	MaxAge float64   `json:"max_age_s"` // seconds; 0: a minute
}
