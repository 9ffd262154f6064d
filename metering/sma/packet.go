package sma

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/obis"
)

// What a datagram of the meter protocol begins with, and where it holds what.
const (
	signature  = "SMA\x00"
	tagGroup   = 0x02A0
	tagData    = 0x0010
	protocol   = 0x6069 // energy meters; 6065 are inverters, 6081 a charger's
	headLen    = 28
	maxPayload = 2048
)

// errOther is a datagram that is no meter's: inverters and searches speak on the same port.
var errOther = errors.New("another protocol")

// packet is one datagram of a meter.
type packet struct {
	susy   uint16
	serial uint32
	ticker uint32 // milliseconds of the meter's own, which begin anew after 49 days
	values []byte
}

// name is the meter's identity: its kind and its number.
func (p packet) name() string { return fmt.Sprintf("%d-%d", p.susy, p.serial) }

// parse reads a datagram's head.  errOther is one that is not for us.
func parse(b []byte) (p packet, err error) {
	if len(b) < 18 || string(b[:4]) != signature || binary.BigEndian.Uint16(b[6:]) != tagGroup ||
		binary.BigEndian.Uint16(b[14:]) != tagData || binary.BigEndian.Uint16(b[16:]) != protocol {
		return p, errOther
	}
	n := int(binary.BigEndian.Uint16(b[12:])) // counts from the protocol on
	if 16+n > len(b) || n > maxPayload {
		return p, errShort
	}
	if 16+n < headLen {
		return p, errors.New("it is too short for a meter's number")
	}
	return packet{
		susy: binary.BigEndian.Uint16(b[18:]), serial: binary.BigEndian.Uint32(b[20:]),
		ticker: binary.BigEndian.Uint32(b[24:]), values: b[headLen : 16+n],
	}, nil
}

var errShort = errors.New("it is shorter than it says")

// The kinds of values, by the third byte of their name.
const (
	instant = 4 // 32 bits
	counter = 8 // 64 bits
	other   = 0 // 32 bits: the version, on channel 144
)

// telegram reads the values: of each its name, as OBIS has it without the first group, and
// a number.  Power comes in tenths of a watt, one number for each way; energy in
// watt-seconds.
func (p packet) telegram() (metering.Telegram, error) {
	var c obis.Collector
	c.Meter(p.name())
	for b := p.values; len(b) > 0; {
		if len(b) < 8 {
			return metering.Telegram{}, wrong(metering.Short, "a value is cut")
		}
		channel, index, kind, tariff := b[0], b[1], b[2], b[3]
		code := obis.Code{A: 1, B: channel, C: index, D: kind, E: tariff, F: 255}
		name := fmt.Sprintf("%d.%d.%d", index, kind, tariff)
		if channel != 0 {
			name = fmt.Sprintf("%d:%s", channel, name)
		}
		switch kind {
		case counter:
			if len(b) < 12 {
				return metering.Telegram{}, wrong(metering.Short, "a register is cut")
			}
			n := binary.BigEndian.Uint64(b[4:])
			if n > 1<<62 {
				return metering.Telegram{}, wrong(metering.Range, "%s is %d Ws", name, n)
			}
			b = b[12:]
			c.Number(name, code, obis.Decimal(int64(n), -3), energyUnit(index))
		case instant:
			n := int64(binary.BigEndian.Uint32(b[4:]))
			b = b[8:]
			code.D = 7 // as the standard has what flows at the moment
			scale, unit := unitOf(index)
			c.Number(name, code, obis.Decimal(n, scale), unit)
		case other:
			c.Text(name, fmt.Sprintf("%d.%d.%d.%c", b[4], b[5], b[6], b[7]))
			b = b[8:]
		default:
			return metering.Telegram{}, wrong(metering.UnknownReply, "%s is of a kind that is not known", name)
		}
	}
	t, err := c.Done(op)
	if err == nil && t.Sample.Has == 0 {
		err = wrong(metering.UnknownReply, "it holds no value")
	}
	return t, err
}

func wrong(code metering.Code, format string, args ...any) error {
	return metering.Fail(code, op, "a few such datagrams are harmless; if all are, send one to the project", format, args...)
}

// energyUnit is what a register counts: active energy in watt-seconds.
func energyUnit(index byte) string {
	switch index % 20 {
	case 1, 2:
		return "kWs"
	case 3, 4:
		return "kvars"
	}
	return "kVAs"
}

// unitOf is what an instantaneous number is counted in.
func unitOf(index byte) (scale int, unit string) {
	base := index
	if index > 20 {
		base = index % 20
	}
	switch base {
	case 1, 2:
		return -1, "W"
	case 3, 4:
		return -1, "var"
	case 9, 10:
		return -1, "VA"
	case 11:
		return -3, "A"
	case 12:
		return -3, "V"
	case 13:
		return -3, "" // the power factor
	case 14:
		return -3, "Hz"
	}
	return 0, ""
}

// Decode reads the datagrams of a recording, one after another, in binary or hexadecimal.
func Decode(data []byte) (telegrams []metering.Telegram, errs []error) {
	data = unhex(data)
	for {
		at := bytes.Index(data, []byte(signature))
		if at < 0 {
			return telegrams, errs
		}
		data = data[at:]
		end := len(data)
		if next := bytes.Index(data[1:], []byte(signature+"\x00\x04\x02\xA0")); next >= 0 {
			end = 1 + next
		}
		p, err := parse(data[:end])
		var t metering.Telegram
		switch {
		case errors.Is(err, errOther):
			data = data[4:]
			continue
		case errors.Is(err, errShort):
			err = wrong(metering.Short, "%v", err)
		case err != nil:
			err = wrong(metering.UnknownReply, "%v", err)
		default:
			if t, err = p.telegram(); err == nil {
				telegrams = append(telegrams, t)
			}
		}
		if err != nil {
			errs = append(errs, err)
		}
		data = data[end:]
	}
}
