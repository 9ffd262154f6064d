package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/keeplit/keeplit/internal/documents"

	"github.com/alecthomas/kong"
)

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
	for name, text := range documents.Read(t, "../..", "README.md", "docs/*.md") {
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
