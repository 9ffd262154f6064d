package meteringtest

import "bytes"

// Damage tries all that a line does to what it carries: cut at any byte, any bit turned
// over, any byte lost, and one too many before any.
func Damage(whole []byte, try func(what string, at int, damaged []byte)) {
	for i := range whole {
		try("cut", i, whole[:i])
		for bit := range 8 {
			b := bytes.Clone(whole)
			b[i] ^= 1 << bit
			try("a bit turned over", i, b)
		}
		try("a byte lost", i, append(bytes.Clone(whole[:i]), whole[i+1:]...))
		try("a byte too many", i, append(append(bytes.Clone(whole[:i]), 0x55), whole[i:]...))
	}
}
