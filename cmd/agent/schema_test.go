package main

import (
	"os"
	"strings"
	"testing"
)

func TestTheReferenceOfTheConfigurationIsWhatTheProgramSays(t *testing.T) {
	var out strings.Builder
	if err := (schemaCmd{Markdown: true}).Run(&env{Stdout: &out}); err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != out.String() {
		t.Error(`docs/configuration.md is not what the program prints: run "agent schema --markdown > docs/configuration.md"`)
	}
}

func TestAKeyIsSaidWhereverItStands(t *testing.T) {
	for _, row := range []struct{ key, want, problem string }{
		{"site.limit", "main breaker", ""},
		{"loads[0].switch.topic", "loads[0].switch.topic with driver: zigbee2mqtt", ""},
		{"supply.switch.dead_man", "with driver: ocpp", ""},
		{"meter.magnet.pull", "Default: none", ""},
		{"meter.http.import.sum.path", "path", ""},
		{"telemetry.share", "influxdb", ""},
		{"tokens.openpaygo.key", "{file: openpaygo.key}", ""},
		{"site.limt", "", "did you mean site.limit?"},
		{"xyzzyxyzzyxyzzy", "", "agent schema --markdown"},
	} {
		var out strings.Builder
		err := (schemaCmd{Key: row.key}).Run(&env{Stdout: &out})
		if (err == nil) != (row.problem == "") || !strings.Contains(out.String(), row.want) || err != nil && !strings.Contains(err.Error(), row.problem) {
			t.Errorf("%s: %q, %v", row.key, out.String(), err)
		}
	}
}
