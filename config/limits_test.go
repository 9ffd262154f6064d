package config

import (
	"io/fs"
	"runtime"
	"strings"
	"testing"
)

// TestDeepYAMLTakesNoMemory: a document nested 20,000 deep took 664 MB before a
// word was said of it.
func TestDeepYAMLTakesNoMemory(t *testing.T) {
	var indented strings.Builder
	for i := range 1000 {
		indented.WriteString(strings.Repeat(" ", min(i, 3000)) + "a:\n")
	}
	for situation, text := range map[string]string{
		"brackets":              "a: " + strings.Repeat("[", 20_000),
		"braces":                "a: " + strings.Repeat("{b: ", 20_000),
		"brackets line by line": "a: " + strings.Repeat("[\n", 20_000),
		"dashes":                strings.Repeat("- ", 20_000) + "x",
		"questions":             strings.Repeat("? ", 20_000) + "x",
		"indentation":           indented.String(),
		"a long text":           "a: " + strings.Repeat("x", 5<<20),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, faults := Parse([]byte(text), ".", testSecrets(), testDrivers())
		runtime.ReadMemStats(&after)
		if len(faults) != 1 || faults[0].Line == 0 || faults[0].Remedy == "" {
			t.Errorf("%s: %v", situation, faults)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 32<<20 {
			t.Errorf("%s: %d MB were taken", situation, took>>20)
		}
	}
}

func TestSecretsOpenToOthersAreFaults(t *testing.T) {
	const text = `
site: {id: home, meter: "1"}
meter: {driver: p1, p1: {port: /dev/ttyUSB0}}
tariff: {catalogue: za-eskom-homelight-20a}
tokens: {openpaygo: {key: {file: FILE}, starting_code: 516959010}}
`
	for _, c := range []struct {
		situation, file string
		mode            fs.FileMode
		open            bool
	}{
		{"of the agent's user", "key", 0o600, false},
		{"read only", "key", 0o400, false},
		{"readable by its group", "key", 0o640, false},
		{"readable by all", "key", 0o644, true},
		{"writable by its group", "key", 0o660, true},
		{"where a container keeps secrets", "/run/secrets/key", 0o444, false},
	} {
		secrets := testSecrets()
		secrets.Mode = func(string) (fs.FileMode, error) { return c.mode, nil }
		_, faults := Parse([]byte(strings.Replace(text, "FILE", c.file, 1)), ".", secrets, testDrivers())
		if open := len(faults) > 0 && strings.Contains(faults[0].Problem, "open to others"); open != c.open {
			t.Errorf("%s: %v", c.situation, faults)
		}
	}
}
