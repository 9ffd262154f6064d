package described

import (
	"encoding/hex"
	"fmt"
	"math"
	"strings"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
)

// Description is a scheme as a document has it: docs/tokens-by-description.md.
type Description struct {
	// The scheme's name, for people.
	// Example: Example
	Name string `yaml:"name"`
	// Where the scheme is published.
	// Example: RFC 4226
	Source string `yaml:"source"`
	// The hash in the HMAC: sha1, sha256 or sha512.
	// Example: sha1
	Hash Hash `yaml:"hash"`
	// What the HMAC is made of, one part after another.
	// Example: [{counter: 8}, {value: 2}]
	Message []Field `yaml:"message"`
	// What a token's digits are, from the first on.
	// Example: [{value: 3}, {counter: 2}, {code: 6}]
	Digits []Part `yaml:"digits"`
	// The unit of amounts: money or kwh.
	// Example: kwh
	Unit credit.Mode `yaml:"unit"`
	// What a token does, by its value.
	// Example: [{from: 1, to: 999, do: add, each: 1}]
	Values []Value `yaml:"values"`
	// Which counters are taken, about the greatest that was.
	// Example: {ahead: 20, behind: 5}
	Window Window `yaml:"window"`
}

// Hash is a hash function.
type Hash string

// The hash functions of RFC 4226 and RFC 6287.
const (
	SHA1   Hash = "sha1"
	SHA256 Hash = "sha256"
	SHA512 Hash = "sha512"
)

// Field is a part of the message: one of these.
type Field struct {
	// These characters.
	// Example: OCRA-1:HOTP-SHA1-6
	Text string `yaml:"text"`
	// These bytes, two hex digits each, in quotes.
	// Example: "00ff"
	Hex string `yaml:"hex"`
	// The counter in so many bytes, the highest first; 8 as RFC 4226 has it.
	// Example: 8
	Counter int `yaml:"counter"`
	// The value in so many bytes, the highest first.
	// Example: 2
	Value int `yaml:"value"`
	// The value as a numeric question of OCRA (RFC 6287), in 128 bytes.
	// Example: true
	Question bool `yaml:"question"`
	// The meter's number, as characters.
	// Example: true
	Meter bool `yaml:"meter"`
}

// Part is a part of a token's digits: one of these.
type Part struct {
	// These digits, in quotes.
	// Example: "7"
	Fixed string `yaml:"fixed"`
	// So many digits of the value.
	// Example: 3
	Value int `yaml:"value"`
	// So many of the counter's last digits.
	// Example: 2
	Counter int `yaml:"counter"`
	// So many digits of the code, 6 to 9.
	// Example: 6
	Code int `yaml:"code"`
	// Check digits of all before them: luhn (one) or mod97 (two). They stand last.
	// Example: luhn
	Check Check `yaml:"check"`
}

// len is how many digits the part has.
func (p Part) len() int {
	if p.Check != "" {
		return p.Check.len()
	}
	return len(p.Fixed) + p.Value + p.Counter + p.Code
}

// Check is how check digits are reckoned.
type Check string

// The check digits.
const (
	Luhn  Check = "luhn"  // one, as RFC 4226 has it
	Mod97 Check = "mod97" // two, ISO 7064 MOD 97-10
)

// Value is what tokens of some values do.
type Value struct {
	// The first of the values.
	// Example: 1
	From int64 `yaml:"from"`
	// The last of them. 0: from alone.
	// Example: 999
	To int64 `yaml:"to"`
	// What such a token does: add, set, clear, unlock or power_limit.
	// Example: add
	Do Do `yaml:"do"`
	// With add and set: this amount, in the document's unit.
	// Example: 10
	Amount units.Money `yaml:"amount"`
	// With add and set: this amount times the value, in the document's unit.
	// Example: 1
	Each units.Money `yaml:"each"`
	// With power_limit: the limit. 0 W lifts it.
	// Example: 2 kW
	Power units.Power `yaml:"power"`
}

