package credit_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/openpaygo"
	"github.com/keeplit/keeplit/credit/sts"
	"github.com/keeplit/keeplit/internal/units"
)

// shown is what Find found, in short: whole ones as they are, others with what is
// wrong with them.
func shown(found []credit.Found) []string {
	var out []string
	for _, f := range found {
		switch {
		case f.Slip == credit.Whole:
			out = append(out, f.Digits)
		case f.Off > 0:
			out = append(out, fmt.Sprintf("%s %d %s", f.Digits, f.Off, f.Slip))
		default:
			out = append(out, f.Digits+" "+string(f.Slip))
		}
	}
	return out
}

// Tokens of 20 digits that are made up: what is looked at is how they are written.
const (
	tokenA = "11112222333344445555"
	tokenB = "66667777888899990000"
	tokenC = "12345678901234567890"
)

func TestSeveralTokensAreFoundInOneText(t *testing.T) {
	scheme, _ := stsScheme(t)
	e, err := credit.New(credit.Defaults(), time.UTC, scheme)
	if err != nil {
		t.Fatal(err)
	}
	nine := make([]string, 9)
	for i := range nine {
		nine[i] = fmt.Sprintf("%020d", 1_000_000_007*(i+1))
	}
	for _, c := range []struct {
		situation, text string
		want            []string
	}{
		{"one alone", "1111 2222 3333 4444 5555", []string{tokenA}},
		{"two with a word before each", "KCT1: 1111-2222-3333-4444-5555\nKCT2: 6666-7777-8888-9999-0000", []string{tokenA, tokenB}},
		{"on one line, with commas", "1111 2222 3333 4444 5555, 6666 7777 8888 9999 0000", []string{tokenA, tokenB}},
		{"on one line, with nothing but blanks", "1111 2222 3333 4444 5555 6666 7777 8888 9999 0000", []string{tokenA, tokenB}},
		{"180 digits in one go", strings.Join(nine, ""), nine},
		{"180 digits, broken by the telephone at every 64th", broken(strings.Join(nine, ""), 64), nine},
		{"180 digits in groups of four", strings.Join(chunks(strings.Join(nine, ""), 4), " "), nine},
		{"180 digits in groups of ten", strings.Join(chunks(strings.Join(nine, ""), 10), "-"), nine},
		{"one broken at the end of a line", "1111 2222 3333\n4444 5555", []string{tokenA}},
		{"amounts, a date, the meter's number and a telephone number around", "Mtr:37123456789 Date 20261129 12:31 Amt KSh 1,500.00 Token: 1111-2222-3333-4444-5555 Units 55.40. Help 0800 123 4567 or +254 722 123 456", []string{tokenA}},
		{"a meter number and an amount that are together as long as a token", "04123456789 123456789 paid\n1111 2222 3333 4444 5555", []string{tokenA}},
		{"an amount without a word between", "500.00 1111 2222 3333 4444 5555 25.6", []string{tokenA}},
		{"a PAN of 18 digits", "PAN 600727000000000009 Token 11112222333344445555", []string{tokenA}},
		{"Bengali digits", "টোকেন: ১১১১ ২২২২ ৩৩৩৩ ৪৪৪৪ ৫৫৫৫ টাকা ৫০০.০০", []string{tokenA}},
		{"Arabic-Indic digits, and marks of direction", "الرمز \u200f١١١١-٢٢٢٢-٣٣٣٣-٤٤٤٤-٥٥٥٥\u200f مبلغ ٥٠٠", []string{tokenA}},
		{"Extended Arabic digits", "ٹوکن ۱۱۱۱ ۲۲۲۲ ۳۳۳۳ ۴۴۴۴ ۵۵۵۵", []string{tokenA}},
		{"Devanagari digits", "टोकन ११११ २२२२ ३३३३ ४४४४ ५५५५ रुपये ५००", []string{tokenA}},
		{"full-width digits and dashes", "１１１１－２２２２－３３３３－４４４４－５５５５ ６６６６７７７７８８８８９９９９００００", []string{tokenA, tokenB}},
		{"no-break spaces, thin ones, and dashes of all kinds", "1111\u00a02222\u202f3333\u20114444\u20135555", []string{tokenA}},
		{"dots", "1111.2222.3333.4444.5555", []string{tokenA}},
		{"numbered by words that touch", "Token1 1111 2222 3333 4444 5555 Token2 6666 7777 8888 9999 0000", []string{tokenA, tokenB}},
		{"a token that touches its word", "TOKEN11112222333344445555", []string{tokenA}},
		{"numbered lines", "1. 1111 2222 3333 4444 5555\n2. 6666 7777 8888 9999 0000", []string{tokenA, tokenB}},
		{"the same one twice", "1111 2222 3333 4444 5555 (again 11112222333344445555)", []string{tokenA}},
		{"one digit missing in the second of three", "1111 2222 3333 4444 5555, 6666 7777 888 9999 0000, 1234 5678 9012 3456 7890", []string{tokenA, "6666777788899990000 1 short", tokenC}},
		{"and with nothing but blanks between", "1111 2222 3333 4444 5555 6666 7777 8888 9999 000 1234 5678 9012 3456 7890", []string{tokenA, "6666777788889999000 1 short", tokenC}},
		{"one too many in the second", "11112222333344445555\n666677778888999900001\n12345678901234567890", []string{tokenA, tokenB + "1 1 long", tokenC}},
		{"a letter for a digit in the second", "1111 2222 3333 4444 5555\n6666 7777 88O8 9999 0000", []string{tokenA, "6666777788O899990000 letter"}},
		{"groups of which nobody can say where a token begins", "1111 2222 3333 4444 5555 6666", []string{"111122223333444455556666 4 long"}},
		{"an amount beside one with a digit missing", "Amt 500.00 1111222233334444555\n66667777888899990000", []string{"1111222233334444555 1 short", tokenB}},
		{"nothing like a token", "Please call 0800 123 4567", []string{"Pleasecall08001234567 form"}},
		{"a token that is too short, alone", "1111 2222 3333 4444 555", []string{"1111222233334444555 1 short"}},
		{"far too long", strings.Repeat("1", credit.LongestText+1), []string{" form"}},
	} {
		if got := shown(e.Find(c.text)); !slices.Equal(got, c.want) {
			t.Errorf("%s:\nfound %q\nwant  %q", c.situation, got, c.want)
		}
	}
	// Each token's place is that of its digits in the text.
	text := "ক ১১১১ ২২২২ ৩৩৩৩ ৪৪৪৪ ৫৫৫৫; 6666777788889999000012345678901234567890 x"
	for _, f := range e.Find(text) {
		if got := credit.Normalize(text[f.From:f.To]); got != f.Digits {
			t.Errorf("%s stands at %d to %d, which is %q", f.Digits, f.From, f.To, got)
		}
	}
}

