package modbus

import (
	"context"
	"fmt"
	"math"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/line"
)

// numbers writes numbers into a device's table.
type numbers map[int]any

func (p numbers) device(function byte) *device {
	d := &device{table: map[int]uint16{}, silent: map[int]bool{}, only: function}
	words := func(at int, v uint64, n int, lowFirst bool) {
		for i := range n {
			place := at + n - 1 - i
			if lowFirst {
				place = at + i
			}
			d.table[place] = uint16(v >> (16 * i))
		}
	}
	for at, v := range p {
		switch v := v.(type) {
		case float32:
			words(at, uint64(math.Float32bits(v)), 2, false)
		case float64:
			words(at, math.Float64bits(v), 4, false)
		case int64:
			words(at, uint64(v), 4, false)
		case int32:
			words(at, uint64(uint32(v)), 2, true) // the low word first
		case uint32:
			words(at, uint64(v), 2, false)
		case int:
			words(at, uint64(uint16(v)), 1, false)
		}
	}
	return d
}

// The numbers are those that the sources at each preset give, with what they say of
// type, order and unit.
func TestEachPresetReadsWhatItsSourceGives(t *testing.T) {
	want := "1234.500 12.300 1500.0 230.0 6.5 50.0 3"
	for _, row := range []struct {
		model    string
		function byte
		most     int
		table    numbers
		want     string // import, export, power, voltage, current, frequency, phases
	}{
		{"sdm120", 4, 0, numbers{0x48: float32(1234.5), 0x4A: float32(12.3), 0x0C: float32(1500), 0x46: float32(50), 0: float32(230), 6: float32(6.5)}, "1234.500 12.300 1500.0 230.0 6.5 50.0 1"},
		{"sdm220", 4, 0, numbers{0x48: float32(1234.5), 0x4A: float32(12.3), 0x0C: float32(1500), 0x46: float32(50), 0: float32(230), 6: float32(6.5)}, "1234.500 12.300 1500.0 230.0 6.5 50.0 1"},
		{"sdm72", 4, 0, numbers{0x48: float32(1234.5), 0x4A: float32(12.3), 0x34: float32(1500)}, "1234.500 12.300 1500.0 0.0 0.0 0.0 0"},
		{"sdm72v2", 4, 0, numbers{
			0x48: float32(1234.5), 0x4A: float32(12.3), 0x34: float32(1500), 0x46: float32(50), 0: float32(229), 2: float32(230), 4: float32(231),
			6: float32(2), 8: float32(2), 10: float32(2.5), 12: float32(500), 14: float32(500), 16: float32(500), 0x38: float32(1510), 0x3C: float32(10),
		}, want},
		{"em340", 4, 11, numbers{
			0x34: int32(12345), 0x4E: int32(123), 0x28: int32(15000), 0x33: 500, 0: int32(2290), 2: int32(2300), 4: int32(2310),
			0x0C: int32(2000), 0x0E: int32(2000), 0x10: int32(2500), 0x12: int32(5000), 0x14: int32(5000), 0x16: int32(5000),
		}, want},
		{"em24e1", 4, 11, numbers{0x34: int32(12345), 0x4E: int32(123), 0x28: int32(-15000)}, "1234.500 12.300 -1500.0 0.0 0.0 0.0 3"},
		{"em24", 4, 11, numbers{
			0x42: int32(12345), 0x5C: int32(123), 0x28: int32(-15000), 0x37: 500, 0: int32(2290), 2: int32(2300), 4: int32(2310),
			0x0C: int32(2000), 0x0E: int32(2000), 0x10: int32(2500), 0x12: int32(-5000), 0x14: int32(-5000), 0x16: int32(-5000),
			0x34: int32(98765), 0x4E: int32(98765), // of the EM24 with Ethernet: something else here
		}, "1234.500 12.300 -1500.0 230.0 6.5 50.0 3"},
		{"iem3155", 3, 0, numbers{
			0xC83: int64(1234500), 0xC87: int64(12300), 0xBF3: float32(1.5), 0xC25: float32(50), 0xBD3: float32(229), 0xBD5: float32(230), 0xBD7: float32(231),
			0xBB7: float32(2), 0xBB9: float32(2), 0xBBB: float32(2.5), 0xBED: float32(0.5), 0xBEF: float32(0.5), 0xBF1: float32(0.5),
		}, want},
		{"we514", 3, 0, numbers{0xA000: uint32(123450), 0x140: uint32(1500), 0x131: 23000, 0x139: uint32(6500), 0x130: 5000}, "1234.500 0.000 1500.0 230.0 6.5 50.0 1"},
		{"b23", 3, 0, numbers{
			0x4A7C: float32(1234500), 0x4A84: float32(12300), 0x4A52: float32(1500), 0x4A6A: float32(50), 0x4A38: float32(229), 0x4A3A: float32(230), 0x4A3C: float32(231),
			0x4A44: float32(2), 0x4A46: float32(2), 0x4A48: float32(2.5), 0x4A4C: float32(500), 0x4A4E: float32(500), 0x4A50: float32(500),
		}, want},
		{"dtsu666", 3, 0, numbers{
			0x101E: float32(1234.5), 0x1028: float32(12.3), 0x2012: float32(15000), 0x2044: float32(5000), 0x2006: float32(2290), 0x2008: float32(2300), 0x200A: float32(2310),
			0x200C: float32(2000), 0x200E: float32(2000), 0x2010: float32(2500), 0x2014: float32(5000), 0x2016: float32(5000), 0x2018: float32(5000),
		}, want},
		{"pac2200", 4, 0, numbers{
			801: float64(1_234_000), 805: float64(500), 809: float64(12_000), 813: float64(300), 65: float32(1500), 1: float32(229), 3: float32(230), 5: float32(231),
			13: float32(2), 15: float32(2), 17: float32(2.5), 25: float32(500), 27: float32(500), 29: float32(500),
		}, "1234.500 12.300 1500.0 230.0 6.5 0.0 3"},
		{"sun2000", 3, 0, numbers{
			37121: uint32(123450), 37119: uint32(1230), 37113: uint32(0xFFFFFA24), 37118: 5000, 37101: uint32(2290), 37103: uint32(2300), 37105: uint32(2310),
			37107: uint32(0xFFFFFF38), 37109: uint32(0xFFFFFF38), 37111: uint32(0xFFFFFF06), 37132: uint32(0xFFFFFE0C), 37134: uint32(0xFFFFFE0C), 37136: uint32(0xFFFFFE0C),
		}, want},
		{"sungrow", 4, 0, numbers{13036: int32(12345), 13045: int32(123), 13009: int32(-1500)}, "1234.500 12.300 1500.0 0.0 0.0 0.0 0"},
		{"deye", 3, 0, numbers{522: int32(12345), 524: int32(123), 625: 1500, 598: 2290, 599: 2300, 600: 2310}, "1234.500 12.300 1500.0 230.0 0.0 0.0 3"},
	} {
		t.Run(row.model, func(t *testing.T) {
			m, err := ModelOf(Document{Model: row.model})
			if err != nil {
				t.Fatal(err)
			}
			d := row.table.device(row.function)
			d.most = row.most
			// What a meter of this kind has not is refused, and the rest read all the same.
			var s metering.Sample
			meter := d.on(t, m)
			for range 2 {
				if s, err = meter.Read(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			got := fmt.Sprintf("%.3f %.3f %.1f %.1f %.1f %.1f %d", s.Import.KWh(), s.Export.KWh(), s.Power.W(), float64(s.Voltage)/1000, float64(s.Current)/1000, float64(s.Frequency)/1000, len(s.Phases))
			if got != row.want || s.Step <= 0 {
				t.Errorf("%s, step %v; want %s", got, s.Step, row.want)
			}
		})
	}
	if n := len(presets()); n != 13 {
		t.Errorf("%d presets, 13 have a row", n)
	}
}

// An inverter hears nothing in the first second of a connection.
func TestALineIsLeftAloneWhereTheModelSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		far, near := net.Pipe()
		defer far.Close()
		open := func(context.Context) (line.Conn, error) { return near, nil }
		began := time.Now()
		if _, err := settled(open, time.Second)(t.Context()); err != nil || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := settled(open, time.Second)(ctx); err == nil {
			t.Error("it was opened although nobody wants it any more")
		}
		if _, err := near.Write([]byte{1}); err == nil {
			t.Error("the line was left open")
		}
	})
}

