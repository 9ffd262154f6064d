package telemetry

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/store"
)

// Point is the state of one thing at one instant.
type Point struct {
	Measurement string // what is reported, e.g. "site", "load", "credit"
	// Tags name the thing, e.g. load=pump.  An empty value is left out.
	// InfluxDB has no way to write a line break or a backslash in a tag: they
	// become "_" and "/".
	Tags map[string]string
	// Fields are its figures.  They are floating point for ever: InfluxDB
	// refuses a field whose type changes.  One that is not a finite number is
	// left out.
	Fields map[string]float64
	At     time.Time
}

// ErrNoField is the error of a point without a finite figure, which InfluxDB
// cannot hold.
var ErrNoField = errors.New("the point has no finite field")

// Line is the point in the line protocol, without a line break at the end.
// Tags and fields are sorted, so equal points make equal lines.
func (p Point) Line() (string, error) {
	series, err := p.series()
	if err != nil {
		return "", err
	}
	b := append(make([]byte, 0, 256), series...)
	sep := byte(' ')
	for _, k := range p.fieldKeys() {
		b = append(b, sep)
		b = append(b, escape(k, ",= ")...)
		b = append(b, '=')
		b = strconv.AppendFloat(b, p.Fields[k], 'g', -1, 64)
		sep = ','
	}
	b = append(b, ' ')
	return string(strconv.AppendInt(b, p.At.UnixNano(), 10)), nil
}

// series is the measurement with its tags, checked.
func (p Point) series() (string, error) {
	if err := checkName("measurement", p.Measurement); err != nil {
		return "", err
	}
	if strings.HasPrefix(p.Measurement, "#") {
		return "", fmt.Errorf("measurement %q: a line that begins with # is a comment", p.Measurement)
	}
	var b strings.Builder
	b.WriteString(escape(p.Measurement, ", "))
	for _, k := range sorted(p.Tags) {
		if err := checkName("tag", k); err != nil {
			return "", err
		}
		v := clean(p.Tags[k])
		if v == "" {
			continue
		}
		b.WriteString("," + escape(k, ",= ") + "=" + escape(v, ",= "))
	}
	keys := p.fieldKeys()
	for _, k := range keys {
		if err := checkName("field", k); err != nil {
			return "", err
		}
	}
	if len(keys) == 0 {
		return "", fmt.Errorf("%s: %w", p.Measurement, ErrNoField)
	}
	if y := p.At.Year(); y < 1970 || y > 2261 {
		return "", fmt.Errorf("%s: InfluxDB cannot hold the time %s", p.Measurement, p.At.Format(time.RFC3339))
	}
	return b.String(), nil
}

// fieldKeys are the names of the finite fields, sorted.
func (p Point) fieldKeys() []string {
	return slices.DeleteFunc(sorted(p.Fields), func(k string) bool {
		return math.IsNaN(p.Fields[k]) || math.IsInf(p.Fields[k], 0)
	})
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// checkName refuses names that InfluxDB has no way to write or keeps for
// itself.  Names are ours, so this is a fault of the program.
func checkName(what, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("a %s without a name", what)
	case name != clean(name):
		return fmt.Errorf("the %s %q has characters that InfluxDB cannot hold", what, name)
	case strings.HasPrefix(name, "_") || name == "time":
		return fmt.Errorf("the %s name %q is InfluxDB's own", what, name)
	}
	return nil
}

// clean replaces what the line protocol cannot carry in a name.  A backslash
// is one of them: it escapes only some characters and itself not at all.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\\':
			return '/'
		case r < ' ', r == 0x7f:
			return '_'
		}
		return r
	}, strings.ToValidUTF8(s, "_"))
}

func escape(s, special string) string {
	if !strings.ContainsAny(s, special) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune(special, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Messages are the rows for the outbox, one a point.  Its key is the series,
// the names of the fields and the time: the same report made twice waits once.
// Points without a finite field are left out; any other fault is an error.
func Messages(points ...Point) ([]store.Message, error) {
	out := make([]store.Message, 0, len(points))
	for _, p := range points {
		line, err := p.Line()
		if errors.Is(err, ErrNoField) {
			continue
		}
		if err != nil {
			return nil, err
		}
		series, err := p.series()
		if err != nil {
			return nil, err
		}
		key := series + " " + strings.Join(p.fieldKeys(), ",") + " " + strconv.FormatInt(p.At.UnixNano(), 10)
		out = append(out, store.Message{Channel: store.Influx, Key: key, Payload: []byte(line), At: p.At})
	}
	return out, nil
}
