package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/panel"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/keypad"
	"github.com/keeplit/keeplit/credit/sts"
	"github.com/keeplit/keeplit/internal/units"
)

// messages are what people get on their telephones and slips, by the shapes in
// which utilities, shops and mobile money send it; the digits are the test's own.
// {C1} is a token of credit of the key in force, {K1} to {K4} the words of a
// change of it, {N1} credit of the new one.  Behind it how it is written: "-" and
// "_" in groups of four, "5" in groups of five, bn, ar, fa, hi, fw in another
// script's digits, "!" with a slip.
func messages() []string {
	return []string{
		"{C1}",
		"{C1_}",
		"Mtr:37123456789\nToken:{C1-}\nDate:20261102 12:31\nUnits:55.40\nAmt:1500.00\nTknAmt:1203.50\nOtherCharges:296.50\n",
		"Confirmed. KSh 500.00 sent for account 37123456789 on 2/11/26 at 12:31 PM. Token {C1_} 18.2 kWh. New balance is KSh 1,020.15",
		"CITY POWER\nMeter No 07123456789 SGC 123457\nReceipt 0012345678\n{C1_}\nkWh 62.5 VAT 15% R 19.57\nTotal R 150.00",
		"Prepaid electricity R100.00 (41.6 kWh)\nmeter 07123456789\ntoken {C1_}\nThank you, pls keep this SMS",
		"LUKU: {C1-} 28.6KWH TSH 10000.00 RISITI 123456789012 01/11/2026 19:40",
		"Yaka token {C1_}, Units 19.3, UGX 15,000. Call 0800385285 / 185",
		"Your ZESA token: {C1_}. Energy $4.80 REA 6% $0.29. Meter 37123456789.",
		"Token:{C1-};Amount N5,000.00;Units 74.6;VAT 7.5%;Meter 45012345678;Ref 9876543210123456",
		"ECG PowerApp: GHS 50.00, Meter P123456789, Token {C1_}, 2026-11-02",
		"প্রিয় গ্রাহক, আপনার টোকেন নম্বর: {C1_bn}। টাকা: ৫০০.০০, মিটার: ০১২৩৪৫৬৭৮৯০",
		"عزيزي المشترك رمز الشحن \u200f{C1-ar}\u200f المبلغ ٥٠٠ جنيه",
		"آپ کا ٹوکن نمبر {C1_fa} ہے، رقم ۵۰۰ روپے",
		"आपका टोकन {C1_hi} है। राशि रु. ५००.००",
		"電力トークン：{C1-fw} ５０００円",
		"STS={C1_}",
		"https://pay.example/t?meter=07123456789&token={C1}&kwh=25.6",
		"1) {C1_}\n2) {C2_}\n3) {C3_}",
		"{C1}{C2}{C3}{C4}{C5}{C6}{C7}{C8}{C9}",
		"{C1_} {C2_} {C3_} {C4_}",
		"টোকেন ১: {C1-bn}\nটোকেন ২: {C2-bn}\nটোকেন ৩: {C3-bn}\nটোকেন ৪: {C4-bn}\nটোকেন ৫: {C5-bn}",
		"Dear customer, your meter must be updated (TID rollover). Enter in this order:\nKCT 1: {K1-}\nKCT 2: {K2-}\nKCT 3: {K3-}\nKCT 4: {K4-}\nToken: {N1-}",
		"Update tokens {K1_}, {K2_}, {K3_}, {K4_} then your token {N1_} 10.5 kWh",
		"Token: {N1_} (55.4 kWh)\nFirst enter the key change tokens: {K3_} {K1_} {K4_} {K2_}",
		"{K1}{K2}{K3}{K4}{N1}",
		"Unused token {C1_}\nKCT1 {K1_}\nKCT2 {K2_}\nKCT3 {K3_}\nKCT4 {K4_}\nFree units {N1_}",
		"{C1_}\n{C2_}\n{C3_}\n{C4_}\n{C5_!}\n{C6_}\n{C7_}\n{C8_}\n{C9_}",
		"KCT1 {K1_}\nKCT2 {K2_!}\nKCT3 {K3_}\nKCT4 {K4_}\nToken {N1_}",
		"10 groups of 5: {C15} - {C25_}, units ১০.৫",
	}
}

