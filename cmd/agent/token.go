package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/cmd/agent/internal/service"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/described"
	"github.com/keeplit/keeplit/credit/openpaygo"
	"github.com/keeplit/keeplit/credit/sts"
	"github.com/keeplit/keeplit/internal/durable"
	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/form"
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
	Scheme string `yaml:"scheme"` // sts, openpaygo or described

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

	// By description, with key
	Description string `yaml:"description"` // file, beside this one
	Meter       string `yaml:"meter"`       // the number that tokens are bought for
	Next        int64  `yaml:"next"`        // counter of the vendor's next token

	what described.Description // read from Description
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
	case "described":
		var l fault.List
		if m.Description == "" {
			l.Add("description", "name the file that describes the scheme", "it is missing")
		}
		for _, f := range (described.Document{Keys: []described.Key{{Key: m.Key, Next: m.Next}}}).CheckKeys() {
			f.Path = strings.TrimPrefix(f.Path, "keys[0].")
			l = append(l, f)
		}
		return l
	}
	var l fault.List
	l.Add("scheme", "write sts, openpaygo or described", "%q is not a token scheme", m.Scheme)
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
		DisableTokens: true, // the tool tells what a token is; whether a site honours it is for its configuration
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
	if m.Scheme == "sts" {
		doc, err := m.sts()
		if err != nil {
			return nil, err
		}
		for _, what := range doc.Experimental() {
			fmt.Fprintf(e.Stderr, "%s: %s\n", file, what)
		}
	}
	if m.Scheme == "described" {
		name := m.Description
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(file), name)
		}
		if m.what, err = service.ReadDescription(name); err == nil {
			err = m.described().Check().Err()
		}
		if err != nil {
			return nil, &exitError{exitInvalid, err}
		}
	}
	return m, nil
}

// described is the meter of a scheme by description.
func (m *meterFile) described() described.Document {
	return described.Document{
		Description: m.what, Meter: m.Meter, Keys: []described.Key{{Key: m.Key, Next: m.Next}},
		UnlockTokens: true, // see openpaygo
	}
}

// scheme is the credit scheme that the file describes.
func (m *meterFile) scheme() (credit.Scheme, error) {
	switch m.Scheme {
	case "openpaygo":
		return openpaygo.New(m.openpaygo())
	case "described":
		return described.New(m.described())
	}
	doc, err := m.sts()
	if err != nil {
		return nil, err
	}
	return sts.New(doc)
}

// known is what the file says of the tokens that the meter has taken.  An agent
// that begins with a count takes none before it, for it cannot know which of
// them were entered at the meter before it; this tool answers what a device at
// that count answers, to which the older ones are good until they are entered.
func (m *meterFile) known() ([]credit.SchemeState, error) {
	if m.Scheme != "openpaygo" {
		return nil, nil
	}
	state, err := openpaygo.State{Count: m.Count, Taken: []int{m.Count}}.Stored()
	return []credit.SchemeState{{Name: m.Scheme, State: state}}, err
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
	Of       int64       `json:"of,omitempty"` // key_change: words that it takes; value is those that are in
	Maker    *int        `json:"maker,omitempty"`
	Count    *int        `json:"count,omitempty"`
	TID      *uint32     `json:"tid,omitempty"`
	Issued   *time.Time  `json:"issued,omitempty"`
	Wait     int64       `json:"wait_s,omitempty"`
	Detail   string      `json:"detail,omitempty"`
}

// Run reads the tokens in order, each as the meter stands after the ones
// before: the second time a token is used, and the words of a key change come
// together.  With --commit the state file keeps that, and wrong tokens lead to
// the lock-out as at the meter; without it nothing is kept, and each token is
// looked at however many wrong ones came before.  A refused token is an answer
// as good as another; only what could not be read or kept is an error.
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
	if account.Schemes, err = m.known(); err != nil {
		return err
	}
	if c.State != "" {
		if c.Commit {
			release, err := holdState(c.State)
			if err != nil {
				return err
			}
			defer func() { _ = release() }()
		}
		if account, err = readState(c.State, account); err != nil {
			return err
		}
		account = elapse(account, at)
	}
	locks := account.Locks
	one := func(text, digits string) error {
		after, _, r := engine.TopUp(account, at, text, "cli")
		account = after
		if !c.Commit {
			account.Locks = locks
		}
		line, err := json.Marshal(lineOf(digits, scheme.Name(), r))
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(e.Stdout, "%s\n", line)
		return err
	}
	// A text of several is read in the order in which an agent enters them, but to
	// its end: each wrong one is told.
	enter := func(text string) error {
		found := engine.Find(text)
		if len(found) == 1 {
			return one(text, engine.Digits(text))
		}
		var waiting []string
		for _, f := range found {
			waiting = append(waiting, f.Digits)
		}
		for len(waiting) > 0 {
			next := engine.Next(account, at, "cli", waiting)
			digits := waiting[next]
			waiting = slices.Delete(waiting, next, next+1)
			if err := one(digits, digits); err != nil {
				return err
			}
		}
		return nil
	}
	if err := c.each(e.Stdin, enter); err != nil {
		return err
	}
	if c.Commit {
		return writeState(c.State, meterState{meterForm("").Version(), account})
	}
	return nil
}

