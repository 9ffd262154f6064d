// Package credittest is the suite that every token scheme runs.  A scheme brings a
// meter's side and a vendor that makes its tokens; the suite checks the duties of
// credit.Scheme, and that whatever is entered in whatever order no token is
// credited twice and none is lost.
package credittest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
)

// Kit is a scheme under test.
type Kit struct {
	Scheme credit.Scheme
	Mode   credit.Mode // of an account that its tokens can be credited to
	Worth  units.Money // of each token of Vend, in the account's unit
	// Vend is the vendor's next token of credit.
	Vend func(t testing.TB) string
	// Window is how many tokens may be entered in any order, each once.
	Window int
	// Now is when tokens are entered.
	Now time.Time
	// Locks: a wrong token of the right length counts towards the lock-out.  A scheme
	// whose tokens nobody can guess has no need of it.
	Locks bool
}

// site is an account with the scheme.
type site struct {
	testing.TB
	kit    Kit
	engine *credit.Engine
	a      credit.Account
	ledger []credit.Entry
}

func open(t testing.TB, k Kit) *site {
	t.Helper()
	doc := credit.Defaults()
	doc.Mode = k.Mode
	e, err := credit.New(doc, time.UTC, k.Scheme)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{TB: t, kit: k, engine: e}
	s.a, s.ledger = e.Open("04123456789", k.Now.Add(-time.Hour))
	return s
}

// stored is an account as it comes back from storage.
func (s *site) stored(a credit.Account) (back credit.Account) {
	s.Helper()
	text, err := json.Marshal(a)
	if err == nil {
		err = json.Unmarshal(text, &back)
	}
	if err != nil {
		s.Fatal(err)
	}
	return back
}

// enter enters a token, with storage before and after it.
func (s *site) enter(token, way string) credit.Result {
	s.Helper()
	a, entries, r := s.engine.TopUp(s.stored(s.a), s.kit.Now, token, way)
	s.a, s.ledger = a, append(s.ledger, entries...)
	return r
}

func (s *site) has(tokens int) {
	s.Helper()
	if got, want := s.a.Available(), units.Money(tokens)*s.kit.Worth; got != want {
		s.Errorf("credit is %s, want %s of %d tokens", got, want, tokens)
	}
}

