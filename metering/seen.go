package metering

import (
	"fmt"
	"strconv"
)

// Seen is one value that a driver looks for, as it came and what was made of it: for a
// person who compares the description of a meter with its display.
type Seen struct {
	Name  string // as the configuration has it, or the maker
	Where string // where it is looked for; may be empty
	Raw   string // as it came; empty: nothing did
	Makes string // unit, factor, order of words: by what it becomes the value
	Took  string // the value in keeplit's unit; empty: none was taken
	Why   string // why none was
	Next  string // what to do about it; empty: Why says it, or nothing needs to be done
}

// NotCome is why a value was not taken of which nothing has been told so far.
const NotCome = "nothing has come"

// Show tells what a telegram tells, under the meter's own names; seen may be nil.
func (t Telegram) Show(seen func([]Seen)) {
	if seen == nil || len(t.Raw) == 0 {
		return
	}
	out := make([]Seen, 0, len(t.Raw))
	for _, v := range t.Raw {
		out = append(out, Seen{Name: v.Name, Raw: v.Value, Makes: v.Unit})
	}
	seen(out)
}

// Values are what a sample holds, each under its name in a description, with its unit.
func (s Sample) Values() (out []Seen) {
	tell := func(has bool, name, took string) {
		if has {
			out = append(out, Seen{Name: name, Took: took})
		}
	}
	thousandths := func(v int64, unit string) string {
		return strconv.FormatFloat(float64(v)/1000, 'f', -1, 64) + " " + unit
	}
	tell(s.Gives(HasImport), "import", s.Import.String())
	tell(s.Gives(HasExport), "export", s.Export.String())
	tell(s.Gives(HasPower), "power", thousandths(int64(s.Power), "W"))
	tell(s.Gives(HasReactive), "reactive", thousandths(s.Reactive, "var"))
	tell(s.Gives(HasApparent), "apparent", thousandths(s.Apparent, "VA"))
	tell(s.Gives(HasVoltage), "voltage", thousandths(int64(s.Voltage), "V"))
	tell(s.Gives(HasCurrent), "current", thousandths(int64(s.Current), "A"))
	tell(s.Gives(HasFrequency), "frequency", thousandths(int64(s.Frequency), "Hz"))
	tell(s.Gives(HasNeutral), "neutral", thousandths(int64(s.NeutralCurrent), "A"))
	for i, p := range s.Phases {
		of := func(name string) string { return fmt.Sprintf("%s_%d", name, i+1) }
		has := func(f Fields) bool { return p.Has&f != 0 }
		tell(has(HasPower), of("power"), thousandths(int64(p.Power), "W"))
		tell(has(HasReactive), of("reactive"), thousandths(p.Reactive, "var"))
		tell(has(HasApparent), of("apparent"), thousandths(p.Apparent, "VA"))
		tell(has(HasVoltage), of("voltage"), thousandths(int64(p.Voltage), "V"))
		tell(has(HasCurrent), of("current"), thousandths(int64(p.Current), "A"))
	}
	tell(s.Device != "", "device", s.Device)
	return out
}
