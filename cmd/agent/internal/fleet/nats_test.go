package fleet

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/internal/testservers"
	"github.com/keeplit/keeplit/internal/units/unitstest"
)

// cluster is three nodes of NATS with the configuration of deploy/fleet, edited by nobody but
// for its places, and homes that they know.
func cluster(t *testing.T, homes []string) (nodes []*testservers.NATS, urls []string, identity func(name string, c *broker.Config) error) {
	t.Helper()
	dir := t.TempDir()
	ca := testservers.NewAuthority(t, dir, "ca")
	ca.Issue(t, dir, "node")
	text, err := os.ReadFile(deployed + "nats/nats.conf")
	must(t, err)
	users := exec.CommandContext(t.Context(), "sh", deployed+"nats/users.sh")
	users.Stdin = strings.NewReader(strings.Join(homes, "\n") + "\n")
	list, err := users.Output()
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "users.conf"), list, 0o600))
	edited := strings.NewReplacer(
		"$NODE", "NODE", "0.0.0.0:4222", "CLIENTS", "0.0.0.0:6222", "CLUSTER", "0.0.0.0:8883", "MQTT", "/var/lib/nats", "STORE", "/etc/nats/", dir+"/",
		`"nats://nats-1:6222", "nats://nats-2:6222", "nats://nats-3:6222"`, "ROUTES", "20GB", "1GB", "1GB", "256MB",
	).Replace(withoutComments(string(text)))
	nodes = testservers.StartNATS(t, dir, edited, 3)
	for _, n := range nodes {
		urls = append(urls, fmt.Sprintf("mqtts://127.0.0.1:%d", n.MQTT))
	}
	authority, err := ReadAuthority(filepath.Join(dir, "ca.pem"), filepath.Join(dir, "ca.key"))
	must(t, err)
	return nodes, urls, func(name string, c *broker.Config) error {
		c.TLS.CAFile = filepath.Join(dir, "ca.pem")
		return authority.Issue(dir, name, &c.TLS)
	}
}

func withoutComments(text string) string {
	var out []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "")
}

// A fleet at three nodes, of which one is killed while a limit is sent: each home goes on to
// another node and applies each thing once.  A retained message reaches the homes of some
// nodes alone: those that say that they have no keys are sent them.
func TestAFleetAtThreeNodesOfNATS(t *testing.T) {
	t.Parallel()
	n, within := 70, 2*time.Minute // more than NATS's own limit of consumers lets in
	if unitstest.Long() {
		n, within = 300, 8*time.Minute
	}
	opt := Options{Agents: n, Seed: 7, Prefix: "t", PerSecond: 10, Again: 15 * time.Second, Spread: 2 * time.Second}
	var homes []string
	for i := range n {
		homes = append(homes, opt.SiteID(i))
	}
	nodes, urls, identity := cluster(t, homes)
	opt.Broker, opt.Others, opt.Identity = urls[0], urls[1:], identity
	r, err := Run(t.Context(), opt, func(ctx context.Context, f *Fleet) error {
		if err := f.Connected(ctx, within); err != nil {
			return err
		}
		if err := f.PushLimit(ctx, within); err != nil {
			return err
		}
		// The word goes out while a third of the homes, and perhaps the utility, are away.
		nodes[2].Kill()
		if !until(ctx, within, func() bool { return f.Away() > 0 }) {
			return fmt.Errorf("nobody was at the node that was killed")
		}
		if err := f.PushLimit(ctx, within); err != nil {
			return err
		}
		if err := f.Back(ctx, within); err != nil {
			return err
		}
		nodes[2].Start()
		if err := f.PushTokens(ctx, within); err != nil {
			return err
		}
		return f.Heard(ctx, within)
	})
	must(t, err)
	check(t, r, n)
}
