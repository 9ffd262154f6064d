package present

import (
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// SupplyState is the state of the supply contactor, as DLMS names them.
type SupplyState string

// States of the supply.
const (
	Connected    SupplyState = "connected"
	Disconnected SupplyState = "disconnected"
	Ready        SupplyState = "ready"      // may be closed by the householder
	Unknown      SupplyState = "unknown"    // the contactor does not answer, or its answer contradicts its command
	Unswitched   SupplyState = "unswitched" // this site has no contactor: the agent only advises
)

// SupplyCause is why the supply is off, or was before it became ready.
type SupplyCause string

// Causes.
const (
	NoCause    SupplyCause = ""
	ByCredit   SupplyCause = "credit"
	ByOverload SupplyCause = "overload"
	ByUtility  SupplyCause = "utility"
	ByTamper   SupplyCause = "tamper"
	ByCustomer SupplyCause = "customer"
	ByFault    SupplyCause = "fault"
)

// Supply is whether there is power, and why.  The zero State is the agent's
// first moment, before it has read its ledger and its contactor.
type Supply struct {
	State SupplyState
	Cause SupplyCause
	Since time.Time
	// CutAt is when the supply will go off if nothing changes and credit is already
	// spent (the end of protected hours); zero otherwise.
	CutAt time.Time
	// CutSoon: the credit is spent, and the supply goes off as soon as less is drawn.
	CutSoon bool
	// Spared: the credit is spent, and it is not cut because no top-up can be recorded.
	Spared bool
	// RetryAt is when an overload cut-off is tried again.
	RetryAt time.Time
	// Spent: there is no credit, whatever else Cause says.
	Spent bool
	// Pay is what must be paid to have light again, or to keep it.
	Pay control.Light
	// PaidOff: it is never cut for credit.
	PaidOff bool
	Left    units.Money // the available credit
	// Held: the records do not agree, and nothing is switched until a person has
	// decided: nothing is known of the credit.
	Held bool
	// Cut is who disconnects the home, where the utility has ordered it; zero: nobody.
	Cut Cut
	// Seen is what the contactor's feedback tells where State is Unknown; nil: it
	// tells nothing.
	Seen *bool
}

// Cut is a disconnection by a utility.
type Cut struct {
	By, ID, Why  string
	Since, Until time.Time // Until: it ends by itself then
}

// cutOf is the disconnection that is in force; zero: none.
func cutOf(site *control.Site, st *control.State) Cut {
	if off := st.Policy.Supply.Off; off != nil && site.Policy != nil && site.Policy.Disconnects() {
		return Cut{off.Of.Issuer, off.ID, off.Why, off.Since, off.Until}
	}
	return Cut{}
}

// contradicted is how long a contactor's feedback may be of before its command.
const contradicted = 5 * time.Second

// SupplyOf is the supply in a State.
func SupplyOf(site *control.Site, st *control.State) Supply {
	if st.Hold != nil {
		return heldSupply(site, st)
	}
	if st.Credit.Supply.Position == credit.Undecided {
		return Supply{} // the first moment: nothing is known yet
	}
	d := st.Decision
	s := Supply{Since: d.Since, Left: st.Credit.Available(), PaidOff: st.Credit.Unlocked, Pay: site.ForLight(st)}
	s.Spent = s.Pay.Needed()
	s.Cut = cutOf(site, st)
	switch st.Credit.Supply.Position {
	case credit.Connected:
		s.State = Connected
	case credit.Disconnected:
		s.State = Disconnected
	case credit.Ready:
		s.State = Ready
	case credit.Undecided:
	}
	switch d.Cause {
	case credit.ForNoCredit:
		s.Cause = ByCredit
	case credit.NoCause, credit.ByFault, credit.ByTamper, credit.ByUtility, credit.ByOverload, credit.ByCustomer:
		s.Cause = SupplyCause(d.Cause)
	}
	if !site.Contactor {
		s.State, s.Cause = Unswitched, NoCause
		return s
	}
	if d.Protected && d.Close {
		s.CutAt = d.Until
	}
	s.CutSoon = d.Waiting && d.Close
	s.Spared = d.Spared && d.Close
	if off := st.Supply.Limit.Off; s.Cause == ByOverload && off > 0 {
		s.RetryAt = st.Now.Add(off)
	}
	switch seen := st.SupplySeen; {
	case seen.Known && seen.On != d.Close && st.Now.Sub(d.Since) > contradicted:
		s.State, s.Seen = Unknown, &seen.On
	case !seen.Known && st.Health.Has(health.SupplySilent, loads.SupplyID):
		s.State = Unknown
	}
	return s
}

// heldSupply is the supply as it was left when the records were held.
func heldSupply(site *control.Site, st *control.State) Supply {
	s := Supply{State: Unknown, Since: st.Hold.Since, Held: true}
	on := st.Supply.Contactor.Told == credit.SaysClosed
	if st.SupplySeen.Known {
		on = st.SupplySeen.On
	}
	switch {
	case !site.Contactor:
		s.State = Unswitched
	case !st.SupplySeen.Known && st.Supply.Contactor.Told == credit.Unknown:
	case on:
		s.State = Connected
	default:
		s.State = Disconnected
	}
	return s
}

// SupplyText is what is said of the supply.
type SupplyText struct {
	Chip  string   // a word or two
	Title string   // the state in a line
	Lines []string // sentences: why, and what is missing
	Do    string   // what to do; may be ""
}

// Supply is the supply in words.
func (p Phrases) Supply(s Supply) SupplyText {
	t := p.Words.T
	if s.State == "" {
		return SupplyText{Chip: t("starting"), Title: t("starting"), Lines: []string{t("starting.line")}}
	}
	key := "supply." + string(s.State)
	out := SupplyText{Chip: t(key + ".chip"), Title: t(key)}
	add := func(text string) {
		if text != "" {
			out.Lines = append(out.Lines, text)
		}
	}
	if s.Held {
		out.Lines, out.Do = []string{t("held") + ".", t("held.text")}, t("held.do")
		return out
	}
	switch s.State {
	case Connected:
		switch {
		case !s.CutAt.IsZero():
			out.Title = t("supply.cut_at", "when", p.When(s.CutAt))
			add(t("supply.cut_at.text"))
			add(p.Pay(s, "keep"))
			out.Do = t("cause.credit.do")
		case s.CutSoon:
			out.Title = t("supply.cut_soon")
			add(t("supply.cut_soon.text"))
			add(p.Pay(s, "keep"))
			out.Do = t("cause.credit.do")
		case s.Spared:
			add(t("supply.spared.text"))
			add(p.Pay(s, "keep"))
			out.Do = t("supply.spared.do")
		case s.PaidOff:
			add(t("supply.paid_off"))
		default:
			add(p.Left(s.Left))
		}
	case Unswitched:
		if !s.Spent {
			if add(p.Left(s.Left)); s.PaidOff {
				out.Lines = []string{t("supply.paid_off")}
			}
			break
		}
		add(t("supply.unswitched.spent"))
		add(p.Pay(s, "owed"))
		out.Do = t("cause.credit.do")
	case Ready:
		add(p.Words.Or("supply.ready.text."+string(s.Cause), t("supply.ready.text")))
		out.Do = t("supply.ready.do")
	case Disconnected:
		cause := "cause." + string(s.Cause)
		if !p.Words.Has(cause) {
			cause = "cause.unknown"
		}
		add(t(cause))
		if s.Cause == ByUtility && s.Cut.By != "" {
			add(t("cause.utility.of", "by", s.Cut.By, "when", p.When(s.Cut.Until), "why", strings.TrimRight(s.Cut.Why, ".")))
		}
		switch {
		case s.Cause == ByCredit:
			add(p.Pay(s, "back"))
		case s.Spent: // to pay alone brings no light
			add(t("supply.spent_too"))
			add(p.Pay(s, "too"))
		}
		if !s.RetryAt.IsZero() {
			add(t("supply.retry", "when", p.When(s.RetryAt)))
		}
		out.Do = t(cause + ".do")
	default:
		out.Chip = t("supply.unknown.chip")
		switch {
		case s.Seen == nil:
			out.Title = t("supply.unknown")
			add(t("supply.unknown.text"))
			out.Do = t("supply.unknown.do")
		case *s.Seen:
			out.Title = t("supply.contradicts")
			add(t("supply.contradicts.on"))
			out.Do = t("supply.contradicts.do")
		default:
			out.Title = t("supply.contradicts")
			add(t("supply.contradicts.off"))
			out.Do = t("supply.contradicts.do")
		}
	}
	return out
}

// Pay says what must be paid: form is "back" for a supply that is off for it, "too" where that is not all, "keep"
// for one that is on, "owed" where nothing is switched, and "still" for an
// answer to a top-up; "" where nothing must be paid.
func (p Phrases) Pay(s Supply, form string) string {
	switch {
	case !s.Spent:
		return ""
	case s.Pay.Beyond:
		return p.Words.T("pay.beyond")
	}
	return p.Words.T("pay."+form, "amount", p.Due(s.Pay.Amount))
}

// Due is an amount to be paid, never written as less than it is.
func (p Phrases) Due(m units.Money) string {
	step := units.One
	for range min(max(p.Unit.Decimals, 0), 6) {
		step /= 10
	}
	if rest := m % step; rest > 0 {
		m += step - rest
	}
	return p.Money(m)
}

// Says is the supply in one line, for a terminal or a message.
func (t SupplyText) Says() string {
	s := t.Title + "."
	for _, l := range t.Lines {
		s += " " + l
	}
	return s
}