// Run is the suite; kit makes a new meter and its vendor.
func Run(t *testing.T, kit func(t testing.TB) Kit) {
	t.Run("a token by every way and after storage is credited once", func(t *testing.T) {
		s := open(t, kit(t))
		token := s.kit.Vend(t)
		for i, way := range []string{"page", "cli", "mqtt", "keypad", "card", "page"} {
			want := credit.Used
			if i == 0 {
				want = credit.Accept
			}
			r := s.enter(token, way)
			if r.Token.Code != want || r.Token.Scheme != s.kit.Scheme.Name() || r.Token.ID == "" || r.Fingerprint == "" {
				t.Errorf("by %s: %+v, want %s", way, r.Token, want)
			}
		}
		s.has(1)
		if s.a.Locks != nil {
			t.Errorf("used tokens counted as wrong ones: %+v", s.a.Locks)
		}
		s.sound()
	})
	t.Run("tokens in any order are credited once each", func(t *testing.T) {
		s := open(t, kit(t))
		var tokens []string
		for range s.kit.Window {
			tokens = append(tokens, s.kit.Vend(t))
		}
		random := rand.New(rand.NewPCG(5, 6))
		for range 3 {
			random.Shuffle(len(tokens), func(i, j int) { tokens[i], tokens[j] = tokens[j], tokens[i] })
			for _, token := range tokens {
				s.enter(token, "page")
			}
		}
		s.has(len(tokens))
		s.sound()
	})
	t.Run("a step that is done again after a crash is the same step", func(t *testing.T) {
		s := open(t, kit(t))
		for range 3 {
			token := s.kit.Vend(t)
			before := s.stored(s.a)
			a1, e1, r1 := s.engine.TopUp(before, s.kit.Now, token, "mqtt")
			a2, e2, r2 := s.engine.TopUp(before, s.kit.Now, token, "mqtt") // the first was lost with the power
			one, _ := json.Marshal([]any{a1, e1, r1.Token})
			two, _ := json.Marshal([]any{a2, e2, r2.Token})
			if !bytes.Equal(one, two) || !r1.Accepted() {
				t.Fatalf("the same token on the same account:\n%s\n%s", one, two)
			}
			s.a, s.ledger = a2, append(s.ledger, e2...)
		}
		s.has(3)
		s.sound()
	})
	t.Run("what is refused changes nothing", func(t *testing.T) {
		s := open(t, kit(t))
		token := s.kit.Vend(t)
		s.enter(token, "page")
		state := schemeState(s.a, s.kit.Scheme.Name())
		for _, wrong := range append(Slips(token), token[1:], token+"0", "", "x", strings.Repeat("9", len(token))) {
			got, next, err := s.kit.Scheme.Read(bytes.Clone(state), wrong, s.kit.Now)
			switch {
			case err != nil:
				t.Fatalf("%s: %v", wrong, err)
			case got.Code == credit.Accept && got.Effect != credit.AddCredit && s.kit.Scheme.Odds() > 0:
			case got.Code == credit.Accept:
				t.Errorf("%s, a slip of %s, is taken: %+v", wrong, token, got)
			case !bytes.Equal(next, state):
				t.Errorf("%s is %s and changes the state", wrong, got.Code)
			}
		}
	})
	t.Run("a state that is not of its form is an error", func(t *testing.T) {
		k := kit(t)
		for _, broken := range []string{`{`, `[]`, `{"version":99}`, `{"nobody":1}`, `7`} {
			if got, _, err := k.Scheme.Read(json.RawMessage(broken), k.Vend(t), k.Now); err == nil {
				t.Errorf("%s is read as %+v", broken, got)
			}
		}
	})
	t.Run("wrong tokens lock", func(t *testing.T) {
		s := open(t, kit(t))
		if odds := s.kit.Scheme.Odds(); odds < 0 || odds > credit.Weakest {
			t.Errorf("the odds of a guess are %g", odds)
		}
		if !s.kit.Locks {
			return
		}
		token, random, wrong := s.kit.Vend(t), rand.New(rand.NewPCG(9, 9)), 0
		for range 400 {
			guess := []byte(token)
			for i := range guess {
				guess[i] = '0' + byte(random.IntN(10))
			}
			r := s.enter(string(guess), "keypad")
			if r.Token.Code.Guess() {
				wrong++
			}
			if r.Token.Code == credit.Lockout {
				break
			}
		}
		if wrong != 3 || s.a.Lock("keypad").Left != 10*time.Second {
			t.Errorf("%d wrong tokens and %+v", wrong, s.a.Lock("keypad"))
		}
		if r := s.enter(token, "keypad"); r.Token.Code != credit.Lockout {
			t.Errorf("a true token at a locked keypad: %s", r.Token.Code)
		}
		if r := s.enter(token, "page"); !r.Accepted() {
			t.Errorf("and on the page: %+v", r)
		}
		s.has(1)
	})
	t.Run("tokens are found in a message and entered in order", func(t *testing.T) {
		s := open(t, kit(t))
		var want []string
		for range 3 {
			want = append(want, s.kit.Vend(t))
		}
		text := fmt.Sprintf("Dear customer, you paid 250.00 on 02-03-2026 for meter no. 04123456789.\nToken 1: %s\nToken 2: %s\nToken 3: %s\nThank you, call +254 700 123 456",
			grouped(want[0]), want[1], grouped(want[2]))
		var got []string
		for _, f := range s.engine.Find(text) {
			if f.Slip == credit.Whole {
				got = append(got, f.Digits)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("found %q in %q", got, text)
		}
		for waiting := got; len(waiting) > 0; {
			i := s.engine.Next(s.a, s.kit.Now, "page", waiting)
			if r := s.enter(waiting[i], "page"); !r.Accepted() {
				t.Errorf("%s: %s", waiting[i], r.Token.Code)
			}
			waiting = slices.Delete(waiting, i, i+1)
		}
		s.has(3)
		s.sound()
	})
}

// sound checks the ledger.
func (s *site) sound() {
	s.Helper()
	v := credit.NewVerifier(s.a.Head)
	for _, e := range s.ledger {
		if err := v.Next(e); err != nil {
			s.Error(err)
			return
		}
	}
	if err := v.Twice(); err != nil {
		s.Error(err)
	}
}

// schemeState is what an account keeps for a scheme.
func schemeState(a credit.Account, name string) json.RawMessage {
	for _, s := range a.Schemes {
		if s.Name == name {
			return s.State
		}
	}
	return nil
}

// Slips are a token with every single digit changed and every two neighbours
// swapped.
func Slips(token string) []string {
	var out []string
	for i := range len(token) {
		for d := byte('0'); d <= '9'; d++ {
			if d != token[i] {
				out = append(out, token[:i]+string(d)+token[i+1:])
			}
		}
	}
	for i := range len(token) - 1 {
		if token[i] != token[i+1] {
			out = append(out, token[:i]+string(token[i+1])+string(token[i])+token[i+2:])
		}
	}
	return out
}

// grouped is a token as it is printed.
func grouped(token string) string {
	var b strings.Builder
	for i, r := range token {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}
