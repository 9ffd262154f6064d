package main

import (
	"os"
	"path/filepath"
	"testing"
)

// Where no address is given the page is that of the site in the folder, and of nobody else.
func TestCommandsAskTheAgentOfTheFolder(t *testing.T) {
	for _, c := range []struct{ situation, file, given, want string }{
		{"no file", "", "", usualPage},
		{"another port", "web: {listen: \":8099\"}\n", "", "http://127.0.0.1:8099"},
		{"all addresses", "web: {listen: \"0.0.0.0:8099\"}\n", "", "http://127.0.0.1:8099"},
		{"one of this machine", "web: {listen: \"127.0.0.1:8099\"}\n", "", "http://127.0.0.1:8099"},
		{"the file says nothing of it", "site: {id: home}\n", "", "http://127.0.0.1:8080"},
		{"an address is given", "web: {listen: \":8099\"}\n", "http://10.0.0.7:80", "http://10.0.0.7:80"},
		{"another machine's address, which is not to be given the PIN", "web: {listen: \"192.0.2.7:8099\"}\n", "", usualPage},
		{"a name", "web: {listen: \"example.com:8099\"}\n", "", usualPage},
		{"any port", "web: {listen: \":0\"}\n", "", usualPage},
		{"no YAML", "web: [\n", "", "http://127.0.0.1:8080"},
	} {
		t.Run(c.situation, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if c.file != "" {
				if err := os.WriteFile(filepath.Join(".", "keeplit.yaml"), []byte(c.file), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			asked := client{URL: c.given}
			if err := asked.AfterApply(); err != nil || asked.URL != c.want {
				t.Errorf("%q, %v; want %q", asked.URL, err, c.want)
			}
		})
	}
}
