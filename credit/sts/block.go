package sts

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"time"
)

// block is the content of a token: 2 bits of class and 64 of the rest, most
// significant first.
//
//	class 0   SubClass4 | RND4 | TID24 | Amount16 | CRC16
//	class 1   SubClass4 | Control36 | Maker8 | CRC16        (sub-class 0)
//	          SubClass4 | Control28 | Maker16 | CRC16       (sub-class 1)
//	class 2   SubClass4 | RND4 | TID24 | Value16 | CRC16
//	          SubClass4 | word of a key change 44 | CRC16   (sub-classes 3 4 8 9)
type block struct {
	class int
	data  uint64
}

// greatest token, of 66 bits: 73786976294838206463.
const tokenDigits = 20

func (b block) sub() int       { return int(b.data >> 60) }
func (b block) rnd() int       { return int(b.data >> 56 & 0xf) }
func (b block) tid() uint32    { return uint32(b.data >> 32 & 0xff_ffff) }
func (b block) value() uint16  { return uint16(b.data >> 16) }
func (b block) word() uint64   { return b.data >> 16 & 0xfff_ffff_ffff } // 44 bits
func (b block) crc() uint16    { return uint16(b.data) }
func (b block) currency() bool { return b.class == 0 && b.sub() >= 4 && b.sub() <= 7 }
func (b block) keyChange() bool {
	s := b.sub()
	return b.class == 2 && (s == 3 || s == 4 || s == 8 || s == 9)
}

// sealed is b with its checksum put in.
func (b block) sealed() block {
	b.data = b.data&^0xffff | uint64(b.sum())
	return b
}

// sum is the checksum that the block should carry: over class and data, 50
// bits in 7 bytes; for currency one more byte 0x01.
func (b block) sum() uint16 {
	var in [8]byte
	binary.BigEndian.PutUint64(in[:], uint64(b.class)<<48|b.data>>16)
	over := in[1:]
	if b.currency() {
		over = append(over[:7:7], 0x01)
	}
	return checksum(over)
}

// checksum is the CRC-16 with the reflected polynomial 0xA001 from 0xFFFF, its
// two bytes swapped.
func checksum(b []byte) uint16 {
	crc := uint16(0xffff)
	for _, v := range b {
		crc ^= uint16(v)
		for range 8 {
			odd := crc & 1
			crc >>= 1
			if odd == 1 {
				crc ^= 0xa001
			}
		}
	}
	return bits.ReverseBytes16(crc)
}

// cipher is a 64-bit block cipher under one decoder key.
type cipher interface {
	encrypt(uint64) uint64
	decrypt(uint64) uint64
}

// digits is the token of a block: class 1 in the clear, the others encrypted.
// The two class bits take the place of bits 28 and 27, and what stood there
// goes to bits 65 and 64.
func (b block) digits(c cipher) string {
	v := b.data
	if b.class != 1 {
		v = c.encrypt(v)
	}
	high := v >> 27 & 3
	v = v&^(3<<27) | uint64(b.class)<<27
	// 2^64 = 1844674407370955 | 1616: in two parts the sum fits.
	const top, low = 1844674407370955, 1616
	upper, lower := v/10_000+high*top, v%10_000+high*low
	upper += lower / 10_000
	return fmt.Sprintf("%016d%04d", upper, lower%10_000)
}

// parse takes the 66 bits of a token apart: its class and the 64 bits as they
// are encrypted.  in is false where the number is greater than any token.
func parse(digits string) (class int, data uint64, in bool) {
	var hi, lo uint64
	for _, r := range []byte(digits) {
		h, l := bits.Mul64(lo, 10)
		hi = hi*10 + h
		var carry uint64
		lo, carry = bits.Add64(l, uint64(r-'0'), 0)
		hi += carry
	}
	if hi > 3 {
		return 0, 0, false
	}
	class = int(lo >> 27 & 3)
	return class, lo&^(3<<27) | hi<<27, true
}

// open is the block of a token under a cipher, and whether its checksum holds.
func open(class int, data uint64, c cipher) (block, bool) {
	if class != 1 {
		data = c.decrypt(data)
	}
	b := block{class, data}
	return b, b.crc() == b.sum()
}

// greatestUnits is the most that an amount of 16 bits says.
const greatestUnits = 18_201_624

// amountUnits is the number that 16 bits of amount stand for: 14 bits of
// mantissa and 2 of exponent, each decade going on where the one before ends.
func amountUnits(v uint16) int64 { return floatUnits(int(v>>14), int64(v&0x3fff)) }

// floatUnits is 10^e*m plus the ends of the decades before.
func floatUnits(e int, m int64) int64 {
	scale, base := int64(1), int64(0)
	for range e {
		base += 1 << 14 * scale
		scale *= 10
	}
	return base + scale*m
}

// amountCode is the 16 bits for a number, rounded up: in the customer's favour.
func amountCode(units int64) (uint16, error) {
	if units < 0 || units > greatestUnits {
		return 0, fmt.Errorf("sts: %d units are not in 0 to %d", units, greatestUnits)
	}
	scale, base := int64(1), int64(0)
	for e := range 4 {
		m := (units - base + scale - 1) / scale
		if m < 1<<14 {
			return uint16(e)<<14 | uint16(max(0, m)), nil
		}
		base += 1 << 14 * scale
		scale *= 10
	}
	return 0xffff, nil
}

// baseOf is the instant that a base date's minutes are counted from.
func baseOf(year int) (time.Time, bool) {
	switch year {
	case 1993, 2014, 2035:
		return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC), true
	}
	return time.Time{}, false
}

// maxTID is the last minute that a token identifier can say.
const maxTID = 1<<24 - 1

// tidAt is the token identifier of an instant.
func tidAt(base, at time.Time) (uint32, error) {
	minutes := int64(at.Sub(base) / time.Minute)
	if at.Before(base) || minutes > maxTID {
		return 0, fmt.Errorf("sts: %s is not between %s and %s; change to a key of the next base date",
			at.UTC().Format(time.RFC3339), base.Format(time.DateOnly), base.Add(maxTID*time.Minute).Format(time.DateOnly))
	}
	return uint32(minutes), nil
}
