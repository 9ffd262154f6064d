package units

import (
	"math"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// exact is a*b/c rounded half to even by arithmetic of any size.
func exact(a, b, c int64) int64 {
	n := new(big.Int).Mul(big.NewInt(a), big.NewInt(b))
	d := big.NewInt(c)
	if d.Sign() < 0 {
		n.Neg(n)
		d.Neg(d)
	}
	q, r := new(big.Int).DivMod(n, d, new(big.Int)) // floor, 0 <= r < d
	switch new(big.Int).Lsh(r, 1).Cmp(d) {
	case 1:
		q.Add(q, big.NewInt(1))
	case 0:
		if q.Bit(0) == 1 {
			q.Add(q, big.NewInt(1))
		}
	}
	if q.Cmp(big.NewInt(math.MaxInt64)) > 0 {
		return math.MaxInt64
	}
	if q.Cmp(big.NewInt(math.MinInt64)) < 0 {
		return math.MinInt64
	}
	return q.Int64()
}

func TestMulDivIsExactHalfEvenAndSaturates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "b")
		c := rapid.Int64().Filter(func(v int64) bool { return v != 0 }).Draw(t, "c")
		if got, want := MulDiv(a, b, c), exact(a, b, c); got != want {
			t.Fatalf("MulDiv(%d, %d, %d) = %d, want %d", a, b, c, got, want)
		}
	})
}

func TestPowerTimesTime(t *testing.T) {
	for _, c := range []struct {
		situation string
		p         Power
		d         time.Duration
		want      Energy
	}{
		{"a kilowatt for an hour", Kilowatt, time.Hour, KilowattHour},
		{"a milliwatt for a millisecond", 1, time.Millisecond, 1},
		{"export is negative", -2 * Kilowatt, 30 * time.Minute, -KilowattHour},
		{"half a microjoule rounds to even", 1, 500 * time.Microsecond, 0},
		{"three halves round to even", 3, 500 * time.Microsecond, 2},
	} {
		t.Run(c.situation, func(t *testing.T) {
			if got := c.p.Over(c.d); got != c.want {
				t.Fatalf("got %d uJ, want %d", got, c.want)
			}
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		p := Power(rapid.Int64Range(-1e9, 1e9).Draw(t, "mW"))
		d := time.Duration(rapid.Int64Range(1, 86_400_000).Draw(t, "ms")) * time.Millisecond
		if back := p.Over(d).Mean(d); back != p {
			t.Fatalf("%d mW over %v comes back as %d", p, d, back)
		}
	})
}

func TestCostAndBuys(t *testing.T) {
	p, err := ParsePrice("2.0967")
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Cost(350 * KilowattHour); got.String() != "733.845000" {
		t.Fatalf("350 kWh cost %s", got)
	}
	if got := p.Buys(p.Cost(350 * KilowattHour)); got != 350*KilowattHour {
		t.Fatalf("that money buys %d uJ", got)
	}
	if Price(0).Buys(One) != math.MaxInt64 {
		t.Fatal("free energy must buy without end")
	}
	rapid.Check(t, func(t *rapid.T) {
		of := func(name string) int64 { // of any size, as often small as great
			return rapid.Int64().Draw(t, name) >> rapid.IntRange(0, 63).Draw(t, name+" shifted")
		}
		p, e := of("price"), of("energy")
		if got, want := Price(p).Cost(Energy(e)), MulDiv(p, e, int64(KilowattHour)); int64(got) != want {
			t.Fatalf("%d uJ at %d cost %d, in 128 bits %d", e, p, got, want)
		}
	})
}

func TestDecimalTextReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Money(rapid.Int64Range(math.MinInt64+1, math.MaxInt64).Draw(t, "m"))
		back, err := ParseMoney(m.String())
		if err != nil || back != m {
			t.Fatalf("%d -> %q -> %d, %v", m, m.String(), back, err)
		}
	})
	for _, bad := range []string{"", "-", ".5", "5.", "1e3", "1,5", " 1", "+1", "0.1234567", "9223372036855", "1.2.3", "--1"} {
		if v, err := ParseMoney(bad); err == nil {
			t.Errorf("%q was read as %d", bad, v)
		}
	}
	for _, c := range []struct {
		m      Money
		places int
		want   string
	}{{1_234_500, 2, "1.23"}, {1_235_000, 2, "1.24"}, {-5_000, 2, "0.00"}, {-15_000, 2, "-0.02"}, {999_999, 0, "1"}, {50_000, 2, "0.05"}} {
		if got := c.m.Decimal(c.places); got != c.want {
			t.Errorf("%d with %d decimals is %q, want %q", c.m, c.places, got, c.want)
		}
	}
}

func TestFloatsAreHeldToTheRange(t *testing.T) {
	if FromKWh(math.NaN()) != 0 || FromKWh(math.Inf(1)) != math.MaxInt64 || FromW(math.Inf(-1)) != math.MinInt64 {
		t.Fatal("a float that is no number or too great must not wrap")
	}
}

func TestLocalDaysAcrossClockChanges(t *testing.T) {
	for _, c := range []struct {
		zone, day string
		hours     float64
	}{
		{"Europe/London", "2026-03-29T12:00:00Z", 23},
		{"Europe/London", "2026-10-25T12:00:00Z", 25},
		{"Africa/Johannesburg", "2026-03-29T12:00:00Z", 24},
		{"America/Santiago", "2026-09-06T12:00:00Z", 23}, // midnight itself is skipped
	} {
		loc, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Skip("no zone data on this machine: ", err)
		}
		at, _ := time.Parse(time.RFC3339, c.day)
		from, to := LocalMidnight(at, loc), NextLocalMidnight(at, loc)
		if got := to.Sub(from).Hours(); got != c.hours {
			t.Errorf("%s %s: %v to %v is %v h, want %v", c.zone, c.day, from, to, got, c.hours)
		}
	}
}

func TestSlotsAreHalfOpenAndAdjacent(t *testing.T) {
	at := time.Date(2026, 11, 22, 13, 47, 5, 0, time.UTC)
	s := Slots(at, 30*time.Minute, 3)
	if s[0].Start.Minute() != 30 || !s[0].Contains(at) || s[0].Contains(s[0].End()) || !s[1].Start.Equal(s[0].End()) || len(s) != 3 {
		t.Fatalf("%v", s)
	}
}

func TestTimesOfDayAreReadStrictly(t *testing.T) {
	for text, want := range map[string]TimeOfDay{"00:00": 0, "07:30": 450, "23:59": 1439, "24:00": 1440} {
		var got TimeOfDay
		if err := got.SetText(text); err != nil || got != want || got.String() != text {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, bad := range []string{"", "7:30", "24:01", "12:60", "ab:cd", "12.30", "12:3", "-1:00", "012:0"} {
		if v, err := ParseTimeOfDay(bad); err == nil {
			t.Errorf("%q was read as %s", bad, v)
		}
	}
}
