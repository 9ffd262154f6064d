package mqttmeter

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keeplit/keeplit/internal/device/devicetest"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/meteringtest"
	"github.com/keeplit/keeplit/metering/values"
)

// heating is a meter that tells each value under a topic of its own.
func heating() Document {
	at := func(topic, unit string) *values.Value {
		return &values.Value{Topic: "esp/sensor/" + topic + "/state", Unit: unit}
	}
	return Document{
		Kind: "values", Online: &OnlineDocument{Topic: "esp/status"},
		Description: values.Description{
			Import: at("import", "Wh"), Export: at("export", ""), Power: at("power", ""), Voltage: at("voltage", ""), Current: at("current", ""),
		},
	}
}

// node publishes what it shows every 20 ms, a topic for each value.
type node struct {
	b     *broker
	mu    sync.Mutex
	truth meteringtest.Truth
	fault meteringtest.Fault
}

func (n *node) Show(t meteringtest.Truth) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.truth = t
}

func (n *node) Break(f meteringtest.Fault) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fault = f
	if f == meteringtest.HangUp {
		n.b.hangUp()
	}
}

func (n *node) publish() {
	n.mu.Lock()
	defer n.mu.Unlock()
	t := n.truth
	switch n.fault {
	case meteringtest.Silence:
		return
	case meteringtest.Refusal:
		n.b.publish("esp/status", "offline")
		return
	case meteringtest.Absurd:
		t.Import = -t.Import
	}
	for _, v := range []struct{ topic, text string }{
		{"import", fmt.Sprintf("%.3f", t.Import.KWh()*1000)},
		{"export", fmt.Sprintf("%.6f", t.Export.KWh())},
		{"power", fmt.Sprintf("%.1f", t.Power.W())},
		{"voltage", fmt.Sprintf("%.1f", float64(t.Voltage)/1000)},
		{"current", fmt.Sprintf("%.3f", float64(t.Current)/1000)},
	} {
		switch {
		case n.fault == meteringtest.Garbage:
			v.text = "\x00\xffwhat is this"
		case n.fault == meteringtest.Refused && v.topic == "import":
			v.text = "unavailable"
		}
		n.b.publish("esp/sensor/"+v.topic+"/state", v.text)
	}
}

func TestConformanceOfValuesUnderTopicsOfTheirOwn(t *testing.T) { conformDescribed(t, newBroker) }

func TestConformanceOfValuesOnMosquitto(t *testing.T) { conformDescribed(t, newMosquitto) }

