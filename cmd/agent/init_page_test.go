//go:build linux

package main

import (
	"bufio"
	"bytes"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// setUpPage is a reader of the page of "agent init --page".
type setUpPage struct {
	t    *testing.T
	at   string
	c    *http.Client
	body string
}

func (p *setUpPage) post(path string, form url.Values) {
	p.t.Helper()
	p.read(p.c.PostForm(p.at+path, form))
}

func (p *setUpPage) read(a *http.Response, err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	p.body = html.UnescapeString(string(b))
}

var questionForm, numberForm = regexp.MustCompile(`<h1 id="question">([^<]*)`), regexp.MustCompile(`name="n" value="([0-9]+)"`)

// question waits for the next question; "" where it has ended.
func (p *setUpPage) question() string {
	p.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); p.read(p.c.Get(p.at)) {
		if m := questionForm.FindStringSubmatch(p.body); m != nil {
			return m[1]
		}
		if strings.Contains(p.body, "<h1>Done</h1>") {
			return ""
		}
	}
	p.t.Fatalf("nothing is asked: %s", p.body)
	return ""
}

func (p *setUpPage) answer(text string) {
	p.t.Helper()
	q := p.question()
	m := numberForm.FindStringSubmatch(p.body)
	if m == nil {
		p.t.Fatalf("%q waits for no answer: %s", q, p.body)
	}
	p.post("/answer", url.Values{"n": {m[1]}, "answer": {text}})
}

// From nothing to a configuration that is right, by the page: the meter answers, the file and its secrets are
// there, the program ends.
func TestInitOnAPage(t *testing.T) {
	t.Parallel()
	l := box{newLive(t, ""), t}
	var plug plug
	plug.serve(t, l.broker, "geyser")
	broker, user, password := l.account()
	file := filepath.Join(t.TempDir(), "site", "keeplit.yaml")
	cmd := exec.Command(os.Args[0], "init", "--page", "--listen", "127.0.0.1:0", file)
	cmd.Env = append(os.Environ(), asAgent+"=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	said, lines := "", bufio.NewScanner(out)
	for lines.Scan() && !strings.Contains(said, "enter the code") {
		said += lines.Text() + "\n"
		if strings.Contains(said, "enter the code") {
			break
		}
	}
	address, code := regexp.MustCompile(`http://[0-9.:]+`).FindString(said), regexp.MustCompile(`code ([0-9]{4} [0-9]{4})`).FindStringSubmatch(said)
	if address == "" || code == nil {
		t.Fatalf("it said %s %s", said, stderr.String())
	}
	jar, _ := cookiejar.New(nil)
	p := &setUpPage{t: t, at: address, c: &http.Client{Jar: jar, Timeout: time.Minute}}
	p.post("/code", url.Values{"code": {code[1]}})
	for _, a := range []string{
		"home", "Njeri's", "KE", "price", "", "25.5", "", "37001234567", "60 A",
		broker, user, password, "pulse", "GPIO924", "1000", "led", "pulse", "GPIO924", "1000", "led",
		"12.50", "own", "Geyser", "3 kW", "2h30m", "18:30", "tasmota", "", "yes", "",
		"", "", "18095", "4711", "4712", "4711", "4711",
	} {
		p.answer(a)
	}
	if q := p.question(); q != "" {
		t.Fatalf("it asks %q", q)
	}
	if !strings.Contains(p.body, file+" is written.") || !strings.Contains(p.body, "agent run "+file) {
		t.Errorf("it ends with %s", p.body)
	}
	for lines.Scan() {
		said += lines.Text() + "\n"
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s %s", err, said, stderr.String())
	}
	written, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(written), "starting_code") {
		t.Fatalf("%v %s", err, written)
	}
	for _, name := range []string{"pin.hash", "openpaygo.key", "mqtt.password", "vendor.yaml"} {
		if i, err := os.Stat(filepath.Join(filepath.Dir(file), name)); err != nil || i.Mode().Perm() != secretMode {
			t.Errorf("%s: %v %v", name, i, err)
		}
	}
	if says, errs, code := agentOn(t, "", "check", file); code != exitOK || !strings.Contains(says, "1 load") {
		t.Errorf("check: %d %s %s", code, says, errs)
	}
	// What it says of tokens makes some that the site takes.
	how := regexp.MustCompile(`A token by your own key: agent (token issue --meter .*)`).FindStringSubmatch(said)
	if how == nil {
		t.Fatalf("it does not say how tokens are made: %s", said)
	}
	token, errs, code2 := agentOn(t, "", strings.Fields(how[1])...)
	if code2 != exitOK || regexp.MustCompile(`^[0-9]{9}\n$`).FindString(token) == "" {
		t.Fatalf("%d %q %s", code2, token, errs)
	}
	key, err := os.ReadFile(filepath.Join(filepath.Dir(file), "openpaygo.key"))
	if err != nil {
		t.Fatal(err)
	}
	starting := regexp.MustCompile(`starting_code: [0-9]{9}`).Find(written)
	meter := filepath.Join(t.TempDir(), "meter.yaml")
	if err := os.WriteFile(meter, []byte("scheme: openpaygo\nunit: money\nkey: "+string(key)+string(starting)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if says, errs, _ := agentOn(t, "", "token", "decode", "--meter", meter, strings.TrimSpace(token)); !strings.Contains(says, `"result":"accept"`) || !strings.Contains(says, `"amount_money":"20`) && !strings.Contains(says, `"amount_money":20`) {
		t.Errorf("%s %s", says, errs)
	}
	if strings.Contains(said+stderr.String(), "4711") || strings.Contains(said+stderr.String(), password) {
		t.Errorf("a secret is shown: %s %s", said, stderr.String())
	}
}