// elapse lets the time since the state was kept pass, as for a meter that had
// power all the while.
func elapse(a credit.Account, at time.Time) credit.Account {
	if passed := at.Sub(a.Clock); passed > 0 {
		a = a.Powered(passed)
		a.Clock = at.UTC().Truncate(time.Millisecond)
	}
	return a
}

// each calls enter for each token, from the arguments or from in.
func (c *tokenDecodeCmd) each(in io.Reader, enter func(string) error) error {
	if len(c.Token) > 0 && !(len(c.Token) == 1 && c.Token[0] == "-") {
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

// kindOf is an effect by the name that the scheme's people have for it.
func kindOf(scheme string, e credit.Effect) string {
	switch {
	case scheme == "sts" && e == credit.AddCredit:
		return "credit"
	case e == credit.ClearCredit:
		return "clear_credit"
	case e == credit.Unlock:
		return "disable"
	case e == credit.PhaseLimit:
		return "phase_unbalance"
	}
	return string(e)
}

// lineOf is what is printed for a result.
func lineOf(digits, scheme string, r credit.Result) tokenLine {
	t := r.Token
	l := tokenLine{Token: digits, Scheme: scheme, Result: t.Code, Kind: kindOf(scheme, t.Effect), Detail: present.NewWords().Anywhere().Say(t.Detail), Wait: int64(math.Ceil(r.Wait.Seconds()))}
	switch t.Code {
	case credit.Format, credit.Lockout, credit.Unreadable:
		return l
	default:
		if t.Code.Guess() {
			return l // nothing that it says can be believed
		}
	}
	if scheme == "sts" {
		l.Class, l.SubClass = &t.Class, &t.SubClass
		if !t.Issued.IsZero() {
			l.TID, l.Issued = &t.TID, &t.Issued
		}
	} else {
		l.Count = &t.Count
	}
	if t.Effect == "" {
		return l
	}
	l.Value = &t.Value
	switch t.Effect {
	case credit.AddCredit, credit.SetCredit:
		if t.InMoney {
			l.Money = json.Number(t.Money.String())
		} else {
			l.KWh = json.Number(units.Money(units.MulDiv(int64(t.Energy), int64(units.One), int64(units.KilowattHour))).String())
		}
	case credit.PowerLimit, credit.PhaseLimit:
		l.PowerW = json.Number(strconv.FormatInt(int64(t.Power/units.Watt), 10))
	case credit.KeyChange:
		l.Of = t.Of
	case credit.SelfTest:
		l.Maker = &t.Maker
	default:
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
	var kept meterState
	if err := meterForm(file).Read(data, &kept); err != nil {
		return fresh, fmt.Errorf("%w; restore it, or remove it to start as a new meter", err)
	}
	return kept.Account, nil
}

// meterState is what --commit keeps of a meter.
type meterState struct {
	Version int `json:"version"`
	credit.Account
}

// meterForm is the numbered form of meterState; the first one had no number.
func meterForm(file string) form.Form {
	return form.Form{Name: file, Unnumbered: true, Steps: []form.Step{func(doc map[string]any) error {
		credit.FillAccount1(doc)
		return nil
	}}}
}

// holdState keeps others who sell or read by the same state file waiting: two at once
// would both go by what it held before, and one token be sold or taken twice.
func holdState(file string) (release func() error, err error) {
	if release, err = durable.Hold(file); err != nil {
		return nil, fmt.Errorf("cannot keep the state: %w", err)
	}
	return release, nil
}

// writeState replaces a state file as a whole: a crash leaves the old one or
// the new one.
func writeState(file string, state any) error {
	data, err := json.MarshalIndent(state, "", " ")
	if err != nil {
		return err
	}
	if err := durable.WriteFile(file, append(data, '\n')); err != nil {
		return fmt.Errorf("cannot keep the state: %w", err)
	}
	return nil
}
