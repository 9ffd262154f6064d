package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/openpaygo"
	"github.com/keeplit/keeplit/internal/testservers"
	"github.com/keeplit/keeplit/internal/units"
)

// live is an agent on the real clock: a meter over MQTT, a page with a PIN, no
// simulation.
type live struct {
	folder, url string
	broker      mqtt.Client
}

const livePIN = "4711"

func newLive(t *testing.T, more string) *live {
	t.Helper()
	m := testservers.StartMosquitto(t)
	l := &live{folder: t.TempDir()}
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := port.Addr().String()
	if err := port.Close(); err != nil {
		t.Fatal(err)
	}
	l.url = "http://" + address
	hash, err := web.HashPIN(livePIN)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"token.key": trialKey, "mqtt.password": m.Password, "pin.hash": hash, "keeplit.yaml": fmt.Sprintf(`
site: {id: live, meter: "04000000001", zone: Europe/London}
data: data
meter: {driver: mqtt, max_power: 20 kW, mqtt: {kind: tasmota, topic: meter}}
tariff:
  document: {name: flat, currency: GBP, zone: Europe/London, versions: [{energy: [{name: energy, price: 0.25}]}]}
credit: {opening: 100}
tokens: {openpaygo: {key: {file: token.key}, starting_code: %d, unit: money}}
mqtt: {url: %q, username: %q, password: {file: mqtt.password}}
web: {listen: %q, reading: open, pin: {file: pin.hash}}
schedule: {persist: 1s}
log: {level: error}
%s`, trialStart, m.URL, m.User, address, more)} {
		if err := os.WriteFile(filepath.Join(l.folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l.broker = mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp" + m.URL[len("mqtt"):]).SetClientID("vendor").
		SetUsername(m.User).SetPassword(m.Password).SetCleanSession(false).SetConnectRetry(true))
	if k := l.broker.Connect(); !k.WaitTimeout(10*time.Second) || k.Error() != nil {
		t.Fatalf("vendor: %v", k.Error())
	}
	t.Cleanup(func() { l.broker.Disconnect(250) })
	return l
}

// start starts the agent as a process.
func (l *live) start(t *testing.T, env ...string) (*exec.Cmd, *output) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "run", filepath.Join(l.folder, "keeplit.yaml"))
	cmd.Env = append(append(os.Environ(), asAgent+"=1"), env...)
	out := &output{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, out
}

// read sends a reading of the meter every so often, until ctx ends: 2 kW.
func (l *live) read(ctx context.Context, every time.Duration) {
	register, began := 1000.0, time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
		kwh := register + 2*time.Since(began).Hours()
		l.broker.Publish("tele/meter/SENSOR", 0, false, fmt.Sprintf(`{"ENERGY":{"Total":%.6f,"Power":2000,"Voltage":230}}`, kwh))
	}
}

// byAPI enters a token by the API; "" says that there was no answer.
func (l *live) byAPI(ctx context.Context, token string) (outcome string) {
	body := bytes.NewReader([]byte(`{"token":"` + token + `"}`))
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url+"/api/v1/topup", body)
	if err != nil {
		return ""
	}
	r.Header.Set("Authorization", "Bearer "+livePIN)
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return ""
	}
	defer a.Body.Close()
	var v struct {
		Outcome string `json:"outcome"`
	}
	text, err := io.ReadAll(a.Body)
	if err != nil || json.Unmarshal(text, &v) != nil {
		return ""
	}
	return v.Outcome
}

// customers is what those who entered tokens were told.
type customers struct {
	mu       sync.Mutex
	accepted map[string]int    // how often "accepted" was said of a token
	done     map[string]bool   // by either way it is known to be credited
	strange  map[string]string // other answers
	old      int
}

func (c *customers) heard(token, code string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch code {
	case "": // no answer: the agent is gone
	case "accepted", string(credit.Accept):
		c.accepted[token]++
		c.done[token] = true
	case "already_used", string(credit.Used):
		c.done[token] = true
	case "too_old", string(credit.Old):
		// A message that the broker kept while many newer tokens were taken.  That
		// it was credited before, once, the ledger must show.
		c.done[token] = true
		c.old++
	default:
		c.strange[token] = code
	}
}

func (c *customers) knows(token string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.done[token]
}

