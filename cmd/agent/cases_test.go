package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/service"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/openpaygo"
	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
)

// The cases in testdata/cases are tables for those who test meters and do not
// read programs: what is done at a local time, and what must follow.  Each line
// is
//
//	2026-03-02 09:00 | top up 10 | pays old bill 1; balance 9; supply on
//
// Done is one of: top up AMOUNT; use KWH kWh; spend AMOUNT; owe AMOUNT NAME by
// share; owe AMOUNT NAME at once; take emergency credit; switch on; wait.
// Expected is any of: pays NAME AMOUNT, ...; pays nothing; balance AMOUNT; debt
// AMOUNT; emergency offered, taken, spent, none; supply on, off, ready or
// protected until TIME.  What a line does not say is not looked at, but the
// ledger is: it is whole, and sums to the balance, after every line.

// caseHead is what stands above the table.
type caseHead struct {
	Zone   string          `yaml:"zone"`
	Tariff string          `yaml:"tariff"` // of the catalogue; none: nothing but the account
	Credit credit.Document `yaml:"credit"`
}

// Check is asked by the decoder.
func (h *caseHead) Check() fault.List { return h.Credit.Check() }

// clerk is an account under a tariff, with its vendor.
type clerk struct {
	t      *testing.T
	zone   *time.Location
	engine *credit.Engine
	scheme *openpaygo.Scheme
	tariff *tariffs.Tariff // nil: none
	rates  tariffs.Account
	a      credit.Account
	ledger []credit.Entry
	now    time.Time
	count  int
}

func TestCasesForAUtilitysTester(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.txt")
	if err != nil || len(files) < 6 {
		t.Fatalf("%d cases, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			head, table, ok := strings.Cut(string(text), "\n---\n")
			if !ok {
				t.Fatal("there is no line --- between the account and the table")
			}
			c := newClerk(t, head)
			first := strings.Count(head, "\n") + 3
			for i, line := range strings.Split(table, "\n") {
				if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
					continue
				}
				c.line(fmt.Sprintf("%s:%d", file, first+i), line)
			}
		})
	}
}

func newClerk(t *testing.T, text string) *clerk {
	t.Helper()
	head := caseHead{Zone: "UTC", Credit: credit.Defaults()}
	if faults := config.DecodeInto(&head, []byte(text), config.FromSystem()); len(faults) > 0 {
		t.Fatal(faults)
	}
	c := &clerk{t: t}
	var err error
	if c.zone, err = time.LoadLocation(head.Zone); err != nil {
		t.Fatal(err)
	}
	if head.Tariff != "" {
		doc, err := service.CatalogueTariff(head.Tariff)
		if err != nil {
			t.Fatal(err)
		}
		if c.tariff, err = tariffs.New(doc); err != nil {
			t.Fatal(err)
		}
	}
	c.scheme, err = openpaygo.New(openpaygo.Document{Key: trialKey, StartingCode: trialStart, Unit: openpaygo.Money, ValueDivider: 100, Extended: true})
	if err != nil {
		t.Fatal(err)
	}
	if c.engine, err = credit.New(head.Credit, c.zone, c.scheme); err != nil {
		t.Fatal(err)
	}
	return c
}

// line does one line of a table and looks at what follows.
func (c *clerk) line(place, text string) {
	c.t.Helper()
	parts := strings.Split(text, "|")
	if len(parts) != 3 {
		c.t.Fatalf("%s: %q has not three columns", place, text)
	}
	for i := range parts {
		parts[i] = strings.Join(strings.Fields(parts[i]), " ")
	}
	at, err := time.ParseInLocation("2006-01-02 15:04", parts[0], c.zone)
	if err != nil {
		c.t.Fatalf("%s: %v", place, err)
	}
	c.until(at.UTC())
	paid, err := c.do(parts[1])
	if err != nil {
		c.t.Fatalf("%s: %s: %v", place, parts[1], err)
	}
	confirm := parts[1] == "switch on"
	a, entries, d := c.engine.Supply(c.a, c.now, credit.Facts{Confirm: confirm})
	c.keep(a, entries)
	for _, want := range strings.Split(parts[2], ";") {
		if want = strings.TrimSpace(want); want == "" {
			continue
		}
		if got := c.find(want, paid, d); got != want {
			c.t.Errorf("%s: after %s at %s: %s, expected %s", place, parts[1], parts[0], got, want)
		}
	}
	if err := credit.Verify(c.ledger, c.a.Head); err != nil {
		c.t.Fatalf("%s: %v", place, err)
	}
	var sum units.Money
	for _, e := range c.ledger {
		sum += e.Amount
	}
	if sum != c.a.Balance {
		c.t.Fatalf("%s: the entries sum to %s, the balance is %s", place, sum, c.a.Balance)
	}
}

