package tariffs

import "github.com/keeplit/keeplit/internal/units"

// class is the index of the customer's class in the month under v.
func (t *Tariff) class(v *version, acc *Account, m *Month) int {
	cs := v.doc.Classes
	if cs == nil {
		return 0
	}
	return cs.in(acc, m.Start, foreseen{}, m.Import())
}

// past tells whether the class hangs on months gone by.
func (cs *Classes) past() bool { return cs.By == ByPastAverage || cs.By == ByPastMaximum }

// retro tells whether crossing a limit prices the month under way anew.
func (cs *Classes) retro() bool { return cs != nil && (!cs.past() || cs.ThisMonth) }

// in is the class in the month that starts with start and comes to own; coming is a
// month expected to end before then.
func (cs *Classes) in(acc *Account, start Date, coming foreseen, own units.Energy) int {
	class := 0
	switch {
	case cs.By == ByPastAverage:
		class = cs.average(acc, start, coming)
	case cs.By == ByPastMaximum:
		class = cs.greatest(acc, start, coming)
	}
	if cs.retro() {
		class = max(class, cs.of(own))
	}
	return class
}

func (cs *Classes) of(e units.Energy) int {
	for i := range cs.List {
		if e <= cs.List[i].To {
			return i
		}
	}
	return len(cs.List) - 1
}

// months are the totals of the months before the one that starts with start, as many
// as count and are known, and how many count.
func (cs *Classes) months(acc *Account, start Date, coming foreseen) (totals [24]units.Energy, n, want int) {
	if want = cs.Months; want == 0 {
		want = 3
	}
	add := func(e units.Energy) {
		if n < want {
			totals[n] = e
			n++
		}
	}
	if coming != (foreseen{}) {
		add(coming.total)
	}
	for i := len(acc.Months) - 1; i >= 0; i-- {
		if s := acc.Months[i].Start; s < start && s != coming.start {
			add(acc.Months[i].Import())
		}
	}
	for i := len(acc.Past) - 1; i >= 0; i-- {
		if acc.Past[i].Start < start {
			add(acc.Past[i].Import)
		}
	}
	return totals, n, want
}

// average is the class by the mean of the past months.
func (cs *Classes) average(acc *Account, start Date, coming foreseen) int {
	totals, n, _ := cs.months(acc, start, coming)
	if n == 0 {
		return cs.initial()
	}
	var sum units.Energy
	for _, e := range totals[:n] {
		sum += e
	}
	return cs.of(sum / units.Energy(n))
}

// greatest is the class by the greatest of the past months: each of them must be within
// a class's limit.  A month that is not known counts as of the initial class.
func (cs *Classes) greatest(acc *Account, start Date, coming foreseen) int {
	totals, n, want := cs.months(acc, start, coming)
	class := 0
	if n < want {
		class = cs.initial()
	}
	for _, e := range totals[:n] {
		class = max(class, cs.of(e))
	}
	return class
}

func (cs *Classes) initial() int {
	for i := range cs.List {
		if cs.List[i].Name == cs.Initial {
			return i
		}
	}
	return 0
}
