package credit_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/sts"
	"github.com/keeplit/keeplit/internal/said"
)

// drawn is a scheme whose tokens are told apart by their first letter, with the
// odds of a real one: what is measured with it is the lock-out alone.
type drawn struct{ odds float64 }

func (drawn) Name() string      { return "drawn" }
func (drawn) Fits(string) bool  { return true }
func (d drawn) Odds() float64   { return d.odds }
func (drawn) tokens() [3]string { return [3]string{"true", "sync", "used"} }

func (d drawn) Read(state json.RawMessage, digits string, _ time.Time) (credit.Token, json.RawMessage, error) {
	t := credit.Token{Code: credit.Accept, ID: digits, Effect: credit.AddCredit, InMoney: true}
	switch kinds := d.tokens(); {
	case strings.HasPrefix(digits, kinds[0]):
	case strings.HasPrefix(digits, kinds[1]):
		t.Effect = credit.Sync
	case strings.HasPrefix(digits, kinds[2]):
		t.Code = credit.Used
	default:
		t = credit.Token{Code: credit.Invalid}
	}
	return t, json.RawMessage(`{}`), nil
}

// schemes are the odds of the real ones.
func odds(t testing.TB) map[string]float64 {
	s, _ := stsScheme(t)
	return map[string]float64{"openpaygo": paygo(t).Odds(), "sts": s.Odds(), "the weakest that is taken": credit.Weakest}
}

func lockout(t testing.TB, odds float64) (*credit.Engine, credit.Account) {
	t.Helper()
	e, err := credit.New(credit.Defaults(), time.UTC, drawn{odds})
	if err != nil {
		t.Fatal(err)
	}
	a, _ := e.Open("meter 1", noon())
	return e, a
}

// guesses is how many wrong tokens are looked at in a year of trying on the
// given ways, each as soon as it is open again; a true token is entered by page
// every so often, where every is not 0.
func guesses(e *credit.Engine, a credit.Account, ways []string, every time.Duration) (n int) {
	const year = 365 * 24 * time.Hour
	next, bought := every, 0
	for at := time.Duration(0); at < year; {
		// What was bought is entered before the next guess: it gives something back.
		for ; every > 0 && next <= at && a.Lock("page").Left == 0; next += every {
			bought++
			a, _, _ = e.TopUp(a, noon(), fmt.Sprintf("true%d", bought), "page")
		}
		wait := year - at
		for _, way := range ways {
			for a.Lock(way).Left == 0 {
				a, _, _ = e.TopUp(a, noon(), "wrong", way)
				n++
			}
			wait = min(wait, a.Lock(way).Left)
		}
		a, at = a.Powered(wait), at+wait
	}
	return n
}

// A year of guessing on every way at once, without a pause, finds a token that
// gives credit in less than 3 % of homes, also where the guesser buys a true
// token every day and enters it between two guesses.
func TestAYearOfGuessingFindsNoCredit(t *testing.T) {
	for name, p := range odds(t) {
		for _, c := range []struct {
			name  string
			ways  []string
			every time.Duration
		}{
			{"one way", []string{"page"}, 0},
			{"all ways", credit.Ways(), 0},
			{"all ways, and a true token a day", credit.Ways(), 24 * time.Hour},
		} {
			e, a := lockout(t, p)
			n := guesses(e, a, c.ways, c.every)
			chance := 1 - math.Pow(1-p, float64(n))
			t.Logf("%s, %s: %d tries in a year at 1 in %.0f: credit is guessed in %.2f %% of homes", name, c.name, n, 1/p, 100*chance)
			if chance >= 0.03 {
				t.Errorf("%s, %s: %.2f %%", name, c.name, 100*chance)
			}
		}
	}
	// The sum against dice: homes in which a guess was right.
	p := odds(t)["openpaygo"]
	e, a := lockout(t, p)
	n := guesses(e, a, credit.Ways(), 24*time.Hour)
	random := rand.New(rand.NewPCG(3, 4))
	const homes = 20_000
	hit := 0
	for range homes {
		for range n {
			if random.Float64() < p {
				hit++
				break
			}
		}
	}
	t.Logf("openpaygo by dice: %d of %d homes in a year", hit, homes)
	if hit >= homes*3/100 {
		t.Errorf("%d of %d homes", hit, homes)
	}
}

