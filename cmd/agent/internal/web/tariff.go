package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/internal/units"
)

// tariffBody is the page about the tariff.
type tariffBody struct {
	picture.TariffDetail
	Pictures []weekPicture
	Legend   []priceKey
	Lines    []chargeLine
	Asked    string          // the amount somebody asked about, as it was written
	Bought   *picture.Advice // what it buys; nil where Asked is no amount
}

// chargeLine is a component in words: what sort it is, and what it charges.
type chargeLine struct{ Kind, Name, What string }

// weekPicture is an ordinary week: a row a day, a bar for each stretch of one
// price, and the same as a table.
type weekPicture struct {
	Season string
	Bars   []weekBar
	Rows   []weekRow
	Lines  []weekLabel // days, and hours below
}

type weekBar struct {
	X, Y, W, H int
	Level      int // 1 is the cheapest
	Tip        string
}

type weekLabel struct {
	X, Y int
	Text string
	Hour bool
}

type weekRow struct{ Days, Time, Period, Price string }

// priceKey is one price of the pictures.
type priceKey struct {
	Level  int
	Period string
	Price  string
}

// Measures of the picture, in its own units.
const (
	weekLeft   = 34 // for the names of the days
	weekCell   = 7  // a half hour
	weekRowH   = 22
	weekGap    = 3
	weekWidth  = weekLeft + 48*weekCell + 8
	weekHeight = 7*weekRowH + 18
	levels     = 6
)

// Box is the picture's extent.
func (weekPicture) Box() string {
	return "0 0 " + strconv.Itoa(weekWidth) + " " + strconv.Itoa(weekHeight)
}

func (s *Server) tariffPage(w http.ResponseWriter, r *http.Request) {
	m := s.openPage(r, "tariff")
	b := m.tariffBody(s.agent.TariffDetail())
	b.Asked = r.URL.Query().Get("amount")
	if a, ok := amountAsked(b.Asked, m.V.Unit); ok {
		bought := s.agent.WhatBuys(a)
		b.Bought = &bought
	}
	m.Body = b
	s.render(w, r, http.StatusOK, m)
}

// mostAsked bounds an amount that is asked about.
const mostAsked = 1_000_000 * units.One

// amountAsked reads an amount such as 200, 12.50, 12,50, R200 or 200 ZAR.
func amountAsked(text string, unit present.Unit) (units.Money, bool) {
	names := []string{unit.Symbol, unit.Code}
	if unit.Energy {
		names = []string{"kWh"}
	}
	text = strings.TrimSpace(text)
	for _, u := range names {
		n := len(text) - len(u)
		if u == "" || n < 0 {
			continue
		}
		if strings.EqualFold(text[:len(u)], u) {
			text = text[len(u):]
			break
		}
		if strings.EqualFold(text[n:], u) {
			text = text[:n]
			break
		}
	}
	text = strings.TrimSpace(text)
	a, err := units.ParseMoney(strings.Replace(text, ",", ".", 1))
	return a, err == nil && a > 0 && a <= mostAsked
}

func (m *model) tariffBody(d picture.TariffDetail) tariffBody {
	b := tariffBody{TariffDetail: d}
	var prices []units.Price
	for _, w := range d.Weeks {
		for _, day := range w.Days {
			for _, x := range day {
				if !slices.Contains(prices, x.Price) {
					prices = append(prices, x.Price)
				}
			}
		}
	}
	slices.Sort(prices)
	level := func(p units.Price) int {
		i := slices.Index(prices, p)
		switch {
		case len(prices) <= 1:
			return 1
		case len(prices) <= levels: // spread, so that two prices differ as far as they can
			return 1 + i*(levels-1)/(len(prices)-1)
		}
		return 1 + i*levels/len(prices)
	}
	for _, w := range d.Weeks {
		b.Pictures = append(b.Pictures, m.weekPicture(w, level))
		for _, day := range w.Days {
			for _, x := range day {
				k := priceKey{level(x.Price), x.Period, m.Price(x.Price)}
				if !slices.Contains(b.Legend, k) {
					b.Legend = append(b.Legend, k)
				}
			}
		}
	}
	for _, line := range d.Charges {
		kind, rest, _ := strings.Cut(line, ": ")
		name, what, ok := strings.Cut(rest, ": ")
		if !ok {
			name, what = "", rest
		}
		b.Lines = append(b.Lines, chargeLine{kind, name, what})
	}
	slices.SortStableFunc(b.Legend, func(a, b priceKey) int { return b.Level - a.Level })
	return b
}

func (m *model) weekPicture(w picture.TariffWeek, level func(units.Price) int) weekPicture {
	p := weekPicture{Season: w.Season}
	for h := 0; h <= 24; h += 6 {
		p.Lines = append(p.Lines, weekLabel{weekLeft + 2*h*weekCell, 7*weekRowH + 13, strconv.Itoa(h), true})
	}
	for d, day := range w.Days {
		name := m.weekday(d)
		p.Lines = append(p.Lines, weekLabel{0, d*weekRowH + 14, name, false})
		for _, s := range stretches(day) {
			p.Bars = append(p.Bars, weekBar{
				X: weekLeft + s[0]*weekCell, Y: d * weekRowH, W: (s[1] - s[0]) * weekCell, H: weekRowH - weekGap, Level: level(day[s[0]].Price),
				Tip: name + " " + halfHours(s) + " " + m.PeriodName(day[s[0]].Period) + " " + m.Price(day[s[0]].Price),
			})
		}
	}
	// Days that are alike share their rows in the table.
	var done [7]bool
	for d := range w.Days {
		if done[d] {
			continue
		}
		var same []int
		for e := d; e < 7; e++ {
			if w.Days[e] == w.Days[d] {
				same, done[e] = append(same, e), true
			}
		}
		for i, s := range stretches(w.Days[d]) {
			row := weekRow{Time: halfHours(s), Period: w.Days[d][s[0]].Period, Price: m.Price(w.Days[d][s[0]].Price)}
			if i == 0 {
				row.Days = m.weekdays(same)
			}
			p.Rows = append(p.Rows, row)
		}
	}
	return p
}

// stretches are [from, to) of the half hours that are alike.
func stretches(day [48]picture.TariffMoment) (out [][2]int) {
	for from, to := 0, 0; from < len(day); from = to {
		for to = from; to < len(day) && day[to] == day[from]; {
			to++
		}
		out = append(out, [2]int{from, to})
	}
	return out
}

func halfHours(s [2]int) string {
	clock := func(h int) string {
		return strings.Replace(strconv.Itoa(100 + h/2)[1:]+":30", "30", []string{"00", "30"}[h%2], 1)
	}
	return clock(s[0]) + present.Dash + clock(s[1])
}

// weekday is the name of a day of a picture, which begins with Monday.
func (m *model) weekday(d int) string { return m.Words.T("weekday." + strconv.Itoa((d+1)%7)) }

// weekdays names days: "Mon-Fri", "Sat, Sun".
func (m *model) weekdays(days []int) string {
	if n := len(days); n > 2 && days[n-1]-days[0] == n-1 {
		return m.weekday(days[0]) + present.Dash + m.weekday(days[n-1])
	}
	names := make([]string, len(days))
	for i, d := range days {
		names[i] = m.weekday(d)
	}
	return strings.Join(names, ", ")
}
