package credit_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/unraced"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
)

// explore walks every state that the moves can reach from start, breadth
// first, calling check after each move; key tells states apart.
func explore[S any](t *testing.T, start S, key func(S) string, moves []move[S], limit int) int {
	t.Helper()
	type step struct {
		state S
		from  int    // the step before, -1 none
		by    string // the move that led here
	}
	steps := []step{{start, -1, ""}}
	path := func(i int, last string) (out string) {
		for ; i >= 0; i = steps[i].from {
			out = " > " + steps[i].by + out
		}
		return out + " > " + last
	}
	seen := map[string]bool{key(start): true}
	for at := 0; at < len(steps); at++ {
		for _, m := range moves {
			next, err := m.do(steps[at].state)
			if err != nil {
				t.Fatalf("after%s: %v", path(at, m.name), err)
			}
			if k := key(next); !seen[k] {
				seen[k] = true
				if len(seen) > limit {
					t.Fatalf("more than %d states; the last by%s: %s", limit, path(at, m.name), k)
				}
				steps = append(steps, step{next, at, m.name})
			}
		}
	}
	return len(seen)
}

type move[S any] struct {
	name string
	do   func(S) (S, error)
}

// Every state of the cut-off and every input: no path leaves the supply on
// with spent credit outside protected hours, none cuts it with credit, and
// nothing but the named facts keeps it off.
func TestEveryPathOfTheCutOff(t *testing.T) {
	unraced.Only(t)
	for _, restore := range []credit.Restore{credit.Automatic, credit.Armed} {
		for _, above := range []units.Money{0, one} {
			t.Run(fmt.Sprintf("%s above %s", restore, above.Decimal(0)), func(t *testing.T) {
				exploreCutOff(t, restore, above)
			})
		}
	}
}

// world is an account and where the calendar is: 0 and 2 ordinary hours, 1
// friendly ones, in turn.
type world struct {
	a    credit.Account
	hour int
}

