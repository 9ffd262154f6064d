package alert

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"mime"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/config"
)

// page is a picture whose warnings a test sets.
type page struct {
	mu sync.Mutex
	v  picture.View
}

func (p *page) set(warnings ...picture.Warning) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.v.Warnings = warnings
}

func (p *page) view() (picture.View, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.v
	v.At = time.Now().UTC()
	return v, 0
}

func spent() picture.Warning {
	return picture.Warning{
		Code: string(health.CreditSpent), Grade: health.Critical, Since: time.Now().UTC(),
		Title: "The credit is spent and the supply is off", Cause: "The balance is R-0.10.", Remedy: "Enter a top-up token.",
	}
}

// keep runs a keeper until the test ends.
func keep(t *testing.T, c Config) (stop func()) {
	t.Helper()
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Failed == nil {
		c.Failed = func(context.Context, string, string) {}
	}
	if c.File == "" {
		c.File = filepath.Join(t.TempDir(), "told.json")
	}
	c.Site, c.Name = "home", "Home"
	k := New(c)
	k.pace = pace{look: 5 * time.Millisecond, send: 2 * time.Second, between: time.Millisecond, first: 10 * time.Millisecond, most: 20 * time.Millisecond, failing: 50 * time.Millisecond, end: time.Second}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- k.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(10 * time.Second):
			t.Error("it does not end")
		}
	})
	t.Cleanup(stop)
	return stop
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 2000 {
		if is() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("%s does not come about", what)
}

// taken are the messages that a way took.
type taken struct {
	mu   sync.Mutex
	all  []Message
	fail error
	hang bool
}

func (w *taken) Send(ctx context.Context, m Message) error {
	w.mu.Lock()
	fail, hang := w.fail, w.hang
	w.mu.Unlock()
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	if fail != nil {
		return fail
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, m)
	return nil
}

func (w *taken) Check() error { return nil }

func (w *taken) set(fail error, hang bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fail, w.hang = fail, hang
}

func (w *taken) messages() []Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Message(nil), w.all...)
}

func TestAWayThatHangsHoldsUpNobodyElseAndIsTriedAgain(t *testing.T) {
	p, bad, good := &page{}, &taken{}, &taken{}
	var mu sync.Mutex
	var failed []string
	bad.set(errors.New("refused"), false)
	stop := keep(t, Config{
		To: []Recipient{{"a", health.Serious, bad}, {"b", health.Serious, good}}, View: p.view,
		Failed: func(_ context.Context, who, cause string) {
			mu.Lock()
			defer mu.Unlock()
			failed = append(failed, who+": "+cause)
		},
	})
	p.set(spent())
	eventually(t, "the other's message", func() bool { return len(good.messages()) == 1 })
	eventually(t, "the word that it fails", func() bool { mu.Lock(); defer mu.Unlock(); return len(failed) == 1 })
	bad.set(nil, true)
	time.Sleep(50 * time.Millisecond)
	bad.set(nil, false)
	eventually(t, "the message", func() bool { return len(bad.messages()) == 1 })
	eventually(t, "the word that it is well", func() bool { mu.Lock(); defer mu.Unlock(); return len(failed) == 2 })
	stop()
	if failed[0] != "a: refused" || failed[1] != "a: " {
		t.Errorf("%q", failed)
	}
	if len(good.messages()) != 1 || len(bad.messages()) != 1 {
		t.Errorf("told %d and %d times", len(good.messages()), len(bad.messages()))
	}
}

// slow takes a message only after a while.
type slow struct {
	taken
	begun chan struct{}
}

func (w *slow) Send(ctx context.Context, m Message) error {
	close(w.begun)
	time.Sleep(200 * time.Millisecond)
	return w.taken.Send(ctx, m)
}

