package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/service"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
	"github.com/keeplit/keeplit/tariffs/catalogue"
)

// tariffCmd is all that can be asked of a tariff document without a running
// agent.  A FILE may also be the name of one of the documents that come with
// the program, or ready:NAME where a file has that name too.
type tariffCmd struct {
	Check   tariffCheckCmd   `cmd:"" help:"Check a tariff document: every fault with its line and what to do."`
	Cost    tariffCostCmd    `cmd:"" help:"Say what a load costs: JSON on standard output, a table on standard error."`
	Compare tariffCompareCmd `cmd:"" help:"Say what a load costs under two tariffs."`
	Show    tariffShowCmd    `cmd:"" help:"Draw a tariff: week by hour, prices, charges, sources."`
	Vend    tariffVendCmd    `cmd:"" help:"Say what purchases are charged with and how much they buy, as JSON."`
	Wait    tariffWaitCmd    `cmd:"" help:"Say what an amount buys today and at the next month's start."`
	New     tariffNewCmd     `cmd:"" help:"Ask ten questions and write a tariff document from the answers."`
	Learn   tariffLearnCmd   `cmd:"" help:"Find a tariff from receipts of your own: limits, prices, fixed amounts, tax."`
	Ready   tariffReadyCmd   `cmd:"" help:"List the ready documents, or print one."`
}

// readTariff decodes a document strictly and makes it ready.  Its faults are
// written to w, each with file and line.
func readTariff(w io.Writer, name string) (*tariffs.Tariff, error) {
	data, err := tariffText(name)
	if err != nil {
		return nil, err
	}
	doc, faults := config.Decode[tariffs.Document](data)
	if len(faults) == 0 {
		// A document without any value, such as an empty file, is checked here.
		faults = doc.Check()
	}
	if len(faults) > 0 {
		for _, f := range faults {
			fmt.Fprintf(w, "%s:%d: %s\n", name, max(1, f.Line), strings.TrimPrefix(f.String(), fmt.Sprintf("line %d: ", f.Line)))
		}
		return nil, &exitError{Code: exitInvalid}
	}
	t, err := tariffs.New(doc)
	if err != nil {
		return nil, &exitError{exitInvalid, fmt.Errorf("%s: %w", name, err)}
	}
	return t, nil
}

// tariffText is the text of a file or, where there is none of that name, of the
// ready document.
func tariffText(name string) ([]byte, error) {
	if ready, ok := strings.CutPrefix(name, "ready:"); ok {
		text, err := catalogue.Read(ready)
		if err != nil {
			return nil, fmt.Errorf("there is no ready tariff %q: %s", ready, service.OtherTariff(ready))
		}
		return text, nil
	}
	data, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		if ready, unknown := catalogue.Read(name); unknown == nil {
			return ready, nil
		}
		return nil, fmt.Errorf("%w, nor a ready tariff of that name: %s", err, service.OtherTariff(name))
	}
	return data, err
}

type tariffCheckCmd struct {
	File string `arg:"" help:"Tariff document, or the name of a ready one."`
}

func (c *tariffCheckCmd) Run(e *env) error {
	t, err := readTariff(e.Stderr, c.File)
	if err != nil {
		return err
	}
	doc := t.Document()
	fmt.Fprintf(e.Stdout, "%s: good: %s, %s, %s, %d version(s)\n", c.File, nameOf(doc, c.File), doc.Currency, doc.Zone, len(doc.Versions))
	for _, w := range t.Warnings(time.Now(), time.Now().Add(time.Second)) {
		fmt.Fprintln(e.Stdout, "note:", w)
	}
	if text, err := tariffText(c.File); err == nil { // it has been read already
		for _, f := range doubtsOf(c.File, text) {
			fmt.Fprintf(e.Stdout, "doubt: %s:%d: %s\n", c.File, max(1, f.Line), strings.TrimPrefix(f.String(), fmt.Sprintf("line %d: ", f.Line)))
		}
	}
	return nil
}

func nameOf(d tariffs.Document, file string) string {
	if d.Name != "" {
		return d.Name
	}
	return file
}

