package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/keeplit/keeplit/cmd/agent/internal/setup"
)

const addonFolder = "../../deploy/homeassistant-addon"

// addonKeys are the keys that the Supervisor reads of an add-on, with the form of each, by Home Assistant's
// documentation for developers ("Add-on configuration") and the Supervisor's own checks.  Only those in use here.
var addonKeys = map[string]string{
	"name": `.+`, "version": `[0-9A-Za-z.-]+`, "slug": `[-_.A-Za-z0-9]+`, "description": `.+`, "url": `https://\S+`,
	"arch": "list of aarch64|amd64", "stage": `stable|experimental|deprecated`, "startup": `initialize|system|services|application|once`,
	"boot": `auto|manual|manual_only`, "timeout": "number 10 300", "map": "maps", "uart": "bool", "ports": "ports", "ports_description": "words",
	"webui": `(https?|\[PROTO:\w+\])://\[HOST\]:\[PORT:\d+\].*`, "watchdog": `(https?|\[PROTO:\w+\]|tcp)://\[HOST\]:(\[PORT:\d+\]|\d+).*`,
	"backup": `hot|cold`, "options": "options", "schema": "schema",
}

// The Supervisor's folders that may be hung in, and the form of one element of a schema.
var (
	addonMaps = []string{"homeassistant_config", "addon_config", "ssl", "addons", "backup", "share", "media", "all_addon_configs", "data"}
	addonType = regexp.MustCompile(`^(bool|email|url|port|device(\(subsystem=[a-z]+\))?|(str|password|int)(\(\d*,\d*\))?|float(\([\d.]*,[\d.]*\))?|match\(.*\)|list\(.+\))\??$`)
)

// addonFaults are what the Supervisor would refuse, or pass over, of an add-on's configuration.
func addonFaults(doc map[string]any) (out []string) {
	bad := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, key := range []string{"name", "version", "slug", "description", "arch"} {
		if doc[key] == nil {
			bad("%s is missing", key)
		}
	}
	asMap := func(key string) map[string]any { m, _ := doc[key].(map[string]any); return m }
	for key, value := range doc {
		form, known := addonKeys[key]
		if !known {
			bad("%s is no key that is known", key)
			continue
		}
		text, isText := value.(string)
		list, isList := value.([]any)
		switch form {
		case "bool":
			if _, is := value.(bool); !is {
				bad("%s is no bool", key)
			}
		case "number 10 300":
			if n, is := value.(uint64); !is || n < 10 || n > 300 {
				bad("%s is %v", key, value)
			}
		case "list of aarch64|amd64":
			for _, a := range list {
				if a != "aarch64" && a != "amd64" {
					bad("%v is built for by nobody", a)
				}
			}
			if !isList || len(list) == 0 {
				bad("%s is no list", key)
			}
		case "maps":
			for _, entry := range list {
				m, _ := entry.(map[string]any)
				kind, _ := m["type"].(string)
				_, only := m["read_only"].(bool)
				path, _ := m["path"].(string)
				if !slices.Contains(addonMaps, kind) || !only || len(path) < 2 || path[0] != '/' || len(m) != 3 {
					bad("%s: %v", key, entry)
				}
			}
		case "ports":
			for port, to := range asMap(key) {
				if _, is := to.(uint64); !regexp.MustCompile(`^\d+/(tcp|udp)$`).MatchString(port) || !is {
					bad("%s: %s: %v", key, port, to)
				}
			}
		case "words":
			for port := range asMap(key) {
				if _, is := asMap("ports")[port]; !is {
					bad("%s is told of no port %s", key, port)
				}
			}
		case "options", "schema":
			for name, element := range asMap("schema") {
				element, _ := element.(string)
				_, has := asMap("options")[name]
				if !addonType.MatchString(element) || has == strings.HasSuffix(element, "?") {
					bad("schema: %s: %s", name, element)
				}
			}
			for name := range asMap("options") {
				if _, is := asMap("schema")[name]; !is {
					bad("the option %s has no schema", name)
				}
			}
		default:
			if !isText || !regexp.MustCompile(`^(`+form+`)$`).MatchString(text) {
				bad("%s is %v", key, value)
			}
		}
	}
	return out
}

func addonFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(addonFolder, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestHomeAssistantCanReadTheAddOn(t *testing.T) {
	parse := func(text string) map[string]any {
		var doc map[string]any
		if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
			t.Fatal(err)
		}
		return doc
	}
	text := addonFile(t, "config.yaml")
	for _, f := range addonFaults(parse(text)) {
		t.Error(f)
	}
	for old, anew := range map[string]string{
		"aarch64": "arm64", "type: addon_config": "type: addon_configs", "startup: application": "startup: always", "read_only: false": "read_only: nope",
		"uart: true": "uart: 1", "timeout: 60": "timeout: 5", "options: {}": "options: {pin: \"1234\"}", "match(": "regex(", "http://[HOST]": "http://HOST",
		"slug: keeplit": "slug: keep lit", "8080/tcp: 8080": "8080: 8080", "boot: auto": "boots: auto",
	} {
		if !strings.Contains(text, old) || len(addonFaults(parse(strings.Replace(text, old, anew, 1)))) == 0 {
			t.Errorf("%q in place of %q is called right", anew, old)
		}
	}
}

// What the add-on's parts say of each other, of the program and of what "make addon" puts beside them.
func TestThePartsOfTheAddOnFitTogether(t *testing.T) {
	text, start, image := addonFile(t, "config.yaml"), addonFile(t, "run.sh"), addonFile(t, "Dockerfile")
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Arch   []string
		Map    []struct{ Path string }
		Ports  map[string]int
		Schema map[string]string
	}
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	for _, arch := range doc.Arch {
		if !strings.Contains(string(makefile), "dist/addon/agent-"+arch+"\n") {
			t.Errorf("make addon has no program for %s", arch)
		}
	}
	if !strings.Contains(image, "COPY agent-${BUILD_ARCH} ") || !strings.Contains(image, "COPY run.sh ") {
		t.Error("the image does not take the program and its start")
	}
	for _, m := range doc.Map {
		if !strings.Contains(start, m.Path+"/keeplit.yaml") {
			t.Errorf("nothing is read of %s", m.Path)
		}
	}
	// The options of the start script are those of the schema.
	var read []string
	for _, m := range regexp.MustCompile(`"([a-z_]+)": \*`).FindAllStringSubmatch(start, -1) {
		read = append(read, m[1])
	}
	for name := range doc.Schema {
		if !slices.Contains(read, name) {
			t.Errorf("nobody reads the option %s", name)
		}
	}
	if len(read) != len(doc.Schema) {
		t.Errorf("%v is read, and the schema has %v", read, doc.Schema)
	}
	sample := setup.Sample("/data/records").String()
	for port := range doc.Ports {
		number, _, _ := strings.Cut(port, "/")
		if !strings.Contains(sample, "\n  listen: \":"+number+"\"\n") || !strings.Contains(text, "[PORT:"+number+"]/healthz") {
			t.Errorf("the sample's page is not on port %s", number)
		}
	}
}

// The add-on's start, run by a shell with folders of its own and an agent that waits: what other add-ons write
// meanwhile is closed to others, or no secret would be taken from it and the agent would wait for ever.
func TestTheAddOnStaysAndClosesWhatIsWrittenMeanwhile(t *testing.T) {
	t.Parallel()
	config, data, bin := t.TempDir(), t.TempDir(), t.TempDir()
	start := strings.NewReplacer("/config/", config+"/", "/config ", config+" ", "/data/", data+"/", "=/config/keeplit", "="+config+"/keeplit").Replace(addonFile(t, "run.sh"))
	secret := filepath.Join(config, "mqtt.password")
	stub := "#!/bin/sh\ncase $1 in\n  init) : >\"$4\" ;;\n  pin) cat ;;\n  run)\n    [ \"$2\" = --stay ] || exit 9\n    echo secret >" + secret + "; chmod 644 " + secret +
		"\n    for i in $(seq 100); do [ -n \"$(find " + secret + " -perm /o=rwx)\" ] || exit 7; sleep 0.1; done ;;\nesac\n"
	for name, text := range map[string]string{filepath.Join(bin, "agent"): stub, filepath.Join(bin, "run.sh"): start, filepath.Join(data, "options.json"): `{"pin": "4711"}`} {
		if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("/bin/sh", filepath.Join(bin, "run.sh"))
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &out, time.Second
	err := cmd.Run()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) // the container's end
	if code := cmd.ProcessState.ExitCode(); code != 7 {
		t.Errorf("%d (%v): %s", code, err, &out)
	}
	if hash, err := os.ReadFile(filepath.Join(config, "pin.hash")); err != nil || string(hash) != "4711\n" {
		t.Errorf("%q %v", hash, err)
	}
}
