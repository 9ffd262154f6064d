package config

import (
	"os"
	"testing"
)

// Older words of a right file are told by the newer ones, each with its line.
func TestOlderWordsOfARightFileAreToldWithTheirLines(t *testing.T) {
	data, err := os.ReadFile("testdata/supply.good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cfg, faults := Parse(data, ".", testSecrets(), testDrivers())
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	want := "line 19: supply.shed[0].priority: 5 and greater is class can_wait from the place 5 on; write class: can_wait\n" +
		"line 20: supply.shed[1].priority: 1 and greater is class nice_to_have from the place 1 on; write class: nice_to_have"
	if got := cfg.Notes().Error(); got != want {
		t.Errorf("notes:\n%s\nwant:\n%s", got, want)
	}
}
