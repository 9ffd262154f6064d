package dlms

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/keeplit/keeplit/metering/glo"
)

// The types of A-XDR values (IEC 62056-6-2, common data types).
const (
	tagNull        = 0
	tagArray       = 1
	tagStructure   = 2
	tagBoolean     = 3
	tagBits        = 4
	tagInt32       = 5
	tagUint32      = 6
	tagOctets      = 9
	tagVisible     = 10
	tagUTF8        = 12
	tagBCD         = 13
	tagInt8        = 15
	tagInt16       = 16
	tagUint8       = 17
	tagUint16      = 18
	tagCompact     = 19
	tagInt64       = 20
	tagUint64      = 21
	tagEnum        = 22
	tagFloat32     = 23
	tagFloat64     = 24
	tagDateTime    = 25
	tagDate        = 26
	tagTime        = 27
	tagDeltaInt8   = 28
	tagDeltaInt16  = 29
	tagDeltaInt32  = 30
	tagDeltaUint8  = 31
	tagDeltaUint16 = 32
	tagDeltaUint32 = 33
	tagDontCare    = 255
)

// What a telegram may hold.
const (
	maxDepth  = 8
	maxValues = 1000
)

var (
	errShort = errors.New("a value is longer than the telegram")
	errDeep  = fmt.Errorf("values nested more than %d deep", maxDepth)
	errMany  = fmt.Errorf("more than %d values", maxValues)
)

// value is one value: kids of a list, else the bytes that it has on the wire.
type value struct {
	tag  byte
	b    []byte
	kids []value
}

// parser walks over a telegram's body.
type parser struct {
	rest []byte
	n    int // values so far
}

func (p *parser) take(n int) ([]byte, error) {
	if n > len(p.rest) {
		return nil, errShort
	}
	b := p.rest[:n]
	p.rest = p.rest[n:]
	return b, nil
}

func (p *parser) length() (int, error) {
	n, size, err := glo.Length(p.rest)
	if err != nil {
		if errors.Is(err, glo.ErrShort) {
			err = errShort
		}
		return 0, err
	}
	p.rest = p.rest[size:]
	return n, nil
}

// value reads one value with its tag.
func (p *parser) value(depth int) (value, error) {
	tag, err := p.take(1)
	if err != nil {
		return value{}, err
	}
	return p.untagged(tag[0], depth)
}

// width is how many bytes a type of fixed length has; -1 for any other.
func width(tag byte) int {
	switch tag {
	case tagNull, tagDontCare:
		return 0
	case tagBoolean, tagBCD, tagInt8, tagUint8, tagEnum, tagDeltaInt8, tagDeltaUint8:
		return 1
	case tagInt16, tagUint16, tagDeltaInt16, tagDeltaUint16:
		return 2
	case tagInt32, tagUint32, tagFloat32, tagTime, tagDeltaInt32, tagDeltaUint32:
		return 4
	case tagDate:
		return 5
	case tagInt64, tagUint64, tagFloat64:
		return 8
	case tagDateTime:
		return clockLen
	}
	return -1
}

// untagged reads the contents of a value whose type is known.
func (p *parser) untagged(tag byte, depth int) (value, error) {
	if p.n++; p.n > maxValues {
		return value{}, errMany
	}
	if depth > maxDepth {
		return value{}, errDeep
	}
	v := value{tag: tag}
	if n := width(tag); n >= 0 {
		b, err := p.take(n)
		v.b = b
		return v, err
	}
	switch tag {
	case tagArray, tagStructure:
		n, err := p.length()
		if err != nil {
			return v, err
		}
		for range n {
			kid, err := p.value(depth + 1)
			if err != nil {
				return v, err
			}
			v.kids = append(v.kids, kid)
		}
		return v, nil
	case tagOctets, tagVisible, tagUTF8, tagBits:
		n, err := p.length()
		if err != nil {
			return v, err
		}
		if tag == tagBits {
			n = (n + 7) / 8
		}
		v.b, err = p.take(n)
		return v, err
	case tagCompact:
		return p.compact(depth)
	}
	return v, fmt.Errorf("type %d is not defined", tag)
}

// shape is the type of a compact array's elements, told once before them.
type shape struct {
	tag   byte
	count int // of an array's elements
	of    []shape
}

