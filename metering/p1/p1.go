// Package p1 reads the customer port of European smart meters (DSMR P1, and its
// Belgian, Luxembourgish, Swedish, Austrian and Hungarian dialects).  The meter
// sends a telegram by itself, every second or every ten.
//
// A telegram runs from "/" to "!".  From version 4 on a CRC follows; versions 2
// and 3 have none, and at least one meter prints its CRC without leading zeros.
// In Luxembourg and parts of Austria each telegram comes encrypted (see glo).
// Values that are not known are kept under their own names.
package p1

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/glo"
	"github.com/keeplit/keeplit/metering/line"
	"github.com/keeplit/keeplit/metering/obis"
)

const op = "read a P1 telegram"

// maxTelegram is longer than any meter sends.
const maxTelegram = 32 << 10

// split finds the next telegram: from data[start:end].  Everything before used
// is done with.  A telegram that a new one interrupts, or that the end of the
// input cuts, is an error.
func split(data []byte, atEnd bool) (telegram []byte, used int, err error) {
	start := findStart(data)
	if start < 0 {
		if atEnd {
			return nil, len(data), nil
		}
		return nil, max(0, len(data)-4), nil // the beginning of one may be there
	}
	for at := start; ; {
		eol := bytes.IndexByte(data[at:], '\n')
		last := eol < 0
		lineEnd := len(data)
		if !last {
			lineEnd = at + eol + 1
		}
		text := data[at:lineEnd]
		switch {
		case at > start && isStart(text):
			return nil, at, metering.Fail(metering.Short, op, "check the cable; a few lost telegrams are harmless", "a new telegram began %d bytes into one", at-start)
		case len(text) > 0 && text[0] == '!' && (!last || atEnd):
			return data[start:lineEnd], lineEnd, nil
		case lineEnd-start > maxTelegram:
			return nil, lineEnd, metering.Fail(metering.UnknownReply, op, "check that it is a P1 port", "%d bytes without an end", lineEnd-start)
		case last && atEnd:
			return nil, len(data), metering.Fail(metering.Short, op, "check the cable; a few lost telegrams are harmless", "it ends after %d bytes", len(data)-start)
		case last:
			return nil, start, nil
		}
		at = lineEnd
	}
}

func findStart(data []byte) int {
	for at := 0; ; {
		i := bytes.IndexByte(data[at:], '/')
		if i < 0 {
			return -1
		}
		if at += i; isStart(data[at:]) {
			return at
		}
		at++
	}
}

// isStart tells an identification, such as /ISK5, from any other stroke.
func isStart(b []byte) bool {
	if len(b) < 5 || b[0] != '/' {
		return false
	}
	for _, c := range b[1:4] {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			return false
		}
	}
	return b[4] > ' ' && b[4] < 0x7F
}

// crcTable is made once for each decoding run.
type crcTable [256]uint16

func newTable() *crcTable {
	var t crcTable
	for i := range t {
		v := uint16(i)
		for range 8 {
			if v&1 != 0 {
				v = v>>1 ^ 0xA001
			} else {
				v >>= 1
			}
		}
		t[i] = v
	}
	return &t
}

func (t *crcTable) sum(b []byte) uint16 {
	v := uint16(0)
	for _, c := range b {
		v = v>>8 ^ t[byte(v)^c]
	}
	return v
}

// decode reads one telegram as split found it.
func (t *crcTable) decode(b []byte, dialect obis.Dialect) (metering.Telegram, error) {
	return t.decodeProven(b, dialect, false)
}

