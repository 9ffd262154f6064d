package planning

import (
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/optimizer"
)

// names are the jobs of the plan that would be made now.
func (b *bench) names() []string {
	_, _, problem := b.problem()
	var out []string
	for _, l := range problem.Loads {
		out = append(out, l.ID)
	}
	return out
}

// What one search leaves for the next is kept by the names of the jobs: they are those of
// the need, whatever became of the jobs before them.
func TestAJobKeepsItsNameFromPlanToPlan(t *testing.T) {
	night := func(from, to loads.TimeOfDay) loads.Window { return loads.Window{From: from * 60, To: to * 60} }
	b := newBench(t, false,
		loads.Document{ID: "boiler", Kind: loads.OnOff, Power: units.Kilowatt, Need: &loads.NeedDocument{For: time.Hour}},
		loads.Document{ID: "geyser", Kind: loads.OnOff, Power: 3 * units.Kilowatt, Need: &loads.NeedDocument{For: 2 * time.Hour, Between: []loads.Window{night(1, 4), night(22, 24)}}},
		loads.Document{ID: "washer", Kind: loads.Cycle, Power: units.Kilowatt, Cycle: time.Hour, Need: &loads.NeedDocument{Runs: 2, Between: []loads.Window{night(8, 20)}}},
	)
	b.rules.Ahead = 22 * time.Hour // of one day
	all := []string{"boiler#2026-11-03T22:00", "geyser#2026-11-03T22:00", "washer#2026-11-03T18:00/2", "washer#2026-11-03T18:00/1"}
	if got := b.names(); !slices.Equal(got, all) {
		t.Fatalf("%v, want %v", got, all)
	}
	b.now = b.now.Add(30 * time.Minute)
	if got := b.names(); !slices.Equal(got, all) {
		t.Errorf("half an hour later %v", got)
	}
	from, to := begin(), begin().Add(24*time.Hour)
	b.progress["boiler"] = loads.Progress{From: from, To: to, Delivered: time.Hour} // has had all
	if got := b.names(); !slices.Equal(got, all[1:]) {
		t.Errorf("after the boiler is done %v", got)
	}
	day := begin().Add(8 * time.Hour)
	b.progress["washer"] = loads.Progress{From: day, To: day.Add(24 * time.Hour), Runs: 1}
	b.now = begin().Add(12 * time.Hour)
	if got := b.names(); !slices.Contains(got, all[3]) || slices.Contains(got, all[2]) {
		t.Errorf("after the first of two programmes %v", got)
	}
}

func TestThePlanInForceIsLaidOnEachOfTwoProgrammes(t *testing.T) {
	b := newBench(t, false, loads.Document{ID: "washer", Kind: loads.Cycle, Power: units.Kilowatt, Cycle: time.Hour, Need: &loads.NeedDocument{Runs: 2}})
	brief, o, _ := b.problem()
	problem, jobs := b.rules.problem(&brief, o)
	last := Plan{Start: o.slots[0].Start, Slot: b.rules.Slot, Prices: make([]units.Price, problem.N), Loads: []LoadPlan{{ID: "washer", Power: make([]units.Power, problem.N)}}}
	for _, k := range []int{4, 5, 6, 7} { // one after the other
		last.Loads[0].Power[k] = units.Kilowatt
	}
	prev := b.previous(&last, problem, jobs, o.slots)
	at := map[int]bool{}
	for _, j := range jobs {
		kw := prev.Loads[j.job.ID].KW
		first := slices.IndexFunc(kw, func(x float64) bool { return x > 0 })
		at[first] = true
		if on := len(slices.DeleteFunc(slices.Clone(kw), func(x float64) bool { return x == 0 })); on != 2 {
			t.Errorf("%s has %d slots", j.job.ID, on)
		}
	}
	if len(jobs) != 2 || !at[4] || !at[6] {
		t.Errorf("the programmes begin in slots %v", at)
	}
}

func TestWhyALoadBeginsNoEarlier(t *testing.T) {
	type want struct{ opens, rests time.Time }
	begin := begin()
	for name, c := range map[string]struct {
		need     loads.NeedDocument
		progress loads.Progress
		after    time.Duration // of the slot, when the plan is made
		want     want
	}{
		"it may run all day": {need: loads.NeedDocument{For: time.Hour}},
		"it may run all day, and too little is left of the slot": {need: loads.NeedDocument{For: time.Hour}, after: 25 * time.Minute},
		"its hours begin later": {
			need: loads.NeedDocument{For: time.Hour, Between: []loads.Window{{From: 2 * 60, To: 3 * 60}}},
			want: want{opens: begin.Add(2 * time.Hour)},
		},
		"it took nothing when it was on last": {
			need:     loads.NeedDocument{For: 5 * time.Hour},
			progress: loads.Progress{From: begin, To: begin.Add(24 * time.Hour), Rest: begin.Add(45 * time.Minute)},
			want:     want{rests: begin.Add(45 * time.Minute)},
		},
		"a person has it wait": {
			need:     loads.NeedDocument{For: 5 * time.Hour},
			progress: loads.Progress{From: begin, To: begin.Add(24 * time.Hour), Override: &loads.Override{Until: begin.Add(45 * time.Minute)}},
		},
		"it might have had the hours before, which are dearer": {
			need:     loads.NeedDocument{For: 2 * time.Hour, Between: []loads.Window{{From: 7 * 60, To: 21 * 60}, {From: 22 * 60, To: 24 * 60}}},
			progress: loads.Progress{From: begin.Add(7 * time.Hour), To: begin.Add(31 * time.Hour)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, false, loads.Document{ID: "geyser", Kind: loads.OnOff, Power: 3 * units.Kilowatt, Need: &c.need})
			if !c.progress.From.IsZero() {
				b.now = c.progress.From
			}
			b.now = b.now.Add(c.after)
			b.progress["geyser"] = c.progress
			_, o, _ := b.problem()
			brief := b.brief(b.now)
			_, jobs := b.rules.problem(&brief, o)
			from := jobs[0].asks().from
			why := b.reason(&optimizer.Reason{Start: from, EarlierSlot: -1}, jobs[0], o)
			if !why.Opens.Equal(c.want.opens) || !why.Rests.Equal(c.want.rests) {
				t.Errorf("its hours begin %s, it rests until %s; want %+v", why.Opens, why.Rests, c.want)
			}
		})
	}
}
