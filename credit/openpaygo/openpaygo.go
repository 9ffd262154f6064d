// Package openpaygo reads and issues OpenPAYGO tokens: short codes that a
// device checks with a key it shares with the vendor and a count of the tokens
// it has seen.
//
// A token is the digits of a code in a SipHash chain, with its last three (or
// six) digits replaced by the value.  The place in the chain is the token's
// count, and the count's parity is its type:
//
//	code 0 = starting code, value digits put in
//	code n = squeeze(SipHash-2-4(key, code n-1 twice))
//	token  = code count, value digits put in again
//
// Written from the published description of the OpenPAYGO Token standard.
package openpaygo

import (
	"encoding/binary"
	"fmt"

	"github.com/dchest/siphash"
)

// Values with a meaning of their own.
const (
	MaxValue         = 995     // greatest value of a standard token
	MaxExtendedValue = 999_999 // greatest value of an extended token
	DisablePAYG      = 998     // unlocks the device for good; an odd count
	CounterSync      = 999     // only moves the count
)

// Windows of counts, around the last one taken.
const (
	jump     = 64  // how far ahead an ordinary token may be
	syncJump = 100 // how far ahead a counter sync may be
	older    = 16  // how far back an unused ADD token may be
	maxCount = 1_000_000
)

// Form is how a token is written.
type Form struct {
	Extended   bool // values to 999,999 in 12 digits instead of 995 in 9
	Restricted bool // digits 1 to 4 only (15 or 20), for keypads of four keys
}

// Len is the number of digits of the form.
func (f Form) Len() int {
	switch {
	case f.Extended && f.Restricted:
		return 20
	case f.Extended:
		return 12
	case f.Restricted:
		return 15
	}
	return 9
}

// wrap is the number of values that the last digits hold.
func (f Form) wrap() uint64 {
	if f.Extended {
		return 1_000_000
	}
	return 1000
}

// Key is the secret of one device.
type Key [16]byte

// chain steps through the codes of one value.
type chain struct {
	k0, k1 uint64
	code   uint64
	form   Form
}

// newChain is at code 0 for the given last digits.
func newChain(key Key, start uint32, low uint64, f Form) chain {
	return chain{
		k0:   binary.LittleEndian.Uint64(key[:8]),
		k1:   binary.LittleEndian.Uint64(key[8:]),
		code: uint64(start)/f.wrap()*f.wrap() + low,
		form: f,
	}
}

// next moves to the next code.
func (c *chain) next() {
	var in [8]byte
	if c.form.Extended {
		binary.BigEndian.PutUint64(in[:], c.code)
	} else {
		binary.BigEndian.PutUint32(in[:4], uint32(c.code))
		binary.BigEndian.PutUint32(in[4:], uint32(c.code))
	}
	h := siphash.Hash(c.k0, c.k1, in[:])
	if c.form.Extended {
		v := h >> 24
		if v > 999_999_999_999 {
			v -= 99_511_627_777
		}
		c.code = v
		return
	}
	v := uint64(uint32(h>>32)^uint32(h)) >> 2
	if v > 999_999_999 {
		v -= 73_741_825
	}
	c.code = v
}

// Encode is the token for count and value.  The count's parity says what the
// value does: even adds, odd sets.
func Encode(key Key, start uint32, count int, value int, f Form) (string, error) {
	limit := MaxValue
	if f.Extended {
		limit = MaxExtendedValue
	}
	special := !f.Extended && (value == DisablePAYG || value == CounterSync)
	switch {
	case value < 0 || value > limit && !special:
		return "", fmt.Errorf("openpaygo: value %d is not in 0 to %d", value, limit)
	case count < 0 || count > maxCount:
		return "", fmt.Errorf("openpaygo: count %d is not in 0 to %d", count, maxCount)
	}
	low := (uint64(start) + uint64(value)) % f.wrap()
	c := newChain(key, start, low, f)
	for range count {
		c.next()
	}
	return write(c.code/f.wrap()*f.wrap()+low, f), nil
}

// NextCount is the count of the next token after last: the next even one to
// add, the next odd one to set (and to disable PAYG).
func NextCount(last int, set bool) int {
	last++
	if (last%2 == 1) != set {
		last++
	}
	return last
}

// write puts a code into digits.
func write(code uint64, f Form) string {
	if !f.Restricted {
		return fmt.Sprintf("%0*d", f.Len(), code)
	}
	digits := make([]byte, f.Len())
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = '1' + byte(code&3)
		code >>= 2
	}
	return string(digits)
}

// read is the code that digits stand for, and whether they are of the form.
func read(digits string, f Form) (uint64, bool) {
	if len(digits) != f.Len() {
		return 0, false
	}
	var code uint64
	for _, r := range []byte(digits) {
		switch {
		case f.Restricted && r >= '1' && r <= '4':
			code = code<<2 | uint64(r-'1')
		case !f.Restricted && r >= '0' && r <= '9':
			code = code*10 + uint64(r-'0')
		default:
			return 0, false
		}
	}
	return code, true
}
