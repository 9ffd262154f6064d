package broker

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/testservers"
)

const policyDoc = "../../../../docs/policy.md"

// TestTheExampleOfAnAccessListHolds has a broker with mutual TLS and the access list of
// docs/policy.md: who may write is the name in the certificate.
func TestTheExampleOfAnAccessListHolds(t *testing.T) {
	dir := t.TempDir()
	ca := testservers.NewAuthority(t, dir, "ca")
	for _, name := range []string{"server", "utility", "home-1", "home-2"} {
		ca.Issue(t, dir, name)
	}
	file := func(n string) string { return filepath.Join(dir, n) }
	m := testservers.StartMosquitto(t, testservers.WithTLS(file("ca.pem"), file("server.pem"), file("server.key")),
		testservers.WithLines("use_identity_as_username true"), testservers.WithACL(testservers.Example(t, policyDoc, "acl")...))
	as := func(name string) Config {
		return Config{
			URL: m.URL, Site: name, ClientID: name, MinBackoff: 20 * time.Millisecond, MaxBackoff: 100 * time.Millisecond,
			TLS: TLS{CAFile: file("ca.pem"), CertFile: file(name + ".pem"), KeyFile: file(name + ".key")},
		}
	}
	if _, err := Dial(t.Context(), Config{URL: m.URL, Site: "nobody", TLS: TLS{CAFile: file("ca.pem")}}); err == nil {
		t.Error("somebody without a certificate is let in")
	}
	utility, err := Dial(t.Context(), as("utility"))
	if err != nil {
		t.Fatal(err)
	}
	defer utility.Close()
	var told, first, second inbox
	if err := utility.Subscribe(t.Context(), "keeplit/+/policy/+", func(topic string, payload []byte) { told.add(topic + "=" + string(payload)) }); err != nil {
		t.Fatal(err)
	}
	for name, into := range map[string]*inbox{"home-1": &first, "home-2": &second} {
		s := session(t, as(name))
		if _, err := s.Subscribe("keeplit-policy/#", func(topic string, payload []byte, _ bool) { into.add(topic + "=" + string(payload)) }); err != nil {
			t.Fatal(err)
		}
		run(t, s.Run)
		connected(t, s)
	}
	eventually(t, "the subscriptions", func() bool {
		publishAs(t, utility, PolicyStream("group:feeder-7", "heartbeat"), "beat")
		return len(first.all()) > 0 && len(second.all()) > 0
	})

	publishAs(t, utility, PolicyStream("site:home-1", "limit"), "for 1")
	publishAs(t, utility, PolicyStream("site:home-2", "limit"), "for 2")
	publishAs(t, utility, PolicyKeys("utility.example"), "keys")
	// What is forbidden goes nowhere; a broker may well end the connection for it.
	says := func(name, topic, payload string) error {
		cfg := as(name)
		cfg.ClientID = name + "-" + payload
		c, err := Dial(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.Publish(t.Context(), topic, false, []byte(payload))
	}
	_ = says("home-2", PolicyStream("site:home-1", "limit"), "forged")
	_ = says("home-2", "keeplit/home-1/policy/ack", "forged")
	for _, name := range []string{"home-1", "home-2"} {
		if err := says(name, "keeplit/"+name+"/policy/ack", "own"); err != nil {
			t.Fatal(err)
		}
	}

	eventually(t, "what is allowed", func() bool {
		return slices.Contains(told.all(), "keeplit/home-2/policy/ack=own") && slices.Contains(told.all(), "keeplit/home-1/policy/ack=own") &&
			slices.Contains(first.all(), "keeplit-policy/site/home-1/limit=for 1") && slices.Contains(first.all(), "keeplit-policy/keys/utility.example=keys") &&
			slices.Contains(second.all(), "keeplit-policy/site/home-2/limit=for 2")
	})
	for _, m := range slices.Concat(told.all(), first.all(), second.all()) {
		if strings.HasSuffix(m, "forged") {
			t.Errorf("a home writes where it may not: %s", m)
		}
	}
	if slices.Contains(second.all(), "keeplit-policy/site/home-1/limit=for 1") {
		t.Error("a home hears what is another's")
	}
}

func publishAs(t *testing.T, c *Client, topic, payload string) {
	t.Helper()
	if err := c.Publish(t.Context(), topic, false, []byte(payload)); err != nil {
		t.Fatal(err)
	}
}

// TestTheExampleOfABridgeCarriesTheUtilitysWord has a home with a broker of its own, which
// is a bridge to the utility's, as docs/policy.md says.
func TestTheExampleOfABridgeCarriesTheUtilitysWord(t *testing.T) {
	theirs := testservers.StartMosquitto(t)
	lines := testservers.Example(t, policyDoc, "bridge")
	for i, l := range lines {
		switch name, _, _ := strings.Cut(l, " "); name {
		case "address":
			lines[i] = "address " + strings.TrimPrefix(theirs.URL, "mqtt://")
		case "bridge_cafile", "bridge_certfile", "bridge_keyfile":
			lines[i] = "# " + l
		}
	}
	own := testservers.StartMosquitto(t, testservers.WithLines(append(lines, "remote_username "+theirs.User, "remote_password "+theirs.Password)...))
	cfg := login(theirs)
	cfg.Site = "utility"
	utility, err := Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer utility.Close()
	var told, in inbox
	if err := utility.Subscribe(t.Context(), "keeplit/#", func(topic string, payload []byte) { told.add(topic + "=" + string(payload)) }); err != nil {
		t.Fatal(err)
	}
	home := session(t, login(own))
	if _, err := home.Subscribe("keeplit-policy/#", func(topic string, payload []byte, _ bool) { in.add(topic + "=" + string(payload)) }); err != nil {
		t.Fatal(err)
	}
	run(t, home.Run)
	connected(t, home)
	eventually(t, "the utility's word", func() bool {
		publishAs(t, utility, PolicyStream("site:home-12", "limit"), "limit")
		publishAs(t, utility, PolicyStream("site:home-13", "limit"), "limit")
		publishAs(t, utility, PolicyStream("group:feeder-7", "limit"), "limit")
		publishAs(t, utility, PolicyKeys("utility.example"), "keys")
		return slices.Contains(in.all(), "keeplit-policy/site/home-12/limit=limit") && slices.Contains(in.all(), "keeplit-policy/group/feeder-7/limit=limit") &&
			slices.Contains(in.all(), "keeplit-policy/keys/utility.example=keys")
	})
	if slices.Contains(in.all(), "keeplit-policy/site/home-13/limit=limit") {
		t.Error("what is another home's comes in")
	}
	publish(t, home, "keeplit/home-12/state", false, "private")
	publish(t, home, "keeplit/home-12/policy/ack", false, "ack")
	eventually(t, "the home's word", func() bool { return slices.Contains(told.all(), "keeplit/home-12/policy/ack=ack") })
	if slices.Contains(told.all(), "keeplit/home-12/state=private") {
		t.Error("more leaves the home than what the utility is to hear")
	}
}
