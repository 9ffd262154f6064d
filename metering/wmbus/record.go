package wmbus

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/keeplit/keeplit/metering/obis"
)

// record is one value with what it is said to be (EN 13757-3).
type record struct {
	head    []byte // as it came: what the names of values are made of
	width   byte   // how it is coded: the low half of the first byte
	kind    byte   // 0: as it is now; 1: greatest, 2: least, 3: in error
	storage int    // 0: now; others are of a day or month that is over
	tariff  int    // 0: in all
	unit    int    // of the meter: 0, or another part of it
	vif     []byte // with the bits that say that more follow taken away
	data    []byte
}

// name is the head in hexadecimal.
func (r record) name() string { return strings.ToUpper(hex.EncodeToString(r.head)) }

// What stands in place of a record.
const (
	makers      = 0x0F // the rest is the maker's own
	makersMore  = 0x1F // and another telegram follows
	extended    = 0x80 // another byte follows
	mostHead    = 12   // of one record: EN 13757-3 allows ten after the first
	mostRecords = 128
)

// records reads all records of a telegram.
func records(b []byte) (out []record, err error) {
	for len(b) > 0 {
		switch b[0] {
		case idle:
			b = b[1:]
			continue
		case makers, makersMore:
			return out, nil
		}
		if len(out) == mostRecords {
			return nil, errors.New("more values than fit in a telegram")
		}
		r, rest, err := readRecord(b)
		if err != nil {
			return nil, err
		}
		out, b = append(out, r), rest
	}
	return out, nil
}

func readRecord(b []byte) (r record, rest []byte, err error) {
	at := 0
	next := func() byte {
		if at >= len(b) {
			if err == nil {
				err = fmt.Errorf("%w: within a value", errShort)
			}
			return 0
		}
		at++
		return b[at-1]
	}
	c := next()
	r.width, r.kind, r.storage = c&0x0F, c>>4&3, int(c>>6&1)
	for n := 0; c&extended != 0 && err == nil; n++ {
		c = next()
		if n == mostHead-2 {
			return r, nil, errors.New("a value without an end to what it is")
		}
		if 1+4*n < 32 { // what is beyond is no storage that is looked at, only more than 0
			r.storage |= int(c&0x0F) << (1 + 4*n)
		} else if c&0x0F != 0 {
			r.storage |= 1
		}
		if 2*n < 32 {
			r.tariff |= int(c>>4&3) << (2 * n)
			r.unit |= int(c>>6&1) << n
		}
	}
	text := 0
	for n := 0; err == nil; n++ {
		c = next()
		if n == mostHead-1 {
			return r, nil, errors.New("a value without an end to what it is")
		}
		r.vif = append(r.vif, c&^extended)
		if n == 0 && c&^extended == 0x7C { // its unit is a text, which follows the head
			text = -1
		}
		if c&extended == 0 {
			break
		}
		if n == 0 && (c == 0xFB || c == 0xFD || c == 0xFF) {
			r.vif[0] = c // another table
		} else if n > 0 && (c == 0xFC || c == 0xFF) {
			r.vif[n] = c
		}
	}
	if text < 0 {
		at += int(next())
	}
	if err != nil {
		return r, nil, err
	}
	if at > len(b) {
		return r, nil, fmt.Errorf("%w: within the unit of a value", errShort)
	}
	r.head = b[:at]
	size, skip, err := dataSize(r.width, b[at:])
	if err != nil {
		return r, nil, err
	}
	at += skip
	if len(b) < at+size {
		return r, nil, fmt.Errorf("%w: within a value", errShort)
	}
	r.data = b[at : at+size]
	return r, b[at+size:], nil
}

// dataSize is how long the data is, and how many bytes before it tell that.
func dataSize(width byte, b []byte) (size, skip int, err error) {
	switch width {
	case 0x0, 0x8:
		return 0, 0, nil
	case 0x1, 0x2, 0x3, 0x4:
		return int(width), 0, nil
	case 0x5:
		return 4, 0, nil
	case 0x6:
		return 6, 0, nil
	case 0x7:
		return 8, 0, nil
	case 0x9, 0xA, 0xB, 0xC:
		return int(width) - 8, 0, nil
	case 0xE:
		return 6, 0, nil
	case 0xD:
		if len(b) == 0 {
			return 0, 0, fmt.Errorf("%w: within a value", errShort)
		}
		switch n := int(b[0]); {
		case n <= 0xBF: // a text
			return n, 1, nil
		case n <= 0xCF: // decimal digits
			return n - 0xC0, 1, nil
		case n <= 0xDF:
			return n - 0xD0, 1, nil
		case n <= 0xEF: // a number
			return n - 0xE0, 1, nil
		case n <= 0xF4:
			return 4 * (n - 0xEC), 1, nil
		default:
			return 0, 0, fmt.Errorf("a value whose length is told as %02X", n)
		}
	}
	return 0, 0, fmt.Errorf("a value coded as %X", width)
}

// number writes the data times ten to the power of scale.  ok is false where it is none:
// what meters say in place of a value that they do not have.
func (r record) number(scale int) (text string, ok bool) {
	switch r.width {
	case 0x1, 0x2, 0x3, 0x4, 0x6, 0x7:
		v := uint64(0)
		for i, c := range r.data {
			v |= uint64(c) << (8 * i)
		}
		bits := 8 * len(r.data)
		n := int64(v<<(64-bits)) >> (64 - bits)
		if n == int64(math.MinInt64)>>(64-bits) {
			return "", false // "not available" of a signed number
		}
		return obis.Decimal(n, scale), true
	case 0x5:
		f := float64(math.Float32frombits(binary.LittleEndian.Uint32(r.data)))
		f *= math.Pow10(scale)
		if math.IsNaN(f) || math.IsInf(f, 0) || math.Abs(f) > 1e15 {
			return "", false
		}
		return strconv.FormatFloat(f, 'f', 6, 64), true
	case 0x9, 0xA, 0xB, 0xC, 0xE:
		n, ok := decimal(r.data)
		return obis.Decimal(n, scale), ok
	}
	return "", false
}

// decimal reads digits of four bits, the last two first.  A first digit of F is a minus;
// any other that is none says that there is no value.
func decimal(b []byte) (n int64, ok bool) {
	minus := false
	for i := len(b) - 1; i >= 0; i-- {
		high, low := b[i]>>4, b[i]&0x0F
		if i == len(b)-1 && high == 0xF {
			minus, high = true, 0
		}
		if high > 9 || low > 9 {
			return 0, false
		}
		n = 100*n + int64(10*high+low)
	}
	if minus {
		n = -n
	}
	return n, true
}

// text is the data as it is shown where it is no number that is used.
func (r record) text() string {
	if r.width == 0xD && printable(r.data) {
		out := make([]byte, len(r.data))
		for i, c := range r.data { // the last letter comes first
			out[len(out)-1-i] = c
		}
		return string(out)
	}
	if n, ok := decimal(r.data); ok && r.width > 0x8 && r.width != 0xD {
		return strconv.FormatInt(n, 10)
	}
	return strings.ToUpper(hex.EncodeToString(r.data))
}

func printable(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return len(b) > 0
}
