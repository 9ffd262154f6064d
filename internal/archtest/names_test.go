package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// A tour through rooms that have moved leads nowhere.
func TestTheFilesAndRoomsThatTheTourNamesAreThere(t *testing.T) {
	text, err := os.ReadFile("../../docs/ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, m := range regexp.MustCompile("`([a-z0-9_]+(?:/[a-z0-9_]+)*/[a-z0-9_]+(?:\\.go)?)`").FindAllSubmatch(text, -1) {
		name, there := string(m[1]), false
		for _, base := range []string{"../..", "../../cmd/agent/internal"} {
			if _, err := os.Stat(filepath.Join(base, filepath.FromSlash(name))); err == nil {
				there = true
			}
		}
		if n++; !there {
			t.Errorf("docs/ARCHITECTURE.md names %s, which is not there", name)
		}
	}
	if n < 40 {
		t.Errorf("only %d names were found", n)
	}
}
