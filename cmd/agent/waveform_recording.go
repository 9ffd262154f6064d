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

	"github.com/keeplit/keeplit/metering/waveform"
)

// A recording is looked at before it is measured: whether its codes have a
// sign, how much DC is in them, which voltage and frequency are nominal.  So
// much of it is kept for that.
const surveyed = 1 << 19 // samples, two minutes at 4 kSPS

// sampleFile reads samples out of CSV: lines of "v,i" in codes.  A line with a
// missing value, or a code beyond the converter's range, is a lost sample; a
// line that is no sample at all is an error, but for a header.
type sampleFile struct {
	lines     *bufio.Scanner
	line      int
	low, high int64 // the converter's range
	ahead     []codes
	dcV, dcI  int32
	count     int64 // samples read, with those lost
	late      int   // by how many whole samples the current is shifted
	delayed   []int32
}

// codes is one sample.
type codes struct {
	v, i int32
	lost bool
}

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
		signed = signed || !c.lost && (c.v < 0 || c.i < 0)
		r.ahead = append(r.ahead, c)
	}
	if r.low, r.high = 0, int64(1)<<bits-1; signed {
		r.low, r.high = -(int64(1) << (bits - 1)), int64(1)<<(bits-1)-1
	}
	for k := range r.ahead {
		c := &r.ahead[k]
		c.lost = c.lost || !r.holds(int64(c.v)) || !r.holds(int64(c.i))
	}
	return r, nil
}

func (r *sampleFile) holds(code int64) bool { return code >= r.low && code <= r.high }

// read takes the next line that is a sample; ok is false at the end.
func (r *sampleFile) read() (c codes, ok bool, err error) {
	for r.lines.Scan() {
		r.line++
		text := bytes.TrimSpace(bytes.TrimPrefix(r.lines.Bytes(), []byte("\ufeff")))
		if len(text) == 0 || text[0] == '#' {
			continue
		}
		left, right, found := bytes.Cut(text, []byte{','})
		v, vErr := parseCode(left)
		i, iErr := parseCode(right)
		if r.line == 1 && vErr != nil && len(left) > 0 && !noSample(left) {
			continue // the header
		}
		if !found || (vErr != nil && !noSample(left)) || (iErr != nil && !noSample(right)) {
			return c, false, &exitError{Code: exitInvalid, Err: fmt.Errorf("line %d: %q is not two codes; write v,i", r.line, text[:min(len(text), 40)])}
		}
		if vErr != nil || iErr != nil || !r.holds(v) || !r.holds(i) {
			return codes{lost: true}, true, nil //nolint:nilerr // a code that is not there is a lost sample
		}
		return codes{v: int32(v), i: int32(i)}, true, nil
	}
	err = r.lines.Err()
	if errors.Is(err, bufio.ErrTooLong) {
		err = &exitError{Code: exitInvalid, Err: errors.New("a line is longer than 64 KB; the input is CSV, one sample a line")}
	}
	return c, false, err
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
	var volts, dcV, dcI []float64
	ch := cfg.Channels[0]
	if first.Nominal == 0 {
		first.Nominal = max(1e-6, r.spread()*math.Abs(ch.VoltsPerCode))
	}
	engine, err := waveform.New(first, func(w *waveform.Window) {
		p := &w.Phases[0]
		volts = append(volts, p.Urms)
		dcV, dcI = append(dcV, p.Udc/ch.VoltsPerCode), append(dcI, p.Idc/ch.AmpsPerCode)
	}, nil)
	if err != nil {
		return err
	}
	kept := *r // what is fed now is fed again
	kept.lines = nil
	if err := kept.feed(engine); err != nil {
		return err
	}
	engine.Flush()
	hz := engine.Frequency()
	if cfg.Frequency == 0 {
		if cfg.Frequency = 50; hz > 55 {
			cfg.Frequency = 60
		}
	}
	if cfg.Nominal == 0 {
		cfg.Nominal = nominalOf(volts, cfg.Frequency)
	}
	cfg.Centred = true
	if len(volts) > 0 {
		r.dcV, r.dcI = int32(math.Round(median(dcV))), int32(math.Round(median(dcI)))
	} else {
		cfg.Brief = true
		r.dcV, r.dcI = r.middle()
	}
	if cfg.KeepDC {
		r.dcI = 0
	}
	return nil
}

// spread is the standard deviation of the voltage's codes.
func (r *sampleFile) spread() float64 {
	var n, sum, squares float64
	for _, c := range r.ahead {
		if !c.lost {
			n++
			sum += float64(c.v)
			squares += float64(c.v) * float64(c.v)
		}
	}
	return math.Sqrt(max(0, squares/max(n, 1)-sum/max(n, 1)*(sum/max(n, 1))))
}

// middle is the mean of a recording that is too short for more.
func (r *sampleFile) middle() (v, i int32) {
	var n, sumV, sumI float64
	for _, c := range r.ahead {
		if !c.lost {
			n++
			sumV += float64(c.v)
			sumI += float64(c.i)
		}
	}
	return int32(math.Round(sumV / max(n, 1))), int32(math.Round(sumI / max(n, 1)))
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

// feed gives all samples to the engine.
func (r *sampleFile) feed(engine *waveform.Engine) error {
	block := make([]int32, 0, 8192)
	lost := 0
	take := func(c codes) {
		r.count++
		if c.lost {
			if lost == 0 {
				engine.Feed(block)
				block = block[:0]
			}
			lost++
			return
		}
		if lost > 0 {
			engine.Lost(lost)
			lost, r.delayed = 0, r.delayed[:0]
		}
		v, i, ok := r.align(c.v-r.dcV, c.i-r.dcI)
		if !ok {
			return
		}
		if block = append(block, v, i); len(block) == cap(block) {
			engine.Feed(block)
			block = block[:0]
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
	engine.Feed(block)
	if lost > 0 {
		engine.Lost(lost)
	}
	return nil
}

// align pairs the voltage with the current of late samples before, or after
// where late is negative.
func (r *sampleFile) align(v, i int32) (int32, int32, bool) {
	if r.late == 0 {
		return v, i, true
	}
	keep, wait := i, r.late
	if r.late < 0 {
		keep, wait = v, -r.late
	}
	r.delayed = append(r.delayed, keep)
	if len(r.delayed) <= wait {
		return 0, 0, false
	}
	former := r.delayed[0]
	r.delayed = append(r.delayed[:0], r.delayed[1:]...)
	if r.late < 0 {
		return former, i, true
	}
	return v, former, true
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
