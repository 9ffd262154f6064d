package tariffs

import "github.com/keeplit/keeplit/internal/units"

// class is the index of the customer's class in the month under v.
func (t *Tariff) class(v *version, acc *Account, m *Month) int {
	cs := v.doc.Classes
	if cs == nil {
		return 0
	}
	if cs.By == ByPastAverage {
		return cs.average(acc, m.Start, foreseen{})
	}
	return cs.of(m.Import())
}

func (cs *Classes) of(e units.Energy) int {
	for i := range cs.List {
		if e <= cs.List[i].To {
			return i
		}
	}
	return len(cs.List) - 1
}

// average is the class by the mean of the months before the one that starts
// with start; coming is a month expected to end before then.
func (cs *Classes) average(acc *Account, start Date, coming foreseen) int {
	want := cs.Months
	if want == 0 {
		want = 3
	}
	var sum units.Energy
	n := 0
	if coming != (foreseen{}) {
		sum, n = coming.total, 1
	}
	for i := len(acc.Months) - 1; i >= 0 && n < want; i-- {
		if s := acc.Months[i].Start; s < start && s != coming.start {
			sum += acc.Months[i].Import()
			n++
		}
	}
	for i := len(acc.Past) - 1; i >= 0 && n < want; i-- {
		if acc.Past[i].Start < start {
			sum += acc.Past[i].Import
			n++
		}
	}
	if n == 0 {
		for i := range cs.List {
			if cs.List[i].Name == cs.Initial {
				return i
			}
		}
		return 0
	}
	return cs.of(sum / units.Energy(n))
}
