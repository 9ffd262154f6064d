package main

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
)

//go:embed quality.html
var qualityPage string //nolint:gochecknoglobals // embedded files must be

// qualityWeekPage is a week as the page shows it.
type qualityWeekPage struct {
	From, To, Is, Verdict, Nominal string
	Values, Of, Flagged, Short     int
	Phases                         []qualityPhasePage
	Promises                       []qualityPromisePage
	Sampled                        bool
	DipTimes, SwellTimes           []string
	Dips, Swells                   []qualityCounts
	Worst                          string
	Longer, Short3, Long3, Rapid   int
}

type qualityPhasePage struct{ Name, Low, LowAt, High, HighAt string }

type qualityPromisePage struct{ What, Beyond, Is string }

// qualityCounts is a row of a table of the standard.
type qualityCounts struct {
	Name   string
	Counts []int
}

// The classes of the tables of dips and swells (EN 50160, 4.3).
func dipRows() []string {
	return []string{"90 to 80 %", "80 to 70 %", "70 to 40 %", "40 to 5 %", "below 5 %"}
}

func dipTimes() []string   { return []string{"to 0.2 s", "to 0.5 s", "to 1 s", "to 5 s", "to 60 s"} }
func swellRows() []string  { return []string{"120 % and more", "110 to 120 %"} }
func swellTimes() []string { return []string{"to 0.5 s", "to 5 s", "to 60 s"} }

// promised is a promise in words.
func promised(name string) string {
	words, ok := map[string]string{
		"voltage_95":   "95 % of the values over 10 minutes within 10 % of the declared voltage",
		"voltage_100":  "all of them from 15 % below it to 10 % above",
		"frequency_99": "the frequency within 1 % in 99.5 % of the values over 10 s",
		"frequency":    "all of them from 6 % below to 4 % above",
		"unbalance":    "unbalance of the phases up to 2 % in 95 % of the values",
		"thd":          "harmonic distortion up to 8 % in 95 % of the values",
		"harmonics":    "each harmonic up to its own limit in 95 % of the values",
		"flicker":      "flicker (P_lt) up to 1 in 95 % of the spans of 2 hours",
	}[name]
	if !ok {
		return name
	}
	return words
}

// qualityHTML writes the weeks as a page that needs nothing beside itself.
func qualityHTML(out io.Writer, v *api.View, zone *time.Location) error {
	t, err := template.New("quality").Parse(qualityPage)
	if err != nil {
		return err
	}
	q := v.Quality
	page := struct {
		Site, Made, Zone, Says string
		Weeks                  []qualityWeekPage
		Notes                  []string
	}{Site: v.Site, Zone: zone.String(), Says: q.Says}
	if v.At != nil {
		page.Made = v.At.In(zone).Format("Mon 2 Jan 2006 15:04")
	}
	other := false
	for i := len(q.Weeks) - 1; i >= 0; i-- { // the newest first
		page.Weeks = append(page.Weeks, qualityWeekOf(&q.Weeks[i], q.Sampled, zone))
		other = other || q.Weeks[i].Nominal != 230
	}
	page.Notes = append(page.Notes, "A promise is kept when the week is over and nine tenths of its values were measured, else it is unknown; it is broken as soon as nothing can mend it. A week in which nothing was measured is never a good one.")
	if q.Sampled {
		page.Notes = append(page.Notes, "Measured from samples by the methods of IEC 61000-4-30 for class S and IEC 61000-4-7 and 61000-4-15. This box was not tested as an instrument of that class: the report says where to look, and proves nothing to a court.")
	} else {
		page.Notes = append(page.Notes, "Made of the voltages that the meter tells, at least once a minute. Dips, harmonics and flicker do not show in them, and no standard measures so.")
	}
	if other {
		page.Notes = append(page.Notes, "EN 50160 is a European standard for supplies of 230 V. Its shares are held here against another declared voltage; what your supplier must keep may be laid down elsewhere, and be narrower.")
	}
	return t.Execute(out, page)
}

func qualityWeekOf(w *api.QualityWeek, sampled bool, zone *time.Location) qualityWeekPage {
	when := func(t time.Time) string { return t.In(zone).Format("Mon 15:04") }
	volts := func(v float64) string { return fmt.Sprintf("%.1f V", v) }
	out := qualityWeekPage{
		From: w.From.In(zone).Format("Mon 2 Jan 2006"), To: w.To.Add(-time.Minute).In(zone).Format("Mon 2 Jan 2006"), Is: w.Is, Nominal: fmt.Sprintf("%g V", w.Nominal),
		Verdict: map[string]string{"kept": "What EN 50160 promises was kept.", "broken": "What EN 50160 promises was not kept."}[w.Is],
		Values:  w.Values, Of: w.Of, Flagged: w.Flagged, Short: w.Short, Sampled: sampled,
		DipTimes: dipTimes(), SwellTimes: swellTimes(), Longer: w.Longer, Short3: w.Interruptions[0], Long3: w.Interruptions[1], Rapid: w.Rapid,
	}
	if out.Verdict == "" {
		out.Verdict = "It is not known yet, or too little was measured."
	}
	for k, p := range w.Phases {
		if p.LowAt.IsZero() {
			continue
		}
		name := "Voltage"
		if len(w.Phases) > 1 {
			name = fmt.Sprintf("Phase %d", k+1)
		}
		out.Phases = append(out.Phases, qualityPhasePage{name, volts(p.Low), when(p.LowAt), volts(p.High), when(p.HighAt)})
	}
	for _, p := range w.Promises {
		row := qualityPromisePage{What: promised(p.Promise), Beyond: fmt.Sprintf("%d of %d", p.Beyond, p.Values), Is: p.Is}
		if p.Phase > 0 {
			row.What += fmt.Sprintf(", phase %d", p.Phase)
		}
		if p.Order > 0 {
			row.Beyond += fmt.Sprintf(", most often the harmonic of order %d", p.Order)
		}
		out.Promises = append(out.Promises, row)
	}
	for i, name := range dipRows() {
		out.Dips = append(out.Dips, qualityCounts{name, w.Dips[i][:]})
	}
	for i, name := range swellRows() {
		out.Swells = append(out.Swells, qualityCounts{name, w.Swells[i][:]})
	}
	if d := w.Worst; d != nil {
		out.Worst = fmt.Sprintf("The worst: %s left for %.2f s, %s.", volts(d.Volts), d.Seconds, d.At.In(zone).Format("Mon 2 Jan 15:04:05"))
	}
	return out
}
