package fleet

import (
	"crypto/ed25519"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"os"

	"github.com/keeplit/keeplit/cmd/agent/internal/drivers"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/cmd/agent/internal/service"
	"github.com/keeplit/keeplit/config"
)

//go:embed home.yaml
var homeText string //nolint:gochecknoglobals // embedded, never changed

// issuer is the utility of the trial: no real home listens to it.  group is what all its
// agents are members of.
const issuer, group = "fleet-sim.example", "fleet-sim"

// keyOf is a key of a trial, made from its seed so that the trial can be repeated: worth
// nothing for anything else.
func keyOf(seed uint64, name string) ed25519.PrivateKey {
	sum := sha256.Sum256(fmt.Appendf(nil, "keeplit fleet-sim\n%d\n%s", seed, name))
	return ed25519.NewKeyFromSeed(sum[:])
}

func public(key ed25519.PrivateKey) string {
	p, _ := key.Public().(ed25519.PublicKey)
	return policy.EncodeKey(p)
}

// homeOf is the configuration of all agents of a trial.
func homeOf(opt Options) (config.Config, error) {
	values := map[string]string{
		"VOUCHERS": public(keyOf(opt.Seed, "vouchers")), "ROOT": public(keyOf(opt.Seed, "root")),
		"BROKER": opt.Broker, "ISSUER": issuer, "GROUP": group,
	}
	text := os.Expand(homeText, func(name string) string { return values[name] })
	cfg, faults := config.Parse([]byte(text), "", config.Secrets{}, drivers.All())
	faults = cfg.Locate(faults, service.Faults(cfg, faults))
	if len(faults) > 0 {
		return cfg, fmt.Errorf("the home of the fleet: %w", faults)
	}
	cfg.MQTT.Spread, cfg.MQTT.Others = opt.Spread, opt.Others
	return cfg, nil
}
