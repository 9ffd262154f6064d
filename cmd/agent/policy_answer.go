package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
)

// answerSet is what sites are sent again that have not heard it: not every broker hands a
// retained message on to all who come later.
type answerSet struct {
	chain     []byte // of key sets
	issuer    string // its utility
	version   uint64 // of its last
	due       bool   // some site lacks it
	envelopes []answer
}

type answer struct {
	policy.Envelope
	line []byte
}

// chainEvery is how long sites that lack keys are waited for: the chain goes to all at once.
const chainEvery = 2 * time.Second

// readAnswers reads files of envelopes and key sets.
func readAnswers(e *env, files []string) (out answerSet, err error) {
	if len(files) == 0 {
		return out, nil
	}
	err = envelopes(e, files, func(line []byte) error {
		claims, err := policy.Explain(line)
		switch {
		case err != nil:
			return err
		case claims.Envelope != nil:
			out.envelopes = append(out.envelopes, answer{*claims.Envelope, bytes.Clone(line)})
		case claims.Keys == nil:
			return errors.New("an acknowledgement is a site's to send")
		case claims.Keys.Version != out.version+1 || out.version > 0 && claims.Issuer != out.issuer:
			return fmt.Errorf("it is key set %d after %d: give the whole chain of one utility, in order", claims.Keys.Version, out.version)
		default:
			out.chain = append(append(out.chain, line...), '\n')
			out.issuer, out.version = claims.Issuer, claims.Keys.Version
		}
		return nil
	})
	out.chain = bytes.TrimSpace(out.chain)
	return out, err
}

// answer sends a site what it has not heard by what it says of itself.
func (w *watching) answer(ctx context.Context, site string, st api.PolicyState) error {
	a := &w.answers
	if a.version > st.Keys && st.Issuer == a.issuer {
		a.due = true
		return nil // without the keys it would refuse the rest; it says so when it has them
	}
	for _, x := range a.envelopes {
		heard := slices.ContainsFunc(st.Seen, func(s api.PolicySeen) bool {
			return s.Audience == x.Audience && s.Stream == string(x.Stream) && s.Seq >= x.Seq
		})
		if heard || x.Issuer != st.Issuer || x.Epoch != st.Epoch || !slices.Contains(st.Audiences, x.Audience) || !slices.Contains(st.Streams, string(x.Stream)) || !time.Now().Before(x.Expires) {
			continue
		}
		topic := broker.PolicyStream("site:"+site, string(x.Stream))
		if err := w.client.Publish(ctx, topic, false, x.line); err != nil {
			return err
		}
		fmt.Fprintf(w.e.Stdout, "%s has not heard %s: sent to %s\n", site, x.ID, topic)
	}
	return nil
}

// sendChain sends the key sets where a site lacks them.
func (w *watching) sendChain(ctx context.Context) error {
	a := &w.answers
	if !a.due {
		return nil
	}
	a.due = false
	topic := broker.PolicyKeys(a.issuer)
	if err := w.client.Publish(ctx, topic, true, a.chain); err != nil {
		return err
	}
	fmt.Fprintf(w.e.Stdout, "key set %d sent to %s\n", a.version, topic)
	return nil
}
