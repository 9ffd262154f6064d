package openadr

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/openadr/vtn"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
)

func seeded() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) } //nolint:gosec // a test's

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC) //nolint:gochecknoglobals // never changed

// asks is an event of n hours from noon on that asks for a report.
func asks(n int, descriptor string) string {
	var ivs []string
	for i := range n {
		ivs = append(ivs, fmt.Sprintf(`{"id":%d,"payloads":[]}`, 10+i))
	}
	intervals := "[" + strings.Join(ivs, ",") + "]"
	if n == 0 {
		intervals = "null"
	}
	return fmt.Sprintf(`{"id":"e-1","programID":"p-1","createdDateTime":"2026-12-01T11:00:00Z","intervalPeriod":{"start":"2026-12-01T12:00:00Z","duration":"PT1H"},"intervals":%s,"reportDescriptors":[%s]}`, intervals, descriptor)
}

// TestWhenAReportIsDue walks through a day in minutes: when each report of an event goes out,
// and which intervals it is of, counted from the event's first.
func TestWhenAReportIsDue(t *testing.T) {
	for _, c := range []struct {
		situation, event string
		want             string // minute:first-last ...
	}{
		{"usage of all, when the last is over", asks(4, `{"payloadType":"USAGE"}`), "242:0-3"},
		{"usage of each two", asks(6, `{"payloadType":"USAGE","startInterval":1,"numIntervals":2,"frequency":2,"repeat":3}`), "122:0-1 242:2-3 362:4-5"},
		{"usage of three from the second on", asks(5, `{"payloadType":"USAGE","startInterval":1,"numIntervals":3}`), "242:1-3"},
		{"usage of the last two", asks(5, `{"payloadType":"USAGE","numIntervals":2}`), "302:3-4"},
		{"a forecast of all, before they begin", asks(4, `{"payloadType":"USAGE_FORECAST","historical":false}`), "-60:0-3"},
		{"rolling forecasts", asks(6, `{"payloadType":"USAGE_FORECAST","startInterval":0,"numIntervals":3,"frequency":1,"repeat":3,"historical":false}`), "-60:0-2 60:1-3 120:2-4"},
		{
			"a forecast each hour without end, of intervals that are implied", asks(0, `{"payloadType":"LOAD_SHED_DELTA_AVAILABLE","startInterval":0,"numIntervals":2,"frequency":1,"repeat":-1,"historical":false}`),
			"-60:0-1 60:1-2 120:2-3 180:3-4 240:4-5 300:5-6 360:6-7 420:7-8 480:8-9 540:9-10 600:10-11",
		},
		{"at any time: each hour", asks(2, `{"payloadType":"USAGE_FORECAST","frequency":0}`), "-60:0-0 0:0-0 60:0-0"},
	} {
		e, err := policy.ReadVTNEvent([]byte(c.event))
		must(t, err)
		last, got := -1, []string{}
		for minute := -60; minute <= 600; minute++ {
			if x, ok := dues(e, e.Reports[0], noon.Add(-time.Hour), noon.Add(time.Duration(minute)*time.Minute), last); ok {
				last = x.n
				got = append(got, fmt.Sprintf("%d:%d-%d", minute, x.places[0].N, x.places[len(x.places)-1].N))
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %s, want %s", c.situation, strings.Join(got, " "), c.want)
		}
	}
	// Months later a report each hour still comes, and an event that is far off asks for nothing.
	e, err := policy.ReadVTNEvent([]byte(asks(0, `{"payloadType":"USAGE_FORECAST","startInterval":0,"numIntervals":2,"frequency":1,"repeat":-1,"historical":false}`)))
	must(t, err)
	if x, ok := dues(e, e.Reports[0], noon, noon.Add(200*24*time.Hour+time.Minute), 4000); !ok || x.places[0].N != 4800 {
		t.Errorf("after 200 days: %+v %t", x, ok)
	}
	if x, ok := dues(e, e.Reports[0], noon, noon.Add(-60*24*time.Hour), -1); ok {
		t.Errorf("60 days before: %+v", x)
	}
}

func TestReportsAreSentOnceAndSayHowSureTheyAre(t *testing.T) {
	v, server, h, _ := aVEN(t, nil)
	h.now = noon.Add(4*time.Hour + 3*time.Minute)
	put := func(descriptors ...vtn.Object) {
		e := vtn.Object{}
		must(t, json.Unmarshal([]byte(asks(4, "")), &e))
		e["modificationDateTime"] = "2026-12-01T11:00:00Z"
		list := []any{}
		for _, d := range descriptors {
			list = append(list, d)
		}
		e["reportDescriptors"] = list
		server.Put(e)
	}
	put(vtn.Object{"payloadType": "USAGE"},
		vtn.Object{"payloadType": "USAGE_FORECAST", "frequency": 0, "repeat": -1, "reportIntervals": "OPEN_INTERVALS"},
		vtn.Object{"payloadType": "LOAD_SHED_DELTA_AVAILABLE", "frequency": 0}, vtn.Object{"payloadType": "STORAGE_CHARGE_LEVEL"})
	h.now = noon.Add(3*time.Hour + 59*time.Minute)
	must(t, v.once(t.Context()))
	h.now = noon.Add(4*time.Hour + 3*time.Minute)
	must(t, v.once(t.Context()))
	must(t, v.once(t.Context()))
	said := map[string]int{}
	for _, r := range server.Reports() {
		text, _ := json.Marshal(r["payloadDescriptors"])
		values, _ := json.Marshal(r["resources"])
		said[string(text)+" "+string(values)]++
	}
	forecast := func(confidence, value int) string {
		return fmt.Sprintf(`[{"confidence":%d,"objectType":"REPORT_PAYLOAD_DESCRIPTOR","payloadType":"USAGE_FORECAST","readingType":"FORECAST","units":"KWH"}] [{"intervals":[{"id":0,"intervalPeriod":{"duration":"PT1H","start":"2026-12-01T15:00:00Z"},"payloads":[{"type":"USAGE_FORECAST","values":[%d]}]}],"resourceName":"home-12"}]`, confidence, value)
	}
	usage := `[{"objectType":"REPORT_PAYLOAD_DESCRIPTOR","payloadType":"USAGE","readingType":"DIRECT_READ","units":"KWH"}] [{"intervals":[`
	for i := range 4 {
		usage += fmt.Sprintf(`{"id":%d,"intervalPeriod":{"duration":"PT1H","start":"2026-12-01T%d:00:00Z"},"payloads":[{"type":"USAGE","values":[1]}]},`, 10+i, 12+i)
	}
	usage = strings.TrimSuffix(usage, ",") + `],"resourceName":"home-12"}]`
	shed := `[{"objectType":"REPORT_PAYLOAD_DESCRIPTOR","payloadType":"LOAD_SHED_DELTA_AVAILABLE","readingType":"FORECAST","units":"KW"}] [{"intervals":[{"id":0,"intervalPeriod":{"duration":"PT1H","start":"2026-12-01T15:00:00Z"},"payloads":[{"type":"LOAD_SHED_DELTA_AVAILABLE","values":[2.5]}]}],"resourceName":"home-12"}]`
	for _, want := range []string{forecast(10, 1), forecast(50, 2), forecast(90, 3), usage, shed} {
		if said[want] != 1 {
			t.Errorf("%d times: %s", said[want], want)
		}
		delete(said, want)
	}
	for text := range said {
		t.Errorf("said besides: %s", text)
	}
	// After a restart nothing is said twice.
	n := len(server.Reports())
	again, err := New(v.cfg, h, nil)
	must(t, err)
	must(t, again.once(t.Context()))
	if got := len(server.Reports()); got != n {
		t.Errorf("after a restart %d reports were sent again", got-n)
	}
	// What the household does not share is not said.
	server.Delete("e-1")
	must(t, again.once(t.Context()))
	h.shares = nil
	put(vtn.Object{"payloadType": "USAGE"}, vtn.Object{"payloadType": "USAGE_FORECAST", "frequency": 0}, vtn.Object{"payloadType": "LOAD_SHED_DELTA_AVAILABLE", "frequency": 0})
	must(t, again.once(t.Context()))
	if got := len(server.Reports()); got != n {
		t.Errorf("%d reports that are not shared were sent", got-n)
	}
}

// A server may write any number: none is counted beyond what there is, and none counted up to
// one by one.
func TestAnyNumberOfADescriptorIsCounted(t *testing.T) {
	numbers := []string{"-9223372036854775808", "0", "2", "9223372036854775807"}
	long := `{"id":"e-1","programID":"p-1","intervalPeriod":{"start":"2018-12-01T12:00:00Z","duration":"PT1S"},"intervals":[{"payloads":[]}],"duration":"P3000D","reportDescriptors":[%s]}`
	began := time.Now()
	for _, kind := range []string{Usage, LoadShed} {
		for _, start := range numbers {
			for _, count := range numbers {
				for _, frequency := range numbers {
					descriptor := fmt.Sprintf(`{"payloadType":%q,"startInterval":%s,"numIntervals":%s,"frequency":%s,"repeat":-1,"historical":%t}`, kind, start, count, frequency, kind == Usage)
					for _, text := range []string{asks(6, descriptor), asks(0, descriptor), fmt.Sprintf(long, descriptor)} {
						e, err := policy.ReadVTNEvent([]byte(text))
						must(t, err)
						for _, last := range []int{-1, 0, 7} {
							if x, ok := dues(e, e.Reports[0], noon.Add(-time.Hour), noon.Add(5*time.Hour), last); ok && (x.n <= last || len(x.places) == 0) {
								t.Errorf("%s after %d: %d of %d places", descriptor, last, x.n, len(x.places))
							}
						}
					}
				}
			}
		}
	}
	if d := time.Since(began); d > 20*time.Second {
		t.Errorf("it takes %s", d)
	}
}
