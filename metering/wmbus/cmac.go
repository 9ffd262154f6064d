package wmbus

import "crypto/cipher"

// cmac is AES-CMAC (RFC 4493), with which meters prove what they say.  No library is used
// for its three steps.
func cmac(block cipher.Block, message []byte) [16]byte {
	var last, sum [16]byte
	block.Encrypt(last[:], last[:])
	last = double(last) // for a last block that is whole
	n := len(message)
	whole := n > 0 && n%16 == 0
	if !whole {
		last = double(last)
		last[n%16] ^= 0x80
	}
	for len(message) > 16 || !whole && len(message) == 16 {
		xor(&sum, message[:16])
		block.Encrypt(sum[:], sum[:])
		message = message[16:]
	}
	xor(&sum, message)
	xor(&sum, last[:])
	block.Encrypt(sum[:], sum[:])
	return sum
}

func xor(to *[16]byte, b []byte) {
	for i, c := range b {
		to[i] ^= c
	}
}

// double is the multiplication by x in the field of 2^128.
func double(b [16]byte) (out [16]byte) {
	carry := byte(0)
	for i := 15; i >= 0; i-- {
		out[i] = b[i]<<1 | carry
		carry = b[i] >> 7
	}
	out[15] ^= carry * 0x87
	return out
}
