package house

import (
	"os"
	"testing"
	"time"

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
		Released: map[int][]string{1: {"2c976d4e27ca740b090a6edcd251d06ddb8e57069ca544024f9d6f0d24919295", "ecacc15fb0058d81174c996548ffa51a5ae18b425a6bfeca1ba762ce2938969f"}},
	})
	v1, err := os.ReadFile("testdata/state_v1.json")
	if err != nil {
		t.Fatal(err)
	}
	old, err := read(v1)
	if err != nil {
		t.Fatal(err)
	}
	want := &State{
		Version: 2, At: time.Date(2026, 1, 1, 0, 2, 2, 2e6, time.UTC), Register: 3, Base: 4, Supply: true, Fault: "s6",
		Loads: []DeviceState{
			{ID: "s9", On: true, Fault: "s11", Used: 12, Deficit: 13, Calls: true, Away: true, Unmet: 16, Programme: 17},
			{ID: "s19", On: true, Fault: "s21", Used: 22, Deficit: 23, Calls: true, Away: true, Unmet: 26, Programme: 27},
		},
	}
	if d := formtest.Difference(old, want); d != "" {
		t.Errorf("form 1 reads as something else (got -, want +):\n%s", d)
	}
}