// decodeProven is decode of a telegram that needs no check sum, where something else has
// proven it.
func (t *crcTable) decodeProven(b []byte, dialect obis.Dialect, proven bool) (metering.Telegram, error) {
	end := bytes.LastIndexByte(b, '!')
	tail := bytes.TrimSpace(b[end+1:])
	checked := proven
	if len(tail) > 0 {
		want, err := strconv.ParseUint(string(tail[:min(len(tail), 5)]), 16, 16)
		if err != nil || len(tail) > 4 {
			return metering.Telegram{}, metering.Fail(metering.Checksum, op, "check the cable", "%q is no check sum", clip(tail))
		}
		got := t.sum(b[:end+1])
		if got != uint16(want) && bytes.IndexByte(b, '\r') < 0 {
			// Recordings lose their carriage returns; the sum was taken with them.
			got = t.sum(bytes.ReplaceAll(b[:end+1], []byte("\n"), []byte("\r\n")))
		}
		if got != uint16(want) {
			return metering.Telegram{}, metering.Fail(metering.Checksum, op, "check the cable; a few wrong telegrams are harmless", "it is %04X, should be %04X", got, want)
		}
		checked = true
	}
	var c obis.Collector
	c.Printed()
	c.Speak(dialect)
	first := true
	version := ""
	var name []byte
	var code obis.Code
	known := false
	for rest := b[:end]; len(rest) > 0; {
		var text []byte
		text, rest, _ = bytes.Cut(rest, []byte{'\n'})
		text = bytes.TrimSpace(text)
		switch {
		case first:
			first = false
			c.Text("identification", printable(text[1:]))
			continue
		case len(text) == 0:
			continue
		}
		open := bytes.IndexByte(text, '(')
		if open < 0 || text[len(text)-1] != ')' {
			if checked {
				continue // the meter meant it so
			}
			return metering.Telegram{}, metering.Fail(metering.UnknownReply, op, "check the speed: 115200 8N1, or 9600 7E1 for version 3 and older", "%q is no value", clip(text))
		}
		if open > 0 { // else it goes on with the name of the line before, as gas does in version 3
			name = text[:open]
			code, known = obis.Parse(name)
		}
		value(&c, string(name), code, known, text[open:])
		if known && !code.Short && code.C == 0 && code.D == 2 && code.E == 8 && code.A == 1 {
			version = printable(bytes.Trim(text[open:], "()"))
		}
	}
	if !checked && version >= "40" && len(version) == 2 {
		return metering.Telegram{}, metering.Fail(metering.Short, op, "check the cable", "version %s has a check sum, this one has none", version)
	}
	return c.Done(op)
}

// value takes one line's groups, "(a)(b*unit)".
func value(c *obis.Collector, name string, code obis.Code, known bool, groups []byte) {
	last := groups[bytes.LastIndexByte(groups, '(')+1 : len(groups)-1]
	single := groups[0] == '(' && bytes.Count(groups, []byte{'('}) == 1
	number, unit, hasUnit := bytes.Cut(last, []byte{'*'})
	switch {
	case !known:
		c.Text(printable([]byte(name)), printable(bytes.Trim(groups, "()")))
	case hasUnit && isNumber(number) && bytes.Count(groups, []byte{'('}) <= 2:
		c.Number(name, code, string(number), printable(unit))
	case single && code.A == 0 && code.B == 0 && code.C == 1 && code.D == 0:
		c.Text(name, printable(last))
		if at, ok := parseTime(last); ok {
			c.Telegram().Time = at
		}
	default:
		c.Text(name, printable(bytes.Trim(groups, "()")))
	}
	if known && single && code.A == 0 && (code.B == 0) && ((code.C == 96 && code.D == 1 && code.E <= 1) || (code.C == 42 && code.D == 0)) {
		c.Meter(identity(last))
	}
}

func isNumber(b []byte) bool {
	b = bytes.TrimPrefix(b, []byte{'-'})
	dot := false
	for i, c := range b {
		switch {
		case c >= '0' && c <= '9':
		case c == '.' && !dot && i > 0 && i < len(b)-1:
			dot = true
		default:
			return false
		}
	}
	return len(b) > 0 && len(b) < 32
}

// identity reads a serial number, which most meters print as the hexadecimal
// of its letters.
func identity(b []byte) string {
	if text, err := hex.DecodeString(string(b)); err == nil && len(text) > 3 && printable(text) == string(text) {
		return string(text)
	}
	return printable(b)
}

// parseTime reads YYMMDDhhmmssX; X is S in summer and W in winter, and all
// countries that print it keep Central European Time.
func parseTime(b []byte) (time.Time, bool) {
	if len(b) != 13 {
		return time.Time{}, false
	}
	zone := map[byte]int{'S': 2 * 3600, 'W': 3600}[b[12]]
	at, err := time.ParseInLocation("060102150405", string(b[:12]), time.FixedZone("", zone))
	return at.UTC(), err == nil && zone != 0
}

