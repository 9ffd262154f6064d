package main

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
)

type topupCmd struct {
	client
	Token []string `arg:"" optional:"" help:"The token's digits, blanks and dashes as you like; without it they are read from standard input."`
}

// Run enters a token at the running agent.
func (c topupCmd) Run(e *env) error {
	token := strings.Join(c.Token, "")
	if token == "" {
		line, err := bufio.NewReader(e.Stdin).ReadString('\n')
		if token = strings.TrimSpace(line); token == "" {
			return &exitError{exitUsage, fmt.Errorf("no token was given; type it after the command or on standard input (%w)", err)}
		}
	}
	status, body, err := c.call(e.Ctx, http.MethodPost, "/api/v1/topup", e.Getenv("KEEPLIT_PIN"), api.Token{Token: token})
	if err != nil {
		return err
	}
	switch status {
	case http.StatusOK:
		_, err = fmt.Fprintln(e.Stdout, message(body))
		return err
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%s (the PIN is taken from the environment variable KEEPLIT_PIN)", message(body))
	case http.StatusServiceUnavailable:
		return fmt.Errorf("%s", message(body))
	}
	return &exitError{exitInvalid, fmt.Errorf("%s", message(body))}
}
