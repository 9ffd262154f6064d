package tariffs_test

import (
	"cmp"
	"os"
	"testing"
)

// TestAnotherProgramSaysTheSameOfWhatPilesUp: 200 random documents with allowances that pile
// up, over months of all lengths, by testdata/carry.py; more from a file named by KEEPLIT_CARRY.
func TestAnotherProgramSaysTheSameOfWhatPilesUp(t *testing.T) {
	most := 0.0
	n := eachForeign(t, cmp.Or(os.Getenv("KEEPLIT_CARRY"), "testdata/carry.ndjson.gz"), func(c *foreign) { most = max(most, c.compare(t)) })
	t.Logf("%d documents, apart by %.6f at the most", n, most)
}