func TestWhatIsUnderWayAtTheEndIsNotToldAgain(t *testing.T) {
	p, w := &page{}, &slow{begun: make(chan struct{})}
	c := Config{To: []Recipient{{"a", health.Serious, w}}, View: p.view, File: filepath.Join(t.TempDir(), "told.json")}
	p.set(spent())
	stop := keep(t, c)
	<-w.begun
	stop()
	after := &taken{}
	c.To[0].Way = after
	stop = keep(t, c)
	time.Sleep(100 * time.Millisecond)
	stop()
	if len(w.messages()) != 1 || len(after.messages()) != 0 {
		t.Errorf("taken %d times before the end and %d after", len(w.messages()), len(after.messages()))
	}
}

func TestAfterARestartNothingIsToldTwice(t *testing.T) {
	p, w := &page{}, &taken{}
	c := Config{To: []Recipient{{"a", health.Serious, w}}, View: p.view, File: filepath.Join(t.TempDir(), "told.json")}
	p.set(spent())
	stop := keep(t, c)
	eventually(t, "the message", func() bool { return len(w.messages()) == 1 })
	eventually(t, "the file", func() bool {
		data, err := os.ReadFile(c.File)
		return err == nil && strings.Contains(string(data), `"a"`)
	})
	stop()
	stop = keep(t, c)
	time.Sleep(100 * time.Millisecond)
	stop()
	if n := len(w.messages()); n != 1 {
		t.Errorf("told %d times", n)
	}
	for name, text := range map[string]string{"cut": `{"version":1,"entr`, "of another form": `{"version":99,"entries":[]}`, "empty": ""} {
		if err := os.WriteFile(c.File, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		before := len(w.messages())
		stop = keep(t, c)
		eventually(t, "a message though the file is "+name, func() bool { return len(w.messages()) == before+1 })
		stop()
	}
}

func TestWhatOthersWroteBreaksNoMessage(t *testing.T) {
	n := Notice{Code: health.UtilityAlert, Grade: health.Serious, Title: "a\r\nBcc: thief@example.org", Cause: "b\x00\x1b[2J" + strings.Repeat("ü", 5000), Remedy: "c", Since: begin()}
	m := compose("home", "Home\r\nX: y", "a", present.NewWords().For(present.Unit{Code: "ZAR"}, time.UTC, begin()), begin(), []Notice{n, n})
	if strings.ContainsAny(m.Subject, "\r\n\x00\x1b") || strings.ContainsAny(m.Text, "\r\x00\x1b") {
		t.Errorf("%q", m.Subject)
	}
	if len([]rune(m.Text)) > 3000 {
		t.Errorf("%d characters", len([]rune(m.Text)))
	}
	if strings.Count(m.Text, "\n") != 8 {
		t.Errorf("lines of others: %.200q", m.Text)
	}
}

// mailbox is a mail server.
type mailbox struct {
	mu    sync.Mutex
	mails []string
	users []string
}

func (b *mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return &mailSession{b: b}, nil }

type mailSession struct {
	b  *mailbox
	to []string
}

func (s *mailSession) AuthMechanisms() []string { return []string{sasl.Plain} }
func (s *mailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if password != "geheim" {
			return errors.New("wrong password")
		}
		s.b.mu.Lock()
		defer s.b.mu.Unlock()
		s.b.users = append(s.b.users, user)
		return nil
	}), nil
}
func (s *mailSession) Mail(string, *smtp.MailOptions) error { return nil }
func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = append(s.to, to)
	return nil
}

func (s *mailSession) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	s.b.mails = append(s.b.mails, strings.Join(s.to, ",")+"\n"+string(text))
	return err
}
func (s *mailSession) Reset()        { s.to = nil }
func (s *mailSession) Logout() error { return nil }

// certificate is one for localhost, and the file of the authority that signed it.
func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	is := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, is, is, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

