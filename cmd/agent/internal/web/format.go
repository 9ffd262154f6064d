package web

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/keeplit/keeplit/internal/units"
)

// format writes the values of one View as its reader expects them.
type format struct {
	c    *catalogue
	unit Unit
	zone *time.Location
	now  time.Time
}

func newFormat(c *catalogue, v *View) format {
	f := format{c: c, unit: v.Unit, zone: v.Zone, now: v.At}
	if f.zone == nil {
		f.zone = time.UTC
	}
	f.now = f.now.In(f.zone)
	return f
}

const (
	minus  = "\u2212"
	nbsp   = "\u00a0"
	dash   = "\u2060\u2013\u2060" // en dash that no line breaks at
	narrow = "\u202f"             // narrow no-break space, between thousands
)

// Money is an amount with its unit: "R 1 234.50", "12.50 kWh".
func (f format) Money(m units.Money) string { return f.money(m, f.unit.Decimals) }

func (f format) money(m units.Money, decimals int) string {
	s := group(m.Decimal(min(max(decimals, 0), 6)))
	sign := ""
	if rest, neg := strings.CutPrefix(s, "-"); neg {
		sign, s = minus, rest
		if strings.Trim(s, "0.") == "" {
			sign = ""
		}
	}
	switch {
	case f.unit.Energy:
		return sign + s + nbsp + "kWh"
	case f.unit.Symbol != "":
		return sign + f.unit.Symbol + nbsp + s
	case f.unit.Code != "":
		return sign + s + nbsp + f.unit.Code
	default:
		return sign + s
	}
}

// Signed is Money with its sign always written.
func (f format) Signed(m units.Money) string {
	if m > 0 {
		return "+" + f.Money(m)
	}
	return f.Money(m)
}

// Price is a price per kWh, with at least two decimals.
func (f format) Price(p units.Price) string {
	d := max(f.unit.Decimals, 2)
	if d < 3 && int64(p)%10_000 != 0 { // tariffs are often given to a tenth of a cent
		d = 3
	}
	return f.money(units.Money(p), d) + "/kWh"
}

// PriceParts is Price in two parts, for large print.
func (f format) PriceParts(p units.Price) [2]string {
	return [2]string{strings.TrimSuffix(f.Price(p), "/kWh"), "/kWh"}
}

// PriceUnit is what a price counts, for a chart's scale: "R/kWh".
func (f format) PriceUnit() string {
	u := f.unit.Symbol
	if u == "" {
		u = f.unit.Code
	}
	return u + "/kWh"
}

// group writes narrow spaces between the thousands of a decimal number.
func group(s string) string {
	whole, frac, dot := strings.Cut(s, ".")
	neg := strings.HasPrefix(whole, "-")
	whole = strings.TrimPrefix(whole, "-")
	var b strings.Builder
	if neg {
		b.WriteByte('-')
	}
	for i, r := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteString(narrow)
		}
		b.WriteRune(r)
	}
	if dot {
		b.WriteString("." + frac)
	}
	return b.String()
}

// Energy is "12.4 kWh"; under 10 kWh with two decimals, from 100 kWh with none.
func (f format) Energy(e units.Energy) string {
	k := e.KWh()
	d := 1
	switch {
	case k < 10 && k > -10:
		d = 2
	case k >= 99.95 || k <= -99.95:
		d = 0
	}
	return number(k, d) + nbsp + "kWh"
}

// Power is "850 W" or "2.35 kW".
func (f format) Power(p units.Power) string {
	if w := p.W(); w < 999.5 && w > -999.5 {
		return number(w, 0) + nbsp + "W"
	}
	return number(p.KW(), 2) + nbsp + "kW"
}

// Big is a value in two parts, for large print: the number and its unit.
func (f format) Big(s string) [2]string {
	n, u, _ := strings.Cut(s, nbsp)
	return [2]string{n, u}
}

func number(v float64, decimals int) string {
	s := group(strconv.FormatFloat(v, 'f', decimals, 64))
	if rest, neg := strings.CutPrefix(s, "-"); neg {
		if strings.Trim(rest, "0.") == "" {
			return rest
		}
		return minus + rest
	}
	return s
}

// Register is an energy with the digits of a meter's display: "8 123.456 kWh".
func (f format) Register(e units.Energy) string { return number(e.KWh(), 3) + nbsp + "kWh" }

// Clock is "19:40".
func (f format) Clock(t time.Time) string { return t.In(f.zone).Format("15:04") }

