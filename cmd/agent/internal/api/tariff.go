package api

import (
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
)

// TariffDetail is the whole tariff: GET /api/v1/tariff.
type TariffDetail struct {
	Name    string   `json:"name"`
	Notes   string   `json:"notes,omitempty"`
	Doubts  []string `json:"doubts"`
	Sources []Source `json:"sources"`
	Weeks   []Week   `json:"weeks"`
	Advice  *Advice  `json:"advice"`
	Charges []string `json:"charges"`
	Buys    *Advice  `json:"buys,omitempty"` // where ?amount= asks
	Sent    []Sent   `json:"sent,omitempty"` // documents of the utility, in the order in which they hold
}

// Source is where figures come from.
type Source struct {
	Title string `json:"title"`
	URL   string `json:"url,omitempty"`
	Dated string `json:"dated,omitempty"`
	Read  string `json:"read,omitempty"`
	For   string `json:"for,omitempty"`
}

// Sent is a tariff document that the utility has sent.
type Sent struct {
	ID   string    `json:"id"`
	By   string    `json:"by"`
	From time.Time `json:"from"`
}

// Week has for each day, from Monday, its 48 half hours.
type Week struct {
	Season  string        `json:"season"`
	Version string        `json:"version,omitempty"`
	Days    [7][]HalfHour `json:"days"`
}

// HalfHour is what holds in one half hour of a week.
type HalfHour struct {
	Period string `json:"period"`
	Price  string `json:"price"`
}

// Advice is what changes when the next billing month begins.
type Advice struct {
	Reset    *time.Time `json:"reset"`
	Price    string     `json:"price"`
	After    string     `json:"after"`
	Amount   string     `json:"amount,omitempty"`
	BuysNow  *float64   `json:"buys_now_kwh"`
	BuysThen *float64   `json:"buys_then_kwh"` // null where credit is money
	Foreseen bool       `json:"foreseen"`      // buys_now_kwh goes by the use that is foreseen; false: by the price of this moment
}

// TariffOf is a whole tariff as it is sent.
func TariffOf(d picture.TariffDetail) TariffDetail {
	out := TariffDetail{Name: d.Name, Notes: d.Notes, Doubts: append([]string{}, d.Doubts...), Sources: []Source{}, Weeks: []Week{}, Charges: append([]string{}, d.Charges...)}
	for _, x := range d.Sources {
		out.Sources = append(out.Sources, Source(x))
	}
	for _, x := range d.Weeks {
		week := Week{Season: x.Season, Version: x.Version}
		for day := range x.Days {
			for _, m := range x.Days[day] {
				week.Days[day] = append(week.Days[day], HalfHour{m.Period, m.Price.String()})
			}
		}
		out.Weeks = append(out.Weeks, week)
	}
	for _, x := range d.Sent {
		out.Sent = append(out.Sent, Sent{ID: x.ID, By: x.By, From: x.From})
	}
	if d.Advice != nil {
		out.Advice = AdviceOf(*d.Advice)
	}
	return out
}

// AdviceOf is advice as it is sent.
func AdviceOf(a picture.Advice) *Advice {
	out := &Advice{Reset: At(a.Reset), Price: a.Price.String(), After: a.After.String(), BuysNow: positive(a.Buys.KWh()), BuysThen: positive(a.BuysThen.KWh()), Foreseen: a.Foreseen}
	if a.Amount > 0 {
		out.Amount = money(a.Amount)
	}
	return out
}
