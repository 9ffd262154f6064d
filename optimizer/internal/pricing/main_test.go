package pricing

import (
	"flag"
	"os"
	"testing"
)

// TestMain keeps the properties to a number of checks that a shared machine
// does in seconds; give -rapid.checks for more.
func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given {
		if err := flag.Set("rapid.checks", "30"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
