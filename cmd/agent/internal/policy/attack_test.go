package policy

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// raw signs bytes under any header.
func raw(head string, payload []byte, k ed25519.PrivateKey) string {
	text := base64.RawURLEncoding.EncodeToString([]byte(head)) + "." + base64.RawURLEncoding.EncodeToString(payload)
	return text + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(k, []byte(text)))
}

// TestWhatIsWrittenInAnotherWayIsRefused signs, with the operator's own key, what two
// readers could read in two ways.
func TestWhatIsWrittenInAnotherWayIsRefused(t *testing.T) {
	kid := KeyID(key(operator).Public().(ed25519.PublicKey))
	head := `{"alg":"EdDSA","kid":"` + kid + `","typ":"keeplit-policy"}`
	good := func(h *site) string {
		data, err := json.Marshal(h.envelope(Limit, limitBody("e1", "4", fromNow, "PT1H")))
		must(t, err)
		return string(data)
	}
	if h := home(t); h.take(raw(head, []byte(good(h)), key(operator))).Code != Taken {
		t.Fatal("what the test signs is not taken even where nothing is wrong")
	}
	heads := map[string]string{
		"a critical extension":        `{"alg":"EdDSA","crit":["exp"],"exp":1,"kid":"` + kid + `","typ":"keeplit-policy"}`,
		"a payload that is no base64": `{"alg":"EdDSA","b64":false,"crit":["b64"],"kid":"` + kid + `","typ":"keeplit-policy"}`,
		"a key of its own":            `{"alg":"EdDSA","jwk":{"kty":"OKP","crv":"Ed25519","x":"` + public(key(operator)) + `"},"kid":"` + kid + `","typ":"keeplit-policy"}`,
		"a place to find its key":     `{"alg":"EdDSA","jku":"https://utility.example/keys","kid":"` + kid + `","typ":"keeplit-policy"}`,
		"certificates":                `{"alg":"EdDSA","x5c":[],"kid":"` + kid + `","typ":"keeplit-policy"}`,
		"the algorithm twice":         `{"alg":"none","alg":"EdDSA","kid":"` + kid + `","typ":"keeplit-policy"}`,
		"the name of the key twice":   `{"alg":"EdDSA","kid":"x","kid":"` + kid + `","typ":"keeplit-policy"}`,
		"its kind twice":              `{"alg":"EdDSA","kid":"` + kid + `","typ":"keeplit-ack","typ":"keeplit-policy"}`,
		"its kind in capitals":        `{"alg":"EdDSA","kid":"` + kid + `","TYP":"keeplit-policy"}`,
		"no kind":                     `{"alg":"EdDSA","kid":"` + kid + `"}`,
		"no key's name":               `{"alg":"EdDSA","typ":"keeplit-policy"}`,
		"another kind of signature":   `{"alg":"ES256","kid":"` + kid + `","typ":"keeplit-policy"}`,
	}
	for name, head := range heads {
		t.Run(name, func(t *testing.T) {
			h := home(t)
			if out := h.take(raw(head, []byte(good(h)), key(operator))); out.Code != Unreadable && out.Code != Forged {
				t.Errorf("%q: %s", out.Code, out.Detail)
			}
		})
	}
	change := func(from, to string) func(string) string {
		return func(s string) string {
			if !strings.Contains(s, from) {
				t.Fatalf("%s holds no %s", s, from)
			}
			return strings.Replace(s, from, to, 1)
		}
	}
	payloads := map[string]func(string) string{
		"its number twice":              change(`"seq":1`, `"seq":9,"seq":1`),
		"its number in capitals":        change(`"seq":1`, `"SEQ":1`),
		"its number as 1.0":             change(`"seq":1`, `"seq":1.0`),
		"its number as 1e0":             change(`"seq":1`, `"seq":1e0`),
		"a negative number":             change(`"seq":1`, `"seq":-1`),
		"number 0":                      change(`"seq":1`, `"seq":0`),
		"a number above 2^53":           change(`"seq":1`, `"seq":9007199254740993`),
		"a number above 2^64":           change(`"seq":1`, `"seq":18446744073709551617`),
		"no number":                     change(`"seq":1`, `"seq":null`),
		"a number that is none":         change(`"seq":1`, `"seq":NaN`),
		"a number as text":              change(`"seq":1`, `"seq":"1"`),
		"a member that nobody knows":    change(`"seq":1`, `"seq":1,"also":1`),
		"something behind it":           func(s string) string { return s + "{}" },
		"a mark before it":              func(s string) string { return "\ufeff" + s },
		"a limit twice, deep inside":    change(`"values":[4]`, `"values":[4],"values":[9]`),
		"an event twice":                change(`"event":`, `"event":null,"event":`),
		"a limit as text":               change(`"values":[4]`, `"values":["4"]`),
		"a limit with an exponent":      change(`"values":[4]`, `"values":[4e0]`),
		"a limit that is none":          change(`"values":[4]`, `"values":[NaN]`),
		"a limit that is nothing":       change(`"values":[4]`, `"values":[null]`),
		"a limit without end":           change(`"values":[4]`, `"values":[Infinity]`),
		"a limit of more than can be":   change(`"values":[4]`, `"values":[9223372036854775807]`),
		"two limits":                    change(`"values":[4]`, `"values":[4,9]`),
		"a length that is negative":     change(`"PT1H"`, `"PT-1H"`),
		"a negative length":             change(`"PT1H"`, `"-PT1H"`),
		"a length of more than can be":  change(`"PT1H"`, `"PT99999999999H"`),
		"a length with a point":         change(`"PT1H"`, `"PT1.5H"`),
		"a random start that is before": change(`"duration":"PT1H"`, `"duration":"PT1H","randomizeStart":"-PT1H"`),
		"a priority that is negative":   change(`"programID":"dim"`, `"programID":"dim","priority":-1`),
		"a priority of 1.5":             change(`"programID":"dim"`, `"programID":"dim","priority":1.5`),
		"for nobody":                    change(`"aud":"site:home-12"`, `"aud":null`),
		"a time without a zone":         change(`"iat":"2026-12-01T12:00:00Z"`, `"iat":"2026-12-01T12:00:00"`),
		"a time as a number":            change(`"iat":"2026-12-01T12:00:00Z"`, `"iat":1796126400`),
		"a time of the year 1":          change(`"iat":"2026-12-01T12:00:00Z"`, `"iat":"0001-01-01T00:00:00Z"`),
		"no end":                        change(`"exp":"2026-12-01T13:00:00Z"`, `"exp":"9999-12-31T23:59:59Z"`),
	}
	for name, change := range payloads {
		t.Run(name, func(t *testing.T) {
			h := home(t)
			h.beat()
			out := h.take(raw(head, []byte(change(good(h))), key(operator)))
			if out.Code != Unreadable && out.Code != Unsafe {
				t.Errorf("%q: %s", out.Code, out.Detail)
			}
			if len(h.s.Events) > 0 || h.force().Limit != safe {
				t.Errorf("it has an effect: %+v", h.force())
			}
		})
	}
}