// Short tokens are found beside numbers of their own length only where it is
// clear which they are.
func TestSeveralShortTokensAreFoundInOneText(t *testing.T) {
	e := open(t, nil).engine // 9 digits, or 12 where they are extended
	for _, c := range []struct {
		situation, text string
		want            []string
	}{
		{"two in a sentence", "Tokens 123 456 789 and 987-654-321, thank you", []string{"123456789", "987654321"}},
		{"three without anything between", "123456789987654321555666777", []string{"123456789", "987654321", "555666777"}},
		{"a date and a time", "2026-11-29 12:30 Token 123 456 789", []string{"123456789"}},
		{"a date, an amount and a telephone number", "29.11.2026 1500.00 Token: 123456789 Tel 0712 345 678", []string{"123456789"}},
		{"a telephone number whose last part is as long as a token", "Token 123 456 789, help +254 712345678 or \uff0b254 712 345 678", []string{"123456789"}},
		{"a list with one digit missing", "123456789, 98765432, 555666777", []string{"123456789", "98765432 1 short", "555666777"}},
		{"as the page groups them", "1234 5678 9", []string{"123456789"}},
		{"an extended one and a short one", "123456789012\n123456789", []string{"123456789012", "123456789"}},
	} {
		if got := shown(e.Find(c.text)); !slices.Equal(got, c.want) {
			t.Errorf("%s:\nfound %q\nwant  %q", c.situation, got, c.want)
		}
	}
}

