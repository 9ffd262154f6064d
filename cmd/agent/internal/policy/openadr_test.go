package policy

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestDurationsAreThoseOfISO8601(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"PT0S": 0, "PT30M": 30 * time.Minute, "P1D": 24 * time.Hour, "P1DT2H3M4S": 26*time.Hour + 3*time.Minute + 4*time.Second, "P2W": 14 * 24 * time.Hour,
		"PT90M": 90 * time.Minute, "P9999Y": Forever,
	} {
		if got, err := parseDuration(text); err != nil || got != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "P", "PT", "P1", "1H", "P1M", "P1Y", "PT1H1H", "PT1M1H", "P1DT", "PT-1S", "PT1.5S", "P99999999999D", "P4000D", "pt1h", " PT1H", "PT1H ", "PTH"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("%q is taken for %s", text, got)
		}
	}
}

// priced is the prices that an event of the tariff comes to.
func priced(t *testing.T, h *site, body string) (doc struct {
	Currency    string `json:"currency"`
	TaxIncluded bool   `json:"tax_included"`
	Prices      []struct {
		Start, End     time.Time
		Import, Export json.Number
	} `json:"prices"`
}, out Outcome,
) {
	t.Helper()
	out = h.say(Tariff, body)
	if out.Code == Taken {
		must(t, json.Unmarshal(out.Prices, &doc))
	}
	return doc, out
}

const inRand = `"payloadDescriptors":[{"payloadType":"PRICE","units":"KWH","currency":"ZAR"}]`

func TestPricesAreLaidAsOpenADRSays(t *testing.T) {
	t.Run("several values share an interval evenly", func(t *testing.T) {
		doc, out := priced(t, home(t), `{"event":{"id":"p","programID":"tou",`+inRand+`,"intervalPeriod":{"start":"2026-12-01T12:00:00Z","duration":"PT1H"},
			"intervals":[{"id":0,"payloads":[{"type":"PRICE","values":[1,2.5,3,4]},{"type":"EXPORT_PRICE","values":[0.1,0.2,0.3,0.4]}]}]}}`)
		if out.Code != Taken || len(doc.Prices) != 4 || doc.Currency != "ZAR" || doc.TaxIncluded {
			t.Fatalf("%+v %+v", out, doc)
		}
		if p := doc.Prices[1]; !p.Start.Equal(noon.Add(15*time.Minute)) || !p.End.Equal(noon.Add(30*time.Minute)) || p.Import != "2.5" || p.Export != "0.2" {
			t.Errorf("%+v", p)
		}
	})
	t.Run("a day that comes again, for a month at the most, read late", func(t *testing.T) {
		h := home(t)
		h.jump(50 * time.Hour)
		doc, out := priced(t, h, `{"event":{"id":"p","programID":"tou","duration":"P9999Y",`+inRand+`,"intervalPeriod":{"start":"2026-12-01T00:00:00Z","duration":"PT12H"},
			"intervals":[{"id":0,"payloads":[{"type":"PRICE","values":[1]}]},{"id":1,"payloads":[{"type":"PRICE","values":[2]}]}]}}`)
		if out.Code != Taken || len(doc.Prices) < 60 || len(doc.Prices) > 64 {
			t.Fatalf("%s %s: %d prices", out.Code, out.Detail, len(doc.Prices))
		}
		first := doc.Prices[0]
		if !first.Start.Equal(time.Date(2026, 12, 3, 12, 0, 0, 0, time.UTC)) || first.Import != "2" {
			t.Errorf("%+v", first)
		}
		for i, p := range doc.Prices[1:] {
			if !p.Start.Equal(doc.Prices[i].End) {
				t.Fatalf("%s does not follow %s", p.Start, doc.Prices[i].End)
			}
		}
	})
	t.Run("a duration that is shorter than the intervals cuts them", func(t *testing.T) {
		doc, _ := priced(t, home(t), `{"event":{"id":"p","programID":"tou","duration":"PT90M",`+inRand+`,"intervalPeriod":{"start":"2026-12-01T12:00:00Z","duration":"PT1H"},
			"intervals":[{"id":0,"payloads":[{"type":"PRICE","values":[1]}]},{"id":1,"payloads":[{"type":"PRICE","values":[2]}]},{"id":2,"payloads":[{"type":"PRICE","values":[3]}]}]}}`)
		if len(doc.Prices) != 2 || !doc.Prices[1].End.Equal(noon.Add(90*time.Minute)) {
			t.Errorf("%+v", doc.Prices)
		}
	})
	for name, c := range map[string]struct {
		body string
		want Code
	}{
		"over":                    {`{"event":{"id":"p","programID":"tou",` + inRand + `,"intervalPeriod":{"start":"2026-11-01T00:00:00Z","duration":"PT1H"},"intervals":[{"id":0,"payloads":[{"type":"PRICE","values":[1]}]}]}}`, Expired},
		"without a currency":      {`{"event":{"id":"p","programID":"tou","intervalPeriod":{"start":"0001-01-01","duration":"PT1H"},"intervals":[{"id":0,"payloads":[{"type":"PRICE","values":[1]}]}]}}`, Unreadable},
		"per megawatt hour":       {`{"event":{"id":"p","programID":"tou","payloadDescriptors":[{"payloadType":"PRICE","units":"MWH","currency":"ZAR"}],"intervalPeriod":{"start":"0001-01-01","duration":"PT1H"},"intervals":[{"id":0,"payloads":[{"type":"PRICE","values":[1]}]}]}}`, Unreadable},
		"of a second, for ever":   {`{"event":{"id":"p","programID":"tou","duration":"P9999Y",` + inRand + `,"intervalPeriod":{"start":"0001-01-01","duration":"PT1S"},"intervals":[{"id":0,"payloads":[{"type":"PRICE","values":[1]}]}]}}`, Unsafe},
		"that do not end":         {`{"event":{"id":"p","programID":"tou",` + inRand + `,"intervalPeriod":{"start":"0001-01-01","duration":"P9999Y"},"intervals":[{"id":0,"payloads":[{"type":"PRICE","values":[1]}]}]}}`, Unreadable},
		"gross and net at once":   {`{"event":{"id":"p","programID":"tou",` + inRand + `,"intervalPeriod":{"start":"0001-01-01","duration":"PT1H"},"intervals":[{"id":0,"payloads":[{"type":"PRICE","values":[1]}]},{"id":1,"payloads":[{"type":"X_PRICE_WITH_TAX","values":[1]}]}]}}`, Unreadable},
		"with a limit among them": {`{"event":{"id":"p","programID":"tou",` + inRand + `,"intervalPeriod":{"start":"0001-01-01","duration":"PT1H"},"intervals":[{"id":0,"payloads":[{"type":"IMPORT_CAPACITY_LIMIT","values":[1]}]}]}}`, Unreadable},
		"with parts of no second": {`{"event":{"id":"p","programID":"tou",` + inRand + `,"intervalPeriod":{"start":"0001-01-01","duration":"PT1S"},"intervals":[{"id":0,"payloads":[{"type":"PRICE","values":[1,2]}]}]}}`, Unreadable},
		"that overlap":            {`{"event":{"id":"p","programID":"tou",` + inRand + `,"intervals":[{"id":0,"intervalPeriod":{"start":"2026-12-01T12:00:00Z","duration":"PT1H"},"payloads":[{"type":"PRICE","values":[1]}]},{"id":1,"intervalPeriod":{"start":"2026-12-01T12:30:00Z","duration":"PT1H"},"payloads":[{"type":"PRICE","values":[1]}]}]}}`, Unreadable},
		"without any time":        {`{"event":{"id":"p","programID":"tou",` + inRand + `,"intervals":[{"id":0,"payloads":[{"type":"PRICE","values":[1]}]}]}}`, Unreadable},
	} {
		t.Run("prices "+name, func(t *testing.T) {
			if _, out := priced(t, home(t), c.body); out.Code != c.want || out.Detail == "" {
				t.Errorf("%q (%s), want %q", out.Code, out.Detail, c.want)
			}
		})
	}
}

