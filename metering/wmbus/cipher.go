package wmbus

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
)

// What can be wrong with a telegram that is encrypted.
var (
	// errNoKey: no key is known.
	errNoKey = errors.New("it is encrypted, and no key is configured")
	// errKey: the key does not open it.
	errKey = errors.New("what comes out is not what every telegram begins with: the key is another meter's, or the telegram was changed on its way")
	// errProof: its proof does not hold.
	errProof = errors.New("its authentication does not fit: the key is another meter's, or the telegram was changed on its way")
	// errClear: it is not encrypted where a key says that it is.
	errClear = errors.New("it came in clear, and a key is configured: it may be anybody's")
)

// idle fills what is encrypted up to whole blocks, and stands at its beginning twice.
const idle = 0x2F

// open answers the words of a telegram, and how they were closed.  With a key nothing is
// answered that was not encrypted with it.
func (m *message) open(key []byte) (words []byte, how closed, err error) {
	var block cipher.Block
	if key != nil {
		if block, err = aes.NewCipher(key); err != nil {
			return nil, how, err
		}
	}
	if m.session != nil && m.session.closed {
		if block == nil {
			return nil, how, errNoKey
		}
		if err := m.openSession(block); err != nil {
			return nil, how, err
		}
		how = closed{kind: bySession, counter: uint64(m.session.number & 0x1FFFFFFF), counts: true}
		if m.mode == 0 {
			return m.body, how, nil
		}
	}
	switch {
	case m.mode == 0 && key != nil:
		return nil, how, errClear
	case m.mode == 0:
		return m.body, how, nil
	case m.mode != 5 && m.mode != 7:
		return nil, how, fmt.Errorf("security mode %d; known are 5 and 7", m.mode)
	case m.blocks == 0 && key != nil:
		return nil, how, errClear
	case m.blocks == 0:
		return m.body, how, nil
	case block == nil:
		return nil, how, errNoKey
	}
	n := 16 * m.blocks
	if m.blocks == 15 { // all of it
		n = min(n, len(m.body)/16*16)
	}
	if n == 0 || len(m.body) < n {
		return nil, how, short(len(m.body), n)
	}
	if len(m.body) == n+crcLen {
		return nil, how, errSum // no value is so short: it is a sum of format B that did not fit
	}
	if m.mode == 7 {
		return m.openProven(block, n)
	}
	iv := m.meter.wire()
	for range 16 - addressLen {
		iv = append(iv, m.access)
	}
	if words, err = decrypt(block, iv, m.body[:n]); err != nil {
		return nil, how, err
	}
	return words, closed{kind: byAccess, last: binary.LittleEndian.Uint64(m.body[n-8:])}, nil
}

// closed is how a telegram was closed, for what tells one that is played again.
type closed struct {
	kind    kindOf
	counter uint64 // a number that only goes up
	counts  bool   // there is one
	last    uint64 // of the last block, where there is none
}

// kindOf is a way to close a telegram; a greater one is better.
type kindOf int

const (
	inClear   kindOf = iota
	byAccess         // mode 5: the access number, of one byte, is all that tells two apart
	bySession        // the extended link layer's session number
	byProof          // mode 7: nothing can be changed
)

// decrypt opens whole blocks, which begin with two idle bytes.
func decrypt(block cipher.Block, iv, b []byte) ([]byte, error) {
	out := make([]byte, len(b))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(out, b)
	if out[0] != idle || out[1] != idle {
		return nil, errKey
	}
	return out, nil
}

// openProven opens mode 7: the telegram has keys of its own, made of the meter's and of a
// counter, and a proof of all that stands after the authentication layer.
func (m *message) openProven(block cipher.Block, n int) (words []byte, how closed, err error) {
	p := m.proof
	switch {
	case p == nil || !p.counted:
		return nil, how, errors.New("it has no message counter, of which its keys are made")
	case m.kdf != 1:
		return nil, how, fmt.Errorf("keys of kind %d are not known", m.kdf)
	case p.mac == nil:
		return nil, how, errors.New("it is not authenticated, as mode 7 has to be")
	case len(p.mac) < 4:
		return nil, how, fmt.Errorf("a proof of %d bytes can be guessed", len(p.mac))
	}
	const encryption, authentication = 0, 1 // of what the meter sends
	mac, err := m.key(block, authentication)
	if err != nil {
		return nil, how, err
	}
	said := binary.LittleEndian.AppendUint32([]byte{p.control}, p.counter)
	said = append(append(said, p.length...), p.covered...)
	if sum := cmac(mac, said); subtle.ConstantTimeCompare(sum[:len(p.mac)], p.mac) != 1 {
		return nil, how, errProof
	}
	enc, err := m.key(block, encryption)
	if err != nil {
		return nil, how, err
	}
	if words, err = decrypt(enc, make([]byte, 16), m.body[:n]); err != nil {
		return nil, how, err
	}
	// What stands after the encrypted blocks is proven as they are.
	return append(words, m.body[n:]...), closed{kind: byProof, counter: uint64(p.counter), counts: true}, nil
}

// key makes a key for one use of the telegram's counter and the meter's number.
func (m *message) key(block cipher.Block, use byte) (cipher.Block, error) {
	in := binary.LittleEndian.AppendUint32([]byte{use}, m.proof.counter)
	in = append(in, m.meter.number[:]...)
	for len(in) < 16 {
		in = append(in, 7)
	}
	k := cmac(block, in)
	return aes.NewCipher(k[:])
}

// What a repeater may change of the communication control: that it was repeated, and that
// it is asked for.  The nonce is made without them.
const repeated = 0x10 | 0x02

// openSession opens an extended link layer and reads what is in it.
func (m *message) openSession(block cipher.Block) error {
	s := m.session
	iv := append(m.link.wire(), s.control&^repeated)
	iv = binary.LittleEndian.AppendUint32(iv, s.number)
	out := make([]byte, len(s.rest))
	cipher.NewCTR(block, append(iv, 0, 0, 0)).XORKeyStream(out, s.rest)
	if binary.LittleEndian.Uint16(out) != crc(out[crcLen:]) {
		return errKey
	}
	return m.layers(out[crcLen:])
}
