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

// All records are deleted, and the broker knows nothing: the head in another
// place is enough to give no second opening credit and to count no token, until
// a person decides.
func TestRecordsBegunAnewAreKnownByTheHeadKeptApart(t *testing.T) {
	t.Parallel()
	l := newLive(t, "head_file: head.json\n")
	data := filepath.Join(l.folder, "data")
	run := func(during func()) {
		t.Helper()
		cmd, out := l.start(t)
		during()
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		l.broker.Publish("keeplit/live/ledger/head", 1, true, "").WaitTimeout(5 * time.Second)
	}
	answered := func(n int) (got string) {
		for end := time.Now().Add(30 * time.Second); got == "" && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			got = l.byAPI(t.Context(), token(t, n, 10))
		}
		return got
	}
	run(func() {
		if got := answered(1); got != "accepted" {
			t.Fatalf("token 1 is answered %q", got)
		}
	})
	if err := os.RemoveAll(data); err != nil {
		t.Fatal(err)
	}
	for range 2 { // and again after a restart
		run(func() {
			if got := answered(1); got != "not_recorded" {
				t.Errorf("a token of the records that are gone is answered %q", got)
			}
		})
	}
	run(func() {
		if got := answered(2); got != "not_recorded" {
			t.Errorf("token 2 is answered %q", got)
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
		if got := answered(2); got != "accepted" {
			t.Errorf("acknowledged, token 2 is answered %q", got)
		}
	})
	run(func() { // the head kept apart is the new ledger's now
		if got := answered(3); got != "accepted" {
			t.Errorf("token 3 is answered %q", got)
		}
	})
	entries, err := storedLedger(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	if e := entries[0]; e.Amount != 0 {
		t.Errorf("a second opening credit of %s is given", e.Amount)
	}
}

// The records are deleted, moved or replaced under a running agent: it notices
// before the next token, counts none, and goes on when they are back.
func TestRecordsTakenFromUnderARunningAgent(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"rm -rf", "mv"} {
		t.Run(how, func(t *testing.T) {
			l := newLive(t, "")
			data := filepath.Join(l.folder, "data")
			cmd, _ := l.start(t)
			defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
			answer := func(n int) (got string) {
				for end := time.Now().Add(30 * time.Second); got == "" && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
					got = l.byAPI(t.Context(), token(t, n, 10))
				}
				return got
			}
			if got := answer(1); got != "accepted" {
				t.Fatalf("token 1 is answered %q", got)
			}
			if how == "mv" {
				if err := os.Rename(data, data+".away"); err != nil {
					t.Fatal(err)
				}
			} else if err := os.RemoveAll(data); err != nil {
				t.Fatal(err)
			}
			for n := 2; n <= 3; n++ {
				if got := answer(n); got != "not_recorded" {
					t.Errorf("token %d is answered %q", n, got)
				}
			}
			if how != "mv" {
				return
			}
			if err := os.Rename(data+".away", data); err != nil {
				t.Fatal(err)
			}
			for n := 2; n <= 3; n++ {
				if got := answer(n); got != "accepted" {
					t.Errorf("when they are back, token %d is answered %q", n, got)
				}
			}
		})
	}
}

// The records are put back from a copy made before the last token: the agent
// itself finds that the broker keeps a later head, says so, leaves the head as it
// is, and goes on from there only at a person's word.
func TestAnOldCopyIsKnownByTheHeadThatTheBrokerKeeps(t *testing.T) {
	t.Parallel()
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
		for _, n := range []int{2, 3} { // one that the published ledger has credited, and one that it cannot have
			if got := l.byAPI(t.Context(), token(t, n, 10)); got != "not_recorded" {
				t.Errorf("while the ledger is an old one, token %d is answered %q", n, got)
			}
		}
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
		enter(3) // it stayed good
		enter(4)
		enter(5)
		eventually("the new head is published", func() bool { return head() > last })
		if warned() {
			t.Error("acknowledged, it stays")
		}
	})
}