// post is a vendor and the utility's pen.
type post struct {
	*testing.T
	vendor *sts.Vendor
	at     time.Time
	keys   int
}

// postOf is the post of who sells tokens to a home with the demo's key.
func postOf(t *testing.T, h *home) *post {
	t.Helper()
	doc := sts.Defaults()
	doc.DecoderKey = demoKey
	vendor, err := sts.NewVendor(doc)
	if err != nil {
		t.Fatal(err)
	}
	return &post{T: t, vendor: vendor, at: h.s.Plant().Now().Add(time.Hour)}
}

// write is a message with tokens, the same without slips, the tokens in its order
// and what they come to in kWh.
func (p *post) write(message string) (text, right string, tokens []string, kWh int64) {
	p.Helper()
	made := map[string]string{}
	var words []string
	next := p.vendor
	if strings.Contains(message, "{K1") {
		p.keys++
		key := []byte(fmt.Sprintf("key number %5d", p.keys))
		id := sts.Identity{TariffIndex: 1, KeyType: sts.DUTK, KeyRevision: 1}
		var err error
		if words, err = p.vendor.ChangeKey(key, id, 255, false); err != nil {
			p.Fatal(err)
		}
		doc := sts.Defaults()
		doc.DecoderKey = hex.EncodeToString(key)
		if next, err = sts.NewVendor(doc); err != nil {
			p.Fatal(err)
		}
	}
	place := regexp.MustCompile(`\{([CKN])(\d)([^}]*)\}`)
	fill := func(slips bool) string {
		return place.ReplaceAllStringFunc(message, func(s string) string {
			m := place.FindStringSubmatch(s)
			digits, ok := made[m[1]+m[2]]
			switch {
			case ok:
			case m[1] == "K":
				digits = words[m[2][0]-'1']
			default:
				v := p.vendor
				if m[1] == "N" {
					v = next
				}
				p.at = p.at.Add(time.Minute)
				var err error
				if digits, err = v.Credit(p.at, int64(m[2][0]-'0')*10, int(p.at.Unix()/60)%16); err != nil {
					p.Fatal(err)
				}
				kWh += int64(m[2][0] - '0')
			}
			if !ok {
				made[m[1]+m[2]] = digits
				tokens = append(tokens, digits)
			}
			return written(digits, m[3], slips)
		})
	}
	text = fill(true)
	right = fill(false)
	p.vendor = next
	return text, right, tokens, kWh
}

// written is digits as a message writes them.
func written(digits, how string, slips bool) string {
	if slips && strings.Contains(how, "!") {
		b := []byte(digits)
		b[7] = '0' + (b[7]-'0'+1)%10
		digits = string(b)
	}
	zero := '0'
	for name, z := range map[string]rune{"bn": '০', "ar": '٠', "fa": '۰', "hi": '०', "fw": '０'} {
		if strings.Contains(how, name) {
			zero = z
		}
	}
	size, gap := 20, ""
	switch {
	case strings.Contains(how, "-"):
		size, gap = 4, "-"
	case strings.Contains(how, "5"):
		size, gap = 5, " "
	case strings.Contains(how, "_"):
		size, gap = 4, " "
	}
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && i%size == 0 {
			b.WriteString(gap)
		}
		b.WriteRune(zero + d - '0')
	}
	return b.String()
}

