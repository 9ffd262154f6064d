package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/internal/store"
	"github.com/keeplit/keeplit/internal/testservers"
	"github.com/keeplit/keeplit/internal/units/unitstest"
)

// subscriber counts what a utility's back office would receive.
type subscriber struct {
	mu   sync.Mutex
	seen map[uint64]int
}

func subscribe(t *testing.T, m *testservers.Mosquitto) *subscriber {
	t.Helper()
	s := &subscriber{seen: map[uint64]int{}}
	o := mqtt.NewClientOptions().AddBroker("tcp" + m.URL[len("mqtt"):]).SetClientID("office").
		SetUsername(m.User).SetPassword(m.Password).SetCleanSession(false).SetOrderMatters(false).
		SetConnectRetry(true).SetMaxReconnectInterval(200 * time.Millisecond)
	o.SetOnConnectHandler(func(c mqtt.Client) {
		c.Subscribe("keeplit/trial/ledger", 1, func(_ mqtt.Client, msg mqtt.Message) {
			var e struct {
				Seq uint64 `json:"seq"`
			}
			if err := json.Unmarshal(msg.Payload(), &e); err != nil {
				t.Errorf("a ledger message cannot be read: %v", err)
			}
			s.mu.Lock()
			s.seen[e.Seq]++
			s.mu.Unlock()
		})
	})
	c := mqtt.NewClient(o)
	if k := c.Connect(); !k.WaitTimeout(10*time.Second) || k.Error() != nil {
		t.Fatalf("subscriber: %v", k.Error())
	}
	t.Cleanup(func() { c.Disconnect(250) })
	return s
}

// await waits for a ledger entry, and answers when it was there.
func (s *subscriber) await(t *testing.T, seq uint64) time.Time {
	t.Helper()
	for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		s.mu.Lock()
		n := s.seen[seq]
		s.mu.Unlock()
		if n > 0 {
			return time.Now()
		}
	}
	t.Fatalf("ledger entry %d has not arrived within five minutes", seq)
	return time.Time{}
}

// onlooker looks at an agent that runs: its own time, what waits to be sent, and how much its
// records take on the disk.
type onlooker struct {
	t      *testing.T
	url    string
	data   string
	ended  func() // fails the test where the agent has ended
	at     time.Time
	rows   int // that wait for InfluxDB
	ledger int // entries
	most   int // rows that waited at once
	disk   int64
	before int64 // of disk, at begin
	peak   int64 // of disk, since then
}

// begin begins to look for the most.
func (o *onlooker) begin() time.Time {
	o.t.Helper()
	o.most, o.peak = 0, 0
	o.look()
	o.before = o.disk
	return o.at
}

func (o *onlooker) look() {
	o.t.Helper()
	o.ended()
	resp, err := http.Get(o.url + "/metrics")
	if err != nil {
		return // it is not up yet
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		name, text, _ := strings.Cut(lines.Text(), " ")
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			continue
		}
		switch name {
		case "keeplit_view_timestamp_seconds":
			o.at = time.Unix(int64(v), 0)
		case "keeplit_outbox_rows":
			o.rows = int(v)
		case "keeplit_ledger_entries_total":
			o.ledger = int(v)
		}
	}
	o.most = max(o.most, o.rows)
	o.disk = 0
	_ = filepath.WalkDir(o.data, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && d.Name() != "ballast" {
			if info, err := d.Info(); err == nil { // a file may go while we look
				o.disk += info.Size()
			}
		}
		return nil
	})
	o.peak = max(o.peak, o.disk)
}

// until looks until something is so.
func (o *onlooker) until(what string, is func() bool) {
	o.t.Helper()
	for end := time.Now().Add(5 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if o.look(); is() {
			return
		}
		if time.Now().After(end) {
			o.t.Fatalf("%s: not within five minutes; the agent's time is %s, %d rows wait", what, o.at, o.rows)
		}
	}
}

