package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// What the compose file mounts is there, what it takes from the environment is in the file to copy, and what
// docs/compose.md has for the agent names its neighbours.
func TestTheComposeFileNamesWhatIsThere(t *testing.T) {
	const folder = "../../deploy/compose"
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	text := read("compose.yaml")
	var doc struct {
		Services map[string]struct {
			Volumes     []string
			Environment map[string]string
			DependsOn   []string `yaml:"depends_on"`
		}
		Volumes map[string]any
	}
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	made := map[string]bool{"./users": true, "./keeplit": true} // by the person, as docs/compose.md says
	mounts := 0
	for name, s := range doc.Services {
		for _, v := range s.Volumes {
			mounts++
			from, _, _ := strings.Cut(v, ":")
			_, volume := doc.Volumes[from]
			if _, err := os.Stat(filepath.Join(folder, from)); err != nil && !volume && !made[from] {
				t.Errorf("%s mounts %s, which is not there", name, from)
			}
		}
		for _, on := range s.DependsOn {
			if _, there := doc.Services[on]; !there {
				t.Errorf("%s waits for %s, which is not there", name, on)
			}
		}
	}
	if len(doc.Services) != 5 || mounts < 10 {
		t.Errorf("%d services, %d mounts", len(doc.Services), mounts)
	}
	wanted := read("env.example")
	for _, m := range regexp.MustCompile(`\$\{([A-Z_]+)\}`).FindAllStringSubmatch(text, -1) {
		if !strings.Contains("\n"+wanted, "\n"+m[1]+"=") {
			t.Errorf("env.example has no %s", m[1])
		}
	}
	for file, service := range map[string]string{"telegraf.conf": "telegraf", "grafana/datasource.yaml": "grafana"} {
		for _, m := range regexp.MustCompile(`\$\{?([A-Z_]+)\}?`).FindAllStringSubmatch(read(file), -1) {
			if _, given := doc.Services[service].Environment[m[1]]; !given {
				t.Errorf("%s is not given %s", service, m[1])
			}
		}
	}
	guide, err := os.ReadFile("../../docs/compose.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, _ := strings.Cut(string(guide), "```yaml\n")
	part, _, _ = strings.Cut(part, "```")
	dir := t.TempDir()
	file := filepath.Join(dir, "keeplit.yaml")
	site := "site: {id: home, meter: \"1\", zone: UTC}\nmeter: {driver: pulse, pulse: {pin: GPIO1, pulses_per_kwh: 1000}}\ntariff: {catalogue: ke-kplc-domestic}\ntokens: {openpaygo: {key: {env: MQTT_PASSWORD}, starting_code: 1}}\n"
	if err := os.WriteFile(file, []byte(site+part), 0o600); err != nil {
		t.Fatal(err)
	}
	given := doc.Services["keeplit"].Environment
	_, err = loadConfig(file, &env{Getenv: func(name string) string {
		if given[name] == "" {
			return ""
		}
		return "bc41ec9530f6dac86b1a29ab82edc5fb"
	}})
	if err != nil {
		t.Error(err)
	}
}
