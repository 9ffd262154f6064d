package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
)

// policyVerifyCmd takes envelopes as a site would.
type policyVerifyCmd struct {
	Files     []string  `arg:"" help:"Files of envelopes and key sets, one a line, in the order in which a site hears them; - is standard input."`
	Issuer    string    `required:"" help:"The utility's name, as the site's configuration has it."`
	Root      []string  `required:"" placeholder:"KEY" help:"Public root keys of the site's configuration."`
	Threshold int       `default:"1" help:"So many root keys must have signed a key set."`
	To        []string  `required:"" placeholder:"site:ID" help:"The site, and groups that it belongs to."`
	Stream    []string  `default:"tariff,rates,token,message,limit,event,read,time,supply" help:"What the site listens to."`
	Floor     string    `default:"4.2 kW" help:"The least limit that the site obeys."`
	At        time.Time `placeholder:"TIME" help:"As if it were then; RFC 3339."`
}

// Run prints a line for each envelope, and fails where one is refused.
func (c policyVerifyCmd) Run(e *env) error {
	floor, err := units.ParsePower(c.Floor)
	if err != nil {
		return &exitError{exitUsage, fmt.Errorf("--floor: %w", err)}
	}
	rules := policy.Rules{
		Issuer: c.Issuer, Roots: c.Root, Threshold: c.Threshold, Streams: []policy.Stream{policy.Receipt, policy.Heartbeat},
		Limit: policy.LimitRules{Floor: floor, FailSafe: floor, Minimum: policy.LeastFailSafe},
		Reads: policy.ReadRules{Intervals: true, Registers: true},
	}
	for _, r := range c.Root {
		if _, err := policy.DecodeKey(r); err != nil {
			return &exitError{exitUsage, fmt.Errorf("--root: %w", err)}
		}
	}
	for _, s := range c.Stream {
		rules.Streams = append(rules.Streams, policy.Stream(s))
	}
	for _, a := range c.To {
		kind, id, _ := strings.Cut(a, ":")
		switch {
		case !policy.IsAudience(a):
			return notAudience(a)
		case kind == "site" && rules.Site != "":
			return &exitError{exitUsage, errors.New("--to names two sites")}
		case kind == "site":
			rules.Site = id
		default:
			rules.Groups = append(rules.Groups, id)
		}
	}
	now := c.At
	if now.IsZero() {
		now = time.Now()
	}
	// Whether a home is protected then, only the home knows.
	rules.Disconnect = &policy.DisconnectRules{Mode: 1, Own: &credit.ProtectedDocument{}, Zone: time.UTC}
	var st policy.State
	refused := 0
	err = envelopes(e, c.Files, func(line []byte) error {
		var out policy.Outcome
		st, out = rules.Take(st, policy.In{Text: line, Now: now.UTC()})
		switch {
		case out.Code != policy.Taken:
			refused++
			fmt.Fprintf(e.Stdout, "refused: %s: %s\n", out.Code, out.Detail)
		case out.Keys != nil:
			fmt.Fprintf(e.Stdout, "taken: key set %d\n", out.Keys.Version)
		default:
			fmt.Fprintf(e.Stdout, "taken: %s %s\n", out.Envelope.Stream, out.Envelope.ID)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if refused > 0 {
		return &exitError{exitInvalid, nil}
	}
	return nil
}

// policyExplainCmd prints what envelopes say.
type policyExplainCmd struct {
	Files []string `arg:"" help:"Files of envelopes, one a line; - is standard input."`
}

// Run prints each envelope in words.
func (c policyExplainCmd) Run(e *env) error {
	return envelopes(e, c.Files, func(line []byte) error {
		claims, err := policy.Explain(line)
		if err != nil {
			return err
		}
		for _, w := range claims.Words() {
			fmt.Fprintln(e.Stdout, w)
		}
		return nil
	})
}

// envelopes hands on each line of the files.  What is told of a line is a fault of its
// file.
func envelopes(e *env, files []string, each func(line []byte) error) error {
	for _, name := range files {
		data, err := readInput(e, name)
		if err != nil {
			return err
		}
		for _, line := range bytes.Split(bytes.TrimSpace(data), []byte("\n")) {
			if err := each(line); err != nil {
				return &exitError{exitInvalid, fmt.Errorf("%s: %w", name, err)}
			}
		}
	}
	return nil
}
