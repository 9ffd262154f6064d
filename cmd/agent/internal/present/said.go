package present

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
)

// Plain makes words of what is said for who reads them later and elsewhere: the
// log, the record of events, MQTT.  Times are whole and not relative to now,
// amounts have no symbol.  The page has Phrases.
type Plain struct {
	words    *Catalogue
	zone     *time.Location
	inKWh    bool
	currency string
	decimals int // of the currency
	symbol   string
}

// Written writes money as the page does, with the symbol of its unit: one home has one form of it.
func (p Plain) Written(unit Unit) Plain {
	p.symbol = unit.Symbol
	return p
}

// Plain is the plain words of a site.
func (w Words) Plain(site *control.Site) Plain {
	p := Plain{words: w.c, zone: site.Zone, inKWh: site.InKWh, currency: site.Currency}
	if site.Tariff != nil {
		p.decimals = site.Tariff.Decimals()
	}
	return p
}

// Anywhere is the plain words of no site: times are in UTC.
func (w Words) Anywhere() Plain { return Plain{words: w.c, zone: time.UTC, decimals: 2} }

// Event is what an event of a site says.
func (p Plain) Event(e control.Event) string {
	text := p.Say(e.Says)
	switch {
	case e.Subject == "":
		return text
	case text == "":
		return e.Subject
	}
	return e.Subject + ": " + text
}

// Knows tells whether there are words for all of it.
func (p Plain) Knows(s said.Said) bool {
	return !slices.ContainsFunc(s, func(part said.Part) bool {
		return part.Kind != said.Verbatim && !p.words.Has("said."+part.Kind) && !p.words.Has("said."+strings.TrimSuffix(part.Kind, said.Bare))
	})
}

// Say is one thing after another.  A text with {more} takes in what follows it,
// and one that begins with a comma, a colon or a space goes on the one before.
func (p Plain) Say(s said.Said) string {
	var b strings.Builder
	for i, part := range s {
		text, more := p.text(part, s[i+1:])
		if b.Len() > 0 && !goesOn(text) {
			b.WriteString("; ")
		}
		b.WriteString(text)
		if more {
			break
		}
	}
	return b.String()
}

// blank is a place in a text: a value's name, and the form that it is written in.
var blank = regexp.MustCompile(`\{(\w+)(?::(\w+))?\}`)

// leading is the code that a text begins with.
var leading = regexp.MustCompile(`^[a-z_]+\b`)

// text is one part in words; more tells that it took in the rest, which follows.
func (p Plain) text(part said.Part, rest said.Said) (text string, more bool) {
	if part.Kind == said.Verbatim && len(part.Values) == 1 {
		return part.Values[0].Text, false
	}
	text, ok := p.words.texts["said."+part.Kind]
	if !ok {
		text, ok = p.words.texts["said."+strings.TrimSuffix(part.Kind, said.Bare)]
	}
	if !ok {
		return said.Said{part}.String(), false // of an older or a newer program
	}
	text = blank.ReplaceAllStringFunc(text, func(place string) string {
		m := blank.FindStringSubmatch(place)
		if place == "{more}" {
			more = true
			return p.Say(rest)
		}
		for _, v := range part.Values {
			if v.Name == m[1] {
				return p.value(v, m[2])
			}
		}
		return place
	})
	return text, more
}

// value is a value in one of the forms that it has.
func (p Plain) value(v said.Value, form string) string {
	switch v.Is {
	case said.IsTime:
		return p.time(v.Time().In(p.zone), form)
	case said.IsLength:
		if form == "span" {
			return span(time.Duration(v.N))
		}
		return length(time.Duration(v.N))
	case said.IsMoney:
		return p.money(units.Money(v.N), form)
	case said.IsVoltage:
		return strconv.FormatFloat(float64(v.N)/1000, 'f', 1, 64) + " V"
	case said.IsCurrent:
		return strconv.FormatFloat(float64(v.N)/1000, 'f', 2, 64) + " A"
	case said.IsFrequency:
		return strconv.FormatFloat(float64(v.N)/1000, 'f', 2, 64) + " Hz"
	case said.IsBytes:
		return mebi(v.N, form)
	case said.IsText:
		switch form {
		case "word":
			return p.words.Or("word."+v.Text, v.Text)
		case "lead": // a code, and what is said to it: "api: Node-RED", "on 2300 W"
			code := leading.FindString(v.Text)
			return p.words.Or("lead."+code, code) + v.Text[len(code):]
		}
		return v.Text
	case said.IsCount, said.IsPower, said.IsEnergy:
	}
	return v.String()
}

// time is "Mon 2 Jan 15:04", with the year, without the time or the date, with seconds, or
// the clock alone.
func (p Plain) time(t time.Time, form string) string {
	weekday := p.words.T("weekday." + strconv.Itoa(int(t.Weekday())))
	date := weekday + " " + strconv.Itoa(t.Day()) + " " + p.words.T("month."+strconv.Itoa(int(t.Month())))
	switch form {
	case "clock":
		return t.Format("15:04:05")
	case "second":
		return weekday + t.Format(" 15:04:05")
	case "day":
		return weekday + t.Format(" 15:04")
	case "date":
		return date + t.Format(" 2006")
	case "year":
		return date + t.Format(" 2006 15:04")
	}
	return date + t.Format(" 15:04")
}

// money is an amount to the hundredth, or as coins with their unit.
func (p Plain) money(m units.Money, form string) string {
	switch {
	case form == "bare":
		return m.Decimal(2)
	case form == "unit" && p.inKWh:
		return m.Decimal(1) + " kWh"
	case form == "unit" && p.symbol != "":
		return p.symbol + NoBreak + m.Decimal(p.decimals)
	case form == "unit":
		return m.Decimal(p.decimals) + " " + p.currency
	case p.inKWh:
		return m.Decimal(3) + " kWh"
	}
	return m.Decimal(2)
}

// mebi is a size in MiB: "8.0 MiB", in whole ones, or the number alone.
func mebi(n int64, form string) string {
	v := float64(n) / (1 << 20)
	switch form {
	case "whole":
		return strconv.FormatFloat(v, 'f', 0, 64) + " MiB"
	case "number":
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 1, 64) + " MiB"
}

// length is a duration in words: "1 h 45 min".
func length(d time.Duration) string {
	if d > 0 && d < time.Second {
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	}
	switch d = d.Round(time.Second); {
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())) + " s"
	case d < time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min"
	case d%time.Hour < time.Minute:
		return strconv.Itoa(int(d.Hours())) + " h"
	}
	return strconv.Itoa(int(d.Hours())) + " h " + strconv.Itoa(int(d.Minutes())%60) + " min"
}

// span is a wait: exact where it is short.
func span(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return strconv.Itoa(int((d+24*time.Hour-1)/(24*time.Hour))) + " days"
	case d >= 2*time.Hour:
		return strconv.Itoa(int((d+time.Hour-1)/time.Hour)) + " hours"
	}
	return d.Round(time.Second).String()
}

// goesOn tells whether a text goes on the one before it, in any of the languages.
func goesOn(text string) bool {
	first, _ := utf8.DecodeRuneInString(text)
	return strings.ContainsRune(",: \u060c", first) // the last is the Arabic comma
}