// Thirty messages by every way of entry: each token is credited once, by whichever
// way, in whichever order, and again by another way not at all; what a slip kept
// out comes in with the message put right.
func TestMessagesOfUtilitiesAreEnteredByEveryWay(t *testing.T) {
	h := aHome(t, "credit: {opening: 60, kwh_price: 1}\ntokens: {sts: {decoder_key: {env: K}}}\n")
	h.pass(time.Minute)
	p := postOf(t, h)
	keys := panel.Keys{Loop: h.s.Loop(), Credit: h.s.Site().Credit, Words: present.NewWords().Keypad(h.s.Site()), Show: func(string, string) {}}
	ways := []struct {
		name  string
		enter func(text string, tokens []string)
	}{
		{"page", func(text string, _ []string) { h.press("/topup", "token="+url.QueryEscape(text)) }},
		{"api", func(text string, _ []string) {
			body, err := json.Marshal(map[string]string{"token": text})
			if err != nil {
				t.Fatal(err)
			}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+"/api/v1/topup", strings.NewReader(string(body)))
			if err != nil {
				t.Fatal(err)
			}
			h.call(r)
		}},
		{"mqtt", func(text string, _ []string) {
			if err := h.mqtt.token(t.Context(), broker.Message{Topic: h.mqtt.topics.Token(), Payload: []byte(text)}); err != nil {
				t.Fatal(err)
			}
		}},
		{"command", func(text string, _ []string) {
			_ = topupCmd{client: client{URL: h.url}}.Run(&env{Ctx: t.Context(), Stdin: strings.NewReader(text), Stdout: io.Discard, Stderr: io.Discard, Getenv: func(string) string { return "" }})
		}},
		{"keypad", func(text string, tokens []string) { // in one go
			keys.Pressed(t.Context(), keypad.Event{Kind: keypad.Enter, Token: strings.Join(tokens, "")})
		}},
		{"card", func(text string, tokens []string) {
			found := make([]credit.Found, len(tokens))
			for i, token := range tokens {
				found[i].Digits = token
			}
			control.EnterEach(t.Context(), h.s.Loop(), h.s.Site().Credit, found, "card", true)
		}},
	}
	has := func() units.Money { return h.s.Loop().Snapshot().State.Credit.Available() }
	if n := len(messages()); n != 30 {
		t.Fatalf("%d messages", n)
	}
	count := 0
	for i, message := range messages() {
		for w, way := range ways {
			was := has()
			text, right, tokens, kWh := p.write(message)
			way.enter(text, tokens)
			if got, want := has()-was, units.Money(kWh)*units.One; text == right && got != want {
				t.Errorf("message %d by %s: %s credited, want %s:\n%s", i+1, way.name, got, want, text)
			}
			if text != right {
				way.enter(right, tokens)
			}
			ways[(w+1)%len(ways)].enter(right, tokens)
			if got, want := has()-was, units.Money(kWh)*units.One; got != want {
				t.Errorf("message %d by %s at last: %s credited, want %s:\n%s", i+1, way.name, got, want, right)
			}
			count += len(tokens)
		}
	}
	st := h.s.Loop().Snapshot().State
	for _, way := range credit.Ways() {
		if l := st.Credit.Lock(way); l.Wrong > 0 {
			t.Errorf("%s has %d wrong tokens in a row", way, l.Wrong)
		}
	}
	t.Logf("%d messages by %d ways, %d tokens", len(messages()), len(ways), count)
}

// dying is a loop that the power leaves after some tokens.
type dying struct {
	panel.Feeder
	left int
}

func (d *dying) Feed(ctx context.Context, in control.Input) (control.Reply, error) {
	if d.left--; d.left < 0 {
		return control.Reply{}, control.ErrStopped
	}
	return d.Feeder.Feed(ctx, in)
}

