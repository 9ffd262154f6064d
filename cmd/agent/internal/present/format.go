package present

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/keeplit/keeplit/internal/units"
)

// Format writes values as their reader expects them.
type Format struct {
	Words *Catalogue
	Unit  Unit
	Zone  *time.Location // of the calendar and of every time shown
	Now   time.Time      // in Zone
}

// Unit is what Money counts.
type Unit struct {
	Code     string // ISO 4217, "ZAR"; ignored where Energy is set
	Symbol   string // written before the amount, "R"; "" writes the code
	Decimals int    // 0 to 6 shown
	Energy   bool   // credit is kept in kWh: Money is millionths of a kWh
}

// NewFormat writes as of now, by the clock of zone; nil is UTC.
func NewFormat(c *Catalogue, unit Unit, zone *time.Location, now time.Time) Format {
	if zone == nil {
		zone = time.UTC
	}
	return Format{Words: c, Unit: unit, Zone: zone, Now: now.In(zone)}
}

// Characters that no line breaks at.
const (
	Minus   = "\u2212"
	NoBreak = "\u00a0"
	Dash    = "\u2060\u2013\u2060" // en Dash that no line breaks at
	Narrow  = "\u202f"             // Narrow no-break space, between thousands
)

// Money is an amount with its unit: "R 1 234.50", "12.50 kWh".
func (f Format) Money(m units.Money) string { return f.Amount(m, f.Unit.Decimals) }

// Amount is Money with so many decimals.
func (f Format) Amount(m units.Money, decimals int) string { return f.whole(f.amount(m, decimals)) }

// whole keeps a value together where what is around it is written from right to left:
// else its number and its unit would change places with what stands beside them.
func (f Format) whole(s string) string {
	if f.Words == nil || !f.Words.RightToLeft() {
		return s
	}
	return "\u2066" + s + "\u2069" // left-to-right isolate, and its end
}

func (f Format) amount(m units.Money, decimals int) string {
	s := f.local(group(m.Decimal(min(max(decimals, 0), 6))))
	sign := ""
	if rest, neg := strings.CutPrefix(s, "-"); neg {
		sign, s = Minus, rest
		if strings.Trim(s, "0.,") == "" {
			sign = ""
		}
	}
	switch {
	case f.Unit.Energy:
		return sign + s + NoBreak + "kWh"
	case f.Unit.Symbol != "":
		return sign + f.Unit.Symbol + NoBreak + s
	case f.Unit.Code != "":
		return sign + s + NoBreak + f.Unit.Code
	default:
		return sign + s
	}
}

// Fine is Money with as many decimals more as it takes for an amount that is not
// nothing not to be written as nothing: "R 0.004".
func (f Format) Fine(m units.Money) string {
	d := min(max(f.Unit.Decimals, 0), 6)
	for d < 6 && m != 0 && strings.Trim(m.Decimal(d), "-0.") == "" {
		d++
	}
	return f.Amount(m, d)
}

// On is an amount that comes on top, with so many decimals: "+R 100".
func (f Format) On(m units.Money, decimals int) string { return f.whole("+" + f.amount(m, decimals)) }

// Signed is Money with its sign always written.
func (f Format) Signed(m units.Money) string {
	if m > 0 {
		return f.whole("+" + f.amount(m, f.Unit.Decimals))
	}
	return f.Money(m)
}

// Price is a price per kWh, with at least two decimals.
func (f Format) Price(p units.Price) string {
	d := max(f.Unit.Decimals, 2)
	if d < 3 && int64(p)%10_000 != 0 { // tariffs are often given to a tenth of a cent
		d = 3
	}
	return f.whole(f.amount(units.Money(p), d) + "/kWh")
}

// PriceParts is Price in two parts, for large print.
func (f Format) PriceParts(p units.Price) [2]string {
	bare := strings.NewReplacer("\u2066", "", "\u2069", "").Replace(f.Price(p))
	return [2]string{f.whole(strings.TrimSuffix(bare, "/kWh")), "/kWh"}
}

