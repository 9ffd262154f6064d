package heat

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/internal/units"
)

// monday is the midnight on which the tests begin.
var monday = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

// tank is one of 150 litres and 3 kW, of which nothing is learned.
func tank() Tank {
	return New(150, 60, 3*units.Kilowatt, []Hours{{5 * 60, 9 * 60}, {17 * 60, 22 * 60}}, 7*24*time.Hour, time.UTC)
}

// bench follows a tank minute by minute.
type bench struct {
	Tank
	s   State
	now time.Time
}

// pass lets time pass, on or off, drawing p.
func (b *bench) pass(d time.Duration, on bool, p units.Power) {
	for end := b.now.Add(d); b.now.Before(end); b.now = b.now.Add(time.Minute) {
		b.s = b.Take(b.s, Seen{From: b.now, To: b.now.Add(time.Minute), On: on, Energy: p.Over(time.Minute), Measured: true})
	}
}

// days are so many in which something is drawn at six and at seven in the evening, and 2 kWh
// are heated at once.
func (b *bench) days(n int) {
	for range n {
		b.pass(6*time.Hour, true, 0)
		b.pass(40*time.Minute, true, 3*units.Kilowatt)
		b.pass(12*time.Hour+20*time.Minute, true, 0)
		b.pass(40*time.Minute, true, 3*units.Kilowatt)
		b.pass(4*time.Hour+20*time.Minute, true, 0)
	}
}

func TestWhatIsKnownOfATank(t *testing.T) {
	for _, c := range []struct {
		situation string
		passes    func(*bench)
		is        func(*bench) bool
	}{
		{"never seen hot: it is taken for cold", func(b *bench) { b.pass(time.Hour, false, 0) }, func(b *bench) bool { return b.Left(b.s, b.now) == 0 && b.s.Full.IsZero() }},
		{"its power falls to nothing while it is on: it is full", func(b *bench) {
			b.pass(time.Hour, true, 3*units.Kilowatt)
			b.pass(5*time.Minute, true, 0)
		}, func(b *bench) bool {
			lack, _ := b.Lack(b.s, b.now)
			return b.s.Full.Equal(monday.Add(time.Hour)) && lack < 50*units.WattHour
		}},
		{"its power falls to nothing because it is switched off: nobody knows", func(b *bench) {
			b.pass(time.Hour, true, 3*units.Kilowatt)
			b.pass(5*time.Minute, false, 0)
		}, func(b *bench) bool { return b.s.Full.IsZero() }},
		{"its power wavers for a minute: that is no thermostat", func(b *bench) {
			b.pass(time.Hour, true, 3*units.Kilowatt)
			b.pass(time.Minute, true, 0)
			b.pass(time.Minute, true, 3*units.Kilowatt)
		}, func(b *bench) bool { return b.s.Full.IsZero() }},
		{"it is on and draws nothing: it lacks no more than lets its thermostat close", func(b *bench) {
			b.pass(10*time.Minute, true, 0)
		}, func(b *bench) bool { lack, _ := b.Lack(b.s, b.now); return lack <= b.Band }},
		{"it is off for a day: it is cooler by what it loses, and by what is usually drawn", func(b *bench) {
			b.days(12)
			b.pass(24*time.Hour, false, 0)
		}, func(b *bench) bool {
			lack, high := b.Lack(b.s, b.now)
			return lack > 3*units.KilowattHour && lack < 6*units.KilowattHour && high >= lack
		}},
		{"a power cut of a night: it has cooled, and the agent knows when it was full", func(b *bench) {
			b.days(12)
			full := b.s.Full
			b.now = b.now.Add(8 * time.Hour)
			b.pass(time.Minute, false, 0)
			if !b.s.Full.Equal(full) || !b.s.Gap {
				b.s = State{}
			}
		}, func(b *bench) bool { lack, _ := b.Lack(b.s, b.now); return lack > 2*units.KilowattHour }},
		{"what was heated while nobody looked teaches nothing", func(b *bench) {
			b.days(12)
			b.s.Losses, b.s.Days = nil, nil
			b.now = b.now.Add(8 * time.Hour)
			b.pass(time.Hour, true, 3*units.Kilowatt)
			b.pass(5*time.Minute, true, 0)
		}, func(b *bench) bool { return b.s.Losses == nil && b.s.Days == nil && !b.s.Gap }},
		{"what is drawn is learned by hour", func(b *bench) { b.days(14) }, func(b *bench) bool {
			h := b.usual(b.s)
			return h.mean[0][6] > 1000 && h.mean[0][19] > 800 && h.mean[0][12] == 0 && b.Learned(b.s) >= learnDays
		}},
		{"its element is what it draws", func(b *bench) { b.pass(2*time.Hour, true, 2800*units.Watt) }, func(b *bench) bool { return b.Element(b.s) == 2800*units.Watt }},
		{"away for two days: what it takes is what it loses", func(b *bench) {
			b.days(12)
			for range 4 { // 600 Wh in 10 hours
				b.pass(10*time.Hour-12*time.Minute, true, 0)
				b.pass(12*time.Minute, true, 3*units.Kilowatt)
			}
			b.pass(5*time.Minute, true, 0)
		}, func(b *bench) bool { return b.Loses(b.s) > 35*units.Watt && b.Loses(b.s) < 61*units.Watt }},
		{"the clock was a year ahead: it begins anew", func(b *bench) {
			b.days(12)
			b.now = b.now.AddDate(-1, 0, 0)
			b.pass(time.Minute, true, 0)
		}, func(b *bench) bool { return b.s.First.Before(monday) && b.s.Full.IsZero() }},
		{"the clock is put back by an hour: nothing is counted twice", func(b *bench) {
			b.pass(time.Hour, true, 3*units.Kilowatt)
			b.now = b.now.Add(-time.Hour)
			b.pass(time.Hour, true, 3*units.Kilowatt)
		}, func(b *bench) bool { return b.s.Heated == 3*units.KilowattHour }},
	} {
		t.Run(c.situation, func(t *testing.T) {
			b := &bench{Tank: tank(), now: monday}
			if c.passes(b); !c.is(b) {
				lack, high := b.Lack(b.s, b.now)
				t.Errorf("lacks %v, at most %v; loses %v; %+v", lack, high, b.Loses(b.s), b.s)
			}
		})
	}
}

