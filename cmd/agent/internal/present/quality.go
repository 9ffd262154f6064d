package present

import (
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering/quality"
)

// europe is the voltage that EN 50160 is made for.
const europe units.Voltage = 230_000

// QualityText is what the voltage was, in words.
type QualityText struct {
	Level string // "good", "low" or ""
	Lines []string
	Note  string // how it is known
}

// Quality is what the voltage was this week and the last, in words; nothing where nothing
// of it is known.
func (p Phrases) Quality(s quality.State) QualityText {
	var t QualityText
	c := p.Words
	if s.Last != nil {
		v := s.Last.Judge(p.Now)
		t.Level = map[quality.Outcome]string{quality.Kept: "good", quality.Broken: "low"}[v.Is]
		span := []any{"from", p.Date(s.Last.From), "to", p.Date(s.Last.To.Add(-time.Minute))}
		t.Lines = append(t.Lines, c.T("quality.week."+string(v.Is), append(span, "n", s.Last.Values, "of", v.Of)...))
		t.Lines = append(t.Lines, p.qualityOf(s.Last, v)...)
	}
	if w := &s.Now; w.Values+w.Flagged+w.Short > 0 {
		v := w.Judge(p.Now)
		key := "quality.now"
		if v.Is == quality.Broken {
			key, t.Level = "quality.now.broken", "low"
		}
		from := w.From
		if !w.Since.IsZero() {
			from = w.Since
		}
		t.Lines = append(t.Lines, c.T(key, "from", p.When(from), "to", p.Date(w.To), "n", w.Values, "of", v.Of))
		t.Lines = append(t.Lines, p.qualityOf(w, v)...)
	}
	if len(t.Lines) == 0 {
		return QualityText{}
	}
	t.Note = c.T("quality.told")
	if s.Now.Sampled {
		t.Note = c.T("quality.sampled")
	}
	if v := s.Now.Nominal; v > 0 && v != europe {
		t.Note += " " + c.T("quality.elsewhere", "volts", p.whole(p.Number(float64(v)/1000, 0)+NoBreak+"V"))
	}
	return t
}

// qualityOf is what a week was: how far the voltage went, which promises were broken, what
// is not known, and what disturbed it.
func (p Phrases) qualityOf(w *quality.Week, v quality.Verdict) (out []string) {
	c := p.Words
	for k, f := range w.Phases {
		if f.LowEnd.IsZero() {
			continue
		}
		key := "quality.range"
		if len(w.Phases) > 1 {
			key = "quality.range.phase"
		}
		out = append(out, c.T(key, "phase", k+1, "low", p.Volts(f.Low), "low_when", p.When(f.LowEnd), "high", p.Volts(f.High), "high_when", p.When(f.HighEnd)))
	}
	var unknown []string
	said := map[quality.Promise]bool{}
	for _, f := range v.Findings {
		switch {
		case f.Is == quality.Broken:
			part := p.Number(100*float64(f.Beyond)/float64(max(1, f.N)), 1) + NoBreak + "%"
			line := c.T("quality.broken."+string(f.Promise), "part", part, "order", f.Order, "n", f.Beyond)
			if f.Phase > 0 {
				line = c.T("quality.phase", "phase", f.Phase, "what", line)
			}
			out = append(out, line)
		case f.Is == quality.Unknown && v.Over && v.Is != quality.Unknown && !said[f.Promise]:
			if said[f.Promise] = true; f.Promise != quality.Frequency {
				unknown = append(unknown, c.T("quality.what."+string(f.Promise)))
			}
		}
	}
	if len(unknown) > 0 {
		out = append(out, c.T("quality.unjudged", "what", strings.Join(unknown, ", ")))
	}
	return append(out, p.disturbed(w)...)
}

// disturbed is what dips, swells and interruptions a week had.
func (p Phrases) disturbed(w *quality.Week) (out []string) {
	if !w.Sampled {
		return nil
	}
	c := p.Words
	dips, swells := 0, 0
	for _, row := range w.Dips {
		for _, n := range row {
			dips += n
		}
	}
	for _, row := range w.Swells {
		for _, n := range row {
			swells += n
		}
	}
	var parts []string
	for _, x := range []struct {
		key string
		n   int
	}{{"quality.dips", dips}, {"quality.swells", swells}, {"quality.longer", w.Longer}, {"quality.interruptions", w.Interruptions[0]}, {"quality.interruptions.long", w.Interruptions[1]}, {"quality.rapid", w.Rapid}} {
		if x.n > 0 {
			parts = append(parts, c.N(x.key, x.n))
		}
	}
	if len(parts) == 0 {
		return []string{c.T("quality.calm")}
	}
	out = append(out, c.T("quality.events", "what", strings.Join(parts, ", ")))
	if e := w.Worst; e != nil {
		out = append(out, c.T("quality.worst", "when", p.When(e.Start), "volts", p.Volts(e.Voltage), "time", p.Number(e.Length.Seconds(), 2)+NoBreak+"s"))
	}
	return out
}

// Volts is a voltage as a meter shows it.
func (f Format) Volts(v units.Voltage) string {
	return f.whole(f.Number(float64(v)/1000, 1) + NoBreak + "V")
}
