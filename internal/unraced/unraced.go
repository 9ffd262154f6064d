// Package unraced tells a test whether it runs under the race detector, which makes
// every step ten to twenty times as long.
package unraced

import "testing"

// Only skips a test under the race detector: it does one thing at a time, or goes no
// other ways than shorter tests which the detector sees. .ci/run makes it without.
func Only(t testing.TB) {
	t.Helper()
	if Detector {
		t.Skip("long, and nothing in it for the race detector")
	}
}
