package loads

import (
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// away is a time in which nobody is there.
func away(from time.Time, d time.Duration) []units.Slot {
	return []units.Slot{{Start: from.UTC(), Len: d}}
}

func TestNothingForPeopleIsNeededWhileNobodyIsThere(t *testing.T) {
	zone := zoneOf(t, "Europe/Paris")
	yes, no := true, false
	at := func(h int) *TimeOfDay { at := TimeOfDay(h * 60); return &at }
	monday := time.Date(2026, 3, 2, 0, 0, 0, 0, zone)
	tuesday := away(monday.AddDate(0, 0, 1), 48*time.Hour) // and Wednesday
	for _, c := range []struct {
		situation string
		d         Document
		empty     []units.Slot
		want      string
	}{
		{"a pump goes on", Document{Power: units.Kilowatt, Need: &NeedDocument{For: time.Hour}}, tuesday, "Mon Tue Wed Thu"},
		{"a geyser of a need that says so does not", Document{Power: units.Kilowatt, Need: &NeedDocument{For: time.Hour, Away: &no}}, tuesday, "Mon Thu"},
		{"a programme does not", Document{Kind: Cycle, Power: units.Kilowatt, Cycle: time.Hour, Need: &NeedDocument{Runs: 1}}, tuesday, "Mon Thu"},
		{"a programme that says so does", Document{Kind: Cycle, Power: units.Kilowatt, Cycle: time.Hour, Need: &NeedDocument{Runs: 1, Away: &yes}}, tuesday, "Mon Tue Wed Thu"},
		{
			"what is to be ready after they are back is needed",
			Document{Kind: Cycle, Power: units.Kilowatt, Cycle: time.Hour, Need: &NeedDocument{Runs: 1, Between: []Window{{18 * 60, 9 * 60}}}, ReadyBy: at(7)},
			tuesday, "Sun Wed Thu", // the nights to Monday, Thursday and Friday
		},
		{"they leave in the evening", Document{Kind: Cycle, Power: units.Kilowatt, Cycle: time.Hour, Need: &NeedDocument{Runs: 1}}, away(monday.Add(20*time.Hour), 24*time.Hour), "Tue Wed Thu"},
		{"it is over", Document{Kind: Cycle, Power: units.Kilowatt, Cycle: time.Hour, Need: &NeedDocument{Runs: 1}}, away(monday.AddDate(0, 0, -3), 24*time.Hour), "Mon Tue Wed Thu"},
	} {
		c.d.ID, c.d.Switch = "x", SwitchDocument{Driver: "house"}
		l, err := Compile(c.d, zone)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		p := l.Roll(Progress{Empty: c.empty}, monday)
		for _, r := range l.Requests(p, UnitState{}, monday, 4*24*time.Hour) {
			got = append(got, l.calendar.day(r.By.Add(-1), 0).from.In(zone).Format("Mon"))
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: needed on %s", c.situation, s)
		}
		if p = l.Roll(p, monday.AddDate(0, 0, 1).Add(12*time.Hour)); len(p.Empty) != len(c.empty) {
			t.Errorf("%s: the next day does not know of it", c.situation)
		}
		if off := !strings.Contains(c.want, "Tue"); c.situation != "what is to be ready after they are back is needed" && l.DayOff(p) != off {
			t.Errorf("%s: Tuesday is a day off: %v", c.situation, !off)
		}
		if p = l.Roll(p, monday.AddDate(0, 0, 2).Add(12*time.Hour)); l.DayOff(p) && p.Missed > 0 {
			t.Errorf("%s: %s went short with nobody there", c.situation, p.Missed)
		}
	}
}

// A water heater whose draws are learned, in half hours: it is on where it is asked for.
type tankHome struct {
	t   *testing.T
	l   Load
	p   Progress
	now time.Time
}

// day lets a day pass: two showers in the morning and one in the evening, where somebody is there.
func (h *tankHome) day(draws bool, on func(time.Time) bool) (heated units.Energy) {
	for end := h.now.Add(24 * time.Hour); h.now.Before(end); h.now = h.now.Add(5 * time.Minute) {
		x := Taken{From: h.now, To: h.now.Add(5 * time.Minute), On: on(h.now), HasEnergy: true}
		hour := float64(h.now.Hour()) + float64(h.now.Minute())/60
		if x.On && draws && (hour >= 6 && hour < 6.7 || hour >= 19 && hour < 19.4) {
			x.Energy = l3kW(5 * time.Minute)
		}
		heated += x.Energy
		h.p = h.l.Account(h.p, x)
	}
	return heated
}

func l3kW(d time.Duration) units.Energy { return (3 * units.Kilowatt).Over(d) }

func TestAWaterHeaterIsNotKeptHotForNobody(t *testing.T) {
	l, err := Compile(Document{ID: "geyser", Kind: Heat, Power: 3 * units.Kilowatt, Switch: SwitchDocument{Driver: "house"}}, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	h := &tankHome{t: t, l: l, now: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)}
	always := func(time.Time) bool { return true }
	for range 14 {
		h.day(true, always)
	}
	leave := h.now
	learned := h.p.Heat.Days
	if n := len(l.Requests(h.p, UnitState{}, h.now, 48*time.Hour)); n < 3 {
		t.Fatalf("%d requests in two usual days", n)
	}
	h.p.Empty = away(leave, 14*24*time.Hour)
	back := h.p.Empty[0].End()
	for d := range 14 {
		for _, r := range l.Requests(h.p, UnitState{}, h.now, 24*time.Hour) {
			if d < 12 || r.By.Before(back) {
				t.Fatalf("day %d away: %+v", d, r)
			}
		}
		if l.MustHeat(h.p, h.now) {
			t.Errorf("day %d away: it is heated whatever it costs", d)
		}
		if d < 13 {
			h.day(false, func(time.Time) bool { return false })
		}
	}
	// The day before they are back: full by then, against legionella whatever it costs.
	all := l.Requests(h.p, UnitState{}, h.now, 36*time.Hour)
	if len(all) == 0 || !all[0].By.Equal(back) || !all[0].Must || all[0].Time < time.Hour || all[0].Spans[0].Start.Before(back.Add(-beforeReturn)) {
		t.Fatalf("before they are back: %+v", all)
	}
	if h.now = back.Add(-6 * time.Hour); !l.MustHeat(h.p, h.now) {
		t.Error("six hours before they are back nothing would be heated where credit is short")
	}
	// It is heated through and its thermostat opens: nothing was drawn, and that is not learned.
	for i := range 40 {
		x := Taken{From: h.now, To: h.now.Add(5 * time.Minute), On: true, HasEnergy: true}
		if i < 36 {
			x.Energy = l3kW(5 * time.Minute)
		}
		h.p, h.now = l.Account(h.p, x), x.To
	}
	if n := len(h.p.Heat.Days); n != len(learned) || !h.p.Heat.Cold.IsZero() {
		t.Errorf("%d days are known, %d were; cold: %s", n, len(learned), h.p.Heat.Cold)
	}
	for _, r := range l.Requests(h.p, UnitState{}, h.now, 2*time.Hour) {
		if !r.By.After(back) {
			t.Errorf("it is hot, and heated again before they are back: %+v", r)
		}
	}
	for h.now.Before(back) {
		x := Taken{From: h.now, To: h.now.Add(5 * time.Minute), HasEnergy: true}
		h.p, h.now = l.Account(h.p, x), x.To
	}
	if d := l.Doubt(h.p, back); d != "" {
		t.Errorf("they are back, and how hot it is is in doubt: %s", d)
	}
	if n := len(l.Requests(h.p, UnitState{}, back, 48*time.Hour)); n < 3 {
		t.Errorf("%d requests in two days after they are back", n)
	}
}

// Where little is known, it is on in the usual hours in which somebody is there, and no others.
func TestAWaterHeaterThatLearnsIsOnForSomebody(t *testing.T) {
	l, err := Compile(Document{ID: "geyser", Kind: Heat, Power: 3 * units.Kilowatt, Switch: SwitchDocument{Driver: "house"}}, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	p := Progress{Empty: away(now.Add(8*time.Hour), 13*time.Hour)} // back at 21:00
	var got []string
	for _, r := range l.Requests(p, UnitState{}, now, 24*time.Hour) {
		got = append(got, r.Spans[0].Start.Format("15:04")+"-"+r.By.Format("15:04"))
	}
	if s := strings.Join(got, " "); !strings.HasPrefix(s, "01:30-08:00 09:00-21:00 21:00-22:00") && !strings.HasPrefix(s, "02:00-08:00 09:00-21:00 21:00-22:00") {
		t.Errorf("on at %s", s)
	}
}