// When is a time near now, as short as is clear: "today 19:40", "tomorrow
// 07:00", "Tue 19:40" within a week, else "Tue 3 Dec 19:40".
func (f format) When(t time.Time) string {
	t = t.In(f.zone)
	return f.day(t) + " " + t.Format("15:04")
}

func (f format) day(t time.Time) string {
	t = t.In(f.zone)
	switch n := days(f.now, t); {
	case n == 0:
		return f.c.T("day.today")
	case n == 1:
		return f.c.T("day.tomorrow")
	case n == -1:
		return f.c.T("day.yesterday")
	case n > 1 && n < 7:
		return f.Weekday(t)
	default:
		return f.Date(t)
	}
}

// Weekday is "Tue".
func (f format) Weekday(t time.Time) string {
	return f.c.T("weekday." + strconv.Itoa(int(t.In(f.zone).Weekday())))
}

// Date is "Tue 3 Dec", with the year where it is not this one.
func (f format) Date(t time.Time) string {
	t = t.In(f.zone)
	s := f.Weekday(t) + " " + strconv.Itoa(t.Day()) + " " + f.c.T("month."+strconv.Itoa(int(t.Month())))
	if t.Year() != f.now.Year() {
		s += " " + strconv.Itoa(t.Year())
	}
	return s
}

// Span is two times without repeating what they share: "Mon-Wed" where they
// are on different days within a week, "14:00-22:00" on one.
func (f format) Span(a, b time.Time) string {
	switch {
	case days(a.In(f.zone), b.In(f.zone)) == 0:
		return f.Clock(a) + dash + f.Clock(b)
	case days(f.now, b.In(f.zone)) < 7:
		if days(f.now, b.In(f.zone)) <= 1 {
			return f.When(a) + " \u2013 " + f.When(b)
		}
		return f.Weekday(a) + dash + f.Weekday(b)
	default:
		return f.Date(a) + " \u2013 " + f.Date(b)
	}
}

// days is the number of calendar days from a to b, both in their own zone.
func days(a, b time.Time) int {
	ay, am, ad := a.Date()
	by, bm, bd := b.Date()
	return int(time.Date(by, bm, bd, 0, 0, 0, 0, time.UTC).Sub(time.Date(ay, am, ad, 0, 0, 0, 0, time.UTC)).Hours() / 24)
}

// Duration is a length of time in its two largest units: "45 s", "12 min",
// "3 h 20 min", "2 days".
func (f format) Duration(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())) + nbsp + "s"
	case d < time.Hour:
		return strconv.Itoa(int((d + 30*time.Second).Minutes())) + nbsp + "min"
	case d < 48*time.Hour:
		d = d.Round(time.Minute)
		h, m := int(d.Hours()), int(d.Minutes())%60
		if m == 0 || h >= 10 {
			return strconv.Itoa(h) + nbsp + "h"
		}
		return strconv.Itoa(h) + nbsp + "h" + nbsp + strconv.Itoa(m) + nbsp + "min"
	default:
		return f.c.N("duration.days", int((d+12*time.Hour).Hours()/24))
	}
}

// Quick is a short length of time with what is left of a millisecond.
func (f format) Quick(d time.Duration) string {
	if d < 10*time.Millisecond {
		return number(float64(d.Microseconds())/1000, 1) + nbsp + "ms"
	}
	return strconv.FormatInt(d.Milliseconds(), 10) + nbsp + "ms"
}

// In is how long until t.
func (f format) In(t time.Time) string { return f.Duration(t.Sub(f.now)) }

// Bytes is a size for people.
func (f format) Bytes(n int64) string {
	switch {
	case n >= 10<<30:
		return number(float64(n)/(1<<30), 0) + nbsp + "GB"
	case n >= 1<<30:
		return number(float64(n)/(1<<30), 1) + nbsp + "GB"
	default:
		return number(float64(n)/(1<<20), 0) + nbsp + "MB"
	}
}

// Sentence begins s with a capital and ends it with a full stop.
func (f format) Sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return ""
	}
	first, size := utf8.DecodeRuneInString(s)
	s = string(unicode.ToUpper(first)) + s[size:]
	if strings.ContainsAny(s[len(s)-1:], ".!?:") {
		return s
	}
	return s + "."
}

// Token is digits in groups of four.
func (f format) Token(s string) string {
	var b strings.Builder
	for i, r := range s {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func (f format) Count(n int64) string { return group(strconv.FormatInt(n, 10)) }
