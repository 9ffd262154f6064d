package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
)

type tariffVendCmd struct {
	Tariff    string `required:"" help:"Tariff document, or the name of a ready one."`
	Purchases string `required:"" help:"CSV file: timestamp,amount; RFC 3339, by rising time."`
	Debt      string `help:"What is owed besides, which the document's debt rule pays off." default:"0"`
}

// receipt is what one purchase comes to: amount + carried = charges + energy + left, and
// what the charges leave is energy at the prices of that instant.
type receipt struct {
	At         string      `json:"at"`
	Amount     json.Number `json:"amount"`
	Carried    json.Number `json:"carried"` // what the purchase before left
	Charges    []lineOut   `json:"charges"` // taken from the purchase; negative is given back
	Credit     json.Number `json:"credit"`  // what the charges leave
	EnergyKWh  json.Number `json:"energy_kwh"`
	Energy     []lineOut   `json:"energy"` // what the credit is spent on
	Left       json.Number `json:"left"`   // too little for the next energy; carried to the next purchase
	DebtLeft   json.Number `json:"debt_left,omitempty"`
	MonthSoFar json.Number `json:"month_kwh"` // bought in the billing month
	ByTime     []dueOut    `json:"by_time"`   // what charges by day and month will take from now to the month's end; not in this receipt
}

// dueOut is what falls due with time, whatever is bought.
type dueOut struct {
	Name   string      `json:"name"`
	Amount json.Number `json:"amount"` // with taxes
	Until  string      `json:"until"`
}

type lineOut struct {
	Name   string      `json:"name"`
	Kind   string      `json:"kind"`
	Amount json.Number `json:"amount"` // before taxes
	Tax    json.Number `json:"tax"`
}

func (c *tariffVendCmd) Run(e *env) error {
	t, err := readTariff(e.Stderr, c.Tariff)
	if err != nil {
		return err
	}
	bought, err := readPurchases(c.Purchases)
	if err != nil {
		return err
	}
	debt, err := units.ParseMoney(c.Debt)
	if err != nil || debt < 0 {
		return &exitError{exitUsage, fmt.Errorf("--debt %q is not an amount such as 200 or 12.50", c.Debt)}
	}
	acc := tariffs.Account{Debt: debt}
	out := make([]receipt, 0, len(bought))
	carried := units.Money(0)
	for i, p := range bought {
		var v tariffs.Vending
		before := carried
		if i > 0 {
			acc, _ = t.Elapse(acc, bought[i-1].at, p.at)
		}
		acc, v = t.VendOn(acc, p.at, p.amount, carried)
		carried = v.Left
		r := receipt{
			At: p.at.In(t.Location()).Format(time.RFC3339), Amount: exact(p.amount), Carried: exact(before), Charges: []lineOut{}, Energy: []lineOut{},
			ByTime:    dueByTime(t, acc, p.at),
			EnergyKWh: kwh(v.Energy), Left: exact(v.Left), MonthSoFar: kwh(acc.MonthToDate()),
		}
		left := p.amount + before
		for _, it := range v.Items {
			if it.Kind != tariffs.KindEnergy && it.Kind != tariffs.KindDemand {
				left -= it.Gross()
			}
		}
		r.Credit = exact(left)
		for _, it := range merged(v.Items) {
			line := lineOut{it.Name, string(it.Kind), exact(it.Amount), exact(it.Tax)}
			if it.Kind == tariffs.KindEnergy || it.Kind == tariffs.KindDemand {
				r.Energy = append(r.Energy, line)
			} else {
				r.Charges = append(r.Charges, line)
			}
		}
		if debt > 0 {
			r.DebtLeft = exact(acc.Debt)
		}
		out = append(out, r)
	}
	enc := json.NewEncoder(e.Stdout)
	enc.SetIndent("", "  ")
	if err := enc.Encode(out); err != nil {
		return err
	}
	for _, w := range chargedByTime(t.Document(), bought[0].at.In(t.Location()), bought[len(bought)-1].at.In(t.Location())) {
		fmt.Fprintln(e.Stderr, "note:", w)
	}
	for _, w := range t.Warnings(bought[0].at, bought[len(bought)-1].at.Add(time.Second)) {
		fmt.Fprintln(e.Stderr, "note:", w)
	}
	return nil
}

