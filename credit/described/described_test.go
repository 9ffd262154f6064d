package described

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/credittest"
	"github.com/keeplit/keeplit/internal/units"
)

// keys of the RFCs: 20, 32 and 64 bytes of the digits 1 to 0.
func rfcKey(n int) []byte { return []byte(strings.Repeat("1234567890", 7)[:n]) }

// grid is the description of examples/tokens/village-grid.yaml; that it is, a test of
// the command sees to.
func grid() Description {
	return Description{
		Name: "village grid", Hash: SHA256, Unit: credit.InKWh,
		Message: []Field{{Counter: 8}, {Value: 2}, {Meter: true}},
		Digits:  []Part{{Value: 4}, {Counter: 2}, {Code: 7}, {Check: Luhn}},
		Values: []Value{
			{From: 1, To: 9000, Do: Add, Each: units.One / 10}, {From: 9100, Do: Set}, {From: 9200, Do: Clear}, {From: 9999, Do: Unlock},
		},
		Window: Window{Ahead: 30, Behind: 20},
	}
}

// short is a description of 9 digits without low digits of the counter: by chance two
// counters have the same ones.
func short() Description {
	return Description{
		Name: "short", Hash: SHA1, Unit: credit.InMoney,
		Message: []Field{{Counter: 8}, {Value: 1}}, Digits: []Part{{Code: 6}, {Value: 2}, {Check: Luhn}},
		Values: []Value{{From: 1, To: 98, Do: Add, Each: units.One}, {From: 99, Do: PowerLimit, Power: 500 * units.Watt}},
		Window: Window{Ahead: 30, Behind: 10},
	}
}

func meterOf(d Description, keys ...Key) Document {
	if len(keys) == 0 {
		keys = []Key{{Key: hex.EncodeToString(rfcKey(20))}}
	}
	return Document{Description: d, Meter: "04123456789", Keys: keys}
}

type fataler interface {
	Helper()
	Fatal(args ...any)
}

func scheme(t fataler, doc Document) *Scheme {
	t.Helper()
	s, err := New(doc)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheSuiteOfSchemes(t *testing.T) {
	for name, d := range map[string]Description{"with low digits of the counter": grid(), "without": short()} {
		t.Run(name, func(t *testing.T) {
			credittest.Run(t, func(t testing.TB) credittest.Kit {
				s, next := scheme(t, meterOf(d)), int64(0)
				value, worth := int64(50), 5*units.One
				if d.Unit == credit.InMoney {
					worth = 50 * units.One
				}
				return credittest.Kit{
					Scheme: s, Mode: d.Unit, Worth: worth, Window: int(d.Window.Behind), Now: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC), Locks: true,
					Vend: func(t testing.TB) string {
						token, n, err := s.Issue(next, value)
						if err != nil {
							t.Fatal(err)
						}
						next = n + 1
						return token
					},
				}
			})
		})
	}
}

