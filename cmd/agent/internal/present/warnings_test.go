package present

import (
	"os"
	"strings"
	"testing"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
)

// A code is one row in health; its words are here, and its place for users is in
// docs/warnings.md.
func TestEveryCodeHasItsTitleItsRemedyAndItsPlaceInTheDocuments(t *testing.T) {
	doc, err := os.ReadFile("../../../../docs/warnings.md")
	if err != nil {
		t.Fatal(err)
	}
	p, known := testPhrases(t), map[string]bool{"unknown": true}
	for _, r := range health.Rows() {
		code := string(r.Code)
		known[code] = true
		title, remedy := p.Title(code, ""), p.Remedy(code, "")
		if !p.Words.Has("warning.title."+code) || !p.Words.Has("warning.remedy."+code) {
			t.Errorf("%s has no title or no remedy of its own: %q, %q", code, title, remedy)
		}
		row := "| `" + code + "` | " + r.Severity.String() + " | " + title + " | " + remedy + " |"
		if !strings.Contains(string(doc), row) {
			t.Errorf("docs/warnings.md lacks the row\n%s", row)
		}
	}
	for _, l := range strings.Split(string(doc), "\n") {
		if code, ok := strings.CutPrefix(l, "| `"); ok {
			if code, _, _ = strings.Cut(code, "`"); !known[code] {
				t.Errorf("docs/warnings.md has the row of a code that is not there: %s", code)
			}
		}
	}
	for key := range p.Words.texts {
		for _, part := range []string{"warning.title.", "warning.remedy.", "warning.cause."} {
			if code, ok := strings.CutPrefix(key, part); ok {
				if code, _, _ = strings.Cut(code, "."); !known[code] {
					t.Errorf("the text %s is of a code that is not there", key)
				}
			}
		}
	}
	if got := p.Title("no_such_thing", ""); got != "Something is wrong (no_such_thing)" {
		t.Errorf("of an unknown code: %q", got)
	}
}
