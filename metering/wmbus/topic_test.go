package wmbus

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keeplit/keeplit/internal/device/devicetest"
	"github.com/keeplit/keeplit/metering"
)

// Each form in which receivers publish telegrams is read, and what they say besides is not
// taken for one.
func TestWhatReceiversPublishIsRead(t *testing.T) {
	s := &sender{address: house(), key: houseKey(), counter: 1}
	frame := summed(s.seven(kWh(1)))
	text := hex.EncodeToString(frame)
	b64 := base64.StdEncoding.EncodeToString(frame)
	for _, row := range []struct {
		name, message string
		frames        int
	}{
		{"hexadecimal", strings.ToUpper(text), 1},
		{"as rtl_wmbus writes it", "T1;1;1;2026-01-01 00:00:00.000;97;148;12345678;0x" + text + "\n", 1},
		{"as it writes a bad one", "T1;0;1;2026-01-01 00:00:00.000;97;148;12345678;0x" + text, 0},
		{"JSON with hexadecimal", `{"time":"2026-01-01 00:00:00","model":"Wireless-MBus","mode":"T","id":12345678,"data":"` + text + `","mic":"CRC"}`, 1},
		{"JSON with base64", `{"rssi":-71,"telegram":{"raw":"` + b64 + `"}}`, 1},
		{"JSON with base64 for addresses", `{"raw":"` + base64.RawURLEncoding.EncodeToString(frame) + `"}`, 1},
		{"JSON with both", `{"hex":"` + text + `","raw":"` + b64 + `"}`, 1},
		{"a list", `["` + text + `","` + hex.EncodeToString(summed(s.seven(kWh(2)))) + `"]`, 2},
		{"a text in quotes", `"` + text + `"`, 1},
		{"base64 alone", b64, 1},
		{"the bytes themselves", string(frame), 1},
		{"two lines", text + "\n" + text[:len(text)-2] + "00\n", 2},
		{"what was read in it", `{"media":"electricity","meter":"house","id":"12345678","total_energy_consumption_kwh":1,"timestamp":"2026-01-01T00:00:00Z"}`, 0},
		{"a status", "online", 0},
		{"nothing", "", 0},
		{"a JSON that ends too early", `{"data":"`, 0},
	} {
		got := inMessage([]byte(row.message))
		if len(got) != row.frames || row.frames > 0 && !bytes.Equal(got[0], frame) && row.name != "a list" {
			t.Errorf("%s: %d frames: %X", row.name, len(got), got)
		}
	}
}

// on has a meter read what is published on a bus, and tells what it read.
func on(t *testing.T, bus *devicetest.Bus, topic string) (said func() string) {
	t.Helper()
	pool := devicetest.Pool(bus, time.Now)
	d := Document{Number: "12345678", Topic: topic, Key: strings.Repeat("5A", 16)}
	m, err := d.Open(metering.Env{Now: time.Now, MQTT: pool})
	if err != nil {
		t.Fatal(err)
	}
	devicetest.Run(t, pool)
	readings := make(chan metering.Reading, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := m.Run(t.Context(), func(r metering.Reading) { readings <- r }); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { <-done })
	return func() string {
		synctest.Wait()
		var out []string
		for len(readings) > 0 {
			r := <-readings
			if r.Err != nil {
				out = append(out, r.Err.Error())
				continue
			}
			out = append(out, fmt.Sprintf("%.3f kWh", r.Sample.Import.KWh()))
		}
		return strings.Join(out, "; ")
	}
}

// Several receivers that hear one meter are one; what the broker has kept is not read, and
// each silence says what came.
func TestAMeterIsReadFromATopic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := new(devicetest.Bus)
		said := on(t, bus, "wmbus/+/telegram")
		s := &sender{address: house(), key: houseKey(), counter: 1}
		want := func(what string) {
			t.Helper()
			if got := said(); what == "" && got != "" || !strings.Contains(got, what) {
				t.Errorf("%q, want %q", got, what)
			}
		}
		synctest.Wait()
		first := hex.EncodeToString(summed(s.seven(kWh(1))))
		bus.Say("wmbus/attic/telegram", first, true)
		want("")
		bus.Say("wmbus/attic/telegram", first, false)
		want("1.000 kWh")
		bus.Say("wmbus/cellar/telegram", first, false)
		want("")
		bus.Say("wmbus/porch/telegram", `{"raw":"`+base64.StdEncoding.EncodeToString(s.seven(kWh(2)))+`"}`, false)
		want("2.000 kWh")
		bus.Say("wmbus/cellar/telegram", hex.EncodeToString(summed(s.seven(kWh(2)))), false)
		want("2.000 kWh")
		bus.Say("wmbus/cellar/status", first, false)
		time.Sleep(4 * time.Minute)
		want("nothing came under wmbus/+/telegram for 3m0s")
		bus.Say("wmbus/cellar/telegram", `{"total_kwh":2}`, false)
		time.Sleep(3 * time.Minute)
		want("no telegram in 1 messages under wmbus/+/telegram")
		other := &sender{address: house(), key: houseKey()}
		other.address.number[0]++
		bus.Say("wmbus/cellar/telegram", hex.EncodeToString(other.five(kWh(9))), false)
		time.Sleep(3 * time.Minute)
		want("nothing of meter 12345678 for 3m0s; 1 telegrams of others")
		bus.Say("wmbus/attic/telegram", hex.EncodeToString(s.seven(kWh(3))), false)
		want("3.000 kWh")
	})
}

