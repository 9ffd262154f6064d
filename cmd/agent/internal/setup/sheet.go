// Package setup makes a site's configuration from a person's answers: the commented sample with
// what was answered put in its place.
package setup

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

//go:embed sample.yaml
var sample string //nolint:gochecknoglobals // embedded files must be

// Sheet is a configuration as the sample has it: settings in use, settings out of use behind a #,
// and words about them.  A # without a blank after it, in the first column, keeps its line out of use.
type Sheet struct{ lines []string }

// Sample is the sample, with the folder of the records.
func Sample(data string) *Sheet {
	s := Parse(sample)
	s.Set("data", data)
	return s
}

// Parse reads a sheet.
func Parse(text string) *Sheet {
	return &Sheet{strings.Split(strings.TrimSuffix(text, "\n"), "\n")}
}

// String is the sheet as a file.
func (s *Sheet) String() string { return strings.Join(s.lines, "\n") + "\n" }

// Copy is a sheet of its own with the same lines.
func (s *Sheet) Copy() *Sheet { return &Sheet{slices.Clone(s.lines)} }

// setting is a line of the sheet that sets something.
type setting struct {
	at     int    // its line, from 0
	end    int    // behind the last line that is indented below it
	path   string // of keys, with [] for an item of a list
	indent int
	off    bool
}

var settingForm = regexp.MustCompile(`^(#?)( *)(- )?(?:([a-z_0-9]+):(?: |$))?`) //nolint:gochecknoglobals // compiled once, never changed

// words tells whether a line says something to people, or nothing.
func words(line string) bool {
	return strings.TrimSpace(line) == "" || line == "#" || strings.HasPrefix(line, "# ") && !strings.HasPrefix(line, "#  ")
}

// settings are the sheet's, in its order.
func (s *Sheet) settings() []setting {
	type level struct {
		indent int
		path   string
	}
	var out []setting
	var above []level
	for i, text := range s.lines {
		m := settingForm.FindStringSubmatch(text)
		if words(text) || m[3] == "" && m[4] == "" {
			continue
		}
		indent := len(m[2])
		for len(above) > 0 && above[len(above)-1].indent >= indent {
			above = above[:len(above)-1]
		}
		path := ""
		if len(above) > 0 {
			path = above[len(above)-1].path
		}
		if m[3] != "" {
			path += "[]"
			above = append(above, level{indent, path})
		}
		if m[4] != "" {
			path = strings.TrimPrefix(path+"."+m[4], ".")
			above = append(above, level{indent + len(m[3]), path})
		}
		out = append(out, setting{at: i, end: i + 1, path: path, indent: indent, off: m[1] != ""})
	}
	for i := range out {
		for _, below := range out[i+1:] {
			if below.indent <= out[i].indent || below.off != out[i].off || below.at != out[i].end {
				break
			}
			out[i].end = below.at + 1
		}
	}
	return out
}

// find is the setting of a path that is in use or not and holds a text.
func (s *Sheet) find(path string, off bool, holds string) (setting, bool) {
	for _, c := range s.settings() {
		if c.path == path && c.off == off && strings.Contains(strings.Join(s.lines[c.at:c.end], "\n"), holds) {
			return c, true
		}
	}
	return setting{}, false
}

// must is find of what the sample has.
func (s *Sheet) must(path string, off bool, holds string) setting {
	c, ok := s.find(path, off, holds)
	if !ok {
		panic(fmt.Sprintf("setup: the sample has no %s (out of use: %v) with %q", path, off, holds))
	}
	return c
}

// Set gives a setting that is in use another value, as YAML writes it.  Its comment stays.
func (s *Sheet) Set(path, value string) {
	c := s.must(path, false, "")
	key, rest, _ := strings.Cut(s.lines[c.at], ":")
	comment := ""
	if i := strings.Index(rest, "  # "); i >= 0 {
		comment = rest[i:]
	}
	text := key + ": " + value
	if comment != "" {
		comment = strings.TrimLeft(comment, " ")
		text = fmt.Sprintf("%-34s%s", text+"  ", comment)
	}
	s.lines[c.at] = text
}

// Use takes a setting into use, with all that is indented below it.
func (s *Sheet) Use(path string) {
	if _, ok := s.find(path, false, ""); ok {
		return
	}
	c := s.must(path, true, "")
	s.toggle(c)
}

// toggle takes a setting into use, or out of it.  Comments stay in their column.
func (s *Sheet) toggle(c setting) {
	for i := c.at; i < c.end; i++ {
		line := s.lines[i]
		at := strings.Index(line, "  # ")
		switch {
		case c.off && at > 0:
			s.lines[i] = line[1:at] + " " + line[at:]
		case c.off:
			s.lines[i] = line[1:]
		case at > 1 && line[at-1] == ' ':
			s.lines[i] = "#" + line[:at-1] + line[at:]
		default:
			s.lines[i] = "#" + line
		}
	}
}

// Leave takes a setting out of use.
func (s *Sheet) Leave(path string) {
	if c, ok := s.find(path, false, ""); ok {
		s.toggle(c)
	}
}

// Choose takes another block of the same key into use, the one that holds a text: the two change places, each with
// the words above it.
func (s *Sheet) Choose(path, holds string) {
	if _, ok := s.find(path, false, holds); ok {
		return
	}
	now, other := s.must(path, false, ""), s.must(path, true, holds)
	first, second := s.withWords(now), s.withWords(other)
	s.toggle(now)
	s.toggle(other)
	if first.at > second.at {
		first, second = second, first
	}
	s.lines = slices.Concat(s.lines[:first.at], s.lines[second.at:second.end], s.lines[first.end:second.at], s.lines[first.at:first.end], s.lines[second.end:])
}

// withWords is a setting with the words right above it.
func (s *Sheet) withWords(c setting) setting {
	for c.at > 0 && strings.HasPrefix(s.lines[c.at-1], "# ") && words(s.lines[c.at-1]) {
		c.at--
	}
	return c
}

// Add puts lines right below a setting that is in use.
func (s *Sheet) Add(path string, lines ...string) {
	s.lines = slices.Insert(s.lines, s.must(path, false, "").at+1, lines...)
}

var plain = regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9/_.:-]*( [A-Za-z/][A-Za-z0-9/_.:-]*)*$`) //nolint:gochecknoglobals // compiled once, never changed

// text is a text as YAML writes it.
func text(v string) string {
	switch strings.ToLower(v) {
	case "null", "true", "false", "yes", "no", "on", "off", "y", "n":
		return strconv.Quote(v)
	}
	if plain.MatchString(v) && !strings.Contains(v+" ", ": ") {
		return v
	}
	return strconv.Quote(v)
}
