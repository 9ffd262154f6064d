// Package series reads recorded consumption from the text files that people
// have: exports of meters, portals, spreadsheets and databases, and what
// `agent profile` writes.
//
// Columns are found by their names.  A file may begin with a byte order mark, be
// divided by commas, semicolons or tabs, have decimal commas (unless it is divided by
// them), quoted fields, and times with or without a zone or as Unix seconds or
// milliseconds.  What stands for no value (nothing, null, NaN, unavailable) is a row
// whose value is not known, which is not zero.
//
// What cannot be told for sure is refused with a sentence that says what to do: a
// file whose energy may be one of two columns, whose numbers count up like a
// register, or that shows a local time that its zone skips.
package series

import (
	"fmt"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Options say what is known of a file besides its text.
type Options struct {
	// Zone is that of times that do not name theirs; nil refuses such times.
	Zone *time.Location
	// Column is the header of the column to read; empty finds it by its name.
	Column string
	// Register: the energy is that of a register that counts up.
	Register bool
	// Sorted refuses rows that do not come in the order of time.  Else they are put
	// in order, and a row given twice counts once.
	Sorted bool
}

// Series is what a file holds.
type Series struct {
	Rows []Row // in the order of time, none at the time of another
	// Power: the values are mean powers and not energies.
	Power bool
	// Register: the values are those of a register.
	Register bool
	// Step is the length of the rows: by their own column where there is one, else the
	// spacing that occurs most; zero where there are fewer than two.
	Step time.Duration
	// Qualities are the words that the rows' Quality counts, if there are any.
	Qualities []string
}

// Row is one line.  A year of 5-minute slots is 105,000 of them, which is why what few
// files have stands apart.
type Row struct {
	At      int64 // Unix milliseconds
	Value   int64 // microjoules, or milliwatts where Series.Power
	Line    int32 // of the file, from 1
	Seconds int32 // the row's own length, zero where the file does not say
	Known   bool  // it has a value
	Quality uint8 // of Series.Qualities
	More    *More // nil where there is no more
}

// More is what a row may have besides.
type More struct {
	Export      units.Energy // fed in
	Reactive    int64        // on the scale of Energy or Power: microvarseconds or millivars
	HasReactive bool
	Celsius     float32
	HasCelsius  bool
}

// Energy is what a row used, or what the register shows; nothing where Series.Power.
func (r *Row) Energy() units.Energy { return units.Energy(r.Value) }

// Power is the mean power of a row, where Series.Power.
func (r *Row) Power() units.Power { return units.Power(r.Value) }

// Beside is what the row has besides, zero where there is nothing.
func (r *Row) Beside() More {
	if r.More == nil {
		return More{}
	}
	return *r.More
}

// same tells whether two rows say the same.
func (r *Row) same(o *Row) bool {
	return r.Known == o.Known && r.Value == o.Value && r.Seconds == o.Seconds && r.Quality == o.Quality && r.Beside() == o.Beside()
}

// Time is the row's begin.
func (r *Row) Time() time.Time { return time.UnixMilli(r.At).UTC() }

// Error is a file that cannot be read, with what to do.
type Error struct {
	Line   int // from 1; zero: of the whole file
	Err    error
	Remedy string
}

func (e *Error) Error() string {
	s := e.Err.Error()
	if e.Line > 0 {
		s = fmt.Sprintf("line %d: %s", e.Line, s)
	}
	if e.Remedy != "" {
		s += " (" + e.Remedy + ")"
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

func fail(line int, remedy, format string, args ...any) error {
	return &Error{line, fmt.Errorf(format, args...), remedy}
}

// clip keeps a message short whatever the file holds.
func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
}
