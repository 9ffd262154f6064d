package clock

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/note"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
)

func begin() time.Time { return time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC) }

// daily is a tariff of 2 a day.
func daily(t testing.TB) *tariffs.Tariff {
	t.Helper()
	tariff, err := tariffs.New(tariffs.Document{
		Name: "a test", Currency: "EUR", Zone: "UTC",
		Versions: []tariffs.Version{{
			Energy:  []tariffs.EnergyCharge{{Name: "energy", Price: 1_000_000}},
			Charges: []tariffs.FixedCharge{{Name: "service", Amount: 2 * units.One, Due: tariffs.DueDay}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return tariff
}

func sum(all []credit.Charge) (s units.Money) {
	for _, c := range all {
		s += c.Amount
	}
	return s
}

// TestWhateverTheClockDoesThoseDaysArePaidThatHavePassed: it leaps ahead, comes
// back, leaps again; when it is right and confirmed at the end, what was taken
// less what was given back is what the true days cost.
func TestWhateverTheClockDoesThoseDaysArePaidThatHavePassed(t *testing.T) {
	tariff := daily(t)
	account, _ := tariff.Elapse(tariffs.Account{}, begin(), begin())
	rapid.Check(t, func(rt *rapid.T) {
		s := State{Raw: begin(), Up: time.Hour}
		on := Accounts{Tariff: account, Elapsed: begin()}
		taken, was := units.Money(0), begin()
		step := func(raw time.Time, fresh, synced bool) {
			var now time.Time
			s, now, _ = s.Believe(raw, fresh, synced)
			var out Out
			s, out = s.Step(In{Was: was, Now: now, Synced: synced, Tariff: tariff, Accounts: on, Zone: time.UTC})
			on = out.Accounts
			taken += sum(out.Take) - sum(out.Back)
			was = now
			if now.After(on.Elapsed) {
				var items []tariffs.Item
				s, on, items = s.Charge(tariff, on, now, now)
				for _, it := range items {
					taken += it.Gross()
				}
			}
		}
		truth := begin()
		for range 4 {
			wrong := truth.Add(time.Duration(rapid.IntRange(2, 40*24).Draw(rt, "ahead by hours")) * time.Hour)
			step(wrong, true, false) // after a start it is followed
			on := rapid.IntRange(1, 600).Draw(rt, "seconds on")
			for i := range on {
				step(wrong.Add(time.Duration(i)*time.Second), false, false)
			}
			truth = truth.Add(time.Duration(on) * time.Second)
			step(truth, rapid.Bool().Draw(rt, "restarted"), true) // a time server has the right one
		}
		truth = truth.Add(3 * 24 * time.Hour)
		step(truth, true, true)
		_, items := tariff.Elapse(account, begin(), truth)
		want := units.Money(0)
		for _, it := range items {
			want += it.Gross()
		}
		if taken != want {
			rt.Fatalf("up to %s %s was taken, the days cost %s", truth, taken, want)
		}
	})
}

// The clock shows another time at each step; the warning says it to the minute.
func TestAClockThatIsDoubtedIsSaidAnewOnceAMinute(t *testing.T) {
	for _, skew := range []time.Duration{time.Hour, -time.Hour} {
		at := func(d time.Duration) said.Said {
			told := State{Raw: begin().Add(d), Skew: skew}.Warn().All
			return told[slices.IndexFunc(told, func(n note.Note) bool { return n.What == note.Raise })].Says
		}
		if !at(time.Second).Equal(at(59*time.Second)) || at(0).Equal(at(time.Minute)) {
			t.Errorf("out by %v: %s, %s, %s", skew, at(time.Second), at(59*time.Second), at(time.Minute))
		}
	}
}

func TestNoStepChangesTheStateBeforeIt(t *testing.T) {
	gap := Gap{From: begin(), To: begin().Add(48 * time.Hour), Elapsed: begin(), Held: []credit.Charge{{Name: "service", Kind: credit.Standing, Amount: 4}}}
	was := gap
	s := State{Raw: begin(), Gap: &gap}
	_, _, _ = s.Believe(begin().Add(time.Second), false, false)
	_, _ = s.Step(In{Was: begin(), Now: begin().Add(time.Second), Synced: true, Tariff: daily(t), Accounts: Accounts{Elapsed: begin()}, Zone: time.UTC})
	_, _, _ = s.Charge(daily(t), Accounts{Elapsed: begin()}, begin(), begin().Add(72*time.Hour))
	if gap.Powered != was.Powered || gap.Confirmed || len(gap.Held) != 1 || gap.Held[0].Amount != 4 || gap.Posted != nil {
		t.Errorf("the gap was changed to %+v", gap)
	}
}
