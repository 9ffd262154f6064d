package archtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
