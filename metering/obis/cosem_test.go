package obis

import "testing"

func TestDecimal(t *testing.T) {
	for _, row := range []struct {
		n     int64
		scale int
		want  string
	}{{-5, -1, "-0.5"}, {12, 2, "1200"}, {0, 3, "0"}, {1234, -2, "12.34"}, {-1234, 0, "-1234"}} {
		if got := Decimal(row.n, row.scale); got != row.want {
			t.Errorf("%d times 10^%d is %q, want %q", row.n, row.scale, got, row.want)
		}
	}
}