// While the records are held nothing that is signed is lost: what was refused for that is
// good afterwards, as it is.
func TestWhatIsRefusedWhileTheRecordsAreHeldIsGoodAfterwards(t *testing.T) {
	h := home(t)
	h.held = true
	text := h.sign(h.envelope(Token, `{"event":{"id":"t1","programID":"prepay","intervals":[{"id":0,"payloads":[{"type":"X_PREPAY_TOKEN","values":["12345678901234567890"]}]}]}}`), key(operator))
	for range 3 {
		if out := h.take(text); out.Code != Held || out.Tokens != nil {
			t.Fatalf("%+v", out)
		}
	}
	if len(h.s.Acks) != 1 || h.s.Acks[0].Code != Held {
		t.Errorf("%+v", h.s.Acks)
	}
	h.held = false
	if out := h.take(text); out.Code != Taken || len(out.Tokens) != 1 {
		t.Errorf("afterwards: %+v", out)
	}
	if out := h.take(text); out.Code != Duplicated {
		t.Errorf("once more: %+v", out)
	}
}

// acks is what is acknowledged of the envelopes of one id.
func (h *site) acks(id string) (out []string) {
	for _, a := range h.s.Acks {
		if a.Of.ID == id {
			words := string(a.State)
			if a.Code != "" {
				words += " " + string(a.Code)
			}
			if a.Limit != 0 {
				words += " " + a.Limit.String()
			}
			out = append(out, words)
		}
	}
	return out
}

// An acknowledgement says what came into force, and not what was asked for.
func TestAnAcknowledgementSaysWhatHolds(t *testing.T) {
	check := func(t *testing.T, h *site, id string, want ...string) {
		t.Helper()
		if got := h.acks(id); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", id, got, want)
		}
	}
	t.Run("a limit above the fail-safe one while nobody is heard", func(t *testing.T) {
		h := home(t)
		h.limit("e1", "9", "PT1H")
		check(t, h, "limit-1-1", "received", "applied 4200 W")
	})
	t.Run("a limit that another of a higher priority raises", func(t *testing.T) {
		h := home(t)
		h.beat()
		h.say(Limit, `{"event":{"id":"e1","programID":"dim","priority":0,"intervalPeriod":{"start":"0001-01-01","duration":"PT5M"},"intervals":[{"id":0,"payloads":[{"type":"IMPORT_CAPACITY_LIMIT","values":[8]}]}]}}`)
		h.limit("e2", "4", "PT10M")
		h.limit("e3", "4", "PT2M")
		check(t, h, "limit-1-2", "received")
		h.alive(6 * time.Minute)
		check(t, h, "limit-1-1", "received", "applied 8000 W", "completed")
		check(t, h, "limit-1-2", "received", "applied 4000 W")
		check(t, h, "limit-1-3", "received", "rejected expired")
	})
	t.Run("a limit that was over before the site was there again", func(t *testing.T) {
		h := home(t)
		h.beat()
		h.say(Limit, limitBody("e1", "4", "2026-12-01T13:00:00Z", "PT1H"))
		h.jump(5 * time.Hour)
		check(t, h, "limit-1-1", "received", "rejected expired")
	})
}

