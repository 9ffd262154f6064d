package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/panel"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/keypad"
	"github.com/keeplit/keeplit/credit/voucher"
	"github.com/keeplit/keeplit/internal/units"
)

// operator is the command line of who sells vouchers.
type operator struct {
	*testing.T
	dir, public string
}

func anOperator(t *testing.T) operator {
	o := operator{t, t.TempDir(), ""}
	o.public = strings.TrimSpace(o.does(exitOK, "keygen", o.file("key")))
	return o
}

func (o operator) file(name string) string { return filepath.Join(o.dir, name) }

// does runs agent voucher and answers what it prints.
func (o operator) does(want int, args ...string) string {
	o.Helper()
	var out, complaint bytes.Buffer
	code := run(append([]string{"voucher"}, args...), &env{Ctx: o.Context(), Stdin: strings.NewReader(""), Stdout: &out, Stderr: &complaint, Getenv: func(string) string { return "" }})
	if code != want {
		o.Fatalf("agent voucher %s: %d, want %d\n%s%s", strings.Join(args, " "), code, want, out.String(), complaint.String())
	}
	return out.String() + complaint.String()
}

// issue is vouchers for a meter.
func (o operator) issue(meter string, at time.Time, args ...string) []string {
	o.Helper()
	return strings.Fields(o.does(exitOK, append([]string{"issue", "--key", o.file("key"), "--state", o.file("sold.json"), "--meter", meter, "--at", at.Format(time.RFC3339)}, args...)...))
}

func TestVouchersAreMadeCheckedAndTakenBackAwayFromAnyMeter(t *testing.T) {
	o := anOperator(t)
	three := o.issue("37124", time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC), "--money", "50", "--currency", "KES", "--count", "3")
	if len(three) != 3 || three[0] == three[1] || len(three[0]) != voucher.Digits {
		t.Fatalf("%q", three)
	}
	verify := func(want int, meter string, args ...string) string {
		return o.does(want, append([]string{"verify", "--key", o.public, "--meter", meter, "--currency", "KES"}, args...)...)
	}
	if got := verify(exitOK, "37124", three...); !strings.HasPrefix(got, `{"result":"accept","kind":"credit","serial":1,"amount":"50.000000","unit":"KES","issued":"2026-11-02T09:00:00Z"}`) {
		t.Error(got)
	}
	if got := verify(exitInvalid, "37125", three[0]); !strings.Contains(got, `"detail":"voucher.meter"`) {
		t.Error(got)
	}
	if got := verify(exitInvalid, "37124", three[0][1:]); !strings.Contains(got, `"result":"format"`) {
		t.Error(got)
	}
	void := o.does(exitOK, "revoke", "--key", o.file("key"), "--serial", "2")
	if err := os.WriteFile(o.file("void.txt"), []byte(void), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := verify(exitInvalid, "37124", append([]string{"--revoked", o.file("void.txt")}, three...)...); strings.Count(got, `"result":"accept"`) != 2 || !strings.Contains(got, `"detail":"voucher.revoked"`) {
		t.Error(got)
	}
	o.does(exitOK, "issue", "--key", o.file("key"), "--state", o.file("sold.json"), "--meter", "37124", "--kwh", "12.5", "--days", "90", "--html", o.file("v.html"))
	page, err := os.ReadFile(o.file("v.html"))
	if err != nil || !bytes.Contains(page, []byte("12.5 kWh")) || !bytes.Contains(page, []byte("no. 4")) || !bytes.Contains(page, []byte(`<path d="M4 4h1v1h-1z`)) {
		t.Errorf("%v: %.300s", err, page)
	}
	if strings.Contains(string(page), "http") {
		t.Error("the page needs something besides itself")
	}
	for name, args := range map[string][]string{
		"no amount":            {"issue", "--key", o.file("key"), "--state", o.file("sold.json"), "--meter", "1"},
		"money of no currency": {"issue", "--key", o.file("key"), "--state", o.file("sold.json"), "--meter", "1", "--money", "5"},
		"a part of a Wh":       {"issue", "--key", o.file("key"), "--state", o.file("sold.json"), "--meter", "1", "--kwh", "0.0001"},
		"no serial":            {"revoke", "--key", o.file("key"), "--serial", "0"},
	} {
		if got := o.does(exitUsage, args...); got == "" {
			t.Errorf("%s: nothing is said", name)
		}
	}
	other := anOperator(t)
	if got := o.does(exitFailure, "issue", "--key", other.file("key"), "--state", o.file("sold.json"), "--meter", "1", "--kwh", "1"); !strings.Contains(got, "serials of another key") {
		t.Error(got)
	}
	if got := o.does(exitFailure, "issue", "--key", o.file("key"), "--state", o.file("sold.json"), "--meter", "1", "--kwh", "1", "--html", o.file("v.html")); !strings.Contains(got, "never written over") {
		t.Error(got)
	}
}

