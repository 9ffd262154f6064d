package service

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/store"
)

// Records that a restore would refuse take the place of no copy that is good.
func TestNoNightlyCopyIsMadeOfRecordsThatDoNotAgree(t *testing.T) {
	ctx, now := context.Background(), time.Date(2026, 3, 9, 2, 0, 0, 0, time.UTC)
	for situation, checkpoint := range map[string]string{"cannot be read": "no state", "no account yet": ""} {
		t.Run(situation, func(t *testing.T) {
			dir := t.TempDir()
			st, err := store.Open(ctx, dir, store.Options{Ballast: -1})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = st.Close() })
			sound := checkpoint == ""
			if !sound {
				if err := st.Commit(ctx, store.Batch{At: now, Checkpoint: []byte(checkpoint)}); err != nil {
					t.Fatal(err)
				}
			}
			folder := filepath.Join(dir, "backup")
			if err := os.Mkdir(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			for n := range keepBackups {
				if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("keeplit-2026030%d-020000.db", n+1)), []byte("good"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			s := &Service{cfg: config.Config{Data: dir}, store: st}
			err = s.backup(ctx, now)
			if sound != (err == nil) || !sound && !strings.Contains(err.Error(), "the older ones are kept") {
				t.Errorf("it says %v", err)
			}
			_, oldest := os.Stat(filepath.Join(folder, "keeplit-20260301-020000.db"))
			_, newest := os.Stat(filepath.Join(folder, "keeplit-20260309-020000.db"))
			if (oldest == nil) == sound || (newest == nil) != sound {
				t.Errorf("the oldest copy: %v, one of tonight: %v", oldest, newest)
			}
		})
	}
}