// Whoever keeps old envelopes and hands them on makes the site refuse each of them; what
// it has to say of others is not forgotten for that.
func TestRefusalsPushOutNoOtherAcknowledgement(t *testing.T) {
	h := home(t)
	h.beat()
	h.limit("e1", "4", "PT10M")
	for range mostAcks + 20 {
		h.limit("e2", "-1", "PT1H")
	}
	if got := h.acks("limit-1-1"); !slices.Equal(got, []string{"received", "applied 4000 W"}) {
		t.Errorf("%q is left", got)
	}
	if len(h.s.Acks) != mostAcks || h.s.Dropped != 22 {
		t.Errorf("%d kept, %d dropped", len(h.s.Acks), h.s.Dropped)
	}
}

// What a site would refuse is not signed in the first place.
func TestASlipIsFoundBeforeItIsSigned(t *testing.T) {
	event := func(kind, value string) string {
		return fmt.Sprintf(`{"event":{"id":"e1","programID":"p","intervalPeriod":{"start":"0001-01-01","duration":"PT1H"},"payloadDescriptors":[{"payloadType":"PRICE","currency":"ZAR"}],"intervals":[{"id":0,"payloads":[{"type":%q,"values":[%s]}]}]}}`, kind, value)
	}
	for _, c := range []struct {
		name string
		s    Stream
		aud  string
		body string
		want string // of the fault; "" where there is none
	}{
		{"a limit", Limit, "group:f", event(TypeLimit, "4.6"), ""},
		{"a negative limit", Limit, "group:f", event(TypeLimit, "-1"), "negative"},
		{"a limit of nothing", Limit, "group:f", event(TypeLimit, "0"), "take the light away"},
		{"words where a limit belongs", Limit, "group:f", event(TypeMessage, `"hello"`), "IMPORT_CAPACITY_LIMIT"},
		{"a limit where words belong", Message, "group:f", event(TypeLimit, "4.6"), "no kind of message"},
		{"words", Message, "group:f", event(TypeMessage, `"hello"`), ""},
		{"too many words", Message, "group:f", event(TypeMessage, `"`+strings.Repeat("x", 401)+`"`), "401 characters"},
		{"words on two lines", Message, "group:f", event(TypeMessage, `"a\u2028b"`), "cannot be shown"},
		{"a token", Token, "site:a", event(TypeToken, `"123"`), ""},
		{"a token for a group", Token, "group:f", event(TypeToken, `"123"`), "for one site"},
		{"prices", Tariff, "group:f", event(TypePrice, "1.5"), ""},
		{"prices in no currency", Tariff, "group:f", strings.Replace(event(TypePrice, "1.5"), `"currency":"ZAR"`, `"units":"KWH"`, 1), "currency"},
		{"prices taken back", Tariff, "group:f", `{"cancel":"e1"}`, "not taken back"},
		{"a token taken back", Token, "site:a", `{"cancel":"e1"}`, "not taken back"},
		{"a limit taken back", Limit, "group:f", `{"cancel":"e1"}`, ""},
		{"a limit taken back as OpenADR does", Limit, "group:f", strings.Replace(event(TypeLimit, "4"), "PT1H", "PT0S", 1), ""},
		{"all limits taken back", Limit, "group:f", `{"clear":true}`, ""},
		{"all prices taken back", Tariff, "group:f", `{"clear":true}`, "clear"},
		{"nothing", Limit, "group:f", `{}`, "one of event"},
		{"no JSON", Limit, "group:f", `{`, "body"},
	} {
		_, err := ReadBody(c.s, c.aud, []byte(c.body), noon)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestAKeySetThatSitesWouldRefuseIsNotSigned(t *testing.T) {
	roots := func(ns ...byte) (out []ed25519.PublicKey) {
		for _, n := range ns {
			out = append(out, key(n).Public().(ed25519.PublicKey))
		}
		return out
	}
	over := firstKeys()
	over.Expires = noon
	none := firstKeys()
	none.Threshold = 0
	for _, c := range []struct {
		name   string
		set    KeySet
		issuer string
		by     []ed25519.PublicKey
		want   string
	}{
		{"two of its three roots", firstKeys(), "utility.example", roots(rootA, rootC), ""},
		{"two of its roots and one of another set", firstKeys(), "utility.example", roots(rootA, rootC, stranger), ""},
		{"one of its roots", firstKeys(), "utility.example", roots(rootA), "threshold is 2"},
		{"one of its roots and a signer", firstKeys(), "utility.example", roots(rootA, operator), "threshold is 2"},
		{"one root twice", firstKeys(), "utility.example", roots(rootA, rootA), "twice"},
		{"a name that no envelope may have", firstKeys(), "Utility", roots(rootA, rootB), "lower-case"},
		{"a set that is over", over, "utility.example", roots(rootA, rootB), "over"},
		{"a threshold of none", none, "utility.example", roots(rootA, rootB), "threshold is 0"},
	} {
		err := c.set.CheckSigning(c.issuer, noon, c.by)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}
