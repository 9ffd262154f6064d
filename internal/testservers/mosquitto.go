package testservers

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Mosquitto is a real MQTT broker that keeps sessions and retained messages on
// the disk.  Anonymous clients are not let in.
type Mosquitto struct {
	URL            string // mqtt://127.0.0.1:port
	User, Password string
	Port           int
	p              process
}

// MosquittoOption changes the broker's configuration.
type MosquittoOption func(*mosquittoConfig)

type mosquittoConfig struct {
	lines []string
	acl   []string
	tls   bool
}

// WithACL gives the broker an access list, in Mosquitto's own words; User has
// no other rights then.
func WithACL(lines ...string) MosquittoOption {
	return func(c *mosquittoConfig) { c.acl = append(c.acl, lines...) }
}

// WithLines adds lines to the listener's configuration; with WithTLS for
// certificates the URL begins with mqtts.
func WithLines(lines ...string) MosquittoOption {
	return func(c *mosquittoConfig) { c.lines = append(c.lines, lines...) }
}

// WithTLS serves TLS with these files and lets in only clients whose
// certificate caFile signed.
func WithTLS(caFile, certFile, keyFile string) MosquittoOption {
	return func(c *mosquittoConfig) {
		c.tls = true
		c.lines = append(c.lines, "cafile "+caFile, "certfile "+certFile, "keyfile "+keyFile, "require_certificate true")
	}
}

// StartMosquitto starts a broker, or skips the test where there is none.
func StartMosquitto(t testing.TB, options ...MosquittoOption) *Mosquitto {
	t.Helper()
	bin := program(t, "mosquitto", "KEEPLIT_MOSQUITTO", "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto")
	passwd := program(t, "mosquitto_passwd", "KEEPLIT_MOSQUITTO_PASSWD", filepath.Join(filepath.Dir(bin), "mosquitto_passwd"))
	var cfg mosquittoConfig
	for _, o := range options {
		o(&cfg)
	}
	dir := t.TempDir()
	m := &Mosquitto{User: "keeplit", Password: "right-horse", Port: FreePort(t)}
	m.URL = fmt.Sprintf("mqtt://127.0.0.1:%d", m.Port)
	if cfg.tls {
		m.URL = fmt.Sprintf("mqtts://127.0.0.1:%d", m.Port)
	}
	users := filepath.Join(dir, "users")
	if out, err := exec.Command(passwd, "-b", "-c", users, m.User, m.Password).CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_passwd: %v\n%s", err, out)
	}
	lines := []string{
		fmt.Sprintf("listener %d 127.0.0.1", m.Port),
		"allow_anonymous false",
		"password_file " + users,
		"persistence true",
		"persistence_location " + dir + "/",
		"autosave_on_changes true", // every change, so that a kill loses none
		"autosave_interval 1",
		"max_queued_messages 0", // none is dropped for a client that is away
		"log_type error", "log_type warning", "log_type notice",
	}
	if os.Getuid() == 0 {
		lines = append(lines, "user root") // or it could not read our directory
	}
	if len(cfg.acl) > 0 {
		acl := filepath.Join(dir, "acl")
		if err := os.WriteFile(acl, []byte("user "+m.User+"\n"+strings.Join(cfg.acl, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, "acl_file "+acl)
	}
	m.serve(t, bin, dir, append(lines, cfg.lines...))
	return m
}

// StartMosquittoOf starts a broker with the configuration of a document, whose files are in dir:
// PORT becomes the port, and DIR the folder.
func StartMosquittoOf(t testing.TB, dir, text string) *Mosquitto {
	t.Helper()
	bin := program(t, "mosquitto", "KEEPLIT_MOSQUITTO", "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto")
	m := &Mosquitto{Port: FreePort(t)}
	scheme := "mqtt"
	if strings.Contains(text, "cafile ") {
		scheme = "mqtts"
	}
	m.URL = fmt.Sprintf("%s://127.0.0.1:%d", scheme, m.Port)
	text = strings.NewReplacer("PORT", strconv.Itoa(m.Port), "DIR", dir).Replace(text)
	lines := strings.Split(text, "\n")
	if os.Getuid() == 0 {
		lines = append(lines, "user root") // or it could not read our directory
	}
	m.serve(t, bin, dir, lines)
	return m
}

// serve starts the broker with the lines of a configuration.
func (m *Mosquitto) serve(t testing.TB, bin, dir string, lines []string) {
	t.Helper()
	conf := filepath.Join(dir, "mosquitto.conf")
	if err := os.WriteFile(conf, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m.p = process{t: t, program: bin, args: []string{"-c", conf}, ready: func() error {
		c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", m.Port), time.Second)
		if err != nil {
			return err
		}
		return c.Close()
	}}
	m.p.start()
}

// Stop ends the broker as a service manager does: what it holds is saved.
func (m *Mosquitto) Stop() { m.p.end(syscall.SIGTERM) }

// Kill ends the broker at once.
func (m *Mosquitto) Kill() { m.p.end(os.Kill) }

// Start starts the broker again on the same port, with what it saved.
func (m *Mosquitto) Start() { m.p.t.Helper(); m.p.start() }
