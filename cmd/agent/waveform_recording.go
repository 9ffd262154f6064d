package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/keeplit/keeplit/metering/adc"
	"github.com/keeplit/keeplit/metering/waveform"
)

// A recording is looked at before it is measured: whether its codes have a
// sign, how much DC is in them, which voltage and frequency are nominal.  So
// much of it is kept for that.
const surveyed = 1 << 19 // samples, two minutes at 4 kSPS

// sampleFile reads samples out of CSV: lines of "v,i" in codes, or "v1,i1,v2,i2,v3,i3",
// and the current of the neutral after those of three phases.  A line with a
// missing value, or a code beyond the converter's range, is a lost sample; a
// line that is no sample at all is an error, but for a header.
type sampleFile struct {
	lines     *bufio.Scanner
	line      int
	low, high int64 // the converter's range
	ahead     []codes
	columns   int
	captured  *adc.Captured // what the agent wrote of a recording of its own; nil: it is none
	dc        sample
	count     int64 // samples read, with those lost
	late      int   // by how many whole samples the currents are shifted
	delayed   []sample
}

// columns is how many a recording may have: of three phases and the neutral.
const mostColumns = 7

// sample is what the columns say, in their order.
type sample [mostColumns]int32

// codes is one sample of the recording.
type codes struct {
	sample
	lost bool
}

// phases is how many the recording has.
func (r *sampleFile) phases() int { return r.columns / 2 }

// neutral tells whether the current of the neutral is in it.
func (r *sampleFile) neutral() bool { return r.columns == mostColumns }

// openRecording reads the beginning.
func openRecording(in io.Reader, bits int) (*sampleFile, error) {
	r := &sampleFile{lines: bufio.NewScanner(in), low: math.MinInt32, high: math.MaxInt32}
	r.lines.Buffer(make([]byte, 4096), 64<<10)
	signed := false
	for len(r.ahead) < surveyed {
		c, ok, err := r.read()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		signed = signed || !c.lost && slices.Min(c.sample[:]) < 0
		r.ahead = append(r.ahead, c)
	}
	if r.captured != nil {
		r.columns = max(2, r.columns)
		return r, nil
	}
	if r.low, r.high = 0, int64(1)<<bits-1; signed {
		r.low, r.high = -(int64(1) << (bits - 1)), int64(1)<<(bits-1)-1
	}
	for k := range r.ahead {
		c := &r.ahead[k]
		for _, v := range c.sample[:r.columns] {
			c.lost = c.lost || !r.holds(int64(v))
		}
	}
	r.columns = max(2, r.columns)
	return r, nil
}

func (r *sampleFile) holds(code int64) bool { return code >= r.low && code <= r.high }

// read takes the next line that is a sample; ok is false at the end.
func (r *sampleFile) read() (c codes, ok bool, err error) {
	for r.lines.Scan() {
		r.line++
		text := bytes.TrimSpace(bytes.TrimPrefix(r.lines.Bytes(), []byte("\ufeff")))
		if r.line == 1 {
			if of, ok := adc.ReadCaptured(string(text)); ok {
				r.captured = &of
				r.low, r.high = math.MinInt32, math.MaxInt32
			}
		}
		if len(text) == 0 || text[0] == '#' {
			continue
		}
		columns := bytes.Count(text, []byte{','}) + 1
		left, rest, _ := bytes.Cut(text, []byte{','})
		if _, err := parseCode(left); (r.line == 1 || r.line == 2 && r.captured != nil) && err != nil && len(left) > 0 && !noSample(left) {
			continue // the header
		}
		if r.columns == 0 {
			r.columns = columns
		}
		if columns != r.columns || columns < 2 || columns%2 == 1 && columns != mostColumns || columns > mostColumns {
			return c, false, r.refuse(text)
		}
		for k := range columns {
			v, err := parseCode(left)
			if err != nil && !noSample(left) {
				return c, false, r.refuse(text)
			}
			c.lost = c.lost || err != nil || !r.holds(v)
			c.sample[k] = int32(v)
			left, rest, _ = bytes.Cut(rest, []byte{','})
		}
		if c.lost { // a code that is not there is a lost sample
			c.sample = sample{}
		}
		return c, true, nil
	}
	err = r.lines.Err()
	if errors.Is(err, bufio.ErrTooLong) {
		err = &exitError{Code: exitInvalid, Err: errors.New("a line is longer than 64 KB; the input is CSV, one sample a line")}
	}
	return c, false, err
}

