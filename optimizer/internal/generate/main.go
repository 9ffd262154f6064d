package generate

import (
	"flag"
	"testing"
)

// Main runs a package's tests with the properties kept to a number of checks that a
// shared machine does in seconds; give -rapid.checks for more.
func Main(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given && flag.Lookup("rapid.checks") != nil {
		if err := flag.Set("rapid.checks", "30"); err != nil {
			panic(err)
		}
	}
	m.Run() // whose result the runner exits with
}