// Do is what a token does.
type Do string

// What tokens do.
const (
	Add        Do = "add"
	Set        Do = "set"
	Clear      Do = "clear"
	Unlock     Do = "unlock" // unlimited: prepayment is off for good
	PowerLimit Do = "power_limit"
)

// effect is what the account knows it by.
func (d Do) effect() credit.Effect {
	switch d {
	case Set:
		return credit.SetCredit
	case Clear:
		return credit.ClearCredit
	case Unlock:
		return credit.Unlock
	case PowerLimit:
		return credit.PowerLimit
	case Add:
	}
	return credit.AddCredit
}

// Window is which counters are taken, about the greatest that was.
type Window struct {
	// How far a token's counter may be ahead of the greatest that was taken.
	// Example: 20
	Ahead int64 `yaml:"ahead"`
	// How far it may be behind, each token once. 0: only rising ones.
	// Example: 5
	Behind int64 `yaml:"behind"`
}

// SetDefaults is what holds where the document says nothing.
func (d *Description) SetDefaults() {
	d.Unit = credit.InKWh
	d.Window = Window{Ahead: 20, Behind: 10}
}

// Limits of a description.
const (
	mostDigits  = 32 // of a token: what is longer is not typed
	leastDigits = 6
	leastCode   = 5 // with fewer a guess is right too often, whatever the window; with 5 some of the counter's must be there
	mostAhead   = 500
	mostBehind  = 200
	mostValues  = 200
	mostMessage = 1024 // bytes
	greatest    = 1_000_000 * units.One
	mostMoney   = 1_000_000_000 * units.One
)

// Check names everything wrong with the description.
func (d *Description) Check() fault.List {
	var l fault.List
	l.Need("name", d.Name, "write what the people call the scheme")
	l.OneOf("hash", string(d.Hash), string(SHA1), string(SHA256), string(SHA512))
	if d.Unit != credit.InMoney && d.Unit != credit.InKWh {
		l.Add("unit", "write money or kwh", "%q is not a unit", d.Unit)
	}
	if w := d.Window; w.Ahead < 1 || w.Ahead > mostAhead {
		l.Add("window.ahead", fmt.Sprintf("write 1 to %d; 20 suits most", mostAhead), "%d is no number of counters", w.Ahead)
	}
	if w := d.Window; w.Behind < 0 || w.Behind > mostBehind {
		l.Add("window.behind", fmt.Sprintf("write 0 to %d; 0: a token is taken only after those before it", mostBehind), "%d is no number of counters", w.Behind)
	}
	d.checkDigits(&l)
	d.checkMessage(&l)
	d.checkValues(&l)
	if len(l) > 0 {
		return l
	}
	if odds := d.Odds(); odds > credit.Weakest {
		l.Add("digits", "give the code more digits, or the window fewer counters", "%s", weak(odds))
	}
	return l
}

// weak says that a guess is right too often.
func weak(odds float64) string {
	return fmt.Sprintf("a guess is right once in %.0f; it may be once in %.0f at most, or the lock-out keeps nobody from guessing credit", math.Floor(1/odds), 1/credit.Weakest)
}

