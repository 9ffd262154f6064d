package openpaygo

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/keeplit/keeplit/credit"
)

// The same digits may stand for several counts.  In each row both counts of the
// value have the same ones.
func TestATokenWithTheDigitsOfAUsedOneIsCreditedAtItsOwnCount(t *testing.T) {
	for _, c := range []struct {
		name        string
		key         string
		start       uint32
		value       int
		first, then int
	}{
		{"17 tokens before", deviceC().key, deviceC().start, 37, 4, 34},
		{"34 tokens before", deviceA().key, deviceA().start, 43, 44, 112},
		{"54 tokens before, the first long since old", deviceA().key, deviceA().start, 438, 28, 136},
		{"88 tokens before", deviceA().key, deviceA().start, 85, 28, 204},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := device{c.key, c.start, 0}.scheme(t, Form{})
			state := s.Start()
			for count := c.first; count <= c.then; count += 2 {
				token := encode(t, s, count, c.value)
				got, next := s.Decode(state, token)
				if got.Code != credit.Accept || got.Count != count || got.ID != ID(count) {
					t.Fatalf("count %d: %+v", count, got)
				}
				state = next
				if again, _ := s.Decode(state, token); again.Code != credit.Used {
					t.Fatalf("count %d entered again: %+v", count, again)
				}
			}
			if a, b := encode(t, s, c.first, c.value), encode(t, s, c.then, c.value); a != b {
				t.Fatalf("the digits of the two counts are %s and %s: the row shows nothing", a, b)
			}
		})
	}
}

// A token that comes again, by another way or from a customer in doubt, is the
// one that was taken, although the vendor will make a later one of the same
// digits: that one is good when its turn has come.
func TestATokenEnteredAgainIsNotTakenForALaterOne(t *testing.T) {
	d := deviceC()
	s := d.scheme(t, Form{})
	token := encode(t, s, 4, 37) // and of count 34
	got, state := s.Decode(State{Count: 2}, token)
	if got.Code != credit.Accept || got.Count != 4 {
		t.Fatalf("%+v", got)
	}
	for range 3 {
		if got, _ = s.Decode(state, token); got.Code != credit.Used || got.ID != ID(4) {
			t.Fatalf("entered again: %+v", got)
		}
	}
	got, state = s.Decode(state, encode(t, s, 32, 37))
	if got.Code != credit.Accept {
		t.Fatalf("count 32: %+v", got)
	}
	if got, state = s.Decode(state, token); got.Code != credit.Accept || got.Count != 34 {
		t.Errorf("the later one in its turn: %+v", got)
	}
	if got, _ = s.Decode(state, token); got.Code != credit.Used {
		t.Errorf("and again: %+v", got)
	}
}

// Every token of many values over all counts is taken once, at its count.
// KEEPLIT_LONG=1 walks a million of them.
func TestEveryTokenOfAKeyIsTakenOnceAtItsCount(t *testing.T) {
	values, counts := 5, 2000
	if os.Getenv("KEEPLIT_LONG") != "" {
		values, counts = 250, 4000
	}
	s := deviceA().scheme(t, Form{})
	tokens, doubled, looped, entered := 0, 0, 0, 0
	for v := range values {
		value := v * 995 / (values - 1)
		digits := walk(s, value, counts+near)
		seen := map[string]bool{}
		state := State{}
		for count := 1; count <= counts; count++ {
			token := digits[count]
			tokens++
			if seen[token] {
				doubled++
			}
			seen[token] = true
			got, next := s.Decode(state, token)
			if got.Code != credit.Accept || got.Count != count || got.ID != ID(count) || got.Value != int64(value) {
				t.Fatalf("value %d count %d, %s: %+v", value, count, token, got)
			}
			state = next
			if count%7 != 0 {
				continue
			}
			if token == digits[count+1] || token == digits[count+2] {
				looped++ // the vendor's next token, indeed
				continue
			}
			entered++
			if again, _ := s.Decode(state, token); again.Code == credit.Accept {
				t.Fatalf("value %d count %d, %s, entered again: %+v", value, count, token, again)
			}
		}
	}
	t.Logf("%d tokens of one key, %d values over counts 1 to %d: each accepted once at its count; %d had digits of an earlier count; %d of %d entered again were the vendor's next, the others refused",
		tokens, values, counts, doubled, looped, entered+looped)
	if doubled == 0 {
		t.Error("no digits came twice: the walk shows nothing")
	}
}

