// Package glo opens what European meters push encrypted: general-glo-ciphering of
// DLMS/COSEM (IEC 62056-5-3), whose tag is DB, with security suite 0, AES-128 in
// Galois/Counter Mode.  It is found about COSEM notifications in HDLC and M-Bus frames,
// and about whole P1 telegrams.
//
// A meter has an encryption key and, where it authenticates too, an authentication key.
// The tag that proves a telegram can only be checked with both.  With the encryption key
// alone the words can be read, and nothing says that they are the meter's: whoever can
// write on the line can turn over bits of them.
package glo

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/keeplit/keeplit/metering"
)

const (
	// Tag is the first byte of a ciphertext.
	Tag = 0xDB
	// titleLen is the length of a system title, which names the meter.
	titleLen = 8
	// tagLen is the length of the authentication tag: 96 bits.
	tagLen = 12
	// headLen is what the length counts before the words: control and counter.
	headLen = 5
	// keyLen is the length of the keys of suite 0.
	keyLen = 16
)

// The bits of the security control byte.
const (
	suiteBits     = 0x0F
	authenticated = 0x10
	encrypted     = 0x20
	compressed    = 0x80
)

// ErrShort is a ciphertext of which more is to come.
var ErrShort = errors.New("the encrypted telegram ends too early")

// Ciphertext is one, closed.  Its bytes are those it was read from.
type Ciphertext struct {
	title   []byte
	control byte
	counter []byte
	body    []byte // the words, and the tag where there is one
}

// Parse reads the ciphertext that b begins with, and tells how long it is.  Where b may be
// the beginning of one the error is ErrShort.
func Parse(b []byte) (e Ciphertext, used int, err error) {
	for i, want := range []byte{Tag, titleLen} {
		if i >= len(b) {
			return e, 0, ErrShort
		}
		if b[i] != want {
			return e, 0, fmt.Errorf("byte %d is %02X and not %02X", i, b[i], want)
		}
	}
	return parseAt(b, 2+titleLen, b[2:min(len(b), 2+titleLen)])
}

// ParseBare is Parse of a ciphertext that has no tag and no system title, but the length of
// none, 0: some meters of Poland send such within a P1 telegram.  The nonce has zeros
// where the title would be.
func ParseBare(b []byte) (e Ciphertext, used int, err error) {
	switch {
	case len(b) == 0:
		return e, 0, ErrShort
	case b[0] != 0:
		return e, 0, fmt.Errorf("%02X where a title of no length belongs", b[0])
	}
	return parseAt(b, 1, make([]byte, titleLen))
}

// parseAt reads what follows the title: the length, and what it is the length of.
func parseAt(b []byte, at int, title []byte) (e Ciphertext, used int, err error) {
	if len(b) <= at {
		return e, 0, ErrShort
	}
	n, size, err := Length(b[at:])
	if err != nil {
		return e, 0, err
	}
	at += size
	if n < headLen {
		return e, 0, fmt.Errorf("a length of %d holds no counter", n)
	}
	if len(b) > at && b[at]&(authenticated|encrypted) == 0 {
		return e, 0, fmt.Errorf("security control %02X: neither encrypted nor authenticated", b[at])
	}
	if len(b) < at+n {
		return e, 0, ErrShort
	}
	in := b[at : at+n]
	return Ciphertext{title: title, control: in[0], counter: in[1:headLen], body: in[headLen:]}, at + n, nil
}

// maxLength bounds what a ciphertext may announce.
const maxLength = 1 << 15

// Length reads a length as A-XDR and BER write it, and tells how many bytes that takes.
func Length(b []byte) (n, size int, err error) {
	if len(b) == 0 {
		return 0, 0, ErrShort
	}
	if b[0] < 0x80 {
		return int(b[0]), 1, nil
	}
	size = 1 + int(b[0]&0x7F)
	if size == 1 || size > 5 {
		return 0, 0, fmt.Errorf("a length of %d bytes", size-1)
	}
	if len(b) < size {
		return 0, 0, ErrShort
	}
	for _, c := range b[1:size] {
		n = n<<8 | int(c)
		if n > maxLength {
			return 0, 0, errors.New("a length beyond any telegram")
		}
	}
	return n, size, nil
}

// Title is the system title in hexadecimal: the maker's three letters and a number.
func (e Ciphertext) Title() string { return strings.ToUpper(hex.EncodeToString(e.title)) }

// Counter is the frame counter.
func (e Ciphertext) Counter() uint32 { return binary.BigEndian.Uint32(e.counter) }

// Authenticated tells whether the ciphertext has a tag.
func (e Ciphertext) Authenticated() bool { return e.control&authenticated != 0 }

// Keys are a meter's.
type Keys struct {
	encryption, authentication []byte
}

// Some tells whether there is any key.
func (k Keys) Some() bool { return k.encryption != nil }