// The published values: RFC 4226, appendix D; RFC 6238, appendix B, whose time steps are
// counters; RFC 6287, appendix C.
func TestPublishedVectors(t *testing.T) {
	hotp := func(h Hash, digits int) Description {
		return Description{Hash: h, Message: []Field{{Counter: 8}}, Digits: []Part{{Code: digits}}}
	}
	ocra := func(suite string, h Hash, digits int, with ...Field) Description {
		return Description{Hash: h, Message: append([]Field{{Text: suite}, {Hex: "00"}}, with...), Digits: []Part{{Code: digits}}}
	}
	pin := Field{Hex: "7110eda4d09e062aa5e4a390b0a572ac0d2c0220"} // SHA-1 of 1234
	type at struct{ counter, value int64 }
	counts := func(n int64) (out []at) {
		for c := range n {
			out = append(out, at{c, 0})
		}
		return out
	}
	steps := []at{{0x1, 0}, {0x23523ec, 0}, {0x23523ed, 0}, {0x273ef07, 0}, {0x3f940aa, 0}, {0x27bc86aa, 0}}
	var alike, both, pinned []at // 00000000, 11111111 ...
	for n := range int64(10) {
		alike, both, pinned = append(alike, at{0, n * 11111111}), append(both, at{n, n * 11111111}), append(pinned, at{n, 12345678})
	}
	for _, c := range []struct {
		name string
		d    Description
		key  int
		at   []at
		want string
	}{
		{"HOTP", hotp(SHA1, 6), 20, counts(10), "755224 287082 359152 969429 338314 254676 287922 162583 399871 520489"},
		{"TOTP, SHA-1", hotp(SHA1, 8), 20, steps, "94287082 07081804 14050471 89005924 69279037 65353130"},
		{"TOTP, SHA-256", hotp(SHA256, 8), 32, steps, "46119246 68084774 67062674 91819424 90698825 77737706"},
		{"TOTP, SHA-512", hotp(SHA512, 8), 64, steps, "90693936 25091201 99943326 93441116 38618901 47863826"},
		{"OCRA-1:HOTP-SHA1-6:QN08", ocra("OCRA-1:HOTP-SHA1-6:QN08", SHA1, 6, Field{Question: true}), 20, alike, "237653 243178 653583 740991 608993 388898 816933 224598 750600 294470"},
		{
			"OCRA-1:HOTP-SHA256-8:C-QN08-PSHA1", ocra("OCRA-1:HOTP-SHA256-8:C-QN08-PSHA1", SHA256, 8, Field{Counter: 8}, Field{Question: true}, pin), 32, pinned,
			"65347737 86775851 78192410 71565254 10104329 65983500 70069104 91771096 75011558 08522129",
		},
		{
			"OCRA-1:HOTP-SHA512-8:C-QN08", ocra("OCRA-1:HOTP-SHA512-8:C-QN08", SHA512, 8, Field{Counter: 8}, Field{Question: true}), 64, both,
			"07016083 63947962 70123924 25341727 33203315 34205738 44343969 51946085 20403879 31409299",
		},
	} {
		s := &Scheme{doc: Document{Description: c.d}}
		var got []string
		for _, at := range c.at {
			k := s.coder(rfcKey(c.key))
			got = append(got, c.d.spell(at.counter, at.value, k.code(at.counter, at.value)))
		}
		if g := strings.Join(got, " "); g != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, g, c.want)
		}
	}
}

// testdata/vectors.csv was made by testdata/vectors.py, another program in another
// language, from the same descriptions.
func TestTokensOfAnIndependentProgram(t *testing.T) {
	text, err := os.ReadFile("testdata/vectors.csv")
	if err != nil {
		t.Fatal(err)
	}
	schemes := map[string]*Scheme{"grid": scheme(t, meterOf(grid())), "short": scheme(t, meterOf(short())), "ocra": scheme(t, meterOf(ocraGrid()))}
	rows := strings.Split(strings.TrimSpace(string(text)), "\n")[1:]
	for _, row := range rows {
		f := strings.Split(row, ",")
		var counter, value int64
		if err := json.Unmarshal([]byte("["+f[1]+","+f[2]+"]"), &[]any{&counter, &value}); err != nil {
			t.Fatal(err)
		}
		s := schemes[f[0]]
		d := s.doc.Description
		if got := d.spell(counter, value, s.coder(s.keys[0].key).code(counter, value)); got != f[3] {
			t.Errorf("%s: counter %d, value %d: %s, want %s", f[0], counter, value, got, f[3])
			continue
		}
		got, _ := s.decode(State{Keys: []Memory{{Key: s.keys[0].tag, Floor: counter, High: counter - 1}}}, f[3])
		if got.Code != credit.Accept || int64(got.Count) != counter || got.Value != value {
			t.Errorf("%s: %s is read as %+v", f[0], f[3], got)
		}
	}
	if len(rows) < 60 {
		t.Fatalf("%d rows", len(rows))
	}
}