func (d *Description) checkDigits(l *fault.List) {
	n, codes, values, counters := 0, 0, 0, 0
	for i, p := range d.Digits {
		at := fmt.Sprintf("digits[%d]", i)
		given := 0
		for _, is := range []bool{p.Fixed != "", p.Value != 0, p.Counter != 0, p.Code != 0, p.Check != ""} {
			if is {
				given++
			}
		}
		switch {
		case given != 1:
			l.Add(at, "write one of fixed, value, counter, code and check", "%d of them are given", given)
			continue
		case strings.Trim(p.Fixed, "0123456789") != "":
			l.Add(at+".fixed", "write digits, in quotes", "%q is not made of digits", p.Fixed)
		case p.Value < 0 || p.Value > 9:
			l.Add(at+".value", "write 1 to 9", "%d is no number of digits of a value", p.Value)
		case p.Counter < 0 || p.Counter > 6:
			l.Add(at+".counter", "write 1 to 6", "%d is no number of digits of a counter", p.Counter)
		case p.Code != 0 && (p.Code < leastCode || p.Code > 9):
			l.Add(at+".code", "write 6 to 9: the truncation leaves 31 bits", "a code has %d to 9 digits, not %d", leastCode, p.Code)
		case p.Check != "" && p.Check != Luhn && p.Check != Mod97:
			l.Add(at+".check", "write luhn or mod97", "%q is not known", p.Check)
		case p.Check != "" && i < len(d.Digits)-1:
			l.Add(at+".check", "put it last", "check digits are of all digits before them")
		}
		n += p.len()
		codes, values, counters = codes+bit(p.Code), values+bit(p.Value), counters+bit(p.Counter)
	}
	if codes != 1 || values > 1 || counters > 1 {
		l.Add("digits", "give code once, value and counter once or not at all", "code is given %d times, value %d, counter %d", codes, values, counters)
	}
	if c := d.codeDigits(); c == leastCode && counters == 0 {
		l.Add("digits", "give the code 6 digits, or put {counter: 1} into the token", "with a code of %d digits and none of the counter a token of the vendor's may have the digits of an earlier one, and is refused, once in %d in the end", c, pow10(c)/lookBack)
	}
	if n < leastDigits || n > mostDigits {
		l.Add("digits", fmt.Sprintf("write parts of %d to %d digits in all", leastDigits, mostDigits), "a token has %d digits", n)
	}
}

// bit is 1 for what is given.
func bit(n int) int { return min(1, max(0, n)) }

func (d *Description) checkMessage(l *fault.List) {
	n, counters, values := 0, 0, 0
	for i, f := range d.Message {
		at := fmt.Sprintf("message[%d]", i)
		given := 0
		for _, is := range []bool{f.Text != "", f.Hex != "", f.Counter != 0, f.Value != 0, f.Question, f.Meter} {
			if is {
				given++
			}
		}
		bytes, err := hex.DecodeString(f.Hex)
		switch {
		case given != 1:
			l.Add(at, "write one of text, hex, counter, value, question and meter", "%d of them are given", given)
		case err != nil:
			l.Add(at+".hex", "write two hex digits a byte, in quotes", "%q is not made of bytes", f.Hex)
		case f.Counter < 0 || f.Counter > 8 || f.Counter != 0 && f.Counter < 4:
			l.Add(at+".counter", "write 8, as both RFCs have it", "%d is no number of bytes of a counter; 4 to 8 are", f.Counter)
		case f.Value < 0 || f.Value > 8:
			l.Add(at+".value", "write 1 to 8", "%d is no number of bytes", f.Value)
		case f.Value > 0 && f.Value < 4 && pow10(min(9, max(0, d.valueDigits()))) > int64(1)<<(8*f.Value):
			l.Add(at+".value", "give it more bytes", "%d bytes do not hold a value of %d digits", f.Value, d.valueDigits())
		}
		n += len(f.Text) + len(bytes) + f.Counter + f.Value
		counters, values = counters+bit(f.Counter), values+bit(f.Value)
		if f.Question {
			n, values = n+128, values+1
		}
	}
	if counters != 1 {
		l.Add("message", "put {counter: 8} into it, once", "the counter is in it %d times: tokens could be told apart by nothing", counters)
	}
	if d.valueDigits() > 0 && values == 0 {
		l.Add("message", "put {value: N} or {question: true} into it", "the value is not in it: anybody could write a greater one into a token")
	}
	if n > mostMessage {
		l.Add("message", "make it shorter", "it has %d bytes; %d are taken", n, mostMessage)
	}
}

