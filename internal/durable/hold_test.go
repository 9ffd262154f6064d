package durable

import (
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestWhatIsHeldIsWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	release, err := Hold(path)
	if err != nil {
		t.Fatal(err)
	}
	// Eight read what is there and write it anew: none goes by what another has not written yet.
	var holders atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			again, err := Hold(path)
			if err != nil {
				t.Error(err)
				return
			}
			mine := holders.Load()
			time.Sleep(time.Millisecond)
			holders.Store(mine + 1)
			if err := again(); err != nil {
				t.Error(err)
			}
		})
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if all.Wait(); holders.Load() != 8 {
		t.Errorf("of 8 that held it %d did so alone", holders.Load())
	}
	if _, err := Hold(filepath.Join(path, "nowhere", "state.json")); err == nil {
		t.Error("a folder that is not there was held")
	}
}
