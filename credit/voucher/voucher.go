// Package voucher is a token scheme for those who have none: an operator signs
// vouchers with a private key (Ed25519), and the meter box, which knows the public
// key alone, believes them without a connection.
//
// A voucher is 212 decimal digits, so that it goes wherever a token goes: typed,
// pasted, in messages, and in a QR code of digits.  They are a big-endian number of 88
// bytes:
//
//	bytes 0..20   what it says, see Voucher: 4 bits version (1), 3 kind, 1 unit,
//	              16 key, 24 meter, 40 serial, 27 issued, 13 days, 40 amount
//	bytes 21..84  the signature of "keeplit voucher 1\n", these 21 bytes, the meter's
//	              number, "\n", and the currency or "kWh"
//	bytes 85..87  the first three bytes of SHA-256 of the 85 before
//
// It is for one meter: offline, nobody could keep a voucher for all from being used at
// each.  Only what takes vouchers back may be for every meter.
package voucher

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Digits is how long a voucher is.
const Digits = 212

const (
	saysBytes = 21
	size      = saysBytes + ed25519.SignatureSize + checkBytes
	// checkBytes tell a slip of the finger from a forgery.
	checkBytes = 3
	version    = 1
	magic      = "keeplit voucher 1\n"
)

// epoch is when the minutes of issue are counted from.
func epoch() time.Time { return time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC) }

// Kind is what a voucher does.
type Kind uint8

// The kinds.
const (
	Credit Kind = 0 // adds credit
	Revoke Kind = 1 // takes vouchers back that were not entered yet
)

// Bounds of what a voucher can say.
const (
	MostSerial = 1<<40 - 1
	MostDays   = 1<<13 - 1
	mostAmount = 1<<40 - 1 // thousandths
	mostIssued = 1<<27 - 1 // minutes
)

// Voucher is what one says.
type Voucher struct {
	Kind   Kind
	InKWh  bool
	Key    uint16    // the first bytes of SHA-256 of the public key, to find it by
	Meter  [3]byte   // the first bytes of SHA-256 of the meter's number; zero: of no meter alone
	Serial uint64    // one for each voucher of a key, from 1
	Issued time.Time // whole minutes
	Days   int       // so many days it is good; 0: without end
	// Amount is thousandths of the unit; of a Revoke how many serials from Serial on.
	Amount int64
}

// KeyTag is what a voucher names a public key by.
func KeyTag(public ed25519.PublicKey) uint16 {
	h := sha256.Sum256(public)
	return binary.BigEndian.Uint16(h[:])
}

// MeterTag is what a voucher names a meter by; "" is none alone.
func MeterTag(number string) (tag [3]byte) {
	if number != "" {
		h := sha256.Sum256([]byte(number))
		copy(tag[:], h[:])
	}
	return tag
}

// Expires is when it ends to be good, zero: never.
func (v Voucher) Expires() time.Time {
	if v.Days == 0 {
		return time.Time{}
	}
	return v.Issued.Add(time.Duration(v.Days) * 24 * time.Hour)
}

// Money is its amount, in the account's own measure of its unit.
func (v Voucher) Money() units.Money { return units.Money(v.Amount) * units.One / 1000 }

// Energy is its amount in energy.
func (v Voucher) Energy() units.Energy { return units.Energy(v.Amount) * units.WattHour }

// Check is what is wrong with what a voucher is to say; nil: nothing.
func (v Voucher) Check() error {
	minutes := v.Issued.Sub(epoch()) / time.Minute
	switch {
	case v.Kind != Credit && v.Kind != Revoke:
		return fmt.Errorf("there is no voucher of kind %d", v.Kind)
	case v.Serial < 1 || v.Serial > MostSerial:
		return fmt.Errorf("serial %d is not between 1 and %d", v.Serial, uint64(MostSerial))
	case v.Amount < 1 || v.Amount > mostAmount:
		return errors.New("the amount is nothing, or more than a voucher can carry (1,099,511,627.775)")
	case v.Days < 0 || v.Days > MostDays:
		return fmt.Errorf("%d days: the most is %d, 0 is without end", v.Days, MostDays)
	case minutes < 0 || minutes > mostIssued:
		return fmt.Errorf("it cannot be issued on %s", v.Issued.Format(time.DateOnly))
	case v.Kind == Credit && v.Meter == [3]byte{}:
		return errors.New("a voucher of credit is for one meter: name it")
	case v.Kind == Revoke && v.Serial+uint64(v.Amount)-1 > MostSerial:
		return errors.New("the serials taken back run over the greatest one")
	}
	return nil
}

