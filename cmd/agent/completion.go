package main

import (
	_ "embed"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

//go:embed completion.bash
var completionBash string

//go:embed completion.zsh
var completionZsh string

//go:embed completion.fish
var completionFish string

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Run prints what a shell reads so that it completes the commands of this program.
func (c completionCmd) Run(e *env) error {
	text := map[string]string{"bash": completionBash, "zsh": completionZsh, "fish": completionFish}[c.Shell]
	_, err := io.WriteString(e.Stdout, text)
	return err
}

type completeCmd struct {
	Words []string `arg:"" optional:""`
}

// Run prints what the last of the words may become, one a line, with what it is
// behind a tab.  The shells ask it, so that they always know the commands of the
// program that is there; where it prints nothing they offer files.
func (c completeCmd) Run(e *env, k *kong.Kong) error {
	if len(c.Words) == 0 {
		return nil
	}
	last := len(c.Words) - 1
	for _, x := range complete(k.Model.Node, c.Words[:last], c.Words[last]) {
		if _, err := fmt.Fprintf(e.Stdout, "%s\t%s\n", x.word, x.help); err != nil {
			return err
		}
	}
	return nil
}

type candidate struct{ word, help string }

// complete is what may stand in the place of part, after words.
func complete(node *kong.Node, words []string, part string) []candidate {
	args := 0           // given so far
	var open *kong.Flag // waits for its value
	for _, w := range words {
		switch {
		case open != nil && w == "=": // bash takes --flag=value for three words
		case open != nil:
			open = nil
		case strings.HasPrefix(w, "-") && w != "-":
			name, _, given := strings.Cut(w, "=")
			if f := flagOf(node, name); f != nil && !given && takesValue(f) {
				open = f
			}
		default:
			if child := childOf(node, w); child != nil {
				node, args = child, 0
			} else {
				args++
			}
		}
	}
	name, value, given := strings.Cut(part, "=")
	switch {
	case open != nil:
		return wordsOf(open.Value, "", strings.TrimPrefix(part, "="))
	case strings.HasPrefix(part, "-") && given:
		if f := flagOf(node, name); f != nil && takesValue(f) {
			return wordsOf(f.Value, name+"=", value)
		}
		return nil
	case strings.HasPrefix(part, "-"):
		return flagsOf(node, part)
	}
	var out []candidate
	for _, x := range node.Children {
		if !x.Hidden && args == 0 && strings.HasPrefix(x.Name, part) {
			out = append(out, candidate{x.Name, oneLine(x.Help)})
		}
	}
	if len(node.Children) == 0 && len(node.Positional) > 0 {
		i := min(args, len(node.Positional)-1)
		if p := node.Positional[i]; i == args || p.IsSlice() {
			out = wordsOf(p, "", part)
		}
	}
	return out
}

func takesValue(f *kong.Flag) bool { return !f.IsBool() && !f.IsCounter() }

func childOf(node *kong.Node, name string) *kong.Node {
	for _, x := range node.Children {
		if x.Name == name {
			return x
		}
	}
	return nil
}

// flagOf is the flag of a name, "--name" or "-n", of a command or of one it is below.
func flagOf(node *kong.Node, name string) *kong.Flag {
	for ; node != nil; node = node.Parent {
		for _, f := range node.Flags {
			if name == "--"+f.Name || f.Short != 0 && name == "-"+string(f.Short) {
				return f
			}
		}
	}
	return nil
}

func flagsOf(node *kong.Node, part string) (out []candidate) {
	for ; node != nil; node = node.Parent {
		for _, f := range node.Flags {
			if !f.Hidden && strings.HasPrefix("--"+f.Name, part) {
				out = append(out, candidate{"--" + f.Name, oneLine(f.Help)})
			}
		}
	}
	return out
}

// wordsOf is what a value may be where only some words are allowed.
func wordsOf(v *kong.Value, before, part string) (out []candidate) {
	if v.Enum == "" {
		return nil
	}
	for _, x := range v.EnumSlice() {
		if x != "" && strings.HasPrefix(x, part) {
			out = append(out, candidate{before + x, ""})
		}
	}
	return out
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