// The decimal digits of every script are read by their value.
func TestDigitsOfEveryScriptAreRead(t *testing.T) {
	n := 0
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !unicode.IsDigit(r) || r < 0x80 {
			continue
		}
		n++
		got := credit.Normalize(string(r))
		if len(got) != 1 || got[0] < '0' || got[0] > '9' {
			t.Fatalf("%q is read as %q", r, got)
		}
		// Ten in a row from zero: the one after it is one more, or begins anew.
		if next := credit.Normalize(string(r + 1)); unicode.IsDigit(r+1) && next[0] != '0'+(got[0]-'0'+1)%10 {
			t.Fatalf("%q is %s and %q is %s", r, got, r+1, next)
		}
	}
	if n < 500 {
		t.Errorf("%d digits looked at", n)
	}
}

func chunks(s string, n int) (out []string) {
	for len(s) > 0 {
		k := min(n, len(s))
		out, s = append(out, s[:k]), s[k:]
	}
	return out
}

func broken(s string, n int) string { return strings.Join(chunks(s, n), "\n") }

// house is an account that is paid in sts tokens, with its vendor and what a
// person does with a list: enters what Next says, and stops at a wrong one.
type house struct {
	*testing.T
	engine *credit.Engine
	scheme *sts.Scheme
	vendor *sts.Vendor
	a      credit.Account
	now    time.Time
	ledger []credit.Entry
}

func stsHouse(t *testing.T) *house {
	t.Helper()
	s, v := stsScheme(t)
	doc := credit.Defaults()
	doc.Mode = credit.InKWh
	e, err := credit.New(doc, time.UTC, s)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{T: t, engine: e, scheme: s, vendor: v, now: noon()}
	h.a, h.ledger = e.Open("meter 1", h.now.Add(-100*24*time.Hour))
	h.a.Clock = h.now
	return h
}

func (h *house) credit(minute int, kWh int64) string {
	h.Helper()
	token, err := h.vendor.Credit(h.now.Add(time.Duration(minute)*time.Minute), kWh*10, (minute+64)%16)
	if err != nil {
		h.Fatal(err)
	}
	return token
}

// change is the words of a change to a key, and the vendor under it.
func (h *house) change(key string, expiry int, rollover bool) ([]string, *sts.Vendor) {
	h.Helper()
	words, err := h.vendor.ChangeKey([]byte(key), sts.Identity{TariffIndex: 2, KeyType: sts.DUTK, KeyRevision: 1}, expiry, rollover)
	if err != nil {
		h.Fatal(err)
	}
	doc := sts.Defaults()
	doc.DecoderKey, doc.BaseDate = fmt.Sprintf("%x", key), 2014
	if rollover {
		doc.BaseDate = 2035
	}
	v, err := sts.NewVendor(doc)
	if err != nil {
		h.Fatal(err)
	}
	return words, v
}

// paste enters the tokens of a text as the agent does; the codes are in the
// order in which they were entered, the text's places with them.
func (h *house) paste(text string) (said []string) {
	h.Helper()
	var waiting []string
	place := map[string]int{}
	for i, f := range h.engine.Find(text) {
		waiting = append(waiting, f.Digits)
		place[f.Digits] = i + 1
	}
	for len(waiting) > 0 {
		i := h.engine.Next(h.a, h.now, "page", waiting)
		digits := waiting[i]
		waiting = slices.Delete(waiting, i, i+1)
		var r credit.Result
		var entries []credit.Entry
		h.a, entries, r = h.engine.TopUp(h.a, h.now, digits, "page")
		h.ledger = append(h.ledger, entries...)
		said = append(said, fmt.Sprintf("%d %s", place[digits], r.Token.Code))
		if c := r.Token.Code; c.Guess() || c == credit.Format || c == credit.Lockout {
			break
		}
	}
	return said
}

