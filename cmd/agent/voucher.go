package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"os"
	"strings"
	"time"

	"rsc.io/qr"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/voucher"
	"github.com/keeplit/keeplit/internal/form"
	"github.com/keeplit/keeplit/internal/sealed"
	"github.com/keeplit/keeplit/internal/units"
)

// voucherCmd is an operator's side of vouchers.
type voucherCmd struct {
	Keygen policyKeygenCmd  `cmd:"" help:"Make a key pair; print the public key for tokens.voucher.keys."`
	Issue  voucherIssueCmd  `cmd:"" help:"Sign a voucher for a meter; print its digits, or a page with a QR code."`
	Revoke voucherRevokeCmd `cmd:"" help:"Sign what takes vouchers back that were not entered yet; it is entered like a voucher."`
	Verify voucherVerifyCmd `cmd:"" help:"Say what a voucher says and whether a key has signed it, away from any meter."`
}

// issued is what an operator remembers of a key: serials are used once.
type issued struct {
	Version int    `json:"version"` // of its form as it is stored
	Key     string `json:"key"`     // public
	Serial  uint64 `json:"serial"`  // the greatest one signed
}

func issuedForm(file string) form.Form { return form.Form{Name: file} }

// nextSerial is the next serial of a key, by what is kept in a file.
func nextSerial(file, key string) (issued, error) {
	past := issued{Key: key}
	if err := readPast(file, issuedForm(file), "a serial may be used twice, and the second voucher is refused", &past); err != nil {
		return past, err
	}
	if past.Key != key {
		return past, fmt.Errorf("%s has the serials of another key; keep one file for each", file)
	}
	past.Serial++
	return past, nil
}

func (i issued) keep(file string) error {
	i.Version = issuedForm("").Version()
	return writeState(file, i)
}

// voucherIssueCmd signs vouchers of credit.
type voucherIssueCmd struct {
	Key      string      `required:"" placeholder:"FILE" help:"Private key that keygen has written."`
	State    string      `required:"" placeholder:"FILE.json" help:"Which serials were used, kept up to date; one for each key."`
	Meter    string      `required:"" help:"Number of the meter that it is for, as site.meter has it."`
	Money    json.Number `help:"Amount of money, with --currency."`
	Currency string      `placeholder:"KES" help:"By ISO 4217, as the meter's tariff has it."`
	KWh      json.Number `name:"kwh" help:"Credit in kWh."`
	Days     int         `default:"0" help:"So many days it is good; 0 is without end."`
	Count    int         `default:"1" help:"So many vouchers alike."`
	At       time.Time   `help:"Time of issue; now if not given."`
	HTML     string      `placeholder:"FILE" help:"Write a page to print, with a QR code and the digits of each."`
}

// Run prints the digits, one voucher a line.  Serials are stored before anything is
// printed: one that nobody saw is harmless, one that is used twice is not.
func (c voucherIssueCmd) Run(e *env) error {
	if (c.Money == "") == (c.KWh == "") {
		return &exitError{exitUsage, errors.New("give one of --money and --kwh")}
	}
	if c.Money != "" && len(c.Currency) != 3 {
		return &exitError{exitUsage, errors.New("a voucher of money needs --currency, as the meter's tariff has it")}
	}
	if c.Count < 1 || c.Count > 1000 {
		return &exitError{exitUsage, fmt.Errorf("--count %d: 1 to 1000 at once", c.Count)}
	}
	text := c.Money
	if c.KWh != "" {
		text = c.KWh
	}
	amount, err := units.ParseMoney(text.String())
	if err != nil || amount <= 0 || amount%1000 != 0 {
		return &exitError{exitUsage, fmt.Errorf("%q is no amount above 0 with at most three decimals", text)}
	}
	key, err := readKey(c.Key)
	if err != nil {
		return err
	}
	release, err := holdState(c.State)
	if err != nil {
		return err
	}
	defer func() { _ = release() }()
	past, err := nextSerial(c.State, sealed.PublicOf(key))
	if err != nil {
		return err
	}
	v := voucher.Voucher{Kind: voucher.Credit, InKWh: c.KWh != "", Serial: past.Serial, Issued: c.At, Days: c.Days, Amount: int64(amount / 1000)}
	if c.At.IsZero() {
		v.Issued = time.Now()
	}
	var all []paperVoucher
	for range c.Count {
		digits, err := v.Sign(key, c.Meter, c.Currency)
		if err != nil {
			return &exitError{exitUsage, err}
		}
		all = append(all, paperVoucher{Voucher: v, Digits: digits, Meter: c.Meter, Worth: strings.TrimSpace(text.String() + " " + v.Unit(c.Currency))})
		past.Serial = v.Serial
		v.Serial++
	}
	if err := past.keep(c.State); err != nil {
		return err
	}
	if c.HTML != "" {
		return printVouchers(c.HTML, all)
	}
	for _, p := range all {
		if _, err := fmt.Fprintln(e.Stdout, p.Digits); err != nil {
			return err
		}
	}
	return nil
}

// voucherRevokeCmd signs what takes vouchers back.
type voucherRevokeCmd struct {
	Key    string `required:"" placeholder:"FILE" help:"Private key that has signed them."`
	Serial uint64 `required:"" help:"The first serial that is taken back."`
	Count  int64  `default:"1" help:"So many from it on."`
	Meter  string `help:"Number of the meter that it is for; without it every meter takes it."`
}

// Run prints the digits.
func (c voucherRevokeCmd) Run(e *env) error {
	key, err := readKey(c.Key)
	if err != nil {
		return err
	}
	digits, err := voucher.Voucher{Kind: voucher.Revoke, Serial: c.Serial, Amount: c.Count, Issued: time.Now()}.Sign(key, c.Meter, "")
	if err != nil {
		return &exitError{exitUsage, err}
	}
	_, err = fmt.Fprintln(e.Stdout, digits)
	return err
}

