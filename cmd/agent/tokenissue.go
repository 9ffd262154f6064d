package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/described"
	"github.com/keeplit/keeplit/credit/openpaygo"
	"github.com/keeplit/keeplit/credit/sts"
	"github.com/keeplit/keeplit/internal/form"
	"github.com/keeplit/keeplit/internal/units"
)

// tokenIssueCmd makes tokens.
type tokenIssueCmd struct {
	Meter    string      `required:"" placeholder:"FILE.yaml" help:"Describes the meter and its keys."`
	Kind     string      `enum:"add,credit,set,disable,unlock,sync,power_limit,clear_credit,clear,tariff,clear_tamper,phase_unbalance,phase_limit,key_change,test" default:"add" help:"What the token does: ${enum}."`
	KWh      json.Number `name:"kwh" help:"Credit in kWh."`
	Money    json.Number `help:"Credit in money (openpaygo and schemes by description with unit money)."`
	Value    int64       `help:"Raw number: W for limits, rate for tariff, control field for test, the value of an OpenPAYGO token or of one by description."`
	At       time.Time   `help:"Time of issue (sts); now if not given."`
	Rnd      int         `help:"Random number 0 to 15 of the token (sts)." default:"0"`
	Subclass int         `help:"Sub-class 0 or 1 of a test token (sts)." default:"0"`
	Maker    uint16      `help:"Maker's code of a test token (sts)." default:"0"`
	Count    int         `help:"Count of the last token made for the device (openpaygo, by description); that of the state or the file if not given." default:"-1"`
	State    string      `placeholder:"FILE.json" help:"What was sold last to this meter, kept up to date: no two tokens are then the same to the meter."`
	To       string      `placeholder:"FILE.yaml" help:"For key_change: describes the meter under its new key."`
}

// sold is what a vendor remembers of one meter.
type sold struct {
	Version int       `json:"version"` // of its form as it is stored
	Count   *int      `json:"count"`   // of the last OpenPAYGO token or one by description; null: none
	Last    time.Time `json:"last"`    // minute of issue of the last STS token
	Key     string    `json:"key"`     // names the key that Count is of; "": a file of before it was kept, or of STS
}

// of takes the counts for those of a key, and refuses another one's: a token that goes on
// where they end is out of its own meter's reach, or was sold before.
func (p *sold) of(file, name string) error {
	if p.Key != "" && p.Key != name {
		return fmt.Errorf("%s has the counts of another key or meter; keep one file for each", file)
	}
	p.Key = name
	return nil
}

// keyName names the key that a meter's tokens are counted by, without showing it.
func (m *meterFile) keyName() string {
	h := sha256.Sum256(fmt.Appendf(nil, "keeplit sold\n%s\n%s\n%d\n%s", m.Scheme, strings.ToLower(strings.TrimSpace(m.Key)), m.StartingCode, m.Meter))
	return hex.EncodeToString(h[:8])
}

// soldForm is the numbered form of what --state keeps.
func soldForm(file string) form.Form {
	return form.Form{Name: file, Unnumbered: true, Steps: []form.Step{func(doc map[string]any) error {
		form.Fill(doc, map[string]any{"count": nil, "last": "0001-01-01T00:00:00Z"})
		return nil
	}, func(doc map[string]any) error {
		form.Fill(doc, map[string]any{"key": ""})
		return nil
	}}}
}

// effect is what the token is to do, by either name of it.
func (c *tokenIssueCmd) effect() credit.Effect {
	switch c.Kind {
	case "credit":
		return credit.AddCredit
	case "disable":
		return credit.Unlock
	case "clear_credit":
		return credit.ClearCredit
	case "phase_unbalance":
		return credit.PhaseLimit
	}
	return credit.Effect(c.Kind)
}

