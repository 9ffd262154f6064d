package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/openpaygo"
	"github.com/keeplit/keeplit/credit/sts"
	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
)

// tokenCmd reads and makes prepayment tokens.
type tokenCmd struct {
	Decode tokenDecodeCmd `cmd:"" help:"Read tokens as a meter would and print one JSON line for each; nothing changes without --commit."`
	Issue  tokenIssueCmd  `cmd:"" help:"Make a token for a meter whose key you hold."`
}

// meterFile is what describes one meter to the token tools: the scheme, and
// the keys of that scheme.  It holds the keys themselves, so it is as secret
// as they are; they never stand on a command line.
type meterFile struct {
	Scheme string `yaml:"scheme"` // sts or openpaygo

	// STS
	Algorithm   sts.Algorithm `yaml:"algorithm"`
	DecoderKey  string        `yaml:"decoder_key"`
	VendingKey  string        `yaml:"vending_key"`
	SGC         int           `yaml:"sgc"`
	TariffIndex int           `yaml:"tariff_index"`
	KeyType     sts.KeyType   `yaml:"key_type"`
	KeyRevision int           `yaml:"key_revision"`
	PAN         string        `yaml:"pan"`
	BaseDate    int           `yaml:"base_date"`
	KeyExpiry   int           `yaml:"key_expiry"`
	Maker       int           `yaml:"maker"`
	AcceptFrom  time.Time     `yaml:"accept_from"`
	Currency    bool          `yaml:"currency"`
	Tables      string        `yaml:"tables"` // file with the tables of ea07

	// OpenPAYGO
	Key          string         `yaml:"key"`
	StartingCode uint32         `yaml:"starting_code"`
	Count        int            `yaml:"count"`
	Restricted   bool           `yaml:"restricted"`
	Extended     bool           `yaml:"extended"`
	ValueDivider int64          `yaml:"value_divider"`
	Unit         openpaygo.Unit `yaml:"unit"`
}

// Check is asked by the decoder once every value is read.
func (m *meterFile) Check() fault.List {
	switch m.Scheme {
	case "sts":
		doc, err := m.sts()
		if err != nil {
			var l fault.List
			l.Add("tables", "give the file of the tables of algorithm 07", "%v", err)
			return l
		}
		return doc.Check()
	case "openpaygo":
		return m.openpaygo().Check()
	}
	var l fault.List
	l.Add("scheme", "write sts or openpaygo", "%q is not a token scheme", m.Scheme)
	return l
}

func (m *meterFile) sts() (sts.Document, error) {
	d := sts.Document{
		Algorithm: m.Algorithm, DecoderKey: m.DecoderKey, VendingKey: m.VendingKey, SGC: m.SGC, TariffIndex: m.TariffIndex,
		KeyType: m.KeyType, KeyRevision: m.KeyRevision, PAN: m.PAN, BaseDate: m.BaseDate, KeyExpiry: m.KeyExpiry,
		Maker: m.Maker, AcceptFrom: m.AcceptFrom, Currency: m.Currency,
	}
	if m.Tables == "" {
		return d, nil
	}
	data, err := os.ReadFile(m.Tables)
	if err != nil {
		return d, err
	}
	d.Tables, err = sts.ReadTables(data)
	return d, err
}

func (m *meterFile) openpaygo() openpaygo.Document {
	return openpaygo.Document{
		Key: m.Key, StartingCode: m.StartingCode, Count: m.Count, Restricted: m.Restricted,
		Extended: m.Extended, ValueDivider: m.ValueDivider, Unit: m.Unit,
	}
}

// readMeter reads FILE.yaml.
func readMeter(file string, e *env) (*meterFile, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read the meter's file: %w", err)
	}
	d, o := sts.Defaults(), openpaygo.Defaults()
	m := &meterFile{
		Algorithm: d.Algorithm, KeyType: d.KeyType, KeyRevision: d.KeyRevision, BaseDate: d.BaseDate, KeyExpiry: d.KeyExpiry,
		ValueDivider: o.ValueDivider, Unit: o.Unit,
	}
	if faults := config.DecodeInto(m, data, config.FromSystem()); len(faults) > 0 {
		for _, f := range faults {
			fmt.Fprintf(e.Stderr, "%s: %s\n", file, f)
		}
		return nil, &exitError{Code: exitInvalid}
	}
	return m, nil
}

// scheme is the credit scheme that the file describes.
func (m *meterFile) scheme() (credit.Scheme, error) {
	if m.Scheme == "openpaygo" {
		return openpaygo.New(m.openpaygo())
	}
	doc, err := m.sts()
	if err != nil {
		return nil, err
	}
	return sts.New(doc)
}

