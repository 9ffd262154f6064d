package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// edit takes a guard out of the source, or puts something in the machine's place.
type edit struct {
	file, was, is string // was stands in file exactly once
}

// control is an agent that lacks a guard.
type control struct {
	without string // what was taken out, in words
	edits   []edit
}

// builder makes agents of the tree.
type builder struct {
	tree, into string
	seams      []edit // in every agent: the machine's, no guard of the agent's
	made       map[string]string
}

// agent is a program with the edits in it.  The tree is not touched: the compiler is
// told of other texts (go build -overlay).
func (b *builder) agent(ctx context.Context, name string, edits ...edit) (string, error) {
	if made, ok := b.made[name]; ok {
		return made, nil
	}
	replace := map[string]string{}
	texts, err := applied(b.tree, append(append([]edit{}, b.seams...), edits...))
	if err != nil {
		return "", err
	}
	for file, text := range texts {
		other := filepath.Join(b.into, name+strings.ReplaceAll("/"+file, "/", "-"))
		if err := os.WriteFile(other, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[within(b.tree, file)] = other
	}
	overlay := filepath.Join(b.into, name+".json")
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		return "", err
	}
	out := filepath.Join(b.into, "agent-"+name)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-overlay", overlay, "-ldflags", "-s -w", "-o", out, "./cmd/agent")
	cmd.Dir = b.tree
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, said)
	}
	b.made[name] = out
	return out, nil
}

// lastOfForm4 is the last commit whose records had the form before this one's.
const lastOfForm4 = "53305769b8f1^"

// before is the program before this one's records: it is built of the history.
func (b *builder) before(ctx context.Context) (string, error) {
	if made, ok := b.made[lastOfForm4]; ok {
		return made, nil
	}
	tree := filepath.Join(b.into, "before")
	if err := os.MkdirAll(tree, 0o700); err != nil {
		return "", err
	}
	script := exec.CommandContext(ctx, "sh", "-c", `git archive "$0" | tar -x -C "$1"`, lastOfForm4, tree)
	script.Dir = b.tree
	if said, err := script.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the program of before: %w\n%s", err, said)
	}
	out := filepath.Join(b.into, "agent-before")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", out, "./cmd/agent")
	cmd.Dir = tree
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program of before: %w\n%s", err, said)
	}
	b.made[lastOfForm4] = out
	return out, nil
}

// within is a file of the tree, or of Go's own.
func within(tree, file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(tree, file)
}

// applied is the texts of the files that edits change, by their names in the tree.
func applied(tree string, edits []edit) (map[string]string, error) {
	texts := map[string]string{}
	for _, e := range edits {
		text, ok := texts[e.file]
		if !ok {
			data, err := os.ReadFile(within(tree, e.file))
			if err != nil {
				return nil, err
			}
			text = string(data)
		}
		if n := strings.Count(text, e.was); n != 1 {
			return nil, fmt.Errorf("%s has %q %d times, not once: the source has changed, and the control with it", e.file, e.was, n)
		}
		texts[e.file] = strings.Replace(text, e.was, e.is, 1)
	}
	return texts, nil
}
