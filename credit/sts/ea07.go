package sts

import (
	"encoding/json"
	"fmt"
	"math/bits"
)

// Tables are the substitution and permutation tables of encryption algorithm
// 07.  Those of production are given by the STS Association under an
// agreement, and are read from a file:
//
//	{"substitution": [[16 numbers 0..15], [16 numbers 0..15]], "permutation": [64 numbers 0..63]}
//
// permutation[i] is where bit i goes, bit 0 being the least significant.
type Tables struct {
	Substitution [2][16]uint8 `json:"substitution"`
	Permutation  [64]uint8    `json:"permutation"`
}

// ReadTables reads and checks a file of tables.
func ReadTables(data []byte) (*Tables, error) {
	var t Tables
	if err := json.Unmarshal(data, &t); err != nil {
		return nil, fmt.Errorf("sts: tables of algorithm 07: %w", err)
	}
	for i, s := range t.Substitution {
		if !permutes(s[:]) {
			return nil, fmt.Errorf("sts: tables of algorithm 07: substitution %d does not hold each of 0 to 15 once", i+1)
		}
	}
	if !permutes(t.Permutation[:]) {
		return nil, fmt.Errorf("sts: tables of algorithm 07: permutation does not hold each of 0 to 63 once")
	}
	return &t, nil
}

// permutes tells whether t holds each number below its length once.
func permutes(t []uint8) bool {
	var seen uint64
	for _, v := range t {
		if int(v) >= len(t) || seen>>v&1 == 1 {
			return false
		}
		seen |= 1 << v
	}
	return true
}

// sta is the Standard Transfer Algorithm: 16 rounds of a substitution by
// nibbles, the key's top bit of each nibble choosing the table, a permutation
// of the 64 bits, and a turn of the key by one bit.  It starts from the
// complement of the key turned right by 12.
//
// Experimental: there was no published vector to check it against.
type sta struct {
	key     uint64
	sub     [2][16]uint8
	unsub   [2][16]uint8
	perm    [64]uint8
	rounds  int
	aligned uint64
}

func newSTA(key uint64, t *Tables) *sta {
	s := &sta{key: key, sub: t.Substitution, perm: t.Permutation, rounds: 16, aligned: bits.RotateLeft64(^key, -12)}
	for i := range 2 {
		for in, out := range t.Substitution[i] {
			s.unsub[i][out] = uint8(in)
		}
	}
	return s
}

func (s *sta) encrypt(v uint64) uint64 {
	key := s.aligned
	for range s.rounds {
		v = s.permute(substitute(v, key, &s.sub))
		key = bits.RotateLeft64(key, 1)
	}
	return v
}

func (s *sta) decrypt(v uint64) uint64 {
	key := bits.RotateLeft64(s.aligned, s.rounds)
	for range s.rounds {
		key = bits.RotateLeft64(key, -1)
		v = substitute(s.unpermute(v), key, &s.unsub)
	}
	return v
}

func substitute(v, key uint64, t *[2][16]uint8) uint64 {
	var out uint64
	for i := 0; i < 64; i += 4 {
		out |= uint64(t[key>>(i+3)&1][v>>i&15]) << i
	}
	return out
}

func (s *sta) permute(v uint64) uint64 {
	var out uint64
	for i, to := range s.perm {
		out |= v >> i & 1 << to
	}
	return out
}

func (s *sta) unpermute(v uint64) uint64 {
	var out uint64
	for i, to := range s.perm {
		out |= v >> to & 1 << i
	}
	return out
}
