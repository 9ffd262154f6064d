package control

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// TestNoTokenIsLostOrCreditedTwice sends tokens signed and by hand, again and in any order,
// over a clock that leaps, and has the power fail between any two steps: what was not
// stored has not been.
func TestNoTokenIsLostOrCreditedTwice(t *testing.T) {
	home := governed(t)
	tokens := make([]string, 6)
	for n := range tokens {
		tokens[n] = tokenFor(t, n, 10+n)
	}
	rapid.Check(t, func(rt *rapid.T) {
		b := *home.bench
		u := &utility{bench: &b, seq: map[policy.Stream]uint64{}}
		value := func(n int) int { return 10 + n }
		stored, storedAt := u.st, len(u.ledger)
		entries := u.ledger
		var sent [][]byte
		var names []int
		step := func(what Happening) Effects {
			st, eff := u.site.Step(u.st, Input{Now: u.now, What: what})
			u.st = st
			entries = append(entries[:len(entries):len(entries)], eff.Entries...)
			if eff.Durable {
				stored, storedAt = u.st, len(entries)
			}
			if d := u.st.Credit.Supply.Position; d != credit.Connected {
				rt.Fatalf("the supply is %s", d)
			}
			return eff
		}
		good := map[int]bool{}
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			u.now = u.now.Add(rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 40 * time.Minute, -10 * time.Minute}).Draw(rt, "time"))
			n := rapid.IntRange(1, 5).Draw(rt, "token")
			switch rapid.IntRange(0, 4).Draw(rt, "what") {
			case 0: // signed
				text := u.envelope(policy.Token, tokenBody(fmt.Sprint("t", n), tokens[n]))
				sent, names = append(sent, text), append(names, n)
				if eff := step(PolicyEnvelope{Text: text}); eff.Reply.Policy.Code == policy.Taken {
					good[n] = true
				}
			case 1: // handed on again
				if len(sent) > 0 {
					i := rapid.IntRange(0, len(sent)-1).Draw(rt, "which")
					if eff := step(PolicyEnvelope{Text: sent[i]}); eff.Reply.Policy.Code == policy.Taken {
						good[names[i]] = true
					}
				}
			case 2: // by hand
				if eff := step(Token{Text: tokens[n], Source: "page"}); eff.Reply.TopUp.Accepted() {
					good[n] = true
				}
			case 3: // the power fails
				u.st, entries = stored, entries[:storedAt]
			default:
				step(nil)
			}
		}
		if err := credit.Verify(entries); err != nil {
			rt.Fatal(err)
		}
		want, got, times := units.Money(0), units.Money(0), map[string]int{}
		for n := range good {
			want += units.Money(value(n)) * units.One
		}
		for _, e := range entries {
			if e.Kind == credit.Topup {
				got += e.Amount
				if times[e.Ref]++; times[e.Ref] > 1 {
					rt.Fatalf("%s is credited twice", e.Ref)
				}
			}
		}
		if got != want {
			rt.Fatalf("%s of tokens is credited, and %s was said to be", got, want)
		}
		if u.states[loads.SupplyID] != true {
			rt.Fatal("the supply is off")
		}
	})
}
