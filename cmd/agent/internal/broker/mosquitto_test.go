package broker

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/testservers"
)

func login(m *testservers.Mosquitto) Config {
	return Config{URL: m.URL, Username: m.User, Password: func() (string, error) { return m.Password, nil }}
}

func TestForwarderOverAMosquittoThatIsKilled(t *testing.T) {
	m := testservers.StartMosquitto(t)
	forwardOver(t, m.URL, m.URL, login(m), func(i int) {
		switch i {
		case 60, 120:
			m.Kill()
		case 160:
			m.Stop()
		case 80, 130, 180:
			m.Start()
			time.Sleep(300 * time.Millisecond) // let it come back before the next one
		}
	})
}

func TestTokenWaitsInMosquittoWhileTheAgentIsAway(t *testing.T) {
	m := testservers.StartMosquitto(t)
	var in inbox
	agent := func() *Session {
		s := session(t, login(m))
		if _, err := s.SubscribeAck(s.Topics().Token(), in.command); err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := agent()
	stop := run(t, s.Run)
	connected(t, s)
	time.Sleep(200 * time.Millisecond)
	stop()

	cfg := login(m)
	cfg.ClientID = "other"
	other := session(t, cfg)
	run(t, other.Run)
	connected(t, other)
	publish(t, other, "keeplit/test/token", false, "1234")
	m.Stop()
	m.Start()

	s = agent()
	run(t, s.Run)
	eventually(t, "the token", func() bool { return len(in.all()) > 0 })
	if got := in.all(); !slices.Equal(got, []string{"keeplit/test/token=1234"}) {
		t.Errorf("%q", got)
	}
}

func TestWrongPasswordIsReportedAndAskedAgain(t *testing.T) {
	m := testservers.StartMosquitto(t)
	cfg := login(m)
	var seen atomic.Bool
	cfg.Password = func() (string, error) {
		if !seen.Load() {
			return "wrong", nil
		}
		return m.Password, nil
	}
	s := session(t, cfg)
	run(t, s.Run)
	eventually(t, "the refusal", func() bool { return strings.Contains(s.State().LastError, "check user name") })
	seen.Store(true)
	connected(t, s)
}

func TestMutualTLS(t *testing.T) {
	dir := t.TempDir()
	ca := newAuthority(t, dir, "ca")
	newAuthority(t, dir, "stranger")
	ca.issue(t, dir, "server")
	ca.issue(t, dir, "agent")
	file := func(n string) string { return filepath.Join(dir, n) }
	m := testservers.StartMosquitto(t, testservers.WithTLS(file("ca.pem"), file("server.pem"), file("server.key")))
	for _, row := range []struct {
		name string
		tls  TLS
		says string // "" connects
	}{
		{"certificate of ours", TLS{CAFile: file("ca.pem"), CertFile: file("agent.pem"), KeyFile: file("agent.key")}, ""},
		{"authority not known", TLS{CertFile: file("agent.pem"), KeyFile: file("agent.key")}, "ca_file"},
		{"authority of somebody else", TLS{CAFile: file("stranger.pem"), CertFile: file("agent.pem"), KeyFile: file("agent.key")}, "ca_file"},
		{"no certificate", TLS{CAFile: file("ca.pem")}, "certificate required"},
		{"another name", TLS{CAFile: file("ca.pem"), CertFile: file("agent.pem"), KeyFile: file("agent.key"), ServerName: "other.example"}, "other.example"},
		{"file missing", TLS{CAFile: file("nothing.pem")}, "nothing.pem"},
		{"file is no certificate", TLS{CAFile: file("server.key")}, "no certificate"},
	} {
		t.Run(row.name, func(t *testing.T) {
			cfg := login(m)
			cfg.TLS = row.tls
			s := session(t, cfg)
			run(t, s.Run)
			if row.says == "" {
				connected(t, s)
				publish(t, s, "a", false, "1")
				return
			}
			eventually(t, row.says, func() bool { return strings.Contains(s.State().LastError, row.says) })
			if s.State().Connected {
				t.Error("it is connected")
			}
		})
	}
}

// authority signs certificates for a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB, dir, name string) *authority {
	t.Helper()
	a := &authority{}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.key = newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(dir, name+".pem"), "CERTIFICATE", der)
	return a
}

