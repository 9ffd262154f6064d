package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/keeplit/keeplit/forecast"
)

// backtestPage is a page with the median and the worst forecast week, drawn as
// SVG so that it opens anywhere, offline.
func backtestPage(r forecast.BacktestReport) []byte {
	weeks := slices.Clone(r.Weeks)
	slices.SortFunc(weeks, func(a, b forecast.BacktestWeek) int {
		switch {
		case a.WQL < b.WQL || b.WQL != b.WQL:
			return -1
		case a.WQL > b.WQL || a.WQL != a.WQL:
			return 1
		}
		return 0
	})
	scored := 0
	for _, w := range weeks {
		if w.WQL == w.WQL {
			scored++
		}
	}
	var b strings.Builder
	b.WriteString(`<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>keeplit: forecast backtest</title><style>body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:76em;padding:0 1em;color:#222}
svg{width:100%;height:auto;background:#fafafa;border:1px solid #ddd}.r{fill:#9ec5e8;opacity:.6}.m{stroke:#1b5e9e}.a{stroke:#c0392b}
path{fill:none;stroke-width:1.3}path.r{stroke:none}text{font-size:11px;fill:#555}line{stroke:#ddd}</style><h1>Forecast backtest</h1>
`)
	fmt.Fprintf(&b, "<p>%d forecasts. Quantile loss %.4f (as a week before: %.4f); %.1f %% of slots within the 10-90 %% range. "+
		"Blue band: 10 to 90 %%; blue line: median; red line: what came.</p>\n", r.Origins, r.WQL, r.NaiveWQL, 100*r.Coverage)
	if scored > 0 {
		plotWeek(&b, "The median week", weeks[scored/2])
		plotWeek(&b, "The worst week", weeks[scored-1])
	}
	b.WriteString("</html>\n")
	return []byte(b.String())
}

func plotWeek(b *strings.Builder, title string, w forecast.BacktestWeek) {
	const width, height, left, bottom = 1100.0, 320.0, 45.0, 22.0
	top, least := 0.0, 0.0
	for i, s := range w.Slots {
		top, least = math.Max(top, s.Q90), math.Min(least, s.Q10)
		if y := w.Actual[i]; y == y {
			top, least = math.Max(top, y), math.Min(least, y)
		}
	}
	if top <= least {
		top = least + 1
	}
	x := func(i int) float64 { return left + (width-left)*float64(i)/float64(max(1, len(w.Slots)-1)) }
	y := func(v float64) float64 { return (height - bottom) * (1 - (v-least)/(top-least)) }
	fmt.Fprintf(b, "<h2>%s</h2><p>From %s; quantile loss of its first 48 h: %.4f</p>\n", title, w.Slots[0].Start.Format("2006-01-02 15:04 MST"), w.WQL)
	fmt.Fprintf(b, `<svg viewBox="0 0 %g %g" role="img" aria-label="%s">`, width, height, title)
	for k := range 5 {
		v := least + (top-least)*float64(k)/4
		fmt.Fprintf(b, `<line x1="%g" x2="%g" y1="%.1f" y2="%.1f"/><text x="2" y="%.1f">%.2f kWh</text>`, left, width, y(v), y(v), y(v)-2, v)
	}
	for i, s := range w.Slots {
		if s.Start.Hour() == 0 && s.Start.Minute() == 0 {
			fmt.Fprintf(b, `<line x1="%.1f" x2="%.1f" y1="0" y2="%g"/><text x="%.1f" y="%g">%s</text>`, x(i), x(i), height-bottom, x(i)+3, height-6, s.Start.Format("Mon 2 Jan"))
		}
	}
	var band, median, actual strings.Builder
	for i, s := range w.Slots {
		fmt.Fprintf(&band, "%s%.1f %.1f", letter(i == 0), x(i), y(s.Q90))
		fmt.Fprintf(&median, "%s%.1f %.1f", letter(i == 0), x(i), y(s.Q50))
	}
	for i := len(w.Slots) - 1; i >= 0; i-- {
		fmt.Fprintf(&band, "L%.1f %.1f", x(i), y(w.Slots[i].Q10))
	}
	gap := true
	for i, v := range w.Actual {
		if v != v {
			gap = true
			continue
		}
		fmt.Fprintf(&actual, "%s%.1f %.1f", letter(gap), x(i), y(v))
		gap = false
	}
	fmt.Fprintf(b, `<path class="r" d="%sZ"/><path class="m" d="%s"/><path class="a" d="%s"/></svg>`+"\n", band.String(), median.String(), actual.String())
}

func letter(move bool) string {
	if move {
		return "M"
	}
	return "L"
}
