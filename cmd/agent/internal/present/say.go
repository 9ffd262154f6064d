package present

import (
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Words puts what the agent knows in figures into the page's language.
type Words struct{ c *Catalogue }

// NewWords reads the English texts.
func NewWords() Words { return WordsIn(English) }

// WordsIn reads the texts of a language; "", and one that there are none of, is English.
func WordsIn(lang string) Words {
	c, err := Open(lang)
	if err != nil {
		c, err = Open(English)
	}
	if err != nil { // the texts are part of the program, and tested
		c = &Catalogue{lang: English}
	}
	return Words{c}
}

// OrEnglish is w, and the English words where it is zero.
func (w Words) OrEnglish() Words {
	if w.c == nil {
		return NewWords()
	}
	return w
}

// T is a text that stands alone; see Catalogue.T.
func (w Words) T(key string, pairs ...any) string { return w.c.T(key, pairs...) }

// Or is the text of a key, or other where there is none.
func (w Words) Or(key, other string) string { return w.c.Or(key, other) }

// N is a text about a number of things that stands alone; see Catalogue.N.
func (w Words) N(key string, n int, pairs ...any) string { return w.c.N(key, n, pairs...) }

// Title is what is wrong, of a warning in its common form.
func (w Words) Title(code string) string { return Phrases{Format{Words: w.c}}.Title(code, "") }

// Remedy is what to do about it.
func (w Words) Remedy(code string) string { return Phrases{Format{Words: w.c}}.Remedy(code, "") }

// For speaks with the money, the clock and the day of a picture of the house.
func (w Words) For(unit Unit, zone *time.Location, now time.Time) Phrases {
	return Phrases{NewFormat(w.c, unit, zone, now)}
}

// Phrases are sentences for one View.
type Phrases struct{ Format }

// ReasonCode is why a load does what it does.
type ReasonCode string

// The reasons.
const (
	WhyWaits     ReasonCode = "waits"     // for Start
	WhyRuns      ReasonCode = "runs"      // as planned
	WhyAsked     ReasonCode = "asked"     // it runs because somebody asked for it
	WhyFinishes  ReasonCode = "finishes"  // its programme is not interrupted
	WhyUnplanned ReasonCode = "unplanned" // it is on though not planned now
	WhyStarting  ReasonCode = "starting"  // it is being switched on
	WhyStopping  ReasonCode = "stopping"  // it is being switched off
	WhyNone      ReasonCode = "none"      // no run is planned
	WhyNoPlan    ReasonCode = "no_plan"   // there is no plan yet
	WhyOldPlan   ReasonCode = "old_plan"  // the plan has come to its end
	WhyOwnHours  ReasonCode = "own_hours" // there is no plan, and its own hours have it run
	WhyOwnWait   ReasonCode = "own_wait"  // there is no plan, and it waits for its own hours
	WhyRecords   ReasonCode = "records"   // the records do not agree: nothing is switched
	WhyCredit    ReasonCode = "credit"    // the plan leaves it out: the credit is not enough
	WhyBuys      ReasonCode = "buys"      // the plan leaves it out until credit is bought, which is expected by Until
	WhyUntil     ReasonCode = "until"     // the plan leaves it out so that the credit lasts as long as a person asks
	WhyHours     ReasonCode = "hours"     // the plan leaves it out: its hours are too short
	WhyLeftOut   ReasonCode = "left_out"  // the plan leaves it out
	WhyOver      ReasonCode = "over"      // its hours are over, and Time is missing
	WhyRests     ReasonCode = "rests"     // it took nothing the last time it was on
	WhySupply    ReasonCode = "supply"    // the supply is off
	WhyMinOff    ReasonCode = "min_off"   // it was switched off not long ago
	WhyMinOn     ReasonCode = "min_on"    // it was switched on not long ago
	WhyStagger   ReasonCode = "stagger"   // loads start one after another
	WhyStarts    ReasonCode = "starts"    // it was started as often as it may
	WhyHeld      ReasonCode = "held"      // held back for another reason
	WhyShed      ReasonCode = "shed"      // the site draws too much
	WhyLowered   ReasonCode = "lowered"   // the site draws too much, and it is held to less
	WhyRoom      ReasonCode = "room"      // with it the site would draw more than it may
	WhyApart     ReasonCode = "apart"     // Name is on, with which it is not to run
	WhyCircuit   ReasonCode = "circuit"   // with it the circuit Name would carry more than it may
	WhyDemand    ReasonCode = "demand"    // with it the interval under way would come to a higher demand than is charged for
	WhyRoomLess  ReasonCode = "room_less" // with more of it the site would
	WhySet       ReasonCode = "set"       // it runs as somebody has set it at the device
	WhySetOff    ReasonCode = "set_off"   // somebody has switched it off at the device
	WhySpares    ReasonCode = "spares"    // the credit left is kept for more important loads
	WhyDear      ReasonCode = "dear"      // it runs only below a price, and a kWh costs more
	WhyDayOff    ReasonCode = "day_off"   // it is none of the days of the week on which it is needed
	WhyFinished  ReasonCode = "finished"  // it has what it needs
	WhyGives     ReasonCode = "gives"     // panels: they give
	WhyNoSun     ReasonCode = "no_sun"    // they give nothing
	WhyAsleep    ReasonCode = "asleep"    // they are not heard, as at night
	WhyUnheard   ReasonCode = "unheard"   // they are not heard: what they give is not known
	WhyUnsure    ReasonCode = "unsure"    // it was told to run, and its switch does not tell whether it does
	WhyFault     ReasonCode = "fault"     // its switch does not do as it is told
)

// Reason is why a load does what it does.
type Reason struct {
	Code   ReasonCode
	Start  time.Time     // WhyWaits
	Saves  units.Money   // WhyWaits: what running at once would cost more
	Sooner time.Duration // WhyWaits: by so much sooner the credit would end
	Opens  time.Time     // WhyWaits: its own hours begin then; zero: they have begun
	Anew   bool          // WhyWaits: Opens begins its next need-day alone; its hours went on before it
	Had    bool          // WhyWaits: and of the present one it has had all
	Unsent bool          // WhyWaits: the prices of Start are sent later, and may move it
	Price  units.Price   // WhyRuns: of a kWh; WhyDear: below which it runs
	Power  units.Power   // WhyRuns: that it may draw; 0: it is not told
	// WhyWaits: the best start before Start, and what it would cost more; zero:
	// there is none.
	Earlier      time.Time
	EarlierSaves units.Money
	Until        time.Time     // held back until then; zero: not known
	Name         string        // WhyApart: the other load's; WhyCircuit: the circuit's
	Time         time.Duration // WhyOver: that is missing
	Energy       units.Energy  // WhyOver: the same of a load that is told powers
}

// worthSaying is a shortening of the credit that is worth a sentence.
const worthSaying = time.Hour

// Why is a reason as a sentence or two; "" for the zero Reason.
func (p Phrases) Why(r Reason) string {
	c := p.Words
	switch r.Code {
	case "":
		return ""
	case WhyWaits:
		when := p.soon(r.Start)
		switch {
		case r.Unsent:
			return c.T("why.unsent", "when", when)
		case !r.Opens.IsZero() && !r.Opens.Before(r.Start) && r.Anew && r.Had:
			return c.T("why.next_day.done", "when", when)
		case !r.Opens.IsZero() && !r.Opens.Before(r.Start) && r.Anew:
			return c.T("why.next_day", "when", when)
		case !r.Opens.IsZero() && !r.Opens.Before(r.Start):
			return c.T("why.opens", "when", when)
		case !p.shown(r.Saves) && !r.Earlier.IsZero() && p.shown(r.EarlierSaves):
			return c.T("why.earlier", "when", when, "saves", p.Money(r.EarlierSaves), "earlier", p.soon(r.Earlier))
		case !p.shown(r.Saves):
			return c.T("why.waits", "when", when)
		case r.Sooner >= worthSaying:
			return c.T("why.saves", "when", when, "saves", p.Money(r.Saves)) + " " + c.T("why.sooner", "time", p.Duration(r.Sooner))
		}
		return c.T("why.saves", "when", when, "saves", p.Money(r.Saves))
	case WhyRuns:
		if r.Power > 0 {
			return c.T("why.runs.power", "price", p.PriceParts(r.Price)[0], "power", p.Power(r.Power))
		}
		return c.T("why.runs", "price", p.PriceParts(r.Price)[0])
	case WhyApart, WhyCircuit:
		return c.T("why."+string(r.Code), "name", r.Name)
	case WhyDear:
		return c.T("why.dear", "price", p.PriceParts(r.Price)[0])
	case WhyOver:
		if r.Energy > 0 {
			return c.T("why.over", "time", p.Energy(r.Energy))
		}
		return c.T("why.over", "time", p.Duration(r.Time))
	default:
	}
	if r.Until.IsZero() || !c.Has("why."+string(r.Code)+".until") {
		return c.T("why." + string(r.Code))
	}
	return c.T("why."+string(r.Code)+".until", "when", p.soon(r.Until))
}

// Left says how much credit there is.
func (p Phrases) Left(m units.Money) string { return p.Words.T("supply.left", "amount", p.Money(m)) }

// shown tells whether an amount is more than nothing in the decimals shown.
func (p Phrases) shown(m units.Money) bool {
	return strings.Trim(m.Decimal(min(max(p.Unit.Decimals, 0), 6)), "0.") != "" && m > 0
}

// soon is the clock alone where the next such time is meant, else with its day.
func (p Phrases) soon(t time.Time) string {
	if d := t.Sub(p.Now); d > -time.Hour && d < 20*time.Hour {
		return p.Clock(t)
	}
	return p.When(t)
}

// ShortCode is what a plan does without.
type ShortCode string

// The shortfalls.
const (
	ShortRun    ShortCode = "run"    // a programme is left out
	ShortTime   ShortCode = "time"   // a load runs for less than it needs
	ShortKWh    ShortCode = "energy" // a load gets less than it needs
	ShortCredit ShortCode = "credit" // the credit ends
	ShortLimit  ShortCode = "limit"  // more power is used than the site may draw
	ShortOther  ShortCode = "other"
)

// Shortfall is what a plan does without.
type Shortfall struct {
	Code  ShortCode
	Cause string        // "credit" or "hours", of a load that goes short; "" not known
	Name  string        // of the load
	Time  time.Duration // ShortTime: that is missing
	// Energy is what is missing, of ShortKWh.
	Energy units.Energy
	At     time.Time // when it begins
}

// Short is a shortfall as a sentence.
func (p Phrases) Short(s Shortfall) string {
	key := "short." + string(s.Code)
	if p.Words.Has(key + "." + s.Cause) {
		key += "." + s.Cause
	}
	return p.Words.T(key, "name", s.Name, "time", p.Duration(s.Time), "energy", p.Energy(s.Energy), "when", p.When(s.At))
}

// Cause is what is behind a warning, in figures.
type Cause struct {
	Code   string      // of the warning
	Form   string      // tells apart causes of one code; may be ""
	Name   string      // of what it is about
	Amount units.Money //
	At     time.Time   // what it says depends on Code
	Else   string      // what is said where there is no text for Code: words already
}

// Cause is the cause as a sentence.
func (p Phrases) Cause(x Cause) string {
	key := "warning.cause." + x.Code
	if x.Form != "" {
		key += "." + x.Form
	}
	if !p.Words.Has(key) {
		text := x.Else
		if x.Name != "" {
			text = x.Name + ": " + text
		}
		return p.Sentence(text)
	}
	return p.Words.T(key, "name", x.Name, "amount", p.Money(x.Amount), "when", p.When(x.At), "time", p.In(x.At))
}

// Title is what is wrong, of a warning in one of its forms; form may be "".
func (p Phrases) Title(code, form string) string { return p.warning("title", code, form) }

// Remedy is what to do about a warning in one of its forms; form may be "".
func (p Phrases) Remedy(code, form string) string { return p.warning("remedy", code, form) }

func (p Phrases) warning(part, code, form string) string {
	key := "warning." + part + "."
	for _, k := range []string{key + code + "." + form, key + code} {
		if p.Words.Has(k) {
			return p.Words.T(k)
		}
	}
	return p.Words.T(key+"unknown", "code", code)
}
