package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// The records are put back from a copy made before the last token: the agent
// itself finds that the broker keeps a later head, says so, leaves the head as it
// is, and goes on from there only at a person's word.
func TestAnOldCopyIsKnownByTheHeadThatTheBrokerKeeps(t *testing.T) {
	l := newLive(t, "")
	var mu sync.Mutex
	kept := struct{ Seq uint64 }{}
	k := l.broker.Subscribe("keeplit/live/ledger/head", 1, func(_ mqtt.Client, m mqtt.Message) {
		mu.Lock()
		defer mu.Unlock()
		if err := json.Unmarshal(m.Payload(), &kept); err != nil {
			t.Errorf("%s: %v", m.Payload(), err)
		}
	})
	if !k.WaitTimeout(10*time.Second) || k.Error() != nil {
		t.Fatal(k.Error())
	}
	head := func() uint64 {
		mu.Lock()
		defer mu.Unlock()
		return kept.Seq
	}
	eventually := func(what string, is func() bool) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("it does not come to pass that %s (head %d)", what, head())
			}
		}
	}
	warned := func() bool {
		r, err := http.Get(l.url + "/api/v1/view")
		if err != nil {
			return false
		}
		defer r.Body.Close()
		var v struct {
			Warnings []struct{ Code, Cause string }
		}
		if json.NewDecoder(r.Body).Decode(&v) != nil {
			return false
		}
		for _, w := range v.Warnings {
			if w.Code == "ledger_old" {
				return strings.Contains(w.Cause, "was published")
			}
		}
		return false
	}
	run := func(during func()) {
		t.Helper()
		cmd, out := l.start(t)
		during()
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	data, copied := filepath.Join(l.folder, "data"), filepath.Join(t.TempDir(), "copy")
	enter := func(n int) {
		t.Helper()
		eventually("a token is taken", func() bool { return l.byAPI(t.Context(), token(t, n, 10)) == "accepted" })
	}
	run(func() { enter(1) })
	if err := os.CopyFS(copied, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	run(func() {
		enter(2)
		eventually("the head is published", func() bool { return head() >= 4 }) // opening, supply, two tokens
		if warned() {
			t.Error("a ledger that is whole is called old")
		}
	})
	last := head()
	if err := os.RemoveAll(data); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(data, os.DirFS(copied)); err != nil {
		t.Fatal(err)
	}
	run(func() {
		eventually("the old copy is known", warned)
		enter(3)
		time.Sleep(2 * time.Second) // longer than it takes to publish
		if got := head(); got != last {
			t.Errorf("the head that proves it was replaced: %d, was %d", got, last)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, l.url+"/api/v1/warnings/ledger_old/seen", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+livePIN)
		a, err := http.DefaultClient.Do(r)
		if err != nil || a.StatusCode != http.StatusNoContent {
			t.Fatalf("%v %v", a, err)
		}
		_ = a.Body.Close()
		enter(4)
		enter(5)
		eventually("the new head is published", func() bool { return head() > last })
		if warned() {
			t.Error("acknowledged, it stays")
		}
	})
}
