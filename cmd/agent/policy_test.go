package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/keeplit/keeplit/internal/testservers"
)

// TestAUtilityGovernsAHome runs testdata/policy/*.txtar against a real broker: a utility
// with nothing but the command line, and an agent.  docs/policy.md holds the same
// commands.
func TestAUtilityGovernsAHome(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/policy", RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			m := testservers.StartMosquitto(t) // each its own: who watches counts all that is said there
			aroundScript(t, e, m.URL)
			return os.WriteFile(filepath.Join(e.WorkDir, "password"), []byte(m.Password), 0o600)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"fill": fillTemplate,
		},
	})
}

// TestAUtilityGovernsAHomeByCertificates runs the life of a utility's word at a broker where
// everybody is who the certificate says, with the access list of docs/policy.md.
func TestAUtilityGovernsAHomeByCertificates(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/policytls", RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			ca := testservers.NewAuthority(t, e.WorkDir, "ca")
			for _, name := range []string{"broker", "utility", "home-12", "home-13"} {
				ca.Issue(t, e.WorkDir, name)
			}
			file := func(name string) string { return filepath.Join(e.WorkDir, name) }
			m := testservers.StartMosquitto(t, testservers.WithTLS(file("ca.pem"), file("broker.pem"), file("broker.key")),
				testservers.WithLines("use_identity_as_username true"), testservers.WithACL(testservers.Example(t, "../../docs/policy.md", "acl")...))
			aroundScript(t, e, m.URL)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"fill": fillTemplate,
		},
	})
}

// aroundScript is what a script's agent and utility find.
func aroundScript(t *testing.T, e *testscript.Env, broker string) {
	t.Helper()
	e.Setenv("GORACE", os.Getenv("GORACE"))
	e.Setenv("BROKER", broker)
	web := strconv.Itoa(testservers.FreePort(t))
	e.Setenv("WEB", web)
	e.Setenv("KEEPLIT_URL", "http://127.0.0.1:"+web)
	e.Setenv("FROM", time.Now().UTC().Format(time.RFC3339))
	e.Setenv("DAY", time.Now().AddDate(0, 0, 30).Format(time.DateOnly))
	e.Setenv("UNTIL", time.Now().UTC().AddDate(0, 0, 7).Format(time.RFC3339))
}

// fillTemplate is "fill FROM TO NAME=FILE...": ${NAME} in FROM becomes what FILE holds,
// or the environment's.
func fillTemplate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: fill FROM TO NAME=FILE...")
	}
	values := map[string]string{}
	for _, a := range args[2:] {
		name, file, _ := strings.Cut(a, "=")
		values[name] = strings.TrimSpace(ts.ReadFile(file))
	}
	text := os.Expand(ts.ReadFile(args[0]), func(name string) string {
		if v, ok := values[name]; ok {
			return v
		}
		switch name {
		case "@": // of a shell
			return "$@"
		case "NOW": // so that a simulated house's clock is that of the utility
			return time.Now().UTC().Format(time.RFC3339)
		}
		return ts.Getenv(name)
	})
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o600))
}

// What docs/policy.md tells to type is typed above.
func TestTheWalkThroughOfThePolicyIsRun(t *testing.T) {
	doc, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile("testdata/policy/home.txtar")
	if err != nil {
		t.Fatal(err)
	}
	commands := 0
	for _, line := range strings.Split(string(doc), "\n") {
		if !strings.HasPrefix(line, "agent ") {
			continue
		}
		commands++
		command, file, kept := strings.Cut(line, " > ")
		typed := "\nexec " + command + "\n"
		if kept {
			typed += "cp stdout " + file + "\n"
		}
		if !strings.Contains(string(script), typed) {
			t.Errorf("no test types\n%s", line)
		}
	}
	if commands < 12 {
		t.Errorf("only %d commands were found", commands)
	}
}
