package main

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/openpaygo"
	"github.com/keeplit/keeplit/internal/store"
	"github.com/keeplit/keeplit/internal/testservers"
	"github.com/keeplit/keeplit/metering/replay"
)

// These tests replay recorded consumption through "agent run" as a process, with
// a real Mosquitto and a real influxd where there are any.  By default they
// replay a few days that they make themselves, with a plan every hour.  KEEPLIT_SERIES names recordings
// (CSV "time,kwh", several joined by the list separator of the system) to replay
// for KEEPLIT_DAYS days each from KEEPLIT_FROM, and KEEPLIT_KILLS is how often
// the agent is killed on the way.

// recording is one series to replay.
type recording struct {
	name, file, zone string
	from             time.Time
	days             int
	plans            string // when they are made
}

func recordings(t *testing.T) []recording {
	t.Helper()
	list := os.Getenv("KEEPLIT_SERIES")
	if list == "" {
		return []recording{made(t, 8)} // two days to judge loads by after those of scarce credit
	}
	days := envInt(t, "KEEPLIT_DAYS", 28)
	var out []recording
	for _, file := range filepath.SplitList(list) {
		abs, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(abs)
		if err != nil {
			t.Fatal(err)
		}
		series, err := replay.Parse(f)
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		from := series.Start()
		if text := os.Getenv("KEEPLIT_FROM"); text != "" {
			// The same day of the year, in the recording's first year.
			at, err := time.Parse("01-02", text)
			if err != nil {
				t.Fatal(err)
			}
			from = time.Date(from.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
			if from.Before(series.Start()) {
				from = from.AddDate(1, 0, 0)
			}
		}
		out = append(out, recording{strings.TrimSuffix(filepath.Base(abs), ".csv"), abs, "Europe/London", from, days, "*/30 * * * *"})
	}
	return out
}

// made is a small recording that the test makes itself: a seeded household of
// half hours with a gap of three hours.
func made(t *testing.T, days int) recording {
	t.Helper()
	from := time.Date(2026, 3, 26, 0, 0, 0, 0, time.UTC) // the clocks change on the 29th
	rng := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	b.WriteString("time,kwh\n")
	for i := range days * 48 {
		at := from.Add(time.Duration(i) * 30 * time.Minute)
		kwh := 0.08 + 0.25*rng.Float64()
		if h := at.Hour(); h >= 6 && h < 9 || h >= 17 && h < 22 {
			kwh += 0.6 * rng.Float64()
		}
		if i >= 100 && i < 106 {
			fmt.Fprintf(&b, "%s,\n", at.Format(time.RFC3339))
			continue
		}
		fmt.Fprintf(&b, "%s,%.3f\n", at.Format(time.RFC3339), kwh)
	}
	file := filepath.Join(t.TempDir(), "made.csv")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	// Nine tenths of a replay under the race detector are the search for plans.
	return recording{"made", file, "Europe/London", from, days, "0 * * * *"}
}

func envInt(t *testing.T, name string, or int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return or
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// trial is one agent in a folder of its own.
type trial struct {
	t      *testing.T
	folder string
	rec    recording
	opts   trialOptions
}

// timedToken is a token that is entered at a time of the recording.
type timedToken struct {
	at   time.Time
	text string
}

type trialOptions struct {
	shift     bool
	opening   float64
	speed     float64
	step      time.Duration
	points    time.Duration
	tokens    []timedToken
	mosquitto *testservers.Mosquitto
	influx    *testservers.Influx
	web       string // where the page listens; "": anywhere
}

const (
	trialKey   = "bc41ec9530f6dac86b1a29ab82edc5fb"
	trialStart = 516959010
)

func newTrial(t *testing.T, rec recording, opts trialOptions) *trial {
	t.Helper()
	tr := &trial{t: t, folder: t.TempDir(), rec: rec, opts: opts}
	var tokens bytes.Buffer
	w := csv.NewWriter(&tokens)
	rows := [][]string{{"time", "token"}}
	for _, k := range opts.tokens {
		rows = append(rows, []string{k.at.Format(time.RFC3339), k.text})
	}
	if err := w.WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	tr.write("tokens.csv", tokens.String())
	tr.write("token.key", trialKey)
	tr.write("keeplit.yaml", tr.config())
	return tr
}

func (tr *trial) write(name, text string) {
	tr.t.Helper()
	if err := os.WriteFile(filepath.Join(tr.folder, name), []byte(text), 0o600); err != nil {
		tr.t.Fatal(err)
	}
}

// config is the trial's configuration: a tariff by time of use and blocks with a
// standing charge and VAT, two deferrable loads, prepaid credit.  The search for
// plans takes most of a replay's time, and two loads are soon laid out.
func (tr *trial) config() string {
	o := tr.opts
	var b strings.Builder
	fmt.Fprintf(&b, `
site: {id: trial, meter: "04000000001", zone: %s}
data: data
meter:
  driver: replay
  max_power: 100 kW
  replay: {file: %q}
simulation: {start: %s, end: %s, step: %s, speed: %g, tokens: tokens.csv}
tariff:
  document:
    name: trial
    currency: GBP
    zone: %s
    calendar:
      day_types:
        - {name: weekday, days: [mon, tue, wed, thu, fri]}
        - {name: weekend, days: [sat, sun], holidays: true}
      holidays: [{name: a holiday, on: 2026-03-27}]
      periods:
        - {name: peak, times: [{days: [weekday], from: "16:00", to: "20:00"}]}
        - {name: night, times: [{from: "00:00", to: "06:00"}]}
        - {name: day}
    versions:
      - energy:
          - {name: peak energy, periods: [peak], price: 0.4123}
          - {name: day energy, periods: [day], price: 0.2417}
          - {name: night energy, periods: [night], price: 0.0951}
          - {name: block, steps: [{to: 60 kWh, price: 0}, {to: 300 kWh, price: 0.0333}, {price: 0.0777}]}
        charges: [{name: standing charge, amount: 0.4567, due: day}]
        taxes: [{name: VAT, rate: 5 %%}]
credit: {opening: %g, warn_at: [5]}
tokens:
  openpaygo: {key: {file: token.key}, starting_code: %d, unit: money}
supply: {switch: {driver: house}}
switching: {gap_min: 0s, gap_max: 0s, spread: 0s}
loads:
  - {id: geyser, name: Geyser, power: 3 kW, need: {for: 2h, between: ["16:00-14:00"]}, min_off: 0s, switch: {driver: house}}
  - {id: washer, name: Washing machine, kind: cycle, power: 1 kW, cycle: 2h, need: {runs: 1, between: ["06:00-23:00"]}, switch: {driver: house}}
plan: {slot: 30m, horizon: 24h, shift: %v, time: 50ms}
schedule: {persist: 30m, plan: %q}
telemetry: {every: %s}
web: {listen: %q}
log: {level: error}
`, tr.rec.zone, tr.rec.file, tr.rec.from.Format(time.RFC3339), tr.rec.from.AddDate(0, 0, tr.rec.days).Format(time.RFC3339),
		o.step, o.speed, tr.rec.zone, o.opening, trialStart, o.shift, tr.rec.plans, o.points, cmp.Or(o.web, "127.0.0.1:0"))
	if m := o.mosquitto; m != nil {
		tr.write("mqtt.password", m.Password)
		fmt.Fprintf(&b, "mqtt: {url: %q, username: %q, password: {file: mqtt.password}}\n", m.URL, m.User)
	}
	if i := o.influx; i != nil {
		tr.write("influx.token", i.User+":"+i.Password)
		fmt.Fprintf(&b, "influxdb: {url: %q, bucket: %q, token: {file: influx.token}}\n", i.URL, i.Bucket)
	}
	return b.String()
}

// token is the n-th token of the trial's vendor, worth value.
func token(t *testing.T, n, value int) string {
	t.Helper()
	text, err := openpaygo.Encode(openpaygo.Key(mustHex(t, trialKey)), trialStart, 2*n, value, openpaygo.Form{})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func mustHex(t *testing.T, s string) []byte {
	t.Helper()
	out := make([]byte, len(s)/2)
	if _, err := fmt.Sscanf(s, "%x", &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// start starts the agent as a process.
func (tr *trial) start() (*exec.Cmd, *bytes.Buffer) {
	tr.t.Helper()
	cmd := exec.Command(os.Args[0], "run", filepath.Join(tr.folder, "keeplit.yaml"))
	cmd.Env = append(os.Environ(), asAgent+"=1")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		tr.t.Fatal(err)
	}
	return cmd, &out
}

// run runs the agent to the end of the recording.
func (tr *trial) run() {
	tr.t.Helper()
	cmd, out := tr.start()
	if err := cmd.Wait(); err != nil {
		tr.t.Fatalf("agent run: %v\n%s", err, out)
	}
	if out.Len() > 0 {
		tr.t.Logf("the agent said:\n%.2000s", out)
	}
}

// records opens what the agent left.
func (tr *trial) records() *store.Store {
	tr.t.Helper()
	st, err := store.Open(tr.t.Context(), filepath.Join(tr.folder, "data"), store.Options{ReadOnly: true})
	if err != nil {
		tr.t.Fatal(err)
	}
	tr.t.Cleanup(func() {
		if err := st.Close(); err != nil {
			tr.t.Error(err)
		}
	})
	return st
}

func entriesOf(t *testing.T, st *store.Store) []credit.Entry {
	t.Helper()
	var out []credit.Entry
	for e, err := range st.Ledger(t.Context(), 1) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

func intervalsOf(t *testing.T, st *store.Store, series string) []store.Interval {
	t.Helper()
	var out []store.Interval
	for iv, err := range st.Intervals(t.Context(), series, time.Unix(0, 0), time.Unix(1<<33, 0)) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, iv)
	}
	return out
}
