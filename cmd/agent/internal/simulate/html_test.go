package simulate

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

// pageOf is the page of a report, read as the strict form of a page.
func pageOf(t *testing.T, r *Report) string {
	t.Helper()
	var b bytes.Buffer
	must(t, r.HTML(&b))
	d := xml.NewDecoder(strings.NewReader(b.String()))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("the page is not well formed: %v", err)
		}
	}
	return b.String()
}

func TestThePageNeedsNothingBesidesItself(t *testing.T) {
	t.Parallel()
	w := hand(t, 2, heater+"credit: {opening: 10}\n")
	w.Title, w.About = `Home <b>&"`, "with <script>alert(1)</script>"
	r, err := Run(t.Context(), w, Options{Policies: []Policy{None, Keeplit}})
	must(t, err)
	got := pageOf(t, r)
	for _, never := range []string{"<script", "http:", "https:", "src=", "url(", "@import", "<link", "<b>&", "NaN", "Inf", "ZgotmplZ"} {
		if strings.Contains(got, never) {
			t.Errorf("the page has %q in it", never)
		}
	}
	for _, want := range []string{
		"<title>Home &lt;b&gt;&amp;&#34;</title>", `name="viewport"`, "prefers-color-scheme: dark",
		"Money and service, side by side", "Balance over time", "A week looked at closely", "All figures",
		"<h3>none</h3>", "<h3>keeplit</h3>", "Thu 1 Jan", "need unmet, kWh", "dark ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the page has no %q in it", want)
		}
	}
}

// A report of little, or of nothing at all, is a page too.
func TestAPageIsMadeOfWhatIsThere(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]*Report{
		"nothing":          {World: "x", Policies: map[Policy]*Result{}},
		"none":             {World: "x", Days: 1, Policies: map[Policy]*Result{None: {}}},
		"greedy and timer": {World: "x", Days: 1, Policies: map[Policy]*Result{Greedy: {CostPerKWh: -1}, Timer: {CostPerKWh: 2, Plans: 3}}},
	} {
		if got := pageOf(t, r); strings.Contains(got, "NaN") || strings.Contains(got, "Inf") {
			t.Errorf("%s: a figure on the page is none", name)
		}
	}
}

func TestWhatIsSaidFollowsFromTheFigures(t *testing.T) {
	t.Parallel()
	hot := func(v float64) *float64 { return &v }
	r := &Report{World: "x", Days: 10, Currency: "EUR", Policies: map[Policy]*Result{
		None:    {CostPerKWh: 2, UnmetKWh: 0, HotHours: hot(24), LoadsKWh: 100, Week: []Slot{{Loads: []float64{1, 1}, Price: 3}, {Loads: []float64{0, 2}, Price: 1}}},
		Timer:   {CostPerKWh: 1.5, HoursOff: 4, HotHours: hot(24), LoadsKWh: 100},
		Keeplit: {CostPerKWh: 1.5, HoursOff: 1, UnmetKWh: 3, UnmetDays: 1, HotHours: hot(20), LoadsKWh: 50, Plans: 480, Moves: 5, FalseShortfalls: 7, Week: []Slot{{Loads: []float64{4, 0}, Price: 1}}},
	}}
	got := strings.Join(r.words(), "\n")
	want := `Under keeplit a kWh cost 1.500 EUR, the supply was off for 1.0 h, loads went short of 3.0 kWh on 1 day and there was hot water for 20.0 hours of 24.
Under none a kWh cost 2.000: keeplit paid 25.0 % less; the supply was off for no time under none and 1.0 h under keeplit, 0.0 kWh of what loads were to have was missing under none and 3.0 under keeplit, there was hot water for 24.0 hours of 24 under none and 20.0 under keeplit and the loads took 100 kWh under none and 50 under keeplit.
Under timer a kWh cost as much; the supply was off for 4.0 h under timer and 1.0 h under keeplit, 0.0 kWh of what loads were to have was missing under timer and 3.0 under keeplit, there was hot water for 24.0 hours of 24 under timer and 20.0 under keeplit and the loads took 100 kWh under timer and 50 under keeplit.
In the week looked at closely keeplit ran the loads when it was cheaper: at 1.000 a kWh on average, and none at 2.000.
Of 480 plans 7 announced something that would be short and was not; an announced start was moved 0.50 times a day.`
	if got != want {
		t.Errorf("it says\n%s", got)
	}
}

func TestAnAimIsReachedByItsFigureAlone(t *testing.T) {
	t.Parallel()
	at := func(v float64) *float64 { return &v }
	dark := func(h float64) map[string]Cut { return map[string]Cut{"credit": {Hours: h}} }
	lit := &Report{Days: 100, GainShare: at(0.84), Policies: map[Policy]*Result{
		None: {CostPerKWh: 2, UnmetKWh: 1, HoursOff: 2}, Timer: {CostPerKWh: 1.5}, Foresight: {CostPerKWh: 1},
		Keeplit: {CostPerKWh: 1.51, UnmetKWh: 2, HoursOff: 2, Moves: 100, Plans: 1000, FalseShortfalls: 21},
	}}
	short := &Report{Days: 100, Policies: map[Policy]*Result{
		None:    {CostPerKWh: 2, HoursOff: 10, Cuts: dark(10), HotHours: at(24)},
		Keeplit: {CostPerKWh: 2, HoursOff: 5, HotHours: at(23.49), Moves: 101, Plans: 1000, FalseShortfalls: 20},
	}}
	for name, row := range map[string]struct {
		r    *Report
		want string
	}{
		"credit is not short":        {lit, "no yes no no - - yes no"},
		"credit is short":            {short, "yes yes not run - yes no no yes"},
		"keeplit was not run":        {&Report{Policies: map[Policy]*Result{None: {}}}, strings.TrimSpace(strings.Repeat("not run ", 8))},
		"nothing else was run":       {&Report{Days: 1, Policies: map[Policy]*Result{Keeplit: {Plans: 1}}}, "not run not run not run not run not run not run yes yes"},
		"there is nothing to gain":   {&Report{Days: 1, Policies: map[Policy]*Result{None: {}, Keeplit: {}, Foresight: {}}}, "yes yes not run - - - yes not run"},
		"foresight is still missing": {&Report{Days: 1, Policies: map[Policy]*Result{None: {}, Keeplit: {}}}, "yes yes not run not run - - yes not run"},
	} {
		var got []string
		for _, a := range row.r.Aims() {
			got = append(got, string(a.Is))
		}
		if strings.Join(got, " ") != row.want {
			t.Errorf("%s: %s, not %s", name, strings.Join(got, " "), row.want)
		}
	}
}