// Run prints one token a line.  What was sold is stored before it is printed:
// a token that nobody saw is harmless, one that is sold twice is not.
func (c *tokenIssueCmd) Run(e *env) error {
	m, err := readMeter(c.Meter, e)
	if err != nil {
		return err
	}
	if err := c.oneWord(m.Scheme); err != nil {
		return &exitError{Code: exitUsage, Err: err}
	}
	var past sold
	if c.State != "" {
		release, err := holdState(c.State)
		if err != nil {
			return err
		}
		defer func() { _ = release() }()
		if past, err = readSold(c.State); err != nil {
			return err
		}
		if m.Scheme != "sts" {
			if err := past.of(c.State, m.keyName()); err != nil {
				return err
			}
		}
	}
	var tokens []string
	switch m.Scheme {
	case "openpaygo":
		tokens, err = c.openpaygo(m, &past)
	case "described":
		tokens, err = c.described(m, &past)
	default:
		tokens, err = c.sts(m, &past, e)
	}
	if err != nil {
		return err
	}
	if c.State != "" {
		past.Version = soldForm("").Version()
		if err := writeState(c.State, past); err != nil {
			return err
		}
	}
	for _, t := range tokens {
		if _, err := fmt.Fprintln(e.Stdout, t); err != nil {
			return err
		}
	}
	return nil
}

// oneWord refuses what says twice what a token does: one of the two would be passed over.
func (c *tokenIssueCmd) oneWord(scheme string) error {
	switch {
	case c.KWh != "" && c.Money != "":
		return errors.New("--kwh and --money both name an amount; give one of them")
	case c.Value != 0 && (c.KWh != "" || c.Money != ""):
		return errors.New("--value and the amount both say what the token carries; give one of them")
	case scheme == "described" && c.Value != 0 && c.effect() != credit.AddCredit:
		return fmt.Errorf("by the description --value says by itself what the token does; give it or --kind %s", c.Kind)
	}
	return nil
}

func readSold(file string) (s sold, err error) {
	return s, readPast(file, soldForm(file), "a token may be sold twice", &s)
}

// readPast reads what --state keeps of what was signed or sold; there may be none yet.
// without is what may happen without it.
func readPast(file string, f form.Form, without string, into any) error {
	data, err := os.ReadFile(file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("cannot read what was sold: %w", err)
	}
	if err := f.Read(data, into); err != nil {
		return fmt.Errorf("%w; restore it: without it %s", err, without)
	}
	return nil
}

func (c *tokenIssueCmd) openpaygo(m *meterFile, past *sold) ([]string, error) {
	s, err := openpaygo.New(m.openpaygo())
	if err != nil {
		return nil, err
	}
	value, err := c.raw(m)
	if err != nil {
		return nil, err
	}
	last := c.Count
	if last < 0 {
		last = m.Count
		if past.Count != nil {
			last = max(last, *past.Count)
		}
	}
	token, count, err := s.Issue(last, c.effect(), value)
	past.Count = &count
	return []string{token}, err
}

// described is the next token of a scheme by description.
func (c *tokenIssueCmd) described(m *meterFile, past *sold) ([]string, error) {
	s, err := described.New(m.described())
	if err != nil {
		return nil, err
	}
	value := c.Value
	if value == 0 || c.KWh != "" || c.Money != "" {
		amount, unit := c.KWh, credit.InKWh
		if c.Money != "" {
			amount, unit = c.Money, credit.InMoney
		}
		var worth units.Money
		if amount != "" {
			if unit != m.what.Unit {
				return nil, fmt.Errorf("this meter's tokens are in %s; give --%s", m.what.Unit, m.what.Unit)
			}
			if worth, err = units.ParseMoney(amount.String()); err != nil {
				return nil, err
			}
		}
		if value, err = m.what.ValueFor(c.effect(), worth); err != nil {
			return nil, err
		}
	}
	next := m.Next
	switch {
	case c.Count >= 0:
		next = int64(c.Count) + 1
	case past.Count != nil:
		next = max(next, int64(*past.Count)+1)
	}
	token, counter, err := s.Issue(next, value)
	count := int(counter)
	past.Count = &count
	return []string{token}, err
}

