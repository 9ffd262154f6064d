package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/credit"
)

type topupCmd struct {
	client
	Token []string `arg:"" optional:"" help:"The token's digits, blanks and dashes as you like, or a whole message with several; without it they are read from standard input."`
}

// Run enters tokens at the running agent.
func (c topupCmd) Run(e *env) error {
	token := strings.Join(c.Token, " ")
	if token == "" {
		text, err := typed(e.Stdin)
		if token = strings.TrimSpace(text); token == "" {
			return &exitError{exitUsage, fmt.Errorf("no token was given; type it after the command or on standard input (%w)", err)}
		}
	}
	status, body, err := c.call(e.Ctx, http.MethodPost, "/api/v1/topup", e.Getenv("KEEPLIT_PIN"), api.Token{Token: token})
	if err != nil {
		return err
	}
	if err := receipts(e.Stdout, body); err != nil {
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

// typed is a line that a person types, or all of a message that is sent in.
func typed(in io.Reader) (string, error) {
	if f, ok := in.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return bufio.NewReader(in).ReadString('\n')
		}
	}
	text, err := io.ReadAll(io.LimitReader(in, credit.LongestText+1))
	if err == nil && len(text) == 0 {
		err = io.EOF
	}
	return string(text), err
}

// receipts prints what became of each of several tokens.
func receipts(out io.Writer, body []byte) error {
	var a api.TopUp
	_ = json.Unmarshal(body, &a) // what is no such answer has none
	var errs []error
	for _, r := range a.Tokens {
		_, err := fmt.Fprintln(out, r.Message)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
