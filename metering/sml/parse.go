package sml

import (
	"errors"
	"fmt"
	"math"
)

// crc is the reflected CRC-16 of CCITT.
func crc(v uint16, b []byte) uint16 {
	for _, c := range b {
		v ^= uint16(c)
		for range 8 {
			if v&1 != 0 {
				v = v>>1 ^ 0x8408
			} else {
				v >>= 1
			}
		}
	}
	return v
}

// kind is the type of a node.
type kind byte

const (
	octets kind = iota
	boolean
	integer
	unsigned
	list
	end // the end-of-message mark, 00
)

// node is the head of a value: for a list n is the number of elements, else b
// holds the bytes.
type node struct {
	kind kind
	n    int
	b    []byte
}

// parser walks over a file's body.
type parser struct{ rest []byte }

// errShort is a length that runs over the end.
var errShort = errors.New("a list is longer than the file")

// next reads the head of the next value, and its bytes where it is no list.
func (p *parser) next() (node, error) {
	if len(p.rest) == 0 {
		return node{}, errShort
	}
	tl := p.rest[0]
	if tl == 0 {
		p.rest = p.rest[1:]
		return node{kind: end}, nil
	}
	size, head := int(tl&0x0F), 1
	for more := tl&0x80 != 0; more; head++ {
		if head >= len(p.rest) || head > 3 {
			return node{}, errShort
		}
		b := p.rest[head]
		size = size<<4 | int(b&0x0F)
		more = b&0x80 != 0
	}
	switch tl & 0x70 {
	case 0x70:
		p.rest = p.rest[head:]
		if size > len(p.rest) { // each element takes a byte at least
			return node{}, errShort
		}
		return node{kind: list, n: size}, nil
	case 0x00, 0x40, 0x50, 0x60:
	default:
		return node{}, fmt.Errorf("type %02X is not defined", tl)
	}
	if size < head || size > len(p.rest) {
		return node{}, errShort
	}
	n := node{b: p.rest[head:size]}
	p.rest = p.rest[size:]
	switch tl & 0x70 {
	case 0x40:
		n.kind = boolean
	case 0x50:
		n.kind = integer
	case 0x60:
		n.kind = unsigned
	}
	if n.kind != octets && (len(n.b) == 0 || len(n.b) > 8) {
		return node{}, fmt.Errorf("a number of %d bytes", len(n.b))
	}
	return n, nil
}

// skip passes over the value whose head is n.
func (p *parser) skip(n node, depth int) error {
	if n.kind != list {
		return nil
	}
	if depth > 8 {
		return errors.New("lists nested too deep")
	}
	for range n.n {
		child, err := p.next()
		if err != nil {
			return err
		}
		if err := p.skip(child, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// value reads one whole value; a list is passed over.
func (p *parser) value() (node, error) {
	n, err := p.next()
	if err != nil {
		return n, err
	}
	return n, p.skip(n, 0)
}

// open expects a list of n elements.
func (p *parser) open(n int, what string) error {
	v, err := p.next()
	if err != nil {
		return err
	}
	if v.kind != list || v.n != n {
		return fmt.Errorf("%s is not a list of %d", what, n)
	}
	return nil
}

// int64 is a number of 1 to 8 bytes; meters leave out leading bytes, so a
// signed one is extended from its own first bit.
func (n node) int64() (int64, bool) {
	if n.kind != integer && n.kind != unsigned {
		return 0, false
	}
	v := uint64(0)
	for _, b := range n.b {
		v = v<<8 | uint64(b)
	}
	if n.kind == integer {
		shift := 64 - 8*len(n.b)
		return int64(v<<shift) >> shift, true
	}
	return int64(v), v < 1<<63
}

// isNothing tells whether a number says that there is none: the least that its
// bytes can say, the greatest without a sign, and what one converter of 24 bits
// shows in any width.
func (n node) isNothing() bool {
	if len(n.b) < 2 {
		return false
	}
	v, _ := n.int64()
	if n.kind == unsigned {
		return len(n.b) >= 4 && uint64(v) == math.MaxUint64>>(8*(8-len(n.b)))
	}
	return v == math.MinInt64>>(8*(8-len(n.b))) || v == math.MinInt64>>40
}
