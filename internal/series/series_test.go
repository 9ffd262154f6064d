package series

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/internal/units"
)

func london(t testing.TB) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Skip("no zone data on this machine: ", err)
	}
	return loc
}

// shown are slots as text, to compare.
func shown(slots []Slot) string {
	var b strings.Builder
	for _, s := range slots {
		kwh := "?"
		if s.Known {
			kwh = fmt.Sprint(math.Round((s.Energy-s.Export).KWh()*1e6) / 1e6)
		}
		fmt.Fprintf(&b, "%s %s;", time.Unix(s.Start, 0).UTC().Format("01-02T15:04"), kwh)
	}
	return b.String()
}

func TestWhatPeopleHaveIsRead(t *testing.T) {
	const two = "01-01T00:00 0.5;01-01T00:30 0.25;"
	for _, c := range []struct {
		name, text string
		o          Options
		step       time.Duration
		want       string
	}{
		{"our own form", "time,kwh\n2025-01-01T00:00:00Z,0.5\n2025-01-01T00:30:00Z,0.25\n", Options{}, 0, two},
		{"what agent profile prints: columns by their names", "time,seconds,import_kwh,export_kwh,max_power_w,max_demand_w,covered,quality\n2025-01-01T00:00:00Z,1800,0.6,0.1,2500,1000,1,measured\n2025-01-01T00:30:00Z,1800,0.25,0,2500,1000,1,estimated\n", Options{}, 0, two},
		{"other columns between", "id,Energy (kWh),price,Timestamp\nx,0.5,3,2025-01-01T00:00:00Z\nx,0.25,3,2025-01-01T00:30:00Z\n", Options{}, 0, two},
		{"a byte order mark and CRLF", "\ufefftime,kwh\r\n2025-01-01T00:00:00Z,0.5\r\n2025-01-01T00:30:00Z,0.25\r\n", Options{}, 0, two},
		{"quoted fields", "\"time\",\"kwh\"\n\"2025-01-01T00:00:00Z\",\"0.5\"\n\"2025-01-01T00:30:00Z\",\"0.25\"\n", Options{}, 0, two},
		{"semicolons and decimal commas", "Zeit;Verbrauch kWh\n01.01.2025 00:00;0,5\n01.01.2025 00:30;0,25\n", Options{Zone: time.UTC}, 0, two},
		{"semicolons and decimal points", "time;kwh\n2025-01-01T00:00:00Z;0.5\n2025-01-01T00:30:00Z;0.25\n", Options{}, 0, two},
		{"tabs", "time\tkwh\n2025-01-01T00:00:00Z\t0.5\n2025-01-01T00:30:00Z\t0.25\n", Options{}, 0, two},
		{"local times in winter", "time,kwh\n2025-01-01 00:00:00,0.5\n2025-01-01 00:30:00,0.25\n", Options{Zone: london(t)}, 0, two},
		{"date and time apart", "date,time,kwh\n2025-01-01,00:00,0.5\n2025-01-01,00:30,0.25\n", Options{Zone: london(t)}, 0, two},
		{"Unix seconds", "time,kwh\n1735689600,0.5\n1735691400,0.25\n", Options{}, 0, two},
		{"Unix milliseconds", "time,kwh\n1735689600000,0.5\n1735691400000,0.25\n", Options{}, 0, two},
		{"watt-hours", "time,wh\n2025-01-01T00:00:00Z,500\n2025-01-01T00:30:00Z,250\n", Options{}, 0, two},
		{"mean power", "time,w\n2025-01-01T00:00:00Z,1000\n2025-01-01T00:30:00Z,500\n", Options{}, 0, two},
		{"without a header", "2025-01-01T00:00:00Z,0.5\n2025-01-01T00:30:00Z,0.25\n", Options{}, 0, two},
		{"the newest first", "time,kwh\n2025-01-01T00:30:00Z,0.25\n2025-01-01T00:00:00Z,0.5\n", Options{}, 0, two},
		{"a column by its name", "time,a,b\n2025-01-01T00:00:00Z,9,0.5\n2025-01-01T00:30:00Z,9,0.25\n", Options{Column: "B"}, 0, two},
		{"hourly rows are hours", "time,kwh\n2025-01-01T00:00:00Z,1\n2025-01-01T01:00:00Z,2\n2025-01-01T02:00:00Z,1\n", Options{}, 0, "01-01T00:00 1;01-01T01:00 2;01-01T02:00 1;"},
		{"quarters summed to halves", "time,kwh\n2025-01-01T00:00:00Z,0.2\n2025-01-01T00:15:00Z,0.3\n2025-01-01T00:30:00Z,0.25\n2025-01-01T00:45:00Z,null\n", Options{}, 30 * time.Minute, "01-01T00:00 0.5;01-01T00:30 ?;"},
		{"a quarter that is left out", "time,kwh\n2025-01-01T00:00:00Z,0.2\n2025-01-01T00:15:00Z,0.3\n2025-01-01T00:45:00Z,0.3\n2025-01-01T01:00:00Z,0.1\n2025-01-01T01:15:00Z,0.1\n", Options{}, 30 * time.Minute, "01-01T00:00 0.5;01-01T00:30 ?;01-01T01:00 0.2;"},
		{"a register, differenced", "time,kwh\n2025-01-01T00:00:00Z,100\n2025-01-01T00:30:00Z,100.5\n2025-01-01T01:00:00Z,100.75\n2025-01-01T01:30:00Z,\n2025-01-01T02:00:00Z,101\n", Options{Register: true}, 0, two},
		{"a register that begins anew", "time,kwh\n2025-01-01T00:00:00Z,100\n2025-01-01T00:30:00Z,100.5\n2025-01-01T01:00:00Z,0\n2025-01-01T01:30:00Z,1\n", Options{Register: true}, 0, "01-01T00:00 0.5;01-01T01:00 1;"},
		{"readings off the grid are laid into it", "time,kwh\n2025-01-01T00:00:00Z,100\n2025-01-01T00:20:00Z,100.4\n2025-01-01T00:40:00Z,100.6\n2025-01-01T01:00:00Z,100.75\n", Options{Register: true}, 30 * time.Minute, two},
		{"the line of a spreadsheet that names the divider", "sep=;\nZeit;kWh\n01.01.2025 00:00;0,5\n01.01.2025 00:30;0,25\n", Options{Zone: time.UTC}, 0, two},
		{"the day first, which a later day shows", "time,kwh\n01/02/2025 00:00,0.5\n01/02/2025 00:30,0.25\n13/02/2025 00:00,1\n", Options{Zone: time.UTC}, 0, "02-01T00:00 0.5;02-01T00:30 0.25;02-13T00:00 1;"},
		{"the month first, by the clock of twelve hours", "date,time,kwh\n1/2/2025,12:00 AM,0.5\n1/2/2025,12:30 AM,0.25\n1/31/2025,1:00 PM,1\n", Options{Zone: time.UTC}, 30 * time.Minute, "01-02T00:00 0.5;01-02T00:30 0.25;01-31T13:00 1;"},
		{"what was generated and what was used", "time,consumption kwh,production kwh\n2025-01-01T00:00:00Z,0.6,0.1\n2025-01-01T00:30:00Z,0.25,0\n", Options{}, 0, two},
		{"given twice", "time,kwh\n2025-01-01T00:00:00Z,0.5\n2025-01-01T00:00:00Z,0.5\n2025-01-01T00:30:00Z,0.25\n", Options{}, 0, two},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Read(strings.NewReader(c.text), c.o)
			if err != nil {
				t.Fatal(err)
			}
			slots, _, err := s.Slots(c.step)
			if err != nil || shown(slots) != c.want {
				t.Errorf("%v, %s\nwant %s", err, shown(slots), c.want)
			}
		})
	}
	for _, word := range []string{"", "null", "NaN", "nan", "unavailable", "unknown", "None", "n/a", "-"} {
		s, err := Read(strings.NewReader("time,kwh\n2025-01-01T00:00:00Z,"+word+"\n2025-01-01T00:30:00Z,0\n"), Options{})
		if err != nil || s.Rows[0].Known || !s.Rows[1].Known {
			t.Errorf("%q is not taken as missing: %v", word, err)
		}
	}
}

