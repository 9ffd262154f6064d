package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/drivers"
	"github.com/keeplit/keeplit/cmd/agent/internal/service"
	"github.com/keeplit/keeplit/cmd/agent/internal/setup"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/config"
)

// notes is a writer that two goroutines may use.
type notes struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.b.Write(p)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.b.String()
}

// A service whose configuration is wrong says so on its page, keeps the service manager content, and starts
// when the file is put right.  Nothing of the records is touched before.
func TestAServiceWithAWrongConfigurationSaysSoAndStartsWhenItIsMended(t *testing.T) {
	folder := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	file := filepath.Join(folder, "keeplit.yaml")
	write := func(zone, key string) {
		t.Helper()
		text := fmt.Sprintf(`
site: {id: home, name: Home, meter: "1", zone: %s}
meter: {driver: house}
simulation: {seed: 1}
tariff: {document: {name: flat, currency: EUR, zone: UTC, versions: [{energy: [{name: energy, price: 0.3}]}]}}
tokens: {openpaygo: {key: %s, starting_code: 516959010}}
supply: {switch: {driver: house}}
web: {listen: %q, reading: open}
`, zone, key, address)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const secret = "bc41ec9530f6dac86b1a29ab82edc5fb"
	write("Johannesburg", secret)
	if err := os.WriteFile(filepath.Join(folder, "k"), []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}

	socket := "@keeplit-test-" + t.Name()[:20]
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: "\x00" + socket[1:], Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	var heard notes
	go func() {
		b := make([]byte, 200)
		for {
			n, err := manager.Read(b)
			if err != nil {
				return
			}
			fmt.Fprintf(&heard, "%s\n", b[:n])
		}
	}()
	env := map[string]string{"NOTIFY_SOCKET": socket, "WATCHDOG_USEC": "300000"}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var said notes
	ended := make(chan int, 1)
	begin := func(args ...string) int {
		return run(append([]string{"run"}, append(args, file)...), (&surroundings{ctx, &said, env}).of())
	}
	if code := begin(); code != exitInvalid { // by hand it ends
		t.Fatalf("without --stay: code %d, %s", code, said.String())
	}
	go func() { ended <- begin("--stay") }()

	get := func(path string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		a, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0, err.Error()
		}
		defer a.Body.Close()
		b, _ := io.ReadAll(a.Body)
		return a.StatusCode, string(b)
	}
	until := func(what string, holds func() bool) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: not within 30 s\n%s\n%s", what, said.String(), heard.String())
			}
		}
	}
	until("the page", func() bool { code, _ := get("/"); return code == http.StatusServiceUnavailable })
	var p api.Problem
	_, body := get("/api/v1/view")
	if err := json.Unmarshal([]byte(body), &p); err != nil || p.Error.Code != "configuration" || len(p.Faults) != 2 ||
		p.Faults[0].Key != "site.zone" || p.Faults[0].Line != 2 || !strings.Contains(p.Faults[0].Remedy, "Africa/Johannesburg") {
		t.Errorf("%v: %s", err, body)
	}
	if _, page := get("/account"); !strings.Contains(page, "site.zone") || !strings.Contains(page, "tokens.openpaygo.key") || strings.Contains(page+body, secret) {
		t.Errorf("the page: %s", page)
	}
	if code, text := get("/healthz"); code != http.StatusServiceUnavailable || !strings.Contains(text, "2 faults") {
		t.Errorf("healthz: %d %s", code, text)
	}
	until("the service manager", func() bool { return strings.Count(heard.String(), "WATCHDOG=1") >= 3 })
	if h := heard.String(); !strings.Contains(h, "READY=1") || !strings.Contains(h, "STATUS=The configuration has 2 faults") {
		t.Errorf("the service manager heard %s", h)
	}
	var status notes
	if code := run([]string{"status", "--url", "http://" + address}, (&surroundings{ctx, &status, nil}).of()); code == exitOK || !strings.Contains(status.String(), "line 2: site.zone: ") || strings.Contains(status.String(), "KEEPLIT_PIN") {
		t.Errorf("agent status: %d %s", code, status.String())
	}

	write("UTC", secret) // one of two: what is left is said
	until("one fault", func() bool {
		_, b := get("/wrong")
		return !strings.Contains(b, "site.zone") && strings.Contains(b, "tokens.openpaygo.key")
	})
	if _, err := os.Stat(filepath.Join(folder, "data")); !os.IsNotExist(err) {
		t.Errorf("records were made while the configuration was wrong: %v", err)
	}
	write("UTC", "{file: k}")
	until("the agent", func() bool { code, _ := get("/healthz"); return code == http.StatusOK })
	stop()
	if code := <-ended; code != exitOK {
		t.Errorf("code %d: %s", code, said.String())
	}
	if strings.Contains(said.String()+heard.String(), secret) {
		t.Error("the secret was told")
	}
}

