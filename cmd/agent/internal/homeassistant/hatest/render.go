package hatest

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
)

// Rendering is a template and the message it is rendered with.
type Rendering struct {
	Template string `json:"template"`
	Message  string `json:"message"`
	Parse    bool   `json:"parse"` // it is only read: it asks for what Home Assistant alone knows
}

//go:embed render.py
var script []byte

// Render renders templates as Home Assistant does: by Jinja itself.  Where Python has no Jinja the
// test is skipped; with KEEPLIT_REQUIRE_SERVERS=1 it fails instead.
func Render(t testing.TB, all []Rendering) []string {
	t.Helper()
	python := ""
	for _, p := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(p, "-c", "import jinja2").Run() == nil {
			python = p
			break
		}
	}
	if python == "" {
		if os.Getenv("KEEPLIT_REQUIRE_SERVERS") == "1" {
			t.Fatal("python3 has no jinja2")
		}
		t.Skip("python3 has no jinja2")
	}
	in, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "-c", string(script))
	cmd.Stdin = bytes.NewReader(in)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	var rendered []string
	if err := json.Unmarshal(out, &rendered); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return rendered
}
