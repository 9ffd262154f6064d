package present

import (
	"testing"
	"time"
)

// The ledger's causes are recorded in English for good; the page tells them in the reader's words.
func TestCausesOfEntriesAreToldInTheReadersWords(t *testing.T) {
	for _, c := range []struct{ lang, cause, want string }{
		{"en", "openpaygo token by page adds 50.00", "by the page"},
		{"de", "sts token by keypad adds 12.5 kWh", "durch die Tastatur"},
		{"de", "sts token by keypad adds 12.50", "durch die Tastatur"},
		{"en", "sts token by api: shop sets the balance to 5.00", "by a program: shop: the balance is set to 5.00"},
		{"de", "account opened for meter 04123456789 with a credit of 160.00", "für Zähler 04123456789, mit einem Guthaben von 160.00"},
		{"en", "50 % of the top-up towards old bill", "50 % of the top-up"},
		{"en", "towards old bill", "taken from the top-up"},
		{"en", "service fee, taken at purchase", "taken from the top-up"},
		{"fr", "free units of the month from 2026-12-01", "unités gratuites à partir du 2026-12-01"},
		{"de", "the neighbour paid in cash", "the neighbour paid in cash"},
	} {
		if got := WordsIn(c.lang).For(Unit{}, time.UTC, time.Time{}).EntryCause(c.cause); got != c.want {
			t.Errorf("%s: %q is told as %q, want %q", c.lang, c.cause, got, c.want)
		}
	}
}
