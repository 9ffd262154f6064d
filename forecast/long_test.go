package forecast

import "testing"

// manyFits is said by a test whose fits take a minute or more under the race detector,
// and go no other ways than those of shorter tests: .ci/run makes it without.
func manyFits(t *testing.T) {
	t.Helper()
	if raced {
		t.Skip("its many fits are looked at without the race detector")
	}
}
