package present

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/language"

	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/units"
)

func TestASiteMaySpeakWhatThereAreTextsOf(t *testing.T) {
	if got, want := config.Languages(), Languages(); !slices.Equal(got, want) {
		t.Errorf("the configuration takes %v, there are texts in %v", got, want)
	}
	if _, err := Open("xx"); err == nil || !strings.Contains(err.Error(), "en, es") {
		t.Errorf("texts in xx: %v", err)
	}
}

// TestEveryTextSaysWhatTheEnglishOneDoes: a text of another language is one of English, with
// the same values in it, in all the plural forms that the language has.
func TestEveryTextSaysWhatTheEnglishOneDoes(t *testing.T) {
	english := own(t, English)
	for _, lang := range Languages() {
		t.Run(lang, func(t *testing.T) {
			if _, err := language.Parse(lang); err != nil {
				t.Fatal(err)
			}
			texts, missing := own(t, lang), 0
			for k, s := range texts {
				if strings.Trim(s, " ") == "" && k != "number.between" {
					t.Errorf("text %s is empty", k)
				}
				key, form := k, false
				if _, ok := english[k]; !ok {
					for _, f := range []string{"zero", "one", "two", "few", "many", "other"} {
						if cut, ok := strings.CutSuffix(k, "."+f); ok {
							key, form = cut+".other", true
						}
					}
				}
				like, ok := english[key]
				if !ok {
					t.Errorf("text %s is none of English", k)
				}
				if one, ok := strings.CutSuffix(k, ".one"); ok {
					if _, ok := texts[one+".other"]; !ok {
						t.Errorf("text %s has no .other", k)
					}
					form = true
				}
				for _, v := range blanks(like) {
					if !slices.Contains(blanks(s), v) && !(form && v == "{n}") {
						t.Errorf("text %s has lost %s: %q", k, v, s)
					}
				}
				for _, v := range blanks(s) {
					if !slices.Contains(blanks(like), v) && !(form && v == "{n}") {
						t.Errorf("text %s has %s, which English has not: %q", k, v, s)
					}
				}
			}
			for k := range english {
				if one, ok := strings.CutSuffix(k, ".one"); ok && texts[one+".other"] != "" {
					continue
				}
				if _, ok := texts[k]; !ok {
					missing++
				}
			}
			if most := len(english) / 50; missing > most {
				t.Errorf("%d of %d texts are missing, and are told in English; no more than %d may be", missing, len(english), most)
			}
		})
	}
}

var value = regexp.MustCompile(`\{\w+(:\w+)?\}`)

func blanks(s string) []string { return value.FindAllString(s, -1) }

// own is the texts of a language alone.
func own(t *testing.T, lang string) (texts map[string]string) {
	t.Helper()
	b, err := embedded.ReadFile("text/" + lang + ".json")
	if err == nil {
		err = json.Unmarshal(b, &texts)
	}
	if err != nil {
		t.Fatal(lang, err)
	}
	return texts
}

// Numbers, days and plurals are written as the reader of the language expects them.
func TestNumbersDaysAndPluralsAreOfTheLanguage(t *testing.T) {
	at := time.Date(2026, 12, 9, 7, 30, 0, 0, time.UTC)
	now := time.Date(2026, 11, 29, 7, 30, 0, 0, time.UTC)
	for _, c := range []struct{ lang, energy, money, date, two string }{
		{"en", "12.4 kWh", "R\u00a01\u202f234.50", "Wed 9 Dec", "2 days"},
		{"de", "12,4 kWh", "R\u00a01.234,50", "Mi 9. Dez", "2 Tage"},
		{"fr", "12,4 kWh", "R\u00a01\u202f234,50", "mer. 9 déc.", "2 jours"},
		{"ar", "\u206612.4 kWh\u2069", "", "", "يومان"},
	} {
		words := WordsIn(c.lang)
		p := words.For(Unit{Code: "ZAR", Symbol: "R", Decimals: 2}, time.UTC, now)
		if got := strings.ReplaceAll(p.Energy(12_400*units.WattHour), NoBreak, " "); got != c.energy {
			t.Errorf("%s: energy %q, want %q", c.lang, got, c.energy)
		}
		if got := p.Money(1234*units.One + units.One/2); c.money != "" && got != c.money {
			t.Errorf("%s: money %q, want %q", c.lang, got, c.money)
		}
		if got := p.Date(at); c.date != "" && got != c.date {
			t.Errorf("%s: date %q, want %q", c.lang, got, c.date)
		}
		if got := words.N("duration.days", 2); got != c.two {
			t.Errorf("%s: %q, want %q", c.lang, got, c.two)
		}
	}
}
