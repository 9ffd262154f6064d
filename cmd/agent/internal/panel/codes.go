package panel

import (
	"context"
	"strconv"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
)

// Code is a short code of the keypad: its digits and then # show two lines of 16
// characters.  No scheme has a token as short.
type Code struct {
	Digits string
	Name   string // in the catalogue: keypad.code.NAME, for the card that is printed
	show   func(a asked) (first, second string)
}

// longestCode is how many digits a code has at the most.
const longestCode = 2

// Codes is the one table of the short codes, in the order of the printed card.
func Codes() []Code {
	codes := []Code{
		{"1", "today", func(a asked) (string, string) { return a.day(0, "today") }},
		{"2", "yesterday", func(a asked) (string, string) { return a.day(1, "yesterday") }},
		{"3", "month", asked.month},
		{"4", "tokens", func(a asked) (string, string) { return a.token(0) }},
	}
	for i := range lastTokens {
		codes = append(codes, Code{"4" + strconv.Itoa(i+1), "token", func(a asked) (string, string) { return a.token(i) }})
	}
	return append(codes,
		Code{"5", "debt", asked.debt},
		Code{"6", "power", asked.power},
		Code{"7", "left", asked.left},
		Code{"8", "tariff", asked.tariff},
		Code{"9", "supply", asked.supply},
	)
}

// lastTokens is how many of the last tokens can be asked for.
const lastTokens = 5

// asked is what a code is answered from.
type asked struct {
	ctx    context.Context
	words  present.Keypad
	st     *control.State
	view   picture.View
	tokens func(ctx context.Context, n int) ([]credit.Entry, error)
}

// code shows what a short code asks for; ok is false where text is none.
func (p *Keys) code(ctx context.Context, text string) (ok bool) {
	if text == "" || len(text) > longestCode || p.View == nil {
		return false
	}
	st := p.Loop.Snapshot().State
	a := asked{ctx, p.Words, &st, p.View(), p.Tokens}
	for _, c := range Codes() {
		if c.Digits == text {
			p.Show(c.show(a))
			return true
		}
	}
	p.Show(p.Words.Say("code.none"), p.Words.Say("code.range"))
	return true
}

func kWh(e units.Energy) string { return strconv.FormatFloat(e.KWh(), 'f', 1, 64) + " kWh" }

// day is what the local day ago days back came to.
func (a asked) day(ago int, name string) (first, second string) {
	start := units.LocalMidnight(a.st.Now, a.view.Zone)
	if ago > 0 {
		start = units.LocalMidnight(start.Add(-1), a.view.Zone)
	}
	first = a.words.Say("code." + name)
	for _, d := range a.st.Days {
		if d.Start.Equal(start) {
			return first + " " + kWh(d.Energy), a.words.Amount(d.Spent)
		}
	}
	return first, a.words.Say("code.unknown")
}

func (a asked) month() (first, second string) {
	first = a.words.Say("code.month") + " " + kWh(a.st.Tariff.MonthToDate())
	if n := len(a.st.Tariff.Months); n > 0 && a.st.Tariff.Months[n-1].Purchased != 0 {
		return first, a.words.Words("code.bought", a.st.Tariff.Months[n-1].Purchased)
	}
	return first, ""
}

// token is the n-th last token of credit, 0 being the last.
func (a asked) token(n int) (first, second string) {
	entries, err := a.tokens(a.ctx, n+1)
	if err != nil || len(entries) <= n {
		return a.words.Say("code.token") + " " + strconv.Itoa(n+1), a.words.Say("code.no_token")
	}
	e := entries[n]
	return strconv.Itoa(n+1) + ": " + e.At.In(a.view.Zone).Format("02/01 15:04"), "+" + a.words.Amount(e.Amount)
}

func (a asked) debt() (first, second string) {
	return a.words.Say("code.debt"), a.words.Amount(a.st.Credit.Debt())
}

func (a asked) power() (first, second string) {
	if !a.view.Power.Live() {
		return a.words.Say("code.power"), a.words.Say("code.unknown")
	}
	return a.words.Say("code.power"), a.view.Power.Power.String()
}

func (a asked) left() (first, second string) {
	r := a.view.RunOut
	if !r.Known {
		return a.words.Say("code.left"), a.words.Say("code.unknown")
	}
	at := r.At.In(a.view.Zone)
	days := strconv.FormatFloat(r.At.Sub(a.st.Now).Hours()/24, 'f', 1, 64)
	if r.Beyond {
		days = "> " + days
	}
	return a.words.Say("code.left") + " " + days, a.words.Weekday(at) + at.Format(" 02/01 15:04")
}

func (a asked) tariff() (first, second string) {
	t := a.view.Tariff
	if !t.Known {
		return a.words.Say("code.tariff"), a.words.Say("code.unknown")
	}
	first = a.words.Price(t.Price) + "/kWh"
	if t.NextAt.IsZero() {
		return first, ""
	}
	return first, t.NextAt.In(a.view.Zone).Format("15:04") + " " + a.words.Price(t.NextPrice)
}

func (a asked) supply() (first, second string) {
	s := a.view.Supply
	first = a.words.Say("code.supply." + string(s.State))
	if s.Cause == present.NoCause {
		return first, ""
	}
	return first, a.words.Say("code.cause." + string(s.Cause))
}
