package main

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
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
	Promises                       []*qualityPromisePage
	Broken                         string // what was not kept, in words
	Sampled                        bool
	DipTimes, SwellTimes           []string
	Dips, Swells                   []qualityCounts
	Worst                          string
	Longer, Short3, Long3, Rapid   int
}

type qualityPhasePage struct{ Name, Low, LowAt, High, HighAt string }

// qualityPromisePage is a promise, and what became of it by phase.
type qualityPromisePage struct {
	What  string
	Lines []qualityLine
}

type qualityLine struct{ Phase, Beyond, Is, Says string }

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

// unbroken keeps numbers with their units.
func unbroken(texts []string) []string {
	for i, t := range texts {
		texts[i] = strings.ReplaceAll(t, " s", "\u00a0s")
	}
	return texts
}

// promised is a promise in words.
func promised(name string) string {
	words, ok := map[string]string{
		"voltage_95":   "95 % of the values over 10 minutes within 10 % of the declared voltage",
		"voltage_100":  "All of these values from 15 % below the declared voltage to 10 % above",
		"frequency_99": "99.5 % of the values over 10 s within 1 % of the frequency",
		"frequency":    "All of these values from 6 % below the frequency to 4 % above",
		"unbalance":    "Unbalance of the phases up to 2 % in 95 % of the values",
		"thd":          "Harmonic distortion (THD) up to 8 % in 95 % of the values",
		"harmonics":    "Each harmonic up to its own limit in 95 % of the values",
		"flicker":      "Flicker (P_lt) up to 1 in 95 % of the spans of 2 hours",
	}[name]
	if !ok {
		return name
	}
	return strings.ReplaceAll(words, " %", "\u00a0%")
}

// subject is what a promise is about, in a word.
func subject(name string) string {
	switch name {
	case "voltage_95", "voltage_100":
		return "voltage"
	case "frequency_99":
		return "frequency"
	case "thd":
		return "harmonic distortion"
	}
	return name
}

// qualityHTML writes the weeks as a page that needs nothing beside itself.
func qualityHTML(out io.Writer, v *api.View, zone *time.Location) error {
	t, err := template.New("quality").Parse(qualityPage)
	if err != nil {
		return err
	}
	q := v.Quality
	page := struct {
		Site, Made, Zone string
		Weeks            []qualityWeekPage
		Notes            []string
	}{Site: v.Site, Zone: zone.String()}
	now := time.Time{}
	if v.At != nil {
		now = *v.At
		page.Made = now.In(zone).Format("Mon 2 Jan 2006 15:04")
	}
	other := false
	for i := len(q.Weeks) - 1; i >= 0; i-- { // the newest first
		page.Weeks = append(page.Weeks, qualityWeekOf(&q.Weeks[i], q.Sampled, now, zone))
		other = other || q.Weeks[i].Nominal != 230
	}
	page.Notes = append(page.Notes, "A promise is open until its week is over. It is then kept where nine tenths of the values were measured, else unknown; it is broken as soon as nothing can mend it. A week in which nothing was measured is never a good one.")
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

func qualityWeekOf(w *api.QualityWeek, sampled bool, now time.Time, zone *time.Location) qualityWeekPage {
	when := func(t time.Time) string { return t.In(zone).Format("Mon 15:04") }
	volts := func(v float64) string { return fmt.Sprintf("%.1f V", v) }
	out := qualityWeekPage{
		From: w.From.In(zone).Format("Mon 2 Jan 2006"), To: w.To.Add(-time.Minute).In(zone).Format("Mon 2 Jan 2006"), Is: w.Is, Nominal: fmt.Sprintf("%g V", w.Nominal),
		Verdict: map[string]string{"kept": "What EN 50160 promises was kept.", "broken": "What EN 50160 promises was not kept."}[w.Is],
		Values:  w.Values, Of: w.Of, Flagged: w.Flagged, Short: w.Short, Sampled: sampled,
		DipTimes: unbroken(dipTimes()), SwellTimes: unbroken(swellTimes()), Longer: w.Longer, Short3: w.Interruptions[0], Long3: w.Interruptions[1], Rapid: w.Rapid,
	}
	unknown := "unknown"
	if now.Before(w.To) {
		unknown = "open"
	}
	if out.Verdict == "" {
		out.Verdict = map[bool]string{true: "The week is not over yet, and nothing is broken so far.", false: "Too little was measured to say whether what EN 50160 promises was kept."}[now.Before(w.To)]
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
	out.Promises, out.Broken = qualityPromises(w.Promises, unknown)
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

// qualityPromises are the promises, each once with its phases, and the subjects of those that
// are broken.
func qualityPromises(all []api.QualityPromise, unknown string) (out []*qualityPromisePage, broken string) {
	var subjects []string
	rows := map[string]*qualityPromisePage{}
	for _, p := range all {
		row := rows[p.Promise]
		if row == nil {
			row = &qualityPromisePage{What: promised(p.Promise)}
			rows[p.Promise], out = row, append(out, row)
		}
		line := qualityLine{Is: p.Is, Says: p.Is}
		if p.Is == "unknown" {
			line.Says = unknown
		}
		switch {
		case p.Values == 0:
			line.Beyond = "no value"
		case p.Beyond == 0:
			line.Beyond = fmt.Sprintf("none of %d beyond", p.Values)
		default:
			line.Beyond = fmt.Sprintf("%d of %d beyond (%.1f\u00a0%%)", p.Beyond, p.Values, 100*float64(p.Beyond)/float64(p.Values))
		}
		if p.Phase > 0 {
			line.Phase = fmt.Sprintf("Phase %d", p.Phase)
		}
		if p.Order > 0 {
			line.Beyond += fmt.Sprintf(", most often order %d", p.Order)
		}
		row.Lines = append(row.Lines, line)
		if s := subject(p.Promise); p.Is == "broken" && !slices.Contains(subjects, s) {
			subjects = append(subjects, s)
		}
	}
	return out, strings.Join(subjects, ", ")
}