// ocraGrid has an OCRA suite, fixed digits and two check digits.
func ocraGrid() Description {
	return Description{
		Name: "by OCRA", Hash: SHA512, Unit: credit.InMoney,
		Message: []Field{{Text: "OCRA-1:HOTP-SHA512-8:C-QN08"}, {Hex: "00"}, {Counter: 8}, {Question: true}},
		Digits:  []Part{{Fixed: "77"}, {Code: 8}, {Counter: 1}, {Value: 5}, {Check: Mod97}},
		Values:  []Value{{From: 1, To: 50_000, Do: Add, Each: units.One / 100}, {From: 60_000, To: 60_500, Do: Set, Amount: 20 * units.One}},
		Window:  Window{Ahead: 40, Behind: 0},
	}
}

// A life of a meter: tokens are skipped, lost, entered late, twice, in any order,
// with keys and windows that change under way.  What the vendor has not passed over
// is credited once at most, and always where it is within the window.
func TestNoTokenIsCreditedTwiceAndNoneWithinTheWindowIsLost(t *testing.T) {
	old, fresh := hex.EncodeToString(rfcKey(32)), hex.EncodeToString(rfcKey(20))
	rapid.Check(t, func(r *rapid.T) {
		d := rapid.SampledFrom([]Description{grid(), short(), ocraGrid()}).Draw(r, "description")
		doc := meterOf(d, Key{Key: old})
		vendor, next := scheme(r, doc), int64(0)
		type sold struct {
			token   string
			counter int64
			key     string
		}
		var all []sold
		credited := map[string]int{} // by ID
		digits := map[string]int{}
		var raw json.RawMessage
		floor := int64(0) // counters of the key in use below it need not be taken
		high := int64(-1)
		for range rapid.IntRange(1, 60).Draw(r, "steps") {
			s := scheme(r, doc)
			switch rapid.IntRange(0, 9).Draw(r, "what") {
			case 0: // the window is another one
				doc.Description.Window = Window{Ahead: rapid.Int64Range(5, 39).Draw(r, "ahead"), Behind: rapid.Int64Range(0, 10).Draw(r, "behind")}
			case 1: // a new key, the old one beside it
				if len(doc.Keys) == 1 && doc.Keys[0].Key == old {
					doc.Keys = []Key{{Key: fresh}, {Key: old}}
					vendor, next, floor, high = scheme(r, doc), 0, 0, -1
				}
			case 2, 3, 4, 5: // the vendor sells one
				token, n, err := vendor.Issue(next+rapid.Int64Range(0, 1).Draw(r, "skipped"), rapid.Int64Range(1, 50).Draw(r, "value"))
				if err != nil {
					r.Fatal(err)
				}
				all, next = append(all, sold{token, n, vendor.keys[0].tag}), n+1
			default:
				if len(all) == 0 {
					continue
				}
				x := rapid.SampledFrom(all).Draw(r, "token")
				t, after, err := s.Read(raw, x.token, time.Time{})
				if err != nil {
					r.Fatal(err)
				}
				within := x.key == s.keys[0].tag && x.counter >= floor && x.counter <= high+doc.Description.Window.Ahead
				switch t.Code {
				case credit.Accept:
					credited[t.ID]++
					digits[x.token]++
					if credited[t.ID] > 1 || digits[x.token] > 1 {
						r.Fatalf("%s is credited twice", t.ID)
					}
					if x.key == s.keys[0].tag {
						high = max(high, int64(t.Count))
						floor = max(floor, high-doc.Description.Window.Behind+1)
					}
				case credit.Used, credit.Old:
					if within && digits[x.token] == 0 {
						r.Fatalf("%+v of %+v was never taken", t, x)
					}
				default:
					if within || t.Code != credit.Invalid {
						r.Fatalf("%+v of %+v", t, x)
					}
				}
				raw = after
			}
		}
	})
}