// until lets time pass: charges by time are taken as they fall due.
func (c *clerk) until(at time.Time) {
	c.t.Helper()
	if c.now.IsZero() {
		c.now = at
		c.keep(c.engine.Open("case", at))
		return
	}
	if c.tariff != nil && at.After(c.now) {
		rates, items := c.tariff.Elapse(c.rates, c.now, at)
		c.rates = rates
		c.keep(c.engine.Accrue(c.a, at, charges(items)...))
		c.keep(c.engine.Settle(c.a, at, ""))
	}
	c.now = at
	c.keep(c.engine.Tick(c.a, at))
}

func (c *clerk) keep(a credit.Account, entries []credit.Entry) {
	c.a = a
	c.ledger = append(c.ledger, entries...)
}

func charges(items []tariffs.Item) (out []credit.Charge) {
	for _, it := range items {
		kind := credit.Standing
		if it.Kind == tariffs.KindEnergy {
			kind = credit.Consumption
		}
		out = append(out, credit.Charge{Name: it.Name, Kind: kind, Amount: it.Gross(), Tax: it.Tax, Energy: it.Energy})
	}
	return out
}

func (c *clerk) do(what string) (paid []credit.Payment, err error) {
	word := strings.Fields(what)
	amount := func(i int) units.Money {
		m, e := units.ParseMoney(word[i])
		if err == nil {
			err = e
		}
		return m
	}
	switch {
	case what == "wait" || what == "switch on":
	case strings.HasPrefix(what, "top up "):
		return c.topUp(amount(2))
	case strings.HasPrefix(what, "use ") && c.tariff != nil:
		kwh, e := units.ParseEnergy(strings.Join(word[1:], " "))
		if e != nil {
			return nil, e
		}
		rates, items := c.tariff.Consume(c.rates, c.now.Add(-time.Minute), c.now, kwh)
		c.rates = rates
		c.keep(c.engine.Accrue(c.a, c.now, charges(items)...))
		c.keep(c.engine.Settle(c.a, c.now, ""))
	case strings.HasPrefix(what, "spend "):
		c.keep(c.engine.Accrue(c.a, c.now, credit.Charge{Name: "energy", Kind: credit.Consumption, Amount: amount(1)}))
		c.keep(c.engine.Settle(c.a, c.now, ""))
	case strings.HasPrefix(what, "owe ") && len(word) > 4:
		how := strings.Join(word[len(word)-2:], " ")
		if how != "by share" && how != "at once" {
			return nil, fmt.Errorf("a debt is owed by share or at once, not %q", how)
		}
		a, entries, e := c.engine.Owe(c.a, c.now, strings.Join(word[2:len(word)-2], " "), amount(1), how == "by share", "the case says so")
		if e != nil {
			return nil, e
		}
		c.keep(a, entries)
	case what == "take emergency credit":
		a, entries, e := c.engine.AcceptEmergency(c.a, c.now, "case")
		if e != nil {
			return nil, e
		}
		c.keep(a, entries)
	default:
		return nil, fmt.Errorf("it is not known how to do that")
	}
	return nil, err
}

func (c *clerk) topUp(m units.Money) ([]credit.Payment, error) {
	token, count, err := c.scheme.Issue(c.count, credit.AddCredit, int(m/(units.One/100)))
	if err != nil {
		return nil, err
	}
	c.count = count
	var due []credit.Due
	if c.tariff != nil {
		due = append(due, func(amount units.Money) []credit.Charge {
			rates, items := c.tariff.Purchase(c.rates, c.now, amount)
			c.rates = rates
			return charges(items)
		})
	}
	a, entries, r := c.engine.TopUp(c.a, c.now, token, "case", due...)
	c.keep(a, entries)
	if !r.Accepted() {
		return nil, fmt.Errorf("it is refused: %s", r.Says)
	}
	return r.Paid, nil
}

// find is what there is of the kind that want names, in its words.
func (c *clerk) find(want string, paid []credit.Payment, d credit.Decision) string {
	kind, _, _ := strings.Cut(want, " ")
	switch kind {
	case "pays":
		if len(paid) == 0 {
			return "pays nothing"
		}
		var all []string
		for _, p := range paid {
			all = append(all, p.Name+" "+plain(p.Amount))
		}
		return "pays " + strings.Join(all, ", ")
	case "balance":
		return "balance " + plain(c.a.Available())
	case "debt":
		return "debt " + plain(c.a.Debt())
	case "emergency":
		switch {
		case c.a.Emergency.Stage != credit.NotTaken:
			return "emergency " + string(c.a.Emergency.Stage)
		case c.engine.Offered(c.a):
			return "emergency offered"
		}
		return "emergency none"
	case "supply":
		switch {
		case d.Protected && d.Close:
			return "supply protected until " + d.Until.In(c.zone).Format("2006-01-02 15:04")
		case d.Close:
			return "supply on"
		case d.Position == credit.Ready:
			return "supply ready"
		}
		return "supply off"
	}
	return "nothing of the kind"
}

// plain is an amount with no more decimals than it has.
func plain(m units.Money) string { return strconv.FormatFloat(m.Float(), 'f', -1, 64) }
