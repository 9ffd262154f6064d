package present

import (
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering/quality"
)

// What a week of the voltage was is said in plain words, with dates, and what is not known
// is said to be so.
func TestWhatTheVoltageWasInWords(t *testing.T) {
	words, err := Open("en")
	if err != nil {
		t.Fatal(err)
	}
	monday := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	rules := quality.Rules{Nominal: 230_000, Frequency: 50_000}
	// lived is the state after a week and so many values of 10 minutes.
	lived := func(after int, change func(k int, v *quality.Ten)) quality.State {
		var s quality.State
		for k := range 1008 + after {
			v := quality.Ten{End: monday.Add(time.Duration(k+1) * 10 * time.Minute), Covered: 1_000_000, Phases: []quality.Phase{{Voltage: 231_000, Orders: 25, Flicker: true}}}
			change(k, &v)
			if v.Covered > 0 {
				s = s.Take(rules, &quality.News{Tens: []quality.Ten{v}})
			}
		}
		return s
	}
	bad := lived(0, func(k int, v *quality.Ten) {
		if k%10 == 0 {
			v.Phases[0].Voltage = 204_500 + units.Voltage(k)
		}
		v.Phases[0].Harmonics[14] = 7_000
	})
	for _, e := range []quality.Event{
		{Kind: quality.Dip, Start: monday.Add(67*time.Hour + 21*time.Minute), Length: 1210 * time.Millisecond, Voltage: 96_000},
		{Kind: quality.Dip, Start: monday.Add(70 * time.Hour), Length: 100 * time.Millisecond, Voltage: 196_000},
		{Kind: quality.Interruption, Start: monday.Add(80 * time.Hour), Length: time.Minute},
	} {
		bad = bad.Take(rules, &quality.News{Events: []quality.Event{e}})
	}
	var told quality.State
	for k := range 200 {
		told = told.Hear(rules, monday.Add(time.Duration(k)*10*time.Second), []units.Voltage{229_000})
	}
	var elsewhere quality.State
	for k := range 200 {
		elsewhere = elsewhere.Hear(quality.Rules{Nominal: 127_000, Frequency: 60_000}, monday.Add(time.Duration(k)*10*time.Second), []units.Voltage{118_000})
	}
	week := 7 * 24 * time.Hour
	for _, c := range []struct {
		situation string
		state     quality.State
		now       time.Time
		level     string
		want      []string
	}{
		{"nothing is known", quality.State{}, monday, "", nil},
		{"a supply that is not Europe's", elsewhere, monday.Add(time.Hour), "", []string{
			"Since today 00:00 there are 3 values of 10 minutes; the week is judged when it is over, on Mon 9 Mar.",
			"It was between 118.0 V (today 00:10) and 118.0 V (today 00:10), over 10 minutes.",
			"These are means of the voltages that the meter tells: dips, harmonics and flicker do not show in them, and no standard measures so. EN 50160 is made for supplies of 230 V. Its shares are held here against 127 V; what your supplier must keep may be laid down elsewhere, and be narrower.",
		}},
		{"a good week, and a day of the next", lived(144, func(int, *quality.Ten) {}), monday.Add(week + 24*time.Hour), "good", []string{
			"From Mon 2 Mar to Sun 8 Mar the voltage was as it should be (EN 50160).",
			"It was between 231.0 V (Mon 2 Mar 00:10) and 231.0 V (Mon 2 Mar 00:10), over 10 minutes.",
			"Too little was measured to judge: the frequency.",
			"No dip, swell or interruption was seen.",
			"Since yesterday 00:00 there are 144 values of 10 minutes; the week is judged when it is over, on Mon 16 Mar.",
			"It was between 231.0 V (yesterday 00:10) and 231.0 V (yesterday 00:10), over 10 minutes.",
			"No dip, swell or interruption was seen.",
			"Measured by the methods of class S (IEC 61000-4-30). This box was not tested as an instrument of that class.",
		}},
		{"a bad one under way", bad, monday.Add(week - time.Hour), "low", []string{
			"Since Mon 2 Mar 00:00 the voltage is not as it should be (EN 50160), whatever the rest of the week brings.",
			"It was between 204.5 V (Mon 2 Mar 00:10) and 231.0 V (Mon 2 Mar 00:20), over 10 minutes.",
			"It was more than 10 % off for 10.0 % of the time, where 5 % may be.",
			"Harmonic 15 was too strong for 100.0 % of the time, where 5 % may be.",
			"Disturbed by 2 dips, 1 interruption of up to 3 minutes.",
			"The worst dip: Wed 4 Mar 19:21, down to 96.0 V, 1.21 s.",
			"Measured by the methods of class S (IEC 61000-4-30). This box was not tested as an instrument of that class.",
		}},
		{"half a week was not measured", lived(1, func(k int, v *quality.Ten) {
			if k%2 == 0 && k < 1008 {
				v.Covered = 0
			}
		}), monday.Add(week + time.Hour), "", []string{
			"From Mon 2 Mar to Sun 8 Mar too little of the voltage was measured to judge it: 504 of 1008 values of 10 minutes.",
		}},
		{"a meter tells voltages only", told, monday.Add(time.Hour), "", []string{
			"Since today 00:00 there are 3 values of 10 minutes; the week is judged when it is over, on Mon 9 Mar.",
			"It was between 229.0 V (today 00:10) and 229.0 V (today 00:10), over 10 minutes.",
			"These are means of the voltages that the meter tells: dips, harmonics and flicker do not show in them, and no standard measures so.",
		}},
	} {
		got := Phrases{Format{Words: words, Zone: time.UTC, Now: c.now}}.Quality(c.state)
		text := got.Lines
		if got.Note != "" {
			text = append(text, got.Note)
		}
		if c.situation == "half a week was not measured" && len(text) > 1 {
			text = text[:1]
		}
		if a, b := strings.ReplaceAll(strings.Join(text, "\n"), NoBreak, " "), strings.Join(c.want, "\n"); a != b || got.Level != c.level {
			t.Errorf("%s (%s, want %s):\n%s\nwant\n%s", c.situation, got.Level, c.level, a, b)
		}
	}
}
