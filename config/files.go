package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// File is a file that a configuration names.
type File struct {
	Path   string // as it is written there
	Secret bool   // by its place in the configuration, or a private key by its content
}

// greatestFile is how large a file is at most that belongs to a configuration: larger ones are
// recordings.
const greatestFile = 4 << 20

// Files are the files that the configuration names, each once: those of secrets whether they are
// there or not, the others where there is such a file.  The records are none of them.
func (c *Config) Files() []File {
	var out []File
	seen := map[string]bool{}
	add := func(name string, secret bool) {
		if path := c.Path(name); !seen[path] {
			seen[path] = true
			out = append(out, File{name, secret})
		}
	}
	for _, name := range c.hidden {
		add(name, true)
	}
	for _, text := range c.texts {
		if text == "" || len(text) > 4096 || strings.ContainsAny(text, "\n\x00") || c.within(text) {
			continue
		}
		info, err := os.Stat(c.Path(text))
		if err != nil || !info.Mode().IsRegular() || info.Size() > greatestFile {
			continue
		}
		data, err := os.ReadFile(c.Path(text))
		add(text, err != nil || strings.Contains(string(data), "PRIVATE KEY"))
	}
	return out
}

// within tells whether a path is in the folder of the records, or is the head that is kept apart.
func (c *Config) within(name string) bool {
	rel, err := filepath.Rel(c.Path(c.Data), c.Path(name))
	return err == nil && filepath.IsLocal(rel) || c.HeadFile != "" && c.Path(name) == c.Path(c.HeadFile)
}

// Beside tells whether a path that the configuration names stays in its own folder.
func Beside(name string) bool {
	return filepath.IsLocal(name) && !slices.Contains(strings.Split(filepath.ToSlash(name), "/"), "..")
}

// TokenKey tells whether a file holds the key of a token scheme that cannot be guessed.
func (c *Config) TokenKey(name string) bool { return slices.Contains(c.keys, name) }
