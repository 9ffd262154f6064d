package sts

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"
)

// Vendor makes tokens for one meter: what a mini-grid operator sells credit
// with, and what the tests check the meter against.
type Vendor struct {
	cipher cipher
	base   time.Time
}

// NewVendor makes tokens under the key of a document.
func NewVendor(doc Document) (*Vendor, error) {
	s, err := New(doc)
	if err != nil {
		return nil, err
	}
	return s.Vendor(s.Start())
}

// Vendor makes tokens under the key of a state.
func (s *Scheme) Vendor(state State) (*Vendor, error) {
	c, err := s.cipher(state.Key)
	if err != nil {
		return nil, err
	}
	base, _ := baseOf(state.BaseDate)
	return &Vendor{cipher: c, base: base}, nil
}

// Credit is a token of electricity: tenths of a kWh, rounded up to what a
// token can say.  rnd (0 to 15) tells two tokens of the same amount and minute
// apart on paper; two tokens of one minute are the same token to the meter, so
// a vendor issues at most one a minute for a meter.
func (v *Vendor) Credit(at time.Time, tenths int64, rnd int) (string, error) {
	code, err := amountCode(tenths)
	if err != nil {
		return "", err
	}
	return v.timed(0, 0, at, code, rnd)
}

// Manage is a management token of class 2 that carries a value: sub-class 0
// (power limit, W), 1 (clear credit, 0xffff is all), 2 (tariff rate), 5 (clear
// tamper), 6 (phase unbalance limit, W).
func (v *Vendor) Manage(sub int, at time.Time, value int64, rnd int) (string, error) {
	switch sub {
	case 0, 6:
		code, err := amountCode(value)
		if err != nil {
			return "", err
		}
		return v.timed(2, sub, at, code, rnd)
	case 1, 2, 5:
		if value < 0 || value > 0xffff {
			return "", fmt.Errorf("sts: value %d is not in 0 to 65535", value)
		}
		return v.timed(2, sub, at, uint16(value), rnd)
	}
	return "", fmt.Errorf("sts: sub-class %d of class 2 does not carry a value", sub)
}

func (v *Vendor) timed(class, sub int, at time.Time, value uint16, rnd int) (string, error) {
	if rnd < 0 || rnd > 15 {
		return "", fmt.Errorf("sts: rnd %d is not in 0 to 15", rnd)
	}
	tid, err := tidAt(v.base, at)
	if err != nil {
		return "", err
	}
	b := block{class, uint64(sub)<<60 | uint64(rnd)<<56 | uint64(tid)<<32 | uint64(value)<<16}
	return b.sealed().digits(v.cipher), nil
}

// Test is a class 1 token, which needs no key: sub-class 0 carries 36 bits of
// control and 8 of maker, sub-class 1 carries 28 and 16.
func Test(sub int, control uint64, maker uint16) (string, error) {
	var b block
	switch {
	case sub == 0 && control < 1<<36 && maker < 1<<8:
		b = block{1, control<<24 | uint64(maker)<<16}
	case sub == 1 && control < 1<<28:
		b = block{1, 1<<60 | control<<32 | uint64(maker)<<16}
	default:
		return "", fmt.Errorf("sts: no test token has sub-class %d, control %#x and maker %d", sub, control, maker)
	}
	return b.sealed().digits(nil), nil
}

// ChangeKey is the tokens of a key change, to be entered in any order: four
// for a key of 16 bytes, two for one of 8.  rollover starts the next base date
// and clears the meter's memory of tokens.
func (v *Vendor) ChangeKey(key []byte, to Identity, expiry int, rollover bool) ([]string, error) {
	if len(key) != 16 && len(key) != 8 {
		return nil, fmt.Errorf("sts: a decoder key has 8 or 16 bytes, not %d", len(key))
	}
	if expiry < 0 || expiry > 255 || to.KeyRevision < 0 || to.KeyRevision > 15 || to.TariffIndex < 0 || to.TariffIndex > 99 || to.KeyType < DITK || to.KeyType > DCTK {
		return nil, fmt.Errorf("sts: a key change to expiry %d, revision %d, tariff index %d, type %d cannot be said", expiry, to.KeyRevision, to.TariffIndex, to.KeyType)
	}
	part := func(i int) uint64 { return uint64(binary.BigEndian.Uint32(key[i:])) }
	ro := uint64(0)
	if rollover {
		ro = 1
	}
	words := []struct {
		sub  uint64
		data uint64
	}{
		{3, uint64(expiry>>4)<<40 | uint64(to.KeyRevision)<<36 | ro<<35 | uint64(to.KeyType)<<32 | part(0)},
		{4, uint64(expiry&15)<<40 | uint64(to.TariffIndex)<<32 | part(len(key)-4)},
	}
	if len(key) == 16 {
		words = append(words, []struct{ sub, data uint64 }{
			{8, uint64(to.SGC&0xfff)<<32 | part(4)},
			{9, uint64(to.SGC>>12&0xfff)<<32 | part(8)},
		}...)
	}
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = block{2, w.sub<<60 | w.data<<16}.sealed().digits(v.cipher)
	}
	return out, nil
}

// Key is the decoder key of a state, for a vendor who changes it.
func (s *Scheme) Key(state State) ([]byte, error) {
	if state.Key != "" {
		return hex.DecodeString(state.Key)
	}
	return hex.DecodeString(s.doc.DecoderKey)
}
