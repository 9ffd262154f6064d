package units

import "testing"

func TestWhatAProgramHasReckonedIsRounded(t *testing.T) {
	for _, x := range []struct {
		text   string
		places int
		want   int64
		wrong  bool
	}{
		{"4.3999999999999995", 6, 4_400_000, false},
		{"4.4000000000000004", 6, 4_400_000, false},
		{"4.4", 6, 4_400_000, false},
		{"0.0000005", 6, 1, false},
		{"0.0000004999", 6, 0, false},
		{"-0.0000005", 6, -1, false},
		{"-1.2345675", 6, -1_234_568, false},
		{"2.5", 0, 3, false},
		{"-2.5", 0, -3, false},
		{"9223372036854.7758075", 6, 0, true},
		{"9223372036854.7758074", 6, 9223372036854775807, false},
		{"-9223372036854.7758085", 6, 0, true},
		{"1.", 6, 0, true},
		{".5000000", 6, 0, true},
		{"1.0000000x", 6, 0, true},
		{"1e3", 6, 0, true},
		{"1.00000000000000000000000000000000000000000", 6, 0, true},
		{"", 6, 0, true},
		{"1.000000-5", 6, 0, true},
		{"NaN", 6, 0, true},
	} {
		got, err := ParseRounded(x.text, x.places)
		if (err != nil) != x.wrong || got != x.want {
			t.Errorf("%q at %d: %d, %v", x.text, x.places, got, err)
		}
	}
}