// tokenDecodeCmd reads tokens.
type tokenDecodeCmd struct {
	Meter  string    `required:"" placeholder:"FILE.yaml" help:"Describes the meter and its keys."`
	State  string    `placeholder:"FILE.json" help:"What the meter remembers; read where it exists."`
	Commit bool      `help:"Keep what the tokens change in the state file."`
	At     time.Time `help:"The instant to read the tokens at; now if not given."`
	Token  []string  `arg:"" optional:"" help:"Tokens; read from standard input, one a line, where there is none."`
}

// tokenLine is what is printed for a token.  Absent fields do not apply.
type tokenLine struct {
	Token    string      `json:"token"`
	Scheme   string      `json:"scheme"`
	Result   credit.Code `json:"result"`
	Class    *int        `json:"class,omitempty"`
	SubClass *int        `json:"subclass,omitempty"`
	Kind     string      `json:"kind,omitempty"`
	KWh      json.Number `json:"amount_kwh,omitempty"`
	Money    json.Number `json:"amount_money,omitempty"`
	PowerW   json.Number `json:"power_w,omitempty"`
	Value    *int64      `json:"value,omitempty"`
	Count    *int        `json:"count,omitempty"`
	TID      *uint32     `json:"tid,omitempty"`
	Issued   *time.Time  `json:"issued,omitempty"`
	Wait     int64       `json:"wait_s,omitempty"`
	Detail   string      `json:"detail,omitempty"`
}

// Run reads the tokens in order.  With --commit each is read as the meter
// stands after the ones before, lock-out included; without it nothing changes,
// so each is read on its own.  It answers with the code of an invalid input
// where one was refused.
func (c *tokenDecodeCmd) Run(e *env) error {
	if c.Commit && c.State == "" {
		return &exitError{Code: exitUsage, Err: errors.New("--commit needs --state FILE.json to keep the changes in")}
	}
	m, err := readMeter(c.Meter, e)
	if err != nil {
		return err
	}
	scheme, err := m.scheme()
	if err != nil {
		return err
	}
	at := c.At
	if at.IsZero() {
		at = time.Now()
	}
	// Any credit may come in: the tool's account has a price for both units.
	doc := credit.Defaults()
	doc.KWhPrice = units.Price(units.One)
	engine, err := credit.New(doc, time.UTC, scheme)
	if err != nil {
		return err
	}
	account, _ := engine.Open(m.PAN, at)
	if c.State != "" {
		if account, err = readState(c.State, account); err != nil {
			return err
		}
		account = elapse(engine, account, at)
	}
	refused := false
	enter := func(text string) error {
		after, _, r := engine.TopUp(account, at, text, "cli")
		if c.Commit {
			account = after
		}
		refused = refused || !r.Accepted()
		line, err := json.Marshal(lineOf(credit.Normalize(text), scheme.Name(), r))
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(e.Stdout, "%s\n", line)
		return err
	}
	if err := c.each(e.Stdin, enter); err != nil {
		return err
	}
	if c.Commit {
		if err := writeState(c.State, account); err != nil {
			return err
		}
	}
	if refused {
		return &exitError{Code: exitInvalid}
	}
	return nil
}

// elapse lets the time since the state was kept pass.  A meter does so
// second by second, until no lock-out is left to run down.
func elapse(engine *credit.Engine, a credit.Account, at time.Time) credit.Account {
	for a.Lock.Left > 0 {
		next := a.Clock.Add(time.Second)
		if !next.Before(at) {
			break
		}
		a, _ = engine.Tick(a, next)
	}
	return a
}

// each calls enter for each token, from the arguments or from in.
func (c *tokenDecodeCmd) each(in io.Reader, enter func(string) error) error {
	if len(c.Token) > 0 {
		for _, t := range c.Token {
			if err := enter(t); err != nil {
				return err
			}
		}
		return nil
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if text := strings.TrimSpace(lines.Text()); text != "" {
			if err := enter(text); err != nil {
				return err
			}
		}
	}
	return lines.Err()
}

// lineOf is what is printed for a result.
func lineOf(digits, scheme string, r credit.Result) tokenLine {
	t := r.Token
	l := tokenLine{Token: digits, Scheme: scheme, Result: t.Code, Kind: string(t.Effect), Detail: t.Detail, Wait: int64(r.Wait.Seconds())}
	if t.Effect == "" || t.Code.Guess() {
		return l
	}
	l.Value = &t.Value
	switch {
	case t.Energy != 0:
		l.KWh = json.Number(units.Money(units.MulDiv(int64(t.Energy), int64(units.One), int64(units.KilowattHour))).String())
	case t.InMoney:
		l.Money = json.Number(t.Money.String())
	case t.Power != 0:
		l.PowerW = json.Number(fmt.Sprintf("%.0f", t.Power.W()))
	}
	if scheme == "openpaygo" {
		l.Count = &t.Count
		return l
	}
	l.Class, l.SubClass = &t.Class, &t.SubClass
	if !t.Issued.IsZero() {
		l.TID, l.Issued = &t.TID, &t.Issued
	}
	return l
}

