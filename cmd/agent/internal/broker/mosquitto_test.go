package broker

import (
	"context"
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
	forwardOver(t, m.URL, m.URL, login(m), func(i int, read func()) {
		switch i {
		case 57, 117:
			// What Mosquitto acknowledged and has neither saved nor handed to the reader is lost
			// with it, whatever the agent does: the reader has all, and then goes on beside it.
			read()
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

// TestARefusedLoginIsTriedMoreAndMoreSeldom: a fleet with a wrong password asked each minute
// for ever, and kept everybody else out.
func TestARefusedLoginIsTriedMoreAndMoreSeldom(t *testing.T) {
	m := testservers.StartMosquitto(t)
	cfg := login(m)
	cfg.MinRefused, cfg.MaxRefused = 100*time.Millisecond, 400*time.Millisecond
	var asked atomic.Int32
	var first, sixth atomic.Int64
	cfg.Password = func() (string, error) {
		switch asked.Add(1) {
		case 1:
			first.Store(time.Now().UnixMilli())
		case 6:
			sixth.Store(time.Now().UnixMilli())
		}
		return "wrong", nil
	}
	s := session(t, cfg)
	run(t, s.Run)
	eventually(t, "the sixth try", func() bool { return sixth.Load() > 0 })
	// The upper half of each wait is certain: 50, 100, 200, 200, 200 ms.
	if d := sixth.Load() - first.Load(); d < 740 {
		t.Errorf("six tries in %d ms", d)
	}
	eventually(t, "what is said of it", func() bool {
		st := s.State()
		return strings.Contains(st.Login, "the broker refuses the login") && strings.Contains(st.Login, "it is tried again in")
	})
	m.Stop()
	eventually(t, "that it is gone, which is another thing", func() bool { return s.State().Login == "" && s.State().LastError != "" })
}

func TestMutualTLS(t *testing.T) {
	dir := t.TempDir()
	ca := testservers.NewAuthority(t, dir, "ca")
	testservers.NewAuthority(t, dir, "stranger")
	ca.Issue(t, dir, "server")
	ca.Issue(t, dir, "agent")
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