// voucherVerifyCmd reads vouchers.
type voucherVerifyCmd struct {
	Key      string   `required:"" help:"The operator's public key."`
	Meter    string   `required:"" help:"Number of the meter."`
	Currency string   `placeholder:"KES" help:"Of vouchers of money."`
	Revoked  string   `placeholder:"FILE" help:"What was taken back: a voucher of revoke a line."`
	Digits   []string `arg:"" optional:"" help:"Vouchers; read from standard input, one a line, where there is none."`
}

// Run prints one JSON line for each.
func (c voucherVerifyCmd) Run(e *env) error {
	s, err := voucher.New(voucher.Document{Keys: []string{c.Key}, Meter: c.Meter, Currency: c.Currency, AcceptFrom: time.Date(2020, 1, 1, 0, 1, 0, 0, time.UTC)})
	if err != nil {
		return &exitError{exitUsage, err}
	}
	var state json.RawMessage
	if c.Revoked != "" {
		data, err := os.ReadFile(c.Revoked)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(data)) {
			if _, state, err = s.Read(state, credit.Normalize(line), time.Now()); err != nil {
				return err
			}
		}
	}
	list := c.Digits
	if len(list) == 0 {
		data, err := io.ReadAll(io.LimitReader(e.Stdin, 1<<20))
		if err != nil {
			return err
		}
		list = strings.Split(strings.TrimSpace(string(data)), "\n")
	}
	out, bad := json.NewEncoder(e.Stdout), false
	for _, text := range list {
		line := verified{}
		v, err := voucher.Peek(credit.Normalize(text))
		if err != nil {
			line.Result, line.Detail, bad = "format", err.Error(), true
		} else {
			t, _, err := s.Read(state, credit.Normalize(text), time.Now())
			if err != nil {
				return err
			}
			bad = bad || t.Code != "accept"
			line = verified{Result: string(t.Code), Serial: v.Serial, Issued: v.Issued, Kind: "credit", Amount: v.Money().String(), Unit: v.Unit(c.Currency)}
			if v.Kind == voucher.Revoke {
				line.Kind, line.Amount, line.Count = "revoke", "", v.Amount
			}
			if ends := v.Expires(); !ends.IsZero() {
				line.Expires = &ends
			}
			if len(t.Detail) > 0 {
				line.Detail = t.Detail[0].Kind
			}
		}
		if err := out.Encode(line); err != nil {
			return err
		}
	}
	if bad {
		return &exitError{Code: exitInvalid}
	}
	return nil
}

// verified is what a voucher says, a line.
type verified struct {
	Result  string     `json:"result"`
	Kind    string     `json:"kind,omitempty"`
	Serial  uint64     `json:"serial,omitempty"`
	Count   int64      `json:"count,omitempty"`
	Amount  string     `json:"amount,omitempty"`
	Unit    string     `json:"unit,omitempty"`
	Issued  time.Time  `json:"issued,omitzero"`
	Expires *time.Time `json:"expires,omitempty"`
	Detail  string     `json:"detail,omitempty"`
}

// paperVoucher is one as it is printed.
type paperVoucher struct {
	voucher.Voucher
	Digits, Meter, Worth string
}

// Groups are the digits in groups of four.
func (p paperVoucher) Groups() []string {
	var out []string
	for at := 0; at < len(p.Digits); at += 4 {
		out = append(out, p.Digits[at:min(at+4, len(p.Digits))])
	}
	return out
}

// Side is how many modules the code has.
func (p paperVoucher) Side() (int, error) {
	code, err := qr.Encode(p.Digits, qr.M)
	if err != nil {
		return 0, err
	}
	return code.Size, nil
}

// Path is the code's black modules as a path of SVG.
func (p paperVoucher) Path() (string, error) {
	code, err := qr.Encode(p.Digits, qr.M)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for y := range code.Size {
		for x := range code.Size {
			if code.Black(x, y) {
				fmt.Fprintf(&b, "M%d %dh1v1h-1z", x+4, y+4)
			}
		}
	}
	return b.String(), nil
}

const voucherPage = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Vouchers</title><style>
body{font:15px/1.45 system-ui,sans-serif;margin:1.5rem;color:#000;background:#fff}
article{border:1px dashed #777;padding:1rem;margin:0 0 1rem;display:grid;grid-template-columns:52mm 1fr;gap:1rem;break-inside:avoid;max-width:180mm}
svg{width:52mm;height:52mm}h1{font-size:1.4rem;margin:0}p{margin:.2rem 0}
.digits{font:13px/1.5 ui-monospace,Consolas,monospace;display:grid;grid-template-columns:repeat(8,max-content);gap:0 .7em}
</style></head><body>
{{range .}}<article><svg viewBox="0 0 {{add .Side 8}} {{add .Side 8}}" shape-rendering="crispEdges" role="img" aria-label="QR code of the digits"><path d="{{.Path}}"/></svg>
<div><h1>{{.Worth}}</h1><p>Meter {{.Meter}} · no. {{.Serial}}{{if .Days}} · enter it by {{.Expires.Format "2006-01-02"}}{{end}}</p><div class="digits">{{range .Groups}}<span>{{.}}</span>{{end}}</div></div></article>
{{end}}</body></html>
`

func printVouchers(file string, all []paperVoucher) error {
	t, err := template.New("vouchers").Funcs(template.FuncMap{"add": func(a, b int) int { return a + b }}).Parse(voucherPage)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("%w; vouchers are never written over others", err)
	}
	return errors.Join(t.Execute(f, all), f.Close())
}
