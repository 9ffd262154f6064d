package present

import (
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
)

// TestEveryTextFitsTheKeypadsDisplay: each line of each language is of characters that every display has, and no
// longer than its 16, with the longest values that are usual.
func TestEveryTextFitsTheKeypadsDisplay(t *testing.T) {
	widest := strings.NewReplacer("{s}", "86400", "{n}", "12", "{of}", "40", "{amount}", "9999.99")
	// What stands before a figure leaves room for it.
	beside := map[string]string{
		"keypad.code.today": " 999.9 kWh", "keypad.code.yesterday": " 999.9 kWh", "keypad.code.month": " 9999.9 kWh",
		"keypad.code.left": " > 31.0", "keypad.code.token": " 5",
	}
	for _, lang := range Languages() {
		k := WordsIn(lang).Keypad(&control.Site{})
		for key := range own(t, lang) {
			if !strings.HasPrefix(key, "keypad.") {
				continue
			}
			line := widest.Replace(k.words.T(key)) + beside[key]
			if len(line) > 16 || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("%s: %s is %q, %d characters", lang, key, line, len(line))
			}
		}
		for day := range 7 {
			at := time.Date(2026, 11, 1+day, 12, 0, 0, 0, time.UTC)
			line := k.Weekday(at) + at.Format(" 02/01 15:04")
			if len(line) > 16 || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("%s: a time is %q", lang, line)
			}
		}
	}
}

// The display speaks the language of the home, without the letters that it has not; of another script it speaks
// English.
func TestTheKeypadSpeaksTheLanguageOfTheHome(t *testing.T) {
	for lang, want := range map[string]string{
		"de": "Guthaben|Zaehlerfehler", "fr": "Credit|Defaut compteur", "ar": "Credit|Meter's fault", "bn": "Credit|Meter's fault", "hi": "Credit|Meter's fault",
	} {
		k := WordsIn(lang).Keypad(&control.Site{})
		if got := k.Say("credit") + "|" + k.Say("fault"); got != want {
			t.Errorf("%s: %s, want %s", lang, got, want)
		}
	}
}
