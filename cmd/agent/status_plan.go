package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
)

// The chart of the plan: a column for each half hour of a day, in 80 columns with
// the names before it and the sums behind it.
const (
	chartStep  = 30 * time.Minute
	chartSteps = 48
	chartName  = 16
)

// planChart draws the plan of the 24 h from the picture's time on: the price,
// when each load runs, and what all else is thought to draw.
func planChart(w io.Writer, v *api.View, zone *time.Location) {
	planChartIn(w, v, zone, chartWords{
		None: "There is no plan of the next 24 h.", Title: func(from time.Time) string {
			return "The plan of the next 24 h, by half hours from " + from.Format("Mon 15:04")
		}, Price: "price", Rest: "all else",
	})
}

// chartWords are what is written beside a chart.
type chartWords struct {
	None, Price, Rest string
	Title             func(from time.Time) string
}

// planChartIn draws it with other words.
func planChartIn(w io.Writer, v *api.View, zone *time.Location, words chartWords) {
	now := fromWire(v.At).In(zone)
	start := now.Truncate(chartStep) // as the plan's own slots begin, whatever the zone
	row := func(name, drawn, sum string) {
		if r := []rune(name); len(r) > chartName {
			name = string(r[:chartName-1]) + "…"
		}
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%-*s  %s  %s", chartName, name, drawn, sum), " "))
	}
	prices := perStep(v.Plan.Slots, start, func(i int) (float64, bool) {
		var p float64
		_, err := fmt.Sscan(v.Plan.Slots[i].Price, &p)
		return p, err == nil
	})
	least, greatest := extent(prices)
	if least > greatest { // no slot of the plan is in these hours
		fmt.Fprintln(w, "\n"+words.None)
		return
	}
	fmt.Fprintf(w, "\n%s:\n", words.Title(start))
	row("", hours(start), "")
	row(words.Price, columns(prices, least, greatest), between(least, greatest))
	for _, l := range v.Plan.Loads {
		name := l.ID
		for _, x := range v.Loads {
			if x.ID == l.ID {
				name = x.Name
			}
		}
		power := perStep(v.Plan.Slots, start, func(i int) (float64, bool) {
			if i >= len(l.W) {
				return 0, false
			}
			return l.W[i], true
		})
		_, most := extent(l.W)
		row(name, runs(power, most), energyOf(v.Plan.Slots, now, start, l.W))
	}
	rest := make([]float64, len(v.Plan.Slots))
	for i, s := range v.Plan.Slots {
		rest[i] = s.MidW
	}
	drawn := perStep(v.Plan.Slots, start, func(i int) (float64, bool) { return rest[i], true })
	_, most := extent(drawn)
	row(words.Rest, columns(drawn, 0, most), energyOf(v.Plan.Slots, now, start, rest))
}

// perStep is the mean of what slots have, step by step from start on; NaN where the
// plan says nothing of a step.
func perStep(slots []api.Slot, start time.Time, of func(i int) (float64, bool)) []float64 {
	out := make([]float64, chartSteps)
	for k := range out {
		from := start.Add(time.Duration(k) * chartStep)
		sum, took := 0.0, 0.0
		for i, s := range slots {
			if x, ok := of(i); ok {
				part := overlap(s, from, from.Add(chartStep))
				sum, took = sum+x*part, took+part
			}
		}
		out[k] = sum / took // NaN where nothing was found
	}
	return out
}

// overlap is how many seconds of a slot are between two times.
func overlap(s api.Slot, from, to time.Time) float64 {
	begin, end := s.Start, s.Start.Add(time.Duration(s.Seconds*float64(time.Second)))
	if begin.Before(from) {
		begin = from
	}
	if end.After(to) {
		end = to
	}
	return max(0, end.Sub(begin).Seconds())
}

// extent is the least and the greatest of what is known; the least is above the
// greatest where nothing is.
func extent(xs []float64) (least, greatest float64) {
	least, greatest = math.Inf(1), math.Inf(-1)
	for _, x := range xs {
		if !math.IsNaN(x) {
			least, greatest = min(least, x), max(greatest, x)
		}
	}
	return least, greatest
}

// columns draws how high each step is between two values.
func columns(xs []float64, least, greatest float64) string {
	marks := []rune("▁▂▃▄▅▆▇█")
	return draw(xs, func(x float64) rune {
		if greatest <= least {
			return marks[0]
		}
		return marks[min(len(marks)-1, max(0, int((x-least)/(greatest-least)*float64(len(marks)))))]
	})
}

// runs draws whether a load runs, the whole of a step with its greatest power or less.
func runs(xs []float64, most float64) string {
	return draw(xs, func(x float64) rune {
		switch {
		case x <= 0:
			return '·'
		case x < 0.75*most:
			return '▄'
		default:
			return '█'
		}
	})
}

func draw(xs []float64, mark func(x float64) rune) string {
	var b strings.Builder
	for _, x := range xs {
		if math.IsNaN(x) {
			b.WriteRune(' ')
			continue
		}
		b.WriteRune(mark(x))
	}
	return b.String()
}

// hours is the line with each third hour of the day above the step it begins with.
func hours(start time.Time) string {
	line := []rune(strings.Repeat(" ", chartSteps))
	free := 0
	for k := range line {
		t := start.Add(time.Duration(k) * chartStep)
		if t.Hour()%3 != 0 || t.Minute() >= 30 || k < free {
			continue
		}
		text := []rune(t.Format("15:04"))
		if k+len(text) > len(line) {
			break
		}
		copy(line[k:], text)
		free = k + len(text) + 1
	}
	return strings.TrimRight(string(line), " ")
}

// between is the range of prices, short enough for the end of a line.
func between(least, greatest float64) string {
	if least == greatest {
		return fmt.Sprintf("%.4g", least)
	}
	return fmt.Sprintf("%.4g-%.4g", least, greatest)
}

// energyOf is what is planned to be used from now to the chart's end.
func energyOf(slots []api.Slot, now, start time.Time, power []float64) string {
	joules := 0.0
	for i, s := range slots {
		if i < len(power) {
			joules += power[i] * overlap(s, now, start.Add(chartSteps*chartStep))
		}
	}
	return fmt.Sprintf("%.1f kWh", joules/3.6e6)
}