func (a *authority) issue(t testing.TB, dir, name string) {
	t.Helper()
	key := newKey(t)
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(dir, name+".pem"), "CERTIFICATE", der)
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(dir, name+".key"), "EC PRIVATE KEY", private)
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func writePEM(t testing.TB, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, row := range []struct {
		cfg  Config
		says string
	}{
		{Config{URL: "192.168.1.10:1883", Site: "x"}, "mqtt://"},
		{Config{URL: "http://a", Site: "x"}, "mqtt://"},
		{Config{URL: "mqtt://u:p@a", Site: "x"}, "their own settings"},
		{Config{URL: "mqtt://a"}, "site"},
		{Config{URL: "mqtt://a", Site: "x", TLS: TLS{CAFile: "f"}}, "mqtts"},
	} {
		if _, err := New(row.cfg); err == nil || !strings.Contains(err.Error(), row.says) || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%+v: %v", row.cfg, err)
		}
	}
	s := session(t, Config{URL: "mqtt://a"})
	if err := s.Publish(context.Background(), "a/#", 0, false, nil); err == nil || !strings.Contains(err.Error(), "not a topic") {
		t.Error(err)
	}
	for _, f := range []string{"", "a/#/b", "a+", "a/b#"} {
		if _, err := s.Subscribe(f, nil); err == nil {
			t.Errorf("filter %q was taken", f)
		}
	}
}

func TestMatch(t *testing.T) {
	for _, row := range []struct {
		filter, topic string
		want          bool
	}{
		{"a", "a", true},
		{"a", "b", false},
		{"a", "a/b", false},
		{"a/b", "a", false},
		{"+", "a", true},
		{"+", "a/b", false},
		{"+/+", "/a", true},
		{"a/+", "a/", true},
		{"a/+/c", "a/b/c", true},
		{"a/+/c", "a/b/d", false},
		{"#", "a/b/c", true},
		{"a/#", "a", true},
		{"a/#", "a/b/c", true},
		{"a/#", "ab", false},
		{"#", "$SYS/x", false},
		{"+/x", "$SYS/x", false},
		{"$SYS/#", "$SYS/x", true},
	} {
		if got := match(row.filter, row.topic); got != row.want {
			t.Errorf("match(%q, %q) = %t", row.filter, row.topic, got)
		}
	}
}

func TestTopics(t *testing.T) {
	top := NewTopics("my/home+#")
	if got := top.LoadSet("pump/1"); got != "keeplit/my_home__/load/pump_1/set" || !checkTopic(got) || !match(top.LoadSets(), got) {
		t.Error(got)
	}
	for topic, want := range map[string]string{
		top.LoadSet("pump"):     "pump",
		top.LoadState("pump"):   "",
		top.Token():             "",
		top.LoadSet("") + "/x":  "",
		"keeplit/x/load/a/set":  "",
		top.LoadSet("a") + "et": "",
	} {
		got, ok := top.LoadOf(topic)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%s is load %q", topic, got)
		}
	}
	if got := strings.Join([]string{Level("$x"), Level(""), Level("\xff")}, " "); got != "_x _ _" {
		t.Error(got)
	}
}

func TestOrderDoesNotWaitInMosquitto(t *testing.T) {
	m := testservers.StartMosquitto(t)
	var in inbox
	agent := func() *Session {
		s := session(t, login(m))
		if _, err := s.SubscribeOrder(s.Topics().Reconnect(), in.command); err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := agent()
	stop := run(t, s.Run)
	connected(t, s)
	cfg := login(m)
	cfg.ClientID = "other"
	other := session(t, cfg)
	run(t, other.Run)
	connected(t, other)
	send := func(retained bool, text string) { publish(t, other, s.Topics().Reconnect(), retained, text) }
	eventually(t, "an order", func() bool { send(false, "live"); return len(in.all()) > 0 })
	stop()
	send(false, "old")
	send(true, "kept")

	in = inbox{}
	s = agent()
	run(t, s.Run)
	connected(t, s)
	eventually(t, "an order", func() bool { send(false, "live"); return len(in.all()) > 0 })
	if got := slices.Compact(in.all()); !slices.Equal(got, []string{"keeplit/test/supply/reconnect=live"}) {
		t.Errorf("%q", got)
	}
}
