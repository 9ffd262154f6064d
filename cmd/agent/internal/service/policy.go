package service

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/durable"
)

// policyOf is whose signed word counts; nil: nobody's.
func policyOf(cfg config.Config) *policy.Rules {
	p := cfg.Policy
	if p == nil {
		return nil
	}
	r := &policy.Rules{
		Site: cfg.Site.ID, Groups: p.Groups, Issuer: p.Issuer, Roots: p.Roots, Threshold: p.Threshold,
		Streams: []policy.Stream{policy.Receipt},
		Limit:   limitOf(p.Limit), Devices: devicesOf(cfg),
	}
	r.Reads = policy.ReadRules{
		Intervals: slices.Contains(cfg.Telemetry.Share.InfluxDB, "interval"), Registers: slices.Contains(cfg.Telemetry.Share.MQTT, "totals"),
		Series: []string{planning.SiteSeries},
	}
	for _, d := range cfg.Loads {
		if d.InUse() {
			r.Reads.Series = append(r.Reads.Series, d.ID)
		}
	}
	for _, s := range p.Streams {
		r.Streams = append(r.Streams, policy.Stream(s))
		if policy.Stream(s) == policy.Limit {
			r.Streams = append(r.Streams, policy.Heartbeat)
		}
	}
	if d := p.Disconnect; d != nil {
		r.Disconnect = &policy.DisconnectRules{Mode: d.ControlMode, Own: d.Protected, Zone: cfg.Zone()}
	}
	return r
}

// devicesOf are the loads that can wait.
func devicesOf(cfg config.Config) []policy.Device {
	out := []policy.Device{}
	for _, d := range cfg.Loads {
		if d.InUse() && !d.Spared() && !d.Kind.Heard() {
			out = append(out, policy.Device{ID: d.ID, Class: d.UtilityClass})
		}
	}
	return out
}

func limitOf(l config.Limit) policy.LimitRules {
	return policy.LimitRules{FailSafe: l.FailSafe, Minimum: l.FailSafeFor, Floor: l.Floor, Devices: l.Devices()}
}

// limitsOf are who may limit the site without a signature.
func limitsOf(cfg config.Config) (r control.LimitRules) {
	if c := cfg.Limits.Contact; c != nil {
		rules := limitOf(c.Limit)
		rules.Wired = true
		r.Contact = &rules
	}
	if m := cfg.Limits.MQTT; m != nil {
		rules := limitOf(*m)
		r.Own = &rules
	}
	return r
}

// siteKeyFile holds the key with which a site signs its acknowledgements and receipts.
const siteKeyFile = "policy.key"

// siteKey is the site's own key, made when it is first asked for.
func siteKey(folder string) (ed25519.PrivateKey, error) {
	name := filepath.Join(folder, siteKeyFile)
	data, err := os.ReadFile(name)
	if err == nil {
		seed, err := base64.RawURLEncoding.DecodeString(strings.TrimSpace(string(data)))
		if err != nil || len(seed) != ed25519.SeedSize {
			return nil, fmt.Errorf("%s is not the key that was written; remove it, and another is made: then tell your utility the new public key", name)
		}
		return ed25519.NewKeyFromSeed(seed), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	seed := make([]byte, ed25519.SeedSize)
	if _, err := rand.Read(seed); err != nil {
		return nil, err
	}
	if err := durable.WriteFile(name, []byte(base64.RawURLEncoding.EncodeToString(seed)+"\n")); err != nil {
		return nil, err
	}
	return ed25519.NewKeyFromSeed(seed), nil
}
