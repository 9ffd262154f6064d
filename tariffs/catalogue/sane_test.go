package catalogue_test

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/tariffs"
	"github.com/keeplit/keeplit/tariffs/catalogue"
)

// No tariff of the catalogue is taken for a slip of itself, whatever its blocks, seasons and charges.
func TestEachMayFollowItself(t *testing.T) {
	day := tariffs.DateOf(2027, time.January, 10)
	for _, name := range catalogue.Names() {
		was := load(t, name)
		next := was.Document()
		next.Versions = append([]tariffs.Version(nil), next.Versions...)
		for i := range next.Versions {
			next.Versions[i].Until = 0 // else it may have ended before it begins
		}
		joined, err := was.Document().Followed(tariffs.Successor{From: day, Document: next})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		is, err := tariffs.New(joined)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := is.Sane(was, day); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
