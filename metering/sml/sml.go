// Package sml reads the Smart Message Language that German meters send from
// their optical port, every second or two, without being asked.
//
// A file is wrapped in escapes, 1B1B1B1B 01010101 to 1B1B1B1B 1A, and closed by a
// CRC.  Inside are messages made of nested lists whose lengths the meter
// announces; nothing is believed about a length before the bytes are there.
package sml

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/line"
	"github.com/keeplit/keeplit/metering/obis"
)

const op = "read an SML file"

// maxFile is longer than any meter sends by itself.
const maxFile = 16 << 10

// split finds the next file, escapes and all: data[start:end].  Everything
// before used is done with.
func split(data []byte, atEnd bool) (file []byte, used int, err error) {
	begin := []byte{0x1B, 0x1B, 0x1B, 0x1B, 1, 1, 1, 1}
	start := bytes.Index(data, begin)
	if start < 0 {
		if atEnd {
			return nil, len(data), nil
		}
		return nil, max(0, len(data)-len(begin)+1), nil
	}
	for at := start + len(begin); ; {
		i := bytes.Index(data[at:], begin[:4])
		if i < 0 || at+i+8 > len(data) {
			if len(data)-start > maxFile {
				return nil, len(data), metering.Fail(metering.UnknownReply, op, "check what is connected", "%d bytes without an end", len(data)-start)
			}
			if atEnd {
				return nil, len(data), metering.Fail(metering.Short, op, "check the optical head; a few lost files are harmless", "it ends after %d bytes", len(data)-start)
			}
			return nil, start, nil
		}
		at += i
		switch mark := data[at+4 : at+8]; {
		case mark[0] == 0x1A:
			return data[start : at+8], at + 8, nil
		case bytes.Equal(mark, begin[4:]):
			return nil, at, metering.Fail(metering.Short, op, "check the optical head; a few lost files are harmless", "a new file began %d bytes into one", at-start)
		case bytes.Equal(mark, begin[:4]): // an escape in the text, doubled
			at += 8
		default:
			// Part of five or more 1B in a row: the escape may begin later.
			at++
		}
	}
}

// maxPadding is one more than the standard has: some meters fill up a file that is
// full already.
const maxPadding = 4

// unwrap checks a file's CRC and takes the escapes and the padding off.
func unwrap(file []byte) ([]byte, error) {
	n := len(file)
	want := binary.LittleEndian.Uint16(file[n-2:])
	// One maker begins the CRC with zero and does not turn it over at the end; on its
	// RS-485 port the high byte comes first.
	kermit := crc(0, file[:n-2])
	if x25 := crc(0xFFFF, file[:n-2]) ^ 0xFFFF; x25 != want && kermit != want && bits.ReverseBytes16(kermit) != want {
		return nil, metering.Fail(metering.Checksum, op, "turn the optical head a little; a few wrong files are harmless", "it is %04X, should be %04X", x25, want)
	}
	body := file[8 : n-8]
	pad := int(file[n-3])
	if pad > maxPadding || pad > len(body) {
		return nil, metering.Fail(metering.UnknownReply, op, "send the file to the project", "%d bytes of padding", pad)
	}
	body = body[:len(body)-pad]
	esc := []byte{0x1B, 0x1B, 0x1B, 0x1B, 0x1B, 0x1B, 0x1B, 0x1B}
	if bytes.Contains(body, esc) {
		body = bytes.ReplaceAll(body, esc, esc[:4])
	}
	return body, nil
}

// getListResponse is the message that holds values.
const getListResponse = 0x0701

// decode reads one file as split found it.
func decode(file []byte, dialect obis.Dialect) (metering.Telegram, error) {
	body, err := unwrap(file)
	if err != nil {
		return metering.Telegram{}, err
	}
	var c obis.Collector
	c.Speak(dialect)
	p := parser{rest: body}
	lists := 0
	for len(p.rest) > 0 {
		found, err := p.message(&c)
		if err != nil {
			code := metering.UnknownReply
			if errors.Is(err, errShort) {
				code = metering.Short
			}
			return metering.Telegram{}, &metering.Error{Code: code, Op: op, Err: err, Remedy: "a few such files are harmless; if all are, send one to the project"}
		}
		if found {
			lists++
		}
	}
	if lists == 0 {
		return metering.Telegram{}, metering.Fail(metering.UnknownReply, op, "send the file to the project", "it holds no list of values")
	}
	return c.Done(op)
}