func TestWhatATankNeeds(t *testing.T) {
	hours := func(n Need) [2]int { return [2]int{n.From.Hour()*60 + n.From.Minute(), n.By.Hour()*60 + n.By.Minute()} }
	for _, c := range []struct {
		situation string
		passes    func(*bench)
		doubt     Doubt
		is        func(b *bench, needs []Need) bool
	}{
		{
			"nothing is learned: it is on in its usual hours, and before", func(b *bench) { b.pass(time.Minute, true, 0) }, Learning,
			func(_ *bench, n []Need) bool {
				return len(n) >= 2 && n[0].All && hours(n[0])[0] < 5*60 && hours(n[0])[1] == 9*60
			},
		},
		{"nobody measures: so it is too, for longer before", func(b *bench) {
			b.s = b.Take(b.s, Seen{From: b.now, To: b.now.Add(time.Minute), On: true})
			for range 9 {
				b.now = b.now.Add(10 * time.Minute)
				b.s = b.Take(b.s, Seen{From: b.now, To: b.now.Add(10 * time.Minute), On: true})
			}
		}, Unseen, func(_ *bench, n []Need) bool { return n[0].All && hours(n[0])[0] == 2*60 }},
		{
			"learned: once a day it is full before most is drawn, and no sooner than it must", func(b *bench) { b.days(14); b.pass(10*time.Hour, false, 0) }, Sure,
			func(_ *bench, n []Need) bool {
				i := slices.IndexFunc(n, func(n Need) bool { return n.Full })
				return i >= 0 && n[i].By.Hour() == 5 && n[i].From.Hour() >= 16 && n[i].Energy > units.KilowattHour && n[i].Energy < 6*units.KilowattHour
			},
		},
		{
			"not full for longer than two days: its usual hours again", func(b *bench) { b.days(14); b.pass(55*time.Hour, false, 0) }, Lost,
			func(_ *bench, n []Need) bool { return n[0].All && !n[0].Must },
		},
		{"found colder than it should have been", func(b *bench) {
			b.days(14)
			b.pass(2*time.Hour, true, 3*units.Kilowatt)
			b.pass(5*time.Minute, true, 0)
		}, TooCold, func(_ *bench, n []Need) bool { return n[0].All }},
		{
			"a day before it has not been hot for a week: whatever it costs", func(b *bench) { b.days(14); b.pass(6*24*time.Hour, false, 0) }, Lost,
			func(b *bench, n []Need) bool { return n[0].Must && b.Must(b.s, b.now) },
		},
	} {
		t.Run(c.situation, func(t *testing.T) {
			b := &bench{Tank: tank(), now: monday}
			c.passes(b)
			needs := b.Needs(b.s, b.now, b.now.Add(30*time.Hour))
			if d := b.Doubt(b.s, b.now); d != c.doubt || !c.is(b, needs) {
				t.Errorf("doubt %q; %+v", d, needs)
			}
		})
	}
}

