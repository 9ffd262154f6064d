package main

import (
	"encoding/json"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/keeplit/keeplit/internal/store"
	"github.com/keeplit/keeplit/internal/testservers"
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

// TestServersGoneForADay stops InfluxDB for a simulated day and restarts
// Mosquitto in it: nothing is lost, and nothing counts twice.
func TestServersGoneForADay(t *testing.T) {
	t.Parallel()
	mosquitto, influx := testservers.StartMosquitto(t), testservers.StartInflux(t)
	rec := made(t, 3)
	const day = 8 * time.Second // of real time
	tr := newTrial(t, rec, trialOptions{
		shift: true, step: time.Minute, points: 5 * time.Minute, opening: 50, speed: float64(24 * time.Hour / day),
		mosquitto: mosquitto, influx: influx,
	})
	office := subscribe(t, mosquitto)
	cmd, out := tr.start()
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	pause := func(d time.Duration) {
		select {
		case err := <-done:
			t.Fatalf("the agent ended too soon: %v\n%s", err, out)
		case <-time.After(d):
		}
	}
	pause(day)
	influx.Kill()
	pause(day / 2)
	mosquitto.Kill()
	pause(day / 4)
	mosquitto.Start()
	pause(day / 4)
	influx.Start()
	if err := <-done; err != nil {
		t.Fatalf("agent run: %v\n%s", err, out)
	}

	st := tr.records()
	ledger := entriesOf(t, st)
	checkPoints(t, st, influx)
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
