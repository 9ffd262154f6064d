package main

import (
	"os"
	"path/filepath"
	"strings"
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
		{"a newer form", `{"version":3}`, "has form 3 and this program knows forms up to 2", 0, time.Time{}},
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
