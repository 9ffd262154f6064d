package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// A receipt of a whole agent, checked by the command away from it.
func TestAReceiptIsCheckedAwayFromTheBox(t *testing.T) {
	h := aHome(t, "")
	h.pass(2 * time.Minute)
	if code := h.post("/api/v1/topup", `{"token":"`+h.token(50*units.One)+`"}`); code != http.StatusOK {
		t.Fatalf("the token is answered %d", code)
	}
	seq := regexp.MustCompile(`/receipt/topup/(\d+)\.html`).FindStringSubmatch(h.fetch("/account?by=topups"))
	if seq == nil {
		t.Fatal("the page offers no receipt")
	}
	key := regexp.MustCompile(`class="key">([^<]+)<`).FindStringSubmatch(h.fetch("/system"))
	if key == nil {
		t.Fatal("the page shows no key")
	}
	dir := t.TempDir()
	name := filepath.Join(dir, "receipt.html")
	text := h.fetch("/receipt/topup/" + seq[1] + ".html")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	check := func(args ...string) int {
		out.Reset()
		return run(append([]string{"receipt"}, args...), &env{Ctx: t.Context(), Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out})
	}
	if code := check(name, "--key", key[1]); code != exitOK || !strings.Contains(out.String(), "sound: signed by "+key[1]+": Receipt of a top-up of 50.000000 on 2026-11-02") {
		t.Errorf("%d: %s", code, out.String())
	}
	if code := check(name, "--key", strings.Repeat("A", 43)); code != exitInvalid || !strings.Contains(out.String(), "and not the one that was asked for") {
		t.Errorf("another key: %d: %s", code, out.String())
	}
	if err := os.WriteFile(name, []byte(strings.Replace(text, "50.00", "90.00", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if code := check(name); code != exitInvalid || !strings.Contains(out.String(), "NOT SOUND: it was changed after it was signed") {
		t.Errorf("another amount: %d: %s", code, out.String())
	}
	if code := check(filepath.Join(dir, "none.html")); code != exitInvalid || !strings.Contains(out.String(), "NOT SOUND") {
		t.Errorf("no file: %d: %s", code, out.String())
	}
}

// fetch is a page of the agent.
func (h *home) fetch(path string) string {
	h.Helper()
	res, err := http.Get(h.url + path)
	if err != nil {
		h.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		h.Fatalf("%s: %d, %v", path, res.StatusCode, err)
	}
	return string(b)
}

// post sends JSON to the agent's API.
func (h *home) post(path, body string) int {
	h.Helper()
	res, err := http.Post(h.url+path, "application/json", strings.NewReader(body))
	if err != nil {
		h.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}
