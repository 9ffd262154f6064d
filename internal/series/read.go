package series

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// mostRows bounds the memory that a file can take.
const mostRows = 20_000_000

// reader reads one file.
type reader struct {
	o     Options
	in    *csv.Reader
	comma rune
	c     columns
	out   *Series

	layout           string
	slashes          slashes
	wall             []bool // by row: its time is the wall clock's
	anyWall          bool
	point, commaLine int  // first line with a decimal point and one with a decimal comma, zero: none
	thousand         int  // first line with a number such as 1.234, zero: none
	plain            int  // numbers without a point
	decimals         bool // there is a point that divides no thousands
	qualityWords     map[string]uint8
}

// Read reads a whole file.  The error is an *Error, or what r said.
func Read(r io.Reader, o Options) (*Series, error) {
	buf := bufio.NewReaderSize(r, lookAhead)
	x := &reader{o: o, out: &Series{Register: o.Register}, qualityWords: map[string]uint8{}}
	if err := x.form(buf); err != nil {
		return nil, err
	}
	x.comma = divider(buf)
	x.in = csv.NewReader(buf)
	x.in.Comma, x.in.FieldsPerRecord, x.in.ReuseRecord, x.in.TrimLeadingSpace = x.comma, -1, true, x.comma != '\t'
	if err := x.rows(); err != nil {
		return nil, err
	}
	if err := x.order(); err != nil {
		return nil, err
	}
	x.out.Step = step(x.out.Rows)
	if !o.Register && !x.out.Power {
		if line := x.out.countsUp(); line > 0 {
			return nil, fail(line, "write the energy of each slot; agent forecast takes a register with --register", "the values count up like those of a meter's register")
		}
	}
	return x.out, nil
}

// divider is what divides the fields of the first line: a semicolon or a tab where there is
// one outside quotes.
func divider(buf *bufio.Reader) rune {
	head, _ := buf.Peek(1 << 12)
	quoted := false
	found := ','
	for _, b := range bytes.TrimLeft(head, "\r\n \t") {
		switch {
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '\n':
			return found
		case b == ';':
			return ';'
		case b == '\t':
			found = '\t'
		}
	}
	return found
}

func (x *reader) rows() error {
	first := true
	for {
		record, err := x.in.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		var syntax *csv.ParseError
		if errors.As(err, &syntax) {
			return &Error{syntax.Line, syntax.Err, "look for a quote that is not closed"}
		}
		if err != nil {
			return err
		}
		line, _ := x.in.FieldPos(0)
		if len(record) == 1 && strings.TrimSpace(record[0]) == "" {
			continue
		}
		if first && strings.HasPrefix(record[0], "sep=") { // what a spreadsheet writes of the divider
			continue
		}
		if first {
			first = false
			isHeader, err := x.head(record, line)
			if err != nil {
				return err
			}
			if isHeader {
				continue
			}
		}
		if len(x.out.Rows) >= mostRows {
			return fail(line, "divide it", "the file has more than %d rows", mostRows)
		}
		if err := x.row(record, line); err != nil {
			return err
		}
	}
}

// head takes the first line: a header, or a row of a file that has none.
func (x *reader) head(record []string, line int) (isHeader bool, err error) {
	if _, err := parseTime(strings.TrimSpace(record[0]), &x.layout, x.slashes); err == nil || errors.Is(err, errOrder) {
		if len(record) != 2 {
			return false, fail(line, "put a first line over it, such as time,kwh", "the file has no header and %d columns, so which of them is the energy is not known", len(record))
		}
		x.c = columns{time: 0, date: -1, value: 1, export: -1, reactive: -1, seconds: -1, quality: -1, celsius: -1, unit: kilowattHours, fields: 2}
		return false, nil
	}
	x.c, err = find(record, x.o.Column)
	var e *Error
	if errors.As(err, &e) {
		e.Line = line
		return true, err
	}
	x.out.Power = x.c.unit.power()
	if x.o.Register && x.out.Power {
		return true, fail(line, "leave --register out", "the column is a power, which no register shows")
	}
	return true, nil
}

func (x *reader) row(record []string, line int) error {
	field := func(i int) string {
		if i < 0 || i >= len(record) {
			return ""
		}
		return strings.TrimSpace(record[i])
	}
	if len(record) < x.c.fields {
		return fail(line, "divide the fields as the first line does, and leave a value empty where it is missing", "%q has %d fields of %d", clip(strings.Join(record, string(x.comma))), len(record), x.c.fields)
	}
	text := field(x.c.time)
	if x.c.date >= 0 {
		text = field(x.c.date) + " " + text
	}
	at, err := parseTime(text, &x.layout, x.slashes)
	if errors.Is(err, errOrder) {
		return fail(line, "write the year first: 2026-01-31 18:00", "whether %q begins with the day or the month cannot be told", clip(text))
	}
	if err != nil {
		return fail(line, "write 2026-01-31T18:00:00Z, 2026-01-31 18:00:00 or Unix seconds", "%q is %w", clip(text), err)
	}
	if at.wall && x.o.Zone == nil {
		return fail(line, "write 2024-07-01T00:00:00Z or 2024-07-01T02:00:00+02:00", "%q is not a time with its zone", clip(text))
	}
	r := Row{At: at.ms, Line: int32(min(line, 1<<31-1))}
	x.anyWall = x.anyWall || at.wall
	number := func(i int, u unit, what string) (v int64, known bool, err error) {
		s := field(i)
		if i < 0 || missing(s) {
			return 0, false, nil
		}
		v, err = scaled(x.decimal(s, line), u)
		if err != nil {
			return 0, false, fail(line, "leave it empty where it is missing", "%q is not %s", clip(s), what)
		}
		return v, true, nil
	}
	what := "an energy in kWh"
	if x.out.Power {
		what = "a power"
	}
	v, known, err := number(x.c.value, x.c.unit, what)
	if err != nil {
		return err
	}
	r.Value, r.Known = v, known
	var more More
	fedIn, has, err := number(x.c.export, x.c.exportUnit, "an energy in kWh")
	if err != nil {
		return err
	}
	if x.c.export >= 0 && !has && !x.o.Register {
		r.Known = false // what was fed in is not known: nor is what was used in the end
	}
	more.Export = units.Energy(fedIn)
	if more.Reactive, more.HasReactive, err = number(x.c.reactive, x.c.reactiveUnit, "a reactive energy or power"); err != nil {
		return err
	}
	if err := x.others(&r, &more, field, line); err != nil {
		return err
	}
	if more != (More{}) {
		apart := more
		r.More = &apart
	}
	x.out.Rows = append(x.out.Rows, r)
	x.wall = append(x.wall, at.wall)
	return nil
}