func TestMail(t *testing.T) {
	cert, ca := certificate(t)
	for name, security := range map[string]string{"with STARTTLS": "", "with TLS from the first byte on": "tls"} {
		t.Run(name, func(t *testing.T) {
			box := &mailbox{}
			srv := smtp.NewServer(box)
			srv.Domain, srv.TLSConfig = "localhost", &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			if security == "tls" {
				l = tls.NewListener(l, srv.TLSConfig)
			}
			done := make(chan struct{})
			go func() { _ = srv.Serve(l); close(done) }()
			t.Cleanup(func() { _ = srv.Close(); <-done })
			_, port, _ := net.SplitHostPort(l.Addr().String())
			to := config.AlertMail{
				Server: "localhost:" + port, Security: security, Username: "box", Password: "geheim", From: "keeplit@example.org", To: []string{"thandi@example.org", "sipho@example.org"},
			}
			p := &page{}
			p.set(spent())
			stop := keep(t, Config{To: []Recipient{{"a", health.Serious, mailWay{to, ca}}}, View: p.view})
			eventually(t, "the mail", func() bool { box.mu.Lock(); defer box.mu.Unlock(); return len(box.mails) > 0 })
			time.Sleep(50 * time.Millisecond)
			stop()
			if len(box.mails) != 1 || len(box.users) != 1 || box.users[0] != "box" {
				t.Fatalf("%d mails of %q", len(box.mails), box.users)
			}
			rcpt, text, _ := strings.Cut(box.mails[0], "\n")
			m, err := mail.ReadMessage(strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
			body, _ := io.ReadAll(m.Body)
			if err != nil || rcpt != "thandi@example.org,sipho@example.org" || subject != "Home: The credit is spent and the supply is off" || !strings.Contains(string(body), "Enter a top-up token.") {
				t.Errorf("%s %q %q", rcpt, subject, body)
			}
			if !strings.HasSuffix(m.Header.Get("Message-ID"), "@example.org>") || m.Header.Get("Auto-Submitted") != "auto-generated" {
				t.Errorf("%v", m.Header)
			}
			to.Password = "wrong"
			if err := (mailWay{to, ca}).Send(t.Context(), Message{Subject: "x", Text: "y"}); err == nil || strings.Contains(err.Error(), "wrong password: wrong") {
				t.Errorf("a wrong password: %v", err)
			}
			to.Password = "geheim"
			if err := (mailWay{to, ""}).Send(t.Context(), Message{Subject: "x", Text: "y"}); err == nil || !strings.Contains(err.Error(), "certificate") {
				t.Errorf("an authority that nobody trusts: %v", err)
			}
		})
	}
}

// TestNoPasswordGoesOutInTheClear: a server that offers no encryption is told nothing.
func TestNoPasswordGoesOutInTheClear(t *testing.T) {
	box := &mailbox{}
	srv := smtp.NewServer(box)
	srv.Domain, srv.AllowInsecureAuth = "localhost", true
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { _ = srv.Serve(l); close(done) }()
	t.Cleanup(func() { _ = srv.Close(); <-done })
	_, port, _ := net.SplitHostPort(l.Addr().String())
	to := config.AlertMail{Server: "localhost:" + port, Username: "box", Password: "geheim", From: "keeplit@example.org", To: []string{"thandi@example.org"}}
	if err := (mailWay{to, ""}).Send(t.Context(), Message{Subject: "x", Text: "y"}); err == nil || len(box.users) > 0 || len(box.mails) > 0 {
		t.Errorf("%v, %q", err, box.users)
	}
	to.Security, to.Username, to.Password = "none", "", ""
	if err := (mailWay{to, ""}).Send(t.Context(), Message{Subject: "x", Text: "y"}); err != nil || len(box.mails) != 1 {
		t.Errorf("without a password, within the own network: %v", err)
	}
}

// posted is what an HTTP server was sent.
type posted struct {
	mu     sync.Mutex
	path   []string
	body   [][]byte
	header []http.Header
	answer string
	status int
}

func (p *posted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.path, p.body, p.header = append(p.path, r.URL.Path), append(p.body, body), append(p.header, r.Header)
	if p.status != 0 {
		w.Header().Set("Location", "https://example.org/elsewhere")
		w.WriteHeader(p.status)
	}
	_, _ = io.WriteString(w, p.answer)
}

func (p *posted) last() (string, []byte, http.Header, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.path)
	if n == 0 {
		return "", nil, nil, 0
	}
	return p.path[n-1], p.body[n-1], p.header[n-1], n
}

