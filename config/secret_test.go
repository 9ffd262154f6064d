package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A key file that is a device was read until the memory was full.
func TestASecretIsAFileAndShort(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, n int) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(strings.Repeat("k", n)), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for _, c := range []struct{ situation, file, says string }{
		{"a key", write("key", 32), ""},
		{"the longest", write("longest", longestSecret), ""},
		{"a log by mistake", write("long", longestSecret+1), "longer than"},
		{"a device without end", "/dev/zero", "is not a file"},
		{"a folder", dir, "is not a file"},
		{"nothing", filepath.Join(dir, "none"), "no such file"},
	} {
		data, err := FromSystem().ReadFile(c.file)
		if (err == nil) != (c.says == "") || err != nil && (!strings.Contains(err.Error(), c.says) || data != nil) {
			t.Errorf("%s: %d bytes, %v", c.situation, len(data), err)
		}
	}
}
