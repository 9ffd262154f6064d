package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
)

// programCmd is about programs that use the API by a token of their own, in place of the PIN.
type programCmd struct {
	Add      programAddCmd      `cmd:"" help:"Make a token for a program, and print it this once."`
	List     programListCmd     `cmd:"" help:"List the programs, what they may do and when each was heard last."`
	Withdraw programWithdrawCmd `cmd:"" help:"Take a program's token back."`
}

type programAddCmd struct {
	client
	Name  string   `arg:"" help:"What the program is called in the record of changes."`
	Scope []string `required:"" placeholder:"SCOPE" help:"What it may do: read, control, top-up or settings; several with commas between."`
}

// Run prints the token alone on standard output, so that it can be put into a file.
func (c programAddCmd) Run(e *env) error {
	body, err := c.asked(e, http.MethodPost, "/api/v1/programs", api.LetIn{Name: c.Name, Scopes: c.Scope})
	if err != nil {
		return err
	}
	var a api.Admitted
	if err := json.Unmarshal(body, &a); err != nil {
		return err
	}
	fmt.Fprintf(e.Stderr, "The token of %s (%s); it is shown this once:\n", a.Name, strings.Join(a.Scopes, ", "))
	_, err = fmt.Fprintln(e.Stdout, a.Token)
	return err
}

type programListCmd struct {
	client
	JSON bool `name:"json" help:"Print JSON."`
}

// Run prints a line a program.
func (c programListCmd) Run(e *env) error {
	body, err := c.asked(e, http.MethodGet, "/api/v1/programs", nil)
	if err != nil {
		return err
	}
	if c.JSON {
		_, err = fmt.Fprintf(e.Stdout, "%s\n", body)
		return err
	}
	var a api.Programs
	if err := json.Unmarshal(body, &a); err != nil {
		return err
	}
	if len(a.Programs) == 0 {
		_, err = fmt.Fprintln(e.Stdout, "no program has a token")
		return err
	}
	for _, p := range a.Programs {
		used := "never"
		if p.Used != nil {
			used = p.Used.Format("2006-01-02 15:04 UTC")
		}
		if _, err := fmt.Fprintf(e.Stdout, "%s: %s; made %s, last used %s\n", p.Name, strings.Join(p.Scopes, ", "), p.Made.Format("2006-01-02"), used); err != nil {
			return err
		}
	}
	return nil
}

type programWithdrawCmd struct {
	client
	Name string `arg:"" help:"The program's name."`
}

// Run takes the token back.
func (c programWithdrawCmd) Run(e *env) error {
	if _, err := c.asked(e, http.MethodPost, "/api/v1/programs/"+url.PathEscape(c.Name)+"/withdraw", nil); err != nil {
		return err
	}
	_, err := fmt.Fprintf(e.Stdout, "the token of %s is withdrawn\n", c.Name)
	return err
}

// asked asks for what only who has the PIN may have.
func (c client) asked(e *env, method, path string, body any) ([]byte, error) {
	status, text, err := c.call(e.Ctx, method, path, e.Getenv("KEEPLIT_PIN"), body)
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusTooManyRequests:
		return nil, fmt.Errorf("%s (the PIN is taken from the environment variable KEEPLIT_PIN)", message(text))
	case status >= http.StatusInternalServerError:
		return nil, fmt.Errorf("%s", message(text))
	case status >= http.StatusBadRequest:
		return nil, &exitError{exitInvalid, fmt.Errorf("%s", message(text))}
	}
	return text, nil
}
