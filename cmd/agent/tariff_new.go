package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/setup"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
)

type tariffNewCmd struct {
	File string `arg:"" default:"tariff.yaml" help:"File to write; one that exists is left alone."`
}

// Run asks ten questions and writes a document from the answers.
func (c *tariffNewCmd) Run(e *env) error {
	if _, err := os.Stat(c.File); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s exists and is left as it is; name another file, or move it away", c.File)
	}
	a := asker{doc: tariffs.Document{Versions: make([]tariffs.Version, 1)}}
	dialogue := setup.NewDialogue(e.Ctx, e.Stdin, e.Stdout)
	for i, q := range questions() {
		err := dialogue.Ask(fmt.Sprintf("%d/10 %s", i+1, q.text), q.usual, func(s string) error { return q.take(&a, s) })
		if errors.Is(err, setup.ErrNoAnswer) {
			return &exitError{exitUsage, fmt.Errorf("the answers end at question %d; nothing is written", i+1)}
		}
		if err != nil {
			return err
		}
	}
	if a.doc.Versions[0].TaxIncluded && len(a.doc.Versions[0].Taxes) == 0 {
		a.doc.Versions[0].TaxIncluded = false
	}
	var text bytes.Buffer
	head := []string{"Made by agent tariff new.  Every key that there is, with seasons, holidays, classes and", "more: docs/tariffs.md.  After a change: agent tariff check " + c.File}
	if err := writeTariff(&text, &a.doc, head); err != nil {
		return err
	}
	if _, faults := config.Decode[tariffs.Document](text.Bytes()); len(faults) > 0 {
		return &exitError{exitInvalid, fmt.Errorf("the answers make no tariff, and nothing is written:\n%w", faults.Err())}
	}
	f, err := os.OpenFile(c.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // a tariff is no secret
	if err != nil {
		return err
	}
	_, err = f.Write(text.Bytes())
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	for _, d := range doubtsOf(c.File, text.Bytes()) {
		fmt.Fprintln(e.Stdout, "doubt:", d)
	}
	_, err = fmt.Fprintf(e.Stdout, "%s is written. Next:\n  agent tariff show %s\n  agent tariff cost --tariff %s --load LOAD.csv   compare it with a bill of yours\n", c.File, c.File, c.File)
	return err
}

// asker keeps what was answered.
type asker struct {
	doc  tariffs.Document
	kind string // flat, blocks or hours
}

// question is one of the ten; take puts an answer into the document, or says what is wrong
// with it.
type question struct {
	text, usual string
	take        func(a *asker, answer string) error
}

func questions() []question {
	amount := func(s string) (units.Money, error) {
		m, err := units.ParseMoney(s)
		if err != nil || m < 0 {
			return 0, fmt.Errorf("%q is not an amount such as 12.50", s)
		}
		return m, nil
	}
	return []question{
		{"What is the tariff called, as on your bill", "my tariff", func(a *asker, s string) error { a.doc.Name = s; return nil }},
		{"In which currency (three letters, such as KES)", "", func(a *asker, s string) error {
			a.doc.Currency = strings.ToUpper(s)
			return a.wrong("currency")
		}},
		{"In which time zone (such as Africa/Nairobi)", "", func(a *asker, s string) error { a.doc.Zone = s; return a.wrong("zone") }},
		{"On which day of the month does a bill begin", "1", func(a *asker, s string) error {
			n, err := strconv.Atoi(s)
			if err != nil || n < 1 || n > 31 {
				return fmt.Errorf("%q is not a day, 1 to 31", s)
			}
			a.doc.ResetDay = n
			return nil
		}},
		{"Is a kWh always at one price (flat), by how much you used in the month (blocks), or by the hour (hours)", "flat", func(a *asker, s string) error {
			if s != "flat" && s != "blocks" && s != "hours" {
				return fmt.Errorf("answer flat, blocks or hours")
			}
			a.kind = s
			return nil
		}},
		{"What does a kWh cost. Flat: 0.25. Blocks: 50 0.10, 200 0.15, rest 0.25 (50 0 carry, where what a month leaves of the first block is kept; 50 0 carry 3: for three months). Hours: 17:00-20:00 0.45, mon-fri 06:00-09:00 0.40, rest 0.20", "", (*asker).prices},
		{"What is paid whatever you use: an amount a month, or with day or first_purchase behind it", "0", func(a *asker, s string) error {
			what, due, _ := strings.Cut(s, " ")
			m, err := amount(what)
			if err != nil {
				return err
			}
			charge := tariffs.FixedCharge{Name: "fixed charge", Amount: m, Due: tariffs.Due(strings.TrimSpace(due))}
			switch charge.Due {
			case "", tariffs.DueDay, tariffs.DueMonth, tariffs.DueFirstPurchase:
			default:
				return fmt.Errorf("write nothing, day or first_purchase behind the amount")
			}
			if a.doc.Versions[0].Charges = nil; m > 0 {
				a.doc.Versions[0].Charges = []tariffs.FixedCharge{charge}
			}
			return nil
		}},
		{"Which tax, in per cent, with \"included\" behind it where the prices hold it", "0 %", func(a *asker, s string) error {
			what, included := strings.CutSuffix(s, "included")
			var rate tariffs.Rate
			if what = strings.TrimSpace(what); !strings.HasSuffix(what, "%") {
				what += " %"
			}
			if err := rate.SetText(what); err != nil || rate < 0 {
				return fmt.Errorf("%q is not a percentage such as 16 %%", s)
			}
			v := &a.doc.Versions[0]
			if v.Taxes, v.TaxIncluded = nil, included; rate > 0 {
				v.Taxes = []tariffs.Tax{{Name: "tax", Rate: rate}}
			}
			return nil
		}},
		{"What does a kW of the month's highest mean cost, and over how long is it taken (such as 40 30m)", "0", func(a *asker, s string) error {
			what, over, _ := strings.Cut(s, " ")
			m, err := amount(what)
			if err != nil {
				return err
			}
			d := tariffs.DemandCharge{Name: "demand", Price: m, Interval: 30 * time.Minute}
			if over = strings.TrimSpace(over); over != "" {
				if d.Interval, err = time.ParseDuration(over); err != nil || d.Interval < time.Minute || d.Interval > time.Hour || time.Hour%d.Interval != 0 {
					return fmt.Errorf("%q is not 15m, 30m or 1h", over)
				}
			}
			if a.doc.Versions[0].Demand = nil; m > 0 {
				a.doc.Versions[0].Demand = []tariffs.DemandCharge{d}
			}
			return nil
		}},
		{"What does a kWh that you feed in earn", "0", func(a *asker, s string) error {
			m, err := amount(s)
			if err != nil {
				return err
			}
			if a.doc.Versions[0].Export = nil; m > 0 {
				a.doc.Versions[0].Export = []tariffs.EnergyCharge{{Name: "fed in", Price: units.Price(m)}}
			}
			return nil
		}},
	}
}

