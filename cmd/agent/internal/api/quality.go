package api

import (
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/metering/quality"
)

// Quality is what the voltage was, held against EN 50160.
type Quality struct {
	Sampled bool          `json:"sampled"` // measured from samples; else means of the voltages that the meter tells
	Weeks   []QualityWeek `json:"weeks"`   // the last and the one under way
	Says    string        `json:"says"`    // the same in words
}

// QualityWeek is a week of the calendar, from Monday.
type QualityWeek struct {
	From          time.Time        `json:"from"`
	To            time.Time        `json:"to"`
	Nominal       float64          `json:"nominal_v"` // declared, line to neutral
	Is            string           `json:"is"`        // kept, broken, or unknown
	Values        int              `json:"values"`    // over 10 minutes, that count
	Of            int              `json:"of"`        // that a week has
	Flagged       int              `json:"flagged"`
	Short         int              `json:"short"` // of which too little was measured
	Phases        []QualityPhase   `json:"phases"`
	Promises      []QualityPromise `json:"promises"`
	Dips          [5][5]int        `json:"dips"`
	Swells        [2][3]int        `json:"swells"`
	Interruptions [2]int           `json:"interruptions"` // up to 3 minutes, and longer
	Longer        int              `json:"longer"`        // dips and swells of more than a minute
	Rapid         int              `json:"rapid_changes"`
	Worst         *QualityDip      `json:"worst_dip,omitempty"` // the one that took most of the voltage for longest; absent: there was none
}

// QualityDip is a dip of the voltage.
type QualityDip struct {
	At      time.Time `json:"at"`
	Volts   float64   `json:"v"` // the least
	Seconds float64   `json:"seconds"`
}

// QualityPhase is how far a phase's values over 10 minutes went.
type QualityPhase struct {
	Low  float64 `json:"low_v"`
	High float64 `json:"high_v"`
	// LowAt and HighAt are when those 10 minutes ended.
	LowAt  time.Time `json:"low_at,omitzero"`
	HighAt time.Time `json:"high_at,omitzero"`
}

// QualityPromise is what became of one promise.
type QualityPromise struct {
	Promise string `json:"promise"`
	Is      string `json:"is"`
	Phase   int    `json:"phase"` // from 1; 0: all together
	Order   int    `json:"order"` // of the harmonic that was too strong most often; 0: none was
	Values  int    `json:"values"`
	Beyond  int    `json:"beyond"` // of them beyond the limit
	Of      int    `json:"of"`
}

// qualityOf is nil where nothing is known of the voltage.
func qualityOf(say present.Phrases, s quality.State) *Quality {
	text := say.Quality(s)
	if len(text.Lines) == 0 {
		return nil
	}
	q := &Quality{Sampled: s.Now.Sampled, Weeks: []QualityWeek{}, Says: present.Sentences(append(text.Lines, text.Note)...)}
	for _, w := range []*quality.Week{s.Last, &s.Now} {
		if w == nil || w.From.IsZero() {
			continue
		}
		v := w.Judge(say.Now)
		out := QualityWeek{
			From: w.From.UTC(), To: w.To.UTC(), Nominal: float64(w.Nominal) / 1000, Is: string(v.Is), Values: w.Values, Of: v.Of, Flagged: w.Flagged, Short: w.Short,
			Phases: []QualityPhase{}, Promises: []QualityPromise{}, Dips: w.Dips, Swells: w.Swells, Interruptions: w.Interruptions, Longer: w.Longer, Rapid: w.Rapid,
		}
		for _, p := range w.Phases {
			out.Phases = append(out.Phases, QualityPhase{float64(p.Low) / 1000, float64(p.High) / 1000, p.LowEnd.UTC(), p.HighEnd.UTC()})
		}
		if d := w.Worst; d != nil {
			out.Worst = &QualityDip{d.Start.UTC(), float64(d.Voltage) / 1000, d.Length.Seconds()}
		}
		for _, f := range v.Findings {
			out.Promises = append(out.Promises, QualityPromise{string(f.Promise), string(f.Is), f.Phase, f.Order, f.N, f.Beyond, f.Of})
		}
		q.Weeks = append(q.Weeks, out)
	}
	return q
}
