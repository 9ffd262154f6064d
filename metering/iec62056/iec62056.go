// Package iec62056 reads meters with an optical port by IEC 62056-21: mode C,
// where the meter is asked at 300 baud and then both change to the speed that
// it offers, and what modes A, B and D have in common with it.
//
// A readout runs from STX to ETX and is closed by a BCC; meters that send by
// themselves (mode D) leave those out and end it with "!".
package iec62056

import (
	"bytes"
	"fmt"
	"math/bits"

	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/obis"
)

const (
	op  = "read an IEC 62056-21 readout"
	soh = 0x01
	stx = 0x02
	etx = 0x03
	ack = 0x06
)

// maxReadout is longer than the readout of any meter with load profiles left
// out.
const maxReadout = 64 << 10

// frame is one readout as it was found.
type frame struct {
	ident []byte // the identification before it, without "/"; may be empty
	data  []byte // the lines, with STX and ETX taken off
	bcc   bool   // there was an STX, so that a check sum must follow
	sum   byte   // the check sum that followed
	block []byte // what it is the check sum of
}

// split finds the next readout in data.  Everything before used is done with.
func split(data []byte, atEnd bool) (f *frame, used int, err error) {
	ident := findIdent(data)
	start := bytes.IndexByte(data, stx)
	// The identification of a readout with an STX stands before it.
	if ident >= 0 && (start < 0 || start > ident) {
		return splitIdent(data, ident, start, atEnd)
	}
	if start >= 0 {
		return splitBlock(data, nil, start, 0, atEnd)
	}
	if atEnd {
		return nil, len(data), nil
	}
	return nil, max(0, len(data)-4), nil
}

// splitIdent reads on from an identification line.
func splitIdent(data []byte, ident, start int, atEnd bool) (f *frame, used int, err error) {
	eol := bytes.IndexByte(data[ident:], '\n')
	if eol < 0 {
		if atEnd {
			return nil, len(data), cut(len(data) - ident)
		}
		return nil, ident, nil
	}
	name := bytes.TrimSpace(data[ident+1 : ident+eol])
	next := ident + eol + 1
	// What stands between the identification and an STX is the answer to it
	// (ACK 0 Z 0); values there are a readout without one.
	if start >= next && onlyHandshake(data[next:start]) {
		return splitBlock(data, name, start, ident, atEnd)
	}
	for at := next; ; {
		eol := bytes.IndexByte(data[at:], '\n')
		last := eol < 0
		end := len(data)
		if !last {
			end = at + eol + 1
		}
		text := data[at:end]
		switch {
		case at > next && isIdent(text):
			return nil, at, cut(at - ident)
		case bytes.IndexByte(text, stx) >= 0 && onlyHandshake(data[next:at+bytes.IndexByte(text, stx)]):
			return splitBlock(data, name, at+bytes.IndexByte(text, stx), ident, atEnd)
		case len(text) > 0 && text[0] == '!' && (!last || atEnd):
			return &frame{ident: name, data: data[next:at]}, end, nil
		case end-ident > maxReadout:
			return nil, end, tooLong(end - ident)
		case last && atEnd:
			return nil, len(data), cut(len(data) - ident)
		case last:
			return nil, ident, nil
		}
		at = end
	}
}

// splitBlock reads from STX to the byte after ETX.  keep is where data must be
// kept from while more is to come.
func splitBlock(data, ident []byte, start, keep int, atEnd bool) (*frame, int, error) {
	n := bytes.IndexByte(data[start:], etx)
	again := bytes.IndexByte(data[start+1:], stx)
	switch {
	case again >= 0 && (n < 0 || again+1 < n):
		return nil, start + 1 + again, cut(again + 1)
	case n < 0 && len(data)-start > maxReadout:
		return nil, len(data), tooLong(len(data) - start)
	case n < 0 || start+n+1 >= len(data):
		if atEnd {
			return nil, len(data), cut(len(data) - start)
		}
		return nil, min(keep, start), nil
	}
	end := start + n
	return &frame{ident: ident, data: data[start+1 : end], bcc: true, sum: data[end+1], block: data[start+1 : end+1]}, end + 2, nil
}

func cut(n int) error {
	return metering.Fail(metering.Short, op, "check the optical head; a few lost readouts are harmless", "it ends after %d bytes", n)
}

func tooLong(n int) error {
	return metering.Fail(metering.UnknownReply, op, "check what is connected", "%d bytes without an end", n)
}

// onlyHandshake tells whether there is nothing but the reader's acknowledgement
// and line ends.
func onlyHandshake(b []byte) bool {
	return len(b) < 64 && bytes.IndexByte(b, '(') < 0
}

// findIdent is where the next identification begins: "/", three letters, the
// speed and the name.
func findIdent(data []byte) int {
	for at := 0; ; {
		i := bytes.IndexByte(data[at:], '/')
		if i < 0 {
			return -1
		}
		if at += i; isIdent(data[at:]) {
			return at
		}
		at++
	}
}