type tariffCostCmd struct {
	Tariff string `required:"" help:"Tariff document, or the name of a ready one."`
	Load   string `required:"" help:"CSV file: timestamp,kwh or timestamp,w; RFC 3339, start of each interval; kvarh or var may follow."`
	Month  string `help:"Only the billing month that begins in this one, e.g. 2024-03, charged as a whole; what comes before sets classes and ratchets."`
	Prices string `help:"Hourly or quarter-hourly prices laid over the document: JSON as the MQTT topic prices takes it."`
	Quiet  bool   `short:"q" help:"No table, only JSON."`
}

func (c *tariffCostCmd) Run(e *env) error {
	t, err := readTariff(e.Stderr, c.Tariff)
	if err != nil {
		return err
	}
	load, notes, err := readLoad(c.Load)
	if err != nil {
		return err
	}
	if c.Prices != "" {
		if t, err = overlaid(t, c.Prices, load); err != nil {
			return err
		}
	}
	bill, err := billOf(t, load, c.Month)
	if err != nil {
		return err
	}
	bill.Warnings = append(bill.Warnings, notes...)
	out := json.NewEncoder(e.Stdout)
	out.SetIndent("", "  ")
	if err := out.Encode(billJSON(bill)); err != nil {
		return err
	}
	if c.Quiet {
		return nil
	}
	return printBill(e.Stderr, t, bill)
}

// overlaid is the tariff with a file of prices laid over it, as if they had been
// sent before the load began.
func overlaid(t *tariffs.Tariff, file string, load []tariffs.Reading) (*tariffs.Tariff, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	prices, err := t.ParsePrices(data, load[0].From, 0)
	if err != nil {
		return nil, &exitError{exitInvalid, fmt.Errorf("%s: %w", file, err)}
	}
	return t.WithPrices(prices), nil
}

// billOf is the bill of a load, or of one billing month of it.
func billOf(t *tariffs.Tariff, load []tariffs.Reading, month string) (tariffs.Bill, error) {
	if month == "" {
		bill, _ := t.BillWhole(tariffs.Account{}, load)
		return bill, nil
	}
	m, err := time.Parse("2006-01", month)
	if err != nil {
		return tariffs.Bill{}, &exitError{exitUsage, fmt.Errorf("--month %q is not a month such as 2024-03", month)}
	}
	from, to := t.BillingMonth(m.Year(), m.Month())
	before, within := cutLoad(load, from, to)
	if len(within) == 0 {
		return tariffs.Bill{}, &exitError{exitUsage, fmt.Errorf("the load has nothing in %s, which is billed from %s to %s", month, from.Format(time.RFC3339), to.Format(time.RFC3339))}
	}
	var acc tariffs.Account
	if n := len(before); n > 0 && before[n-1].To.Before(from) {
		before = append(before, tariffs.Reading{From: before[n-1].To, To: from})
	}
	_, acc = t.Bill(acc, before)
	// The whole month is charged for its time, whatever part was measured.
	var note []string
	if first, last := within[0].From, within[len(within)-1].To; first.After(from) || last.Before(to) {
		const layout = "2006-01-02 15:04"
		note = append(note, fmt.Sprintf("the load has only %s to %s of the billing month; its charges by time are in full",
			first.In(t.Location()).Format(layout), last.In(t.Location()).Format(layout)))
	}
	if first := within[0].From; first.After(from) {
		within = append([]tariffs.Reading{{From: from, To: first}}, within...)
	}
	if last := within[len(within)-1].To; last.Before(to) {
		within = append(within, tariffs.Reading{From: last, To: to})
	}
	bill, _ := t.Bill(acc, within)
	bill.Warnings = append(bill.Warnings, note...)
	return bill, nil
}

// cutLoad is the part of a load before from and the part in [from, to).
// Readings across an edge are divided in proportion to time.
func cutLoad(load []tariffs.Reading, from, to time.Time) (before, within []tariffs.Reading) {
	for _, r := range load {
		head, rest := r.SplitAt(from)
		if head.To.After(head.From) {
			before = append(before, head)
		}
		middle, _ := rest.SplitAt(to)
		if middle.To.After(middle.From) {
			within = append(within, middle)
		}
	}
	return before, within
}

type tariffCompareCmd struct {
	A     string `arg:"" help:"Tariff document, or the name of a ready one."`
	B     string `arg:"" help:"The other one."`
	Load  string `required:"" help:"CSV file: timestamp,kwh or timestamp,w."`
	Month string `help:"Only this billing month, e.g. 2024-03."`
}