// wrong is what the document's own check finds wrong at a path.
func (a *asker) wrong(path string) error {
	for _, f := range a.doc.Check() {
		if f.Path == path {
			return fmt.Errorf("%s; %s", f.Problem, f.Remedy)
		}
	}
	return nil
}

// prices takes one price, blocks or hours.
func (a *asker) prices(s string) error {
	v := &a.doc.Versions[0]
	price := func(s string) (units.Price, error) {
		p, err := units.ParsePrice(s)
		if err != nil {
			return 0, fmt.Errorf("%q is not a price such as 0.25", s)
		}
		return p, nil
	}
	parts := strings.Split(s, ",")
	if a.kind == "flat" {
		p, err := price(strings.TrimSpace(s))
		v.Energy = []tariffs.EnergyCharge{{Name: "energy", Price: p}}
		return err
	}
	energy := tariffs.EnergyCharge{Name: "energy"}
	a.doc.Calendar, v.Energy = tariffs.Calendar{}, nil
	for i, part := range parts {
		if before, months, carries := strings.Cut(part, "carry"); carries && i == 0 && a.kind == "blocks" {
			part, energy.CarryOver = before, true
			if months = strings.TrimSpace(months); months != "" {
				n, err := strconv.Atoi(months)
				if err != nil || n < 1 || n > 24 {
					return fmt.Errorf("%q is no number of months, 1 to 24; write carry alone where it is kept for ever", months)
				}
				energy.CarryOverMonths = n
			}
		}
		fields := strings.Fields(part)
		if len(fields) < 2 || (fields[0] == "rest") != (i == len(parts)-1) || i == 0 && len(parts) == 1 {
			return fmt.Errorf("write at least two parts with commas between them, the last one as rest and its price")
		}
		p, err := price(fields[len(fields)-1])
		if err != nil {
			return err
		}
		if a.kind == "blocks" {
			step := tariffs.Step{Price: p}
			if fields[0] != "rest" {
				if step.To, err = units.ParseEnergy(strings.TrimSuffix(fields[0], "kWh") + " kWh"); err != nil || step.To <= 0 {
					return fmt.Errorf("%q is not a limit in kWh such as 350", fields[0])
				}
				if i > 0 && step.To <= energy.Steps[i-1].To {
					return fmt.Errorf("%s is not above the limit before it", fields[0])
				}
			}
			energy.Steps = append(energy.Steps, step)
			continue
		}
		if err := a.hours(fields[:len(fields)-1], p); err != nil {
			return err
		}
	}
	if a.kind == "blocks" {
		v.Energy = []tariffs.EnergyCharge{energy}
		return a.wrong("versions[0].energy[0].carry_over")
	}
	for _, f := range a.doc.Check() {
		if strings.HasPrefix(f.Path, "calendar") {
			return fmt.Errorf("%s; %s", f.Problem, f.Remedy)
		}
	}
	return nil
}

// hours adds a period and its price.
func (a *asker) hours(when []string, p units.Price) error {
	c, v := &a.doc.Calendar, &a.doc.Versions[0]
	period := tariffs.Period{Name: strings.Join(when, " ")}
	if when[0] != "rest" {
		var span tariffs.Span
		clock := when[len(when)-1]
		if len(when) == 2 {
			if when[0] != "mon-fri" && when[0] != "sat-sun" {
				return fmt.Errorf("%q is not mon-fri or sat-sun", when[0])
			}
			span.Days = []string{when[0]}
			if len(c.DayTypes) == 0 {
				for d := tariffs.Weekday(1); d <= 7; d++ {
					if d == 1 || d == 6 {
						c.DayTypes = append(c.DayTypes, tariffs.DayType{Name: map[tariffs.Weekday]string{1: "mon-fri", 6: "sat-sun"}[d], Holidays: d == 6})
					}
					last := &c.DayTypes[len(c.DayTypes)-1]
					last.Days = append(last.Days, d)
				}
			}
		}
		from, to, ok := strings.Cut(clock, "-")
		if err := errors.Join(span.From.SetText(from), span.To.SetText(to)); !ok || err != nil || len(when) > 2 {
			return fmt.Errorf("%q is not hours such as 17:00-20:00", strings.Join(when, " "))
		}
		period.Times = []tariffs.Span{span}
	}
	c.Periods = append(c.Periods, period)
	v.Energy = append(v.Energy, tariffs.EnergyCharge{Name: "energy " + period.Name, Periods: []string{period.Name}, Price: p})
	return nil
}