func TestWhatCannotBeToldIsRefused(t *testing.T) {
	day := func(row func(i int) string) string {
		var b strings.Builder
		b.WriteString("time,kwh\n")
		for i := range 60 {
			fmt.Fprintf(&b, "%s,%s\n", time.Unix(1735689600+int64(i)*1800, 0).UTC().Format(time.RFC3339), row(i))
		}
		return b.String()
	}
	for _, c := range []struct {
		name, text string
		o          Options
		line       int
		want       string
	}{
		{"a register that begins anew each day", day(func(i int) string { return fmt.Sprintf("%.1f", float64(i%48)*0.3) }), Options{}, 61, "count up like those of a meter's register"},
		{"an empty file", "", Options{}, 1, "the file is empty"},
		{"nothing but blank lines", "\ufeff\r\n\r\n", Options{}, 1, "the file is empty"},
		{"lines that end with CR alone", "time,kwh\r2025-01-01T00:00:00Z,0.5\r2025-01-01T00:30:00Z,0.5\r", Options{}, 1, "by CR alone"},
		{"a compressed file", "\x1f\x8b\b\b\\\xbc\vk\x02\xff", Options{}, 1, "compressed"},
		{"a spreadsheet", "PK\x03\x04\x14\x00\x06\x00", Options{}, 1, "spreadsheet"},
		{"UTF-16 without a mark", "t\x00i\x00m\x00e\x00,\x00k\x00w\x00h\x00\n\x00", Options{}, 1, "UTF-16"},
		{"not text", "time,kwh\n\x00\x01\x02", Options{}, 1, "not text"},
		{"day or month first", "time,kwh\n01/02/2025 00:00,1\n02/02/2025 00:00,1\n", Options{Zone: time.UTC}, 2, "cannot be told"},
		{"the day first and the month first", "time,kwh\n13/02/2025 00:00,1\n02/14/2025 00:00,1\n03/04/2025 00:00,1\n", Options{Zone: time.UTC}, 2, "cannot be told"},
		{"points between thousands", "time;wh\n2025-01-01T00:00:00Z;250\n2025-01-01T00:30:00Z;1.250\n2025-01-01T01:00:00Z;300\n2025-01-01T01:30:00Z;310\n", Options{}, 3, "may divide thousands"},
		{"taken from the grid, and generated", "time,import kwh,solar kwh\n2025-01-01T00:00:00Z,1,2\n", Options{}, 1, "is not to be taken off"},
		{"a register that is not said to be one", day(func(i int) string { return fmt.Sprint(12345 + i/3) }), Options{}, 61, "count up like those of a meter's register"},
		{"a few readings of a register", "time,kwh\n2025-01-01T00:00:00Z,12345.1\n2025-01-01T01:00:00Z,12345.3\n2025-01-01T02:00:00Z,12345.4\n2025-01-01T03:00:00Z,12345.9\n", Options{}, 5, "--register"},
		{"two columns of energy", "time,kwh day,kwh night\n2025-01-01T00:00:00Z,1,2\n", Options{}, 1, "may be in the column"},
		{"no column of energy", "time,amount\n2025-01-01T00:00:00Z,1\n", Options{}, 1, "no column of energy"},
		{"no column of time", "when,kwh\n2025-01-01T00:00:00Z,1\n", Options{}, 1, "no column of time"},
		{"many columns and no header", "2025-01-01T00:00:00Z,1800,0.5\n", Options{}, 1, "no header"},
		{"a time without a zone where none is known", "time,kwh\n2025-01-01 00:00:00,1\n", Options{}, 2, "not a time with its zone"},
		{"a local time that the clock skips", "time,kwh\n2025-03-30 00:30:00,1\n2025-03-30 01:30:00,1\n", Options{Zone: london(t)}, 3, "whose clock skips it"},
		{"not a number", "time,kwh\n2025-01-01T00:00:00Z,12 kWh\n", Options{}, 2, `"12 kWh" is not an energy`},
		{"hexadecimal", "time,kwh\n2025-01-01T00:00:00Z,0x10\n", Options{}, 2, "is not an energy"},
		{"more than can be", "time,kwh\n2025-01-01T00:00:00Z,1e300\n", Options{}, 2, "is not an energy"},
		{"points and commas", "time;kwh\n2025-01-01T00:00:00Z;1.5\n2025-01-01T01:00:00Z;1,5\n", Options{}, 3, "decimal point in line 2 and with a comma in line 3"},
		{"two values for a slot", "time,kwh\n2025-01-01T00:00:00Z,1\n2025-01-01T00:00:00Z,2\n", Options{}, 3, "in line 2 already"},
		{"out of order where order is asked for", "time,kwh\n2025-01-01T01:00:00Z,1\n2025-01-01T00:00:00Z,2\n", Options{Sorted: true}, 3, "does not come after"},
		{"UTF-16", "\xff\xfet\x00i\x00", Options{}, 1, "UTF-16"},
		{"an open quote", "time,kwh\n\"2025-01-01T00:00:00Z,1\n", Options{}, 2, "quote"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Read(strings.NewReader(c.text), c.o)
			var e *Error
			if !errors.As(err, &e) || e.Line != c.line || e.Remedy == "" || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want %q on line %d, and what to do", err, c.want, c.line)
			}
		})
	}
	hourly, err := Read(strings.NewReader("time,kwh\n2025-01-01T00:00:00Z,1\n2025-01-01T01:00:00Z,2\n"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := hourly.Slots(30 * time.Minute); err == nil || !strings.Contains(err.Error(), "1h0m0s apart and not 30m0s") {
		t.Errorf("hourly rows as half hours: %v", err)
	}
}

// Local days of 23 and 25 hours come out whole and in order.
func TestLocalDaysOfAClockChange(t *testing.T) {
	loc := london(t)
	for _, c := range []struct {
		day   time.Time
		slots int
	}{
		{time.Date(2025, 3, 30, 0, 0, 0, 0, loc), 46},
		{time.Date(2025, 10, 26, 0, 0, 0, 0, loc), 50},
		{time.Date(2025, 6, 1, 0, 0, 0, 0, loc), 48},
	} {
		var b strings.Builder
		b.WriteString("time,kwh\n")
		n := 0
		for at := c.day; at.Before(c.day.AddDate(0, 0, 1)); at = at.Add(30 * time.Minute) {
			fmt.Fprintf(&b, "%s,%d\n", at.Format("2006-01-02 15:04:05"), n%7)
			n++
		}
		s, err := Read(strings.NewReader(b.String()), Options{Zone: loc})
		if err != nil || n != c.slots || len(s.Rows) != n {
			t.Fatalf("%v: %d of %d rows: %v", c.day, len(s.Rows), c.slots, err)
		}
		for i, r := range s.Rows {
			if want := c.day.Add(time.Duration(i) * 30 * time.Minute); !r.Time().Equal(want) || r.Energy() != units.Energy(i%7)*units.KilowattHour {
				t.Fatalf("row %d is of %v, want %v", i, r.Time(), want)
			}
		}
	}
}

// dialect writes rows as somebody might.
type dialect struct {
	divide, layout string
	zone           *time.Location
	comma, quote   bool
	bom            string
}

func (d dialect) write(at []time.Time, values []string) string {
	var b strings.Builder
	field := func(s string) string {
		if d.quote {
			return `"` + s + `"`
		}
		return s
	}
	b.WriteString(d.bom + field("time") + d.divide + field("kwh") + "\n")
	for i, t := range at {
		stamp := t.In(d.zone).Format(d.layout)
		switch d.layout {
		case "unix":
			stamp = fmt.Sprint(t.Unix())
		case "ms":
			stamp = fmt.Sprint(t.UnixMilli())
		}
		v := values[i]
		if d.comma {
			v = strings.Replace(v, ".", ",", 1)
		}
		b.WriteString(field(stamp) + d.divide + field(v) + "\n")
	}
	return b.String()
}

func TestEveryDialectReadsBackEqual(t *testing.T) {
	loc := london(t)
	rapid.Check(t, func(t *rapid.T) {
		d := dialect{
			divide: rapid.SampledFrom([]string{",", ";", "\t"}).Draw(t, "divider"), zone: loc, quote: rapid.Bool().Draw(t, "quotes"),
			layout: rapid.SampledFrom([]string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02T15:04", "02.01.2006 15:04", "2006/01/02 15:04:05", "2006-01-02 15:04:05-0700", "unix", "ms"}).Draw(t, "layout"),
			bom:    rapid.SampledFrom([]string{"", "\ufeff"}).Draw(t, "mark"),
		}
		d.comma = d.divide != "," && rapid.Bool().Draw(t, "comma")
		start := time.Date(2025, rapid.SampledFrom([]time.Month{1, 3, 10}).Draw(t, "month"), rapid.IntRange(24, 30).Draw(t, "day"), 0, 0, 0, 0, time.UTC)
		var at []time.Time
		var values []string
		var want []units.Energy
		for i := range rapid.IntRange(2, 200).Draw(t, "rows") {
			at = append(at, start.Add(time.Duration(i)*30*time.Minute))
			e := units.Energy(rapid.Int64Range(0, 9_999_999).Draw(t, "mWh")) * units.WattHour / 1000
			if i%2 == 1 {
				e = 0 // so that it does not look like a register
			}
			want, values = append(want, e), append(values, fmt.Sprintf("%.6f", e.KWh()))
		}
		s, err := Read(strings.NewReader(d.write(at, values)), Options{Zone: loc})
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range s.Rows {
			if !r.Time().Equal(at[i]) || r.Energy() != want[i] || !r.Known {
				t.Fatalf("%+v: row %d is %v %d, want %v %d", d, i, r.Time(), r.Energy(), at[i], want[i])
			}
		}
		if len(s.Rows) != len(at) || s.Step != 30*time.Minute {
			t.Fatalf("%d rows of %v", len(s.Rows), s.Step)
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add("time,kwh\n2025-01-01T00:00:00Z,0.5\n2025-01-01T00:30:00Z,\n", "", false)
	f.Add("time,seconds,import_kwh,export_kwh,max_power_w,max_demand_w,covered,quality\n2026-03-02T12:00:00Z,1800,0.5,0,2500,1000,1,measured\n2026-03-02T12:30:00Z,1800,0.5000000000002778,0,2500,1000,1,estimated+lost\n", "", false)
	f.Add("\ufeffZeit;kWh\n26.10.2025 01:30;0,5\n26.10.2025 01:00;0,5\n", "kWh", false)
	f.Add("entity_id,state,last_changed\nsensor.energy,12.1,2025-01-01T00:00:00.000Z\nsensor.energy,unavailable,2025-01-01T01:00:00.000Z\n", "state", true)
	f.Add("date\ttime\twh\n2025-01-01\t00:00\t1\n", "", true)
	loc, err := time.LoadLocation("Europe/London")
	if err != nil {
		loc = time.UTC
	}
	f.Fuzz(func(t *testing.T, text, column string, register bool) {
		s, err := Read(strings.NewReader(text), Options{Zone: loc, Column: column, Register: register})
		if err != nil {
			return
		}
		for i := 1; i < len(s.Rows); i++ {
			if s.Rows[i].At <= s.Rows[i-1].At {
				t.Fatalf("row %d is not after the one before", i)
			}
		}
		for _, step := range []time.Duration{0, time.Minute, time.Hour} {
			slots, _, err := s.Slots(step)
			if err != nil {
				continue
			}
			for i := 1; i < len(slots); i++ {
				if slots[i].Start <= slots[i-1].Start {
					t.Fatalf("slot %d is not after the one before", i)
				}
			}
		}
	})
}