// PriceUnit is what a price counts, for a chart's scale: "R/kWh".
func (f Format) PriceUnit() string {
	u := f.Unit.Symbol
	if u == "" {
		u = f.Unit.Code
	}
	return u + "/kWh"
}

// group writes Narrow spaces between the thousands of a decimal number.
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
			b.WriteString(Narrow)
		}
		b.WriteRune(r)
	}
	if dot {
		b.WriteString("." + frac)
	}
	return b.String()
}

// Energy is "12.4 kWh"; under 10 kWh with two decimals, from 100 kWh with none.
func (f Format) Energy(e units.Energy) string {
	k := e.KWh()
	d := 1
	switch {
	case k < 10 && k > -10:
		d = 2
	case k >= 99.95 || k <= -99.95:
		d = 0
	}
	return f.whole(f.Number(k, d) + NoBreak + "kWh")
}

// Power is "850 W" or "2.35 kW".
func (f Format) Power(p units.Power) string {
	if w := p.W(); w < 999.5 && w > -999.5 {
		return f.whole(f.Number(w, 0) + NoBreak + "W")
	}
	return f.whole(f.Number(p.KW(), 2) + NoBreak + "kW")
}

// Number is a number as the language writes it, with so many decimals and a proper minus.
func (f Format) Number(v float64, decimals int) string { return f.local(number(v, decimals)) }

// local writes a number as the language does: it comes with a point and Narrow spaces.
func (f Format) local(s string) string {
	if f.Words == nil || f.Words.point == "" {
		return s
	}
	whole, frac, dot := strings.Cut(s, ".")
	whole = strings.ReplaceAll(whole, Narrow, f.Words.between)
	if dot {
		return whole + f.Words.point + frac
	}
	return whole
}

// number is a number with so many decimals and a proper minus.
func number(v float64, decimals int) string {
	s := group(strconv.FormatFloat(v, 'f', decimals, 64))
	if rest, neg := strings.CutPrefix(s, "-"); neg {
		if strings.Trim(rest, "0.") == "" {
			return rest
		}
		return Minus + rest
	}
	return s
}

// Register is an energy with the digits of a meter's display: "8 123.456 kWh".
func (f Format) Register(e units.Energy) string {
	return f.whole(f.Number(e.KWh(), 3) + NoBreak + "kWh")
}

// Clock is "19:40".
func (f Format) Clock(t time.Time) string { return t.In(f.Zone).Format("15:04") }

// When is a time near now, as short as is clear: "today 19:40", "tomorrow
// 07:00", "Tue 19:40" within a week, else "Tue 3 Dec 19:40".
func (f Format) When(t time.Time) string {
	t = t.In(f.Zone)
	return f.Day(t) + " " + t.Format("15:04")
}

// Day is a day near now, as short as is clear: "today", "Tue", "Tue 3 Dec".
func (f Format) Day(t time.Time) string {
	t = t.In(f.Zone)
	switch n := days(f.Now, t); {
	case n == 0:
		return f.Words.T("day.today")
	case n == 1:
		return f.Words.T("day.tomorrow")
	case n == -1:
		return f.Words.T("day.yesterday")
	case n > 1 && n < 7:
		return f.Weekday(t)
	default:
		return f.Date(t)
	}
}

// Weekday is "Tue".
func (f Format) Weekday(t time.Time) string {
	return f.Words.T("weekday." + strconv.Itoa(int(t.In(f.Zone).Weekday())))
}

// Date is "Tue 3 Dec", with the year where it is not this one.
func (f Format) Date(t time.Time) string {
	t = t.In(f.Zone)
	s := f.Words.T("day.date", "weekday", f.Weekday(t), "day", t.Day(), "month", f.Words.T("month."+strconv.Itoa(int(t.Month()))))
	if t.Year() != f.Now.Year() {
		s += " " + strconv.Itoa(t.Year())
	}
	return s
}