// others reads what a row may have besides.
func (x *reader) others(r *Row, more *More, field func(int) string, line int) error {
	if s := field(x.c.celsius); !missing(s) {
		v, err := scaled(x.decimal(s, line), kilowatts) // as mW: a thousandth of a degree is a thousand of them
		if err != nil {
			return fail(line, "leave it empty where it is missing", "%q is not a temperature in degrees Celsius", clip(s))
		}
		more.Celsius, more.HasCelsius = float32(float64(v)/1e6), true
	}
	if s := field(x.c.seconds); s != "" {
		v, err := scaled(s, watts)
		if v /= 1000; err != nil || v <= 0 || v > 31*86400 {
			return fail(line, "write how many seconds the slot lasts", "%q is not a number of seconds", clip(s))
		}
		r.Seconds = int32(v)
	}
	if x.c.quality >= 0 {
		word := strings.ToLower(field(x.c.quality))
		k, seen := x.qualityWords[word]
		if !seen {
			if len(x.out.Qualities) > 200 {
				return fail(line, "take the column out", "the column quality has more than 200 different words")
			}
			k = uint8(len(x.out.Qualities))
			x.qualityWords[word] = k
			x.out.Qualities = append(x.out.Qualities, word)
		}
		r.Quality = k
	}
	return nil
}

// decimal is a number with a point, where the file may have commas.
func (x *reader) decimal(s string, line int) string {
	if strings.Contains(s, ".") && x.point == 0 {
		x.point = line
	}
	switch whole, part, dotted := strings.Cut(s, "."); {
	case !dotted:
		x.plain++
	case len(part) != 3 || len(whole) == 0 || len(whole) > 3 || whole[0] < '1':
		x.decimals = true
	case x.thousand == 0:
		x.thousand = line
	}
	if x.comma == ',' || !strings.Contains(s, ",") {
		return s
	}
	if x.commaLine == 0 {
		x.commaLine = line
	}
	return strings.Replace(s, ",", ".", 1)
}

// order finds out when local times were, and puts the rows in order.
func (x *reader) order() error {
	if x.point > 0 && x.commaLine > 0 {
		return fail(max(x.point, x.commaLine), "write all with the same", "numbers are written with a decimal point in line %d and with a comma in line %d", x.point, x.commaLine)
	}
	if x.comma != ',' && x.thousand > 0 && !x.decimals && x.plain >= 3 {
		return fail(x.thousand, "write numbers without a point between thousands", "the point of this number may divide thousands, as there are numbers without one and none with other than three decimals")
	}
	rows := x.out.Rows
	if n := len(rows); n > 1 && rows[0].At > rows[n-1].At && !x.o.Sorted { // the newest first
		slices.Reverse(rows)
		slices.Reverse(x.wall)
	}
	last := int64(-1 << 62)
	for i := range rows {
		if x.wall[i] {
			at := instants(rows[i].At, x.o.Zone)
			if len(at) == 0 {
				return fail(int(rows[i].Line), "if the file keeps one offset all year, name a zone that does, such as Etc/GMT-1 for an hour east of Greenwich",
					"%s is not a time in %s, whose clock skips it", time.UnixMilli(rows[i].At).UTC().Format("2006-01-02 15:04:05"), x.o.Zone)
			}
			rows[i].At = at[0]
			if len(at) > 1 && at[0] <= last { // the hour is shown for the second time
				rows[i].At = at[1]
			}
		}
		if x.o.Sorted && i > 0 && rows[i].At <= last {
			return fail(int(rows[i].Line), "sort the lines by time and take out doubles", "%s does not come after the line before it", rows[i].Time().Format(time.RFC3339))
		}
		last = rows[i].At
	}
	slices.SortStableFunc(rows, func(a, b Row) int { return cmp.Compare(a.At, b.At) })
	kept := rows[:0]
	for _, r := range rows {
		if n := len(kept); n > 0 && kept[n-1].At == r.At {
			before := &kept[n-1]
			switch {
			case r.same(before) || !r.Known:
				continue
			case !before.Known:
				kept[n-1] = r
				continue
			}
			return fail(int(r.Line), "take one of them out", "%s is in line %d already, with another value", r.Time().Format(time.RFC3339), before.Line)
		}
		kept = append(kept, r)
	}
	x.out.Rows = kept
	return nil
}