// dueByTime is what falls due from an instant to the end of its billing month.
func dueByTime(t *tariffs.Tariff, acc tariffs.Account, at time.Time) []dueOut {
	end := t.MonthEnd(at)
	_, items := t.Elapse(acc, at, end)
	out := []dueOut{}
	for _, it := range merged(items) {
		if it.Kind == tariffs.KindFixed || it.Kind == tariffs.KindMinimum {
			out = append(out, dueOut{it.Name, exact(it.Gross()), end.In(t.Location()).Format(time.RFC3339)})
		}
	}
	return out
}

// chargedByTime says which charges of the versions in force from one day to
// another fall due with time: a receipt has none of them.
func chargedByTime(doc tariffs.Document, from, to time.Time) []string {
	var out []string
	first, last := tariffs.DateOf(from.Date()), tariffs.DateOf(to.Date())
	for i, v := range doc.Versions {
		if i > 0 && v.From > last || i+1 < len(doc.Versions) && doc.Versions[i+1].From <= first {
			continue
		}
		for _, c := range v.Charges {
			per := ""
			switch c.Due {
			case tariffs.DueDay:
				per = "day"
			case tariffs.DueMonth, tariffs.DueMonthStart, "":
				per = "month"
			default:
				continue
			}
			note := fmt.Sprintf("%s of %s a %s falls due with time and is not in these receipts", c.Name, exact(c.Amount), per)
			if !slices.Contains(out, note) {
				out = append(out, note)
			}
		}
	}
	return out
}

// merged adds up the items of one name: a charge and what past months owe of it.
func merged(items []tariffs.Item) []tariffs.Item {
	var out []tariffs.Item
	for _, it := range items {
		i := slices.IndexFunc(out, func(o tariffs.Item) bool { return o.Name == it.Name && o.Kind == it.Kind })
		if i < 0 {
			out = append(out, it)
			continue
		}
		out[i].Amount += it.Amount
		out[i].Tax += it.Tax
	}
	return out
}

type purchaseRow struct {
	at     time.Time
	amount units.Money
}

func readPurchases(file string) ([]purchaseRow, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := parsePurchases(f)
	if err != nil {
		return nil, &exitError{exitInvalid, fmt.Errorf("%s: %w", file, err)}
	}
	return rows, nil
}

func parsePurchases(r io.Reader) ([]purchaseRow, error) {
	in := csv.NewReader(r)
	in.TrimLeadingSpace = true
	in.FieldsPerRecord = 2
	head, err := in.Read()
	if err != nil || strings.ToLower(strings.TrimPrefix(strings.Join(head, ","), "\ufeff")) != "timestamp,amount" {
		return nil, fmt.Errorf("line 1: the header is %q; write timestamp,amount", strings.Join(head, ","))
	}
	var rows []purchaseRow
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err // names its line
		}
		line, _ := in.FieldPos(0)
		at, err := loadTime(record[0])
		if err != nil {
			return nil, fmt.Errorf("line %d: %q is not a time with its zone such as 2024-07-01T08:00:00Z", line, record[0])
		}
		if n := len(rows); n > 0 && at.Before(rows[n-1].at) {
			return nil, fmt.Errorf("line %d: %s comes before the line above it; sort the file", line, record[0])
		}
		amount, err := units.ParseMoney(strings.TrimSpace(record[1]))
		if err != nil || amount <= 0 {
			return nil, fmt.Errorf("line %d: %q is not an amount such as 200 or 12.50", line, record[1])
		}
		rows = append(rows, purchaseRow{at.UTC(), amount})
	}
	if len(rows) == 0 {
		return nil, errors.New("there are no purchases")
	}
	return rows, nil
}