// Where another program has the page's port, that is said once and not each time it is tried; and the page
// is there when the port is free.
func TestAPageWhosePortIsTakenIsSaidOnce(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := taken.Addr().String()
	file := filepath.Join(t.TempDir(), "keeplit.yaml")
	if err := os.WriteFile(file, []byte(fmt.Sprintf("site: {id: home}\nweb: {listen: %q}\n", address)), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var said notes
	ended := make(chan int, 1)
	go func() {
		ended <- run([]string{"run", "--stay", file}, (&surroundings{ctx, &said, map[string]string{"NOTIFY_SOCKET": "@keeplit-test-nobody", "WATCHDOG_USEC": "90000"}}).of())
	}()
	for end := time.Now().Add(10 * time.Second); !strings.Contains(said.String(), "cannot be shown"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not said: %s", said.String())
		}
	}
	time.Sleep(500 * time.Millisecond) // it is tried many times
	if n := strings.Count(said.String(), "cannot be shown"); n != 1 {
		t.Errorf("said %d times", n)
	}
	taken.Close()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/healthz", nil)
		if err != nil {
			t.Fatal(err)
		}
		if a, err := http.DefaultClient.Do(r); err == nil {
			a.Body.Close()
			break
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	stop()
	if code := <-ended; code != exitOK {
		t.Errorf("code %d: %s", code, said.String())
	}
}

// One that is stopped while it waits has not failed.
func TestAServiceMayBeStoppedWhileItsConfigurationIsWrong(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var said notes
	file := filepath.Join(t.TempDir(), "none.yaml")
	if code := run([]string{"run", "--stay", file}, (&surroundings{ctx, &said, nil}).of()); code != exitOK || !strings.Contains(said.String(), "agent init") {
		t.Errorf("code %d: %s", code, said.String())
	}
}

// Whatever stands in the place of whatever value, a secret by mistake say: it is not on the page.
func TestThePageOfAWrongConfigurationRepeatsNothingOfIt(t *testing.T) {
	const met = "hunter2x"
	var now web.Mistakes
	page, err := web.NewHalted(func() web.Mistakes { return now }, web.Config{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	secrets := config.Secrets{Getenv: func(string) string { return "" }, ReadFile: func(name string) ([]byte, error) {
		if strings.HasSuffix(name, met) {
			return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
		}
		return []byte(met), nil
	}}
	lines := strings.Split(setup.Sample("/var/lib/keeplit").String(), "\n")
	setting := regexp.MustCompile(`^( *)#? ?((?:- )?[a-z_0-9]+: ).+$`)
	wrong := 0
	for i, line := range lines {
		m := setting.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		for _, value := range []string{met, "https://bob:" + met + "@broker:1/", "{" + met + ": 1}", "[" + met + "]", "{file: k}", "\n" + met, "'" + met, "5 " + met, "{env: " + met + "}", "{file: " + met + "}"} {
			changed := slices.Clone(lines)
			changed[i] = m[1] + m[2] + value
			cfg, faults := config.Parse([]byte(strings.Join(changed, "\n")), t.TempDir(), secrets, drivers.All())
			faults = cfg.Locate(faults, service.Faults(cfg, faults))
			if len(faults) == 0 {
				continue
			}
			wrong++
			now = web.Mistakes{File: "keeplit.yaml", Faults: faults}
			a := httptest.NewRecorder()
			page.Handler().ServeHTTP(a, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/wrong", nil))
			if body := a.Body.String(); strings.Contains(body, met) || !strings.Contains(body, "<li>") {
				t.Errorf("%q: %v\n%s", changed[i], faults, body)
			}
		}
	}
	// The request of a switch may hold its password, and is named where two loads have it.
	plug := "{driver: http, url: \"http://10.0.0.9\", on: {url: \"/cm?p=" + met + "&cmnd=on\"}, off: {url: /off}}"
	two := "loads: [{id: a, name: A, kind: onoff, power: 1 kW, switch: " + plug + "}, {id: b, name: B, kind: onoff, power: 1 kW, switch: " + plug + "}]\n"
	cfg, faults := config.Parse([]byte(two), t.TempDir(), secrets, drivers.All())
	now = web.Mistakes{File: "keeplit.yaml", Faults: cfg.Locate(faults, faults)}
	a := httptest.NewRecorder()
	page.Handler().ServeHTTP(a, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/wrong", nil))
	if body := a.Body.String(); strings.Contains(body, met) || !strings.Contains(body, "is the switch of load a already") {
		t.Errorf("%s", body)
	}
	if wrong < 100 {
		t.Errorf("%d configurations were wrong", wrong)
	}
	t.Logf("%d wrong configurations", wrong)
}

// surroundings is a process's surroundings in a test.
type surroundings struct {
	ctx context.Context
	out io.Writer
	env map[string]string
}

func (e *surroundings) of() *env {
	return &env{Ctx: e.ctx, Stdin: strings.NewReader(""), Stdout: e.out, Stderr: e.out, Getenv: func(k string) string { return e.env[k] }}
}
