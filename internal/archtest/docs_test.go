package archtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/keeplit/keeplit/internal/documents"
)

// A table that says two things of one name says at least one that is false: it comes of
// two changes that were laid over each other.
func TestNoTableOfTheDocumentsSaysTwoThingsOfOneName(t *testing.T) {
	root := filepath.Join("..", "..")
	n := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != root {
			return fs.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		seen := map[string]int{}
		for i, line := range strings.Split(string(text), "\n") {
			if !strings.HasPrefix(line, "|") {
				clear(seen)
				continue
			}
			n++
			name := strings.TrimSpace(strings.Split(line, "|")[1])
			if at := seen[name]; at > 0 && strings.HasPrefix(name, "`") {
				t.Errorf("%s: lines %d and %d are both of %s", path, at, i+1, name)
			}
			seen[name] = i + 1
		}
		return nil
	})
	if err != nil || n < 100 {
		t.Fatalf("%d rows looked at: %v", n, err)
	}
}

// link is one in Markdown, with what stands between its parentheses.
var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// named is a place that has a name of its own.
var named = regexp.MustCompile(`<a id="([^"]+)">`)

// headings are the anchors of a document, as forges make them.
func headings(text string) map[string]bool {
	out := map[string]bool{}
	fenced := false
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		for _, named := range named.FindAllStringSubmatch(line, -1) {
			out[named[1]] = true
		}
		title := strings.TrimLeft(line, "#")
		if fenced || title == line || !strings.HasPrefix(title, " ") {
			continue
		}
		anchor := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, strings.TrimSpace(title))
		out[anchor] = true
	}
	return out
}

// A link leads somewhere, and to every document leads one from the index.
func TestLinksOfTheDocumentsLeadSomewhere(t *testing.T) {
	root := filepath.Join("..", "..")
	linked, n := map[string]bool{}, 0
	texts := documents.Read(t, root, "*.md", "docs/*.md", "docs/adr/*.md")
	for name, text := range texts {
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			to, anchor, _ := strings.Cut(found[1], "#")
			if strings.Contains(to, ":") {
				continue // of the world outside
			}
			n++
			target := name
			if to != "" {
				target = filepath.Join(filepath.Dir(name), to)
			}
			if name == "docs/README.md" {
				linked[target] = true
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s links to %s, which is not there", name, found[1])
			} else if other, has := texts[target]; has && anchor != "" && !headings(other)[anchor] {
				t.Errorf("%s links to %s, which has no such heading", name, found[1])
			}
		}
	}
	for name := range texts {
		if filepath.Dir(name) == "docs" && filepath.Base(name) != "README.md" && !linked[name] {
			t.Errorf("docs/README.md does not lead to %s", name)
		}
	}
	if n < 100 {
		t.Errorf("only %d links were found", n)
	}
}

// Whoever looks by what is seen finds codes that docs/warnings.md has: that this has all is
// a test of present.
func TestTheDocumentOfSymptomsNamesOnlyWarningsThatThereAre(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	codes, symptoms := read("warnings.md"), read("troubleshooting.md")
	n := 0
	for _, word := range regexp.MustCompile("`[a-z]+_[a-z_]+`").FindAllString(symptoms, -1) {
		if strings.Contains(codes, "| "+word+" |") {
			n++
		} else if !strings.Contains(read("configuration.md"), word) {
			t.Errorf("docs/troubleshooting.md names %s, which is neither a warning nor a key", word)
		}
	}
	if n < 30 {
		t.Errorf("docs/troubleshooting.md names %d warnings only", n)
	}
}