// An old paper whose digits a token to come has by chance is the old paper.  The
// vendor passes over the counter, so that nobody buys a token that is refused.
func TestDigitsThatWereATokenStayThatToken(t *testing.T) {
	s := scheme(t, meterOf(short()))
	seen := map[string]int64{}
	var first, then int64
	var token string
	c := s.coder(s.keys[0].key)
	for n := int64(0); n < 15_000 && token == ""; n++ {
		text := s.doc.Description.spell(n, 7, c.code(n, 7))
		if at, twice := seen[text]; twice && n-at > s.doc.Description.Window.Behind {
			first, then, token = at, n, text
		}
		seen[text] = n
	}
	if token == "" {
		t.Fatal("no two counters have the same digits: the test shows nothing")
	}
	m := Memory{Key: s.keys[0].tag, Floor: then - 5, High: then - 1}
	if got, _ := s.decode(State{Keys: []Memory{m}}, token); got.Code != credit.Old || got.Count != int(first) {
		t.Errorf("an old paper of counter %d is taken for counter %d: %+v", first, then, got)
	}
	m.Entered = []int64{first}
	if got, _ := s.decode(State{Keys: []Memory{m}}, token); got.Code != credit.Used {
		t.Errorf("and one that is remembered: %+v", got)
	}
	if sold, n, err := s.Issue(then, 7); err != nil || n == then || sold == token {
		t.Errorf("the vendor sells %s at counter %d, %v", sold, n, err)
	}
}

func TestWindowsAndKinds(t *testing.T) {
	s := scheme(t, meterOf(grid()))
	token := func(counter, value int64) string {
		return s.doc.Description.spell(counter, value, s.coder(s.keys[0].key).code(counter, value))
	}
	at := State{Keys: []Memory{{Key: s.keys[0].tag, Floor: 81, High: 100, Entered: []int64{70, 90, 100}}}}
	for _, c := range []struct {
		name           string
		counter, value int64
		want           credit.Code
	}{
		{"the next", 101, 125, credit.Accept},
		{"the last of the window", 130, 125, credit.Accept},
		{"one too far ahead", 131, 125, credit.Invalid},
		{"an older one that was not entered", 81, 125, credit.Accept},
		{"the one behind the window", 80, 125, credit.Old},
		{"an older one that was entered", 90, 125, credit.Used},
		{"one from below the window that is remembered", 70, 125, credit.Used},
		{"the greatest again", 100, 125, credit.Used},
		{"an old one to set", 95, 9100, credit.Old},
		{"a new one to set", 101, 9100, credit.Accept},
		{"a value that means nothing", 101, 9001, credit.Function},
		{"one that nobody allowed", 101, 9999, credit.Function},
	} {
		got, next := s.decode(at, token(c.counter, c.value))
		if got.Code != c.want {
			t.Errorf("%s: %+v, want %s", c.name, got, c.want)
		}
		if got.Code.Guess() != (c.want == credit.Invalid) || got.Code != credit.Accept && !slices.Equal(next.Keys[0].Entered, at.Keys[0].Entered) {
			t.Errorf("%s: %+v", c.name, next)
		}
	}
	// What sets makes what was sold before it void.
	_, next := s.decode(at, token(105, 9100))
	if got, _ := s.decode(next, token(101, 125)); got.Code != credit.Old {
		t.Errorf("a token of before the set one: %+v", got)
	}
	if got, _ := s.decode(next, token(106, 125)); got.Code != credit.Accept || got.Energy != 12500*units.WattHour {
		t.Errorf("the one after it: %+v", got)
	}
	// A greater next in the configuration is a floor, a smaller one is none.
	doc := meterOf(grid())
	doc.Keys[0].Next = 120
	later := scheme(t, doc)
	if got, _ := later.decode(at, token(110, 125)); got.Code != credit.Old {
		t.Errorf("below next: %+v", got)
	}
	if got, _ := later.decode(at, token(150-1, 125)); got.Code != credit.Accept {
		t.Errorf("ahead of next: %+v", got)
	}
	doc.UnlockTokens = true
	if got, _ := scheme(t, doc).decode(at, token(120, 9999)); got.Code != credit.Accept || got.Effect != credit.Unlock {
		t.Errorf("unlock: %+v", got)
	}
	p := scheme(t, meterOf(short()))
	limit := p.doc.Description.spell(3, 99, p.coder(p.keys[0].key).code(3, 99))
	if got, _ := p.decode(State{}, limit); got.Effect != credit.PowerLimit || got.Power != 500*units.Watt {
		t.Errorf("a power limit: %+v", got)
	}
}

