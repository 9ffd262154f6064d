package fleet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/internal/testservers"
	"github.com/keeplit/keeplit/internal/units/unitstest"
)

const deployed = "../../../../deploy/fleet/"

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// shard is a Mosquitto with the configuration of deploy/fleet, edited by nobody but for its
// places, and an authority that it trusts.
func shard(t *testing.T, edit ...string) (m *testservers.Mosquitto, identity func(name string, c *broker.Config) error) {
	t.Helper()
	dir := t.TempDir()
	ca := testservers.NewAuthority(t, dir, "ca")
	ca.Issue(t, dir, "broker")
	text, err := os.ReadFile(deployed + "mosquitto/mosquitto.conf")
	must(t, err)
	acl, err := os.ReadFile(deployed + "mosquitto/acl")
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "acl"), acl, 0o600))
	edited := strings.NewReplacer(append(edit, "listener 8883", "listener PORT 127.0.0.1", "/etc/mosquitto/", "DIR/", "/var/lib/mosquitto/", "DIR/")...).Replace(string(text))
	m = testservers.StartMosquittoOf(t, dir, edited)
	authority, err := ReadAuthority(filepath.Join(dir, "ca.pem"), filepath.Join(dir, "ca.key"))
	must(t, err)
	return m, func(name string, c *broker.Config) error {
		c.TLS.CAFile = filepath.Join(dir, "ca.pem")
		return authority.Issue(dir, name, &c.TLS)
	}
}

// A fleet at the configuration of deploy/fleet: each applies once what is sent, also across a
// restart of the broker, and all come back, spread over seconds.
func TestAFleetAtOneMosquitto(t *testing.T) {
	t.Parallel()
	m, identity := shard(t)
	n, spread := 40, 3*time.Second
	if unitstest.Long() {
		n, spread = 1000, time.Minute
	}
	opt := Options{Agents: n, Seed: 7, Broker: m.URL, Prefix: "t", PerSecond: 50, Again: 10 * time.Second, Spread: spread, Identity: identity}
	r, err := Run(t.Context(), opt, func(ctx context.Context, f *Fleet) error {
		if err := f.Connected(ctx, 4*time.Minute); err != nil {
			return err
		}
		if err := f.PushLimit(ctx, 4*time.Minute); err != nil {
			return err
		}
		if err := f.PushTokens(ctx, 4*time.Minute); err != nil {
			return err
		}
		if err := f.Heard(ctx, 4*time.Minute); err != nil {
			return err
		}
		before := f.Connects()
		m.Stop()
		if !until(ctx, time.Minute, func() bool { return f.Away() == n }) {
			return fmt.Errorf("the broker is gone, and only %d agents have noticed", f.Away())
		}
		m.Start()
		if err := f.Back(ctx, 4*time.Minute); err != nil {
			return err
		}
		if again := f.Connects() - before; again < n {
			return fmt.Errorf("%d connected again", again)
		}
		return f.PushLimit(ctx, 4*time.Minute)
	})
	must(t, err)
	check(t, r, n)
	if most := 6 * n * int(time.Second) / int(spread); r.Reconnecting.MostPerSecond > min(most, n*3/4) {
		t.Errorf("%d came back in one second, of %d spread over %s", r.Reconnecting.MostPerSecond, n, spread)
	}
}

// check is what every fleet must show.
func check(t *testing.T, r Report, n int) {
	t.Helper()
	var text strings.Builder
	must(t, r.Table(&text))
	t.Log("\n" + text.String())
	for _, fault := range r.Faults() {
		t.Error(fault)
	}
	for _, p := range r.Pushes {
		if p.Once != n {
			t.Errorf("%s: %d of %d applied it once", p.Kind, p.Once, n)
		}
	}
	if len(r.Pushes) != 3 || r.Ledger.Credited != n || r.Acks.Heard < 4*n {
		t.Errorf("%d pushes, %d vouchers credited, %d acknowledgements heard", len(r.Pushes), r.Ledger.Credited, r.Acks.Heard)
	}
}

// What the settings are for: with Mosquitto's own the same is lost without a word.
func TestMosquittosOwnSettingsLoseWhatDeployFleetsKeep(t *testing.T) {
	const topics = 1100
	for name, c := range map[string]struct {
		edit []string
		want func(retained, queued int64) bool
	}{
		"as in deploy/fleet": {nil, func(r, q int64) bool { return r == topics && q == topics }},
		"Mosquitto's own": {
			[]string{"max_queued_messages 0", "", "max_queued_bytes 67108864", "", "max_inflight_messages 500", ""},
			func(r, q int64) bool { return r < topics && q < topics },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, identity := shard(t, c.edit...)
			dial := func(name string) *broker.Client {
				cfg := broker.Config{URL: m.URL, Site: name, ClientID: name}
				must(t, identity(name, &cfg))
				client, err := broker.Dial(t.Context(), cfg)
				must(t, err)
				t.Cleanup(client.Close)
				return client
			}
			sender, home := dial("utility"), dial("home-1")
			away := awaySession(t, m.URL, identity)
			var senders sync.WaitGroup
			for s := range 8 {
				senders.Go(func() {
					for i := s; i < topics; i += 8 {
						if err := errors.Join(sender.Publish(t.Context(), fmt.Sprintf("keeplit-policy/group/g%d", i), true, []byte("retained")),
							sender.Publish(t.Context(), "keeplit-policy/site/home-2/message", false, []byte("queued"))); err != nil {
							t.Error(err)
						}
					}
				})
			}
			senders.Wait()
			var retained atomic.Int64
			must(t, home.Subscribe(t.Context(), "keeplit-policy/group/#", func(string, []byte) { retained.Add(1) }))
			queued := away()
			settle(&retained, topics)
			settle(queued, topics)
			t.Logf("%d of %d retained messages, %d of %d for a session that was away", retained.Load(), topics, queued.Load(), topics)
			if !c.want(retained.Load(), queued.Load()) {
				t.Error("that is not what the documentation says")
			}
		})
	}
}

// settle waits until all have come, or none has for a second.
func settle(n *atomic.Int64, all int64) {
	for last := int64(-1); n.Load() < all && n.Load() != last; {
		last = n.Load()
		time.Sleep(time.Second)
	}
}

// awaySession leaves a session behind that hears messages of home-2, and comes back.
func awaySession(t *testing.T, url string, identity func(string, *broker.Config) error) (back func() *atomic.Int64) {
	t.Helper()
	cfg := broker.Config{URL: url, Site: "home-2"}
	must(t, identity("home-2", &cfg))
	var n atomic.Int64
	stay := func() (stop func()) {
		s, err := broker.New(cfg)
		must(t, err)
		_, err = s.SubscribeAck("keeplit-policy/site/home-2/message", func(context.Context, broker.Message) error { n.Add(1); return nil })
		must(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { _ = s.Run(ctx); close(done) }()
		stop = func() { cancel(); <-done }
		t.Cleanup(stop)
		if !until(t.Context(), time.Minute, func() bool { return s.State().Connected }) {
			t.Fatal("not connected")
		}
		return stop
	}
	leave := stay()
	time.Sleep(300 * time.Millisecond) // it subscribes once it is connected
	leave()
	n.Store(0)
	return func() *atomic.Int64 { stay(); return &n }
}