// raw is the number that goes into an OpenPAYGO token.
func (c *tokenIssueCmd) raw(m *meterFile) (int, error) {
	value := c.Value
	amount, unit := c.KWh, openpaygo.KWh
	if c.Money != "" {
		amount, unit = c.Money, openpaygo.Money
	}
	if amount != "" {
		if unit != m.Unit {
			return 0, fmt.Errorf("this device's tokens are in %s; give --%s", m.Unit, m.Unit)
		}
		v, err := units.ParseMoney(amount.String())
		if err != nil {
			return 0, err
		}
		divider := max(1, m.ValueDivider)
		if v < 0 || int64(v) > openpaygo.MaxExtendedValue*int64(units.One) {
			return 0, fmt.Errorf("no token carries %s", amount)
		}
		scaled := int64(v) * divider
		if scaled%int64(units.One) != 0 {
			return 0, fmt.Errorf("%s cannot be said exactly with value_divider %d", amount, m.ValueDivider)
		}
		value = scaled / int64(units.One)
	}
	if value < 0 || value > openpaygo.MaxExtendedValue {
		return 0, fmt.Errorf("value %d is not in 0 to %d", value, openpaygo.MaxExtendedValue)
	}
	return int(value), nil
}

func (c *tokenIssueCmd) sts(m *meterFile, past *sold, e *env) ([]string, error) {
	doc, err := m.sts()
	if err != nil {
		return nil, err
	}
	v, err := sts.NewVendor(doc)
	if err != nil {
		return nil, err
	}
	at := c.At
	if at.IsZero() {
		at = time.Now()
	}
	// Two tokens of one minute are one token to the meter.
	if next := past.Last.Add(time.Minute); !past.Last.IsZero() && at.Before(next) {
		at = next
	}
	var token string
	switch c.effect() {
	case credit.AddCredit:
		var tenths int64
		if tenths, err = units.ParseDecimal(c.KWh.String(), 1); err != nil {
			return nil, fmt.Errorf("give the credit with --kwh, in steps of 0.1: %w", err)
		}
		token, err = v.Credit(at, tenths, c.Rnd)
	case credit.PowerLimit:
		token, err = v.Manage(0, at, c.Value, c.Rnd)
	case credit.ClearCredit:
		token, err = v.Manage(1, at, 0xffff, c.Rnd)
	case credit.TariffRate:
		token, err = v.Manage(2, at, c.Value, c.Rnd)
	case credit.ClearTamper:
		token, err = v.Manage(5, at, 0, c.Rnd)
	case credit.PhaseLimit:
		token, err = v.Manage(6, at, c.Value, c.Rnd)
	case credit.KeyChange:
		return c.keyChange(v, m, e)
	case credit.SelfTest:
		if c.Value < 0 {
			return nil, fmt.Errorf("control field %d is negative", c.Value)
		}
		token, err = sts.Test(c.Subclass, uint64(c.Value), c.Maker)
		return []string{token}, err
	default:
		return nil, fmt.Errorf("sts has no token to %s", c.Kind)
	}
	past.Last = at.UTC().Truncate(time.Minute)
	return []string{token}, err
}

// keyChange makes the tokens that take the meter to the key of another file.
func (c *tokenIssueCmd) keyChange(v *sts.Vendor, from *meterFile, e *env) ([]string, error) {
	if c.To == "" {
		return nil, &exitError{Code: exitUsage, Err: errors.New("key_change needs --to FILE.yaml, which describes the meter under its new key")}
	}
	to, err := readMeter(c.To, e)
	if err != nil {
		return nil, err
	}
	doc, err := to.sts()
	if err != nil {
		return nil, err
	}
	s, err := sts.New(doc)
	if err != nil {
		return nil, err
	}
	key, err := s.Key(s.Start())
	if err != nil {
		return nil, err
	}
	if to.BaseDate != from.BaseDate && to.BaseDate-from.BaseDate != 21 {
		return nil, fmt.Errorf("base date %d does not follow %d", to.BaseDate, from.BaseDate)
	}
	tokens, err := v.ChangeKey(key, doc.Identity(), doc.KeyExpiry, to.BaseDate != from.BaseDate)
	if err != nil {
		return nil, err
	}
	return tokens, nil
}
