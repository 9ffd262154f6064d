package main

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"os"
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
	answers answerSet
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
	if err := w.answer(ctx, m.site, st); err != nil {
		return err
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
	if policy.IsReadings(m.text) {
		return w.readings(m, public)
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
	if a.Of.Stream == policy.Read && a.State == policy.Applied && !w.seen[readID(site, a.Of)] {
		return nil // it comes again, and the readings with it
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

// readID names the answer to a request among what was seen.
func readID(site string, of policy.Ref) string {
	return fmt.Sprintf("%s readings %s %d %d", site, of.Audience, of.Epoch, of.Seq)
}

// readings prints and keeps one part of an answer, once.
func (w *watching) readings(m heardAck, public ed25519.PublicKey) error {
	r, err := policy.OpenReadings(m.text, public)
	if err == nil && r.Site != m.site {
		err = fmt.Errorf("they are of %s", r.Site)
	}
	if err != nil {
		fmt.Fprintf(w.e.Stderr, "agent: %s: readings are not believed: %v\n", m.site, err)
		return nil
	}
	id := readID(r.Site, r.Of)
	if r.Part < r.Parts { // the last one says that all are here
		id += fmt.Sprint(" part ", r.Part)
	}
	if w.seen[id] {
		return nil
	}
	w.seen[id] = true
	line := fmt.Sprintf("%s readings %s, part %d of %d:", r.Site, r.ID, r.Part, r.Parts)
	if g := r.Registers; g != nil {
		line += fmt.Sprintf(" import %.3f kWh, export %.3f kWh at %s", g.ImportKWh, g.ExportKWh, g.At.Format("2006-01-02T15:04:05Z"))
	}
	if r.Series != "" {
		line += fmt.Sprintf(" %d intervals of %s", len(r.Intervals), r.Series)
	}
	fmt.Fprintln(w.e.Stdout, line)
	if w.Save == "" {
		return nil
	}
	f, err := os.OpenFile(w.Save, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, string(m.text))
	return errors.Join(err, f.Close())
}