// ways are the ways by which a person enters tokens, by name.
func (h *home) ways() map[string]func(string) {
	t := h.T
	mqtt := func(text string) {
		if err := h.mqtt.token(t.Context(), broker.Message{Topic: h.mqtt.topics.Token(), Payload: []byte(text)}); err != nil {
			t.Fatal(err)
		}
	}
	return map[string]func(string){
		"page": func(d string) { h.press("/topup", "token="+url.QueryEscape(d)) },
		"api": func(d string) {
			body, err := json.Marshal(map[string]string{"token": d})
			if err != nil {
				t.Fatal(err)
			}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+"/api/v1/topup", bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			h.call(r)
		},
		"mqtt": mqtt,
		"command": func(d string) {
			_ = topupCmd{client: client{URL: h.url}}.Run(&env{Ctx: t.Context(), Stdin: strings.NewReader(d), Stdout: io.Discard, Stderr: io.Discard, Getenv: func(string) string { return "" }})
		},
		"keypad": func(d string) {
			keys := panel.Keys{Loop: h.s.Loop(), Credit: h.s.Site().Credit, Words: present.NewWords().Keypad(h.s.Site()), Show: func(string, string) {}}
			keys.Pressed(t.Context(), keypad.Event{Kind: keypad.Enter, Token: d})
		},
	}
}

// Vouchers at a whole agent by every way: each is credited once, by whichever way and
// after a restart, and one that was taken back not at all.
func TestVouchersAreEnteredByEveryWay(t *testing.T) {
	o := anOperator(t)
	h := aHome(t, "tokens: {voucher: {keys: ["+o.public+"], accept_from: 2026-01-01T00:00:00Z}}\n")
	h.pass(time.Minute)
	has := func() units.Money { return h.s.Loop().Snapshot().State.Credit.Available() }
	ways := h.ways()
	list := o.issue("1", time.Date(2026, 11, 2, 4, 0, 0, 0, time.UTC), "--money", "20", "--currency", "ZAR", "--count", fmt.Sprint(len(ways)+2))
	void := strings.TrimSpace(o.does(exitOK, "revoke", "--key", o.file("key"), "--serial", fmt.Sprint(len(ways)+1), "--meter", "1"))
	i := 0
	for name, enter := range ways {
		was := has()
		text := list[i]
		if i%2 == 0 { // as a message has it
			text = "Your voucher no. " + fmt.Sprint(i+1) + " of 20.00 for meter 1:\n" + grouped(list[i]) + "\nThank you."
		}
		if name == "keypad" {
			text = list[i]
		}
		enter(text)
		if got := has() - was; got != 20*units.One {
			t.Errorf("by %s: %s credited", name, got)
		}
		for _, again := range ways {
			again(list[i])
		}
		if got := has() - was; got != 20*units.One {
			t.Errorf("by %s and again by all: %s credited", name, got)
		}
		i++
	}
	ways["mqtt"](void)
	was := has()
	ways["page"](list[i]) // taken back
	if got := has() - was; got != 0 {
		t.Errorf("a voucher that was taken back: %s credited", got)
	}
	h.end()
	h.start()
	h.pass(time.Minute)
	was = has()
	for _, d := range list[:i+1] {
		ways["api"](d)
	}
	if got := has() - was; got > 0 {
		t.Errorf("after a restart %s credited again", got)
	}
	ways["page"](list[i+1])
	if got := has() - was; got < 19*units.One || got > 20*units.One {
		t.Errorf("after a restart the last one: %s credited", got)
	}
	st := h.s.Loop().Snapshot().State
	for _, way := range credit.Ways() {
		if l := st.Credit.Lock(way); l.Wrong > 0 {
			t.Errorf("%s has %d wrong tokens in a row", way, l.Wrong)
		}
	}
}

func grouped(digits string) string {
	var b strings.Builder
	for i, r := range digits {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}