// The power fails between two tokens of a list: what was entered is known after
// the restart, of the others the page says that they were not, and the list as a
// whole, sent again, credits each once.
func TestAfterARestartInTheMiddleOfAListTheRestIsToldAsNotEntered(t *testing.T) {
	h := aHome(t, "")
	h.pass(time.Minute)
	var list []string
	for range 5 {
		list = append(list, h.token(10*units.One))
	}
	was := h.s.Loop().Snapshot().State.Credit.Available()
	text := strings.Join(list, "\n")
	receipts := control.Enter(t.Context(), &dying{h.s.Loop(), 2}, h.s.Site().Credit, text, "page")
	if !receipts[1].Entered() || receipts[2].Err == nil || !receipts[3].Waits() {
		t.Fatalf("%+v", receipts)
	}
	h.end()
	h.start()
	view := func() string {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.url+"/topup", nil)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(plainText(regionOf(h.call(r), "gate")), " ")
	}
	if got := view(); !strings.Contains(got, "Of the 5 tokens that were entered together") || !strings.Contains(got, "numbers 3, 4, 5 have not been added yet.") {
		t.Errorf("the page says %q", got)
	}
	for range 2 {
		h.press("/topup", "token="+url.QueryEscape(text))
		if got := h.s.Loop().Snapshot().State.Credit.Available() - was; got != 50*units.One {
			t.Errorf("%s credited, want 50", got)
		}
	}
	if got := view(); strings.Contains(got, "entered together") {
		t.Errorf("the page still says %q", got)
	}
}

// Nine tokens in one go at the keypad, a slip in the fifth: it alone is typed
// again, and those behind it follow; # alone enters them without it.
func TestAtTheKeypadOnlyTheWrongOneOfSeveralIsTypedAgain(t *testing.T) {
	for _, again := range []bool{true, false} {
		h := aHome(t, "")
		h.pass(time.Minute)
		var list []string
		for range 9 {
			list = append(list, h.token(10*units.One))
		}
		was := h.s.Loop().Snapshot().State.Credit.Available()
		var shown string
		keys := panel.Keys{Loop: h.s.Loop(), Credit: h.s.Site().Credit, Words: present.NewWords().Keypad(h.s.Site()), Show: func(a, b string) {
			if len(a) > 16 || len(b) > 16 {
				t.Errorf("%q and %q do not fit", a, b)
			}
			shown = a + "|" + b
		}}
		enter := func(token, want string) {
			t.Helper()
			if keys.Pressed(t.Context(), keypad.Event{Kind: keypad.Enter, Token: token}); shown != want {
				t.Errorf("shown %q, want %q", shown, want)
			}
		}
		wrong := "123456" + list[4][6:]
		enter(strings.Join(list[:4], "")+wrong+strings.Join(list[5:], ""), "Wrong: 5 of 9|type it again, #")
		if again {
			enter(list[4], "Added 50.00|"+(was+90*units.One).Decimal(2)+" ZAR")
		} else {
			enter("", "Added 40.00|"+(was+80*units.One).Decimal(2)+" ZAR")
		}
		if got, want := h.s.Loop().Snapshot().State.Credit.Available()-was, map[bool]units.Money{true: 90, false: 80}[again]*units.One; got != want {
			t.Errorf("%s credited, want %s", got, want)
		}
		h.end()
	}
}

// A token that would make the credit greater than allowed is good: it stays in what
// is left to enter, with what stands after it, and is credited once when there is room.
func TestATokenThatIsOfNoUseYetIsNotLostFromAList(t *testing.T) {
	h := aHome(t, "credit: {opening: 60, kwh_price: 1, maximum_balance: 64}\ntokens: {sts: {decoder_key: {env: K}}}\n")
	h.pass(time.Minute)
	p := postOf(t, h)
	_, _, tokens, _ := p.write("{C3-} {C2-} {C1-}")
	receipts := control.Enter(t.Context(), h.s.Loop(), h.s.Site().Credit, strings.Join(tokens, "\n"), "page")
	if !receipts[0].Entered() || receipts[1].Entered() || !receipts[2].Waits() {
		t.Fatalf("%+v", receipts)
	}
	h.press("/topup", "token="+url.QueryEscape(strings.Join(tokens, "\n")))
	answer := h.last
	for _, want := range []string{"1 of 3 tokens are done", "Number 2 could not be taken now"} {
		if !strings.Contains(answer, want) {
			t.Errorf("%q is not in the answer:\n%s", want, answer)
		}
	}
}