func TestSeveralTokensAreEnteredInTheOrderThatWorks(t *testing.T) {
	const key = "0123456789abcdef"
	for _, c := range []struct {
		situation string
		text      func(h *house, words []string, under *sts.Vendor) []string
		said      []string
		kWh       units.Money
	}{
		{"the credit token before the words of its key", func(h *house, w []string, v *sts.Vendor) []string {
			return []string{h.with(v).credit(0, 10), w[0], w[1], w[2], w[3]}
		}, []string{"2 accept", "3 accept", "4 accept", "5 accept", "1 accept"}, 10},
		{"in the middle of them, the words in any order", func(h *house, w []string, v *sts.Vendor) []string {
			return []string{w[3], w[1], h.with(v).credit(0, 10), w[0], w[2]}
		}, []string{"1 accept", "2 accept", "4 accept", "5 accept", "3 accept"}, 10},
		{"one of the old key behind the words, which would make it void", func(h *house, w []string, v *sts.Vendor) []string {
			old := h.credit(-5, 7)
			return []string{w[0], w[1], w[2], w[3], h.with(v).credit(0, 10), old}
		}, []string{"6 accept", "1 accept", "2 accept", "3 accept", "4 accept", "5 accept"}, 17},
		{"a slip in one of the old key: the key is not changed before it is put right", func(h *house, w []string, v *sts.Vendor) []string {
			old := slip(h.credit(-5, 7))
			return []string{w[0], w[1], w[2], w[3], old, h.with(v).credit(0, 10)}
		}, []string{"5 crc"}, 0},
		{"a digit missing in one: as well", func(h *house, w []string, v *sts.Vendor) []string {
			old := h.credit(-5, 7)[1:]
			return []string{w[0], w[1], w[2], w[3], old, h.with(v).credit(0, 10)}
		}, []string{"5 format"}, 0},
		{"all good ones: as they are given", func(h *house, w []string, v *sts.Vendor) []string {
			return []string{h.credit(-3, 1), h.credit(-9, 2), h.credit(-1, 3)}
		}, []string{"1 accept", "2 accept", "3 accept"}, 6},
		{"a slip in a word: it is not taken for the credit token's", func(h *house, w []string, v *sts.Vendor) []string {
			return []string{w[0], w[1], slip(w[2]), w[3], h.with(v).credit(0, 10)}
		}, []string{"1 accept", "2 accept", "3 crc"}, 0},
		{"a slip in the fifth of nine: four are in, the others wait", func(h *house, w []string, v *sts.Vendor) []string {
			var out []string
			for i := range 9 {
				out = append(out, h.credit(i-20, 1))
			}
			out[4] = slip(out[4])
			return out
		}, []string{"1 accept", "2 accept", "3 accept", "4 accept", "5 crc"}, 4},
	} {
		h := stsHouse(t)
		words, under := h.change(key, 255, false)
		old := h.vendor
		text := c.text(h, words, under)
		h.vendor = old
		if said := h.paste(strings.Join(text, "\n")); !slices.Equal(said, c.said) {
			t.Errorf("%s: %v, want %v", c.situation, said, c.said)
		}
		if h.a.Balance != c.kWh*one {
			t.Errorf("%s: the account has %s kWh, want %d", c.situation, h.a.Balance, c.kWh)
		}
		if wrong := h.a.Lock("page").Wrong; wrong > 1 {
			t.Errorf("%s: %d wrong tokens counted", c.situation, wrong)
		}
	}
}

// with lets another vendor make the next tokens.
func (h *house) with(v *sts.Vendor) *house {
	h.vendor = v
	return h
}

// slip is a token with its middle two digits swapped, or one changed where they are alike.
func slip(token string) string {
	b := []byte(token)
	if b[9] == b[10] {
		b[9] = '0' + (b[9]-'0'+1)%10
	} else {
		b[9], b[10] = b[10], b[9]
	}
	return string(b)
}

// A list of guesses costs what each of them costs: nothing of it is looked at
// behind the first wrong one, and nothing at all while the way is locked.
func TestAListOfGuessesFindsNoMoreThanOneGuess(t *testing.T) {
	h := stsHouse(t)
	good := h.credit(-5, 10)
	guesses := []string{slip(good)}
	for i := range 8 {
		guesses = append(guesses, slip(h.credit(-30-i, 5)))
	}
	if said := h.paste(strings.Join(append(slices.Clone(guesses), good), "\n")); !slices.Equal(said, []string{"1 crc"}) {
		t.Errorf("said %v", said)
	}
	if h.a.Lock("page").Wrong != 1 || h.a.Balance != 0 {
		t.Errorf("%d wrong tokens counted, balance %s", h.a.Lock("page").Wrong, h.a.Balance)
	}
	// Words of a change that is not complete are not picked out: that would tell for
	// nothing which guesses are words.
	words, _ := h.change("0123456789abcdef", 255, false)
	if i := h.engine.Next(h.a, h.now, "page", []string{guesses[0], good, words[1]}); i != 0 {
		t.Errorf("entered next: %d", i)
	}
	if i := h.engine.Next(h.a, h.now, "page", []string{guesses[0], good}); i != 0 {
		t.Errorf("entered next: %d", i)
	}
	for h.a.Lock("page").Left == 0 {
		h.a, _, _ = h.engine.TopUp(h.a, h.now, guesses[1], "page")
	}
	if i := h.engine.Next(h.a, h.now, "page", append([]string{guesses[0], good}, words...)); i != 0 {
		t.Errorf("while it is locked %d is entered next", i)
	}
}