// However many receivers hear a meter, and however late one of them tells it, nobody repeats
// anything; who sends a telegram again under a topic that told it before does.
func TestManyReceiversRepeatNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := new(devicetest.Bus)
		said := on(t, bus, "wmbus/+/telegram")
		s := &sender{address: house(), key: houseKey(), counter: 1}
		synctest.Wait()
		say := func(where string, frame []byte) {
			bus.Say("wmbus/"+where+"/telegram", hex.EncodeToString(frame), false)
		}
		want := func(what string) {
			t.Helper()
			if got := said(); got != what {
				t.Errorf("%q, want %q", got, what)
			}
		}
		var last []byte
		for i := range 3 {
			last = summed(s.seven(kWh(float64(i + 1))))
			for _, where := range []string{"attic", "cellar", "porch", "shed"} {
				say(where, last)
			}
			want(fmt.Sprintf("%d.000 kWh", i+1))
			time.Sleep(time.Minute)
		}
		next := summed(s.seven(kWh(4)))
		say("attic", next)
		say("roof", last)
		want("4.000 kWh")
		say("attic", last)
		if got := said(); !strings.Contains(got, "sent again") {
			t.Errorf("a telegram that is sent again is %q", got)
		}
		// With its sums and without, in one message, it is one; two are taken in their order.
		for i := range 3 {
			f, g := s.seven(kWh(float64(10+2*i))), s.seven(kWh(float64(11+2*i)))
			bus.Say("wmbus/attic/telegram", fmt.Sprintf(`{"1":"%X","2":"%X","3":"%X","4":"%X"}`, f, summed(f), summed(g), g), false)
			want(fmt.Sprintf("%d.000 kWh; %d.000 kWh", 10+2*i, 11+2*i))
		}
	})
}

// A message of very many telegrams is not compared with itself for minutes.
func TestAMessageOfManyTelegramsIsCutOff(t *testing.T) {
	s := &sender{address: house(), key: houseKey(), counter: 1}
	texts := make([]string, 2000)
	for i := range texts {
		texts[i] = fmt.Sprintf(`"%X"`, s.five(kWh(float64(i))))
	}
	if got := inMessage([]byte("[" + strings.Join(texts, ",") + "]")); len(got) != mostWaiting {
		t.Errorf("%d telegrams are kept of %d", len(got), len(texts))
	}
}

func TestATopicIsChecked(t *testing.T) {
	for _, row := range []struct {
		name, paths string
		doc         Document
	}{
		{"a topic", "", Document{Number: "12345678", Topic: "wmbus/+/telegram"}},
		{"all below one", "", Document{Number: "12345678", Topic: "wmbus/#"}},
		{"everything that there is", "topic", Document{Number: "12345678", Topic: "#"}},
		{"half a part", "topic", Document{Number: "12345678", Topic: "wmbus/a+"}},
		{"something after all", "topic", Document{Number: "12345678", Topic: "wmbus/#/x"}},
		{"slashes", "topic", Document{Number: "12345678", Topic: "/wmbus/"}},
		{"a receiver besides", "receiver", Document{Number: "12345678", Topic: "wmbus", Receiver: "cul"}},
		{"a mode besides", "mode", Document{Number: "12345678", Topic: "wmbus", Mode: "T"}},
	} {
		var paths []string
		for _, f := range row.doc.Check() {
			paths = append(paths, f.Path)
		}
		if got := strings.Join(paths, " "); got != row.paths {
			t.Errorf("%s: %q, want %q", row.name, got, row.paths)
		}
	}
	if _, err := (&Document{Number: "12345678", Topic: "wmbus"}).Open(metering.Env{Now: time.Now}); err == nil {
		t.Error("there is no broker, and it is no error")
	}
}
