package setup

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// What cannot be taken is said at its question: the answers after it are not lost at the end.
func TestAnAnswerThatBreaksTheFileIsAskedForAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	upTo := func(n int, more ...string) []string { return slices.Concat(empty(n), more) }
	const key = "bc41ec9530f6dac86b1a29ab82edc5fb"
	for name, lines := range map[string][]string{
		"a unit":                          upTo(8, "modbus", "", "", "a: b", "7"),
		"a unit with a quote":             upTo(8, "modbus", "", "", `"`, "7"),
		"pulses":                          upTo(8, "pulse", "", "1, y: 2", "1000", ""),
		"a starting code":                 upTo(8, "modbus", "", "", "", "", "openpaygo", key, "[", "516959010"),
		"an InfluxDB that is no address":  upTo(8, "modbus", "", "", "", "", "", "", "5 # x", "", "none", "localhost", "", "none"),
		"a user of a broker, no password": upTo(7, "localhost", "keeplit", ""),
	} {
		d, said, err := w.answers(append(lines, empty(25)...)...)
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, said)
			continue
		}
		if _, l := w.parse(d); len(l) > 0 {
			t.Errorf("%s: %v", name, l)
		}
	}
}

// A secret of an answer that was taken back is not written.
func TestASecretThatIsNotUsedIsNotKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.deaf["broker"], w.deaf["influxdb"] = true, true
	lines := slices.Concat(empty(7), []string{"localhost", "keeplit", "opensesame", "none", "modbus", "", "", "", "", "", "", "localhost", "", "me:secret", "none"}, empty(20))
	d, said, err := w.answers(lines...)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if got := slices.Sorted(maps.Keys(d.Files)); !slices.Equal(got, []string{"openpaygo.key", Vendor}) || strings.Contains(said, "opensesame") {
		t.Errorf("%v\n%s", got, said)
	}
}

// A broker that refused a password is asked for again, with another.
func TestABrokerIsAskedForAgainAfterAWrongPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.deaf["broker"] = true
	lines := slices.Concat(empty(7), []string{"localhost", "keeplit", "wrong", "localhost", "keeplit", "opensesame", "localhost", "keeplit", "opensesame"}, empty(25))
	d, said, err := w.answers(lines...)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if d.Files[brokerSecret] == "" || strings.Contains(said, "no such file") {
		t.Errorf("%v\n%s", slices.Collect(maps.Keys(d.Files)), said)
	}
}