func isIdent(b []byte) bool {
	if len(b) < 5 || b[0]&0x7F != '/' {
		return false
	}
	for _, c := range b[1:4] {
		if c = c&0x7F | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return b[4]&0x7F > ' '
}

// stripParity takes the parity bits off where a line with 7 bits and even
// parity was recorded as 8 bits; a byte of wrong parity becomes one that fits
// nowhere.  It answers b itself where it was not recorded so.
func stripParity(b []byte) []byte {
	high, even := 0, 0
	for _, c := range b {
		high += int(c >> 7)
		even += 1 - bits.OnesCount8(c)&1
	}
	if high*10 < len(b) || even*10 < len(b)*9 {
		return b
	}
	out := make([]byte, len(b))
	for i, c := range b {
		out[i] = c & 0x7F
		if bits.OnesCount8(c)%2 != 0 {
			out[i] = 0xFF
		}
	}
	return out
}

// decode reads one readout.
func (f *frame) decode(dialect obis.Dialect) (metering.Telegram, error) {
	if f.bcc {
		sum := byte(0)
		for _, c := range f.block {
			sum ^= c
		}
		if sum != f.sum && bytes.IndexByte(f.block, '\r') < 0 {
			// A terminal has taken the carriage returns out.
			sum ^= '\r' * byte(bytes.Count(f.block, []byte{'\n'})%2)
		}
		if sum != f.sum {
			return metering.Telegram{}, metering.Fail(metering.Checksum, op, "turn the optical head a little; a few wrong readouts are harmless", "it is %02X, should be %02X", f.sum, sum)
		}
	}
	if i := bytes.IndexFunc(f.data, func(r rune) bool { return r > 0x7E }); i >= 0 {
		return metering.Telegram{}, metering.Fail(metering.Checksum, op, "check the speed and that the line is 7E1", "byte %d is no letter", i)
	}
	var c obis.Collector
	c.Printed()
	c.Speak(dialect)
	if len(f.ident) > 0 {
		c.Text("identification", printable(f.ident))
	}
	values := 0
	for rest := f.data; len(rest) > 0; {
		var text []byte
		text, rest, _ = bytes.Cut(rest, []byte{'\n'})
		text = bytes.TrimSpace(text)
		if len(text) == 0 || text[0] == '!' {
			continue
		}
		// Some meters print several values on a line, and several groups under a
		// name: what a group without one is about only the meter knows.
		name, groups := []byte(nil), 0
		for len(text) > 0 && text[0] != '!' {
			open := bytes.IndexByte(text, '(')
			end := -1
			if open >= 0 {
				end = bytes.IndexByte(text[open:], ')')
			}
			if end < 0 {
				return metering.Telegram{}, metering.Fail(metering.UnknownReply, op, "check the speed and that the line is 7E1", "%q is no value", printable(text[:min(len(text), 40)]))
			}
			if groups++; open > 0 {
				name, groups = text[:open], 1
			}
			if groups == 1 {
				value(&c, dialect, name, text[open+1:open+end])
			} else {
				c.Text(fmt.Sprintf("%s(%d)", printable(name), groups), printable(bytes.TrimSpace(text[open+1:open+end])))
			}
			text = text[open+end+1:]
			values++
		}
	}
	if values == 0 {
		return metering.Telegram{}, metering.Fail(metering.UnknownReply, op, "ask for a readout of the data table", "it holds no value")
	}
	return c.Done(op)
}

// value takes one "name(number*unit)".
func value(c *obis.Collector, dialect obis.Dialect, name, group []byte) {
	label := printable(name)
	code, known := obis.Parse(name)
	number, unit, hasUnit := bytes.Cut(group, []byte{'*'})
	number, unit = bytes.TrimSpace(number), bytes.TrimSpace(unit)
	if known && !hasUnit && (code.D == 8 && (code.C == 1 || code.C == 2) || dialect.Energy(code)) {
		unit, hasUnit = []byte("kWh"), true // so it is where the meter does not say
	}
	if known && hasUnit && isNumber(number) {
		if !code.Short && code.F == 255 {
			label = code.String()
		}
		c.Number(label, code, string(number), printable(unit))
		return
	}
	text := printable(bytes.TrimSpace(group))
	c.Text(label, text)
	switch label {
	case "0.0.0", "C.1.0", "0.0", "1-0:0.0.0", "1-0:0.0.0*255", "1-0:96.1.0*255", "1-0:96.1.0", "0-0:C.1.0", "0-0:C.1.0*255", "9.21":
		c.Meter(text)
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

// printable is b as text, with dots for what cannot be shown, and clipped.
func printable(b []byte) string {
	b = b[:min(len(b), 256)]
	return string(bytes.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '.'
		}
		return r
	}, b))
}

// Decode reads all readouts in data, which may begin and end anywhere.
func Decode(data []byte) (telegrams []metering.Telegram, errs []error) {
	data = stripParity(data)
	for len(data) > 0 {
		f, used, err := split(data, true)
		if err != nil {
			errs = append(errs, err)
		}
		if f != nil {
			t, err := f.decode(obis.Dialect{})
			if err != nil {
				errs = append(errs, err)
			} else {
				telegrams = append(telegrams, t)
			}
		}
		data = data[max(used, 1):]
	}
	return telegrams, errs
}

// speed is what the letter after the maker's in an identification offers, and
// whether the meter waits for an acknowledgement before it changes (mode C).
func speed(letter byte) (baud int, modeC bool) {
	table := [...]int{300, 600, 1200, 2400, 4800, 9600, 19200}
	switch {
	case letter >= '0' && letter <= '6':
		return table[letter-'0'], true
	case letter >= 'A' && letter <= 'F':
		return table[letter-'A'+1], false
	}
	return 300, false
}

// acknowledge is the answer to an identification: normal protocol, the speed
// with that letter, data readout.
func acknowledge(letter byte) []byte {
	return []byte{ack, '0', letter, '0', '\r', '\n'}
}

func request(address string) string { return fmt.Sprintf("/?%s!\r\n", address) }
