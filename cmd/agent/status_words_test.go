package main

import (
	"strings"
	"testing"
)

// "agent status" speaks the language of the home, with the words of its page.
func TestStatusSpeaksTheLanguageOfTheHome(t *testing.T) {
	h := aHome(t, "")
	h.end()
	h.cfg.Site.Language = "de"
	h.start()
	said := strings.Join(h.status(), "\n")
	for _, want := range []string{"Versorgung", "Kontostand", "60,00", "Preis jetzt", "Geyser"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not in\n%s", want, said)
		}
	}
	for _, english := range []string{"supply", "balance", "runs out", "power  ", "all else", "not known", "There is no plan"} {
		if strings.Contains(said, english) {
			t.Errorf("%q is in\n%s", english, said)
		}
	}
	h.end()
	h.cfg.Site.Language = "en"
	h.start()
	if said := strings.Join(h.status(), "\n"); !strings.Contains(said, "balance") || !strings.Contains(said, "runs out") {
		t.Errorf("in English it is another:\n%s", said)
	}
}
