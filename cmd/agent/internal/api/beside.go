package api

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/metering/beside"
)

// MeterReading is what a person has read on the utility's meter: POST
// /api/v1/meter/readings.
type MeterReading struct {
	Shown  string `json:"shown"`            // in kWh, as it stands on the display
	At     string `json:"at,omitempty"`     // when: "18:00", "yesterday 21:00", "2026-12-04 18:00", a time of RFC 3339; absent: now
	Sure   bool   `json:"sure,omitempty"`   // it was looked at twice: take it though it is not likely
	Anew   bool   `json:"anew,omitempty"`   // the utility's meter was exchanged: this is the new one's first
	Turned bool   `json:"turned,omitempty"` // the display has passed its last digit since the reading before
	Left   bool   `json:"left,omitempty"`   // the display shows the credit that is left, in kWh
	Bought string `json:"bought,omitempty"` // of left: kWh that were bought since the reading before
}

// BesideAnswer answers a MeterReading.
type BesideAnswer struct {
	Beside *Beside `json:"beside"`
}

// Beside is the utility's meter beside ours.
type Beside struct {
	Says     string        `json:"says"`    // the same in words
	Percent  int64         `json:"percent"` // by which they may differ
	Whole    *BothMeters   `json:"whole"`   // null: there are no two readings of one meter
	Judged   *BothMeters   `json:"judged"`  // the newest stretch that is long enough to say something
	Months   []BothMeters  `json:"months"`
	Readings []ReadingTold `json:"readings"` // the newest first
}

// BothMeters is what both counted from one reading to another.
type BothMeters struct {
	From       time.Time `json:"from"`
	To         time.Time `json:"to"`
	Utility    float64   `json:"utility_kwh"`
	Own        float64   `json:"own_kwh"`
	More       *float64  `json:"more_percent"` // measured here, of what the utility's meter counted; below 0: less; null: it counted nothing
	Blur       float64   `json:"blur_kwh"`     // by which the difference may be off: last digits, and instants within an interval
	Unmeasured float64   `json:"unmeasured_hours"`
	Is         string    `json:"is"` // agree, more, less, unclear
}

// ReadingTold is what was read on the utility's meter.
type ReadingTold struct {
	N     int       `json:"n"`
	At    time.Time `json:"at"`
	Shown float64   `json:"shown_kwh"`
	Own   float64   `json:"own_kwh"` // counted here by then
	Left  bool      `json:"left,omitempty"`
	Anew  bool      `json:"anew,omitempty"`
	By    string    `json:"by"`
}

// BesideOf is nil where nobody has read the utility's meter.
func BesideOf(say present.Phrases, b picture.Beside) *Beside {
	if len(b.Readings) == 0 {
		return nil
	}
	out := &Beside{Says: present.Sentences(say.Beside(b.Account).Lines...), Percent: b.Percent, Months: []BothMeters{}}
	if b.Compared() {
		whole, judged := bothOf(b.Whole), bothOf(b.Judged)
		out.Whole, out.Judged = &whole, &judged
	}
	for _, m := range b.Months {
		out.Months = append(out.Months, bothOf(m.Stretch))
	}
	for _, r := range slices.Backward(b.Readings) {
		out.Readings = append(out.Readings, ReadingTold{N: r.N, At: r.Here.At.UTC(), Shown: r.Shown.KWh(), Own: r.Here.Own.KWh(), Left: r.Left, Anew: r.Anew, By: r.By})
	}
	return out
}

func bothOf(s beside.Stretch) BothMeters {
	out := BothMeters{
		From: s.From.UTC(), To: s.To.UTC(), Utility: s.Utility.KWh(), Own: s.Own.KWh(), Blur: s.Blur.KWh(), Unmeasured: s.Unmeasured.Hours(), Is: string(s.Is),
	}
	if n, ok := s.PerMille(); ok {
		more := float64(n) / 10
		out.More = &more
	}
	return out
}