func (c *tariffCompareCmd) Run(e *env) error {
	load, _, err := readLoad(c.Load)
	if err != nil {
		return err
	}
	var bills [2]tariffs.Bill
	var both [2]*tariffs.Tariff
	for i, name := range []string{c.A, c.B} {
		if both[i], err = readTariff(e.Stderr, name); err != nil {
			return err
		}
		if bills[i], err = billOf(both[i], load, c.Month); err != nil {
			return err
		}
	}
	if bills[0].Currency != bills[1].Currency {
		return &exitError{exitUsage, fmt.Errorf("%s is in %s and %s in %s: amounts in two currencies cannot be compared", c.A, bills[0].Currency, c.B, bills[1].Currency)}
	}
	return printComparison(e.Stdout, [2]string{c.A, c.B}, both, bills)
}

type tariffWaitCmd struct {
	Tariff string `required:"" help:"Tariff document, or the name of a ready one."`
	Amount string `arg:"" help:"Money to spend, e.g. 200."`
	Load   string `help:"CSV file of what was used this month, for the blocks."`
	Bought string `help:"Money spent on purchases this month already, for charges on the first purchase." default:"0"`
	At     string `help:"When, RFC 3339; the default is the end of the load, else now."`
}

func (c *tariffWaitCmd) Run(e *env) error {
	t, err := readTariff(e.Stderr, c.Tariff)
	if err != nil {
		return err
	}
	amount, err := units.ParseMoney(c.Amount)
	if err != nil || amount <= 0 {
		return &exitError{exitUsage, fmt.Errorf("%q is not an amount such as 200 or 12.50", c.Amount)}
	}
	at := time.Now()
	var acc tariffs.Account
	if c.Load != "" {
		load, _, err := readLoad(c.Load)
		if err != nil {
			return err
		}
		at = load[len(load)-1].To
		for _, r := range load {
			acc, _ = t.ConsumeReading(acc, r)
		}
	}
	if c.At != "" {
		if at, err = time.Parse(time.RFC3339, c.At); err != nil {
			return &exitError{exitUsage, fmt.Errorf("--at %q is not a time such as 2026-07-01T08:00:00Z", c.At)}
		}
	}
	bought, err := units.ParseMoney(c.Bought)
	if err != nil || bought < 0 {
		return &exitError{exitUsage, fmt.Errorf("--bought %q is not an amount such as 200 or 12.50", c.Bought)}
	}
	acc, _ = t.Purchase(acc, at, bought)
	a := t.BuyNowOrWait(acc, at, amount)
	fmt.Fprintf(e.Stdout, "%s %s buy %s now (next kWh %s) and %s from %s (first kWh %s): ",
		t.Show(amount), t.Document().Currency, a.Now, a.Price, a.Then, a.Reset.In(t.Location()).Format("2 January 15:04"), a.After)
	switch {
	case a.Wait():
		fmt.Fprintf(e.Stdout, "wait if you can, for %s more.\n", a.Then-a.Now)
	case a.Then == a.Now:
		fmt.Fprintln(e.Stdout, "waiting changes nothing.")
	default:
		fmt.Fprintln(e.Stdout, "buy now.")
	}
	for _, w := range t.Warnings(at, at.Add(time.Second)) {
		fmt.Fprintln(e.Stderr, "note:", w)
	}
	return nil
}

type tariffReadyCmd struct {
	Name string `arg:"" optional:"" help:"Print this document."`
}

func (c *tariffReadyCmd) Run(e *env) error {
	if c.Name != "" {
		text, err := tariffText("ready:" + strings.TrimPrefix(c.Name, "ready:"))
		if err != nil {
			return &exitError{exitUsage, err}
		}
		_, err = e.Stdout.Write(text)
		return err
	}
	for _, name := range catalogue.Names() {
		t, err := readTariff(e.Stderr, "ready:"+name)
		if err != nil {
			return errors.Join(err, fmt.Errorf("ready:%s", name))
		}
		doc := t.Document()
		fmt.Fprintf(e.Stdout, "ready:%-32s %s %s (current: %s)\n", name, doc.Currency, doc.Name, doc.Current)
	}
	return nil
}
