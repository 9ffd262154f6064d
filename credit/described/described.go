// Package described reads and makes the tokens of a scheme that a document
// describes: counter tokens whose code is a truncated HMAC, as in RFC 4226
// (HOTP) and, with a question, in RFC 6287 (OCRA).
//
// The document says what the HMAC is of, and how the digits of a token divide:
//
//	code  = DynamicTruncate(HMAC(key, message)) mod 10^n     RFC 4226, 5.3
//	token = fixed digits, value, low digits of the counter, code, check digits
//
// in the order that the document gives.  The vendor counts the tokens of each
// key from 0 up; a counter is one token, and is taken once.
package described

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // HMAC-SHA-1 is what RFC 4226 is made of, and is not broken
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"math/big"
	"strings"
)

// new is the hash function; the document's Check has seen to it that it is known.
func (h Hash) new() func() hash.Hash {
	switch h {
	case SHA256:
		return sha256.New
	case SHA512:
		return sha512.New
	case SHA1:
	}
	return sha1.New
}

// leastKey and mostKey are how many bytes a key has: RFC 4226 asks for 16 at least.
const (
	leastKey = 16
	mostKey  = 128
)

// ReadKey reads a key of hex digits, or of base32 after "base32:".
func ReadKey(text string) ([]byte, error) {
	var key []byte
	var err error
	if b32, ok := strings.CutPrefix(strings.TrimSpace(text), "base32:"); ok {
		key, err = base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(strings.TrimRight(strings.TrimSpace(b32), "=")))
	} else {
		key, err = hex.DecodeString(strings.TrimSpace(text))
	}
	switch {
	case err != nil: // what stands there is a secret: it is not told
		return nil, fmt.Errorf("it is neither hex digits nor base32: and base32 digits")
	case len(key) < leastKey || len(key) > mostKey:
		return nil, fmt.Errorf("it has %d bytes; %d to %d are taken", len(key), leastKey, mostKey)
	}
	return key, nil
}

// tag names a key without showing it.
func tag(key []byte) string {
	h := sha256.Sum256(append([]byte("keeplit described key\n"), key...))
	return hex.EncodeToString(h[:8])
}

// coder makes the codes of one key.
type coder struct {
	doc   *Description
	meter string
	mac   hash.Hash
	most  uint32 // the code is below it
	spent *int   // how many codes were made, where somebody counts
}

func (s *Scheme) coder(key []byte) *coder {
	return &coder{doc: &s.doc.Description, meter: s.doc.Meter, mac: hmac.New(s.doc.Description.Hash.new(), key), most: uint32(pow10(s.doc.Description.codeDigits())), spent: s.spent} //nolint:gosec // at most 9 digits
}

// code is the code of a counter and a value.
func (c *coder) code(counter, value int64) uint32 {
	if c.spent != nil {
		*c.spent++
	}
	c.mac.Reset()
	for _, f := range c.doc.Message {
		c.mac.Write(f.bytes(counter, value, c.meter))
	}
	sum := c.mac.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	return binary.BigEndian.Uint32(sum[at:at+4]) & 0x7fff_ffff % c.most
}

// bytes is what a field puts into the message.
func (f Field) bytes(counter, value int64, meter string) []byte {
	switch {
	case f.Counter > 0:
		return low(counter, f.Counter)
	case f.Value > 0:
		return low(value, f.Value)
	case f.Question:
		return question(value)
	case f.Meter:
		return []byte(meter)
	case f.Hex != "":
		b, _ := hex.DecodeString(f.Hex) // checked
		return b
	}
	return []byte(f.Text)
}

// low is the n low bytes of v, the highest first.
func low(v int64, n int) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(v))[8-n:] //nolint:gosec // not negative
}

// question is a numeric question of RFC 6287, 5.1: the number in hex digits, filled
// with zeros behind to 128 bytes.
func question(value int64) []byte {
	digits := big.NewInt(value).Text(16)
	b, _ := hex.DecodeString(digits + strings.Repeat("0", 256-len(digits)))
	return b
}

// pow10 is 10 to the n, for n up to 18.
func pow10(n int) int64 {
	out := int64(1)
	for range n {
		out *= 10
	}
	return out
}

// spell is the token of a counter, a value and their code.
func (d *Description) spell(counter, value int64, code uint32) string {
	var b strings.Builder
	for _, p := range d.Digits {
		switch {
		case p.Fixed != "":
			b.WriteString(p.Fixed)
		case p.Value > 0:
			fmt.Fprintf(&b, "%0*d", p.Value, value)
		case p.Counter > 0:
			fmt.Fprintf(&b, "%0*d", p.Counter, counter%pow10(p.Counter))
		case p.Code > 0:
			fmt.Fprintf(&b, "%0*d", p.Code, code)
		default:
			b.WriteString(p.Check.of(b.String()))
		}
	}
	return b.String()
}

// read is what the digits of a token say, without the key.
type read struct {
	value, low int64
	code       uint32
	fixed      bool // the fixed digits are right
	check      bool // the check digits are
}

// parse divides digits, which are as many as a token has.
func (d *Description) parse(digits string) read {
	r := read{fixed: true, check: true}
	number := func(s string) (n int64) {
		for _, c := range []byte(s) {
			n = n*10 + int64(c-'0')
		}
		return n
	}
	at := 0
	for _, p := range d.Digits {
		part := digits[at : at+p.len()]
		switch {
		case p.Fixed != "":
			r.fixed = r.fixed && part == p.Fixed
		case p.Value > 0:
			r.value = number(part)
		case p.Counter > 0:
			r.low = number(part)
		case p.Code > 0:
			r.code = uint32(number(part)) //nolint:gosec // at most 9 digits
		default:
			r.check = part == p.Check.of(digits[:at])
		}
		at += p.len()
	}
	return r
}

// len is how many digits a check is of.
func (c Check) len() int {
	if c == Mod97 {
		return 2
	}
	return 1
}

// of is the check digits of the digits before them.
func (c Check) of(digits string) string {
	if c == Mod97 { // ISO 7064, MOD 97-10: the whole leaves 1
		rest := 0
		for _, r := range []byte(digits + "00") {
			rest = (rest*10 + int(r-'0')) % 97
		}
		return fmt.Sprintf("%02d", 98-rest)
	}
	sum := 0
	for i := range len(digits) { // Luhn: every second digit from the right counts double
		n := int(digits[len(digits)-1-i] - '0')
		if i%2 == 0 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return fmt.Sprint((10 - sum%10) % 10)
}