func conformDescribed(t *testing.T, start func(*testing.T) *broker) {
	meteringtest.Run(t, meteringtest.Bench{
		Has:    metering.HasImport | metering.HasExport | metering.HasPower | metering.HasVoltage | metering.HasCurrent,
		Energy: units.WattHour, Power: 200,
		Cases: []meteringtest.Case{
			{Fault: meteringtest.Silence, Codes: []metering.Code{metering.Silent}},
			{Fault: meteringtest.Garbage, Codes: []metering.Code{metering.UnknownReply}},
			{Fault: meteringtest.Refused, Codes: []metering.Code{metering.UnknownReply}}, // a word in place of a register
			{Fault: meteringtest.Absurd, Codes: []metering.Code{metering.Range}},
			{Fault: meteringtest.Refusal, Codes: []metering.Code{metering.Offline}},
			{Fault: meteringtest.HangUp, Codes: nil},
		},
		New: func(t *testing.T) (metering.Meter, meteringtest.Device) {
			b := start(t)
			pool := devicetest.Pool(b, time.Now)
			d := heating()
			if l := d.Check(); len(l) > 0 {
				t.Fatal(l)
			}
			m, err := New(pool, Config{Document: d, Every: 300 * time.Millisecond, Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			devicetest.Run(t, pool)
			n := &node{b: b}
			stop := make(chan struct{})
			var wg sync.WaitGroup
			wg.Go(func() {
				tick := time.NewTicker(20 * time.Millisecond)
				defer tick.Stop()
				for {
					select {
					case <-stop:
						return
					case <-tick.C:
						n.publish()
					}
				}
			})
			t.Cleanup(func() { close(stop); wg.Wait() })
			return m, n
		},
	})
}

// said is a message, at a time of the test, and what the meter tells then.
type said struct {
	after    time.Duration // since the one before
	topic    string
	payload  string
	retained bool
}

// told runs a meter over messages and writes what it tells.
func told(t *testing.T, d Document, say []said) (out []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		bus := new(devicetest.Bus)
		pool := devicetest.Pool(bus, time.Now)
		m, err := New(pool, Config{Document: d, Every: 10 * time.Second, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		devicetest.Run(t, pool)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := m.Run(ctx, func(r metering.Reading) {
				s := r.Sample
				text := ""
				for _, v := range []struct {
					f    metering.Fields
					text string
				}{
					{metering.HasImport, fmt.Sprintf("in %.3f", s.Import.KWh())},
					{metering.HasExport, fmt.Sprintf("out %.3f", s.Export.KWh())},
					{metering.HasPower, fmt.Sprintf("%.0f W", s.Power.W())},
					{metering.HasVoltage, fmt.Sprintf("%.0f V", float64(s.Voltage)/1000)},
				} {
					if s.Gives(v.f) {
						text += v.text + " "
					}
				}
				if r.Err != nil {
					text = string(metering.CodeOf(r.Err)) + ": " + r.Err.Error()
				}
				out = append(out, strings.TrimSpace(text))
			}); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		for _, s := range say {
			time.Sleep(s.after)
			bus.Say(s.topic, s.payload, s.retained)
			synctest.Wait()
		}
		time.Sleep(time.Second)
		cancel()
		wg.Wait()
	})
	return out
}

func TestWhatIsToldUnderSeveralTopicsIsOneMeter(t *testing.T) {
	const in, power, voltage = "esp/sensor/import/state", "esp/sensor/power/state", "esp/sensor/voltage/state"
	phases := Document{Kind: "values", Description: values.Description{
		Import: &values.Value{Topic: "m/in"},
		Phases: []values.Phase{{Power: &values.Value{Topic: "m/1"}}, {Power: &values.Value{Topic: "m/2"}}},
	}}
	three := heating()
	three.Export, three.Current = nil, nil
	sml := Document{Kind: "values", Topic: "tele/reader/SENSOR", Online: &OnlineDocument{Topic: "tele/reader/LWT", On: "Online", Off: "Offline"}, Description: values.Description{
		Import: &values.Value{Path: "SML.Total_in"}, Export: &values.Value{Path: "SML.Total_out"}, Power: &values.Value{Path: "SML.Power_curr"},
	}}
	for _, row := range []struct {
		name string
		doc  Document
		say  []said
		want []string // what is told begins so, and ends so after a |
	}{
		{"one after the other is one reading", three, []said{{0, in, "1500", false}, {10 * time.Millisecond, power, "400", false}, {10 * time.Millisecond, voltage, "230", false}}, []string{"in 1.500 400 W 230 V"}},
		{"each at its own pace", three, []said{{0, in, "1500", false}, {0, power, "400", false}, {0, voltage, "230", false}, {5 * time.Second, power, "500", false}, {5 * time.Second, in, "1501", false}}, []string{"in 1.500 400 W 230 V", "500 W", "in 1.501"}},
		{"kept by the broker is of any age", three, []said{{0, in, "1500", true}, {0, power, "400", false}}, []string{"400 W"}},
		{"a register that comes no more, while the power does", three, []said{{0, in, "1500", false}, {0, power, "400", false}, {0, voltage, "230", false}, {29 * time.Second, power, "1", false}, {25 * time.Second, voltage, "231", false}, {10 * time.Second, power, "2", false}}, []string{"in 1.500 400 W 230 V", "1 W", "231 V", "silent|wait for esp/sensor/import/state"}},
		{"the power of two phases, one of which is missing", phases, []said{{0, "m/in", "5", false}, {0, "m/1", "100", false}, {time.Second, "m/2", "50", false}, {time.Second, "m/1", "110", false}}, []string{"in 5.000", "150 W", "160 W"}},
		{"a word is no number, and what was told before it is over", phases, []said{{0, "m/1", "100", false}, {0, "m/2", "50", false}, {time.Second, "m/2", "unavailable", false}, {time.Second, "m/1", "110", false}}, []string{"150 W", "unknown_reply|unavailable"}},
		{"no bytes at all: it has gone", phases, []said{{0, "m/1", "100", false}, {0, "m/2", "", false}}, []string{"offline|nothing to tell there"}},
		{"a reading head with Tasmota", sml, []said{{0, "tele/reader/SENSOR", `{"Time":"2026-11-29T10:00:00","SML":{"Total_in":12345.6789,"Total_out":12.3,"Power_curr":-350,"Meter_Number":"0a01"}}`, false}}, []string{"in 12345.679 out 12.300 -350 W"}},
		{"the same without its meter", sml, []said{{0, "tele/reader/SENSOR", `{"Time":"2026-11-29T10:00:00","SML":{"Total_in":0}}`, false}}, []string{"unknown_reply|SML.Total_out"}},
		{"the same, gone", sml, []said{{0, "tele/reader/LWT", "Offline", true}}, []string{"offline"}},
		{"the same, cut", sml, []said{{0, "tele/reader/SENSOR", `{"Time":"2026-11-29T10:00:00","SML":{"Tot`, false}}, []string{"short"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			if l := row.doc.Check(); len(l) > 0 {
				t.Fatal(l)
			}
			got := told(t, row.doc, row.say)
			if len(got) != len(row.want) {
				t.Fatalf("%q, want %q", got, row.want)
			}
			for i, want := range row.want {
				begin, holds, more := strings.Cut(want, "|")
				if more || strings.HasPrefix(begin, "silent") || begin == "offline" || begin == "short" {
					if !strings.HasPrefix(got[i], begin+":") || !strings.Contains(got[i], holds) {
						t.Errorf("%d: %q, want %q", i, got[i], want)
					}
				} else if got[i] != want {
					t.Errorf("%d: %q, want %q", i, got[i], want)
				}
			}
		})
	}
}

// Facts: victronenergy/dbus-flashmq, README.
func TestAVictronGXIsWokenAndReadAndTellsWhatItHasNot(t *testing.T) {
	doc := Document{Kind: "victron", Topic: "c0619ab1cfaa", Channel: 30}
	n := func(path, payload string) said { return said{0, "N/c0619ab1cfaa/grid/30/Ac/" + path, payload, false} }
	one := []said{n("Energy/Forward", `{"value":1234.56}`), n("Energy/Reverse", `{"value":7.8}`), n("Power", `{"value":-936}`), n("L1/Power", `{"value":-936}`), n("L1/Voltage", `{"value":231.5}`), n("L2/Power", `{"value":null}`)}
	if got := told(t, doc, one); len(got) != 1 || got[0] != "in 1234.560 out 7.800 -936 W 232 V" {
		t.Errorf("one phase: %q", got)
	}
	if got := told(t, doc, append(one, said{time.Second, "N/c0619ab1cfaa/grid/30/Ac/Power", `{"value":null}`, false})); len(got) != 2 || !strings.Contains(got[1], "value is null") {
		t.Errorf("no power: %q", got)
	}
	if got := told(t, doc, append(one, said{time.Second, "N/c0619ab1cfaa/grid/30/Ac/Energy/Forward", "", false})); len(got) != 2 || !strings.HasPrefix(got[1], "offline") {
		t.Errorf("gone: %q", got)
	}
	synctest.Test(t, func(t *testing.T) {
		bus := new(devicetest.Bus)
		pool := devicetest.Pool(bus, time.Now)
		if _, err := New(pool, Config{Document: doc, Now: time.Now}); err != nil {
			t.Fatal(err)
		}
		devicetest.Run(t, pool)
		time.Sleep(2*time.Minute + time.Second)
		synctest.Wait()
		if sent := bus.Sent(); len(sent) != 5 || sent[0] != "R/c0619ab1cfaa/keepalive " || sent[4] != sent[0] {
			t.Errorf("%q", sent)
		}
	})
	quiet := heating()
	synctest.Test(t, func(t *testing.T) {
		bus := new(devicetest.Bus)
		pool := devicetest.Pool(bus, time.Now)
		if _, err := New(pool, Config{Document: quiet, Now: time.Now}); err != nil {
			t.Fatal(err)
		}
		devicetest.Run(t, pool)
		time.Sleep(time.Hour)
		if sent := bus.Sent(); len(sent) > 0 {
			t.Errorf("one that speaks by itself was told %q", sent)
		}
	})
}

// Whatever is said under whatever topic, there is a sane reading or an error with a code.
func FuzzDescribed(f *testing.F) {
	for _, s := range []string{"1234.5", "-3", "unavailable", "", "nan", `{"SML":{"Total_in":1}}`, `{"SML":{"Total_in":null}}`, "[", "1e300", `{"SML":{"Total_in":-0}}`, "\x00\xff"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		d, err := newDescribed(Document{Kind: "values", Topic: "a", Description: values.Description{
			Import: &values.Value{Path: "SML.Total_in"}, Power: &values.Value{Topic: "b", Factor: "-1000"}, Voltage: &values.Value{Path: "SML.V", Optional: true},
		}}, time.Minute, time.Now, nil)
		if err != nil {
			t.Fatal(err)
		}
		for topic, payload := range map[string]string{"a": first, "b": second} {
			if _, err := d.Read(topic, []byte(payload), false); err != nil && metering.CodeOf(err) == "" {
				t.Fatalf("%q: an error without a code: %v", payload, err)
			}
		}
		if r, ok := d.news(time.Now(), time.Now()); ok && r.Err == nil && (r.Sample.Sane("fuzz") != nil || r.Sample.Has == 0) {
			t.Fatalf("%q, %q: %+v", first, second, r)
		}
	})
}
