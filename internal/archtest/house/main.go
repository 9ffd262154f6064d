// Command house draws the module: its floors with their packages, how many
// imports run down and which run back up, and the longest files and functions.
package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/keeplit/keeplit/internal/archtest"
)

func main() {
	root := "."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	h, err := archtest.Read(root)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	back := draw(os.Stdout, h)
	if err := chapters(os.Stdout, root, "cmd/agent/internal/control", "step", "Site"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if back > 0 {
		os.Exit(1)
	}
}

// draw prints the house and answers how many arrows run back.
func draw(w io.Writer, h archtest.House) (back int) {
	plan := archtest.Plan(h)
	for i, packages := range plan {
		fmt.Fprintf(w, "%2d  %s\n", len(plan)-i, strings.Join(packages, "  "))
	}
	for _, a := range h.Arrows {
		if a.Back {
			back++
			fmt.Fprintf(w, "back: %s -> %s\n", a.From, a.To)
		}
	}
	fmt.Fprintf(w, "\n%d packages, %d arrows, %d back (packages in a circle do not compile)\n", len(h.Packages), len(h.Arrows), back)
	for _, part := range []struct {
		what  string
		sizes []archtest.Size
		long  int
	}{{"files", h.Files, 600}, {"functions", h.Functions, 80}} {
		over := 0
		for _, s := range part.sizes {
			if s.Lines > part.long {
				over++
			}
		}
		fmt.Fprintf(w, "\n%d %s, %d of them over %d lines; the longest:\n", len(part.sizes), part.what, over, part.long)
		for _, s := range part.sizes[:min(8, len(part.sizes))] {
			fmt.Fprintf(w, "%5d  %s\n", s.Lines, s.Name)
		}
	}
	return back
}

// chapters says how the files of a package lean on each other, and how many
// methods some of its types have.
func chapters(w io.Writer, root, dir string, types ...string) error {
	c, err := archtest.ReadChapters(root, dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%s: %d files, %d arrows between them, %d back", dir, c.Files, c.Arrows, c.Back)
	for _, t := range types {
		fmt.Fprintf(w, "; %d methods on %s", c.Methods[t], t)
	}
	fmt.Fprintln(w)
	return nil
}
