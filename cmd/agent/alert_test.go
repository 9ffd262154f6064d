package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	neturl "net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/internal/testservers"
)

// inbox is a mail server that keeps what it is sent.
type inbox struct {
	mu  sync.Mutex
	all []string
}

func (l *inbox) NewSession(*smtp.Conn) (smtp.Session, error) { return &mailed{l}, nil }

func (l *inbox) add(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, text)
}

// of are those in which a text stands.
func (l *inbox) of(text string) (out []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.all {
		if strings.Contains(s, text) {
			out = append(out, s)
		}
	}
	return out
}

type mailed struct{ l *inbox }

func (*mailed) Mail(string, *smtp.MailOptions) error { return nil }
func (*mailed) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (*mailed) Reset()                               {}
func (*mailed) Logout() error                        { return nil }
func (s *mailed) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	s.l.add(string(text))
	return err
}

// TestWhoeverDoesNotLookAtThePageIsToldOnce: a simulated home spends its credit; a mail
// server, a webhook and a broker are told so once each, and not again after a restart.
func TestWhoeverDoesNotLookAtThePageIsToldOnce(t *testing.T) {
	t.Parallel()
	mosquitto := testservers.StartMosquitto(t)
	var mails, posts, messages inbox

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	post := smtp.NewServer(&mails)
	done := make(chan struct{})
	go func() { _ = post.Serve(l); close(done) }()
	t.Cleanup(func() { _ = post.Close(); <-done })

	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		posts.add(string(body))
	}))
	t.Cleanup(hook.Close)

	client, err := broker.Dial(t.Context(), broker.Config{
		URL: mosquitto.URL, Site: "test", ClientID: "test", Username: mosquitto.User, Password: func() (string, error) { return mosquitto.Password, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	if err := client.Subscribe(t.Context(), "keeplit/home/alert", func(_ string, payload []byte) { messages.add(string(payload)) }); err != nil {
		t.Fatal(err)
	}

	pin, err := web.HashPIN("2468")
	if err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	page := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}

	folder := t.TempDir()
	file := filepath.Join(folder, "keeplit.yaml")
	text := fmt.Sprintf(`site: {id: home, name: Home, meter: "1", zone: UTC}
meter: {driver: house}
simulation: {speed: 600, step: 10s, per_day: 12 kWh}
tariff: {document: {name: flat, currency: EUR, zone: UTC, versions: [{energy: [{name: energy, price: 0.3}]}]}}
credit: {opening: 0.1}
tokens: {openpaygo: {key: {file: k}, starting_code: 516959010}}
supply: {switch: {driver: house}}
plan: {time: 100ms}
web: {listen: %q, pin: {file: pin}}
mqtt: {url: %q, username: %s, password: {file: p}}
alerts:
  quiet: ["Mon-Sun 00:00-24:00"] # what is critical is told all the same
  to:
    - name: by mail
      least: critical
      mail: {server: %q, security: none, from: keeplit@example.org, to: [thandi@example.org]}
    - {name: by webhook, least: critical, webhook: {url: %q}}
    - {name: by MQTT, least: critical, mqtt: {}}
`, page, mosquitto.URL, mosquitto.User, l.Addr().String(), hook.URL)
	for name, content := range map[string]string{"keeplit.yaml": text, "k": "bc41ec9530f6dac86b1a29ab82edc5fb", "p": mosquitto.Password, "pin": pin} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ways := map[string]*inbox{"mail": &mails, "webhook": &posts, "MQTT": &messages}
	const words = "The credit is spent"
	t.Run("the first run", func(t *testing.T) {
		out := process(t, "run", file)
		for name, got := range ways {
			for end := time.Now().Add(time.Minute); len(got.of(words)) == 0; time.Sleep(50 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("nothing comes by %s\n%s", name, out)
				}
			}
		}
	})
	t.Run("after a restart", func(t *testing.T) {
		out := process(t, "run", file)
		pressed := time.Now()
		pressTheTest(t, "http://"+page, out, "")
		pressTheTest(t, "http://"+page, out, "de")
		for name, got := range ways {
			got.await("a trial", 1)
			if n := len(got.of("a trial")); n != 1 {
				t.Errorf("the test of the page comes %d times by %s", n, name)
			}
			got.await("ein Versuch", 1) // what was set on the page is spoken at once
			if n := len(got.of("ein Versuch")); n != 1 {
				t.Errorf("the test in German comes %d times by %s", n, name)
			}
		}
		time.Sleep(max(0, 4*time.Second-time.Since(pressed))) // more than half an hour of the house
	})
	for name, got := range ways {
		if n := len(got.of(words)); n != 1 {
			t.Errorf("told %d times by %s: %q", n, name, got.of(words))
		}
	}
	var a struct {
		Site, Severity string
		Notices        []struct{ Code string }
	}
	if err := json.Unmarshal([]byte(messages.of(words)[0]), &a); err != nil || a.Site != "home" || a.Severity != "critical" || a.Notices[0].Code != "credit_spent" {
		t.Errorf("%+v, %v", a, err)
	}

	// And the trial.
	code, stdout, stderr := agent(t, "alert", file) // in German too: it was set
	if want := "by mail: sent\nby webhook: sent\nby MQTT: sent\n"; code != exitOK || stdout != want {
		t.Errorf("the trial ends with %d and says %q %q", code, stdout, stderr)
	}
	for name, got := range ways {
		got.await("ein Versuch", 2)
		if n := len(got.of("ein Versuch")); n != 2 {
			t.Errorf("the trial comes %d times by %s, beside that of the page", n-1, name)
		}
	}
}

// await waits for so many in which a text stands: a broker's answer to who sends may be there before
// what it hands on.
func (l *inbox) await(text string, n int) {
	for range 100 {
		if len(l.of(text)) >= n {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// pressTheTest signs in on a page, sets its language where one is given, and presses the button that sends a test
// to all.
func pressTheTest(t *testing.T, url string, out fmt.Stringer, lang string) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar, Timeout: 30 * time.Second}
	press := func(path string, values neturl.Values) string {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			a, err := c.PostForm(url+path, values)
			if err != nil {
				if time.Now().After(end) {
					t.Fatalf("%v\n%s", err, out)
				}
				continue // it starts
			}
			text, err := io.ReadAll(a.Body)
			if err := errors.Join(err, a.Body.Close()); err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
	}
	press("/signin", neturl.Values{"pin": {"2468"}, "next": {"/settings"}})
	sent := ": sent. See whether it has come."
	if lang != "" {
		press("/settings/language", neturl.Values{"language": {lang}})
		sent = "keeplit" // in another language
	}
	if text := press("/settings/alerts", nil); strings.Count(text, sent) < 3 {
		t.Errorf("the page says %.2000s", text)
	}
}