func exploreCutOff(t *testing.T, restore credit.Restore, above units.Money) {
	s := open(t, func(d *credit.Document) {
		d.Restore, d.RestoreAbove = restore, above
		d.Emergency = credit.EmergencyDocument{Amount: 2 * one, OfferBelow: one}
		d.Friendly.Windows = []credit.FriendlyWindow{{Days: []string{"mon"}, From: clockTime(t, "16:00"), To: clockTime(t, "20:00")}}
	})
	hours := []time.Time{noon(), noon().Add(6 * time.Hour), noon().Add(10 * time.Hour)}
	e := s.engine

	// small keeps the walk finite: what only counts upwards is put back, and a
	// balance beyond the ends is of no more interest.
	small := func(w world) world {
		w.a.Head = credit.Head{Seq: 1}
		w.a.Supply.Since, w.a.Clock = time.Time{}, time.Time{}
		return w
	}
	key := func(w world) string {
		u := w.a.Supply
		b := make([]byte, 0, 128)
		b = strconv.AppendInt(append(b, byte('0'+w.hour)), int64(w.a.Balance), 10)
		b = strconv.AppendInt(append(append(b, w.a.Emergency.Stage...), ' '), int64(w.a.Emergency.Limit), 10)
		b = append(append(append(append(b, ' '), u.Position...), ' '), u.Cause...)
		b = strconv.AppendBool(strconv.AppendBool(strconv.AppendBool(b, u.NoCredit), u.Covered), w.a.Unlocked)
		return string(strconv.AppendInt(b, u.Friendly.Unix(), 10))
	}
	decide := func(f credit.Facts) func(world) (world, error) {
		return func(w world) (world, error) {
			was := w.a
			before := w.a.Supply
			a, entries, d := e.Supply(w.a, hours[w.hour], f)
			w.a = a
			left := a.Available() > a.Floor()
			forced := f.Fault || f.Tamper || f.Utility || f.Overload || f.Customer
			friendly := w.hour == 1
			switch {
			case a.Available() != was.Available():
				return w, fmt.Errorf("deciding moved the credit")
			case d.Close != (d.Position == credit.Connected):
				return w, fmt.Errorf("close %v in position %s", d.Close, d.Position)
			case d.Close && forced:
				return w, fmt.Errorf("on in spite of %+v", f)
			case d.Close && !left && !a.Unlocked && !d.Protected && !d.Waiting:
				return w, fmt.Errorf("on with spent credit: %+v %+v", d, a.Supply)
			case d.Protected && (!friendly || f.Doubtful && a.Supply.Friendly.IsZero() || !a.Supply.Covered):
				return w, fmt.Errorf("protected without right: %+v %+v", d, a.Supply)
			case d.Waiting && !f.Unbreakable:
				return w, fmt.Errorf("waiting with a load that can be broken")
			case before.Position == credit.Connected && !d.Close && !forced && left:
				return w, fmt.Errorf("cut with credit: %+v", d)
			case before.Position == credit.Connected && !d.Close && !forced && (f.Unbreakable || friendly && a.Supply.Covered):
				return w, fmt.Errorf("cut in protected hours or under load: %+v", d)
			case d.Position == credit.Disconnected && d.Cause == credit.ForNoCredit && !before.NoCredit && friendly && a.Supply.Covered:
				return w, fmt.Errorf("off for credit in protected hours: %+v", d)
			case !d.Close && d.Cause == credit.ForNoCredit && d.Position == credit.Disconnected && a.Available() > above && !a.Unlocked:
				return w, fmt.Errorf("off for credit with %s", a.Available())
			case !d.Close && d.Position == credit.Ready && !forced && f.Confirm:
				return w, fmt.Errorf("the customer's confirmation was not heard")
			case !d.Close && !forced && restore == credit.Automatic && (left && a.Emergency.Stage == credit.Taken || a.Available() > above) &&
				before.Cause != credit.ByUtility && before.Cause != credit.ByTamper:
				return w, fmt.Errorf("off with credit and nothing against it: %+v %+v", d, a.Supply)
			case d.Position == credit.Ready && d.Close:
				return w, fmt.Errorf("ready and on")
			case len(d.Why) == 0:
				return w, fmt.Errorf("no reason given")
			case (before.Position != d.Position || before.Cause != d.Cause) != hasSupplyEntry(entries):
				return w, fmt.Errorf("a change of position and its entry do not go together")
			}
			// Asking again changes nothing: no chatter.
			again, more, d2 := e.Supply(a, hours[w.hour], f)
			if !f.Confirm && d.Position != credit.Disconnected && (d2.Position != d.Position || len(more) > 0) {
				return w, fmt.Errorf("the same facts again moved it from %s to %s", d.Position, d2.Position)
			}
			_ = again
			return small(w), nil
		}
	}
	moves := []move[world]{
		{"use 1", func(w world) (world, error) {
			if w.a.Available() > -3*one {
				a, _ := e.Accrue(w.a, hours[w.hour], credit.Charge{Name: "energy", Kind: credit.Consumption, Amount: one})
				w.a, _ = e.Settle(a, hours[w.hour], "")
			}
			return small(w), nil
		}},
		{"credit 1", func(w world) (world, error) {
			var err error
			if w.a.Available() < 3*one {
				w.a, _, err = e.Adjust(w.a, hours[w.hour], credit.Adjustment, one, "test")
			}
			return small(w), err
		}},
		{"accept emergency", func(w world) (world, error) {
			was := w.a.Emergency
			a, _, err := e.AcceptEmergency(w.a, hours[w.hour], "test")
			if (err == nil) != e.Offered(w.a) {
				return w, fmt.Errorf("offered %v, accepted %w", e.Offered(w.a), err)
			}
			if err == nil && was.Stage != credit.NotTaken {
				return w, fmt.Errorf("lent again in stage %s", was.Stage)
			}
			w.a = a
			return small(w), nil
		}},
		{"next hours", func(w world) (world, error) { w.hour = (w.hour + 1) % 3; return w, nil }},
		{"paid off", func(w world) (world, error) { w.a.Unlocked = true; return w, nil }},
	}
	for set := range uint(1 << 8) { // every combination of facts
		on := func(i int) bool { return set>>i&1 == 1 }
		f := credit.Facts{
			Fault: on(0), Tamper: on(1), Utility: on(2), Overload: on(3), Customer: on(4), Confirm: on(5), Unbreakable: on(6), Doubtful: on(7),
		}
		moves = append(moves, move[world]{fmt.Sprintf("%+v", f), decide(f)})
	}
	n := explore(t, small(world{a: s.a}), key, moves, 100_000)
	if n < 1000 {
		t.Errorf("only %d states: the walk does not reach what it should", n)
	}
	t.Logf("%d states, %d inputs to each", n, len(moves))
}