// A customer who mistypes one token in ten waits ten minutes at most, however
// often tokens are bought.
func TestAnHonestCustomerWaitsTenMinutesAtMost(t *testing.T) {
	for name, p := range odds(t) {
		for _, c := range []struct {
			name string
			gap  time.Duration
		}{{"a token a week", 7 * 24 * time.Hour}, {"a token a day", 24 * time.Hour}, {"eight tokens a day", 3 * time.Hour}} {
			e, a := lockout(t, p)
			random := rand.New(rand.NewPCG(7, 8))
			const tokens = 15_000
			wrong, waits := 0, 0
			longest, all := time.Duration(0), time.Duration(0)
			for i := range tokens {
				a = a.Powered(c.gap)
				waited := time.Duration(0)
				for text := ""; !strings.HasPrefix(text, "true"); {
					text = fmt.Sprintf("true%d", i)
					if random.IntN(10) == 0 {
						text = "wrong"
						wrong++
					}
					after, _, r := e.TopUp(a, noon(), text, "page")
					if r.Token.Code == credit.Lockout {
						t.Fatalf("token %d is not looked at although the wait is over", i)
					}
					a = after.Powered(r.Wait)
					waited += r.Wait
				}
				if waited > 0 {
					waits++
				}
				longest, all = max(longest, waited), all+waited
			}
			t.Logf("%s, %s: %d tokens, %d mistyped, %d waits, the longest %s, %s in all", name, c.name, tokens, wrong, waits, longest, all)
			if longest > 10*time.Minute {
				t.Errorf("%s, %s: a customer waited %s", name, c.name, longest)
			}
		}
	}
}

// A sync token gives nothing: whoever guesses one goes on from where they were.
// A used token is no guess, and a true one ends the row but not the allowance.
func TestWhatEndsARowOfWrongTokens(t *testing.T) {
	e, a := lockout(t, odds(t)["openpaygo"])
	enter := func(text string, want credit.Code, wrong int) {
		t.Helper()
		var r credit.Result
		if a, _, r = e.TopUp(a, noon(), text, "mqtt"); r.Token.Code != want || a.Lock("mqtt").Wrong != wrong {
			t.Fatalf("%s: %s and %+v, want %s and %d wrong", text, r.Token.Code, a.Lock("mqtt"), want, wrong)
		}
	}
	enter("wrong", credit.Invalid, 1)
	enter("sync1", credit.Accept, 1)
	enter("used1", credit.Used, 1)
	enter("wrong", credit.Invalid, 2)
	owed := a.Lock("mqtt").Owed
	enter("true1", credit.Accept, 0)
	if after := a.Lock("mqtt").Owed; after <= owed/2 || after >= owed {
		t.Errorf("a true token took the allowance from %s to %s", owed, after)
	}
	for i := range 3 {
		enter("wrong", credit.Invalid, i+1)
	}
	enter("true2", credit.Lockout, 3)
}

// The lock of one way says which and by whom, and keeps nobody from another.
func TestALockIsOfOneWay(t *testing.T) {
	e, a := lockout(t, odds(t)["openpaygo"])
	var r credit.Result
	var entries []credit.Entry
	for range 3 {
		a, entries, r = e.TopUp(a, noon(), "wrong", "api")
	}
	if len(entries) != 1 || !strings.Contains(entries[0].Cause, "by page") || !strings.Contains(entries[0].Cause, "the last by api") {
		t.Errorf("the ledger says %+v", entries)
	}
	// The page and its API are opened by one PIN: they are one way.
	for way, want := range map[string]credit.Code{"page": credit.Lockout, "api": credit.Lockout, "mqtt": credit.Accept, "cli": credit.Accept, "keypad": credit.Accept, "card": credit.Accept} {
		if _, _, r = e.TopUp(a, noon(), "true"+way, way); r.Token.Code != want {
			t.Errorf("by %s: %s, want %s", way, r.Token.Code, want)
		}
		if want == credit.Lockout && (!r.Says.Equal(said.Of("token.lockout", said.Text("way", "page"), said.Length("wait", r.Wait))) || r.Wait != 10*time.Second) {
			t.Errorf("by %s: %q, wait %s", way, r.Says, r.Wait)
		}
	}
	// Through storage the locks are as they were.
	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	var back credit.Account
	if err := json.Unmarshal(text, &back); err != nil || back.Lock("page") != a.Lock("page") {
		t.Errorf("%+v came back as %+v, %v", a.Lock("page"), back.Lock("page"), err)
	}
}

// A word of a key change that came alone and was forgotten after a day is taken
// again: it has no name that the records would refuse the second time.  Every
// other token of the meter has one.
func TestAWordOfAKeyChangeMayBeEnteredAgain(t *testing.T) {
	s, v := stsScheme(t)
	words, err := v.ChangeKey([]byte("0123456789abcdef"), sts.Identity{TariffIndex: 2, KeyType: sts.DUTK, KeyRevision: 1}, 255, false)
	if err != nil {
		t.Fatal(err)
	}
	state := json.RawMessage(nil)
	for _, at := range []time.Time{noon(), noon().Add(25 * time.Hour)} {
		var got credit.Token
		if got, state, err = s.Read(state, words[0], at); err != nil || got.Code != credit.Accept || got.ID != "" {
			t.Errorf("at %s: %+v, %v", at, got, err)
		}
	}
	token, err := v.Credit(noon(), 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := s.Read(state, token, noon()); err != nil || got.ID == "" || !got.ByDigits {
		t.Errorf("%+v, %v", got, err)
	}
}
