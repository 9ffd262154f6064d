package flicker

import "math"

// Classes lie in octaves, each cut in equal parts: a class is a sixty-fourth of its
// octave wide.
const (
	lowest  = -24 // the first octave begins at 2^lowest
	octaves = 44
	cuts    = 64
)

// Statistics are how often P_inst was how great (block 5).
type Statistics struct {
	classes [octaves*cuts + 2]uint32 // below the first, the classes, and above the last
	count   uint32
}

// Add takes a value of P_inst.
func (s *Statistics) Add(p float64) {
	s.count++
	s.classes[class(p)]++
}

// class is the one of a value.
func class(p float64) int {
	if !(p >= math.Ldexp(1, lowest)) {
		return 0
	}
	// The exponent and the first six digits of a float lie side by side.
	const first = uint64(1023+lowest) * cuts
	i := math.Float64bits(p)>>(52-6) - first
	return int(min(i, octaves*cuts)) + 1
}

// edge is where a class begins.
func edge(i int) float64 {
	if i <= 0 {
		return 0
	}
	i--
	return math.Ldexp(1+float64(i%cuts)/cuts, lowest+i/cuts)
}

// Count is of how many values they are.
func (s *Statistics) Count() uint32 { return s.count }

// Reset begins anew.
func (s *Statistics) Reset() { *s = Statistics{} }

// Severity is P_st, zero where there is no value.
func (s *Statistics) Severity() float64 {
	if s.count == 0 {
		return 0
	}
	mean := func(percents ...float64) (sum float64) {
		for _, p := range percents {
			sum += s.exceeded(p)
		}
		return sum / float64(len(percents))
	}
	return math.Sqrt(0.0314*mean(0.1) + 0.0525*mean(0.7, 1, 1.5) + 0.0657*mean(2.2, 3, 4) +
		0.28*mean(6, 8, 10, 13, 17) + 0.08*mean(30, 50, 80))
}

// exceeded is the level that was exceeded for so many percent of the time.
func (s *Statistics) exceeded(percent float64) float64 {
	above := percent / 100 * float64(s.count)
	for i := len(s.classes) - 1; i >= 0; i-- {
		n := float64(s.classes[i])
		if n == 0 || above > n {
			above -= n
			continue
		}
		top := edge(i + 1)
		if i == len(s.classes)-1 {
			top = edge(i)
		}
		return top - (top-edge(i))*above/n
	}
	return 0
}