// Span is two times without repeating what they share: "Mon-Wed" where they
// are on different days within a week, "14:00-22:00" on one.
func (f Format) Span(a, b time.Time) string {
	switch {
	case days(a.In(f.Zone), b.In(f.Zone)) == 0:
		return f.Clock(a) + Dash + f.Clock(b)
	case days(f.Now, b.In(f.Zone)) < 7:
		if days(f.Now, b.In(f.Zone)) <= 1 {
			return f.When(a) + " \u2013 " + f.When(b)
		}
		return f.Weekday(a) + Dash + f.Weekday(b)
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
func (f Format) Duration(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Minute:
		return f.whole(strconv.Itoa(int(d.Seconds())) + NoBreak + "s")
	case d < time.Hour:
		return f.whole(strconv.Itoa(int((d + 30*time.Second).Minutes())) + NoBreak + "min")
	case d < 48*time.Hour:
		d = d.Round(time.Minute)
		h, m := int(d.Hours()), int(d.Minutes())%60
		if m == 0 || h >= 10 {
			return f.whole(strconv.Itoa(h) + NoBreak + "h")
		}
		return f.whole(strconv.Itoa(h) + NoBreak + "h" + NoBreak + strconv.Itoa(m) + NoBreak + "min")
	default:
		return f.Words.N("duration.days", int((d+12*time.Hour).Hours()/24))
	}
}

// Quick is a short length of time with what is left of a millisecond.
func (f Format) Quick(d time.Duration) string {
	if d < 10*time.Millisecond {
		return f.whole(f.Number(float64(d.Microseconds())/1000, 1) + NoBreak + "ms")
	}
	return f.whole(strconv.FormatInt(d.Milliseconds(), 10) + NoBreak + "ms")
}

// In is how long until t.
func (f Format) In(t time.Time) string { return f.Duration(t.Sub(f.Now)) }

// Bytes is a size for people.
func (f Format) Bytes(n int64) string {
	switch {
	case n >= 10<<30:
		return f.whole(f.Number(float64(n)/(1<<30), 0) + NoBreak + "GB")
	case n >= 1<<30:
		return f.whole(f.Number(float64(n)/(1<<30), 1) + NoBreak + "GB")
	default:
		return f.whole(f.Number(float64(n)/(1<<20), 0) + NoBreak + "MB")
	}
}

// Sentence begins s with a capital and ends it with a full stop.  A topic or a path that it
// begins with stays as it is: another letter is another topic.
func (f Format) Sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return ""
	}
	if word, _, _ := strings.Cut(s, " "); !strings.Contains(word, "/") {
		first, size := utf8.DecodeRuneInString(s)
		s = string(unicode.ToUpper(first)) + s[size:]
	}
	if ended(s) {
		return s
	}
	if f.Words == nil {
		return s + "."
	}
	return s + f.Words.Or("sentence.end", ".")
}

// ended tells whether the last character of s ends a sentence, in any of the languages.
func ended(s string) bool {
	last, _ := utf8.DecodeLastRuneInString(s)
	return strings.ContainsRune(".!?:\u0964\u061f", last)
}

// Token is digits in groups of four.
func (f Format) Token(s string) string { return f.whole(Grouped(s)) }

// Grouped is a token in groups of four, to be typed: it is left as it is for a text written from
// right to left, in which its groups would change places.
func Grouped(s string) string {
	var b strings.Builder
	for i, r := range s {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Count is a whole number, grouped.
func (f Format) Count(n int64) string { return f.local(group(strconv.FormatInt(n, 10))) }

// Sentences joins what is said, each with an end of its own; what is empty is left out.
func Sentences(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		if p == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(" ")
		}
		b.WriteString(p)
		if !ended(p) {
			b.WriteString(".")
		}
	}
	return b.String()
}

// RoundAmount is the amount nearest to m that people buy: 1, 2, 3 or 5 with noughts;
// 0 where m is not above 0.
func RoundAmount(m units.Money) units.Money {
	if m <= 0 {
		return 0
	}
	best := units.Money(0)
	for step := units.One / 100; step <= 100_000_000*units.One; step *= 10 {
		for _, n := range []units.Money{1, 2, 3, 5} {
			if off, least := n*step-m, best-m; best == 0 || max(off, -off) < max(least, -least) {
				best = n * step
			}
		}
	}
	return best
}
