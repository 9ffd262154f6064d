package openpaygo

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/credit"
	"pgregory.net/rapid"
)

// device of the published vectors.
type device struct {
	key   string
	start uint32
	count int
}

func deviceA() device { return device{"bc41ec9530f6dac86b1a29ab82edc5fb", 516959010, 1} }
func deviceB() device { return device{"dac86b1a29ab82edc5fbbc41ec9530f6", 432435255, 10} }

func (d device) scheme(t testing.TB, f Form) *Scheme {
	t.Helper()
	s, err := New(Document{Key: d.key, StartingCode: d.start, Count: d.count, Extended: f.Extended, Restricted: f.Restricted, Unit: KWh, ValueDivider: 1, DisableTokens: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPublishedVectors(t *testing.T) {
	standard, extended, restricted, both := Form{}, Form{Extended: true}, Form{Restricted: true}, Form{true, true}
	for _, c := range []struct {
		device device
		effect credit.Effect
		value  int
		form   Form
		count  int
		token  string
	}{
		{deviceA(), credit.AddCredit, 1, standard, 2, "588224011"},
		{deviceA(), credit.AddCredit, 1, extended, 2, "247264959011"},
		{deviceA(), credit.AddCredit, 1, restricted, 2, "314114432231134"},
		{deviceA(), credit.AddCredit, 1, both, 2, "14323213131442331314"},
		{deviceA(), credit.AddCredit, 2, standard, 2, "639704012"},
		{deviceA(), credit.AddCredit, 995, standard, 2, "944829005"},
		{deviceA(), credit.AddCredit, 995, extended, 2, "202207960005"},
		{deviceA(), credit.AddCredit, 995, restricted, 2, "431221144132142"},
		{deviceA(), credit.AddCredit, 995, both, 2, "13441221313132344122"},
		{deviceA(), credit.SetCredit, 1, standard, 3, "380589011"},
		{deviceA(), credit.SetCredit, 5, extended, 3, "925720959015"},
		{deviceA(), credit.SetCredit, 995, both, 3, "34131421314343332122"},
		{deviceA(), credit.Unlock, DisablePAYG, standard, 3, "190942008"},
		{deviceA(), credit.Unlock, DisablePAYG, restricted, 3, "134231231341431"},
		{deviceA(), credit.Sync, CounterSync, standard, 3, "160440009"},
		{deviceA(), credit.Sync, CounterSync, restricted, 3, "132321112434132"},
		{deviceB(), credit.AddCredit, 1, standard, 12, "579194256"},
		{deviceB(), credit.AddCredit, 5, both, 12, "22433442411124443441"},
		{deviceB(), credit.AddCredit, 995, extended, 12, "750811436250"},
		{deviceB(), credit.SetCredit, 5, standard, 11, "519034260"},
		{deviceB(), credit.SetCredit, 1, restricted, 11, "143232242142211"},
	} {
		t.Run(c.token, func(t *testing.T) {
			s := c.device.scheme(t, c.form)
			token, count, err := s.Issue(c.device.count, c.effect, c.value)
			if token != c.token || count != c.count || err != nil {
				t.Errorf("issued %s count %d, %v, want %s count %d", token, count, err, c.token, c.count)
			}
			got, next := s.Decode(s.Start(), c.token)
			if got.Code != credit.Accept || got.Effect != c.effect || got.Value != int64(c.value) || got.Count != c.count {
				t.Fatalf("read %+v", got)
			}
			if again, _ := s.Decode(next, c.token); again.Code != credit.Used {
				t.Errorf("entered again: %s, want used", again.Code)
			}
		})
	}
}

func TestAVendorsChainIsFollowed(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		f := Form{rapid.Bool().Draw(r, "extended"), rapid.Bool().Draw(r, "restricted")}
		key := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(r, "key")
		s, err := New(Document{Key: hex.EncodeToString(key), StartingCode: rapid.Uint32Range(0, 999_999_999).Draw(r, "start"), Extended: f.Extended, Restricted: f.Restricted, Unit: Money, ValueDivider: 1})
		if err != nil {
			r.Fatal(err)
		}
		state, last := s.Start(), 0
		for range 12 {
			effect := rapid.SampledFrom([]credit.Effect{credit.AddCredit, credit.AddCredit, credit.SetCredit, credit.Sync}).Draw(r, "effect")
			value := rapid.IntRange(0, MaxValue).Draw(r, "value")
			if effect == credit.Sync {
				value = CounterSync
			}
			token, count, err := s.Issue(last+rapid.IntRange(0, 40).Draw(r, "skipped"), effect, value)
			if err != nil {
				r.Fatal(err)
			}
			got, next := s.Decode(state, token)
			// Of nine digits one in a million is what another count says, too: nobody can tell which
			// was meant, and the decoder takes the first as devices do.
			if other, err := Encode(s.key, s.doc.StartingCode, got.Count, int(got.Value), f); got.Count < count && err == nil && other == token {
				return
			}
			if got.Code != credit.Accept || got.Effect != effect || got.Value != int64(value) {
				r.Fatalf("%s (%s %d count %d) read as %+v", token, effect, value, count, got)
			}
			if again, _ := s.Decode(next, token); again.Code != credit.Used {
				r.Fatalf("%s entered again: %s", token, again.Code)
			}
			state, last = next, count
		}
	})
}

func TestWindowsOfCounts(t *testing.T) {
	s := deviceA().scheme(t, Form{})
	issue := func(count, value int) string {
		token, err := Encode(s.key, s.doc.StartingCode, count, value, Form{})
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	for _, c := range []struct {
		name  string
		taken []int // counts entered before, in order
		count int
		value int
		want  credit.Code
	}{
		{"64 ahead is taken", nil, 65, 7, credit.Accept},
		{"66 ahead is unknown", nil, 67, 7, credit.Invalid},
		{"a sync 100 ahead is taken", nil, 101, CounterSync, credit.Accept},
		{"a sync 102 ahead is unknown", nil, 103, CounterSync, credit.Invalid},
		{"an ADD skipped is taken later", []int{10}, 8, 7, credit.Accept},
		{"an ADD skipped by 14", []int{20}, 6, 7, credit.Accept},
		{"an ADD skipped by 16 is old", []int{20}, 4, 7, credit.Old},
		{"a SET skipped is old", []int{10}, 7, 7, credit.Old},
		{"an ADD from before a SET is void", []int{11}, 10, 7, credit.Used},
		{"an ADD out of order is taken once", []int{10, 8}, 8, 7, credit.Used},
		{"the count that the device came with is used", nil, 0, 7, credit.Used},
		{"996 means nothing", nil, 3, 996, credit.Invalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			state := s.Start()
			for _, n := range c.taken {
				var got credit.Token
				if got, state = s.Decode(state, issue(n, 7)); got.Code != credit.Accept {
					t.Fatalf("count %d before: %s", n, got.Code)
				}
			}
			var token string
			if c.value == 996 {
				low := (uint64(s.doc.StartingCode) + 996) % 1000
				ch := newChain(s.key, s.doc.StartingCode, low, Form{})
				for range c.count {
					ch.next()
				}
				token = write(ch.code/1000*1000+low, Form{})
			} else {
				token = issue(c.count, c.value)
			}
			got, next := s.Decode(state, token)
			if got.Code != c.want {
				t.Errorf("count %d: %s, want %s", c.count, got.Code, c.want)
			}
			if got.Code != credit.Accept && fmt.Sprint(next) != fmt.Sprint(state) {
				t.Errorf("a refused token changed the state from %v to %v", state, next)
			}
		})
	}
}

func TestStateSurvivesStorage(t *testing.T) {
	s := deviceA().scheme(t, Form{})
	var raw json.RawMessage
	last := 1
	for i := range 30 {
		token, count, err := s.Issue(last, credit.AddCredit, i)
		if err != nil {
			t.Fatal(err)
		}
		last = count
		for _, want := range []credit.Code{credit.Accept, credit.Used} {
			got, next, err := s.Read(raw, token, time.Time{})
			if err != nil || got.Code != want {
				t.Fatalf("%s: %+v, %v", token, got, err)
			}
			raw = next
		}
	}
	if _, _, err := s.Read(json.RawMessage("{"), "588224011", time.Time{}); err == nil {
		t.Error("a broken state was taken")
	}
}

func TestDocumentFaultsAreAllNamed(t *testing.T) {
	err := Document{Key: "short", StartingCode: 1e9, Count: -1, ValueDivider: -1, Unit: "days"}.Check().Err()
	for _, path := range []string{"key:", "starting_code:", "count:", "value_divider:", "unit:"} {
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("no fault at %s in %v", path, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"588224011", "190942008", "160440009", "519034260", "000000000", "999999999", "", "1234"} {
		f.Add(seed, 1)
	}
	s := deviceA().scheme(f, Form{})
	f.Fuzz(func(t *testing.T, digits string, count int) {
		if count < 0 || count > 2000 {
			t.Skip()
		}
		state := State{Count: count}
		got, next := s.Decode(state, digits)
		if got.Code != credit.Accept {
			return
		}
		// Whatever is accepted is what a vendor would have issued, and is used
		// afterwards.
		if token, err := Encode(s.key, s.doc.StartingCode, got.Count, int(got.Value), Form{}); token != digits || err != nil {
			t.Fatalf("%s read as %+v, which is issued as %s, %v", digits, got, token, err)
		}
		if again, _ := s.Decode(next, digits); again.Code == credit.Accept {
			t.Fatalf("%s accepted twice", digits)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for _, count := range []int{10, 1000} {
		b.Run(fmt.Sprintf("count=%d", count), func(b *testing.B) {
			s := deviceA().scheme(b, Form{})
			token, err := Encode(s.key, s.doc.StartingCode, count+2, 7, Form{})
			if err != nil {
				b.Fatal(err)
			}
			state := State{Count: count}
			for b.Loop() {
				if got, _ := s.Decode(state, token); got.Code != credit.Accept {
					b.Fatal(got)
				}
			}
		})
	}
}

// The chain of this device's syncs runs into a loop of eight codes: the digits
// of the token for count 169 are those for 177, 185 and so on.
func TestDigitsOfALoopingChainAreTakenOnce(t *testing.T) {
	s, err := New(Document{Key: "53374068124158683449786907366258", StartingCode: 947827293, Count: 165, ValueDivider: 1, Unit: KWh})
	if err != nil {
		t.Fatal(err)
	}
	for _, count := range []int{169, 177} {
		if token, err := Encode(s.key, 947827293, count, CounterSync, Form{}); token != "838902292" || err != nil {
			t.Fatalf("count %d: %s, %v: this is not the chain that loops", count, token, err)
		}
	}
	tok, state := s.Decode(s.Start(), "838902292")
	if tok.Code != credit.Accept || tok.Count != 169 {
		t.Fatalf("%+v", tok)
	}
	if tok, _ = s.Decode(state, "838902292"); tok.Code != credit.Used {
		t.Errorf("the second time: %+v", tok)
	}
}
