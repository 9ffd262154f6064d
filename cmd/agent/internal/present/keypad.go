package present

import (
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
)

// Keypad has the words of the display at the meter: two lines of 16 characters of ASCII, which is all that the
// character displays sold have in common.  Letters with accents are written without, and a language of another
// script is told in English.
type Keypad struct {
	words lcd
	site  *control.Site
}

// Keypad is the display's words for a site.
func (w Words) Keypad(site *control.Site) Keypad {
	if script, _ := w.c.tag.Script(); script.String() != "Latn" {
		w = NewWords()
	}
	return Keypad{lcd(w), site}
}

// lcd is a catalogue on a character display.
type lcd struct{ c *Catalogue }

// T is Catalogue.T.
func (l lcd) T(key string, pairs ...any) string { return ascii(l.c.T(key, pairs...)) }

// Or is Catalogue.Or.
func (l lcd) Or(key, other string) string { return ascii(l.c.Or(key, other)) }

// Has is Catalogue.Has.
func (l lcd) Has(key string) bool { return l.c.Has(key) }

// ascii is text as a character display has it: German umlauts as they are written where there are none, other
// letters without their accents.
func ascii(text string) string {
	text = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "Ä", "Ae", "Ö", "Oe", "Ü", "Ue", "ß", "ss", "œ", "oe", "’", "'", "–", "-", "…", "...", "¡", "", "¿", "", NoBreak, " ", Narrow, " ").Replace(text)
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(text))
}

// Weekday is the short name of an instant's day.
func (k Keypad) Weekday(t time.Time) string {
	return k.words.T("weekday." + strconv.Itoa(int(t.Weekday())))
}

// Say is a line that needs no figures: "token", "not_recorded", ...
func (k Keypad) Say(key string) string { return k.words.T("keypad." + key) }

// Balance is what is left, and what is missing where the credit keeps the light
// off; what else keeps it off is said.
func (k Keypad) Balance(st *control.State) (first, second string) {
	if st.Hold != nil {
		return k.Say("held"), k.Say("see")
	}
	s := SupplyOf(k.site, st)
	switch {
	case s.State != Disconnected:
	case s.Spent: // for another cause than that, to pay alone brings no light
		return k.words.Or("keypad.dark."+string(s.Cause), k.Say("dark")), k.missing(s)
	case k.words.Has("keypad.dark." + string(s.Cause)):
		return k.Say("dark." + string(s.Cause)), k.amount(st.Credit.Available())
	}
	return k.Say("credit"), k.amount(st.Credit.Available())
}

// List is what became of several tokens: what they came to, or which one must be
// typed again.
func (k Keypad) List(receipts []control.Receipt, st *control.State) (first, second string) {
	var bought units.Money
	done, stop := 0, -1
	for i, r := range receipts {
		if r.Entered() {
			done++
			bought += r.Result.Bought
		} else if !r.Waits() {
			stop = i
		}
	}
	_, balance := k.Balance(st)
	if done == len(receipts) {
		if bought != 0 {
			return k.words.T("keypad.added", "amount", bought.Decimal(k.decimals())), balance
		}
		return k.words.T("keypad.list.done", "n", strconv.Itoa(done)), balance
	}
	place := func(key string) string {
		return k.words.T("keypad.list."+key, "n", strconv.Itoa(stop+1), "of", strconv.Itoa(len(receipts)))
	}
	if stop < 0 {
		return k.words.T("keypad.list.done", "n", strconv.Itoa(done)), k.Say("list.more")
	}
	r := receipts[stop]
	switch {
	case r.Err != nil:
		return place("later"), k.Say("list.stay_good")
	case r.Result.Token.Code == credit.Lockout:
		return place("wait"), k.answer(*r.Result)
	case r.Result.Token.Code == credit.Format:
		return place("digits"), k.Say("list.again")
	case r.Result.Token.Code.Guess() && r.Result.Wait > 0:
		return place("wrong"), k.words.T("keypad.wait", "s", strconv.Itoa(int(r.Result.Wait.Seconds())+1))
	case r.Result.Token.Code.Guess():
		return place("wrong"), k.Say("list.again")
	}
	return place("later"), k.Say("list.stay_good")
}

// Answer is what became of a token.
func (k Keypad) Answer(r credit.Result, st *control.State) (first, second string) {
	_, second = k.Balance(st)
	return k.answer(r), second
}

func (k Keypad) answer(r credit.Result) string {
	switch r.Token.Code {
	case credit.Accept:
		if r.Bought != 0 {
			return k.words.T("keypad.added", "amount", r.Bought.Decimal(k.decimals()))
		}
		return k.Say("accepted")
	case credit.Lockout:
		return k.words.T("keypad.wait", "s", strconv.Itoa(int(r.Wait.Seconds())+1))
	case credit.CRC, credit.Invalid, credit.Range:
		return k.Say("wrong")
	case credit.Used, credit.Old, credit.Expired, credit.Overflow, credit.Format, credit.Unreadable, credit.Withheld:
		return k.Say(string(r.Token.Code))
	case credit.Function, credit.KeyType, credit.Default, credit.Maker:
	}
	return k.Say("refused")
}

func (k Keypad) missing(s Supply) string {
	if s.Pay.Beyond {
		return k.Say("beyond")
	}
	return k.words.T("keypad.missing", "amount", k.amount(s.Pay.Amount))
}

func (k Keypad) decimals() int {
	if k.site.InKWh {
		return 1
	}
	return k.site.Tariff.Decimals()
}

// Amount is an amount of the account's unit, for a line.
func (k Keypad) Amount(m units.Money) string { return k.amount(m) }

// Price is what a kWh costs, for a line.
func (k Keypad) Price(p units.Price) string {
	return units.Money(p).Decimal(max(2, k.site.Tariff.Decimals())) + " " + k.site.Currency
}

// Words is a line with an amount in it.
func (k Keypad) Words(key string, amount units.Money) string {
	return k.words.T("keypad."+key, "amount", amount.Decimal(k.decimals()))
}

func (k Keypad) amount(m units.Money) string {
	unit := k.site.Currency
	if k.site.InKWh {
		unit = "kWh"
	}
	return m.Decimal(k.decimals()) + " " + unit
}
