package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	readdocs "github.com/keeplit/keeplit/internal/documents"
)

// repo is the folder of keeplit, from here.
const repo = ".."

// block is what stands between two fences of a document.
type block struct {
	line     int // of its first fence
	language string
	text     []string
}

// document is one with its blocks in their order, and what stands between back-ticks.
type document struct {
	name   string
	blocks []block
	spans  []string
}

// languages are those that a block may have: who reads a document sees what is typed, what is
// written into which file and what is looked at.
var languages = []string{"sh", "crontab", "text", "yaml", "json", "csv", "ini", "acl", "bridge"}

var span = regexp.MustCompile("`([^`]+)`")

// documents are all that people read, by name.
func documents(t *testing.T) map[string]document {
	t.Helper()
	out := map[string]document{}
	for name, text := range readdocs.Read(t, repo, "*.md", "docs/*.md", "deploy/*/*.md") {
		out[name] = read(t, name, text)
	}
	if len(out) < 40 {
		t.Fatalf("only %d documents were found", len(out))
	}
	return out
}

func read(t *testing.T, name, text string) document {
	t.Helper()
	d := document{name: name}
	var in *block
	before := ""
	for i, line := range strings.Split(text, "\n") {
		switch {
		case in != nil && line == "```":
			d.blocks, in = append(d.blocks, *in), nil
		case in != nil:
			in.text = append(in.text, line)
		case strings.HasPrefix(line, "```"):
			in = &block{line: i + 1, language: strings.TrimPrefix(line, "```")}
			if !slices.Contains(languages, in.language) {
				t.Errorf("%s:%d: the block's language is %q; it is one of %s", name, i+1, in.language, strings.Join(languages, ", "))
			}
		case strings.HasPrefix(line, "    ") && before == "" && strings.TrimSpace(line) != "":
			t.Errorf("%s:%d: a block without fences: nobody can tell what it is", name, i+1)
		default:
			for _, found := range span.FindAllStringSubmatch(line, -1) {
				d.spans = append(d.spans, found[1])
			}
		}
		before = line
	}
	if in != nil {
		t.Errorf("%s:%d: the block has no end", name, in.line)
	}
	return d
}

// typed are the lines of a document's blocks of commands. A line of a table for cron is what cron
// gives to the shell.
func (d document) typed(t *testing.T) (out []string) {
	t.Helper()
	for _, b := range d.blocks {
		for _, line := range b.text {
			switch {
			case b.language == "sh" && line != "":
				out = append(out, line)
			case b.language == "crontab":
				_, command, ok := strings.Cut(line, "  ")
				if !ok || !regexp.MustCompile(`^[0-9*/,-]+( [0-9*/,-]+){4}$`).MatchString(line[:len(line)-len(command)-2]) {
					t.Errorf("%s: no line of a table for cron: %s", d.name, line)
				}
				out = append(out, strings.ReplaceAll(command, `\%`, "%"))
			}
		}
	}
	return out
}

// The README is read on phones and in slow places: its pictures are there, by day and by night, and small.
func TestThePicturesAreThereAndSmall(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(repo, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "\n"); n > 120 {
		t.Errorf("README.md has %d lines", n)
	}
	shown := map[string]bool{}
	for _, m := range regexp.MustCompile(`docs/pictures/([a-z0-9-]+)-(light|dark)\.png`).FindAllStringSubmatch(string(text), -1) {
		shown[m[1]+"-"+m[2]] = true
		if info, err := os.Stat(filepath.Join(repo, m[0])); err != nil || info.Size() > 150_000 {
			t.Errorf("%s: %v", m[0], err)
		}
		if other := map[string]string{"light": "dark", "dark": "light"}[m[2]]; !strings.Contains(string(text), m[1]+"-"+other+".png") {
			t.Errorf("%s has no %s one", m[0], other)
		}
	}
	names, err := filepath.Glob(filepath.Join(repo, "docs", "pictures", "*"))
	if err != nil || len(names) != len(shown) || len(names) == 0 {
		t.Errorf("%d pictures are there, %d are shown: %v", len(names), len(shown), err)
	}
}

// A test that a document names is there: at least one begins so, for what go test -run takes.
func TestTheTestsThatDocumentsNameAreThere(t *testing.T) {
	var all []string
	head := regexp.MustCompile(`(?m)^func (Test[A-Z]\w*)`)
	err := filepath.WalkDir(repo, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path) //nolint:gosec // a file of the repository
		for _, m := range head.FindAllStringSubmatch(string(text), -1) {
			all = append(all, m[1])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`\bTest[A-Z]\w+`)
	n := 0
	for name, text := range readdocs.Read(t, repo, "*.md", "docs/*.md", "docs/adr/*.md") {
		if name == "CHANGELOG.md" {
			continue
		}
		for _, test := range named.FindAllString(text, -1) {
			n++
			if !slices.ContainsFunc(all, func(s string) bool { return strings.HasPrefix(s, test) }) {
				t.Errorf("%s names %s, and no test is called so", name, test)
			}
		}
	}
	if n < 100 {
		t.Errorf("%d names alone were found", n)
	}
}
