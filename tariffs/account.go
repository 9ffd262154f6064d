package tariffs

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Account is all a tariff needs to know of the past to charge the next
// interval exactly.  The zero value is a new customer.  It is a plain value:
// the operations of Tariff never change the one they are given, and it
// round-trips through encoding/json without loss.
//
// It names versions, periods and components rather than counting them, so that
// a document corrected in mid-month goes on from the right sums.
type Account struct {
	Months  []Month     `json:"months,omitempty"`  // by rising Start; the last is the current one, the one before it is kept for late readings
	Past    []PastMonth `json:"past,omitempty"`    // months before those, oldest first, at most 24
	Arrears []Arrear    `json:"arrears,omitempty"` // fixed charges of past months still to be taken from purchases
	Debt    units.Money `json:"debt,omitempty"`    // owed besides, paid off as the document's debt rule says
	Paid    Paid        `json:"paid,omitzero"`     // debt taken in the current period of that rule
	Carried []Carried   `json:"carried,omitempty"` // what the first month finds, of an account that has none yet
}

// Month is what has happened in one billing month.
type Month struct {
	Start     Date        `json:"start"`           // its first local day
	Seen      Date        `json:"seen"`            // the first day of it this account was there
	Cells     []Cell      `json:"cells,omitempty"` // energy so far
	Lines     []Line      `json:"lines,omitempty"` // the bill so far
	Peaks     []Peak      `json:"peaks,omitempty"` // demand so far
	Purchases int         `json:"purchases,omitempty"`
	Purchased units.Money `json:"purchased,omitempty"`
	Closed    bool        `json:"closed,omitempty"`  // its month-end charges have been booked
	Carried   []Carried   `json:"carried,omitempty"` // what it finds of earlier months' allowances
}

// Cell is the energy of one period of one season under one version.
type Cell struct {
	Version  Date         `json:"version"`
	Season   string       `json:"season,omitempty"`
	Period   string       `json:"period,omitempty"`
	Pushed   bool         `json:"pushed,omitempty"` // priced by prices received at run time
	Day      Date         `json:"day,omitempty"`    // where steps begin anew each day: whose energy it is
	Import   units.Energy `json:"import"`
	Export   units.Energy `json:"export,omitempty"`
	Reactive units.Energy `json:"reactive,omitempty"` // kvarh, in the same unit
}

// Line is what one component of one version comes to in the month so far.
type Line struct {
	Version Date         `json:"version"`
	Name    string       `json:"name"`
	Kind    Kind         `json:"kind"`
	Energy  units.Energy `json:"energy,omitempty"`
	Amount  units.Money  `json:"amount"`          // before taxes
	Tax     units.Money  `json:"tax,omitempty"`   //
	Count   int          `json:"count,omitempty"` // days or months charged
	Exact   units.Money  `json:"exact,omitempty"` // whole millionths of a sum of pushed prices,
	Rest    int64        `json:"rest,omitempty"`  // and its remainder in 1/3.6e12 of a millionth
}

// Peak is the highest demand of one demand charge and the interval under way.
type Peak struct {
	Version  Date         `json:"version"`
	Name     string       `json:"name"`
	Highest  units.Power  `json:"highest"` // mW or mVA; of the mean of several days, those to come counted as nothing
	At       time.Time    `json:"at,omitzero"`
	Start    time.Time    `json:"start,omitzero"` // of the interval under way
	Active   units.Energy `json:"active,omitempty"`
	Reactive units.Energy `json:"reactive,omitempty"`
	Days     []DayPeak    `json:"days,omitempty"` // of a mean of several days: the days with the highest, the highest first
}

// DayPeak is the highest demand of one local day.
type DayPeak struct {
	Day     Date        `json:"day"`
	Highest units.Power `json:"highest"`
}

// PastMonth is what is remembered of a month gone by.
type PastMonth struct {
	Start  Date         `json:"start"`
	Import units.Energy `json:"import"`
	Peaks  []PastPeak   `json:"peaks,omitempty"`
	// Carried is what it found of earlier months' allowances.
	Carried []Carried `json:"carried,omitempty"`
}

// PastPeak is the highest demand of a demand charge in a past month.
type PastPeak struct {
	Name    string      `json:"name"`
	Highest units.Power `json:"highest"`
}

// Arrear is what past months still owe of a first-purchase charge.
type Arrear struct {
	Name   string      `json:"name"`
	Months int         `json:"months"` // how many months it comes from
	Amount units.Money `json:"amount"` // before taxes
}

// Paid is how much debt was taken in the period that begins with Start.
type Paid struct {
	Start  Date        `json:"start"`
	Amount units.Money `json:"amount"`
}

// Kind is what sort of component an Item or Line is.
type Kind string

// The kinds of components.
const (
	KindEnergy   Kind = "energy"
	KindFixed    Kind = "fixed"
	KindDemand   Kind = "demand"
	KindReactive Kind = "reactive"
	KindFactor   Kind = "power_factor"
	KindMinimum  Kind = "minimum"
	KindExport   Kind = "export" // negative amounts
	KindRebate   Kind = "rebate" // negative amounts
	KindDebt     Kind = "debt"
)

// Item is one thing to book.
type Item struct {
	Name   string       `json:"name"`
	Kind   Kind         `json:"kind"`
	Amount units.Money  `json:"amount"` // before taxes; negative is in the customer's favour
	Tax    units.Money  `json:"tax"`
	Energy units.Energy `json:"energy,omitempty"` // that the component was charged on
	Period string       `json:"period,omitempty"`
	From   time.Time    `json:"from"` // what it is for: [From, To); the instant where both are equal
	To     time.Time    `json:"to"`
}

// Gross is the item with its taxes.
func (i Item) Gross() units.Money { return i.Amount + i.Tax }

// Sum is the total of items with their taxes.
func Sum(items []Item) units.Money {
	var s units.Money
	for i := range items {
		s += items[i].Gross()
	}
	return s
}

// Clone is a copy that shares nothing with a.
func (a Account) Clone() Account {
	a.Months = slices.Clone(a.Months)
	for i := range a.Months {
		a.Months[i] = a.Months[i].clone()
	}
	a.Past = slices.Clone(a.Past)
	a.Arrears = slices.Clone(a.Arrears)
	a.Carried = cloneCarried(a.Carried)
	return a
}

func (m Month) clone() Month {
	m.Cells = slices.Clone(m.Cells)
	m.Lines = slices.Clone(m.Lines)
	m.Carried = cloneCarried(m.Carried)
	m.Peaks = slices.Clone(m.Peaks)
	for i := range m.Peaks {
		m.Peaks[i].Days = slices.Clone(m.Peaks[i].Days)
	}
	return m
}

// Import is the energy taken from the grid in the month so far.
func (m *Month) Import() units.Energy {
	var e units.Energy
	for i := range m.Cells {
		e += m.Cells[i].Import
	}
	return e
}

// Total is the month's bill so far, with taxes.
func (m *Month) Total() units.Money {
	var s units.Money
	for i := range m.Lines {
		s += m.Lines[i].Amount + m.Lines[i].Tax
	}
	return s
}

// MonthToDate is the energy taken from the grid in the current billing month.
func (a Account) MonthToDate() units.Energy {
	if len(a.Months) == 0 {
		return 0
	}
	return a.Months[len(a.Months)-1].Import()
}