// sunspecDevice has a common model, an inverter and a meter, from base on.
func sunspecDevice(base int) *device { return sunspecOf(base, 203) }

// sunspecOf has the meter of one model: they differ in which phases there are.
func sunspecOf(base, model int) *device {
	d := numbers{}.device(3)
	at := base
	words := func(w ...int) {
		for _, v := range w {
			d.table[at] = uint16(v)
			at++
		}
	}
	words(0x5375, 0x6E53)
	words(1, 66)
	for i := range 66 {
		v := 0
		if i >= 48 && i < 50 {
			v = 'A'<<8 | 'B' + i - 48 // ABAC
		}
		words(v)
	}
	words(103, 50)
	at += 50
	meter := at
	words(model, 105)
	for range 105 {
		words(0x8000)
	}
	set := func(off int, w ...int) {
		for i, v := range w {
			d.table[meter+off+i] = uint16(v)
		}
	}
	set(3, 200, 200, 250, -2) // A, scale factor
	set(8, 2290, 2300, 2310)
	set(15, -1) // V
	set(16, 5000, -2)
	set(18, 150, 50, 50, 50, 1) // W
	set(38, 0, 12300)           // Wh out
	set(46, 0x12, 0xD644)       // 1234500 Wh in
	set(54, 0)
	words(sunspecEnd, 0)
	return d
}