// pack is the 21 bytes of what a voucher says.
func (v Voucher) pack() []byte {
	n := new(big.Int)
	put := func(bits uint, value uint64) { n.Or(n.Lsh(n, bits), new(big.Int).SetUint64(value)) }
	unit := uint64(0)
	if v.InKWh {
		unit = 1
	}
	put(4, version)
	put(3, uint64(v.Kind))
	put(1, unit)
	put(16, uint64(v.Key))
	put(24, uint64(v.Meter[0])<<16|uint64(v.Meter[1])<<8|uint64(v.Meter[2]))
	put(40, v.Serial)
	put(27, uint64(v.Issued.Sub(epoch())/time.Minute))
	put(13, uint64(v.Days))
	put(40, uint64(v.Amount))
	return n.FillBytes(make([]byte, saysBytes))
}

// unpack reads what pack wrote, and the version it is of.
func unpack(b []byte) (v Voucher, ver uint64) {
	n := new(big.Int).SetBytes(b)
	take := func(bits uint) uint64 {
		x := new(big.Int).And(n, new(big.Int).SetUint64(1<<bits-1)).Uint64()
		n.Rsh(n, bits)
		return x
	}
	v.Amount = int64(take(40))
	v.Days = int(take(13))
	v.Issued = epoch().Add(time.Duration(take(27)) * time.Minute)
	v.Serial = take(40)
	tag := take(24)
	v.Meter = [3]byte{byte(tag >> 16), byte(tag >> 8), byte(tag)}
	v.Key = uint16(take(16))
	v.InKWh = take(1) == 1
	v.Kind = Kind(take(3))
	return v, take(4)
}

// message is what is signed.
func message(says []byte, meter, currency string) []byte {
	return []byte(magic + string(says) + meter + "\n" + currency)
}

// Unit is what a voucher counts, as it is signed: the currency, or kWh.
func (v Voucher) Unit(currency string) string {
	switch {
	case v.Kind == Revoke:
		return ""
	case v.InKWh:
		return "kWh"
	}
	return currency
}

// Sign is the voucher's digits.  meter is the number of the one it is for; currency
// is by ISO 4217.
func (v Voucher) Sign(key ed25519.PrivateKey, meter, currency string) (string, error) {
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return "", errors.New("the key is no Ed25519 key")
	}
	v.Key, v.Meter, v.Issued = KeyTag(public), MeterTag(meter), v.Issued.UTC().Truncate(time.Minute)
	if err := v.Check(); err != nil {
		return "", err
	}
	b := v.pack()
	b = append(b, ed25519.Sign(key, message(b, meter, v.Unit(currency)))...)
	h := sha256.Sum256(b)
	b = append(b, h[:checkBytes]...)
	text := new(big.Int).SetBytes(b).String()
	return strings.Repeat("0", Digits-len(text)) + text, nil
}

// parse is the bytes of digits; ok is false where a digit is wrong.
func parse(digits string) (b []byte, ok bool) {
	n, ok := new(big.Int).SetString(digits, 10)
	if !ok || len(digits) != Digits || n.Sign() < 0 || n.BitLen() > 8*size {
		return nil, false
	}
	b = n.FillBytes(make([]byte, size))
	h := sha256.Sum256(b[:size-checkBytes])
	return b, string(h[:checkBytes]) == string(b[size-checkBytes:])
}

// Peek is what digits say, without believing it.
func Peek(digits string) (Voucher, error) {
	b, ok := parse(digits)
	if !ok {
		return Voucher{}, errors.New("it is no voucher, or a digit of it is wrong")
	}
	v, ver := unpack(b[:saysBytes])
	if ver != version {
		return v, fmt.Errorf("it is of version %d, which this program does not know", ver)
	}
	return v, nil
}

// ReadKey reads a public key as keygen prints it: the base64 of URLs, without
// padding.
func ReadKey(text string) (ed25519.PublicKey, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(strings.TrimSpace(text))
	if err != nil || len(raw) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%.60q is no public key: write the 43 characters that \"agent voucher keygen\" printed", text)
	}
	return raw, nil
}