// refuse says what a line should be.
func (r *sampleFile) refuse(text []byte) error {
	want := "write v,i, or v1,i1,v2,i2,v3,i3"
	if r.columns > 2 {
		want = fmt.Sprintf("write %d of them in each line, as in the first", r.columns)
	}
	return &exitError{Code: exitInvalid, Err: fmt.Errorf("line %d: %q is not a voltage and a current of each phase in codes; %s", r.line, text[:min(len(text), 40)], want)}
}

// shift takes whole samples out of cfg's skew; the engine corrects what is left.
func (r *sampleFile) shift(cfg *waveform.Config) {
	if at := cfg.Skew.Seconds() * cfg.Rate; math.Abs(at) > 1 && math.Abs(at) < 1000 {
		r.late = int(math.Round(at))
		cfg.Skew -= time.Duration(float64(r.late) / cfg.Rate * float64(time.Second))
	}
}

// survey finds the DC, and what cfg leaves open: the nominal voltage and frequency.
func (r *sampleFile) survey(cfg *waveform.Config) error {
	first := *cfg
	var volts []float64
	dc := make([][]float64, r.columns)
	if first.Nominal == 0 {
		first.Nominal = max(1e-6, r.spread()*math.Abs(cfg.Channels[0].VoltsPerCode))
	}
	engine, err := waveform.New(first, func(w *waveform.Window) {
		for k := range w.Phases {
			p, ch := &w.Phases[k], cfg.Channels[k]
			volts = append(volts, p.Urms)
			dc[2*k], dc[2*k+1] = append(dc[2*k], p.Udc/ch.VoltsPerCode), append(dc[2*k+1], p.Idc/ch.AmpsPerCode)
		}
	}, nil)
	if err != nil {
		return err
	}
	kept := *r // what is fed now is fed again
	kept.lines = nil
	if err := kept.feed(engine, nil); err != nil {
		return err
	}
	engine.Flush()
	hz := engine.Frequency()
	if cfg.Frequency == 0 {
		if cfg.Frequency = 50; hz > 55 {
			cfg.Frequency = 60
		}
	}
	if hz > 0.7*cfg.Frequency && hz < 1.4*cfg.Frequency {
		cfg.Near = hz
	}
	if cfg.Nominal == 0 {
		cfg.Nominal = nominalOf(volts, cfg.Frequency)
	}
	cfg.Centred = true
	if len(volts) > 0 {
		for k := range 2 * r.phases() {
			r.dc[k] = int32(math.Round(median(dc[k])))
		}
	} else {
		cfg.Brief = true
		r.dc = r.middle()
	}
	if r.neutral() {
		r.dc[mostColumns-1] = r.middle()[mostColumns-1]
	}
	if cfg.KeepDC {
		for k := range 2 * r.phases() {
			if k%2 == 1 {
				r.dc[k] = 0
			}
		}
	}
	return nil
}

// spread is the standard deviation of the first voltage's codes.
func (r *sampleFile) spread() float64 {
	var n, sum, squares float64
	for _, c := range r.ahead {
		if !c.lost {
			n++
			sum += float64(c.sample[0])
			squares += float64(c.sample[0]) * float64(c.sample[0])
		}
	}
	return math.Sqrt(max(0, squares/max(n, 1)-sum/max(n, 1)*(sum/max(n, 1))))
}

// middle is the mean of each column.
func (r *sampleFile) middle() (out sample) {
	var n float64
	var sum [mostColumns]float64
	for _, c := range r.ahead {
		if !c.lost {
			n++
			for k, v := range c.sample {
				sum[k] += float64(v)
			}
		}
	}
	for k := range out {
		out[k] = int32(math.Round(sum[k] / max(n, 1)))
	}
	return out
}