func TestWhatIsPosted(t *testing.T) {
	for name, of := range map[string]struct {
		way   func(url string) Way
		check func(t *testing.T, path string, body []byte, header http.Header)
	}{
		"ntfy": {func(u string) Way {
			return ntfyWay{config.AlertNtfy{URL: u + "/my-topic", Token: "tk_1"}, poster{}}
		}, func(t *testing.T, path string, body []byte, header http.Header) {
			var m struct {
				Topic, Title, Message string
				Priority              int
			}
			if err := json.Unmarshal(body, &m); err != nil || path != "/" || m.Topic != "my-topic" || m.Priority != 5 || !strings.HasPrefix(m.Title, "Home: The credit") || header.Get("Authorization") != "Bearer tk_1" {
				t.Errorf("%s %s %v", path, body, header)
			}
		}},
		"Telegram": {func(u string) Way {
			return telegramWay{config.AlertTelegram{Token: "1:abc", Chat: "-42", Server: u}, poster{}}
		}, func(t *testing.T, path string, body []byte, _ http.Header) {
			var m struct {
				Chat  string `json:"chat_id"`
				Text  string `json:"text"`
				Quiet bool   `json:"disable_notification"`
			}
			if err := json.Unmarshal(body, &m); err != nil || path != "/bot1:abc/sendMessage" || m.Chat != "-42" || m.Quiet || !strings.Contains(m.Text, "Enter a top-up token.") {
				t.Errorf("%s %s", path, body)
			}
		}},
		"a webhook": {func(u string) Way {
			return webhookWay{config.AlertWebhook{URL: u + "/hook", Secret: "s"}, poster{}}
		}, func(t *testing.T, path string, body []byte, header http.Header) {
			var a api.Alert
			h := hmac.New(sha256.New, []byte("s"))
			_, _ = h.Write(body)
			if err := json.Unmarshal(body, &a); err != nil || path != "/hook" || a.Site != "home" || a.Severity != "critical" || len(a.Notices) != 1 || a.Notices[0].Code != "credit_spent" || a.Notices[0].Over != nil {
				t.Errorf("%s %s", path, body)
			}
			if header.Get(signature) != "sha256="+hex.EncodeToString(h.Sum(nil)) {
				t.Errorf("signed %s", header.Get(signature))
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got := &posted{answer: `{"ok":true}`}
			srv := httptest.NewServer(got)
			t.Cleanup(srv.Close)
			p := &page{}
			p.set(spent())
			stop := keep(t, Config{To: []Recipient{{"a", health.Serious, of.way(srv.URL)}}, View: p.view})
			eventually(t, "the message", func() bool { _, _, _, n := got.last(); return n > 0 })
			time.Sleep(50 * time.Millisecond)
			stop()
			path, body, header, n := got.last()
			if n != 1 {
				t.Errorf("sent %d times", n)
			}
			of.check(t, path, body, header)
			// What fails is an error that names no secret and follows no one elsewhere.
			for _, status := range []int{http.StatusForbidden, http.StatusFound, http.StatusInternalServerError} {
				got.mu.Lock()
				got.status, got.answer = status, `{"ok":false}`
				got.mu.Unlock()
				err := of.way(srv.URL).Send(t.Context(), Message{Subject: "x"})
				if err == nil || strings.Contains(err.Error(), "abc") || strings.Contains(err.Error(), "my-topic") {
					t.Errorf("%d: %v", status, err)
				}
			}
			srv.Close()
			if err := of.way(srv.URL).Send(t.Context(), Message{Subject: "x"}); err == nil || strings.Contains(err.Error(), "abc") || strings.Contains(err.Error(), "my-topic") || strings.Contains(err.Error(), "hook") {
				t.Errorf("nobody there: %v", err)
			}
		})
	}
}