// readState reads an account kept by --commit; there may be none yet.
func readState(file string, fresh credit.Account) (credit.Account, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return fresh, nil
	}
	if err != nil {
		return fresh, fmt.Errorf("cannot read the state: %w", err)
	}
	var a credit.Account
	if err := json.Unmarshal(data, &a); err != nil {
		return fresh, fmt.Errorf("%s is not a state file (%w); restore it, or remove it to start as a new meter", file, err)
	}
	return a, nil
}

// writeState replaces the state file as a whole: a crash leaves the old one or
// the new one.
func writeState(file string, a credit.Account) (err error) {
	data, err := json.MarshalIndent(a, "", " ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err != nil {
		return fmt.Errorf("cannot keep the state: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("cannot keep the state: %w", err), os.Remove(f.Name()))
		}
	}()
	if _, err = f.Write(append(data, '\n')); err != nil {
		return errors.Join(err, f.Close())
	}
	if err = f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}

// tokenIssueCmd makes tokens.
type tokenIssueCmd struct {
	Meter string      `required:"" placeholder:"FILE.yaml" help:"Describes the meter and its keys."`
	Kind  string      `enum:"add,set,unlock,sync,power_limit,clear,tariff,clear_tamper,phase_limit,key_change" default:"add" help:"What the token does: ${enum}."`
	KWh   json.Number `name:"kwh" help:"Credit in kWh."`
	Money json.Number `help:"Credit in money (openpaygo with unit money)."`
	Value int64       `help:"Raw number: W for limits, rate for tariff, the value of an OpenPAYGO token."`
	At    time.Time   `help:"Time of issue (sts); now if not given."`
	Rnd   int         `help:"Random number 0 to 15 of the token (sts)." default:"0"`
	Count int         `help:"Count of the last token made for the device (openpaygo); that of the file if not given." default:"-1"`
	To    string      `placeholder:"FILE.yaml" help:"For key_change: describes the meter under its new key."`
}

// Run prints one token a line.
func (c *tokenIssueCmd) Run(e *env) error {
	m, err := readMeter(c.Meter, e)
	if err != nil {
		return err
	}
	var tokens []string
	if m.Scheme == "openpaygo" {
		tokens, err = c.openpaygo(m)
	} else {
		tokens, err = c.sts(m, e)
	}
	if err != nil {
		return err
	}
	for _, t := range tokens {
		if _, err := fmt.Fprintln(e.Stdout, t); err != nil {
			return err
		}
	}
	return nil
}

func (c *tokenIssueCmd) openpaygo(m *meterFile) ([]string, error) {
	s, err := openpaygo.New(m.openpaygo())
	if err != nil {
		return nil, err
	}
	value := c.Value
	amount, unit := c.KWh, openpaygo.KWh
	if c.Money != "" {
		amount, unit = c.Money, openpaygo.Money
	}
	if amount != "" {
		if unit != m.Unit {
			return nil, fmt.Errorf("this device's tokens are in %s; give --%s", m.Unit, m.Unit)
		}
		v, err := units.ParseMoney(amount.String())
		if err != nil {
			return nil, err
		}
		scaled := int64(v) * max(1, m.ValueDivider)
		if scaled%int64(units.One) != 0 {
			return nil, fmt.Errorf("%s cannot be said exactly with value_divider %d", amount, m.ValueDivider)
		}
		value = scaled / int64(units.One)
	}
	last := c.Count
	if last < 0 {
		last = m.Count
	}
	if value < 0 || value > openpaygo.MaxExtendedValue {
		return nil, fmt.Errorf("value %d is not in 0 to %d", value, openpaygo.MaxExtendedValue)
	}
	token, _, err := s.Issue(last, credit.Effect(c.Kind), int(value))
	return []string{token}, err
}

func (c *tokenIssueCmd) sts(m *meterFile, e *env) ([]string, error) {
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
	var token string
	switch credit.Effect(c.Kind) {
	case credit.AddCredit:
		tenths, err := units.ParseDecimal(c.KWh.String(), 1)
		if err != nil {
			return nil, fmt.Errorf("give the credit with --kwh, in steps of 0.1: %w", err)
		}
		token, err = v.Credit(at, tenths, c.Rnd)
		return []string{token}, err
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
	default:
		return nil, fmt.Errorf("sts has no token to %s", c.Kind)
	}
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
