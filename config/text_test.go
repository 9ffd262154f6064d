package config

import (
	"os"
	"strings"
	"testing"
	"unicode/utf16"
)

// Editors save more than one kind of text.
func TestAFileInAnotherEncodingIsReadOrSaysWhichItIs(t *testing.T) {
	good, err := os.ReadFile("testdata/minimal.good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var wide []byte
	for _, u := range utf16.Encode([]rune("\ufeff" + string(good))) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	for _, row := range []struct {
		name string
		data []byte
		line int // of the fault; 0: it is right
	}{
		{"UTF-8", good, 0},
		{"UTF-8 with a byte order mark", append([]byte("\xef\xbb\xbf"), good...), 0},
		{"lines that end as on Windows", []byte(strings.ReplaceAll(string(good), "\n", "\r\n")), 0},
		{"UTF-16", wide, 1},
		{"an old code page in the third line", []byte("# one\n# two\n# caf\xe9\n" + string(good)), 3},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, faults := Parse(row.data, ".", testSecrets(), testDrivers())
			switch {
			case row.line == 0 && len(faults) > 0:
				t.Error(faults)
			case row.line > 0 && (len(faults) != 1 || faults[0].Line != row.line || !strings.Contains(faults[0].Remedy, "UTF-8")):
				t.Errorf("%v", faults)
			}
		})
	}
}