// compact reads an array whose elements have no tags of their own.
func (p *parser) compact(depth int) (value, error) {
	v := value{tag: tagArray}
	s, err := p.shape(depth + 1)
	if err != nil {
		return v, err
	}
	n, err := p.length()
	if err != nil {
		return v, err
	}
	in, err := p.take(n)
	if err != nil {
		return v, err
	}
	inner := parser{rest: in, n: p.n}
	for len(inner.rest) > 0 {
		before := len(inner.rest)
		kid, err := inner.shaped(s, depth+1)
		if err != nil {
			return v, err
		}
		if len(inner.rest) == before {
			return v, errors.New("a compact array of nothing")
		}
		v.kids = append(v.kids, kid)
	}
	p.n = inner.n
	return v, nil
}

func (p *parser) shape(depth int) (shape, error) {
	if p.n++; p.n > maxValues {
		return shape{}, errMany
	}
	if depth > maxDepth {
		return shape{}, errDeep
	}
	tag, err := p.take(1)
	if err != nil {
		return shape{}, err
	}
	s := shape{tag: tag[0]}
	kids := 0
	switch s.tag {
	case tagArray:
		n, err := p.take(2)
		if err != nil {
			return s, err
		}
		s.count, kids = int(binary.BigEndian.Uint16(n)), 1
	case tagStructure:
		if kids, err = p.length(); err != nil {
			return s, err
		}
	case tagCompact:
		return s, errors.New("a compact array of compact arrays")
	}
	for range kids {
		kid, err := p.shape(depth + 1)
		if err != nil {
			return s, err
		}
		s.of = append(s.of, kid)
	}
	return s, nil
}

func (p *parser) shaped(s shape, depth int) (value, error) {
	v := value{tag: s.tag}
	kids := s.of
	switch s.tag {
	case tagArray, tagStructure:
		if p.n++; p.n > maxValues {
			return v, errMany
		}
		if depth > maxDepth {
			return v, errDeep
		}
	default:
		return p.untagged(s.tag, depth)
	}
	n := len(kids)
	if s.tag == tagArray {
		n = s.count
	}
	for i := range n {
		kid, err := p.shaped(kids[i%len(kids)], depth+1)
		if err != nil {
			return v, err
		}
		v.kids = append(v.kids, kid)
	}
	return v, nil
}

// list tells whether v has kids.
func (v value) list() bool { return v.tag == tagArray || v.tag == tagStructure }

// integer is a whole number.  ok is false for anything else, and for a number that no
// int64 holds.  A delta, which counts from a value before it, is no number of its own.
func (v value) integer() (n int64, ok bool) {
	switch v.tag {
	case tagInt8:
		return int64(int8(v.b[0])), true
	case tagUint8, tagEnum, tagBoolean:
		return int64(v.b[0]), true
	case tagInt16:
		return int64(int16(binary.BigEndian.Uint16(v.b))), true
	case tagUint16:
		return int64(binary.BigEndian.Uint16(v.b)), true
	case tagInt32:
		return int64(int32(binary.BigEndian.Uint32(v.b))), true
	case tagUint32:
		return int64(binary.BigEndian.Uint32(v.b)), true
	case tagInt64:
		return int64(binary.BigEndian.Uint64(v.b)), true
	case tagUint64:
		u := binary.BigEndian.Uint64(v.b)
		return int64(u), u <= math.MaxInt64
	}
	return 0, false
}

// float is a number with a point of its own.
func (v value) float() (f float64, ok bool) {
	switch v.tag {
	case tagFloat32:
		f = float64(math.Float32frombits(binary.BigEndian.Uint32(v.b)))
	case tagFloat64:
		f = math.Float64frombits(binary.BigEndian.Uint64(v.b))
	default:
		return 0, false
	}
	return f, !math.IsNaN(f) && !math.IsInf(f, 0)
}

// number tells whether v is any number.
func (v value) number() bool {
	switch v.tag {
	case tagFloat32, tagFloat64, tagUint64:
		return true
	case tagBoolean, tagEnum:
		return false
	}
	_, ok := v.integer()
	return ok
}

// text tells whether v is a string.
func (v value) text() bool { return v.tag == tagOctets || v.tag == tagVisible || v.tag == tagUTF8 }
