package docs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Home Assistant's add-on as its start script runs it: the first start writes the sample, says what is
// missing and stays; with a key, a meter and the option pin it runs an agent that asks for this PIN.
func TestTheAddOnStarts(t *testing.T) {
	p := newPlace(t)
	p.build()
	script := p.read(filepath.Join(repo, "deploy", "homeassistant-addon", "run.sh"))
	for _, folder := range []string{"/config", "/data"} {
		if !strings.Contains(script, folder) {
			t.Fatalf("the script does not know %s", folder)
		}
		script = strings.ReplaceAll(script, folder, p.root+folder)
	}
	start, config := filepath.Join(p.root, "run.sh"), filepath.Join(p.root, "config", "keeplit.yaml")
	p.write(start, script, 0o700)
	p.write(filepath.Join(p.root, "data", "options.json"), "{}\n", 0o600)
	if err := p.run(p.root, "sh run.sh", "tokens.openpaygo.key"); err != nil {
		t.Fatal(err)
	}
	p.live(config)
	text := strings.Replace(p.read(config), "listen: \":8080\"", "listen: \"127.0.0.1:"+strings.TrimPrefix(p.url, "http://127.0.0.1:")+"\"\n  pin: {file: pin.hash}", 1)
	text = strings.Replace(text, "mqtt://localhost:1883", "mqtt://127.0.0.1:1", 1)
	p.write(config, text, 0o600)
	p.write(filepath.Join(p.root, "config", "openpaygo.key"), "bc41ec9530f6dac86b1a29ab82edc5fb\n", 0o600)
	if err := os.Chmod(filepath.Join(p.root, "config", "openpaygo.key"), 0o644); err != nil { //nolint:gosec // as another add-on writes it
		t.Fatal(err)
	}
	p.write(filepath.Join(p.root, "data", "options.json"), "{\n  \"pin\": \""+pin+"\"\n}\n", 0o600)
	if err := p.run(p.root, "sh run.sh", "msg=page"); err != nil {
		t.Fatal(err)
	}
	hash := p.read(filepath.Join(p.root, "config", "pin.hash"))
	if err := p.run(p.root, "sh run.sh", "msg=page"); err != nil {
		t.Fatal(err)
	}
	if p.read(filepath.Join(p.root, "config", "pin.hash")) != hash {
		t.Error("the PIN is made anew at each start")
	}
	if _, err := os.Stat(filepath.Join(p.root, "data", "records", "keeplit.db")); err != nil {
		t.Error(err)
	}
}
