package web

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestEachReaderIsAnsweredInTheirLanguage(t *testing.T) {
	x := newSite(t, func(c *Config) { c.OpenReading, c.Language = true, "fr" })
	ask := func(path, accept, cookie string) (*http.Response, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, x.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if accept != "" {
			r.Header.Set("Accept-Language", accept)
		}
		if cookie != "" {
			r.AddCookie(&http.Cookie{Name: languageCookie, Value: cookie})
		}
		a, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		b, err := io.ReadAll(a.Body)
		if err != nil {
			t.Fatal(err)
		}
		return a, string(b)
	}
	for _, c := range []struct{ situation, accept, cookie, html string }{
		{"nothing is wished: the site's own", "", "", `<html lang="fr">`},
		{"the browser's first wish", "zu-ZA,zu;q=0.9,en;q=0.5", "", `<html lang="zu">`},
		{"the best one there is", "xh,ss;q=0.9,sw;q=0.4,en;q=0.3", "", `<html lang="sw">`},
		{"none there is", "xh", "", `<html lang="fr">`},
		{"any", "*", "", `<html lang="fr">`},
		{"nonsense", "\"<script>;;q=,", "", `<html lang="fr">`},
		{"what was chosen goes before", "zu", "ar", `<html lang="ar" dir="rtl">`},
		{"a choice that there is not", "zu", "../en", `<html lang="zu">`},
	} {
		if _, body := ask("/", c.accept, c.cookie); !strings.Contains(body, c.html) {
			t.Errorf("%s: no %s", c.situation, c.html)
		}
	}
	for _, c := range []struct {
		situation, path string
		status          int
		to, cookie      string
	}{
		{"chosen on a page", "/language/sw?back=/system", http.StatusSeeOther, "/system", "sw"},
		{"back to another site", "/language/sw?back=//example.org/", http.StatusSeeOther, "/", "sw"},
		{"a language that there is not", "/language/xh?back=/", http.StatusNotFound, "", ""},
	} {
		a, _ := ask(c.path, "", "")
		if a.StatusCode != c.status || a.Header.Get("Location") != c.to {
			t.Errorf("%s: %s to %q", c.situation, a.Status, a.Header.Get("Location"))
		}
		got := ""
		for _, k := range a.Cookies() {
			if k.Name == languageCookie && k.HttpOnly {
				got = k.Value
			}
		}
		if got != c.cookie {
			t.Errorf("%s: cookie %q", c.situation, got)
		}
	}
}

// TestNoTextIsOutsideOfTheCatalogues: what a template says by itself is said in every language.
func TestNoTextIsOutsideOfTheCatalogues(t *testing.T) {
	files, err := filepath.Glob("templates/*.html")
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	action, tag := regexp.MustCompile(`(?s)\{\{.*?\}\}`), regexp.MustCompile(`(?s)<(script|style)\b.*?</(script|style)>|<!--.*?-->|<[^>]*>`)
	spoken := regexp.MustCompile(`(?:aria-label|title|placeholder|alt)="([^"]*)"`)
	word := regexp.MustCompile(`\pL{2,}`)
	units := regexp.MustCompile(`\bkWh?\b`)
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text := action.ReplaceAllString(string(b), "")
		for _, m := range spoken.FindAllStringSubmatch(text, -1) {
			if word.MatchString(m[1]) {
				t.Errorf("%s: %q", name, m[0])
			}
		}
		for line := range strings.Lines(units.ReplaceAllString(tag.ReplaceAllString(text, "\n"), "")) {
			if word.MatchString(line) {
				t.Errorf("%s: %q", name, strings.TrimSpace(line))
			}
		}
	}
}