func hasSupplyEntry(entries []credit.Entry) bool {
	for _, e := range entries {
		if e.Kind == credit.Supply {
			return true
		}
	}
	return false
}

func TestCausesAreNamedTheMostSeriousFirst(t *testing.T) {
	s := open(t, nil) // no credit
	all := credit.Facts{Fault: true, Tamper: true, Utility: true, Overload: true, Customer: true}
	for _, c := range []struct {
		facts credit.Facts
		want  credit.Cause
	}{
		{all, credit.ByFault},
		{credit.Facts{Tamper: true, Utility: true, Overload: true, Customer: true}, credit.ByTamper},
		{credit.Facts{Utility: true, Overload: true, Customer: true}, credit.ByUtility},
		{credit.Facts{Overload: true, Customer: true}, credit.ByOverload},
		{credit.Facts{Customer: true}, credit.ByCustomer},
		{credit.Facts{}, credit.ForNoCredit},
	} {
		if d := s.supply(c.facts); d.Close || d.Cause != c.want {
			t.Errorf("%+v: %v %q, want off for %q", c.facts, d.Close, d.Cause, c.want)
		}
	}
}

// After an order of the utility the supply comes back armed, whatever restores
// it after a lack of credit: nobody knows what is switched on in there.
func TestReconnectionByTheUtilityWaitsForTheCustomer(t *testing.T) {
	s := open(t, func(d *credit.Document) { d.Opening = one })
	s.lit(true, credit.NoCause)
	s.supply(credit.Facts{Utility: true})
	for range 3 {
		if d := s.supply(credit.Facts{}); d.Position != credit.Ready || d.Close {
			t.Fatalf("%+v, want ready", d)
		}
	}
	if d := s.supply(credit.Facts{Confirm: true}); !d.Close {
		t.Errorf("%+v, want on", d)
	}
}

// An order after which the supply closes by itself ends with the configuration that said
// so, and the credit was spent meanwhile: with new credit it waits for the customer.
func TestAnOrderThatNobodyExplainsAnyMoreArms(t *testing.T) {
	for _, explained := range []bool{true, false} {
		s := open(t, func(d *credit.Document) { d.Opening = one })
		s.lit(true, credit.NoCause)
		s.supply(credit.Facts{Utility: true, Closes: true})
		s.use(2 * one)
		s.supply(credit.Facts{Utility: true, Closes: true})
		s.supply(credit.Facts{Closes: explained})
		s.lit(false, credit.ForNoCredit)
		s.topUp(10 * one)
		if d := s.supply(credit.Facts{Closes: explained}); d.Close != explained || !explained && d.Position != credit.Ready {
			t.Errorf("explained %v: %+v", explained, d)
		}
	}
}

func TestWarningLadder(t *testing.T) {
	for _, c := range []struct {
		left time.Duration
		want string
	}{
		{73 * time.Hour, ""},
		{72 * time.Hour, "rung.days n=3"},
		{24 * time.Hour, "rung.day"},
		{5 * time.Hour, "rung.day"},
		{4 * time.Hour, "rung.hours n=4"},
		{time.Hour, "rung.hours n=1"},
		{10 * time.Minute, "rung.minutes n=10"},
		{0, "rung.minutes n=10"},
	} {
		r, ok := credit.RungAt(c.left)
		if got := r.Says().String(); ok != (c.want != "") || ok && got != c.want {
			t.Errorf("%s left: %q, want %q", c.left, got, c.want)
		}
	}
}

func TestLowCreditThresholds(t *testing.T) {
	s := open(t, func(d *credit.Document) { d.WarnAt = []units.Money{2 * one, 5 * one}; d.Opening = 6 * one })
	for _, c := range []struct {
		use  units.Money
		low  units.Money
		want bool
	}{{0, 0, false}, {one, 5 * one, true}, {2 * one, 5 * one, true}, {one, 2 * one, true}, {5 * one, 2 * one, true}} {
		s.use(c.use)
		if low, ok := s.engine.Low(s.a); low != c.low || ok != c.want {
			t.Errorf("at %s: %s %v, want %s %v", s.a.Available(), low, ok, c.low, c.want)
		}
	}
}
