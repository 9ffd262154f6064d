package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// documentsOf are the documents, by name.
func documentsOf(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, pattern := range []string{"../../README.md", "../../docs/*.md"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			out[strings.TrimPrefix(name, "../../")] = string(text)
		}
	}
	return out
}

// commandsIn are the lines of a document's blocks that call the agent, and what stands
// between back-ticks and does.
func commandsIn(text string) (out []string) {
	inBlock := regexp.MustCompile(`(?m)^(?: {4}|)(?:\./)?(agent [a-z-].*)$`)
	for _, found := range inBlock.FindAllStringSubmatch(text, -1) {
		out = append(out, found[1])
	}
	for _, found := range regexp.MustCompile("`(?:sudo (?:-u keeplit )?)?(agent [a-z-][^`]*)`").FindAllStringSubmatch(text, -1) {
		out = append(out, found[1])
	}
	return out
}

// unknownIn is the first word of a command line that the program does not have.
func unknownIn(root *kong.Node, line string) string {
	line, _, _ = strings.Cut(line, "#")
	node := root
	flags := func() (names []string) {
		for n := node; n != nil; n = n.Parent {
			for _, f := range n.Flags {
				names = append(names, f.Name)
			}
		}
		return append(names, "help")
	}
	for i, word := range strings.Fields(line)[1:] {
		word = strings.Trim(word, `",.()`)
		if slices.Contains([]string{">", "<", "|", "&&"}, word) {
			return ""
		}
		if name, isFlag := strings.CutPrefix(word, "--"); isFlag {
			name, _, _ = strings.Cut(name, "=")
			if node.DefaultCmd != nil && !slices.Contains(flags(), name) {
				node = node.DefaultCmd
			}
			if name != "" && !slices.Contains(flags(), name) {
				return word
			}
			continue
		}
		if len(node.Children) == 0 {
			continue
		}
		next := node
		for _, name := range strings.Split(strings.ReplaceAll(word, `\`, ""), "|") { // a choice of them
			at := slices.IndexFunc(node.Children, func(c *kong.Node) bool { return c.Type == kong.CommandNode && c.Name == name })
			switch {
			case at >= 0:
				next = node.Children[at]
			case node.DefaultCmd != nil:
				next = node.DefaultCmd
			case i == 0 || name != strings.ToUpper(name):
				return word
			}
		}
		node = next
	}
	return ""
}

// Whoever types what a document says finds the command and its flags.
func TestCommandsOfTheDocumentsAreThere(t *testing.T) {
	var tree cli
	parser, err := kong.New(&tree, kong.Name("agent"), kong.Vars(decodeWords()), kong.Vars{"version": ""})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for name, text := range documentsOf(t) {
		for _, line := range commandsIn(text) {
			n++
			if word := unknownIn(parser.Model.Node, line); word != "" {
				t.Errorf("%s: there is no %s in %q", name, word, line)
			}
		}
	}
	if n < 150 {
		t.Errorf("only %d commands were found", n)
	}
	for _, wrong := range []string{"agent chekc", "agent token dekode", "agent check --tri", "agent ledger verify|exprt"} {
		if unknownIn(parser.Model.Node, wrong) == "" {
			t.Errorf("%q is called right", wrong)
		}
	}
}

// shellIn are the lines of the blocks of shell of a document, in their order.
func shellIn(text string) (out []string) {
	fenced := false
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "```") {
			fenced = line == "```sh"
			continue
		}
		if indented, is := strings.CutPrefix(line, "    "); is && strings.HasPrefix(indented, "agent ") || fenced {
			out = append(out, strings.TrimPrefix(line, "    "))
		}
	}
	return out
}

// These documents are walked through in an empty folder, line by line.
func TestTheDocumentsAreWalkedThrough(t *testing.T) {
	bin := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bin, "agent"), []byte("#!/bin/sh\n"+asAgent+"=1 exec '"+self+"' \"$@\"\n"), 0o700); err != nil { //nolint:gosec // it is a program
		t.Fatal(err)
	}
	texts := documentsOf(t)
	for document, walk := range map[string]struct {
		files map[string]string
		not   map[string]string // the beginning of a line, and why it is not run
		fails map[string]string // the beginning of one that ends with a fault, and what it says
	}{
		"docs/start.md": {
			not:   map[string]string{"go build": "the program is here", "./agent demo": "it goes on until it is stopped; a test of its own runs it"},
			fails: map[string]string{"agent check": "tokens.openpaygo.key"},
		},
		"docs/tokens-by-description.md": {files: map[string]string{
			"meter.yaml":        "scheme: described\ndescription: village-grid.yaml\nmeter: \"04123456789\"\nkey: \"3132333435363738393031323334353637383930\"\nnext: 0\n",
			"village-grid.yaml": "../../examples/tokens/village-grid.yaml",
		}},
	} {
		t.Run(document, func(t *testing.T) {
			dir, ran := t.TempDir(), 0
			for name, text := range walk.files {
				if strings.HasPrefix(text, "../") {
					data, err := os.ReadFile(text)
					if err != nil {
						t.Fatal(err)
					}
					text = string(data)
				}
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			begins := func(line string, of map[string]string) (string, bool) {
				for beginning, what := range of {
					if strings.HasPrefix(line, beginning) {
						return what, true
					}
				}
				return "", false
			}
			for _, line := range shellIn(texts[document]) {
				if _, not := begins(line, walk.not); not {
					continue
				}
				ran++
				cmd := exec.Command("sh", "-c", line)
				cmd.Dir, cmd.Env = dir, append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
				out, err := cmd.CombinedOutput()
				says, fails := begins(line, walk.fails)
				if fails != (err != nil) || !strings.Contains(string(out), says) {
					t.Errorf("%s: %v: %s", line, err, out)
				}
			}
			if ran < 3 {
				t.Errorf("only %d lines were run", ran)
			}
		})
	}
}