// TestServersGoneForADay takes InfluxDB away from an agent for a simulated day, and then the
// broker for another, with a field in InfluxDB that refuses some of its points for ever:
// nothing is lost, nothing counts twice, and what is refused is set aside.  KEEPLIT_LONG=1
// has a point and a step every ten seconds, as an agent has by default.
func TestServersGoneForADay(t *testing.T) {
	t.Parallel()
	mosquitto, influx := testservers.StartMosquitto(t), testservers.StartInflux(t)
	days, day, step, points := 3, 8*time.Second, time.Minute, 5*time.Minute // day: of real time
	if unitstest.Long() {
		days, day, step, points = 5, 100*time.Second, 10*time.Second, 10*time.Second
	}
	rec := made(t, days)
	web := fmt.Sprintf("127.0.0.1:%d", testservers.FreePort(t))
	tr := newTrial(t, rec, trialOptions{
		shift: true, step: step, points: points, opening: 50, speed: float64(24 * time.Hour / day),
		mosquitto: mosquitto, influx: influx, web: web,
	})
	office := subscribe(t, mosquitto)
	// Somebody has written words where the agent's events have a number: InfluxDB refuses
	// those for as long as it has them.
	influx.Write(fmt.Sprintf("%s,site=other count=\"words\" %d", control.EventPoint, rec.from.UnixNano()))
	cmd, out := tr.start()
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	var o *onlooker
	o = &onlooker{t: t, url: "http://" + web, data: filepath.Join(tr.folder, "data"), ended: func() {
		select {
		case err := <-done:
			t.Fatalf("the agent ended too soon, after %s, with %d entries and %d rows that waited: %v\n%s", o.at, o.ledger, o.most, err, out)
		default:
		}
	}}
	passes := func(d time.Duration) {
		to := o.at.Add(d)
		o.until("the agent's time "+to.String(), func() bool { return !o.at.Before(to) })
	}
	o.until("the agent's first hours", func() bool { return o.at.After(rec.from.Add(5 * time.Hour)) })

	held := influx.Count(control.SitePoint, "balance")
	influx.Kill()
	from := o.begin()
	passes(24 * time.Hour)
	away, waited, peak := o.at.Sub(from), o.most, o.peak
	t.Logf("without InfluxDB for %s: %d points waited; the records had %d KiB before and %d KiB at the most", away, waited, o.before>>10, peak>>10)
	if away < 24*time.Hour || waited < int(away/points)*9/10 {
		t.Errorf("%s and %d points are no day without InfluxDB", away, waited)
	}

	influx.Start()
	back := time.Now()
	if unitstest.Long() { // it is tried again after a pause of five minutes at the most
		has := func(n int64) func() bool {
			return func() bool { return influx.Count(control.SitePoint, "balance") > n }
		}
		o.until("InfluxDB is tried again", has(held))
		asked := time.Now()
		o.until("InfluxDB has all of the day", has(held+int64(away/points)*98/100))
		t.Logf("InfluxDB was back for %.1f s when the agent tried it again, and had all %.1f s later", asked.Sub(back).Seconds(), time.Since(asked).Seconds())
	}
	mosquitto.Kill()
	from = o.begin()
	entries := o.ledger
	passes(24 * time.Hour)
	away, peak, entries = o.at.Sub(from), o.peak, o.ledger-entries
	head := uint64(o.ledger) //nolint:gosec // a count
	t.Logf("without the broker for %s: %d ledger entries waited; the records had %d KiB before and %d KiB at the most", away, entries, o.before>>10, peak>>10)
	if away < 24*time.Hour || entries == 0 {
		t.Errorf("%s and %d entries are no day without the broker", away, entries)
	}
	mosquitto.Start()
	back = time.Now()
	first := office.await(t, 1+head-uint64(entries)) //nolint:gosec // a count
	office.await(t, head)
	t.Logf("the broker was back for %.1f s when the agent came, and had all %.1f s later", first.Sub(back).Seconds(), time.Since(first).Seconds())
	if err := <-done; err != nil {
		t.Fatalf("agent run: %v\n%s", err, out)
	}

	st := tr.records()
	ledger := entriesOf(t, st)
	checkPointsBut(t, st, influx, control.EventPoint)
	counts, err := st.Outbox(store.MQTT).Counts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if counts.Pending != 0 || counts.Dropped != 0 || counts.Quarantined != 0 {
		t.Errorf("the outbox for MQTT says %+v", counts)
	}
	again := 0
	for wait := 0; ; wait++ {
		office.mu.Lock()
		n := len(office.seen)
		office.mu.Unlock()
		if n == len(ledger) || wait > 100 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	office.mu.Lock()
	defer office.mu.Unlock()
	for _, e := range ledger {
		switch office.seen[e.Seq] {
		case 0:
			t.Errorf("ledger entry %d never arrived", e.Seq)
		case 1:
		default:
			again += office.seen[e.Seq] - 1
		}
	}
	if len(office.seen) != len(ledger) {
		t.Errorf("%d entries arrived, the ledger has %d", len(office.seen), len(ledger))
	}
	t.Logf("%d ledger entries, all arrived; %d came a second time and are known by their seq", len(ledger), again)
}
