package control

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/credit"
)

// TestWhatChangesNothingIsNotWrittenToTheDisk: a thousand orders a second for a
// load that there is not wrote 490 MB a minute, each was a commit of its own.
func TestWhatChangesNothingIsNotWrittenToTheDisk(t *testing.T) {
	b := newBench(t)
	b.step(Input{})
	ask := func(situation string, in Input, durable bool) {
		t.Helper()
		b.now = b.now.Add(time.Second)
		if eff := b.step(in); eff.Durable != durable {
			t.Errorf("%s: to be recorded first: %v", situation, eff.Durable)
		}
	}
	order := func(kind RequestKind, load string) Input {
		return Input{What: Request{Kind: kind, Load: load, By: "mqtt"}}
	}
	id := b.site.Loads[0].ID
	ask("a load that there is not", order(RunLoad, "made-up"), false)
	ask("a first word about a load", order(RunLoad, id), true)
	ask("the same again", order(RunLoad, id), false)
	ask("another word", order(SkipLoad, id), true)
	ask("back to the plan", order(AutoLoad, id), true)
	ask("and again", order(AutoLoad, id), false)
	ask("a supply that is not ready", order(Reconnect, ""), false)
	ask("the main switch", order(SupplyOff, ""), true)
	b.st.Credit.Locks = []credit.LockState{{Way: "mqtt", By: "mqtt", Wrong: 9, Left: time.Hour}}
	for range 5 { // the word about it is told once
		b.now = b.now.Add(time.Second)
		b.step(Input{What: Token{Text: "123456789", Source: "mqtt"}})
	}
	ask("a token while its way is locked", Input{What: Token{Text: "123456789", Source: "mqtt"}}, false)
	ask("no token at all", Input{What: Token{Text: "hello", Source: "mqtt"}}, false)
}
