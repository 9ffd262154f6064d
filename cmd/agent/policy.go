package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
)

// policyCmd is a utility's side: what it signs and sends, with any broker.
type policyCmd struct {
	Keygen    policyKeygenCmd    `cmd:"" help:"Make a key pair; print the public key."`
	Keys      policyKeysCmd      `cmd:"" help:"Sign a key set with root keys."`
	Sign      policySignCmd      `cmd:"" help:"Sign prices, tokens, messages or a limit for a site or a group."`
	Push      policyPushCmd      `cmd:"" help:"Send signed envelopes to a broker."`
	Heartbeat policyHeartbeatCmd `cmd:"" help:"Sign and send heartbeats until it is stopped."`
	Watch     policyWatchCmd     `cmd:"" help:"Print what sites acknowledge, and confirm it."`
	Verify    policyVerifyCmd    `cmd:"" help:"Say what a site would make of envelopes."`
	Explain   policyExplainCmd   `cmd:"" help:"Print what an envelope says, without believing it."`
}

// policyKeygenCmd makes a key pair.
type policyKeygenCmd struct {
	File string `arg:"" help:"Where the private key is written; it must not exist."`
}

// Run writes the private key and prints the public one.
func (c policyKeygenCmd) Run(e *env) error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(c.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("%w; a key is never written over another", err)
	}
	_, err = fmt.Fprintln(f, base64.RawURLEncoding.EncodeToString(private.Seed()))
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintln(e.Stdout, policy.EncodeKey(public))
	return err
}

// readKey reads a private key that keygen has written.
func readKey(name string) (ed25519.PrivateKey, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	seed, err := base64.RawURLEncoding.Strict().DecodeString(strings.TrimSpace(string(data)))
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, &exitError{exitInvalid, fmt.Errorf("%s is no private key that \"agent policy keygen\" wrote", name)}
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// loginFlags name a broker, and who is there.
type loginFlags struct {
	Broker   string   `required:"" placeholder:"mqtt://HOST:1883" help:"The broker; mqtts:// with --ca, and certificates or --username."`
	Other    []string `placeholder:"URL" help:"Further addresses of it, where it is a cluster: one that does not answer is left for the next."`
	Username string   `help:"At the broker."`
	Password string   `placeholder:"FILE" help:"File that holds the password."`
	CA       string   `name:"ca" placeholder:"FILE" help:"Authority that signed the broker's certificate."`
}

// brokerFlags name a broker to whom the utility shows a certificate.
type brokerFlags struct {
	loginFlags
	Cert    string `placeholder:"FILE" help:"Certificate of the utility."`
	CertKey string `placeholder:"FILE" help:"Key of that certificate."`
}

// dial connects.
func (b brokerFlags) dial(ctx context.Context) (*broker.Client, error) {
	cfg := broker.Config{
		URL: b.Broker, Others: b.Other, Site: "utility", ClientID: fmt.Sprintf("keeplit-policy-%s", rand.Text()[:10]), Username: b.Username,
		TLS: broker.TLS{CAFile: b.CA, CertFile: b.Cert, KeyFile: b.CertKey}, Log: slog.New(slog.DiscardHandler),
	}
	if b.Password != "" {
		cfg.Password = passwordFile(b.Password)
	}
	return broker.Dial(ctx, cfg)
}

// passwordFile asks a file for the password, at each connection.
func passwordFile(name string) func() (string, error) {
	return func() (string, error) {
		data, err := os.ReadFile(name)
		return strings.TrimSpace(string(data)), err
	}
}
