package main

import (
	"fmt"
	"strings"

	"github.com/keeplit/keeplit/cmd/agent/internal/setup"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
)

type pinCmd struct{}

// Run reads a PIN from standard input, so that it stays out of the shell's
// history, and prints the hash that web.pin wants.
func (pinCmd) Run(e *env) error {
	fmt.Fprintln(e.Stderr, "Type the PIN (4 digits or more) and press Enter:")
	line, err := setup.NewDialogue(e.Ctx, e.Stdin, e.Stderr).Hidden()
	pin := strings.TrimSpace(line)
	if pin == "" {
		return &exitError{exitUsage, fmt.Errorf("no PIN was typed (%w)", err)}
	}
	if len(pin) < setup.LeastPIN {
		return &exitError{exitInvalid, fmt.Errorf("a PIN of %d characters is guessed at once; take %d or more", len(pin), setup.LeastPIN)}
	}
	hash, err := web.HashPIN(pin)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(e.Stdout, hash)
	return err
}
