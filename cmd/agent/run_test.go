package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A service that is stopped while it starts ends as one that is stopped later: it has not failed.
func TestAnAgentThatIsStoppedWhileItStartsHasNotFailed(t *testing.T) {
	folder := t.TempDir()
	for name, content := range map[string]string{
		"keeplit.yaml": `
site: {id: home, name: Home, meter: "1", zone: UTC}
meter: {driver: house}
simulation: {seed: 1}
tariff: {document: {name: flat, currency: EUR, zone: UTC, versions: [{energy: [{name: energy, price: 0.3}]}]}}
tokens: {openpaygo: {key: {file: k}, starting_code: 516959010}}
supply: {switch: {driver: house}}
web: {listen: "127.0.0.1:0"}
`,
		"k": "bc41ec9530f6dac86b1a29ab82edc5fb",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var errs bytes.Buffer
	code := run([]string{"run", filepath.Join(folder, "keeplit.yaml")}, &env{Ctx: ctx, Stdin: strings.NewReader(""), Stdout: &errs, Stderr: &errs, Getenv: func(string) string { return "" }})
	if code != exitOK || strings.Contains(errs.String(), "context canceled") {
		t.Errorf("code %d: %s", code, &errs)
	}
}
