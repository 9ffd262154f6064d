package main

import (
	"os"
	"strings"
	"testing"
)

func TestTheFileHasWhatTheCommentsSay(t *testing.T) {
	keys, err := gather("../../..")
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile("../../keys.json")
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != string(form(keys)) {
		t.Error(`config/keys.json is older than the comments: run "go generate ./config" and "agent schema --markdown > docs/configuration.md"`)
	}
	for name, k := range keys {
		if _, field, _ := strings.Cut(name[strings.LastIndexByte(name, '/')+1:], "."); strings.Contains(field, ".") && len(k.Text) > 400 {
			t.Errorf("%s: %d letters do not fit a table; the longer story belongs into a document", name, len(k.Text))
		}
	}
}

func TestACommentIsDividedIntoItsParts(t *testing.T) {
	for situation, row := range map[string]struct {
		comment string
		want    key
	}{
		"all parts":            {"What it is.\nMore.\nDefault: 5s\nExample: 10s\n", key{"What it is. More.", "5s", "10s"}},
		"no default":           {"What it is.\nExample: {a: 1,\n b: 2}\n", key{"What it is.", "", "{a: 1, b: 2}"}},
		"a word for the coder": {"What it is.\nExample: 1\n\nNil where nobody asked.\n", key{"What it is.", "", "1"}},
		"nothing":              {"", key{}},
	} {
		if got := parse(row.comment); got != row.want {
			t.Errorf("%s: %+v", situation, got)
		}
	}
}
