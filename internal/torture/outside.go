package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// get is a page as the owner sees it.
func (r *room) get(h *site, path string) (string, error) {
	q, err := http.NewRequestWithContext(r.ctx, http.MethodGet, h.url+path, nil)
	if err != nil {
		return "", err
	}
	q.Header.Set("Authorization", "Bearer "+ownersPIN)
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		return "", err
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	return string(text), err
}

// command is what a command of the agent says in the site's folder.
func (r *room) command(h *site, args ...string) string {
	ctx, cancel := context.WithTimeout(r.ctx, time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, h.agent, args...)
	cmd.Dir = h.dir
	cmd.Env = append(os.Environ(), "KEEPLIT_PIN="+ownersPIN)
	out, _ := cmd.CombinedOutput() // that it fails is no secret
	return string(out)
}

// opened is a file with what is packed in it.
func opened(text []byte) string {
	out := string(text)
	for at := 0; ; {
		i := bytes.Index(text[at:], []byte{0x1f, 0x8b, 8})
		if i < 0 {
			return out
		}
		at += i + 1
		if z, err := gzip.NewReader(bytes.NewReader(text[at-1:])); err == nil {
			z.Multistream(false)
			inside, _ := io.ReadAll(io.LimitReader(z, 64<<20)) // what is broken off is looked at as far as it goes
			out += string(inside)
		}
	}
}

// receiver takes points as InfluxDB does, and does what receivers do that are ill.
type receiver struct {
	mu    sync.Mutex
	seqs  map[int64]bool // of the ledger's entries that it has
	times map[int64]string
	twice []int64 // entries that are there under two times: two rows of one
	mode  string
	asked int
	l     net.Listener
	s     *http.Server
}

func newReceiver(host string) (*receiver, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, err
	}
	v := &receiver{seqs: map[int64]bool{}, times: map[int64]string{}, l: l}
	v.s = &http.Server{Handler: v, ReadHeaderTimeout: time.Minute}
	go func() { _ = v.s.Serve(l) }()
	return v, nil
}

// ledgerPoint is an entry of the ledger in line protocol.
var ledgerPoint = regexp.MustCompile(`(?m)^ledger,.*[ ,]seq=(\d+).* (\d+)$`) //nolint:gochecknoglobals // a constant

// refused is the entry that a receiver has something against.
var refused = regexp.MustCompile(`(?m)^ledger,.*[ ,]seq=2[ ,]`) //nolint:gochecknoglobals // a constant

func (v *receiver) ServeHTTP(out http.ResponseWriter, q *http.Request) {
	text, err := io.ReadAll(q.Body)
	if err != nil {
		return
	}
	if q.Header.Get("Content-Encoding") == "gzip" {
		text = []byte(opened(text)[len(text):])
	}
	v.mu.Lock()
	mode := v.mode
	v.asked++
	v.mu.Unlock()
	poisoned := refused.Match(text)
	switch mode {
	case "errors":
		http.Error(out, `{"code":"internal error","message":"no"}`, http.StatusInternalServerError)
		return
	case "refuses one":
		if poisoned {
			out.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(out, `{"code":"invalid","message":"unable to parse points"}`)
			return
		}
	}
	v.mu.Lock()
	for _, m := range ledgerPoint.FindAllSubmatch(text, -1) {
		if n, err := strconv.ParseInt(string(m[1]), 10, 64); err == nil {
			v.seqs[n] = true
			if at := string(m[2]); v.times[n] == "" {
				v.times[n] = at
			} else if v.times[n] != at {
				v.twice = append(v.twice, n)
			}
		}
	}
	v.mu.Unlock()
	if mode == "late" { // it has them, and says so when nobody waits for it any more
		time.Sleep(33 * time.Second)
	}
	out.WriteHeader(http.StatusNoContent)
}

// forwarding is a siege with a receiver of points in a mode; when it is over, every entry of
// the ledger must have arrived, but for what was refused.
func forwarding(mode string, lacks int) func(*room) error {
	return func(r *room) error {
		v, err := newReceiver("127.0.0.1")
		if err != nil {
			return err
		}
		defer v.s.Close()
		i := ill{keeps: true, least: 1, lasts: 15 * time.Second, settings: settings{more: fmt.Sprintf("schedule: {persist: 1s}\ntelemetry: {every: 1s}\ninfluxdb: {url: \"http://%s\", bucket: b/autogen, token: {file: token.key}}", v.l.Addr())}}
		if mode == "late" {
			i.lasts = 36 * time.Second
		}
		i.begin = func(*room, *site) (func(), error) {
			set := func(m string) { v.mu.Lock(); v.mode = m; v.mu.Unlock() }
			set(mode)
			return func() { set("") }, nil
		}
		i.after = func(r *room, h *site) { v.has(r, h, lacks) }
		return i.siege(r)
	}
}

// has judges whether every entry of the ledger has come, but for those that it lacks for good, and none twice.
func (v *receiver) has(r *room, h *site, lacks int) {
	missing := 0
	if !r.until(2*time.Minute, func() bool {
		rec, err := read(filepath.Join(h.dir, "data"))
		if err != nil {
			return false
		}
		v.mu.Lock()
		defer v.mu.Unlock()
		missing = 0
		for _, e := range rec.entries {
			if !v.seqs[e.seq] {
				missing++
			}
		}
		return missing <= lacks
	}) {
		r.lost(fmt.Sprintf("%d entries of the ledger never came to the receiver", missing))
	}
	v.mu.Lock()
	if len(v.twice) > 0 {
		r.lost(fmt.Sprintf("%d entries of the ledger are there twice, under two times", len(v.twice)))
	}
	r.count("entries arrived", len(v.seqs))
	r.count("requests of the agent", v.asked)
	v.mu.Unlock()
}

