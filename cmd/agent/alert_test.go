package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
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
web: {listen: "127.0.0.1:0"}
mqtt: {url: %q, username: %s, password: {file: p}}
alerts:
  quiet: ["Mon-Sun 00:00-24:00"] # what is critical is told all the same
  to:
    - name: by mail
      least: critical
      mail: {server: %q, security: none, from: keeplit@example.org, to: [thandi@example.org]}
    - {name: by webhook, least: critical, webhook: {url: %q}}
    - {name: by MQTT, least: critical, mqtt: {}}
`, mosquitto.URL, mosquitto.User, l.Addr().String(), hook.URL)
	for name, content := range map[string]string{"keeplit.yaml": text, "k": "bc41ec9530f6dac86b1a29ab82edc5fb", "p": mosquitto.Password} {
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
		process(t, "run", file)
		time.Sleep(4 * time.Second) // more than half an hour of the house
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
	code, stdout, stderr := agent(t, "alert", file)
	if want := "by mail: sent\nby webhook: sent\nby MQTT: sent\n"; code != exitOK || stdout != want {
		t.Errorf("the trial ends with %d and says %q %q", code, stdout, stderr)
	}
	for name, got := range ways {
		// The broker's answer to who sends may be there before what it hands on.
		for range 100 {
			if len(got.of("a trial")) > 0 {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		if len(got.of("a trial")) != 1 {
			t.Errorf("the trial does not come by %s", name)
		}
	}
}
