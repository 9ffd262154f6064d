package voucher_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/voucher"
	"github.com/keeplit/keeplit/internal/sealed"
	"github.com/keeplit/keeplit/internal/units"
)

const meter = "37124567890"

func aKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func day(n int) time.Time { return time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC).AddDate(0, 0, n) }

type tb interface {
	Helper()
	Fatal(args ...any)
}

func scheme(t tb, change func(*voucher.Document)) *voucher.Scheme {
	t.Helper()
	doc := voucher.Document{Keys: []string{sealed.PublicOf(aKey(1))}, Meter: meter, Currency: "KES", AcceptFrom: day(-30)}
	if change != nil {
		change(&doc)
	}
	s, err := voucher.New(doc)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func signed(t tb, v voucher.Voucher, seed byte, to string) string {
	t.Helper()
	digits, err := v.Sign(aKey(seed), to, "KES")
	if err != nil {
		t.Fatal(err)
	}
	if len(digits) != voucher.Digits {
		t.Fatal(len(digits), "digits")
	}
	return digits
}

// fifty is a voucher of KES 50.
func fifty(serial uint64) voucher.Voucher {
	return voucher.Voucher{Serial: serial, Issued: day(0), Amount: 50_000}
}

func read(t tb, s *voucher.Scheme, state json.RawMessage, digits string, at time.Time) (credit.Token, json.RawMessage) {
	t.Helper()
	token, next, err := s.Read(state, digits, at)
	if err != nil {
		t.Fatal(err)
	}
	return token, next
}

func TestVouchersByWhatBecomesOfThem(t *testing.T) {
	days := func(n int) voucher.Voucher { v := fifty(7); v.Days = n; return v }
	kwh := voucher.Voucher{Serial: 8, Issued: day(0), Amount: 12_500, InKWh: true}
	slip := func(digits string) string { // one digit wrong
		b := []byte(digits)
		b[100] = '0' + (b[100]-'0'+1)%10
		return string(b)
	}
	inCurrency := func(currency string) string {
		digits, err := fifty(9).Sign(aKey(1), meter, currency)
		if err != nil {
			t.Fatal(err)
		}
		return digits
	}
	for _, c := range []struct {
		name, digits string
		at           time.Time
		code         credit.Code
		detail       string
	}{
		{"a good one", signed(t, fifty(1), 1, meter), day(1), credit.Accept, ""},
		{"of kWh", signed(t, kwh, 1, meter), day(1), credit.Accept, ""},
		{"a digit is wrong: no try", slip(signed(t, fifty(1), 1, meter)), day(1), credit.Format, "voucher.digits"},
		{"too short", "123", day(1), credit.Format, "voucher.digits"},
		{"all nines", strings.Repeat("9", voucher.Digits), day(1), credit.Format, "voucher.digits"},
		{"the neighbour's", signed(t, fifty(1), 1, "37199999999"), day(1), credit.Function, "voucher.meter"},
		{"another operator's", signed(t, fifty(1), 2, meter), day(1), credit.Invalid, "voucher.key"},
		{"another currency", inCurrency("UGX"), day(1), credit.Invalid, ""},
		{"on its last day", signed(t, days(30), 1, meter), day(30), credit.Accept, ""},
		{"a day too late", signed(t, days(30), 1, meter), day(31), credit.Expired, ""},
		{"from before the account", signed(t, voucher.Voucher{Serial: 5, Issued: day(-31), Amount: 1}, 1, meter), day(1), credit.Old, ""},
	} {
		got, next := read(t, scheme(t, nil), nil, c.digits, c.at)
		if got.Code != c.code || c.detail != "" && (len(got.Detail) == 0 || got.Detail[0].Kind != c.detail) {
			t.Errorf("%s: %+v", c.name, got)
		}
		if (next == nil) == (got.Code == credit.Accept) {
			t.Errorf("%s: the state is %s", c.name, next)
		}
	}
	if got, _ := read(t, scheme(t, nil), nil, signed(t, fifty(1), 1, meter), day(1)); !got.InMoney || got.Money != 50*units.One || got.ID == "" {
		t.Errorf("%+v", got)
	}
	if got, _ := read(t, scheme(t, nil), nil, signed(t, kwh, 1, meter), day(1)); got.InMoney || got.Energy != 12_500*units.WattHour {
		t.Errorf("%+v", got)
	}
}

func TestAVoucherIsGoodOnce(t *testing.T) {
	s := scheme(t, nil)
	digits := signed(t, fifty(1), 1, meter)
	_, state := read(t, s, nil, digits, day(1))
	if got, _ := read(t, s, state, digits, day(2)); got.Code != credit.Used {
		t.Errorf("again: %+v", got)
	}
	other := fifty(1) // the same serial, signed for more by mistake
	other.Amount, other.Issued = 90_000, day(3)
	if got, _ := read(t, s, state, signed(t, other, 1, meter), day(4)); got.Code != credit.Used {
		t.Errorf("the same serial: %+v", got)
	}
	// More than are remembered: what is forgotten is old, never good again.
	all := []string{digits}
	for i := range 300 {
		v := fifty(uint64(i) + 2)
		v.Issued = day(0).Add(time.Duration(i+1) * time.Minute)
		all = append(all, signed(t, v, 1, meter))
		var got credit.Token
		if got, state = read(t, s, state, all[len(all)-1], day(1)); got.Code != credit.Accept {
			t.Fatalf("%d: %+v", i, got)
		}
	}
	for i, d := range all {
		if got, _ := read(t, s, state, d, day(2)); got.Code != credit.Used && got.Code != credit.Old {
			t.Errorf("voucher %d: %+v", i, got)
		}
	}
}

func TestVouchersAreTakenBack(t *testing.T) {
	s := scheme(t, nil)
	void := func(to string, from uint64, n int64) string {
		return signed(t, voucher.Voucher{Kind: voucher.Revoke, Serial: from, Amount: n, Issued: day(0)}, 1, to)
	}
	got, state := read(t, s, nil, void("", 3, 2), day(1))
	if got.Code != credit.Accept || got.Effect != credit.Revoke || got.Value != 3 || got.Of != 4 || got.ID != "" {
		t.Fatalf("%+v", got)
	}
	for serial, want := range map[uint64]credit.Code{2: credit.Accept, 3: credit.Function, 4: credit.Function, 5: credit.Accept} {
		if got, _ := read(t, s, state, signed(t, fifty(serial), 1, meter), day(1)); got.Code != want {
			t.Errorf("serial %d: %+v", serial, got)
		}
	}
	if got, _ := read(t, s, nil, void("37199999999", 3, 2), day(1)); got.Code != credit.Function {
		t.Errorf("for another meter: %+v", got)
	}
	var full struct {
		Version int              `json:"version"`
		Floor   int64            `json:"floor"`
		Taken   []voucher.Taken  `json:"taken"`
		Void    []voucher.Serial `json:"void"`
	}
	full.Version = 1
	for i := range 499 { // every second serial: 500 stretches are remembered
		full.Void = append(full.Void, voucher.Serial{Key: 7, From: uint64(10 + 2*i), To: uint64(10 + 2*i)})
	}
	state, err := json.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []credit.Code{credit.Accept, credit.Function} {
		if got, state = read(t, s, state, void(meter, uint64(10+2*i), 1), day(1)); got.Code != want {
			t.Fatalf("%d: %+v", i, got)
		}
	}
	if got, _ = read(t, s, state, void(meter, 9, 2000), day(1)); got.Code != credit.Accept { // it holds the one that is there
		t.Errorf("%+v", got)
	}
}

func TestTwoOperatorsAndAnAccountOpenedLate(t *testing.T) {
	s := scheme(t, func(d *voucher.Document) {
		d.Keys, d.AcceptFrom = append(d.Keys, sealed.PublicOf(aKey(2))), time.Time{}
	})
	state, err := s.StartAt(nil, day(5))
	if err != nil {
		t.Fatal(err)
	}
	late := fifty(1)
	late.Issued = day(5)
	for seed := byte(1); seed <= 2; seed++ { // the same serial of two keys is two vouchers
		var got credit.Token
		if got, state = read(t, s, state, signed(t, late, seed, meter), day(6)); got.Code != credit.Accept {
			t.Errorf("key %d: %+v", seed, got)
		}
	}
	if got, _ := read(t, s, state, signed(t, fifty(2), 1, meter), day(6)); got.Code != credit.Old {
		t.Errorf("issued before the account was opened: %+v", got)
	}
	if again, err := s.StartAt(state, day(9)); err != nil || string(again) != string(state) {
		t.Errorf("a clock that is set takes what was entered back: %s, %v", again, err)
	}
	if _, _, err := s.Read(json.RawMessage(`{"version":9}`), signed(t, late, 1, meter), day(6)); err == nil {
		t.Error("a state of a later version is read")
	}
}

// What is said comes back, and no digit of it can be changed.
func TestEveryDigitCounts(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		v := voucher.Voucher{
			Kind: voucher.Kind(rapid.IntRange(0, 1).Draw(r, "kind")), InKWh: rapid.Bool().Draw(r, "kWh"), Serial: rapid.Uint64Range(1, 1<<39).Draw(r, "serial"),
			Issued: day(0).Add(time.Duration(rapid.IntRange(0, 1<<20).Draw(r, "minutes")) * time.Minute), Days: rapid.IntRange(0, voucher.MostDays).Draw(r, "days"),
			Amount: rapid.Int64Range(1, 1<<38).Draw(r, "amount"),
		}
		digits := signed(r, v, 1, meter)
		got, err := voucher.Peek(digits)
		v.Key, v.Meter = got.Key, voucher.MeterTag(meter)
		if err != nil || got != v {
			r.Errorf("%+v comes back as %+v, %v", v, got, err)
		}
		at := rapid.IntRange(0, voucher.Digits-1).Draw(r, "at")
		b := []byte(digits)
		b[at] = '0' + (b[at]-'0'+byte(rapid.IntRange(1, 9).Draw(r, "by")))%10
		if token, _ := read(r, scheme(r, nil), nil, string(b), day(1)); token.Code == credit.Accept {
			r.Errorf("with digit %d changed it is taken", at)
		}
	})
}

