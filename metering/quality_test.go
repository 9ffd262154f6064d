package metering

import "testing"

// What a stored quality says can be read back: of every combination.
func TestEveryQualityIsReadBack(t *testing.T) {
	for q := Quality(0); q < 1<<len(qualityNames()); q++ {
		back, err := ParseQuality(q.String())
		if err != nil || back != q {
			t.Fatalf("%q: %v, %v", q, back, err)
		}
	}
	if s := (Gap | SupplyOff).String(); s != "gap+supply_off" {
		t.Errorf("%q", s)
	}
	for _, bad := range []string{"", "dark", "gap+", "measured+gap"} {
		if q, err := ParseQuality(bad); err == nil {
			t.Errorf("%q is %s", bad, q)
		}
	}
}
