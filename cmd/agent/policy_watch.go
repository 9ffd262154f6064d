package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
)

// watching is a watch under way.
type watching struct {
	policyWatchCmd
	e       *env
	client  *broker.Client
	told    map[string]string // public keys as the sites tell them
	early   []heardAck        // of sites whose key is not known yet
	seen    map[string]bool
	keys    map[string]uint64 // versions of the key sets that the sites have
	printed int
}

// receiptLives is how long a confirmation is good: a site may be away.
const receiptLives = 7 * 24 * time.Hour

// mostEarly bounds what waits for a site's key.
const mostEarly = 1024

// hear takes one message of a site.
func (w *watching) hear(ctx context.Context, m heardAck) error {
	if !m.state {
		return w.ack(ctx, m)
	}
	var st api.PolicyState
	if json.Unmarshal(m.text, &st) == nil && st.Key != "" {
		w.told[m.site] = st.Key
		if last, known := w.keys[m.site]; !known || last != st.Keys {
			w.keys[m.site] = st.Keys
			fmt.Fprintf(w.e.Stdout, "%s has key set %d of epoch %d\n", m.site, st.Keys, st.Epoch)
		}
	}
	early := w.early
	w.early = nil
	for _, x := range early {
		if err := w.ack(ctx, x); err != nil {
			return err
		}
	}
	return nil
}

// all tells whether every site has the key set that is waited for.
func (w *watching) all() bool {
	return !slices.ContainsFunc(w.Site, func(s string) bool { return w.keys[s] < w.Keys })
}

// missed is what was waited for in vain, where the time of --for is over.
func (w *watching) missed(stopped bool) error {
	switch {
	case stopped:
	case w.Keys > 0:
		for _, s := range w.Site {
			if w.keys[s] < w.Keys {
				return fmt.Errorf("after %s %s has not said that it has key set %d", w.For, s, w.Keys)
			}
		}
	case w.Count > 0:
		return fmt.Errorf("after %s %d of %d acknowledgements have come", w.For, w.printed, w.Count)
	}
	return nil
}

// ack prints one acknowledgement, once, and confirms it.
func (w *watching) ack(ctx context.Context, m heardAck) error {
	key, known := w.SiteKey[m.site]
	if !known {
		if key = w.told[m.site]; key == "" {
			if len(w.early) < mostEarly {
				w.early = append(w.early, m)
			}
			return nil
		}
	}
	public, err := policy.DecodeKey(key)
	if err != nil {
		return &exitError{exitUsage, fmt.Errorf("the key of %s: %w", m.site, err)}
	}
	site, a, err := policy.OpenAck(m.text, public)
	switch {
	case err != nil:
		fmt.Fprintf(w.e.Stderr, "agent: %s: an acknowledgement is not believed: %v\n", m.site, err)
		return nil
	case site != m.site:
		fmt.Fprintf(w.e.Stderr, "agent: %s: an acknowledgement is of %s\n", m.site, site)
		return nil
	}
	if id := fmt.Sprintf("%s %d %d", site, a.Since.UnixNano(), a.N); !w.seen[id] {
		w.seen[id] = true
		w.printed++
		line := fmt.Sprintf("%s %d %s %s %s", site, a.N, a.Of.Stream, a.Of.ID, a.State)
		if a.Code != "" {
			line += fmt.Sprintf(" %s: %s", a.Code, a.Detail)
		}
		if a.Limit != 0 {
			line += " " + a.Limit.String()
		}
		line += " at " + a.At.Format("2006-01-02T15:04:05Z")
		if !known {
			line += " (key as told)"
		}
		fmt.Fprintln(w.e.Stdout, strings.ReplaceAll(line, "\n", " "))
	}
	if !w.Take || a.Of.Issuer != w.Issuer {
		return nil
	}
	body, err := policy.ReceiptBody(a.Since, []uint64{a.N})
	if err != nil {
		return err
	}
	f := signFlags{Issuer: w.Issuer, To: "site:" + site, Key: w.Key, Epoch: w.Epoch, Numbers: w.Numbers}
	text, err := f.sign(policy.Receipt, 0, receiptLives, policy.AckNone, body)
	if err != nil {
		return err
	}
	return w.client.Publish(ctx, broker.PolicyStream(f.To, string(policy.Receipt)), false, []byte(text))
}