func TestWhatCannotBeSigned(t *testing.T) {
	for name, v := range map[string]voucher.Voucher{
		"no serial": {Issued: day(0), Amount: 1}, "no amount": {Serial: 1, Issued: day(0)}, "too much": {Serial: 1, Issued: day(0), Amount: 1 << 40},
		"too long": {Serial: 1, Issued: day(0), Amount: 1, Days: voucher.MostDays + 1}, "before all time": {Serial: 1, Amount: 1},
		"no such kind": {Kind: 2, Serial: 1, Issued: day(0), Amount: 1}, "beyond the last serial": {Kind: voucher.Revoke, Serial: voucher.MostSerial, Issued: day(0), Amount: 2},
	} {
		if _, err := v.Sign(aKey(1), meter, "KES"); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
	if _, err := fifty(1).Sign(aKey(1), "", "KES"); err == nil {
		t.Error("credit for every meter is signed")
	}
	for _, keys := range [][]string{nil, {"x"}, {sealed.PublicOf(aKey(1)), sealed.PublicOf(aKey(1))}} {
		if (voucher.Document{Keys: keys}).Check().Err() == nil {
			t.Errorf("keys %q are taken", keys)
		}
	}
}

// An account with its ledger: entered by every way at once, in texts with words
// around, after a crash between the two, a voucher is credited once.
func TestAVoucherInAnAccountIsCreditedOnce(t *testing.T) {
	doc := credit.Defaults()
	engine, err := credit.New(doc, time.UTC, scheme(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	account, _ := engine.Open(meter, day(-1))
	digits := signed(t, fifty(1), 1, meter)
	before := account
	var grouped strings.Builder
	for i, r := range digits {
		if i > 0 && i%4 == 0 {
			grouped.WriteByte(' ')
		}
		grouped.WriteRune(r)
	}
	bought := units.Money(0)
	for i, text := range []string{digits, grouped.String(), "Dear customer, your voucher of KES 50.00 of 01.03.2026:\n" + grouped.String() + "\nThank you, call +254 700 123456"} {
		found := engine.Find(text)
		if len(found) != 1 || found[0].Slip != credit.Whole || found[0].Digits != digits {
			t.Fatalf("text %d: %+v", i, found)
		}
		for _, way := range []string{"page", "api", "mqtt", "cli", "keypad"} {
			var r credit.Result
			account, _, r = engine.TopUp(account, day(1), text, way)
			bought += r.Bought
			if !r.Accepted() && r.Token.Code != credit.Used {
				t.Errorf("text %d by %s: %+v", i, way, r.Token)
			}
		}
	}
	if bought != 50*units.One || account.Balance != 50*units.One {
		t.Errorf("bought %s, balance %s", bought, account.Balance)
	}
	// A crash goes back to the account before: the same entry is made again.
	one, first, r := engine.TopUp(before, day(1), digits, "page")
	two, second, again := engine.TopUp(before, day(1), digits, "page")
	if one.Balance != two.Balance || first[0].Hash != second[0].Hash || r.Fingerprint != again.Fingerprint {
		t.Error("after a crash the same voucher is another one")
	}
	// A slip costs no try.
	bad := []byte(digits)
	bad[7] = '0' + (bad[7]-'0'+3)%10
	for range 20 {
		if account, _, r = engine.TopUp(account, day(1), string(bad), "page"); r.Token.Code != credit.Format {
			t.Fatalf("%+v", r)
		}
	}
}

// 10,000 pastes with digits lost, doubled, swapped and noise around: none is credited
// that was not signed, none twice.
func TestFuzzedPastes(t *testing.T) {
	engine, err := credit.New(credit.Defaults(), time.UTC, scheme(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	account, _ := engine.Open(meter, day(-1))
	var vouchers []string
	for i := range 40 {
		vouchers = append(vouchers, signed(t, fifty(uint64(i)+1), 1, meter))
	}
	credited := map[string]int{}
	for range 10_000 {
		d := []byte(vouchers[r.IntN(len(vouchers))])
		if r.IntN(3) > 0 {
			switch i := r.IntN(len(d) - 1); r.IntN(4) {
			case 0:
				d[i] = '0' + byte(r.IntN(10))
			case 1:
				d = append(d[:i], d[i+1:]...)
			case 2:
				d[i], d[i+1] = d[i+1], d[i]
			case 3:
				d = append(d[:i+1], d[i:]...)
			}
		}
		text := string(d)
		if r.IntN(2) == 0 {
			text = fmt.Sprintf("Voucher %d of meter %s: %s. KES %d.00", r.IntN(99), meter, text, r.IntN(1000))
		}
		for _, f := range engine.Find(text) {
			var res credit.Result
			account, _, res = engine.TopUp(account, day(1), f.Digits, "page")
			if res.Accepted() {
				credited[f.Digits]++
			}
		}
	}
	for d, n := range credited {
		if n != 1 {
			t.Errorf("credited %d times", n)
		}
		known := false
		for _, v := range vouchers {
			known = known || v == d
		}
		if !known {
			t.Error("something was credited that nobody signed")
		}
	}
	if len(credited) != len(vouchers) || account.Balance != units.Money(len(vouchers))*50*units.One {
		t.Errorf("%d of %d vouchers were credited, balance %s", len(credited), len(vouchers), account.Balance)
	}
}

func FuzzPeek(f *testing.F) {
	digits, err := fifty(1).Sign(aKey(1), meter, "KES")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(digits)
	f.Add(strings.Repeat("9", voucher.Digits))
	f.Add("-1")
	f.Fuzz(func(t *testing.T, text string) {
		if v, err := voucher.Peek(text); err == nil && len(text) != voucher.Digits {
			t.Errorf("%q says %+v", text, v)
		}
	})
}