// message reads one message: transaction, group, abort, body, CRC, end mark.
func (p *parser) message(c *obis.Collector) (found bool, err error) {
	n, err := p.next()
	if err != nil {
		return false, err
	}
	if n.kind == end {
		return false, nil // between messages
	}
	if n.kind != list || n.n != 6 {
		return false, errors.New("a message is not a list of 6")
	}
	for range 3 {
		if _, err := p.value(); err != nil {
			return false, err
		}
	}
	if err := p.open(2, "the body of a message"); err != nil {
		return false, err
	}
	tag, err := p.next()
	if err != nil {
		return false, err
	}
	if id, ok := tag.int64(); ok && id == getListResponse {
		if err := p.response(c); err != nil {
			return false, err
		}
		found = true
	} else if _, err := p.value(); err != nil {
		return false, err
	}
	for range 2 { // CRC and end mark
		if _, err := p.value(); err != nil {
			return false, err
		}
	}
	return found, nil
}

// response reads client, server, name, time, values, signature, time.
func (p *parser) response(c *obis.Collector) error {
	if err := p.open(7, "a list of values"); err != nil {
		return err
	}
	if _, err := p.value(); err != nil {
		return err
	}
	server, err := p.value()
	if err != nil {
		return err
	}
	if server.kind == octets && len(server.b) > 0 {
		c.Meter(strings.ToUpper(hex.EncodeToString(server.b)))
	}
	if _, err := p.value(); err != nil { // list name
		return err
	}
	if err := p.time(c); err != nil {
		return err
	}
	values, err := p.next()
	if err != nil {
		return err
	}
	if values.kind != list {
		return errors.New("the values are not a list")
	}
	for range values.n {
		if err := p.entry(c); err != nil {
			return err
		}
	}
	for range 2 {
		if _, err := p.value(); err != nil {
			return err
		}
	}
	return nil
}

// time reads the sensor's time: nothing, seconds since some start, or since
// 1970 UTC, or a list with a local offset.
func (p *parser) time(c *obis.Collector) error {
	n, err := p.next()
	if err != nil || n.kind != list {
		return err
	}
	if n.n != 2 {
		return p.skip(n, 0)
	}
	choice, err := p.value()
	if err != nil {
		return err
	}
	v, err := p.value()
	if err != nil {
		return err
	}
	which, _ := choice.int64()
	if seconds, ok := v.int64(); ok && which == 2 && seconds > 1e9 && seconds < 1<<32 {
		c.Telegram().Time = time.Unix(seconds, 0).UTC()
	}
	return nil
}

// wattHours is the DLMS unit of an energy; statusOut the bit of its status word
// that is set while energy flows out (FNN, eHZ).
const (
	wattHours = 30
	statusOut = 0x20
)

// unsignedPower tells the meters of one maker, by the serial number, that write
// a power of 32768 or more in two bytes and say it has a sign.
func unsignedPower(server string) bool {
	digits, ok := strings.CutPrefix(server, "0A01445A47") // "DZG" and five bytes
	if !ok || len(digits) != 10 {
		return false
	}
	serial, err := strconv.ParseUint(digits, 16, 64)
	return err == nil && (serial >= 42_000_000 && serial < 49_000_000 || serial >= 55_000_000 && serial < 59_000_000)
}

