package web

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/internal/units"
)

// lineOf is the timeline of a plan of half hours that begins at an instant: a letter a
// slot is its price ("a" 1, "b" 2, "c" 3), and a letter of runs is "x" where it runs.
func lineOf(t *testing.T, at, begins time.Time, zone *time.Location, prices, runs string, short ...picture.Shortfall) timeline {
	t.Helper()
	c, err := present.Open("en")
	if err != nil {
		t.Fatal(err)
	}
	v := picture.View{At: at, Zone: zone, Unit: present.Unit{Symbol: "R", Decimals: 2}, Loads: []picture.Load{{ID: "geyser", Name: "Geyser"}}}
	v.Plan.Loads, v.Plan.Shortfalls = []picture.PlanLoad{{ID: "geyser", Name: "Geyser"}}, short
	for i, r := range prices {
		v.Plan.Slots = append(v.Plan.Slots, picture.PlanSlot{
			Slot:  units.Slot{Start: begins.Add(time.Duration(i) * 30 * time.Minute), Len: 30 * time.Minute},
			Price: units.Price(r-'a'+1) * units.Price(units.One),
		})
		p := units.Power(0)
		if i < len(runs) && runs[i] == 'x' {
			p = units.FromKW(2)
		}
		v.Plan.Loads[0].Power = append(v.Plan.Loads[0].Power, p)
	}
	return (&model{Format: formatFor(c, &v), V: &v}).Timeline()
}

func bars(bs []tlBar) string {
	var out []string
	for _, b := range bs {
		out = append(out, b.Class+" "+(time.Duration(b.X)*time.Minute).String()+"+"+(time.Duration(b.W)*time.Minute).String())
	}
	return strings.ReplaceAll(strings.ReplaceAll(strings.Join(out, ", "), "m0s", "m"), "h0m", "h")
}

func TestTimeline(t *testing.T) {
	now := time.Date(2026, 11, 22, 14, 7, 0, 0, time.UTC)
	day := strings.Repeat("a", 50)
	for _, c := range []struct {
		name, prices, runs string
		short              []picture.Shortfall
		bands, row         string
		keys               string
	}{
		{"one price", day, "..xx", nil, "even 0s+24h", "run 1h+1h", "even R 1.00"},
		{"two prices are cheap and dear", "cccc" + day[4:], "xx", nil, "dear 0s+2h, cheap 2h+22h", "run 0s+1h", "cheap R 1.00, dear R 3.00"},
		{"three", "aabbcc" + day[6:], "..xxxx", nil, "cheap 0s+1h, normal 1h+1h, dear 2h+1h, cheap 3h+21h", "run 1h+2h", "cheap R 1.00, normal R 2.00, dear R 3.00"},
		{"a level of several prices", "aabbgg" + day[6:], "xx", nil, "cheap 0s+2h, dear 2h+1h, cheap 3h+21h", "run 0s+1h", "cheap R 1.00–R 2.00, dear R 7.00"},
		{"nothing runs", day, "", nil, "even 0s+24h", "", "even R 1.00"},
		{
			"a run is left out, one that nobody names is not drawn", day, "xx",
			[]picture.Shortfall{{Load: "geyser", At: now.Add(113 * time.Minute), Len: time.Hour}, {At: now, Len: time.Hour}, {Load: "geyser", At: now.Add(26 * time.Hour), Len: time.Hour}, {Load: "geyser", At: now}},
			"even 0s+24h", "run 0s+1h, left 2h+1h", "even R 1.00",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := lineOf(t, now, now.Truncate(30*time.Minute), time.UTC, c.prices, c.runs, c.short...)
			row, keys := "", []string{}
			if len(l.Rows) > 0 {
				row = bars(l.Rows[0].Runs)
			}
			for _, k := range l.Keys {
				keys = append(keys, k.Class+" "+plainSpaces(k.Price))
			}
			if got := bars(l.Bands); got != c.bands || row != c.row || strings.Join(keys, ", ") != c.keys {
				t.Errorf("%s | %s | %s\nwant %s | %s | %s", got, row, strings.Join(keys, ", "), c.bands, c.row, c.keys)
			}
			if l.Now != 7 || l.Minutes != 24*60 || hours(l) != "14:00 20:00 02:00 08:00 14:00" {
				t.Errorf("now %d of %d, hours %v", l.Now, l.Minutes, l.Hours)
			}
		})
	}
}

// In a zone off by half an hour it begins at a full hour there, and where the clock
// changes the hours that are named are those of the clock.
func TestTimelineFollowsTheClock(t *testing.T) {
	kolkata, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 22, 14, 7, 0, 0, time.UTC) // 19:37
	l := lineOf(t, now, now.Truncate(30*time.Minute), kolkata, strings.Repeat("a", 50), "xx")
	if l.Now != 37 || l.Hours[0] != (tlHour{"19", ":00"}) || bars(l.Rows[0].Runs) != "run 30m+1h" || !strings.Contains(plainSpaces(l.Rows[0].Says), "19:30–20:30") {
		t.Errorf("%+v", l)
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	now = time.Date(2026, 10, 24, 22, 0, 0, 0, time.UTC) // midnight, before a day of 25 hours
	l = lineOf(t, now, now, berlin, strings.Repeat("a", 50), "xx")
	if got := hours(l); got != "00:00 05:00 11:00 17:00 23:00" {
		t.Errorf("a day of 25 hours: %s", got)
	}
}