// InZone is the time of a telegram whose meter keeps the time of zone, and not that of
// Central Europe as parseTime has it: what it calls winter is the zone's standard time.
func InZone(at time.Time, zone *time.Location) time.Time {
	if at.IsZero() {
		return at
	}
	_, january := time.Date(at.Year(), 1, 1, 0, 0, 0, 0, zone).Zone()
	_, july := time.Date(at.Year(), 7, 1, 0, 0, 0, 0, zone).Zone()
	return at.Add(time.Hour - time.Duration(min(january, july))*time.Second)
}

// printable is b as text, with dots for what cannot be shown, and clipped.
func printable(b []byte) string {
	const most = 1100 // a text message of the grid operator has 1024 letters
	b = b[:min(len(b), most)]
	for _, c := range b {
		if c < ' ' || c > '~' {
			return string(bytes.Map(func(r rune) rune {
				if r < ' ' || r > '~' {
					return '.'
				}
				return r
			}, b))
		}
	}
	return string(b)
}

func clip(b []byte) string { return printable(b[:min(len(b), 40)]) }

// Decode reads all telegrams in data, which may begin and end anywhere.  The
// errors tell of telegrams that were cut or wrong.
func Decode(data []byte) ([]metering.Telegram, []error) { return DecodeWith(data, glo.Keys{}) }

// DecodeWith is Decode of what the keys open.
func DecodeWith(data []byte, keys glo.Keys) (telegrams []metering.Telegram, errs []error) {
	r := reader{table: newTable(), keys: keys}
	r.take(data, true, func(t metering.Telegram, err error) {
		if err != nil {
			errs = append(errs, err)
			return
		}
		telegrams = append(telegrams, t)
	})
	if len(telegrams) == 0 && len(errs) == 0 && bytes.Contains(data, []byte{glo.Tag, 8}) {
		errs = append(errs, glo.Fail(op, glo.ErrNoKey))
	}
	return telegrams, errs
}

// Config is one meter on a line.
type Config struct {
	Name string // of the line, for messages
	Open line.Opener
	// Keys open what the meter encrypts.  With them a telegram in clear is refused.
	Keys glo.Keys
	// Dialect is how the meter tells its values.
	Dialect obis.Dialect
	// Patience is how long to wait for a telegram before it is reported
	// missing; zero takes 35 s, three telegrams of an old meter.
	Patience time.Duration
	Now      func() time.Time
	// Seen is told what a telegram tells; nil: nobody looks.
	Seen func([]metering.Seen)
}

// DefaultMode is the line of version 4 and later; older meters have 9600 7E1.
func DefaultMode() line.Mode { return line.Mode{Baud: 115_200} }

// Meter listens to one port.
type Meter struct {
	cfg      Config
	counters glo.Counters
}

// New makes a meter.
func New(cfg Config) (*Meter, error) {
	if cfg.Open == nil || cfg.Now == nil {
		return nil, fmt.Errorf("p1: a line and a clock are needed")
	}
	if cfg.Patience <= 0 {
		cfg.Patience = 35 * time.Second
	}
	return &Meter{cfg: cfg}, nil
}

// Run implements metering.Meter.
func (m *Meter) Run(ctx context.Context, emit func(metering.Reading)) error {
	r := reader{table: newTable(), dialect: m.cfg.Dialect, keys: m.cfg.Keys, counters: &m.counters, now: m.cfg.Now}
	return line.Listen(ctx, line.Listener{
		Name: m.cfg.Name, Op: op, Open: m.cfg.Open, Patience: m.cfg.Patience, Max: maxTelegram,
		Take: func(data []byte) (int, []metering.Reading) {
			var out []metering.Reading
			used := r.take(data, false, func(t metering.Telegram, err error) {
				t.Sample.Device = t.Meter
				t.Sample.At = m.cfg.Now().UTC()
				t.Show(m.cfg.Seen)
				out = append(out, metering.Reading{Sample: t.Sample, Err: err})
			})
			return used, out
		},
	}, emit)
}
