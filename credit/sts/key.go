package sts

import (
	"crypto/des"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// KeyType is what a decoder key is bound to.
type KeyType int

// The key types.
const (
	DITK KeyType = 0 // initialisation, in the factory
	DDTK KeyType = 1 // default of a supply group: no credit under it
	DUTK KeyType = 2 // unique to a meter
	DCTK KeyType = 3 // common to a supply group
)

// Luhn is the check digit of a string of digits.
func Luhn(digits string) (byte, error) {
	sum := 0
	for i := range len(digits) {
		c := digits[len(digits)-1-i]
		if c < '0' || c > '9' {
			return 0, fmt.Errorf("sts: %q is not a number", digits)
		}
		d := int(c - '0')
		if i%2 == 0 { // the check digit itself will stand to the right
			d *= 2
			if d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return byte('0' + (10-sum%10)%10), nil
}

// Identity is what a decoder key is derived from, next to the vending key.
type Identity struct {
	PAN         string // 18 digits: 6 of the issuer, 11 of the meter, a Luhn digit
	SGC         int    // supply group code, 6 digits
	TariffIndex int    // 0 to 99
	KeyType     KeyType
	KeyRevision int // 0 to 9
	BaseDate    int // 1993, 2014 or 2035
}

// check answers what is wrong with the identity.
func (id Identity) check() error {
	if len(id.PAN) != 18 {
		return fmt.Errorf("sts: pan has %d digits; it has 18: issuer 6, meter 11, check 1", len(id.PAN))
	}
	c, err := Luhn(id.PAN[:17])
	if err != nil {
		return err
	}
	switch {
	case id.PAN[17] != c:
		return fmt.Errorf("sts: pan %s ends in %c, its check digit is %c; look for a misread digit", id.PAN, id.PAN[17], c)
	case id.SGC < 0 || id.SGC > 999_999:
		return fmt.Errorf("sts: supply group code %d is not of 6 digits", id.SGC)
	case id.TariffIndex < 0 || id.TariffIndex > 99:
		return fmt.Errorf("sts: tariff index %d is not in 0 to 99", id.TariffIndex)
	case id.KeyType < DITK || id.KeyType > DCTK:
		return fmt.Errorf("sts: key type %d is not in 0 to 3", id.KeyType)
	case id.KeyRevision < 0 || id.KeyRevision > 9:
		return fmt.Errorf("sts: key revision %d is not in 0 to 9", id.KeyRevision)
	}
	if _, ok := baseOf(id.BaseDate); !ok {
		return fmt.Errorf("sts: base date %d is not 1993, 2014 or 2035", id.BaseDate)
	}
	return nil
}

// DKGA04 is the decoder key by HMAC-SHA256: 16 bytes for EA11, 8 for EA07.
func DKGA04(vending [20]byte, id Identity, a Algorithm) ([]byte, error) {
	if err := id.check(); err != nil {
		return nil, err
	}
	bits := uint32(128)
	if a == EA07 {
		bits = 64
	}
	// Two lists parted by 0x00: each begins with its number of items, each
	// item with its length in a byte.  The key's length in bits ends it.
	b := []byte{4}
	item := func(s string) { b = append(append(b, byte(len(s))), s...) }
	item("04")
	item(fmt.Sprintf("%02d", id.BaseDate%100))
	item(string(a))
	item(fmt.Sprintf("%02d", id.TariffIndex))
	b = append(b, 0, 4)
	item(fmt.Sprintf("%06d", id.SGC))
	item(strconv.Itoa(int(id.KeyType)))
	item(strconv.Itoa(id.KeyRevision))
	item(id.PAN)
	b = binary.BigEndian.AppendUint32(b, bits)
	mac := hmac.New(sha256.New, vending[:])
	mac.Write(b)
	return mac.Sum(nil)[:bits/8], nil
}

// DKGA02 is the older decoder key by DES, 8 bytes for EA07.  No published
// vector could be found for it: experimental.
func DKGA02(vending [8]byte, id Identity) ([8]byte, error) {
	if err := id.check(); err != nil {
		return [8]byte{}, err
	}
	meter := id.PAN[1:17]
	if id.KeyType == DCTK || id.KeyType == DDTK {
		meter = id.PAN[1:6] + strings.Repeat("0", 11) // common to the group: no meter in it
	}
	pan, err := strconv.ParseUint(meter, 16, 64)
	if err != nil {
		return [8]byte{}, fmt.Errorf("sts: pan %s: %w", id.PAN, err)
	}
	control, err := strconv.ParseUint(fmt.Sprintf("%d%06d%02d%dffffff", id.KeyType, id.SGC, id.TariffIndex, id.KeyRevision), 16, 64)
	if err != nil {
		return [8]byte{}, fmt.Errorf("sts: control block: %w", err)
	}
	c, err := des.NewCipher(vending[:])
	if err != nil {
		return [8]byte{}, fmt.Errorf("sts: vending key: %w", err)
	}
	var in, out [8]byte
	binary.BigEndian.PutUint64(in[:], pan^control)
	c.Encrypt(out[:], in[:])
	for i := range out {
		out[i] ^= in[i] ^ vending[i]
	}
	return out, nil
}