// How many codes are made does not depend on what is entered, so that nobody learns by
// the clock how near a guess was.
func TestAGuessTakesAsLongAsATrueToken(t *testing.T) {
	for _, d := range []Description{grid(), short()} {
		s := scheme(t, meterOf(d))
		s.spent = new(int)
		state := State{Keys: []Memory{{Key: s.keys[0].tag, Floor: 500, High: 500}}}
		work := func(counter, value int64, off uint32) int {
			code := s.coder(s.keys[0].key).code(counter, value)
			*s.spent = 0
			s.decode(state, d.spell(counter, value, (code+off)%1_000_000))
			return *s.spent
		}
		want := work(501, 50, 1)
		for name, got := range map[string]int{
			"a true one": work(501, 50, 0), "the last of the window": work(501+20, 50, 0), "a used one": work(499, 50, 0),
			"one of the wrong value": work(501, 51, 1), "one far off": work(501, 50, 499_999),
		} {
			// Of some low digits the window has one counter more.
			if got < want-1 || got > want+1 || got == 0 {
				t.Errorf("%s: %s takes %d codes, a guess %d", d.Name, name, got, want)
			}
		}
	}
}

// What the lock-out is made from: no guess has better odds.
func TestTheOddsOfAGuess(t *testing.T) {
	for _, c := range []struct {
		d    Description
		want float64
	}{
		{short(), 40 * 2148. / (1 << 31)}, {grid(), 215. / (1 << 31)}, {ocraGrid(), 4 * 22. / (1 << 31)},
	} {
		if got := c.d.Odds(); got != c.want {
			t.Errorf("%s: %g, want %g", c.d.Name, got, c.want)
		}
		// Counters that would be taken now, of each low digits.
		s := scheme(t, meterOf(c.d))
		state := State{Keys: []Memory{{Key: s.keys[0].tag, Floor: 500, High: 499 + c.d.Window.Behind}}}
		taken := map[int64]int64{}
		stride := pow10(c.d.counterDigits())
		for n := int64(400); n < 700; n++ {
			text := c.d.spell(n, 50, s.coder(s.keys[0].key).code(n, 50))
			if got, _ := s.decode(state, text); got.Code == credit.Accept {
				taken[n%stride]++
			}
		}
		most := int64(0)
		for _, n := range taken {
			most = max(most, n)
		}
		if want := (c.d.Window.Ahead + c.d.Window.Behind + stride - 1) / stride; most != want {
			t.Errorf("%s: %d counters fit the same low digits, Odds has %d", c.d.Name, most, want)
		}
	}
}

