package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/cmd/agent/internal/web/webtest"
)

// output is what a process said, safe to read while it speaks.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// process starts this test's binary as the agent; it is ended with the test.
func process(t *testing.T, args ...string) *output {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asAgent+"=1")
	out := &output{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			t.Errorf("agent %v: %v", args, err)
		}
		if t.Failed() {
			t.Logf("the agent said:\n%s", out)
		}
	})
	return out
}

// answers waits until url answers 200.
func answers(t *testing.T, url string, out *output) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		r, err := http.Get(url) //nolint:gosec // the test's own address
		if err == nil {
			_ = r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(end) {
			t.Fatalf("%s does not answer: %v\n%s", url, err, out)
		}
	}
}

// planned waits until the agent has a plan to show.
func planned(t *testing.T, url string, out *output) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		var v struct {
			Plan struct {
				MadeAt *time.Time `json:"made_at"`
			} `json:"plan"`
		}
		r, err := http.Get(url + "/api/v1/view") //nolint:gosec // the test's own address
		if err == nil {
			err = errors.Join(json.NewDecoder(r.Body).Decode(&v), r.Body.Close())
		}
		if err == nil && v.Plan.MadeAt != nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("there is no plan: %v\n%s", err, out)
		}
	}
}

// TestDemoOnABareMachine runs the first command of the README and finds the page,
// the token it prints, and loads and credit that move.
func TestDemoOnABareMachine(t *testing.T) {
	t.Parallel()
	out := process(t, "demo", "--listen", "127.0.0.1:0", "--speed", "300")
	var url, token string
	for end := time.Now().Add(30 * time.Second); token == ""; time.Sleep(20 * time.Millisecond) {
		if m := regexp.MustCompile(`page +(http://\S+)[\s\S]*token +([0-9]+)`).FindStringSubmatch(out.String()); m != nil {
			url, token = m[1], m[2]
		}
		if time.Now().After(end) {
			t.Fatalf("the demo does not say where it is:\n%s", out)
		}
	}
	answers(t, url+"/healthz", out)
	planned(t, url, out)
	t.Run("it is asked that the credit lasts", func(t *testing.T) { lastUntil(t, url) })
	t.Run("in a browser", func(t *testing.T) {
		b := webtest.Start(t)
		for _, screen := range []webtest.Screen{webtest.Phone(), webtest.Desktop()} {
			p := b.Page(t, screen)
			p.Open(url + "/")
			p.See("#r-hero", "Electricity lasts until")
			p.See("#r-plan", "Geyser")
			p.Click(".plan details[data-frame] summary")
			p.Wait("the plan is drawn", "document.querySelector('#plan-chart canvas') !== null")
			p.Screenshot("demo-"+screen.Name(), true)
		}
		p := b.Page(t, webtest.Phone())
		p.Open(url + "/topup")
		p.Type("#token", token)
		p.Click("#topup-send")
		p.See("#notice", "Accepted: +R 50.00")
		p.Screenshot("demo-topup-"+webtest.Phone().Name(), true)
		if problems := p.Problems(); len(problems) > 0 {
			t.Errorf("the browser complains: %q", problems)
		}
	})
}

// TestPageOfARunningAgent drives the page of "agent run" with a PIN.
func TestPageOfARunningAgent(t *testing.T) {
	t.Parallel()
	b := webtest.Start(t)
	folder := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	hash, err := web.HashPIN("471147")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"pin.hash": hash, "token.key": trialKey,
		"keeplit.yaml": fmt.Sprintf(`
site: {id: page, name: Test house, meter: "1", zone: Africa/Johannesburg, symbol: R}
data: data
meter: {driver: house}
simulation: {speed: 60, step: 6s, seed: 3, start: 2026-11-02T03:00:00Z}
tariff: {catalogue: za-eskom-homelight-20a}
credit: {opening: 80, emergency: {amount: 20, offer_below: 10}}
tokens:
  openpaygo: {key: {file: token.key}, starting_code: %d, unit: money}
supply: {switch: {driver: house}}
loads:
  - {id: geyser, name: Geyser, power: 3 kW, need: {for: 2h}, switch: {driver: house}}
web: {listen: %q, reading: open, pin: {file: pin.hash}}
log: {level: warn}
`, trialStart, address),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := process(t, "run", filepath.Join(folder, "keeplit.yaml"))
	url := "http://" + address
	answers(t, url+"/healthz", out)

	p := b.Page(t, webtest.Phone())
	p.Open(url + "/")
	p.See("#r-hero", "Electricity lasts")
	p.Click("#run-geyser")
	p.Wait("the sign-in form", "location.pathname === '/signin' && document.readyState === 'complete' && document.getElementById('pin') !== null")
	p.Type("#pin", "1111")
	p.Click("#signin")
	p.See("#notice", "That PIN is wrong")
	p.Problems() // Chromium notes the status 422
	p.Type("#pin", "471147")
	p.Click("#signin")
	p.Wait("home", "location.pathname === '/' && document.readyState === 'complete'")
	p.See("#r-load-geyser", "Running")
	p.Click("#skip-geyser")
	p.See("#r-load-geyser", "Skipped")
	p.Open(url + "/topup")
	p.Type("#token", "123456789")
	p.Click("#topup-send")
	p.See("#notice", "This token is not for this meter")
	good := token(t, 1, 150)
	p.Eval("document.getElementById('token').value = ''", nil)
	p.Type("#token", good)
	p.Click("#topup-send")
	p.See("#notice", "Accepted: +R 150.00")
	p.Type("#token", good)
	p.Click("#topup-send")
	p.See("#notice", "This token was already used")
	p.Open(url + "/account")
	p.See("body", "150.00")
	for _, screen := range []webtest.Screen{webtest.Phone(), webtest.Desktop()} {
		q := b.Page(t, screen)
		for _, page := range []string{"/", "/topup", "/account", "/system"} {
			q.Open(url + page)
			q.Wait("loaded", "document.readyState === 'complete'")
			name := "agent" + map[string]string{"/": "-home"}[page]
			if page != "/" {
				name += "-" + page[1:]
			}
			q.Screenshot(name+"-"+screen.Name(), true)
		}
	}
}

// lastUntil asks the agent at url by the command line that its credit lasts.
func lastUntil(t *testing.T, url string) {
	t.Helper()
	ask := func(args ...string) (string, int) {
		var out, complaint bytes.Buffer
		code := run(append([]string{"last-until", "--url", url}, args...), &env{Ctx: t.Context(), Stdout: &out, Stderr: &complaint, Getenv: os.Getenv})
		return out.String() + complaint.String(), code
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{nil, exitOK, "Nobody asks that the credit lasts until a time."},
		{[]string{"soon"}, exitInvalid, "Soon is not a time: write it like Fri 18:00, tomorrow 07:00 or 2026-12-04 18:00"},
		{[]string{"today", "00:00"}, exitInvalid, "is over: write a time to come"},
		{[]string{"2126-01-01 18:00"}, exitInvalid, "is further than the forecast reaches: write a time up to"},
		{[]string{"tomorrow 23:59"}, exitOK, `The credit is to last until (today|tomorrow) 23:59. (It may end .*: the chance that it lasts|The chance that it does) is \d+ %`},
		{[]string{"--json", "--wait", "0s"}, exitOK, `{"until":{"at":".*","known":true`},
		{[]string{"off"}, exitOK, "Nobody asks"},
	} {
		if text, code := ask(c.args...); code != c.code || !regexp.MustCompile(c.says).MatchString(text) {
			t.Errorf("last-until %q: exit code %d, %s", c.args, code, text)
		}
	}
}