// A random start is one draw for the event: symmetric for prices, and never early for a
// limit.
func TestARandomStartIsDrawnOnceAndNeverEarlyForALimit(t *testing.T) {
	early, late := 0, 0
	for i := range 400 {
		site := fmt.Sprint("home-", i)
		p, l := draw(site, "e", time.Hour, true), draw(site, "e", time.Hour, false)
		if p != draw(site, "e", time.Hour, true) {
			t.Fatal("it is drawn twice")
		}
		if p < -time.Hour || p > time.Hour || l < 0 || l > time.Hour {
			t.Fatalf("%s, %s", p, l)
		}
		if p < 0 {
			early++
		} else {
			late++
		}
	}
	if early < 150 || late < 150 {
		t.Errorf("%d early, %d late", early, late)
	}
	h := home(t)
	h.beat()
	h.say(Limit, `{"event":{"id":"e1","programID":"dim","intervalPeriod":{"start":"2026-12-01T12:10:00Z","duration":"PT10M","randomizeStart":"PT5M"},"intervals":[{"id":0,"payloads":[{"type":"IMPORT_CAPACITY_LIMIT","values":[4]}]}]}}`)
	if at := h.s.Events[0].Start.Sub(noon); at < 10*time.Minute || at > 15*time.Minute {
		t.Errorf("it begins after %s", at)
	}
}

func TestWordsToTheCustomer(t *testing.T) {
	body := func(kind, words string) string {
		quoted, _ := json.Marshal(words)
		return fmt.Sprintf(`{"event":{"id":"m1","programID":"news","intervalPeriod":{"start":"0001-01-01","duration":"PT1H"},"intervals":[{"id":0,"payloads":[{"type":%q,"values":[%s]}]}]}}`, kind, quoted)
	}
	h := home(t)
	if out := h.say(Message, body("ALERT_POSSIBLE_OUTAGE", "Works on <b>feeder 7</b> on Thursday")); out.Code != Taken {
		t.Fatalf("%+v", out)
	}
	if told := h.s.Told(h.now); len(told) != 1 || told[0].Steps[0].Text != "Works on <b>feeder 7</b> on Thursday" {
		t.Errorf("%+v", told)
	}
	h.pass(time.Hour)
	if told := h.s.Told(h.now); len(told) != 0 || len(h.s.Events) != 0 {
		t.Errorf("%+v", h.s.Events)
	}
	for _, words := range []string{"", "two\nlines", "\u202eesrever", strings.Repeat("a", mostText+1), "bell\a"} {
		if out := h.say(Message, body("X_PREPAY_MESSAGE", words)); out.Code != Unreadable {
			t.Errorf("%q: %+v", words, out.Code)
		}
	}
	if out := h.say(Message, body("ALERT_ALIENS", "they are here")); out.Code != Unreadable {
		t.Errorf("%+v", out)
	}
}

func TestTokensCome(t *testing.T) {
	h := home(t)
	out := h.say(Token, `{"event":{"id":"t1","programID":"prepay","intervals":[{"id":0,"payloads":[{"type":"X_PREPAY_TOKEN","values":["1234 5678 9012 3456 7890","1"]}]}]}}`)
	if out.Code != Taken || len(out.Tokens) != 2 || out.Tokens[0] != "1234 5678 9012 3456 7890" {
		t.Errorf("%+v", out)
	}
}