// day has broker and InfluxDB away for a simulated day, and counts what came to them in the
// end: as many entries and half hours as the records hold.
func day(r *room) error {
	dir, err := os.MkdirTemp(r.dir, "day-")
	if err != nil {
		return err
	}
	influx, err := newInflux(filepath.Join(dir, "influx"))
	if err != nil {
		return err
	}
	if influx == nil {
		return fmt.Errorf("there is no influxd: say where by KEEPLIT_INFLUXD")
	}
	defer influx.end(os.Kill)
	base := fmt.Sprintf("http://127.0.0.1:%d", influx.port)
	if _, err := query(base, "CREATE DATABASE torture"); err != nil {
		return err
	}
	const day = 20 * time.Second // of real time
	h, err := newSite(r.ctx, r.agent, dir, settings{house: "set below"})
	defer h.close()
	if err != nil {
		return err
	}
	text := fmt.Sprintf(`
site: {id: torture, meter: "04000000001", zone: Europe/London}
data: data
meter: {driver: house}
simulation: {step: 1m, speed: %d, per_day: 12 kWh}
tariff:
  document: {name: flat, currency: GBP, zone: Europe/London, versions: [{energy: [{name: energy, price: 0.25}]}]}
credit: {opening: 1000}
tokens: {openpaygo: {key: {file: token.key}, starting_code: %d, unit: money}}
supply: {switch: {driver: house}}
telemetry: {every: 5m}
mqtt: {url: "mqtt://127.0.0.1:%d", username: %s, password: {file: mqtt.password}}
influxdb: {url: %q, bucket: torture/autogen, token: {file: mqtt.password}}
web: {listen: %q, reading: open, pin: {file: pin.hash}}
log: {level: error}
`, int(24*time.Hour/day), vendorStart, h.broker.port, brokerUser, base, strings.TrimPrefix(h.url, "http://"))
	if err := os.WriteFile(filepath.Join(dir, "keeplit.yaml"), []byte(text), 0o600); err != nil {
		return err
	}
	came := newSet()
	office, err := dial(r.ctx, h.broker, "office", false)
	if err != nil {
		return err
	}
	defer office.Disconnect(50)
	office.Subscribe("keeplit/torture/ledger", 1, func(_ mqtt.Client, m mqtt.Message) { came.seq(m.Payload()) }).WaitTimeout(10 * time.Second)
	if err := h.start(); err != nil {
		return err
	}
	// wait lets so many half hours of the simulation go by.
	wait := func(halves int) error {
		begin := -1
		if r.until(3*time.Minute, func() bool {
			rec, err := read(filepath.Join(dir, "data"))
			if err == nil && begin < 0 {
				begin = rec.halves
			}
			return h.gone() || err == nil && rec.halves >= begin+halves
		}) {
			return nil
		}
		return fmt.Errorf("%d half hours do not go by", halves)
	}
	if err := wait(6); err != nil {
		return err
	}
	influx.end(os.Kill)
	h.broker.end(os.Kill)
	if err := wait(49); err != nil { // a day and more
		return err
	}
	r.saw(h.warnings()...)
	if err := h.broker.start(); err != nil {
		return err
	}
	if err := influx.start(); err != nil {
		return err
	}
	if err := wait(6); err != nil {
		return err
	}
	if h.gone() {
		r.lost("the agent ended by itself: " + h.out.String())
		return nil
	}
	r.tried++
	if r.bad(h.stop()) {
		return nil
	}
	if r.bad(h.start()) { // in case that something waited; it goes on in the same simulation
		return nil
	}
	var rec *records
	entries, halves := 0, 0
	if !r.until(2*time.Minute, func() bool {
		if rec, err = read(filepath.Join(dir, "data")); err != nil {
			return false
		}
		entries = 0
		for _, e := range rec.entries[:len(rec.entries)-1] { // the last may be on its way
			if came.has(e.seq) {
				entries++
			}
		}
		halves, err = query(base, "SELECT count(import_kwh) FROM interval")
		return err == nil && entries >= len(rec.entries)-1 && halves >= rec.halves-1
	}) {
		r.lost(fmt.Sprintf("of %d entries %d came to the broker, of %d intervals %d to InfluxDB", len(rec.entries), entries, rec.halves, halves))
	}
	r.count("entries", len(rec.entries))
	r.count("half hours", rec.halves)
	twice := 0
	came.mu.Lock()
	for _, n := range came.came {
		twice += n - 1
	}
	came.mu.Unlock()
	r.count("entries that came again", twice)
	return nil
}

// set is the entries of a ledger that came.
type set struct {
	mu   sync.Mutex
	came map[int64]int
}

func newSet() *set { return &set{came: map[int64]int{}} }

// seq notes an entry.
func (s *set) seq(payload []byte) {
	var e struct{ Seq int64 }
	if json.Unmarshal(payload, &e) != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.came[e.Seq]++
}

func (s *set) has(seq int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.came[seq] > 0
}

func (s *set) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.came)
}

// query asks InfluxDB for a number.
func query(base, q string) (int, error) {
	a, err := http.PostForm(base+"/query", url.Values{"db": {"torture"}, "q": {q}})
	if err != nil {
		return 0, err
	}
	defer a.Body.Close()
	var answer struct {
		Results []struct {
			Error  string
			Series []struct{ Values [][]any }
		}
	}
	if err := json.NewDecoder(a.Body).Decode(&answer); err != nil {
		return 0, err
	}
	n := 0
	for _, x := range answer.Results {
		if x.Error != "" {
			return 0, fmt.Errorf("%s: %s", q, x.Error)
		}
		for _, s := range x.Series {
			for _, v := range s.Values {
				f, _ := v[len(v)-1].(float64)
				n += int(f)
			}
		}
	}
	return n, nil
}