// Prove tells whether there is an authentication key, so that nothing is answered that the
// tag does not prove.
func (k Keys) Prove() bool { return k.authentication != nil }

// ErrKey is a text that is no key.  It does not hold the text.
var ErrKey = errors.New("it is not 32 hexadecimal digits")

// ReadKeys reads keys as grid operators write them, 32 hexadecimal digits, with blanks or
// colons between or none.  The second may be empty; so may both.
func ReadKeys(encryption, authentication string) (k Keys, err error) {
	if k.encryption, err = ReadKey(encryption); err != nil {
		return Keys{}, err
	}
	if k.authentication, err = ReadKey(authentication); err != nil {
		return Keys{}, err
	}
	if k.encryption == nil && k.authentication != nil {
		return Keys{}, errors.New("an authentication key opens nothing without the encryption key")
	}
	return k, nil
}

// Keyed makes of a decoder with keys what a recording with keys is read by.
func Keyed(decode func([]byte, Keys) ([]metering.Telegram, []error)) func(data []byte, key, authentication string) ([]metering.Telegram, []error) {
	return func(data []byte, key, authentication string) ([]metering.Telegram, []error) {
		keys, err := ReadKeys(key, authentication)
		if err != nil {
			return nil, []error{err}
		}
		return decode(data, keys)
	}
}

// CheckKey is ErrKey where a text that is not empty is no key.
func CheckKey(text string) error {
	_, err := ReadKey(text)
	return err
}

// ReadKey reads one key, as ReadKeys does; nil is none.
func ReadKey(text string) ([]byte, error) {
	text = strings.NewReplacer(" ", "", ":", "", "-", "", "\n", "", "\r", "", "\t", "").Replace(text)
	if text == "" {
		return nil, nil
	}
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != keyLen {
		return nil, ErrKey // what hex says shows a digit of the key
	}
	return b, nil
}

// What can be wrong with a ciphertext.
var (
	// ErrNoKey: it is encrypted and no key is known.
	ErrNoKey = errors.New("it is encrypted (general-glo-ciphering), and no key is configured")
	// ErrTag: its tag does not prove it.
	ErrTag = errors.New("the authentication tag does not fit: a key is wrong, or the telegram was changed on its way")
	// ErrPlain: it is not encrypted, and the key that would prove its tag is not there.
	ErrPlain = errors.New("it is authenticated and not encrypted, and no authentication key is configured: it may be anybody's")
	// ErrBare: it has no tag, and one is wanted.
	ErrBare = errors.New("it is not authenticated, and an authentication key is configured")
)

// Open answers what is inside.  Where there is an authentication key nothing is answered
// that the tag does not prove.
func (k Keys) Open(e Ciphertext) ([]byte, error) {
	switch {
	case k.encryption == nil:
		return nil, ErrNoKey
	case e.control&compressed != 0:
		return nil, errors.New("it is compressed, which no known meter does")
	case e.control&suiteBits > 1:
		return nil, fmt.Errorf("security suite %d; known are 0 and 1, AES-128", e.control&suiteBits)
	case k.authentication != nil && !e.Authenticated():
		return nil, ErrBare
	case k.authentication == nil && e.control&encrypted == 0:
		return nil, ErrPlain // else whoever has no key could write what is believed
	case e.Authenticated() && len(e.body) < tagLen:
		return nil, errors.New("it is too short for an authentication tag")
	}
	block, err := aes.NewCipher(k.encryption)
	if err != nil {
		return nil, err
	}
	nonce := append(append(make([]byte, 0, titleLen+4), e.title...), e.counter...)
	if k.authentication == nil {
		return e.unproven(block, nonce), nil
	}
	gcm, err := cipher.NewGCMWithTagSize(block, tagLen)
	if err != nil {
		return nil, err
	}
	known := append([]byte{e.control}, k.authentication...)
	if e.control&encrypted != 0 {
		plain, err := gcm.Open(nil, nonce, e.body, known)
		if err != nil {
			return nil, ErrTag
		}
		return plain, nil
	}
	words, tag := e.body[:len(e.body)-tagLen], e.body[len(e.body)-tagLen:]
	if _, err := gcm.Open(nil, nonce, tag, append(known, words...)); err != nil {
		return nil, ErrTag
	}
	return append([]byte(nil), words...), nil
}

// unproven takes the words out without a look at the tag: the stream of GCM's counter
// mode begins at 2, for 1 is the tag's.
func (e Ciphertext) unproven(block cipher.Block, nonce []byte) []byte {
	words := e.body
	if e.Authenticated() {
		words = words[:len(words)-tagLen]
	}
	out := make([]byte, len(words))
	cipher.NewCTR(block, binary.BigEndian.AppendUint32(nonce, 2)).XORKeyStream(out, words)
	return out
}