// TestTokensAcrossKillsOfTheAgent kills "agent run" without warning at random
// moments, while tokens come in by the API and by MQTT at once: each is delivered
// by both ways, and again as long as nobody knows what became of it.  Each is
// credited exactly once.  KEEPLIT_KILLS says how often; 12 if not given.
func TestTokensAcrossKillsOfTheAgent(t *testing.T) {
	t.Parallel()
	kills := envInt(t, "KEEPLIT_KILLS", 12)
	l := newLive(t, "")
	said := &customers{accepted: map[string]int{}, done: map[string]bool{}, strange: map[string]string{}}
	subscribed := l.broker.Subscribe("keeplit/live/token/result", 1, func(_ mqtt.Client, m mqtt.Message) {
		var r struct{ ID, Result string }
		if err := json.Unmarshal(m.Payload(), &r); err != nil {
			t.Errorf("%s: %v", m.Payload(), err)
		}
		said.heard(r.ID, r.Result)
	})
	if !subscribed.WaitTimeout(10*time.Second) || subscribed.Error() != nil {
		t.Fatal(subscribed.Error())
	}
	metering, stop := context.WithCancel(t.Context())
	var meter sync.WaitGroup
	meter.Go(func() { l.read(metering, 50*time.Millisecond) })
	defer meter.Wait()
	defer stop()

	random := rand.New(rand.NewPCG(9, 10))
	n, early, midway := 0, 0, 0
	worth, counts := map[string]int{}, map[string]int{}
	var waiting []string
	// deliver enters tokens by the API until all are known or ctx ends; to the
	// broker each was given once, which delivers it until the agent has taken it.
	deliver := func(ctx context.Context) {
		for ctx.Err() == nil {
			all := true
			for _, token := range waiting {
				if !said.knows(token) {
					all = false
					said.heard(token, l.byAPI(ctx, token))
				}
			}
			if all {
				return
			}
			select {
			case <-ctx.Done():
			case <-time.After(5 * time.Millisecond):
			}
		}
	}
	still := func() (out []string) {
		for _, token := range waiting {
			if !said.knows(token) {
				out = append(out, token)
			}
		}
		return out
	}
	for range kills {
		if len(waiting) == 0 {
			for range 4 {
				n++
				value := 1 + random.IntN(900)
				text := token(t, n, value)
				worth[text], counts[text] = value, 2*n
				waiting = append(waiting, text)
				l.broker.Publish("keeplit/live/token", 1, false, `{"token":"`+text+`","id":"`+text+`"}`)
			}
		}
		cmd, out := l.start(t)
		ctx, cancel := context.WithCancel(t.Context())
		var killer sync.WaitGroup
		killer.Go(func() {
			// One in eight dies on its way up, the others while they serve.
			if random.IntN(8) == 0 {
				early++
			} else {
				for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
					if r, err := http.Get(l.url + "/healthz"); err == nil {
						_ = r.Body.Close()
						break
					}
				}
			}
			time.Sleep(time.Duration(random.IntN(400_000)) * time.Microsecond)
			_ = cmd.Process.Kill()
			cancel()
		})
		deliver(ctx)
		killer.Wait()
		if err := cmd.Wait(); err == nil || cmd.ProcessState.Exited() {
			t.Fatalf("the agent ended by itself: %v\n%s", err, out)
		}
		left := still()
		if len(left) > 0 && len(left) < len(waiting) {
			midway++
		}
		waiting = left
	}
	// In peace: what is left is entered, and the broker delivers what it kept.
	cmd, out := l.start(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	deliver(ctx)
	time.Sleep(time.Second)
	_ = cmd.Process.Signal(os.Interrupt)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("the agent: %v\n%s", err, out)
	}

	entries, err := storedLedger(t.Context(), filepath.Join(l.folder, "data"))
	if err != nil {
		t.Fatal(err)
	}
	if err := credit.Verify(entries); err != nil {
		t.Fatal(err)
	}
	credited, ways := map[string]int{}, map[string]int{}
	for _, e := range entries {
		if e.Kind == credit.Topup {
			credited[e.Ref]++
			ways[e.Name]++
		}
	}
	violations := 0
	for text, value := range worth {
		fingerprint := credit.Fingerprint("openpaygo", openpaygo.ID(counts[text]))
		if credited[fingerprint] != 1 || said.accepted[text] > 1 {
			violations++
			t.Errorf("token of %d: credited %d times, accepted was said %d times, known %v", value, credited[fingerprint], said.accepted[text], said.done[text])
		}
		for _, e := range entries {
			if e.Ref == fingerprint && e.Kind == credit.Topup && e.Amount != units.Money(value)*units.One {
				violations++
				t.Errorf("token of %d credited %s", value, e.Amount)
			}
		}
	}
	if len(said.strange) > 0 {
		t.Errorf("answers that no good token gets: %v", said.strange)
	}
	t.Logf("%d kills, %d on the way up, %d between tokens of one batch; %d tokens, taken %v, %d told as old the second time; %d entries; %d violations",
		kills, early, midway, len(worth), ways, said.old, len(entries), violations)
}

// The agent as a service: it says when it is ready, feeds both watchdogs, and
// ends in good order.
func TestTheAgentFeedsItsWatchdogs(t *testing.T) {
	t.Parallel()
	l := newLive(t, "watchdog: {device: watchdog, patience: 15m}\n")
	device := filepath.Join(l.folder, "watchdog")
	if err := os.WriteFile(device, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// A socket's name is short; the folder of a test may not be.
	dir, err := os.MkdirTemp("", "keeplit") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cmd, out := l.start(t, "NOTIFY_SOCKET="+socket, "WATCHDOG_USEC=300000")
	hear := func() string {
		b := make([]byte, 100)
		_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
		n, err := conn.Read(b)
		if err != nil {
			_ = cmd.Process.Kill()
			t.Fatalf("%v\n%s", err, out)
		}
		return string(b[:n])
	}
	for i, want := range []string{"READY=1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"} {
		if got := hear(); got != want {
			t.Errorf("word %d is %q, want %q", i, got, want)
		}
	}
	_ = cmd.Process.Signal(os.Interrupt)
	for hear() != "STOPPING=1" {
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	fed, err := os.ReadFile(device)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasSuffix(fed, []byte("\x00V")) {
		t.Errorf("the device got %q", fed)
	}
}