func TestASunSpecMeterIsFoundWhereverItStands(t *testing.T) {
	for _, base := range []int{40_000, 50_000, 0} {
		s, err := sunspecDevice(base).on(t, sunspec()).fresh().Read(t.Context())
		got := fmt.Sprintf("%.3f %.3f %.1f %.1f %.1f %.1f %d %s", s.Import.KWh(), s.Export.KWh(), s.Power.W(), float64(s.Voltage)/1000, float64(s.Current)/1000, float64(s.Frequency)/1000, len(s.Phases), s.Device)
		if err != nil || got != "1234.500 12.300 1500.0 230.0 6.5 50.0 3 ABAC" {
			t.Errorf("at %d: %s, %v", base, got, err)
		}
	}
}

// The models differ in what of the phases is told: what is not is 0x8000 there.
func TestEachModelOfASunSpecMeterIsRead(t *testing.T) {
	for model, row := range map[int]struct {
		none []int // offsets in the model
		want string
	}{
		201: {[]int{4, 5, 9, 10, 20, 21}, "1234.500 12.300 1500.0 229.0 2.0 50.0 1"},
		202: {[]int{5, 10, 21}, "1234.500 12.300 1500.0 229.5 4.0 50.0 2"},
		203: {nil, "1234.500 12.300 1500.0 230.0 6.5 50.0 3"},
		204: {[]int{8, 9, 10}, "1234.500 12.300 1500.0 0.0 6.5 50.0 3"},
	} {
		d := sunspecOf(40_000, model)
		for _, off := range row.none {
			d.table[40_122+off] = 0x8000
		}
		s, err := d.on(t, sunspec()).fresh().Read(t.Context())
		got := fmt.Sprintf("%.3f %.3f %.1f %.1f %.1f %.1f %d", s.Import.KWh(), s.Export.KWh(), s.Power.W(), float64(s.Voltage)/1000, float64(s.Current)/1000, float64(s.Frequency)/1000, len(s.Phases))
		if err != nil || got != row.want {
			t.Errorf("model %d: %s, want %s: %v", model, got, row.want, err)
		}
	}
}

// fresh has all be found out.
func (m *Meter) fresh() *Meter {
	m.known = false
	return m
}

func TestASunSpecDeviceSaysWhatItHasNot(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(d *device)
		code   metering.Code
		says   string
	}{
		{"no marker", func(d *device) { d.table[40_000] = 0 }, metering.UnknownReply, "SunS stands neither"},
		{"no meter", func(d *device) { d.table[40_000+2+68+52] = 64_001 }, metering.UnknownReply, "models 1, 103, 64001 and none of a meter"},
		{"a counter that is not counted", func(d *device) { m := 40_122; d.table[m+46], d.table[m+47] = 0, 0 }, metering.Range, "import gives no value"},
		{"a scale factor that is none", func(d *device) { d.table[40_122+54] = 0x8000 }, metering.Range, "import gives no value"},
		{"a power that is not told", func(d *device) { d.table[40_122+18] = 0x8000 }, metering.Range, "power gives no value"},
		{"no answer at all", func(d *device) { d.silent[40_000] = true }, metering.Silent, "40000"},
		{"a chain that goes round for ever", func(d *device) {
			for at := 40_070; at < 65_280; at++ {
				d.table[at] = 0
			}
		}, metering.UnknownReply, "none of a meter"},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := sunspecDevice(40_000)
			row.change(d)
			s, err := d.on(t, sunspec()).fresh().Read(t.Context())
			if row.name == "no answer at all" {
				row.says = "0x9C40"
			}
			if metering.CodeOf(err) != row.code || !strings.Contains(fmt.Sprint(err), row.says) || s.Has != 0 {
				t.Errorf("%+v, %v", s, err)
			}
			if n := d.asked.Load(); n > mostModels+8 {
				t.Errorf("%d questions", n)
			}
		})
	}
}

// Another meter may stand elsewhere in its chain.
func TestASunSpecMeterIsLookedForAgainAfterItFailed(t *testing.T) {
	d, other := sunspecDevice(40_000), sunspecDevice(50_000)
	m := d.on(t, sunspec()).fresh()
	if s, err := m.Read(t.Context()); err != nil || s.Import.KWh() != 1234.5 {
		t.Fatal(s, err)
	}
	m.bus = other.on(t, sunspec()).bus
	if s, err := m.Read(t.Context()); metering.CodeOf(err) != metering.Exception {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err := m.Read(t.Context()); err != nil || s.Import.KWh() != 1234.5 {
		t.Errorf("%+v, %v", s, err)
	}
}