// Of the check digits each finds every single wrong digit, and mod97 every two that
// are swapped.
func TestASlipIsFoundByTheCheckDigits(t *testing.T) {
	for _, d := range []Description{grid(), ocraGrid()} {
		s := scheme(t, meterOf(d))
		token, _, err := s.Issue(0, 125)
		if err != nil {
			t.Fatal(err)
		}
		for i := range token {
			for r := byte('0'); r <= '9'; r++ {
				slip := token[:i] + string(r) + token[i+1:]
				if got, _ := s.decode(State{}, slip); slip != token && (got.Code != credit.Format || got.Code.Guess()) {
					t.Errorf("%s for %s: %+v", slip, token, got)
				}
			}
		}
	}
	if got := Luhn.of("755224"); got != "3" { // RFC 4226 names the formula and has no value
		t.Errorf("Luhn of 755224 is %s", got)
	}
	if got := Luhn.of("7992739871"); got != "3" {
		t.Errorf("Luhn of 7992739871 is %s", got)
	}
	if got := Mod97.of("794"); got != "44" { // the example of ISO 7064
		t.Errorf("mod97 of 794 is %s", got)
	}
}

func TestBadDescriptions(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Document)
		says   string
	}{
		{"no name", func(d *Document) { d.Description.Name = "" }, "name: it is missing"},
		{"a hash that is none of the RFC's", func(d *Document) { d.Description.Hash = "md5" }, `hash: "md5" is not known`},
		{"a unit of days", func(d *Document) { d.Description.Unit = "days" }, `unit: "days" is not a unit`},
		{"no counter in the message", func(d *Document) { d.Description.Message = []Field{{Value: 2}} }, "the counter is in it 0 times"},
		{"a value that nobody signs", func(d *Document) { d.Description.Message = []Field{{Counter: 8}} }, "anybody could write a greater one"},
		{"a value that does not fit", func(d *Document) { d.Description.Message[1].Value = 1 }, "1 bytes do not hold a value of 4 digits"},
		{"two things in one field", func(d *Document) { d.Description.Message[0].Text = "x" }, "2 of them are given"},
		{"half a byte", func(d *Document) { d.Description.Message[0] = Field{Hex: "abc"} }, `"abc" is not made of bytes`},
		{"a counter of two bytes", func(d *Document) { d.Description.Message[0].Counter = 2 }, "2 is no number of bytes of a counter"},
		{"a message without an end", func(d *Document) { d.Description.Message[2] = Field{Text: strings.Repeat("x", 2000)} }, "1024 are taken"},
		{"no code", func(d *Document) { d.Description.Digits = []Part{{Value: 4}, {Counter: 6}} }, "code is given 0 times"},
		{"a code of 12 digits", func(d *Document) { d.Description.Digits[2].Code = 12 }, "a code has 5 to 9 digits, not 12"},
		{"check digits in the middle", func(d *Document) {
			d.Description.Digits = []Part{{Check: Luhn}, {Value: 4}, {Code: 7}}
		}, "check digits are of all digits before them"},
		{"a check of no kind", func(d *Document) { d.Description.Digits[3].Check = "crc" }, `"crc" is not known`},
		{"letters that stay", func(d *Document) { d.Description.Digits[0] = Part{Fixed: "7A"} }, `"7A" is not made of digits`},
		{"too short", func(d *Document) { d.Description.Digits = []Part{{Code: 4}} }, "a token has 4 digits"},
		{"too long", func(d *Document) {
			d.Description.Digits = append([]Part{{Fixed: strings.Repeat("1", 30)}}, d.Description.Digits...)
		}, "digits in all"},
		{"rows that overlap", func(d *Document) { d.Description.Values[1].From = 9000 }, "values[0] has some of its values"},
		{"values that no token has", func(d *Document) { d.Description.Values[0].To = 10_000 }, "are no values of a token"},
		{"nothing added", func(d *Document) { d.Description.Values[0].Each = 0 }, "would add nothing"},
		{"credit taken away", func(d *Document) { d.Description.Values[0].Each = -1 }, "takes no credit away"},
		{"a fortune", func(d *Document) { d.Description.Values[0].Each = 1000 * units.One }, "a token may give 1000000 at most"},
		{"an amount and a rule", func(d *Document) { d.Description.Values[0].Amount = 1 }, "both are given"},
		{"an amount to clear", func(d *Document) { d.Description.Values[2].Amount = 1 }, "a token to clear has no amount"},
		{"what nobody can do", func(d *Document) { d.Description.Values[0].Do = "days" }, `"days" is not known`},
		{"no credit at all", func(d *Document) { d.Description.Values = []Value{{From: 1, Do: Clear}} }, "no token could ever give credit"},
		{"a power of a balance", func(d *Document) { d.Description.Values[2].Power = 1 }, "a token to clear has no power"},
		{"a window without counters", func(d *Document) { d.Description.Window.Ahead = 0 }, "window.ahead: 0 is no number of counters"},
		{"a window behind the start", func(d *Document) { d.Description.Window.Behind = -1 }, "window.behind: -1 is no number of counters"},
		{"5 digits that many counters share", func(d *Document) {
			d.Description.Digits = []Part{{Value: 4}, {Code: 5}}
			d.Description.Window = Window{Ahead: 5}
		}, "is refused, once in 5 in the end; give the code 6 digits, or put {counter: 1} into the token"},
		{"a code of 4 digits", func(d *Document) { d.Description.Digits[2].Code = 4 }, "a code has 5 to 9 digits, not 4"},
		{"a window too wide for the code", func(d *Document) {
			d.Description = short()
			d.Description.Window = Window{Ahead: 100, Behind: 10}
		}, "a guess is right once in 9088"},
		{"keys too many for the code", func(d *Document) {
			d.Description = short()
			d.Description.Window.Ahead = 80
			d.Keys = append(d.Keys, Key{Key: hex.EncodeToString(rfcKey(32))})
		}, "with 2 keys a guess is right once in 5554"},
		{"no key", func(d *Document) { d.Keys = nil }, "there are 0 keys"},
		{"a short key", func(d *Document) { d.Keys[0].Key = "00112233" }, "it has 4 bytes; 16 to 128 are taken"},
		{"a key of words", func(d *Document) { d.Keys[0].Key = "secret sauce" }, "it is neither hex digits nor base32"},
		{"a key twice", func(d *Document) { d.Keys = append(d.Keys, d.Keys[0]) }, "the key stands there twice"},
		{"a counter below nothing", func(d *Document) { d.Keys[0].Next = -1 }, "-1 is not a counter"},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc := meterOf(grid())
			c.change(&doc)
			if err := doc.Check().Err(); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v; want %q", err, c.says)
			} else if strings.Contains(err.Error(), "secret sauce") {
				t.Errorf("the key is told: %v", err)
			}
		})
	}
	if l := meterOf(grid(), Key{Key: "base32:GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}).Check(); len(l) > 0 {
		t.Error(l)
	}
	if a, err := ReadKey("base32:gezdgnbvgy3tqojqgezdgnbvgy3tqojq="); err != nil || string(a) != string(rfcKey(20)) {
		t.Errorf("%q, %v", a, err)
	}
}

// What the vendor is asked for is what the meter reads.
func TestValueFor(t *testing.T) {
	d, o := grid(), ocraGrid()
	for _, c := range []struct {
		d      *Description
		do     credit.Effect
		amount units.Money
		want   int64
		says   string
	}{
		{&d, credit.AddCredit, 12*units.One + units.One/2, 125, ""},
		{&d, credit.AddCredit, units.One / 20, 0, "no value of \"village grid\" stands for 0.05"},
		{&d, credit.AddCredit, 901 * units.One, 0, "no value"},
		{&d, credit.Unlock, 0, 9999, ""},
		{&d, credit.Sync, 0, 0, "has no token to sync"},
		{&o, credit.AddCredit, 250 * units.One, 25_000, ""},
		{&o, credit.SetCredit, 20 * units.One, 60_000, ""},
	} {
		got, err := c.d.ValueFor(c.do, c.amount)
		if got != c.want || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %s: %d, %v", c.do, c.amount, got, err)
		}
	}
}
