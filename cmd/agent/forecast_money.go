package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
)

// moneyFlags are credits in money, and what energy costs.
type moneyFlags struct {
	Tariff   string `help:"Tariff document, or the name of a ready one, by which --balances are used up."`
	Balances string `help:"Credits in the tariff's currency, comma-separated, whose run-out time is wanted: prices, blocks and charges by time are taken off, and the month so far is that of the history."`
}

// inMoney are the credits whose end is wanted, each with what is used up of it.
type inMoney struct {
	credits  []forecast.Credit
	currency string // of money; empty: kWh
}

// monthsBefore is how far back the history goes that steps, classes and the like are reckoned from.
const monthsBefore = 2

// money is what the flags ask for of slots that are foreseen, nothing where they ask for nothing.
func (m moneyFlags) money(w io.Writer, h *forecastHistory, slots []forecast.Slot) (inMoney, error) {
	var out inMoney
	switch {
	case m.Tariff == "" && m.Balances == "":
		return out, nil
	case m.Tariff == "":
		return out, &exitError{exitUsage, errors.New("--balances is money: say with --tariff what energy costs, or give kWh with --credits")}
	case m.Balances == "":
		return out, &exitError{exitUsage, errors.New("--tariff: say with --balances how much there is, such as --balances 50,100")}
	}
	amounts, err := parseCredits(m.Balances)
	if err != nil {
		return out, &exitError{exitUsage, fmt.Errorf("--balances: %w", err)}
	}
	t, err := readTariff(w, m.Tariff)
	if err != nil {
		return out, err
	}
	out.currency = t.Document().Currency
	if len(slots) == 0 {
		return out, nil
	}
	from := slots[0].Start
	account := accountOf(t, h, from.AddDate(0, -monthsBefore, 0), from)
	table, when := tableOf(t, account, slots)
	if slices.ContainsFunc(table.Demands, func(d tariffs.DemandTable) bool { return d.OfDays > 1 }) {
		fmt.Fprintln(w, "agent: charges for the mean of the highest demands of several days are not in it")
	}
	for _, amount := range amounts {
		path := table.Path(when)
		out.credits = append(out.credits, forecast.Credit{
			Balance: amount,
			Cost:    func(slot int, _, kwh float64) float64 { return path.Cost(slot, units.FromKWh(kwh)).Float() },
		})
	}
	return out, nil
}

func tableOf(t *tariffs.Tariff, account tariffs.Account, slots []forecast.Slot) (*tariffs.Table, []units.Slot) {
	when, expected := make([]units.Slot, len(slots)), make([]units.Energy, len(slots))
	for i, s := range slots {
		when[i], expected[i] = s.Slot, units.FromKWh(s.Mean)
	}
	table := t.Table(account, when, expected)
	return &table, when
}

// accountOf is a tariff's account after the part of a history that lies between two instants.
// What is missing in it was not used.
func accountOf(t *tariffs.Tariff, h *forecastHistory, from, to time.Time) tariffs.Account {
	var load []tariffs.Reading
	last := from
	for i := range h.load {
		r := h.load[i]
		at := r.time()
		if at.Before(from) || !at.Before(to) {
			continue
		}
		x := tariffs.Reading{From: at, To: at.Add(h.step)}
		if v := float64(r.value); !math.IsNaN(v) {
			x.Energy = units.FromKWh(v)
		}
		load, last = append(load, x), x.To
	}
	if last.Before(to) {
		load = append(load, tariffs.Reading{From: last, To: to})
	}
	_, account := t.Bill(tariffs.Account{}, load)
	return account
}
