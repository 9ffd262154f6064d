package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

const (
	ownersPIN = "4711"
	price     = 250_000 // millionths a kWh
)

// site is a home with an agent, a broker and a simulated house.
type site struct {
	ctx    context.Context
	dir    string
	agent  string // the program
	broker *server
	house  *house
	vendor *vendor
	client mqtt.Client
	url    string
	env    []string
	ahead  time.Duration // what its clock shows too much, see sets
	opens  int64         // the credit that it opened with, in millionths
	begun  int64         // what the meter showed when the account began, in mWh

	cmd     *exec.Cmd
	done    chan error
	ended   error // how the last one did
	out     *lockedBuffer
	closers []func() error
	before  []string // a program that runs the agent, such as a tracer
	within  []string // one that becomes the agent
}

// lockedBuffer keeps the end of what is written.
type lockedBuffer struct {
	mu   sync.Mutex
	text []byte
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text = append(b.text, p...)
	if n := len(b.text) - 64<<10; n > 0 {
		b.text = b.text[n:]
	}
	return len(p), nil
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.text)
}

// settings are what differs from site to site.
type settings struct {
	more   string   // further keys of the configuration
	supply string   // the switch of the supply; "": by MQTT
	load   string   // that of the geyser; "": by MQTT
	credit string   // "": 100
	every  string   // "": 500ms
	level  string   // of the log; "": error
	charge string   // what the tariff charges besides energy; "": nothing
	house  string   // the meter, where it is not the harness's own
	most   string   // that the supply carries, of the meter; "": 20 kW
	loads  string   // further ones, as lines of YAML
	net    *network // nil: all of it at 127.0.0.1
	plugs  map[string]plug
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

const byMQTT = `{driver: mqtt, command: {topic: house/%[1]s/set}, state: {topic: house/%[1]s}, stale: 1h}`

// newSite makes a site in dir; its agent does not run yet.
func newSite(ctx context.Context, agent, dir string, s settings) (*site, error) {
	h := &site{ctx: ctx, dir: dir, agent: agent, vendor: newVendor(), out: &lockedBuffer{}}
	credit, err := strconv.ParseFloat(or(s.credit, "100"), 64)
	if err != nil {
		return nil, err
	}
	h.opens = int64(math.Round(credit * 1e6))
	host, meter := "127.0.0.1", "127.0.0.1"
	brokers, within := "127.0.0.1", []string(nil)
	if s.net != nil {
		host, meter, brokers = s.plugs["page"].theirs, s.plugs["page"].ours, s.plugs["broker"].ours
		h.within, within = []string{"ip", "netns", "exec", s.net.agent}, []string{"ip", "netns", "exec", s.net.broker}
	}
	if h.broker, err = newBroker(filepath.Join(dir, "broker"), or(s.plugs["office"].theirs, brokers), brokers, within); err != nil {
		return nil, err
	}
	if h.house, err = newHouse(meter, map[string]int64{supply: 0, "geyser": 3000, "pump": 3000}); err != nil {
		return nil, err
	}
	h.begun = h.house.shows()
	if h.client, err = dial(ctx, h.broker, "house", true); err != nil {
		return nil, err
	}
	h.client.Subscribe("house/+/set", 1, func(_ mqtt.Client, m mqtt.Message) {
		name := strings.TrimSuffix(strings.TrimPrefix(m.Topic(), "house/"), "/set")
		if says, speaks := h.house.tell(name, string(m.Payload()) == "ON"); speaks {
			late := time.Duration(0)
			h.house.with(func() { late = h.house.relays[name].late })
			if late == 0 {
				h.says(name, says)
				return
			}
			time.AfterFunc(late, func() { h.says(name, says) })
		}
	})
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	address := fmt.Sprintf("%s:%d", host, port)
	h.url = "http://" + address
	text := fmt.Sprintf(`
site: {id: torture, meter: "04000000001", zone: Europe/London, limit: 8 kW}
data: data
meter: {driver: http, every: %s, max_power: %s, http: {url: %q, timeout: 2s, import: {path: kwh}, power: {path: w}, voltage: {path: v}}}
tariff:
  document: {name: flat, currency: GBP, zone: Europe/London, versions: [{energy: [{name: energy, price: 0.25}]%s}]}
credit: {opening: %s}
tokens: {openpaygo: {key: {file: token.key}, starting_code: %d, unit: money}}
supply: {switch: %s}
loads:
- {id: geyser, name: Geyser, kind: onoff, power: 3 kW, need: {for: 1h}, min_on: 0s, min_off: 0s, switch: %s}
%smqtt: {url: "mqtt://%s:%d", username: %s, password: {file: mqtt.password}}
web: {listen: %q, reading: open, pin: {file: pin.hash}}
log: {level: %s}
%s`, or(s.every, "500ms"), or(s.most, "20 kW"), h.house.url, s.charge, or(s.credit, "100"), vendorStart, or(s.supply, fmt.Sprintf(byMQTT, supply)), or(s.load, fmt.Sprintf(byMQTT, "geyser")), s.loads,
		brokers, h.broker.port, brokerUser, address, or(s.level, "error"), or(s.more, "schedule: {persist: 1s}"))
	if s.house != "" {
		text = s.house
	}
	pin, err := h.hash(ownersPIN)
	if err != nil {
		return nil, err
	}
	for name, content := range map[string]string{"keeplit.yaml": text, "token.key": vendorKey, "mqtt.password": brokerPassword, "pin.hash": pin} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// says publishes what a relay says of itself.
func (h *site) says(name string, on bool) {
	word := "OFF"
	if on {
		word = "ON"
	}
	h.client.Publish("house/"+name, 1, true, word)
}

// hash is the PIN as the agent keeps it.
func (h *site) hash(pin string) (string, error) {
	cmd := exec.CommandContext(h.ctx, h.agent, "pin")
	cmd.Stdin = strings.NewReader(pin + "\n" + pin + "\n")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("agent pin: %w", err)
	}
	return string(out), nil
}

// close ends all that belongs to the site.
func (h *site) close() {
	if h == nil {
		return
	}
	h.kill()
	if h.client != nil {
		h.client.Disconnect(50)
	}
	if h.broker != nil {
		h.broker.signal(syscall.SIGCONT)
		h.broker.end(os.Kill)
	}
	if h.house != nil {
		h.house.close()
	}
	for _, c := range h.closers {
		_ = c()
	}
}

// run starts the agent and does not wait for it.
func (h *site) run() error {
	args := append(append(append([]string{}, h.before...), h.within...), h.agent, "run", filepath.Join(h.dir, "keeplit.yaml"))
	h.cmd = exec.CommandContext(h.ctx, args[0], args[1:]...)
	h.cmd.Env = append(os.Environ(), h.env...)
	h.cmd.Stdout, h.cmd.Stderr = h.out, h.out
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := h.cmd.Start(); err != nil {
		h.cmd = nil
		return err
	}
	h.done = make(chan error, 1)
	cmd, done := h.cmd, h.done
	go func() { done <- cmd.Wait() }()
	return nil
}

// up waits until the agent answers.
func (h *site) up() error {
	for end := time.Now().Add(40 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		select {
		case err := <-h.done:
			h.done <- err
			return fmt.Errorf("the agent ended by itself: %w\n%s", err, h.out.String())
		default:
		}
		if r, err := http.Get(h.url + "/healthz"); err == nil {
			_ = r.Body.Close()
			return nil
		}
	}
	return fmt.Errorf("the agent does not come up\n%s", h.out.String())
}

// start starts the agent and waits until it answers.
func (h *site) start() error {
	if err := h.run(); err != nil {
		return err
	}
	return h.up()
}

// pid is the agent's, which may run below a tracer.
func (h *site) pid() int {
	if len(h.before) == 0 {
		return h.cmd.Process.Pid
	}
	out, _ := exec.CommandContext(h.ctx, "pgrep", "-P", fmt.Sprint(h.cmd.Process.Pid)).Output()
	var pid int
	_, _ = fmt.Sscan(string(out), &pid)
	return pid
}

// kill ends the agent without warning, and whoever runs it.
func (h *site) kill() {
	if h.cmd == nil {
		return
	}
	_ = syscall.Kill(-h.cmd.Process.Pid, syscall.SIGKILL)
	h.ended = <-h.done
	h.cmd = nil
}

// stop ends the agent in good order.
func (h *site) stop() error {
	if h.cmd == nil {
		return nil
	}
	_ = syscall.Kill(h.pid(), syscall.SIGTERM)
	select {
	case err := <-h.done:
		h.cmd = nil
		if err != nil {
			return fmt.Errorf("the agent ended with %w\n%s", err, h.out.String())
		}
		return nil
	case <-time.After(60 * time.Second):
		h.kill()
		return fmt.Errorf("the agent does not end\n%s", h.out.String())
	}
}

// gone tells whether the agent has ended by itself.
func (h *site) gone() bool {
	select {
	case err := <-h.done:
		h.done <- err
		return true
	default:
		return false
	}
}

// ask asks the API, as the owner.
func (h *site) ask(ctx context.Context, method, path string, body any) (status int, answer map[string]any, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, nil, err
	}
	r, err := http.NewRequestWithContext(ctx, method, h.url+path, bytes.NewReader(text))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", "Bearer "+ownersPIN)
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer a.Body.Close()
	got, err := io.ReadAll(a.Body)
	if err != nil {
		return 0, nil, err
	}
	if len(got) > 0 {
		err = json.Unmarshal(got, &answer)
	}
	return a.StatusCode, answer, err
}

// warnings are the codes that the householder is shown now.
func (h *site) warnings() []string {
	ctx, cancel := context.WithTimeout(h.ctx, 5*time.Second)
	defer cancel()
	_, view, err := h.ask(ctx, http.MethodGet, "/api/v1/view", nil)
	if err != nil {
		return nil
	}
	var out []string
	list, _ := view["warnings"].([]any)
	for _, w := range list {
		if m, ok := w.(map[string]any); ok {
			out = append(out, fmt.Sprint(m["code"]))
		}
	}
	return out
}
