package forecast

import "math"

// stored is an expert's answer for one cell over the panel's level, in half the memory of
// a quad: each figure has five bits of exponent and eleven of mantissa, which is to a fortieth of
// a percent.  A year's panels are most of what a forecaster keeps.
type stored [4]uint16

// storedLeast is the greatest figure stored as zero, 2^-20 of the level, as the bits of
// a float32; the greatest stored is 4096 times the level.
const storedLeast = (127 - 20) << 23

func store(x float32) uint16 {
	if !(x > 0) { // no load is below its base
		return 0
	}
	b := math.Float32bits(x)
	if b <= storedLeast {
		return 0
	}
	return uint16(min((b-storedLeast+1<<11)>>12, math.MaxUint16))
}

func unstore(u uint16) float32 {
	if u == 0 {
		return 0
	}
	return math.Float32frombits(uint32(u)<<12 + storedLeast)
}

// get is what an expert answers for a cell of the panel.
func (p *panel) get(expert, cell int) quad {
	s, level := &p.answer[expert][cell], float32(p.level)
	return quad{unstore(s[0]) * level, unstore(s[1]) * level, unstore(s[2]) * level, unstore(s[3]) * level}
}

func (p *panel) set(expert, cell int, q quad) {
	inv := float32(1 / p.level)
	p.answer[expert][cell] = stored{store(q.mean * inv), store(q.q10 * inv), store(q.q50 * inv), store(q.q90 * inv)}
}