// pasteIn is one text of some of a person's tokens, written as people and
// utilities write them: any order, any of the scripts, words around, some of
// them twice, some with a slip.
func pasteIn(r *rand.Rand, tokens []string) string {
	zeros := []rune{'0', '0', '0', '০', '٠', '۰', '०', '０'}
	gaps := []string{"", " ", "-", "\u00a0", "\u202f", "\u2011", "."}
	ends := []string{"\n", ", ", "; ", " then ", "\r\n\r\n", "\nToken: ", " / ", "\nKCT2 = "}
	words := []string{"", "Dear customer, ", "Mtr 37123456789 Amt 500.00 ", "29/11/2026 12:31 ", "Tel +254 722 123 456\n", "টাকা ৫০০.০০ "}
	var b strings.Builder
	b.WriteString(words[r.IntN(len(words))])
	for i, n := range r.Perm(len(tokens)) {
		if i > 0 {
			b.WriteString(ends[r.IntN(len(ends))])
		}
		digits := tokens[n]
		if r.IntN(8) == 0 {
			switch at := r.IntN(len(digits) - 1); r.IntN(3) {
			case 0:
				digits = digits[:at] + digits[at+1:]
			case 1:
				digits = digits[:at] + digits[at:at+1] + digits[at:]
			case 2:
				digits = slip(digits)
			}
		}
		zero, gap, size := zeros[r.IntN(len(zeros))], gaps[r.IntN(len(gaps))], []int{4, 5, 10, 20}[r.IntN(4)]
		for k, c := range digits {
			if k > 0 && k%size == 0 {
				b.WriteString(gap)
			}
			b.WriteRune(zero + c - '0')
		}
	}
	b.WriteString([]string{"", "\nThank you", " Units 55.4 kWh", ". Debt 120.00"}[r.IntN(4)])
	return b.String()
}

// Whatever is pasted, and however often: each token that was ever whole in a
// text is credited once and no more, and none is lost.
func TestNoTokenIsCreditedTwiceOrLostWhateverIsPasted(t *testing.T) {
	pastes := 200
	if os.Getenv("KEEPLIT_LONG") != "" {
		pastes = 10_000
	}
	r := rand.New(rand.NewPCG(21, 4))
	entered, wrong := 0, 0
	for done := 0; done < pastes; {
		h := stsHouse(t)
		words, under := h.change("0123456789abcdef", 255, false)
		var tokens []string
		worth := units.Money(0)
		for i := range 1 + r.IntN(6) {
			tokens, worth = append(tokens, h.credit(-i-1, int64(i+1))), worth+units.Money(i+1)*one
		}
		if r.IntN(2) == 0 { // a change of the key, and credit under the new one
			h.vendor = under
			tokens, worth = append(append(tokens, words...), h.credit(0, 50)), worth+50*one
		}
		for range 3 {
			text := pasteIn(r, tokens)
			h.paste(text)
			done, wrong = done+1, wrong+h.a.Lock("page").Wrong
			h.a.Locks = nil // a person waits
			if h.a.Balance > worth {
				t.Fatalf("%s kWh of %s were credited by\n%s", h.a.Balance, worth, text)
			}
		}
		h.paste(strings.Join(tokens, "\n")) // at last without a slip
		if h.a.Balance != worth {
			t.Fatalf("%s kWh credited, want %s: %v", h.a.Balance, worth, tokens)
		}
		if err := credit.Verify(h.ledger, h.a.Head); err != nil {
			t.Fatal(err)
		}
		entered += len(tokens)
	}
	t.Logf("%d pastes, %d tokens, %d wrong tries", pastes, entered, wrong)
}

