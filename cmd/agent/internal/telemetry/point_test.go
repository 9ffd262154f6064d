package telemetry

import (
	"errors"
	"maps"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	protocol "github.com/influxdata/line-protocol"
)

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)

func TestLine(t *testing.T) {
	for _, row := range []struct {
		name string
		p    Point
		want string
	}{
		{
			"tags and fields in order",
			Point{"site", map[string]string{"site": "home", "phase": "1"}, map[string]float64{"power": 1234.5, "energy": 2}, t0},
			"site,phase=1,site=home energy=2,power=1234.5 1772366400123456789",
		},
		{
			"blanks, commas and equal signs are escaped",
			Point{"my site,a=b", map[string]string{"a b": "c, d=e"}, map[string]float64{"f g": 1}, t0},
			`my\ site\,a=b,a\ b=c\,\ d\=e f\ g=1 1772366400123456789`,
		},
		{
			"what a tag cannot hold is replaced",
			Point{"load", map[string]string{"name": "C:\\pump\\\nnew\xff"}, map[string]float64{"on": 1}, t0},
			"load,name=C:/pump/_new_ on=1 1772366400123456789",
		},
		{
			"an empty tag is left out, quotes stay",
			Point{"load", map[string]string{"a": "", "b": `"x"`}, map[string]float64{"on": 0}, t0},
			`load,b="x" on=0 1772366400123456789`,
		},
		{
			"what is not a number is left out",
			Point{"load", nil, map[string]float64{"a": math.NaN(), "b": 1e-7, "c": math.Inf(1), "d": 1e21}, t0},
			"load b=1e-07,d=1e+21 1772366400123456789",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := row.p.Line()
			if err != nil {
				t.Fatal(err)
			}
			if got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}

func TestPointsThatCannotBeWritten(t *testing.T) {
	one := map[string]float64{"v": 1}
	for _, row := range []struct {
		name string
		p    Point
		says string
	}{
		{"no measurement", Point{"", nil, one, t0}, "without a name"},
		{"comment", Point{"#site", nil, one, t0}, "comment"},
		{"line break in the measurement", Point{"si\nte", nil, one, t0}, "cannot hold"},
		{"name of InfluxDB's own", Point{"site", map[string]string{"time": "x"}, one, t0}, "InfluxDB's own"},
		{"field of InfluxDB's own", Point{"site", nil, map[string]float64{"_field": 1}, t0}, "InfluxDB's own"},
		{"field without a name", Point{"site", nil, map[string]float64{"": 1}, t0}, "without a name"},
		{"tag without a name", Point{"site", map[string]string{"": "x"}, one, t0}, "without a name"},
		{"no field", Point{"site", nil, nil, t0}, "no finite field"},
		{"no time", Point{"site", nil, one, time.Time{}}, "cannot hold the time"},
	} {
		t.Run(row.name, func(t *testing.T) {
			line, err := row.p.Line()
			if err == nil || !strings.Contains(err.Error(), row.says) {
				t.Errorf("%q, %v", line, err)
			}
		})
	}
}

func TestMessagesLeaveOutPointsWithoutFigures(t *testing.T) {
	got, err := Messages(
		Point{"a", nil, map[string]float64{"v": math.NaN()}, t0},
		Point{"b", map[string]string{"x": "1"}, map[string]float64{"v": 1, "w": 2}, t0},
	)
	if err != nil || len(got) != 1 || got[0].Key != "b,x=1 v,w 1772366400123456789" || !got[0].At.Equal(t0) {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := Messages(Point{}); err == nil || errors.Is(err, ErrNoField) {
		t.Error(err)
	}
}

// FuzzLine writes a point and reads it back with another's parser.
func FuzzLine(f *testing.F) {
	f.Add("site", "load", "pump", "power", 1.5, int64(1772366400123456789))
	f.Add("my site", "a=b", `c,d \`, "f g", -1e-300, int64(0))
	f.Add("m", "k", "line\nbreak", "v", math.MaxFloat64, int64(math.MaxInt64))
	f.Add("m,", "k,", `\,\=\ `, "v,=", 0.1, int64(-1))
	f.Add("Zähler", "größe", "日本", "µ", 5e-324, int64(1))
	f.Add(`m"`, `"`, `"x y"`, `"v"`, 1.0, int64(1))
	f.Fuzz(func(t *testing.T, measurement, tag, value, field string, v float64, at int64) {
		p := Point{measurement, map[string]string{tag: value}, map[string]float64{field: v}, time.Unix(0, at).UTC()}
		line, err := p.Line()
		if err != nil {
			return
		}
		if strings.Contains(line, "\n") {
			t.Fatalf("two lines: %q", line)
		}
		h := protocol.NewMetricHandler()
		ms, err := protocol.NewParser(h).Parse([]byte(line))
		if err != nil || len(ms) != 1 {
			t.Fatalf("%q: %d points, %v", line, len(ms), err)
		}
		got := Point{ms[0].Name(), map[string]string{}, map[string]float64{}, ms[0].Time().UTC()}
		for _, x := range ms[0].TagList() {
			got.Tags[x.Key] = x.Value
		}
		for _, x := range ms[0].FieldList() {
			n, ok := x.Value.(float64)
			if !ok {
				t.Fatalf("%q: the field is %T", line, x.Value)
			}
			got.Fields[x.Key] = n
		}
		want := p
		want.Tags = maps.Clone(p.Tags)
		if want.Tags[tag] = clean(value); want.Tags[tag] == "" {
			delete(want.Tags, tag)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("%q\n%s", line, d)
		}
	})
}
