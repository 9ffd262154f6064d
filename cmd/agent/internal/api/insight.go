package api

import "time"

// Insight is what a month of the statement means: GET /api/v1/insight.
type Insight struct {
	Compared    *Compared `json:"compared"` // null: there is nothing to compare
	Limit       *Limit    `json:"limit"`    // null: none is near
	ExpectedKWh float64   `json:"expected_kwh"`
	Carried     *Carried  `json:"carried"` // null: nothing of earlier months' allowances is left
	Buys        []Bought  `json:"buys"`
}

// Compared is a month beside the one before it, or as many days of both.
type Compared struct {
	From          time.Time `json:"from"`
	To            time.Time `json:"to"`
	Before        time.Time `json:"before"`
	BeforeTo      time.Time `json:"before_to"`
	Charged       string    `json:"charged"`
	ChargedBefore string    `json:"charged_before"`
	KWh           float64   `json:"energy_kwh"`
	KWhBefore     float64   `json:"energy_kwh_before"`
	Use           *string   `json:"use"`   // of the difference, because of what was used; null: it cannot be told
	Price         *string   `json:"price"` // because of prices, classes and charges
}

// Limit is a limit that the month's use comes to.
type Limit struct {
	Name    string    `json:"name"`
	Class   bool      `json:"class"`
	LeftKWh float64   `json:"left_kwh"`
	Until   time.Time `json:"until"`
	Saves   string    `json:"saves"`
	Months  int       `json:"months"`
	Beyond  string    `json:"beyond"` // by which a kWh costs more above it
}

// Carried is what is left of earlier months' allowances.
type Carried struct {
	LeftKWh   float64   `json:"left_kwh"`
	LapsesKWh float64   `json:"lapses_kwh"` // of it, with the month's end
	Until     time.Time `json:"until"`
}

// Bought is what an amount buys on top of the credit that is there.
type Bought struct {
	Amount   string  `json:"amount"`
	ToDebt   string  `json:"to_debt"`
	Credit   string  `json:"credit"`
	KWh      float64 `json:"energy_kwh"`
	Seconds  float64 `json:"seconds"`  // that it lasts
	Foreseen bool    `json:"foreseen"` // energy_kwh goes by the use that is foreseen; false: by the price of this moment
}
