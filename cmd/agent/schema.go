package main

import (
	"cmp"
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/keeplit/keeplit/cmd/agent/internal/api/openapi"
	"github.com/keeplit/keeplit/cmd/agent/internal/drivers"
	"github.com/keeplit/keeplit/config"
)

//go:embed schema.md
var schemaIntroduction string

type schemaCmd struct {
	Key      string `arg:"" optional:"" help:"Say what this key is, e.g. site.limit or loads.need, in place of the schema."`
	API      bool   `name:"api" help:"Print the OpenAPI document of the HTTP API instead."`
	Markdown bool   `help:"Print the reference of all keys, docs/configuration.md."`
}

// Run prints the JSON Schema of the configuration, what is said of its keys, or the OpenAPI
// document of the API.
func (c schemaCmd) Run(e *env) error {
	if c.API {
		_, err := io.WriteString(e.Stdout, openapi.Document())
		return err
	}
	sections, err := config.Reference(drivers.All())
	if err != nil {
		return err
	}
	switch {
	case c.Markdown:
		_, err = io.WriteString(e.Stdout, schemaIntroduction+markdown(sections))
		return err
	case c.Key != "":
		return explain(e.Stdout, sections, c.Key)
	}
	schema, err := config.Schema(drivers.All())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.Stdout, "%s\n", schema)
	return err
}

// explain says what a key is, wherever it stands; a mapping with its keys.
func explain(w io.Writer, sections []config.Section, path string) error {
	want := placesOf(sections, withoutEntries(path))
	found := false
	var paths []string
	for _, s := range sections {
		at := withoutEntries(s.Path)
		if slices.Contains(want, at) && len(s.Keys) > 0 {
			found = true
			fmt.Fprintf(w, "%s\n\n  %s\n\n", path+with(s), s.Text)
			for _, k := range s.Keys {
				fmt.Fprintf(w, "  %-16s %s\n", k.Name, k.Text)
			}
			fmt.Fprintln(w)
		}
		for _, k := range s.Keys {
			name := strings.TrimPrefix(at+"."+k.Name, ".")
			paths = append(paths, name)
			if k.Below != "" || !slices.Contains(want, name) {
				continue
			}
			found = true
			fmt.Fprintf(w, "%s\n\n  %s\n", path+with(s), k.Text)
			if k.Default != "" {
				fmt.Fprintf(w, "  Default: %s\n", k.Default)
			}
			fmt.Fprintf(w, "  Example: %s: %s\n\n", k.Name, k.Example)
		}
	}
	if !found {
		remedy := `"agent schema --markdown" prints all of them`
		if near := config.Nearest(want[len(want)-1], paths); near != "" {
			remedy = fmt.Sprintf("did you mean %s?", near)
		}
		return fmt.Errorf("a configuration has no key %s; %s", path, remedy)
	}
	return nil
}

// placesOf are a path, and those at which the same keys are told of: a switch's are told
// once, for the supply and for loads.
func placesOf(sections []config.Section, path string) []string {
	out := []string{path}
	for i := 0; i < len(out); i++ {
		for _, s := range sections {
			for _, also := range s.Also {
				rest, below := strings.CutPrefix(out[i]+".", withoutEntries(also)+".")
				place := strings.TrimSuffix(withoutEntries(s.Path)+"."+rest, ".")
				if below && !slices.Contains(out, place) {
					out = append(out, place)
				}
			}
		}
	}
	return out
}

// withoutEntries is a path without the marks of lists: loads[0].need is loads.need.
func withoutEntries(path string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(path, "[")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		_, path, _ = strings.Cut(after, "]")
	}
}

func with(s config.Section) string {
	if s.Driver == "" {
		return ""
	}
	return " with driver: " + s.Driver
}

func title(s config.Section) string { return cmp.Or(s.Path, "The file") + with(s) }

// markdown is the reference of all keys.
func markdown(sections []config.Section) string {
	var b strings.Builder
	told := map[string]string{} // the heading under which the keys of a path are told
	for _, s := range sections {
		for _, path := range append(s.Also, s.Path) {
			for _, at := range []string{path, path + with(s)} {
				if told[at] == "" {
					told[at] = title(s)
				}
			}
		}
	}
	for _, s := range sections {
		depth := "##"
		if strings.Contains(s.Path, ".") {
			depth = "###"
		}
		if s.Path == "" {
			fmt.Fprintf(&b, "\n## The file\n\nAt its left edge stand:\n")
		} else {
			fmt.Fprintf(&b, "\n%s %s\n\n%s\n", depth, title(s), tableCell(s.Text))
			if len(s.Also) > 0 {
				fmt.Fprintf(&b, "The same keys stand in %s.\n", list(s.Also))
			}
			if s.Example != "" {
				fmt.Fprintf(&b, "\n```yaml\n%s\n```\n", s.Example)
			}
		}
		if len(s.Keys) == 0 {
			continue
		}
		b.WriteString("\n| key | what it is | default | example |\n|---|---|---|---|\n")
		for _, k := range s.Keys {
			text, example := tableCell(k.Text), "`"+tableCell(k.Example)+"`"
			if k.Below != "" {
				example = fmt.Sprintf("[%s](#%s)", k.Below, anchor(cmp.Or(told[k.Below+with(s)], told[k.Below])))
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.Name, text, defaultOf(k), example)
		}
	}
	return b.String()
}

func defaultOf(k config.Key) string {
	switch {
	case k.Default == "":
		return ""
	case k.Stated && strings.Contains(k.Default, " "):
		return tableCell(k.Default)
	}
	return "`" + tableCell(k.Default) + "`"
}

func list(paths []string) string {
	for i, p := range paths {
		paths[i] = "`" + p + "`"
	}
	if n := len(paths); n > 1 {
		return strings.Join(paths[:n-1], ", ") + " and " + paths[n-1]
	}
	return paths[0]
}

// tableCell is a text that may stand in a cell of a table.
func tableCell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// anchor is the name by which a heading is linked to.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return -1
	}, heading)
}
