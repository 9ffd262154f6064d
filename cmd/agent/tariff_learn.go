package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs/learn"
)

type tariffLearnCmd struct {
	Receipts string `arg:"" help:"CSV file: date,kwh,amount and, where it is known, tax; 2025-03-14, or 2025-03 for a month's bill."`
	Currency string `required:"" help:"Such as KES."`
	Zone     string `required:"" help:"Time zone of the supply, such as Africa/Nairobi."`
	Rounding string `default:"0.01" help:"To what amounts are rounded."`
}

// Run writes the tariff to standard output and what it could not explain to standard error.
func (c *tariffLearnCmd) Run(e *env) error {
	o := learn.Options{Currency: strings.ToUpper(c.Currency), Zone: c.Zone}
	var err error
	if o.Rounding, err = units.ParseMoney(c.Rounding); err != nil || o.Rounding <= 0 {
		return &exitError{exitUsage, fmt.Errorf("--rounding %q is not an amount such as 0.01", c.Rounding)}
	}
	f, err := os.Open(c.Receipts)
	if err != nil {
		return err
	}
	defer f.Close()
	receipts, unit, err := parseReceipts(f)
	if err != nil {
		return &exitError{exitInvalid, fmt.Errorf("%s: %w", c.Receipts, err)}
	}
	o.Units = unit
	found, err := learn.Learn(receipts, o)
	if err != nil {
		return &exitError{exitInvalid, fmt.Errorf("%s: %w", c.Receipts, err)}
	}
	for _, s := range found.Unexplained {
		fmt.Fprintln(e.Stderr, "note:", s)
	}
	explained := fmt.Sprintf("%d of %d receipts come out as they are", found.Explained, len(receipts))
	fmt.Fprintln(e.Stderr, explained)
	head := []string{"Found from " + c.Receipts + ": " + explained + ".", "What it does not know: hours, seasons, and what no receipt was high enough for."}
	for _, s := range found.Unexplained {
		head = append(head, "- "+s)
	}
	if err := writeTariff(e.Stdout, &found.Document, head); err != nil {
		return err
	}
	for _, d := range tariffDoubts(&found.Document, "") {
		fmt.Fprintln(e.Stderr, "doubt:", d)
	}
	return nil
}

// parseReceipts reads a file's receipts, and to what its energy is rounded: half kWh are
// not told by whole ones, but a whole number may be exact.
func parseReceipts(r io.Reader) (receipts []learn.Receipt, unit units.Energy, err error) {
	in := csv.NewReader(r)
	in.TrimLeadingSpace = true
	head, err := in.Read()
	if err != nil {
		return nil, 0, fmt.Errorf("line 1: %w", err)
	}
	for i := range head {
		head[i] = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(head[i], "\ufeff")))
	}
	column := func(name string) int { return slices.Index(head, name) }
	date, energy, amount, tax := column("date"), column("kwh"), column("amount"), column("tax")
	if date < 0 || energy < 0 || amount < 0 {
		return nil, 0, fmt.Errorf("line 1: the header is %q; write date,kwh,amount or date,kwh,amount,tax", strings.Join(head, ","))
	}
	decimals := 0
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, 0, err // names its line
		}
		line, _ := in.FieldPos(0)
		x := learn.Receipt{Line: line}
		if x.Day, err = receiptDay(record[date]); err != nil {
			return nil, 0, fmt.Errorf("line %d: %q is not a day such as 2025-03-14, nor a month such as 2025-03", line, record[date])
		}
		kwh := strings.TrimSpace(record[energy])
		if x.Energy, err = units.ParseEnergy(kwh + " kWh"); err != nil || x.Energy < 0 {
			return nil, 0, fmt.Errorf("line %d: %q is not an energy in kWh", line, record[energy])
		}
		if _, after, ok := strings.Cut(kwh, "."); ok {
			decimals = max(decimals, len(after))
		}
		if x.Amount, err = units.ParseMoney(strings.TrimSpace(record[amount])); err != nil || x.Amount < 0 {
			return nil, 0, fmt.Errorf("line %d: %q is not an amount such as 12.50", line, record[amount])
		}
		if tax >= 0 && strings.TrimSpace(record[tax]) != "" {
			if x.Tax, err = units.ParseMoney(strings.TrimSpace(record[tax])); err != nil || x.Tax < 0 || x.Tax > x.Amount {
				return nil, 0, fmt.Errorf("line %d: %q is not the tax in %s", line, record[tax], record[amount])
			}
			x.HasTax = true
		}
		receipts = append(receipts, x)
	}
	if decimals > 0 {
		for unit = units.KilowattHour; decimals > 0; decimals-- {
			unit /= 10
		}
	}
	return receipts, unit, nil
}

// receiptDay is a day, or the first of a month; as the local calendar has it.
func receiptDay(s string) (time.Time, error) {
	s = strings.TrimSpace(s)
	if len(s) > 10 {
		s = s[:10] // a time of day says nothing of the month
	}
	if t, err := time.Parse("2006-01", s); err == nil {
		return t, nil
	}
	return time.Parse(time.DateOnly, s)
}
