package adc

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keeplit/keeplit/metering/waveform/voltage"
)

// A capture is CSV that agent waveform reads: its first line says what it is, the second
// names the columns, and the rest are millivolts and milliamperes.
const captureMark = "# keeplit capture 1"

// captures are the cycles that are kept around a disturbance, and kept is how many
// files.
const (
	captureBefore, captureAfter, captureMost = 5, 10, 100
	capturesKept                             = 50
)

// Captured is what the first line of a capture says.
type Captured struct {
	Kind      string
	Start     time.Time // of the first sample
	Rate      float64
	Nominal   float64 // V
	Frequency float64 // Hz
}

func (c Captured) String() string {
	return fmt.Sprintf("%s kind=%s start=%s rate=%v nominal=%v frequency=%v", captureMark, c.Kind, c.Start.UTC().Format(time.RFC3339Nano), c.Rate, c.Nominal, c.Frequency)
}

// ReadCaptured reads the first line of a capture; ok is false where it is none.
func ReadCaptured(line string) (c Captured, ok bool) {
	rest, ok := strings.CutPrefix(line, captureMark+" ")
	if !ok {
		return c, false
	}
	for _, part := range strings.Fields(rest) {
		key, value, _ := strings.Cut(part, "=")
		var err error
		switch key {
		case "kind":
			c.Kind = value
		case "start":
			c.Start, err = time.Parse(time.RFC3339Nano, value)
		case "rate":
			c.Rate, err = strconv.ParseFloat(value, 64)
		case "nominal":
			c.Nominal, err = strconv.ParseFloat(value, 64)
		case "frequency":
			c.Frequency, err = strconv.ParseFloat(value, 64)
		}
		if err != nil {
			return c, false
		}
	}
	return c, c.Rate > 0
}

// writer writes captures beside the sampling, which must not wait for the disk: one at a
// time, and what comes while it is busy is left out.
type writer struct {
	dir  string
	next chan captureFile
	hour time.Time // when the hour began in which so many were offered
	n    int
}

type captureFile struct {
	Captured
	phases  int
	samples []int32
}

// offer hands a capture over, or leaves it out.  A voltage that dips for hours would wear a
// memory card out: in an hour no more are written than are kept.
func (w *writer) offer(c captureFile) {
	if since := c.Start.Sub(w.hour); since < 0 || since >= time.Hour {
		w.hour, w.n = c.Start, 0
	}
	if w.n >= capturesKept {
		return
	}
	select {
	case w.next <- c:
		w.n++
	default:
	}
}

// run writes until ctx ends.  A file that cannot be written is left out: it is no reason
// to stop metering.
func (w *writer) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-w.next:
			if w.write(c) == nil {
				w.tidy()
			}
		}
	}
}

// write puts a file in place when it is whole.
func (w *writer) write(c captureFile) error {
	var b bytes.Buffer
	out := bufio.NewWriter(&b)
	fmt.Fprintln(out, c.Captured.String())
	for p := range c.phases {
		fmt.Fprintf(out, "%sv%d,i%d", strings.Repeat(",", min(p, 1)), p+1, p+1)
	}
	var number [16]byte
	for k, v := range c.samples {
		sep := byte(',')
		if k%(2*c.phases) == 0 {
			sep = '\n'
		}
		out.WriteByte(sep)                                     //nolint:errcheck // into memory
		out.Write(strconv.AppendInt(number[:0], int64(v), 10)) //nolint:errcheck // into memory
	}
	out.WriteByte('\n') //nolint:errcheck // into memory
	if err := out.Flush(); err != nil {
		return err
	}
	if err := os.MkdirAll(w.dir, 0o750); err != nil {
		return err
	}
	name := filepath.Join(w.dir, "capture-"+c.Start.UTC().Format("20060102T150405.000Z")+"-"+c.Kind+".csv")
	if err := os.WriteFile(name+".part", b.Bytes(), 0o640); err != nil { //nolint:gosec // for the household to read
		return err
	}
	return os.Rename(name+".part", name)
}

// tidy leaves the newest files.
func (w *writer) tidy() {
	names, err := filepath.Glob(filepath.Join(w.dir, "capture-*.csv"))
	if err != nil {
		return
	}
	slices.Sort(names)
	for len(names) > capturesKept {
		os.Remove(names[0]) //nolint:errcheck // it is tried again with the next
		names = names[1:]
	}
}

// capture takes a capture of the analyzer.
func (w *watch) capture(c *voltage.Capture) {
	if w.files == nil {
		return
	}
	volts, hz := w.analyzer.Declared()
	w.files.offer(captureFile{
		Captured: Captured{Kind: string(c.Kind), Start: w.analyzer.Time(float64(c.First)), Rate: w.rate, Nominal: volts, Frequency: hz},
		phases:   c.Phases, samples: slices.Clone(c.Samples),
	})
}
