package durable

import (
	"path/filepath"
	"testing"
)

func TestWhatIsHeldIsWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	release, err := Hold(path)
	if err != nil {
		t.Fatal(err)
	}
	released := make(chan bool, 1)
	done := make(chan error)
	go func() {
		again, err := Hold(path)
		if err == nil {
			err = again()
		}
		if len(released) == 0 {
			t.Error("it was held by two")
		}
		done <- err
	}()
	released <- true
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := Hold(filepath.Join(path, "nowhere", "state.json")); err == nil {
		t.Error("a folder that is not there was held")
	}
}
