package control

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/tariffs"
	"pgregory.net/rapid"
)

// flatBench is a bench on which what was used costs the same whenever it was used, so
// that the true credit is a sum.
func flatBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{t: t, site: testSite(t), now: begin(), power: 500 * units.Watt, states: map[string]bool{loads.SupplyID: true}, plain: true}
	tariff, err := tariffs.New(tariffs.Document{
		Name: "flat", Currency: "ZAR", Zone: "Africa/Johannesburg",
		Versions: []tariffs.Version{{Energy: []tariffs.EnergyCharge{{Name: "energy", Price: 2_000_000}}}},
	})
	must(t, err)
	b.site.Tariff, b.site.Loads = tariff, nil
	var eff Effects
	b.st, eff = b.site.Begin(b.now)
	b.take(eff)
	b.reading(0)
	return b
}

// lived is what happened at a box: tokens entered and time that passed, by what is drawn.
func lived(t *rapid.T, b *bench, name string, next *int) {
	for range rapid.IntRange(0, 6).Draw(t, name) {
		if rapid.IntRange(0, 3).Draw(t, "what") == 0 {
			b.enter(*next)
			*next++
			continue
		}
		b.reading(time.Duration(rapid.IntRange(1, 240).Draw(t, "minutes")) * time.Minute)
	}
}

// enter enters the token of a number, and answers what became of it.
func (b *bench) enter(n int) credit.Code {
	b.t.Helper()
	eff := b.step(Input{What: Token{Text: tokenFor(b.t, n, 7), Source: "page"}})
	return eff.Reply.TopUp.Token.Code
}

// Whatever was used and entered after a backup: brought back on another box, the credit is never
// more than the true one, is short of it by the tokens that nobody has entered again, and is the
// true one when they have been.  None counts twice, and none before a person has decided.
func TestABackupBroughtBackNeverHoldsMoreThanTheTrueCredit(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := flatBench(t)
		next := 1
		lived(rt, b, "before", &next)
		kept, err := json.Marshal(b.st)
		must(t, err)
		inBackup := next
		seq := b.st.Credit.Head.Seq
		lived(rt, b, "after", &next)
		dead := time.Duration(rapid.IntRange(0, 5000).Draw(rt, "minutes dead")) * time.Minute
		b.register += b.power.Over(dead) // the meter goes on without a box: it has let the power through
		b.now = b.now.Add(dead)
		truth := func() units.Money {
			return b.site.Credit.Opening() + units.Money(next-1)*7*units.One - units.Price(2_000_000).Cost(b.register)
		}

		var st State
		must(t, json.Unmarshal(kept, &st))
		st, eff := b.site.Restored(st, b.now, Backup{Made: st.Now, Seq: seq, Counted: true}, "the card died")
		if len(eff.Entries) != 1 || eff.Entries[0].Name != "restored" || eff.Entries[0].Amount != 0 || eff.Entries[0].Seq != seq+1 {
			rt.Fatalf("the ledger has %+v", eff.Entries)
		}
		b.st = st
		b.take(eff)
		near := func(when string, got, want units.Money) {
			if d := got - want; d > 2 || d < -2 { // millionths, of the interval's edges
				rt.Fatalf("%s the credit is %s, want %s of the true %s", when, got, want, truth())
			}
		}
		b.reading(0)
		near("after the first reading", b.balance(), truth()-units.Money(next-inBackup)*7*units.One)
		for n := 1; n < next; n++ {
			if got := b.enter(n); got != credit.Withheld {
				rt.Fatalf("before anybody has decided, token %d is %q", n, got)
			}
		}
		b.reading(time.Minute)
		b.step(Input{What: Request{Kind: Acknowledge, Code: health.RecordsRestored, By: "page"}})
		for n := inBackup; n < next; n++ {
			if got := b.enter(n); got != credit.Accept {
				rt.Fatalf("entered again, token %d is %q", n, got)
			}
			if b.balance() > truth()+2 {
				rt.Fatalf("the credit is %s, more than the true %s", b.balance(), truth())
			}
		}
		for n := 1; n < next; n++ {
			if got := b.enter(n); got != credit.Used && got != credit.Old && got != credit.Lockout {
				rt.Fatalf("the second time, token %d is %q", n, got)
			}
		}
		near("at the end", b.balance(), truth())
	})
}

// What a person is told depends on what can be known.
func TestWhatIsSaidOfABackupIsWhatCanBeKnown(t *testing.T) {
	for name, row := range map[string]struct {
		b    Backup
		says []string
	}{
		"the meter has a register, the box died": {Backup{Counted: true}, []string{"restored.counted", "restored.unknown"}},
		"the meter counts nothing by itself":     {Backup{}, []string{"restored.uncounted", "restored.unknown"}},
		"the box was retired":                    {Backup{Counted: true, Transfer: true}, []string{"restored.counted", "restored.transfer"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := flatBench(t)
			st, _ := b.site.Restored(b.st, b.now, row.b, "")
			var cause string
			for _, w := range st.Health.Active {
				if w.Code == health.RecordsRestored {
					cause = w.Cause.String()
				}
			}
			for _, want := range row.says {
				if !strings.Contains(cause, want) {
					t.Errorf("%q does not say %s", cause, want)
				}
			}
			if !st.Old() {
				t.Error("tokens would count at once")
			}
		})
	}
}

// A box whose clock nobody has set yet stands before the records: time does not run back for them.
func TestRecordsBroughtBackOnABoxWithoutAClockKeepTheirTime(t *testing.T) {
	b := flatBench(t)
	b.reading(time.Hour)
	st, eff := b.site.Restored(b.st, b.now.AddDate(-3, 0, 0), Backup{}, "")
	if eff.Entries[0].At.Before(b.st.Now) || st.Now.Before(b.st.Now) {
		t.Errorf("the entry is of %s, the records of %s", eff.Entries[0].At, b.st.Now)
	}
}