// A state as older versions stored it keeps its counts, and says up to which of
// them the records know tokens by their digits.
func TestAStateOfAnOlderVersionIsUnderstood(t *testing.T) {
	s := deviceA().scheme(t, Form{})
	old := json.RawMessage(`{"count":4,"used":[0,1,4],"last":[588224011,1099511627775]}`)
	for _, c := range []struct {
		count    int
		want     credit.Code
		byDigits bool
	}{{4, credit.Used, true}, {2, credit.Accept, true}, {6, credit.Accept, false}} {
		got, _, err := s.Read(old, encode(t, s, c.count, 7), time.Time{})
		if err != nil || got.Code != c.want || got.ByDigits != c.byDigits {
			t.Errorf("count %d: %+v, %v, want %s, by digits %v", c.count, got, err, c.want, c.byDigits)
		}
	}
	_, next, err := s.Read(old, encode(t, s, 6, 7), time.Time{})
	if want := `{"version":2,"count":6,"used":[0,1,4,6],"entered":[6],"named":4}`; err != nil || string(next) != want {
		t.Errorf("%s, %v, want %s", next, err, want)
	}
	// And what is not of any form is refused: missing is not zero.
	for _, broken := range []string{`{"used":[4]}`, `{"count":4,"used":[4],"tally":1}`, `{"version":3}`, `{"version":2,"count":4,"used":null,"named":0}`} {
		if got, _, err := s.Read(json.RawMessage(broken), "588224011", time.Time{}); err == nil {
			t.Errorf("%s is taken: %+v", broken, got)
		}
	}
}

// A token that switches prepayment off for good is refused where the
// configuration does not ask for it; it is neither a guess nor used up.
func TestADisableTokenNeedsTheConfiguration(t *testing.T) {
	d := deviceA()
	doc := Document{Key: d.key, StartingCode: d.start, Count: d.count, Unit: KWh, ValueDivider: 1}
	s, err := New(doc)
	if err != nil {
		t.Fatal(err)
	}
	got, next := s.Decode(s.Start(), "190942008")
	if got.Code != credit.Function || got.Code.Guess() || got.Detail == nil || next.Count != d.count {
		t.Errorf("%+v, count %d", got, next.Count)
	}
	doc.DisableTokens = true
	if s, err = New(doc); err != nil {
		t.Fatal(err)
	}
	if got, _ = s.Decode(next, "190942008"); got.Code != credit.Accept || got.Effect != credit.Unlock {
		t.Errorf("%+v", got)
	}
}

// What the lock-out is made from: random digits hit no oftener.
func TestTheOddsOfAGuess(t *testing.T) {
	s := deviceA().scheme(t, Form{})
	for _, state := range []State{s.Start(), {Count: 500}, {Count: 501}} {
		fit := map[int]bool{} // counts that would be taken now
		for count := range state.Count + 200 {
			if got, _ := s.Decode(state, encode(t, s, count, 995)); got.Code == credit.Accept {
				fit[got.Count] = true
			}
		}
		if odds := float64(len(fit)) / 1e6; odds > s.Odds() || odds < s.Odds()/2 {
			t.Errorf("at count %d a guess has odds of %g, Odds says %g", state.Count, odds, s.Odds())
		}
	}
}

// deviceC has the same digits of 37 at the counts 4 and 34.
func deviceC() device { return device{"00112233445566778899aabbccddeeff", 123456789, 0} }

func encode(t testing.TB, s *Scheme, count, value int) string {
	t.Helper()
	token, err := Encode(s.key, s.doc.StartingCode, count, value, Form{})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// walk is the tokens of a value for the counts 0 to last.
func walk(s *Scheme, value, last int) []string {
	low := (uint64(s.doc.StartingCode) + uint64(value)) % 1000
	out := make([]string, 0, last+1)
	c := newChain(s.key, s.doc.StartingCode, low, Form{})
	for range last + 1 {
		out = append(out, write(c.code/1000*1000+low, Form{}))
		c.next()
	}
	return out
}
