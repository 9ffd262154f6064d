package web

import (
	"net/http"
	"time"
)

// apiTariffDetail is TariffDetail as JSON.
type apiTariffDetail struct {
	Name    string      `json:"name"`
	Notes   string      `json:"notes,omitempty"`
	Doubts  []string    `json:"doubts"`
	Sources []apiSource `json:"sources"`
	Weeks   []apiWeek   `json:"weeks"`
	Advice  *apiAdvice  `json:"advice"`
	Charges []string    `json:"charges"`
	Buys    *apiAdvice  `json:"buys,omitempty"` // where ?amount= asks
}

type apiSource struct {
	Title string `json:"title"`
	URL   string `json:"url,omitempty"`
	Dated string `json:"dated,omitempty"`
	Read  string `json:"read,omitempty"`
	For   string `json:"for,omitempty"`
}

// apiWeek has for each day, from Monday, its 48 half hours.
type apiWeek struct {
	Season  string           `json:"season"`
	Version string           `json:"version,omitempty"`
	Days    [7][]apiHalfHour `json:"days"`
}

type apiHalfHour struct {
	Period string `json:"period"`
	Price  string `json:"price"`
}

type apiAdvice struct {
	Reset    *time.Time `json:"reset"`
	Price    string     `json:"price"`
	After    string     `json:"after"`
	Amount   string     `json:"amount,omitempty"`
	BuysNow  *float64   `json:"buys_now_kwh"`
	BuysThen *float64   `json:"buys_then_kwh"`
}

func (s *Server) apiTariff(w http.ResponseWriter, r *http.Request) {
	d := s.agent.TariffDetail()
	out := apiTariffDetail{Name: d.Name, Notes: d.Notes, Doubts: append([]string{}, d.Doubts...), Sources: []apiSource{}, Weeks: []apiWeek{}, Charges: append([]string{}, d.Charges...)}
	for _, x := range d.Sources {
		out.Sources = append(out.Sources, apiSource(x))
	}
	for _, x := range d.Weeks {
		week := apiWeek{Season: x.Season, Version: x.Version}
		for day := range x.Days {
			for _, m := range x.Days[day] {
				week.Days[day] = append(week.Days[day], apiHalfHour{m.Period, m.Price.String()})
			}
		}
		out.Weeks = append(out.Weeks, week)
	}
	if d.Advice != nil {
		out.Advice = adviceOut(*d.Advice)
	}
	if asked := r.URL.Query().Get("amount"); asked != "" {
		amount, ok := amountAsked(asked)
		if !ok {
			apiError(w, http.StatusBadRequest, "malformed", s.texts.T("error.amount_query"))
			return
		}
		out.Buys = adviceOut(s.agent.WhatBuys(amount))
	}
	s.writeJSON(w, r, http.StatusOK, out)
}

func adviceOut(a Advice) *apiAdvice {
	out := &apiAdvice{Reset: at(a.Reset), Price: a.Price.String(), After: a.After.String(), BuysNow: positive(a.Buys.KWh()), BuysThen: positive(a.BuysThen.KWh())}
	if a.Amount > 0 {
		out.Amount = money(a.Amount)
	}
	return out
}
