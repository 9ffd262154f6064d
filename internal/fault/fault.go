// Package fault says what is wrong with a document in three parts a person can
// act on: where, what, and what to do about it.  Domain packages return a List
// when they check a document; config adds the line number of each path.
package fault

import (
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing wrong with a document.
type Fault struct {
	Path    string // the key's path from the document's root, e.g. "periods[2].from"; "" is the document itself
	Problem string // what is wrong, with the value met, e.g. `"25:00" is not a time of day`
	Remedy  string // what to do next, e.g. "write hours and minutes, 00:00 to 24:00"
	Line    int    // 1-based; 0 where it is not known
}

func (f Fault) String() string {
	var b strings.Builder
	if f.Line > 0 {
		fmt.Fprintf(&b, "line %d: ", f.Line)
	}
	if f.Path != "" {
		b.WriteString(f.Path + ": ")
	}
	b.WriteString(f.Problem)
	if f.Remedy != "" {
		b.WriteString("; " + f.Remedy)
	}
	return b.String()
}

// List is every fault of a document at once.
type List []Fault

// Add appends a fault at path.
func (l *List) Add(path, remedy, problem string, args ...any) {
	*l = append(*l, Fault{Path: path, Problem: fmt.Sprintf(problem, args...), Remedy: remedy})
}

// Under appends the faults of a part of the document, with their paths put
// below prefix.
func (l *List) Under(prefix string, part List) {
	for _, f := range part {
		switch {
		case f.Path == "":
			f.Path = prefix
		case strings.HasPrefix(f.Path, "["):
			f.Path = prefix + f.Path
		default:
			f.Path = prefix + "." + f.Path
		}
		*l = append(*l, f)
	}
}

// Need adds a fault where a text is missing.
func (l *List) Need(path, value, remedy string) {
	if value == "" {
		l.Add(path, remedy, "it is missing")
	}
}

// OneOf adds a fault where a text is none of words.
func (l *List) OneOf(path, value string, words ...string) {
	if !slices.Contains(words, value) {
		written := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "" }) // what may be left out is no word to write
		if value == "" {
			l.Add(path, "write one of "+strings.Join(written, ", "), "it is missing")
			return
		}
		l.Add(path, "write one of "+strings.Join(written, ", "), "%q is not known", value)
	}
}

// Touches tells whether a fault is at path, below it, or above it.
func (l List) Touches(path string) bool {
	return slices.ContainsFunc(l, func(f Fault) bool { return within(path, f.Path) || within(f.Path, path) })
}

// within tells whether path is part, or below it.
func within(path, part string) bool {
	rest, ok := strings.CutPrefix(path, part)
	return ok && (rest == "" || part == "" || rest[0] == '.' || rest[0] == '[')
}

// Err is the list as an error, nil where it is empty.
func (l List) Err() error {
	if len(l) == 0 {
		return nil
	}
	return l
}

// Error is one fault a line.
func (l List) Error() string {
	lines := make([]string, len(l))
	for i, f := range l {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}