func (d *Description) checkValues(l *fault.List) {
	if len(d.Values) > mostValues {
		l.Add("values", "write ranges, with each", "there are %d rows; %d are taken", len(d.Values), mostValues)
		return
	}
	end := pow10(min(9, max(0, d.valueDigits()))) - 1
	credits := false
	for i, v := range d.Values {
		at := fmt.Sprintf("values[%d]", i)
		credits = credits || v.Do == Add || v.Do == Set
		if v.From < 0 || v.last() < v.From || v.last() > end {
			l.Add(at, fmt.Sprintf("write from and to within 0 to %d", end), "%d to %d are no values of a token with %d digits of value", v.From, v.last(), d.valueDigits())
		}
		for j, o := range d.Values[:i] {
			if v.From <= o.last() && o.From <= v.last() {
				l.Add(at, "give each value one row", "values[%d] has some of its values", j)
				break
			}
		}
		v.check(l, at, d.Unit)
	}
	if !credits {
		l.Add("values", "add a row such as {from: 1, to: 999, do: add, each: 0.1}", "no token could ever give credit")
	}
}

// last is the row's last value.
func (v Value) last() int64 { return max(v.From, v.To, -v.To) }

func (v Value) check(l *fault.List, at string, unit credit.Mode) {
	l.OneOf(at+".do", string(v.Do), string(Add), string(Set), string(Clear), string(Unlock), string(PowerLimit))
	credited := v.Do == Add || v.Do == Set
	limit := greatest
	if unit == credit.InMoney {
		limit = mostMoney
	}
	switch {
	case v.To < 0:
		l.Add(at+".to", "write the last of the values", "%d is no value", v.To)
	case v.Amount < 0 || v.Each < 0:
		l.Add(at, "write an amount above 0", "a token takes no credit away")
	case credited && v.Amount != 0 && v.Each != 0:
		l.Add(at, "write amount or each", "both are given")
	case v.Do == Add && (v.Amount == 0 && v.Each == 0 || v.Each != 0 && v.From == 0):
		l.Add(at, "write amount, or each and values from 1 on", "a token of it would add nothing")
	case credited && (v.Amount > limit || v.Each > 0 && v.last() > int64(limit/v.Each)):
		l.Add(at, "write a smaller one", "a token may give %s at most", limit.Decimal(0))
	case !credited && (v.Amount != 0 || v.Each != 0):
		l.Add(at, "leave amount and each out", "a token to %s has no amount", v.Do)
	case v.Power < 0 || v.Power > 1000*units.Kilowatt:
		l.Add(at+".power", "write a limit such as 2 kW, or 0 W to lift it", "%s is no limit of a home", v.Power)
	case v.Power != 0 && v.Do != PowerLimit:
		l.Add(at+".power", "leave it out", "a token to %s has no power", v.Do)
	}
}

// of is what a value of the row is worth, in the document's unit.
func (v Value) of(value int64) units.Money {
	if v.Each != 0 {
		return v.Each * units.Money(value)
	}
	return v.Amount
}

// row is what a value does; false where it means nothing.
func (d *Description) row(value int64) (Value, bool) {
	for _, v := range d.Values {
		if v.From <= value && value <= v.last() {
			return v, true
		}
	}
	return Value{}, false
}

func (d *Description) codeDigits() (n int) {
	for _, p := range d.Digits {
		n += p.Code
	}
	return n
}

func (d *Description) valueDigits() (n int) {
	for _, p := range d.Digits {
		n += p.Value
	}
	return n
}

func (d *Description) counterDigits() (n int) {
	for _, p := range d.Digits {
		n += p.Counter
	}
	return n
}

// Len is how many digits a token has.
func (d *Description) Len() (n int) {
	for _, p := range d.Digits {
		n += p.len()
	}
	return n
}

// Odds is the greatest chance that a guess is the code of a counter that would be
// taken now: one of the window's that have the guessed low digits, and the most
// frequent code of the 2^31 that the truncation leaves.
func (d *Description) Odds() float64 {
	stride, most := pow10(d.counterDigits()), pow10(d.codeDigits())
	counters := (d.Window.Ahead + d.Window.Behind + stride - 1) / stride
	return float64(counters) * float64((1<<31+most-1)/most) / (1 << 31)
}