// Whatever a heater does, what it needs is in order, none of it is past, a state is never
// changed in place, and reads back as it was stored.
func TestWhateverAHeaterDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := &bench{Tank: tank(), now: monday}
		if rapid.Bool().Draw(t, "learned") {
			b.days(12)
		}
		for range rapid.IntRange(1, 12).Draw(t, "stretches") {
			x := Seen{
				From: b.now, To: b.now.Add(time.Duration(rapid.IntRange(1, 900).Draw(t, "seconds")) * time.Second),
				On: rapid.Bool().Draw(t, "on"), Measured: rapid.Bool().Draw(t, "measured"),
			}
			x.Energy = units.Power(rapid.Int64Range(0, int64(3*units.Kilowatt)).Draw(t, "power")).Over(x.To.Sub(x.From))
			stored, err := json.Marshal(b.s)
			if err != nil {
				t.Fatal(err)
			}
			next := b.Take(b.s, x)
			var back State
			if err := json.Unmarshal(stored, &back); err != nil {
				t.Fatal(err)
			}
			if again := b.Take(back, x); !reflect.DeepEqual(mustJSON(t, again), mustJSON(t, next)) {
				t.Fatalf("stored: %s\nagain: %s", mustJSON(t, next), mustJSON(t, again))
			}
			if !slices.Equal(mustJSON(t, b.s), stored) {
				t.Fatal("the state was changed in place")
			}
			b.s, b.now = next, x.To.Add(time.Duration(rapid.IntRange(0, 90).Draw(t, "minutes"))*time.Minute)
		}
		free := b.now
		for _, n := range b.Needs(b.s, b.now, b.now.Add(48*time.Hour)) {
			if n.From.Before(free) || !n.By.After(n.From) || n.Energy <= 0 {
				t.Fatalf("%+v after %v", n, free)
			}
			free = n.By
			// What cannot be planned is announced as a shortfall that never comes.
			if room := n.By.Truncate(slot).Sub(slotFrom(n.From)); !n.All && room < timeFor(n.Energy, b.Element(b.s)) {
				t.Fatalf("%+v: whole slots of %v hold %v", n, room, timeFor(n.Energy, b.Element(b.s)))
			}
		}
		mean, high := b.Lack(b.s, b.now)
		later, highLater := b.Lack(b.s, b.now.Add(5*time.Hour))
		if mean < 0 || high < mean || later < mean || highLater < high {
			t.Fatalf("lacks %v to %v, and later %v to %v", mean, high, later, highLater)
		}
	})
}

func mustJSON(t *rapid.T, s State) []byte {
	out, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// The hours of a day on which the clock is changed are still by the clock.
func TestADayOf23HoursHasItsUsualHours(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, day := range []time.Time{time.Date(2026, 3, 29, 0, 0, 0, 0, zone), time.Date(2026, 10, 25, 0, 0, 0, 0, zone)} {
		k := tank()
		k.Zone = zone
		n := k.Needs(State{}, day.UTC(), day.UTC().Add(24*time.Hour))
		if got := n[0].By.In(zone).Format("15:04"); got != "09:00" {
			t.Errorf("%s: its first hours end at %s", day.Format(time.DateOnly), got)
		}
	}
}
