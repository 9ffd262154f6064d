package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/keeplit/keeplit/cmd/agent/internal/web"
)

type pinCmd struct{}

// Run reads a PIN from standard input, so that it stays out of the shell's
// history, and prints the hash that web.pin wants.
func (pinCmd) Run(e *env) error {
	fmt.Fprintln(e.Stderr, "Type the PIN (4 digits or more) and press Enter:")
	line, err := readHidden(e.Stdin)
	pin := strings.TrimSpace(line)
	if pin == "" {
		return &exitError{exitUsage, fmt.Errorf("no PIN was typed (%w)", err)}
	}
	if len(pin) < 4 {
		return &exitError{exitInvalid, fmt.Errorf("a PIN of %d characters is guessed at once; take 4 or more", len(pin))}
	}
	hash, err := web.HashPIN(pin)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(e.Stdout, hash)
	return err
}

// readHidden reads a line; from a terminal without showing what is typed.
func readHidden(r io.Reader) (string, error) {
	if f, ok := r.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		b, err := term.ReadPassword(int(f.Fd()))
		return string(b), err
	}
	return bufio.NewReader(r).ReadString('\n')
}
