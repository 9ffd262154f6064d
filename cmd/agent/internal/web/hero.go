package web

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/internal/units"
)

// Levels of the time left, as prepaid screens show them.
const (
	enough = 72 * time.Hour // over this: green
	little = 24 * time.Hour // under this: red
	full   = 7 * 24 * time.Hour
)

// hero is the first thing that is read: until when there is electricity.
type hero struct {
	Level      string // "good", "low", "bad", "none"
	Icon       string
	Label, Big string
	Line       string // what there is, and about how long it is enough
	Early      string // the earliest that is to be reckoned with; "" not known
	Tip        string // how that is, and what to do
	Says       string // it all in one line
	Share      int    // of a week, in percent; -1: not known
	With       []with
	Moved      string // that it was to last until another time not long ago, and why; ""
}

// with is a top-up, and until when the credit lasts with it.
type with struct{ Amount, Until string }

// Hero is the answer to "until when?".
func (m *model) Hero() hero {
	c, v := m.Words, m.V
	h := hero{Level: "none", Icon: "clock", Label: c.T("credit.balance"), Big: m.balance(), Tip: c.T("runout.unknown"), Share: -1}
	switch ro := v.RunOut; {
	case m.Starting():
		h.Label, h.Big, h.Tip = c.T("starting"), "\u2013", c.T("starting.line")
	case v.Supply.Held:
		h.Level, h.Icon, h.Label, h.Tip = "bad", "stop", c.T("held"), c.T("held.text")
	case v.Supply.PaidOff:
		h.Level, h.Icon, h.Label, h.Tip = "good", "check", c.T("runout.paid_off"), c.T("runout.paid_off.line")
	case v.Credit.Balance <= 0 && v.Credit.Emergency.State != picture.EmergencyInUse:
		h.Level, h.Icon, h.Label, h.Share = "bad", "stop", c.T("runout.spent"), 0
		h.Tip = c.T("runout.spent.tip")
	case v.Supply.State == present.Disconnected || v.Supply.State == present.Ready:
		h.Tip = c.T("runout.off")
	case !ro.First.IsZero():
		h.Tip = c.T("runout.first", "when", m.When(ro.First))
	case ro.Known:
		left := v.Left()
		h.Label, h.Big = c.T("runout.until"), m.When(ro.At)
		about := m.left(left)
		if ro.Beyond {
			about = c.T("runout.more", "left", about)
		}
		h.Line = c.T("runout.line", "balance", m.balance(), "left", about)
		if v.Credit.EnergyKnown && !v.Unit.Energy {
			h.Line = c.T("runout.line.energy", "balance", m.balance(), "energy", m.Energy(v.Credit.Energy), "left", about)
		}
		h.Share = int(min(100, 100*left/full))
		if ro.Beyond {
			h.Label, h.Big = c.T("runout.beyond"), m.Format.Day(ro.At)
		} else if !ro.Early.IsZero() {
			h.Early = c.T("runout.early", "when", m.When(ro.Early))
		}
		switch {
		case left > enough && !m.buysSoon() && (ro.Early.IsZero() || ro.Early.Sub(v.At) >= little):
			h.Level, h.Icon, h.Tip = "good", "check", c.T("runout.good")
		case left >= little && !ro.Early.IsZero() && ro.Early.Sub(v.At) < little:
			h.Level, h.Icon, h.Tip = "low", "warn", c.T("runout.low.early", "when", m.When(ro.Early))
		case left >= little:
			h.Level, h.Icon, h.Tip = "low", "warn", c.T("runout.low")
		default:
			h.Level, h.Icon, h.Tip = "bad", "stop", c.Or("runout.bad."+string(v.Supply.State), c.T("runout.bad"))
		}
		h.Moved = m.moved(ro.Moved)
		for _, w := range ro.With {
			until := c.T("runout.with.until", "when", m.When(m.wholeHour(w.Until)))
			switch {
			case !w.Until.After(ro.At): // debts and charges take all of it
				until = c.T("runout.with.nothing")
			case w.Beyond:
				until = c.T("runout.with.beyond", "when", m.Format.Day(w.Until.Add(-time.Second)))
			}
			h.With = append(h.With, with{m.more(w.Amount), until})
		}
	}
	if h.Says = h.Tip; v.RunOut.Known && h.Line != "" {
		h.Says = h.Label + " " + h.Big + "."
	}
	return h
}

// moved is why the end is another than not long ago; "" where it is not.
func (m *model) moved(x picture.Moved) string {
	if x.At.IsZero() {
		return ""
	}
	why := m.Words.T("moved."+string(x.By), "name", x.Name, "amount", m.Money(x.Amount), "energy", m.Energy(x.Energy))
	return m.Words.T("moved", "at", m.When(x.At), "was", m.When(x.Was), "why", why)
}

// buysSoon tells whether something is to be bought before long however much there is: it ends
// before the time that somebody asked for, or while the shops are closed.
func (m *model) buysSoon() bool {
	return slices.ContainsFunc(m.V.Warnings, func(w picture.Warning) bool { return w.Code == string(health.BuyBefore) })
}

// balance is the credit as it is shown; a dash where it is not to be shown.
func (m *model) balance() string {
	if m.Unsure() {
		return "\u2013"
	}
	return m.Money(m.V.Credit.Balance)
}

// more is so much on top: "+R 100".
func (m *model) more(a units.Money) string { return m.On(a, m.decimals(a)) }

// decimals is how many an amount is shown with that somebody pays: none of a whole one.
func (m *model) decimals(a units.Money) int {
	if a%units.One == 0 {
		return 0
	}
	return m.Unit.Decimals
}

// wholeHour is the full hour of the clock that is nearest.
func (m *model) wholeHour(t time.Time) time.Time {
	_, off := t.In(m.Zone).Zone()
	east := time.Duration(off) * time.Second
	return t.Add(east).Round(time.Hour).Add(-east)
}

// left is about how long it is: "4.1 days", "15 hours".
func (m *model) left(d time.Duration) string {
	switch {
	case d >= 10*24*time.Hour:
		return m.Words.N("runout.days", int(d/(24*time.Hour)))
	case d >= little:
		return m.Words.T("runout.days.tenths", "n", m.Number(float64(d/(24*time.Hour/10))/10, 1))
	case d >= time.Hour:
		return m.Words.N("runout.hours", int(d/time.Hour))
	}
	return m.Words.N("runout.minutes", int(d/time.Minute))
}