func TestWhatIsLeftOutCanBeRunAllTheSame(t *testing.T) {
	x := newSite(t, nil)
	x.f.change(func(v *picture.View) {
		v.Loads[2].RunSooner = 5 * time.Hour
		v.Plan.Shortfalls = []picture.Shortfall{
			{Text: "Washing machine is left out: the credit is not enough for it.", Load: "washer", At: fakeNow.Add(2 * time.Hour), Len: time.Hour},
			{Text: "Washing machine is left out twice.", Load: "washer", At: fakeNow.Add(9 * time.Hour), Len: time.Hour},
			{Text: "The credit ends today."},
		}
	})
	page := x.get("/")
	x.want(page, 200, `id="anyway-washer"`, "Run it anyway", "The credit would then end Thu 14:40.", "Washing machine is left out twice.", "The credit ends today.", "left out")
	if n := strings.Count(page.body, "Run it anyway"); n != 1 {
		t.Errorf("it is offered %d times", n)
	}
	x.f.change(func(v *picture.View) { v.Loads[2].CanRun = false })
	if strings.Contains(x.get("/").body, "Run it anyway") {
		t.Error("what cannot be run is offered")
	}
}

func TestWhatATopUpWouldDoIsShown(t *testing.T) {
	x := newSite(t, nil)
	x.f.change(func(v *picture.View) {
		v.RunOut.With = []picture.TopUp{{Amount: 50 * units.One, Until: v.RunOut.At.Add(27*time.Hour + 40*time.Minute)}, {Amount: units.FromFloat(0.5), Until: v.RunOut.At.Add(20 * time.Minute)}, {Amount: units.One, Until: v.RunOut.At}, {Amount: 300 * units.One, Until: v.RunOut.Reach, Beyond: true}}
	})
	x.want(x.get("/"), 200, "<b>&#43;R\u00a050</b> <span>to Fri 23:00</span>", "<b>&#43;R\u00a00.50</b> <span>to Thu 20:00</span>", "<b>&#43;R\u00a01</b> <span>no longer: it is owed</span>", "<b>&#43;R\u00a0300</b> <span>beyond Sat 5 Dec</span>")
	x.want(x.get("/api/v1/view"), 200, `"with":[{"amount":"50.000000","until":"2026-11-27T21:20:30Z","beyond":false}`, `"beyond":true}]`)
}

// hours are the hours that are named, in a line.
func hours(l timeline) string {
	var out []string
	for _, h := range l.Hours {
		out = append(out, h.Hour+h.Rest)
	}
	return strings.Join(out, " ")
}

// What is on without being planned is drawn as long as it is known to run, and where it is not nobody is told that
// nothing runs.
func TestWhatRunsWithoutBeingPlannedIsSeen(t *testing.T) {
	x := newSite(t, nil)
	run := func(change func(l *picture.Load)) string {
		x.f.change(func(v *picture.View) {
			for i := range v.Plan.Loads {
				clear(v.Plan.Loads[i].Power)
			}
			for i := range v.Loads {
				v.Loads[i].State, v.Loads[i].NextStart, v.Loads[i].NextEnd, v.Loads[i].Override = present.LoadOff, time.Time{}, time.Time{}, ""
			}
			v.Plan.Shortfalls = nil
			l := &v.Loads[slices.IndexFunc(v.Loads, func(l picture.Load) bool { return l.ID == v.Plan.Loads[0].ID })]
			l.CanRun = true
			change(l)
		})
		return x.get("/").body
	}
	if page := run(func(*picture.Load) {}); !strings.Contains(page, "<p>No appliance is planned to run.</p>") {
		t.Error("nothing runs, and it is not said")
	}
	name := ""
	page := run(func(l *picture.Load) { l.State, name = present.LoadRunning, l.Name })
	if !strings.Contains(page, "No appliance is planned to run. Now on all the same: "+name+".") {
		t.Error("what is on is not said")
	}
	page = run(func(l *picture.Load) {
		l.State, l.Override, l.OverrideUntil = present.LoadRunning, picture.OverrideRun, fakeNow.Add(2*time.Hour)
	})
	if strings.Contains(page, "No appliance is planned") || !strings.Contains(page, name+": on now, until") {
		t.Error("a run that was asked for is not drawn")
	}
}

// The levels of the price bear the tariff's own names where each is one of its periods, and only then.
func TestPricesAreNamedAsTheTariffNamesThem(t *testing.T) {
	slots := func(periods, prices string) (out []picture.PlanSlot) {
		for i := range periods {
			name := map[byte]string{'o': "Off-peak", 's': "Standard", 'p': "Peak", '-': ""}[periods[i]]
			out = append(out, picture.PlanSlot{Price: units.Price(prices[i]-'0') * units.Price(units.One), Period: name})
		}
		return out
	}
	for _, c := range []struct{ situation, periods, prices, want string }{
		{"each level is a period", "ooss", "1133", "Off-peak, Standard"},
		{"three", "oossppo", "1122331", "Off-peak, Standard, Peak"},
		{"a block begins, and a period has two prices", "ooss", "1313", "cheap, dear"},
		{"two periods cost about the same", "oosp", "1133", "cheap, dear"},
		{"no periods", "----", "1133", "cheap, dear"},
	} {
		cat, err := present.Open("en")
		if err != nil {
			t.Fatal(err)
		}
		v := picture.View{Unit: present.Unit{Symbol: "R", Decimals: 2}}
		v.Plan.Slots = slots(c.periods, c.prices)
		var line timeline
		m := &model{Format: formatFor(cat, &v), V: &v}
		m.priceLevels(0, len(v.Plan.Slots), &line)
		var got []string
		for _, k := range line.Keys {
			got = append(got, k.Word)
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %q, want %q", c.situation, got, c.want)
		}
	}
}
