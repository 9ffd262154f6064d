package present

import (
	"strconv"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering/beside"
)

// BesideText is the utility's meter held against ours, in words.
type BesideText struct {
	Level  string // "good", "low", or "" while nobody can say
	Lines  []string
	Months []string // one line each, the newest first
}

// worthMeasuring is a time in which nothing was measured that is worth a sentence.
const worthMeasuring = time.Minute

// Beside is the utility's meter held against ours; nothing where nobody has read it.
func (p Phrases) Beside(a beside.Account) BesideText {
	c := p.Words
	var t BesideText
	switch {
	case a.Readings == 0:
		return t
	case !a.Compared():
		t.Lines = []string{c.T("beside.first")}
		return t
	}
	t.Lines = append(t.Lines, p.stretch("beside.whole", a.Whole))
	if a.Judged != a.Whole {
		t.Lines = append(t.Lines, p.stretch("beside.part", a.Judged))
	}
	percent := strconv.FormatInt(a.Percent, 10)
	switch a.Judged.Is {
	case beside.Agree:
		t.Level = "good"
	case beside.More, beside.Less:
		t.Level = "low"
	case beside.Unclear:
	}
	t.Lines = append(t.Lines, c.T("beside.is."+string(a.Judged.Is), "percent", percent, "blur", p.Tenths(a.Judged.Blur)))
	if d := a.Judged.Unmeasured; d >= worthMeasuring {
		t.Lines = append(t.Lines, c.T("beside.unmeasured", "time", p.Duration(d)))
	}
	for i := range a.Months {
		m := a.Months[len(a.Months)-1-i]
		t.Months = append(t.Months, p.stretch("beside.month", m.Stretch))
	}
	return t
}

func (p Phrases) stretch(key string, s beside.Stretch) string {
	when := p.Date
	if s.To.Sub(s.From) < 3*24*time.Hour {
		when = p.When
	}
	values := []any{"from", when(s.From), "to", when(s.To), "utility", p.Tenths(s.Utility), "own", p.Tenths(s.Own)}
	return p.Words.T(key, append(values, "than", p.than(s))...)
}

// than is by how much more or less was measured here.
func (p Phrases) than(s beside.Stretch) string {
	n, ok := s.PerMille()
	switch {
	case !ok:
		return p.Words.T("beside.than.none")
	case n == 0:
		return p.Words.T("beside.than.same")
	case n < 0:
		return p.Words.T("beside.than.less", "n", p.Number(float64(-n)/10, 1))
	}
	return p.Words.T("beside.than.more", "n", p.Number(float64(n)/10, 1))
}

// Tenths is an energy as meters for the home show it: "412.0 kWh".
func (f Format) Tenths(e units.Energy) string { return f.whole(f.Number(e.KWh(), 1) + NoBreak + "kWh") }
