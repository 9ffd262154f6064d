package sts

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
		Released: map[int][]string{1: {"c4d0eee3454af2a71d68488d8bd31a1beed5f4d7bab2b95265f3019e52dde7a3", "646518f2ca1c41a585434ab16cb1c9f70d9727f2e6a2ace21b0afad0cf4ea2f2"}},
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
		Version: 2, Key: "s2", Previous: "s3", BaseDate: 4, Revision: 5, Type: 6, Expiry: 7, Tariff: 8, SGC: 9, Floor: 10, Seen: []uint32{12, 13},
		Words: []Word{
			{Sub: 16, Data: 17, At: time.Date(2026, 1, 1, 0, 18, 18, 18e6, time.UTC)},
			{Sub: 20, Data: 21, At: time.Date(2026, 1, 1, 0, 22, 22, 22e6, time.UTC)},
		},
	}
	if d := formtest.Difference(old, want); d != "" {
		t.Errorf("form 1 reads as something else (got -, want +):\n%s", d)
	}
}
