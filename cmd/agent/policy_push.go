package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
)

// policyPushCmd sends envelopes.
type policyPushCmd struct {
	brokerFlags
	Files   []string `arg:"" help:"Files of envelopes, one a line; - is standard input. Key sets are kept by the broker, all those that are pushed together in their order."`
	Partial bool     `help:"Send key sets although they are not the whole chain from version 1 on: a site that lacks one of those before cannot take them."`
}

// Run sends each where its site or group hears it.
func (c policyPushCmd) Run(e *env) error {
	type message struct {
		topic    string
		retained bool
		payload  []byte
		version  uint64 // of the last key set
	}
	var all []message
	err := envelopes(e, c.Files, func(line []byte) error {
		claims, err := policy.Explain(line)
		if err != nil {
			return err
		}
		m := message{payload: line}
		switch {
		case claims.Keys != nil:
			m.topic, m.retained, m.version = broker.PolicyKeys(claims.Issuer), true, claims.Keys.Version
		case claims.Envelope != nil:
			m.topic = broker.PolicyStream(claims.Envelope.Audience, string(claims.Envelope.Stream))
			m.retained = claims.Envelope.Stream == policy.Tariff || claims.Envelope.Stream == policy.Rates
		default:
			return errors.New("an acknowledgement is a site's to send")
		}
		n := len(all)
		follows := n > 0 && claims.Keys != nil && all[n-1].topic == m.topic
		before := uint64(0)
		if follows {
			before = all[n-1].version
		}
		if claims.Keys != nil && m.version != before+1 && (follows || !c.Partial) {
			return fmt.Errorf("it is key set %d, and the one that goes before it is %d: sites take them one by one, so send the whole chain from 1 on, in order, in one command", m.version, before)
		}
		if follows {
			// A site that was away needs the whole chain, in order, in one message.
			all[n-1].payload, all[n-1].version = append(append(all[n-1].payload, '\n'), line...), m.version
			return nil
		}
		all = append(all, m)
		return nil
	})
	if err != nil {
		return err
	}
	for _, m := range all {
		if most := broker.MostPolicy(m.topic); len(m.payload) > most {
			return &exitError{exitInvalid, fmt.Errorf("what goes to %s has %d bytes, and sites read %d at the most", m.topic, len(m.payload), most)}
		}
	}
	client, err := c.dial(e.Ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	for _, m := range all {
		if err := client.Publish(e.Ctx, m.topic, m.retained, m.payload); err != nil {
			return err
		}
		fmt.Fprintf(e.Stdout, "sent to %s\n", m.topic)
	}
	return nil
}

// policyHeartbeatCmd says that the utility is there.
type policyHeartbeatCmd struct {
	brokerFlags
	signFlags
	Every time.Duration `default:"60s" help:"Between two; sites give up after 2m."`
	Count int           `help:"Stop after so many; 0: never."`
}

// Run sends heartbeats until it is stopped.  Where the broker is away it connects again.
func (c policyHeartbeatCmd) Run(e *env) error {
	if c.Every < time.Second || c.Every > policy.HeartbeatLost/2 {
		return &exitError{exitUsage, fmt.Errorf("--every %s: write 1s to %s", c.Every, policy.HeartbeatLost/2)}
	}
	var client *broker.Client
	defer func() {
		if client != nil {
			client.Close()
		}
	}()
	tick := time.NewTicker(c.Every)
	defer tick.Stop()
	for n := 1; ; n++ {
		text, err := c.sign(policy.Heartbeat, 0, policy.HeartbeatLives, policy.AckNone, policy.HeartbeatBody())
		if err != nil {
			return err
		}
		if client == nil {
			client, err = c.dial(e.Ctx)
		}
		if err == nil {
			if err = client.Publish(e.Ctx, broker.PolicyStream(c.To, string(policy.Heartbeat)), false, []byte(text)); err != nil {
				client.Close()
				client = nil
			}
		}
		switch {
		case e.Ctx.Err() != nil:
			return nil
		case err != nil && n == 1:
			return err
		case err != nil:
			fmt.Fprintln(e.Stderr, "agent:", err)
		}
		if n == 1 {
			fmt.Fprintf(e.Stdout, "the first is sent to %s\n", broker.PolicyStream(c.To, string(policy.Heartbeat)))
		}
		if n == c.Count {
			return nil
		}
		select {
		case <-e.Ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// policyWatchCmd prints acknowledgements.
type policyWatchCmd struct {
	brokerFlags
	Site    []string          `placeholder:"ID" help:"Only these sites; without it all that the broker lets be heard."`
	SiteKey map[string]string `placeholder:"ID=KEY" help:"A site's public key. Without it the one that the site tells is taken, and the line says so."`
	For     time.Duration     `help:"Stop after so long; 0: when it is stopped."`
	Count   int               `help:"Stop after so many acknowledgements; 0: never."`
	Keys    uint64            `placeholder:"VERSION" help:"Stop once all sites of --site have this key set, or a later one."`
	Save    string            `placeholder:"FILE" help:"Where signed readings are written that come, one a line: policy explain prints what is in them."`
	Answer  []string          `placeholder:"FILE" help:"Files of envelopes and key sets, one a line: sent to a site, again, where it says that it has not heard them."`
	Take    bool              `help:"Confirm what is printed, so that it is not sent again; needs --issuer and --key."`
	Issuer  string            `help:"The utility's name, for --take."`
	Key     string            `placeholder:"FILE" help:"Private key of a signer that may sign receipts, for --take."`
	Epoch   uint64            `default:"1" help:"Of the key set in force, for --take."`
	Numbers string            `default:"numbers" placeholder:"FOLDER" help:"Where the last number of each stream is kept, for --take."`
}

// heardAck is a message of a site.
type heardAck struct {
	site  string
	state bool // its policy/state; else an acknowledgement
	text  []byte
}

// Run prints each acknowledgement once.
func (c policyWatchCmd) Run(e *env) error {
	if c.Take && (c.Issuer == "" || c.Key == "") {
		return &exitError{exitUsage, errors.New("--take needs --issuer and --key")}
	}
	if c.Keys > 0 && len(c.Site) == 0 {
		return &exitError{exitUsage, errors.New("--keys needs --site: nobody knows how many sites there are")}
	}
	ctx, stop := context.WithCancel(e.Ctx)
	defer stop()
	if c.For > 0 {
		ctx, stop = context.WithTimeout(e.Ctx, c.For)
		defer stop()
	}
	answers, err := readAnswers(e, c.Answer)
	if err != nil {
		return err
	}
	client, err := c.dial(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	messages := make(chan heardAck, 1024)
	hear := func(topic string, payload []byte) {
		parts := strings.Split(topic, "/")
		if len(parts) != 4 {
			return
		}
		select {
		case messages <- heardAck{parts[1], parts[3] == "state", payload}:
		case <-ctx.Done():
		}
	}
	sites := c.Site
	if len(sites) == 0 {
		sites = []string{"+"}
	}
	for _, last := range []string{"state", "ack", "readings"} {
		for _, s := range sites {
			if err := client.Subscribe(ctx, "keeplit/"+s+"/policy/"+last, hear); err != nil {
				return err
			}
		}
	}
	again := time.NewTicker(chainEvery)
	defer again.Stop()
	w := watching{policyWatchCmd: c, answers: answers, e: e, client: client, told: map[string]string{}, seen: map[string]bool{}, keys: map[string]uint64{}}
	for {
		select {
		case <-ctx.Done():
			return w.missed(e.Ctx.Err() != nil)
		case err := <-client.Lost():
			return err
		case <-again.C:
			if err := w.sendChain(ctx); err != nil {
				return err
			}
		case m := <-messages:
			if err := w.hear(ctx, m); err != nil {
				return err
			}
			if c.Count > 0 && w.printed >= c.Count || c.Keys > 0 && w.all() {
				return nil
			}
		}
	}
}
