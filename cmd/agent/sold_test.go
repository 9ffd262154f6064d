package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestWhatWasSoldIsReadToTheLetter(t *testing.T) {
	for _, c := range []struct {
		name, text, says string
		count            int
		last             time.Time
	}{
		{"form 1 of an OpenPAYGO device", `{"count":12}`, "", 12, time.Time{}},
		{"form 1 of an STS meter", `{"last":"2026-03-02T12:00:00Z"}`, "", -1, time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)},
		{"form 2", `{"version":2,"count":12,"last":"2026-03-02T12:00:00Z"}`, "", 12, time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)},
		{"the count under another name", `{"version":2,"Count":12,"last":"2026-03-02T12:00:00Z"}`, "Count: this program knows no such field", 0, time.Time{}},
		{"form 1 under another name", `{"counts":12}`, "counts: this program knows no such field", 0, time.Time{}},
		{"form 3", `{"version":3,"count":12,"last":"2026-03-02T12:00:00Z","key":"ab"}`, "", 12, time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)},
		{"form 3 without its key", `{"version":3,"count":12,"last":"2026-03-02T12:00:00Z"}`, "key", 0, time.Time{}},
		{"a newer form", `{"version":4}`, "has form 4 and this program knows forms up to 3", 0, time.Time{}},
		{"cut off", `{"version":2,"count":1`, "a token may be sold twice", 0, time.Time{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "sold.json")
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := readSold(file)
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("got %v, want %q", err, c.says)
				}
				return
			}
			count := -1
			if s.Count != nil {
				count = *s.Count
			}
			if err != nil || count != c.count || !s.Last.Equal(c.last) {
				t.Errorf("got %d, %s, %v", count, s.Last, err)
			}
		})
	}
}

// Counters sell and take by one state file at the same time: no token is sold twice, and
// none is taken twice.
func TestSeveralCountersShareOneStateFile(t *testing.T) {
	folder := t.TempDir()
	file := func(name string) string { return filepath.Join(folder, name) }
	description, err := filepath.Abs(exampleTokens)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"openpaygo.yaml": "scheme: openpaygo\nkey: bc41ec9530f6dac86b1a29ab82edc5fb\nstarting_code: 516959010\n",
		"described.yaml": "scheme: described\ndescription: " + description + "\nmeter: \"1\"\nkey: 3132333435363738393031323334353637383930\n",
		"sts.yaml":       "scheme: sts\ndecoder_key: 00112233445566778899aabbccddeeff\n",
	} {
		if err := os.WriteFile(file(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// atOnce is what one command prints, begun eight times at once.
	atOnce := func(args ...string) []string {
		out := make([]strings.Builder, 8)
		var all sync.WaitGroup
		for i := range out {
			all.Go(func() {
				var complaint strings.Builder
				if code := run(args, &env{Ctx: t.Context(), Stdin: strings.NewReader(""), Stdout: &out[i], Stderr: &complaint, Getenv: func(string) string { return "" }}); code != exitOK {
					t.Errorf("%v: %s", args, complaint.String())
				}
			})
		}
		all.Wait()
		var lines []string
		for i := range out {
			lines = append(lines, strings.TrimSpace(out[i].String()))
		}
		return lines
	}
	for _, scheme := range []string{"openpaygo", "described", "sts"} {
		meter := file(scheme + ".yaml")
		tokens := atOnce("token", "issue", "--meter", meter, "--kwh", "5", "--at", "2026-11-30T05:00:00Z", "--state", file(scheme+".json"))
		slices.Sort(tokens)
		if different := len(slices.Compact(slices.Clone(tokens))); different != len(tokens) {
			t.Errorf("%s: of %d purchases %d have a token of their own: %v", scheme, len(tokens), different, tokens)
		}
		taken := strings.Join(atOnce("token", "decode", "--meter", meter, "--at", "2026-11-30T06:00:00Z", "--state", file(scheme+"-taken.json"), "--commit", tokens[0]), "\n")
		if n := strings.Count(taken, `"result":"accept"`); n != 1 {
			t.Errorf("%s: a token was taken %d times:\n%s", scheme, n, taken)
		}
	}
}

// A file of counts is one key's: those of another would take a token out of its meter's reach.
func TestCountsOfAnotherKeyAreRefused(t *testing.T) {
	folder := t.TempDir()
	issue := func(key string) (string, int) {
		meter := filepath.Join(folder, "meter.yaml")
		if err := os.WriteFile(meter, []byte("scheme: openpaygo\nstarting_code: 516959010\nkey: "+key+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		var complaint strings.Builder
		code := run([]string{"token", "issue", "--meter", meter, "--kwh", "5", "--state", filepath.Join(folder, "sold.json")},
			&env{Ctx: t.Context(), Stdin: strings.NewReader(""), Stdout: &complaint, Stderr: &complaint, Getenv: func(string) string { return "" }})
		return complaint.String(), code
	}
	if says, code := issue("bc41ec9530f6dac86b1a29ab82edc5fb"); code != exitOK {
		t.Fatal(says)
	}
	if says, code := issue("00112233445566778899aabbccddeeff"); code == exitOK || !strings.Contains(says, "counts of another key or meter") {
		t.Errorf("%d: %s", code, says)
	}
	if says, code := issue("BC41EC9530F6DAC86B1A29AB82EDC5FB"); code != exitOK {
		t.Errorf("the same key in other letters: %s", says)
	}
}