// entry reads one value: name, status, time, unit, scaler, value, signature.
func (p *parser) entry(c *obis.Collector) error {
	if err := p.open(7, "a value"); err != nil {
		return err
	}
	var f [7]node
	for i := range f {
		var err error
		if f[i], err = p.value(); err != nil {
			return err
		}
	}
	if f[0].kind != octets || len(f[0].b) != 6 {
		return errors.New("a value's name is not of 6 bytes")
	}
	b := f[0].b
	code := obis.Code{A: b[0], B: b[1], C: b[2], D: b[3], E: b[4], F: b[5]}
	name := code.String()
	switch v := f[5]; v.kind {
	case integer, unsigned:
		if v.kind == integer && len(v.b) < 4 && code == (obis.Code{A: 1, C: 16, D: 7, F: 255}) && unsignedPower(c.Telegram().Meter) {
			v.kind = unsigned
		}
		if v.isNothing() {
			c.Text(name, "not available")
			return nil
		}
		n, ok := v.int64()
		if !ok {
			return fmt.Errorf("%s is beyond any meter", name)
		}
		scaler, _ := f[4].int64()
		if scaler < -9 || scaler > 9 {
			return fmt.Errorf("%s has a scale of 10^%d", name, scaler)
		}
		unit, _ := f[3].int64()
		if status, told := f[1].int64(); told && unit == wattHours && (code.C == 1 || code.C == 2) && code.D == 8 && code.E == 0 {
			c.Outward(status&statusOut != 0)
		}
		if v.kind == integer && len(v.b) == 2 && n < 0 && code.D == 7 && code.C%20 == 16 {
			c.Shrunk()
		}
		c.Number(name, code, obis.Decimal(n, int(scaler)), obis.Unit(unit))
	case octets:
		text := printable(v.b)
		c.Text(name, text)
		if code.A == 1 && code.C == 96 && code.D == 1 && code.E == 0 || code.C == 0 && code.D == 0 && code.E == 9 {
			c.Meter(text)
		}
	case boolean:
		c.Text(name, strconv.FormatBool(v.b[0] != 0))
	case list, end:
	}
	return nil
}

// printable is text as it stands, anything else in hexadecimal.
func printable(b []byte) string {
	b = b[:min(len(b), 512)]
	for _, c := range b {
		if c < ' ' || c > '~' {
			return strings.ToUpper(hex.EncodeToString(b))
		}
	}
	return string(b)
}

// Decode reads all files in data, which may begin and end anywhere.
func Decode(data []byte) (telegrams []metering.Telegram, errs []error) {
	for len(data) > 0 {
		file, used, err := split(data, true)
		if err != nil {
			errs = append(errs, err)
		}
		if file != nil {
			t, err := decode(file, obis.Dialect{})
			if err != nil {
				errs = append(errs, err)
			} else {
				telegrams = append(telegrams, t)
			}
		}
		data = data[used:]
	}
	return telegrams, errs
}

// Config is one meter on a line.
type Config struct {
	Name string // of the line, for messages
	Open line.Opener
	// Dialect is how the meter tells its values.
	Dialect obis.Dialect
	// Patience is how long to wait for a file before it is reported missing;
	// zero takes 15 s.
	Patience time.Duration
	Now      func() time.Time
	// Seen is told what a telegram tells; nil: nobody looks.
	Seen func([]metering.Seen)
}

// DefaultMode is the line of the optical port.
func DefaultMode() line.Mode { return line.Mode{Baud: 9600} }

// Meter listens to one port.
type Meter struct{ cfg Config }

// New makes a meter.
func New(cfg Config) (*Meter, error) {
	if cfg.Open == nil || cfg.Now == nil {
		return nil, errors.New("sml: a line and a clock are needed")
	}
	if cfg.Patience <= 0 {
		cfg.Patience = 15 * time.Second
	}
	return &Meter{cfg: cfg}, nil
}

// Run implements metering.Meter.
func (m *Meter) Run(ctx context.Context, emit func(metering.Reading)) error {
	return line.Listen(ctx, line.Listener{
		Name: m.cfg.Name, Op: op, Open: m.cfg.Open, Patience: m.cfg.Patience, Max: maxFile,
		Take: func(data []byte) (int, []metering.Reading) {
			var out []metering.Reading
			total := 0
			for {
				file, used, err := split(data[total:], false)
				total += used
				if err != nil {
					out = append(out, metering.Reading{Err: err})
				}
				if file != nil {
					t, err := decode(file, m.cfg.Dialect)
					t.Sample.Device = t.Meter
					t.Sample.At = m.cfg.Now().UTC()
					t.Show(m.cfg.Seen)
					out = append(out, metering.Reading{Sample: t.Sample, Err: err})
				}
				if file == nil && err == nil {
					return total, out
				}
			}
		},
	}, emit)
}
