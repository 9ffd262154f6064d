//go:build linux

package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	mqtt "github.com/eclipse/paho.mqtt.golang"
	"golang.org/x/sys/unix"
)

// plug is a plug with Tasmota on the broker, and what it was told.
type plug struct {
	mu   sync.Mutex
	on   bool
	told []string
}

func (p *plug) serve(t *testing.T, b mqtt.Client, name string) {
	t.Helper()
	k := b.Subscribe("cmnd/"+name+"/#", 1, func(_ mqtt.Client, m mqtt.Message) {
		p.mu.Lock()
		defer p.mu.Unlock()
		command := strings.ToUpper(m.Topic()[strings.LastIndexByte(m.Topic(), '/')+1:])
		word := strings.ToUpper(string(m.Payload()))
		if strings.HasPrefix(command, "POWER") && word != "" {
			p.on = word == "ON" || word == "1"
			p.told = append(p.told, word)
		}
		if strings.HasPrefix(command, "POWER") {
			state := map[bool]string{true: "ON", false: "OFF"}[p.on]
			go b.Publish("stat/"+name+"/RESULT", 1, false, `{"POWER":"`+state+`"}`)
		}
	})
	if !k.WaitTimeout(10*time.Second) || k.Error() != nil {
		t.Fatal(k.Error())
	}
	b.Publish("tele/"+name+"/LWT", 1, true, "Online")
}

// account is where the site's broker is, and how it lets the site in.
func (l box) account() (url, user, password string) {
	l.t.Helper()
	text, err := os.ReadFile(l.config())
	if err != nil {
		l.t.Fatal(err)
	}
	_, url, _ = strings.Cut(string(text), "mqtt: {url: \"")
	url, _, _ = strings.Cut(url, "\"")
	_, user, _ = strings.Cut(string(text), "username: \"")
	user, _, _ = strings.Cut(user, "\"")
	secret, err := os.ReadFile(filepath.Join(l.folder, "mqtt.password"))
	if err != nil {
		l.t.Fatal(err)
	}
	return url, user, strings.TrimSpace(string(secret))
}

// A broker with a password, a meter that is heard on it and a plug that is switched over and back: what is
// answered is asked at once, and what comes of it is right.
func TestAskedAtARealBroker(t *testing.T) {
	t.Parallel()
	l := box{newLive(t, ""), t}
	var p plug
	p.serve(t, l.broker, "geyser")
	ctx, stop := context.WithCancel(t.Context())
	var meter sync.WaitGroup
	meter.Go(func() { l.read(ctx, 100*time.Millisecond) })
	t.Cleanup(func() { stop(); meter.Wait() })
	url, user, password := l.account()
	file := filepath.Join(t.TempDir(), "asked.yaml")
	says, stderr, code := agentOn(t, strings.Join([]string{
		"", "", "GB", "price", "", "0.25", "Europe/London", "04000000001", "100 A",
		url, user, "wrong", url, user, password,
		"1", "12.50", "own", "Geyser", "3 kW", "2h30m", "18:30", "", "", "yes", "",
		"", "", "18093", "",
	}, "\n")+"\n", "init", "--ask", file)
	if code != exitOK {
		t.Fatalf("code %d: %s\n%s", code, stderr, says)
	}
	for _, want := range []string{
		"user name, password", "it takes name and password", "1: tasmota, 2000 W, register 1000", "meter: tasmota meter: register 1000.", "geyser: it is off",
		"geyser: it went on, and is off again", "is right: site home, 1 load",
	} {
		if !strings.Contains(says, want) {
			t.Errorf("it does not say %q:\n%s", want, says)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.on || !slices.Equal(slices.Compact(slices.Clone(p.told)), []string{"ON", "OFF"}) {
		t.Errorf("the plug was told %v", p.told)
	}
	if strings.Contains(says, password) {
		t.Error("the password is shown")
	}
}

// dark waits until a terminal does not show what is typed: no person types as fast as this test.
func dark(t *testing.T, tty *os.File) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if state, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS); err == nil && state.Lflag&unix.ECHO == 0 {
			return
		}
	}
	t.Error("the terminal would show the PIN")
}

// At a terminal the PIN is not shown; an interrupt leaves nothing behind.
func TestAskedAtATerminal(t *testing.T) {
	t.Parallel()
	for name, stops := range map[string]bool{"answered": false, "interrupted": true} {
		file := filepath.Join(t.TempDir(), "site.yaml")
		cmd := exec.Command(os.Args[0], "init", "--ask", file)
		cmd.Env = append(os.Environ(), asAgent+"=1")
		tty, err := pty.Start(cmd)
		if err != nil {
			t.Fatal(err)
		}
		answers := []string{"", "", "KE", "ke-kplc-domestic", "", "", "", "", "pulse", "GPIO924", "1000", "led", "pulse", "GPIO924", "1000", "led", "", "", "", "", "18094", "4711", "4711"}
		if stops {
			answers = append(slices.Clone(answers[:7]), "\x03")
		}
		var shown bytes.Buffer
		buf := make([]byte, 4096)
		asked := 0
		for {
			n, err := tty.Read(buf)
			shown.Write(buf[:n])
			if err != nil {
				break // the program has ended
			}
			if text := strings.TrimRight(shown.String(), " "); strings.HasSuffix(text, ":") && asked < len(answers) && n > 0 {
				line := answers[asked] + "\n"
				asked++
				if answers[asked-1] == "4711" {
					dark(t, tty)
				}
				if _, err := tty.WriteString(line); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = tty.Close()
		code := cmd.Wait()
		if strings.Contains(shown.String(), "4711") {
			t.Errorf("%s: the PIN is shown", name)
		}
		_, err = os.Stat(file)
		if stops && (code == nil || err == nil || !strings.Contains(shown.String(), "stopped; nothing is written")) || !stops && (code != nil || err != nil || asked != len(answers)) {
			t.Errorf("%s: %v, %v, %d answers of %d taken:\n%s", name, code, err, asked, len(answers), shown.String())
		}
	}
}
