package values

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// Whatever is told, in whatever order and however late: a quantity is known as a whole
// or not at all, what is known is the sum of its newest parts, and none of them is too
// old.
func TestAQuantityIsKnownAsAWholeOrNotAtAll(t *testing.T) {
	const age = time.Minute
	at := func(topic string) *Value { return &Value{Topic: topic} }
	d := Description{
		Import: &Value{Sum: []Part{{Topic: "t1", Unit: "Wh"}, {Topic: "t2", Unit: "Wh"}}}, Power: at("in"), Returned: at("out"), Voltage: &Value{Topic: "v", Optional: true},
		Phases: []Phase{{Power: at("p1")}, {Power: at("p2")}},
	}
	of := map[string]string{"t1": "import", "t2": "import", "in": "power", "out": "power", "p1": "power", "p2": "power", "v": "voltage"}
	rapid.Check(t, func(t *rapid.T) {
		r, err := New(Config{Description: d, Medium: Topics, Age: age, Op: func(topic string) string { return topic }})
		if err != nil {
			t.Fatal(err)
		}
		type last struct {
			n  int64
			at time.Time
		}
		told := map[string]last{}
		now := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
		for range rapid.IntRange(1, 40).Draw(t, "messages") {
			now = now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "seconds")) * time.Second)
			topic := rapid.SampledFrom([]string{"t1", "t2", "in", "out", "v", "p1", "p2"}).Draw(t, "topic")
			n := rapid.Int64Range(0, 9999).Draw(t, "number")
			if rapid.IntRange(0, 9).Draw(t, "word") == 0 {
				if err := r.Take(topic, "unavailable", now); metering.CodeOf(err) != metering.UnknownReply {
					t.Fatalf("a word: %v", err)
				}
				delete(told, topic)
				_, _ = r.News(now)
				continue
			}
			if err := r.Take(topic, fmt.Sprint(n), now); err != nil {
				t.Fatal(err)
			}
			told[topic] = last{n, now}
			known := func(topics ...string) (sum int64, ok bool) {
				for i, name := range topics {
					l, is := told[name]
					if !is || now.Sub(l.at) > age {
						return 0, false
					}
					if i == 1 && name == "out" {
						l.n = -l.n
					}
					sum += l.n
				}
				return sum, true
			}
			m, err := r.News(now)
			if err != nil {
				t.Fatal(err)
			}
			power, whole := known("in", "out")
			p1, one := known("p1")
			p2, two := known("p2")
			whole = whole && one && two && of[topic] == "power"
			if got, ok := m.Power.Get(); ok != whole || ok && got != units.Power(power)*units.Watt {
				t.Fatalf("power %v %v, want %d %v", got, ok, power, whole)
			}
			if whole && (len(m.Phases) != 2 || m.Phases[0].Power != device.Tell(units.Power(p1)*units.Watt) || m.Phases[1].Power != device.Tell(units.Power(p2)*units.Watt)) {
				t.Fatalf("phases %+v", m.Phases)
			}
			energy, ok := known("t1", "t2")
			ok = ok && of[topic] == "import"
			if got, is := m.Import.Get(); is != ok || is && got.Energy != units.Energy(energy)*units.WattHour {
				t.Fatalf("import %v %v, want %d %v", got, is, energy, ok)
			}
			if v, is := m.Voltage.Get(); is != (topic == "v") || is && v != units.Voltage(n)*1000 {
				t.Fatalf("voltage %v %v", v, is)
			}
		}
	})
}

// What nobody described is not made up, and what is described and never comes is named.
func TestWhatNeverComesIsNamedAndWhatMayBeMissingIsNot(t *testing.T) {
	now := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	r, err := New(Config{
		Description: Description{Import: &Value{Topic: "in"}, Power: &Value{Topic: "p"}, Voltage: &Value{Topic: "v", Optional: true}},
		Medium:      Topics, Age: time.Minute, Part: "meter.mqtt", Op: func(topic string) string { return topic },
	})
	if err != nil {
		t.Fatal(err)
	}
	began := now
	for range 7 {
		if err := r.Take("p", "5", now); err != nil {
			t.Fatal(err)
		}
		got, ok := r.Reading(began, now)
		late := now.Sub(began) > time.Minute
		if !ok || late != (metering.CodeOf(got.Err) == metering.Silent) || !late && (got.Sample.Power != 5*units.Watt || got.Sample.Has != metering.HasPower) {
			t.Fatalf("after %v: %+v %v", now.Sub(began), got, ok)
		}
		now = now.Add(11 * time.Second)
	}
	if _, ok := r.Reading(now, now); ok {
		t.Error("a reading of nothing")
	}
}
