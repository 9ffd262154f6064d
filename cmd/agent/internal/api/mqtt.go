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
	Why       string     `json:"why"`               // in words
	Pay       *string    `json:"pay,omitempty"`     // what must be paid for light again
	PowerW    *float64   `json:"power_w,omitempty"` // left out where it is not known
	Derived   bool       `json:"power_derived,omitempty"`
	ImportKWh *float64   `json:"import_kwh,omitempty"` // left out before the first sample
	RunOut    *time.Time `json:"run_out,omitempty"`
	Until     *Until     `json:"until,omitempty"`   // left out where nobody asks how long the credit is to last
	Limited   *Limited   `json:"limited,omitempty"` // left out where no utility limits the site
	Utility   *Cut       `json:"utility,omitempty"` // left out where no utility has ordered the supply off
	Price     string     `json:"price"`
	Warnings  int        `json:"warnings"`
}

// StateOf is v in short.  The power is left out where it is not that of now: no
// key of State could say so.
func StateOf(v View) State {
	s := State{
		Balance: v.Credit.Balance, Supply: v.Supply.State, Why: v.Supply.Says, Pay: v.Supply.Pay,
		Derived: v.Power.Derived, Until: v.Until, Limited: v.Limited, Utility: v.Supply.Utility, ImportKWh: v.Meter.ImportKWh, Warnings: len(v.Warnings),
	}
	if v.At != nil {
		s.At = *v.At
	}
	if f := picture.Freshness(v.Power.Freshness); f == picture.Fresh || f == picture.Stale {
		s.PowerW = v.Power.W
	}
	if v.RunOut.Known && !v.RunOut.Beyond {
		s.RunOut = v.RunOut.At
	}
	if v.Tariff.Price != nil {
		s.Price = *v.Tariff.Price
	}
	return s
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
	Rated    bool    `json:"rated,omitempty"` // power_w is not measured
	Why      string  `json:"why,omitempty"`
	Override string  `json:"override,omitempty"`
}

// LoadStateOf is a load in short.
func LoadStateOf(l picture.Load) LoadState {
	return LoadState{On: l.On, State: string(l.State), PowerW: l.Power.W(), Rated: l.Rated, Why: l.Why, Override: string(l.Override)}
}

// Order is a person's word with its time, on load/<id>/set and supply/reconnect.
// A plain word is an order of the moment at which it comes.
type Order struct {
	Order  string    `json:"order"`
	At     time.Time `json:"at"`
	MaxAge float64   `json:"max_age_s"` // seconds; 0: a minute
}
