package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// asAgent, set to 1, makes this test binary be the agent: the tests run it as a
// process of its own, which they may kill.
const asAgent = "KEEPLIT_TEST_AS_AGENT"

// TestMain lets the scripts call "agent" as a real process of this binary.
func TestMain(m *testing.M) {
	if os.Getenv(asAgent) == "1" {
		main()
	}
	testscript.Main(m, map[string]func(){"agent": main})
}

// TestScripts runs every testdata/script/*.txtar: the command line's specification.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true,
		// A script has an environment of its own; how long the race detector looks on
		// after the end of each command is said to them all.
		Setup: func(e *testscript.Env) error {
			e.Setenv("GORACE", os.Getenv("GORACE"))
			// What stands below "answers" in a script is what an agent at $SITE answers.
			site := httptest.NewServer(http.FileServer(http.Dir(filepath.Join(e.WorkDir, "answers"))))
			e.Defer(site.Close)
			e.Setenv("SITE", site.URL)
			return nil
		},
	})
}