// Whatever the text is: a whole token's digits stand in it, one after the other.
func FuzzTokensInAText(f *testing.F) {
	for _, text := range []string{
		"KCT1: 1111-2222-3333-4444-5555\nKCT2: 6666 7777 8888 9999 0000", strings.Repeat("1234567890", 18), "১১১১ ২২২২ ৩৩৩৩ ৪৪৪৪ ৫৫৫৫",
		"https://pay.example/t?meter=07123456789&token=123456789", "\u200f١١١١-٢٢٢٢", "O0l1", "1\n2\n3\n4", "Token1Token2", "\xff1234\xff",
	} {
		f.Add(text)
	}
	scheme, _ := stsScheme(f)
	paygo, err := openpaygo.New(openpaygo.Document{Key: "00112233445566778899aabbccddeeff", StartingCode: 123456789, Unit: openpaygo.Money})
	if err != nil {
		f.Fatal(err)
	}
	e, err := credit.New(credit.Defaults(), time.UTC, scheme, paygo)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) { findable(t, e, text) })
}

func findable(t rapid.TB, e *credit.Engine, text string) {
	found := e.Find(text)
	if len(found) == 0 {
		t.Fatalf("nothing is said of %q", text)
	}
	seen, last := map[string]bool{}, 0
	for _, one := range found {
		if one.From < last || one.To < one.From || one.To > len(text) {
			t.Fatalf("%q: %+v does not stand behind %d", text, one, last)
		}
		last = one.To
		if one.Slip != credit.Whole {
			continue
		}
		if seen[one.Digits] {
			t.Fatalf("%q: %s twice", text, one.Digits)
		}
		seen[one.Digits] = true
		if !scheme20or9(one.Digits) {
			t.Fatalf("%q: %q is no whole token", text, one.Digits)
		}
		if len(found) > 1 && digitsOnly(text[one.From:one.To]) != one.Digits {
			t.Fatalf("%q: %s does not stand at %d to %d", text, one.Digits, one.From, one.To)
		}
	}
}

func scheme20or9(s string) bool {
	return (len(s) == 20 || len(s) == 9) && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// digitsOnly is the digits of a text by their value.
func digitsOnly(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsDigit(r) {
			b.WriteString(credit.Normalize(string(r)))
		}
	}
	return b.String()
}

// A number beside a token is never joined with it, and where it cannot be told which of them is the token nothing is
// looked at that might cost a try.
func TestANumberBesideATokenIsNotJoinedWithIt(t *testing.T) {
	e := open(t, nil).engine // 9 digits, or 12 where they are extended
	for _, c := range []struct {
		situation, text string
		want            []string
	}{
		{"a whole message", "Token 1234 5678 9 meter 04123456789 R100", []string{"123456789"}},
		{"the meter's number is as long as an extended token", "Meter 041234567890 Token 123 456 789 Amount R100.00", []string{"123456789"}},
		{"and it is named in another language", "Compteur no 041234567890, code 123456789", []string{"123456789"}},
		{"an amount behind the token", "Token 123456789 100 thanks", []string{"123456789"}},
		{"a number that goes on", "Ref 041 234 567 and token 123456789", []string{"123456789"}},
		{"two tokens, both named so", "Token 123456789 Token 123456789012", []string{"123456789", "123456789012"}},
		{"the only number is called a reference", "Ref 123456789", []string{"123456789"}},
		{"grouped as it is printed", "123 456 789 012", []string{"123456789012"}},
		{"an extended one as the page groups it", "1234 5678 9012", []string{"123456789012"}},
		{"a token and an amount, or a long token", "123456789 100", []string{"123456789 100 unclear"}},
		{"the same as the page groups it", "1234 5678 9 041", []string{"1234 5678 9 041 unclear"}},
		{"two numbers, and no word says which", "Hello 123456789 or 041234567890", []string{"123456789 041234567890 unclear"}},
	} {
		if got := shown(e.Find(c.text)); !slices.Equal(got, c.want) {
			t.Errorf("%s:\nfound %q\nwant  %q", c.situation, got, c.want)
		}
	}
	if got := e.Digits("123456789 100"); got != "123456789 100" {
		t.Errorf("a scheme would look at %q", got)
	}
	scheme, _ := stsScheme(t)
	e, err := credit.New(credit.Defaults(), time.UTC, scheme)
	if err != nil {
		t.Fatal(err)
	}
	if got := shown(e.Find("04123456789 123456789")); !slices.Equal(got, []string{"04123456789 123456789 unclear"}) {
		t.Errorf("a meter's number and another one: %q", got)
	}
}
