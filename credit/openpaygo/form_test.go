package openpaygo

import (
	"os"
	"testing"

	"github.com/keeplit/keeplit/internal/form/formtest"
)

func TestTheStoredStateChangesOnlyWithItsNumber(t *testing.T) {
	read := func(data []byte) (any, error) {
		var s State
		err := stateForm().Read(data, &s)
		return &s, err
	}
	var full State
	formtest.Fill(&full)
	full.Version = stateForm().Version()
	formtest.Guard(t, formtest.Form{
		Name: "state", Version: full.Version, Full: &full, Read: read,
		Released: map[int][]string{1: {"af705d0e40cc55e786e5dd42df70608d68e272046c7df9411c9033090ebfad31", "83f37eb912c02380cf0a6928f3be153c17098c8d89230fcc533bccc9cff337cc"}},
	})
	v1, err := os.ReadFile("testdata/state_v1.json")
	if err != nil {
		t.Fatal(err)
	}
	old, err := read(v1)
	if err != nil {
		t.Fatal(err)
	}
	want := &State{Version: 2, Count: 2, Taken: []int{4, 5}, Named: 2}
	if d := formtest.Difference(old, want); d != "" {
		t.Errorf("form 1 reads as something else (got -, want +):\n%s", d)
	}
}