// nominalOf is which of the world's voltages most of the windows are near to.
// One that fits none is taken for a disturbed 230 V, or 120 V at 60 Hz, unless
// it is so far off that the scale must be another.
func nominalOf(volts []float64, hz float64) float64 {
	usual := []float64{230, 400, 120, 100}
	if hz == 60 {
		usual = []float64{120, 230, 277, 100, 400}
	}
	best, most := usual[0], 0
	for _, u := range usual {
		near := 0
		for _, v := range volts {
			if math.Abs(v/u-1) <= 0.1 {
				near++
			}
		}
		if u == 230 && hz == 50 && near*5 >= len(volts) && near > 0 {
			return u
		}
		if near > most {
			best, most = u, near
		}
	}
	if present := slices.DeleteFunc(slices.Clone(volts), func(v float64) bool { return v < 1e-6 }); most == 0 && len(present) > 0 {
		if m := median(present); m > 1000 || slices.Max(present) < 20 {
			return m
		}
	}
	return best
}

// feed gives all samples to the engine, and the neutral's current, beside the first
// voltage, to one of its own; that may be nil.
func (r *sampleFile) feed(engine, neutral *waveform.Engine) error {
	return r.each(func(block []sample, lost int) {
		width := 2 * r.phases()
		var codes [2 * mostColumns]int32
		for _, s := range block {
			engine.Feed(append(codes[:0], s[:width]...))
			if neutral != nil {
				neutral.Feed(append(codes[:0], s[0], s[mostColumns-1]))
			}
		}
		engine.Lost(lost)
		if neutral != nil {
			neutral.Lost(lost)
		}
	})
}

// only gives the samples of one phase, from 0, to an engine of one.
func (r *sampleFile) only(engine *waveform.Engine, phase int) error {
	return r.each(func(block []sample, lost int) {
		for _, s := range block {
			engine.Feed(s[2*phase : 2*phase+2])
		}
		engine.Lost(lost)
	})
}

// each gives all samples in their order, without their DC, and how many are lost after
// some of them.
func (r *sampleFile) each(give func(block []sample, lost int)) error {
	block := make([]sample, 0, 4096)
	lost := 0
	flush := func() {
		give(block, lost)
		block, lost = block[:0], 0
	}
	take := func(c codes) {
		r.count++
		if c.lost {
			lost++
			return
		}
		if lost > 0 || len(block) == cap(block) {
			if lost > 0 {
				r.delayed = r.delayed[:0]
			}
			flush()
		}
		for k := range c.sample {
			c.sample[k] -= r.dc[k]
		}
		if s, ok := r.align(c.sample); ok {
			block = append(block, s)
		}
	}
	for _, c := range r.ahead {
		take(c)
	}
	for r.lines != nil {
		c, ok, err := r.read()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		take(c)
	}
	flush()
	return nil
}

// align pairs the voltages with the currents of late samples before, or after
// where late is negative.
func (r *sampleFile) align(s sample) (sample, bool) {
	if r.late == 0 {
		return s, true
	}
	wait := max(r.late, -r.late)
	r.delayed = append(r.delayed, s)
	if len(r.delayed) <= wait {
		return s, false
	}
	former := r.delayed[0]
	r.delayed = append(r.delayed[:0], r.delayed[1:]...)
	volts, amps := s, former
	if r.late < 0 {
		volts, amps = former, s
	}
	for k := range s {
		if s[k] = amps[k]; k%2 == 0 && k != mostColumns-1 {
			s[k] = volts[k]
		}
	}
	return s, true
}

// noSample tells how a sample that is not there is written.
func noSample(b []byte) bool {
	b = bytes.TrimSpace(b)
	return len(b) == 0 || bytes.EqualFold(b, []byte("nan")) || bytes.EqualFold(b, []byte("null")) || bytes.EqualFold(b, []byte("na"))
}

// parseCode reads a code; recordings write whole numbers as "123" or "123.0".
func parseCode(b []byte) (int64, error) {
	b = bytes.TrimSpace(b)
	if v, err := strconv.ParseInt(string(b), 10, 64); err == nil {
		return v, nil
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil || math.IsNaN(f) || math.Abs(f) > 1e12 {
		return 0, errors.New("not a code")
	}
	return int64(math.RoundToEven(f)), nil
}
