package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/testservers"
	"github.com/keeplit/keeplit/internal/unraced"
	"github.com/keeplit/keeplit/loads/loadstest"
	"github.com/keeplit/keeplit/loads/ocpp/ocpptest"
)

// lost is a load of the test: its device, and whether that drops it where the agent is gone.
type lost struct {
	id     string
	drops  bool
	device emulated
}

// diary keeps when each device went on and off.
type diary struct {
	mu    sync.Mutex
	on    map[string]bool
	since map[string]time.Time
	went  map[string]int           // on, since the test began
	least map[string]time.Duration // that it was off between the last two times on
	ran   map[string]time.Duration // the last time that it was on
}

func (d *diary) look(l []lost) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, x := range l {
		on, now := x.device.Closed(), time.Now()
		if on == d.on[x.id] {
			continue
		}
		if on {
			d.went[x.id]++
			d.least[x.id] = now.Sub(d.since[x.id])
		} else {
			d.ran[x.id] = now.Sub(d.since[x.id])
		}
		d.on[x.id], d.since[x.id] = on, now
	}
}

func (d *diary) starts(id string) (int, time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.went[id], d.least[id]
}

func (d *diary) lasted(id string) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ran[id]
}

// An agent is killed with a load on by each driver.  What has a dead man drops within its time, what
// has none stays on, as docs/loads.md says.  Started again, the agent turns on what is still wanted,
// no sooner than its rest is over; it has not forgotten how often each was started that day, and has
// off what was switched on meanwhile and should be off; and what has a least time on is on for that, over
// the kill.
func TestTheAgentIsKilledWithEverythingOn(t *testing.T) {
	unraced.Only(t)
	t.Parallel()
	const deadMan, minOff, minOn = 30 * time.Second, 4 * time.Second, 16 * time.Second
	var all []lost
	plug, plugAt := overHTTP(t)
	bare, bareAt := overHTTP(t)
	long, longAt := overHTTP(t)
	coil, coilAt := overModbus(t, 0)
	board, boardAt := overModbus(t, deadMan)
	home, homeAt := overHomeAssistant(t)
	calls := fmt.Sprintf("127.0.0.1:%d", testservers.FreePort(t))
	var text strings.Builder
	load := func(id, kind, sw string) {
		fmt.Fprintf(&text, "  - {id: %s, %s, min_on: 0s, min_off: %s, max_starts: 2, switch: {%s}}\n", id, kind, minOff, sw)
	}
	const plain, car = "power: 100 W", "kind: power, power: {min: 6 A, max: 6 A}, respect: 0s"
	load("tasmota", plain, "driver: tasmota, topic: t, dead_man: 30s")
	load("shelly", plain, "driver: shelly, topic: s, dead_man: 30s")
	load("zigbee", plain, "driver: zigbee2mqtt, topic: z, dead_man: 30s")
	load("node", plain, "driver: esphome, topic: n, component: relay")
	load("topic", plain, "driver: mqtt, command: {topic: m/set}, state: {topic: m/state}")
	load("timed-topic", plain, "driver: mqtt, command: {topic: mt/set}, state: {topic: mt/state}, dead_man: 30s")
	load("plug", plain, fmt.Sprintf("driver: http, kind: shelly, url: %q, dead_man: 30s", plugAt))
	load("bare", plain, fmt.Sprintf("driver: http, url: %q, on: {url: '/rpc/Switch.Set?on=true'}, off: {url: '/rpc/Switch.Set?on=false'}, state: {url: '/rpc/Switch.GetStatus', path: output}", bareAt))
	fmt.Fprintf(&text, "  - {id: long, %s, min_on: %s, min_off: 0s, switch: {driver: http, url: %q, on: {url: '/rpc/Switch.Set?on=true'}, off: {url: '/rpc/Switch.Set?on=false'}, state: {url: '/rpc/Switch.GetStatus', path: output}, every: 1s}}\n", plain, minOn, longAt)
	load("coil", plain, fmt.Sprintf("driver: modbus, port: %q, unit: 7, coil: 3", coilAt))
	load("board", plain, fmt.Sprintf("driver: modbus, port: %q, unit: 7, coil: 3, dead_man: 30s", boardAt))
	load("entity", plain, fmt.Sprintf("driver: homeassistant, url: %q, token: {file: pin.hash}, entity: switch.plug", homeAt))
	load("station", car, "driver: ocpp, station: CP1, password: {file: mqtt.password}")
	load("timed-station", car, "driver: ocpp, station: CP2, password: {file: mqtt.password}, dead_man: 30s")
	l := newLive(t, fmt.Sprintf("switching: {gap_min: 0s, gap_max: 0s, spread: 0s}\nocpp: {listen: %q}\nloads:\n%s", calls, text.String()))
	o := l.broker.OptionsReader()
	b := loadstest.Other(t, o.Servers()[0].Host, o.Username(), o.Password())
	password, err := os.ReadFile(filepath.Join(l.folder, "mqtt.password"))
	if err != nil {
		t.Fatal(err)
	}
	station := func(name string) emulated {
		return ocpptest.New(t, "ws://"+calls+"/"+name, strings.TrimSpace(string(password)), ocpptest.Traps{})
	}
	all = []lost{
		{"tasmota", true, loadstest.NewTasmota(t, b, nil, "t")},
		{"shelly", true, loadstest.NewShelly(t, b, nil, "s")},
		{"zigbee", true, loadstest.NewZigbee(t, b, nil, "z")},
		{"node", false, aNode(t, b, "n")},
		{"topic", false, aTopic(t, b, "m", 0)},
		{"timed-topic", true, aTopic(t, b, "mt", deadMan)},
		{"plug", true, plug},
		{"bare", false, bare},
		{"long", false, long},
		{"coil", false, coil},
		{"board", true, board},
		{"entity", false, home},
		{"station", false, station("CP1")},
		{"timed-station", true, station("CP2")},
	}
	diary := &diary{on: map[string]bool{}, since: map[string]time.Time{}, went: map[string]int{}, least: map[string]time.Duration{}, ran: map[string]time.Duration{}}
	ctx, stop := context.WithCancel(t.Context())
	var beside sync.WaitGroup
	beside.Go(func() { l.read(ctx, 200*time.Millisecond) })
	beside.Go(func() {
		for ctx.Err() == nil {
			diary.look(all)
			time.Sleep(10 * time.Millisecond)
		}
	})
	defer beside.Wait()
	defer stop()

	cmd, out := l.start(t)
	kill := func() {
		t.Helper()
		_ = cmd.Process.Kill()
		if err := cmd.Wait(); err == nil || cmd.ProcessState.Exited() {
			t.Fatalf("the agent ended by itself: %v\n%s", err, out)
		}
	}
	defer func() { _ = cmd.Process.Kill() }()
	// comes waits until every device is as it should be.
	comes := func(what string, right func(x lost) bool) {
		t.Helper()
		for end := time.Now().Add(45 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			var wrong []string
			for _, x := range all {
				if !right(x) {
					wrong = append(wrong, x.id)
				}
			}
			if len(wrong) == 0 {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%s: not so of %v\n%s", what, wrong, out)
			}
		}
	}
	asks := func(action string) {
		t.Helper()
		for _, x := range all {
			for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
				status := l.post("/api/v1/loads/" + x.id + "/" + action)
				if status/100 == 2 {
					break
				}
				if time.Now().After(end) {
					t.Fatalf("%s of %s is answered %d\n%s", action, x.id, status, out)
				}
			}
		}
	}
	on := func(x lost) bool { return x.device.Closed() }
	off := func(x lost) bool { return !x.device.Closed() }

	asks("run")
	comes("everything is on", on)
	begun := time.Now()                 // the last of them; long was before
	time.Sleep(1500 * time.Millisecond) // what it did is written within a second
	kill()
	for _, x := range all {
		left, drops := x.device.Left()
		switch {
		case drops != x.drops:
			t.Errorf("%s drops by itself: %v, want %v", x.id, drops, x.drops)
		case drops && (left <= 0 || left > deadMan+time.Second):
			t.Errorf("%s drops after %s, and its dead man is %s", x.id, left, deadMan)
		case drops:
			x.device.Pass(left - time.Second)
			if !x.device.Closed() {
				t.Errorf("%s dropped a second before its time", x.id)
			}
		default:
			x.device.Pass(24 * time.Hour)
		}
	}
	comes("what has a dead man has dropped, and the others have not", func(x lost) bool { return x.device.Closed() != x.drops })

	cmd, out = l.start(t)
	comes("everything is on again", on)
	diary.look(all) // the last of them came since it looked
	for _, x := range all {
		n, rest := diary.starts(x.id)
		if want := map[bool]int{false: 1, true: 2}[x.drops]; n != want {
			t.Errorf("%s went on %d times, want %d", x.id, n, want)
		}
		if x.drops && rest < minOff {
			t.Errorf("%s was off for %s, and its least is %s", x.id, rest, minOff)
		}
	}
	asks("skip")
	asked := time.Since(begun)
	comes("everything is off", off)
	diary.look(all)
	// Killed and started again within its least time on, it is not sent off before that is over.
	if ran := diary.lasted("long"); ran < minOn || ran > minOn+10*time.Second && asked < minOn {
		t.Errorf("long was on for %s, and its least is %s; it was to be off after %s", ran, minOn, asked)
	} else {
		t.Logf("long was on for %s (min_on %s), and was to be off after %s", ran, minOn, asked)
	}
	time.Sleep(1500 * time.Millisecond)
	kill()
	for _, x := range all {
		if x.id != "long" { // it would be on for its least time then, too
			x.device.Press(true)
		}
	}
	cmd, out = l.start(t)
	comes("what somebody switched on meanwhile is off", off)
	time.Sleep(1500 * time.Millisecond)
	kill()
	diary.look(all)

	// Each was started twice now, by the agent or by hand while it was gone.
	cmd, out = l.start(t)
	asks("run")
	time.Sleep(minOff + 2*time.Second)
	for _, x := range all {
		if n, _ := diary.starts(x.id); x.drops && x.device.Closed() {
			t.Errorf("%s is on for the %d. time in a day, and two are allowed", x.id, n)
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the agent: %v\n%s", err, out)
	}
}

// post is the status of a request by the API, with the PIN; 0: no answer.
func (l *live) post(path string) int {
	r, err := http.NewRequest(http.MethodPost, l.url+path, nil)
	if err != nil {
		return 0
	}
	r.Header.Set("Authorization", "Bearer "+livePIN)
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	_ = a.Body.Close()
	return a.StatusCode
}
