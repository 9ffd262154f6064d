package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
)

// expectCmd tells the running agent of the use in a time to come.
type expectCmd struct {
	Away     expectAwayCmd     `cmd:"" help:"Nobody is there: little is used, and hot water only before they are back."`
	Guests   expectGuestsCmd   `cmd:"" help:"More people than usual are there."`
	Extra    expectExtraCmd    `cmd:"" help:"Something uses energy on top of what is usual: a roast on Sunday."`
	Outage   expectOutageCmd   `cmd:"" help:"The utility has announced that there is no mains."`
	Back     expectBackCmd     `cmd:"" help:"Back already: the time away that is under way is over."`
	Withdraw expectWithdrawCmd `cmd:"" help:"Take back what was told."`
	List     expectListCmd     `cmd:"" default:"1" help:"Show what is told (as without a word)."`
}

type expectAwayCmd struct {
	client
	From  string `placeholder:"WHEN" help:"When it begins: 2026-12-20, \"20 Dec\", Fri, today, or with a time: \"Fri 18:00\"; of a day alone, as it ends. Now if not given."`
	Until string `required:"" placeholder:"WHEN" help:"When they are back; of a day alone, as it begins."`
}

type expectGuestsCmd struct {
	client
	From  string `placeholder:"WHEN" help:"When they come, as of away; of a day alone, as it begins. Now if not given."`
	Until string `required:"" placeholder:"WHEN" help:"When they go; of a day alone, as it ends."`
}

type expectExtraCmd struct {
	client
	Energy string `arg:"" help:"How much: \"3 kWh\"."`
	From   string `required:"" placeholder:"WHEN" help:"When it begins: \"Sun 12:00\"."`
	Until  string `placeholder:"WHEN" help:"When it is over; two hours later if not given."`
}

type expectOutageCmd struct {
	client
	From  string `required:"" placeholder:"WHEN" help:"When it begins: \"18:00\", \"Fri 18:00\"."`
	Until string `required:"" placeholder:"WHEN" help:"When the mains is back."`
}

type expectBackCmd struct{ client }

type expectWithdrawCmd struct {
	client
	N int `arg:"" help:"The number that the list has."`
}

type expectListCmd struct {
	client
	JSON bool `help:"Print the answer as JSON."`
}

// told is what is told, in the words that all ways have.
func told(what, from, until string) string {
	if from != "" {
		what += " from " + from
	}
	if until != "" {
		what += " until " + until
	}
	return what
}

func (c expectAwayCmd) Run(e *env) error   { return c.expect(e, told("away", c.From, c.Until)) }
func (c expectGuestsCmd) Run(e *env) error { return c.expect(e, told("guests", c.From, c.Until)) }
func (c expectExtraCmd) Run(e *env) error  { return c.expect(e, told(c.Energy, c.From, c.Until)) }
func (c expectOutageCmd) Run(e *env) error { return c.expect(e, told("outage", c.From, c.Until)) }
func (c expectBackCmd) Run(e *env) error   { return c.expect(e, "back") }
func (c expectWithdrawCmd) Run(e *env) error {
	return c.expect(e, fmt.Sprintf("withdraw %d", c.N))
}

func (c expectListCmd) Run(e *env) error {
	v, err := c.view(e)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(e.Stdout).Encode(api.ExpectAnswer{Expected: v.Expected})
	}
	return printExpected(e, v.Expected)
}

// expect tells it, and prints what is told now.
func (c client) expect(e *env, text string) error {
	status, body, err := c.call(e.Ctx, http.MethodPost, "/api/v1/expect", e.Getenv("KEEPLIT_PIN"), api.Expect{Expect: text})
	if err != nil {
		return err
	}
	if err := asked(status, body); err != nil {
		return err
	}
	var a api.ExpectAnswer
	if err := json.Unmarshal(body, &a); err != nil {
		return fmt.Errorf("the answer of %s cannot be read: %w", c.URL, err)
	}
	return printExpected(e, a.Expected)
}

func printExpected(e *env, all []api.Expected) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(e.Stdout, "Nothing is told of the time to come.")
		return err
	}
	for _, x := range all {
		if _, err := fmt.Fprintf(e.Stdout, "%d  %s\n", x.N, x.Says); err != nil {
			return err
		}
	}
	return nil
}

// toldSoon is what is told of now and of the next day, in words.
func toldSoon(v *api.View) (out []string) {
	soon := fromWire(v.At).Add(24 * time.Hour)
	for _, x := range v.Expected {
		if x.From.Before(soon) {
			out = append(out, x.Says)
		}
	}
	return out
}
