package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/dchest/siphash"
)

// vendor makes tokens of OpenPAYGO's first form by its specification: nine digits, the
// last three of them the starting code's and the value's, the others a chain of SipHash.
type vendor struct {
	k0, k1  uint64
	start   uint64
	count   int
	reached map[uint64]link // how far the chain of each value was followed
}

type link struct {
	code  uint64
	count int
}

const (
	vendorKey   = "bc41ec9530f6dac86b1a29ab82edc5fb"
	vendorStart = 516959010
)

// token is one that the vendor has made.
type token struct {
	digits      string
	value       int64
	fingerprint string // the ledger's name of it
}

func newVendor() *vendor {
	key, err := hex.DecodeString(vendorKey)
	if err != nil {
		panic(err)
	}
	return &vendor{
		k0: binary.LittleEndian.Uint64(key[:8]), k1: binary.LittleEndian.Uint64(key[8:]),
		start: vendorStart, reached: map[uint64]link{},
	}
}

// next is a token that adds value, 1 to 995.
func (v *vendor) next(value int) token {
	v.count += 2 // odd counts set, even ones add
	low := (v.start + uint64(value)) % 1000
	at, ok := v.reached[low]
	if !ok {
		at = link{code: v.start/1000*1000 + low}
	}
	for ; at.count < v.count; at.count++ {
		var in [8]byte
		binary.BigEndian.PutUint32(in[:4], uint32(at.code))
		binary.BigEndian.PutUint32(in[4:], uint32(at.code))
		h := siphash.Hash(v.k0, v.k1, in[:])
		at.code = uint64(uint32(h>>32)^uint32(h)) >> 2
		if at.code > 999_999_999 {
			at.code -= 73_741_825
		}
	}
	v.reached[low] = at
	sum := sha256.Sum256([]byte("keeplit token\nopenpaygo\ncount " + strconv.Itoa(v.count)))
	return token{digits: fmt.Sprintf("%09d", at.code/1000*1000+low), value: int64(value), fingerprint: hex.EncodeToString(sum[:12])}
}
