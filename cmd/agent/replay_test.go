package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/openpaygo"
	"github.com/keeplit/keeplit/internal/store"
	"github.com/keeplit/keeplit/internal/testservers"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering/replay"
)

// These tests replay recorded consumption through "agent run" as a process, with
// a real Mosquitto and a real influxd where there are any.  By default they
// replay a few days that they make themselves.  KEEPLIT_SERIES names recordings
// (CSV "time,kwh", several joined by the list separator of the system) to replay
// for KEEPLIT_DAYS days each from KEEPLIT_FROM, and KEEPLIT_KILLS is how often
// the agent is killed on the way.

// recording is one series to replay.
type recording struct {
	name, file, zone string
	from             time.Time
	days             int
}

func recordings(t *testing.T) []recording {
	t.Helper()
	list := os.Getenv("KEEPLIT_SERIES")
	if list == "" {
		return []recording{made(t, 10)}
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
		out = append(out, recording{strings.TrimSuffix(filepath.Base(abs), ".csv"), abs, "Europe/London", from, days})
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
	return recording{"made", file, "Europe/London", from, days}
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

type trialOptions struct {
	shift     bool
	opening   float64
	speed     float64
	step      time.Duration
	points    time.Duration
	tokens    []timedToken
	mosquitto *testservers.Mosquitto
	influx    *testservers.Influx
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
// standing charge and VAT, two deferrable loads, prepaid credit.
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
plan: {slot: 30m, horizon: 24h, shift: %v}
schedule: {persist: 30m}
telemetry: {every: %s}
web: {listen: "127.0.0.1:0"}
log: {level: error}
`, tr.rec.zone, tr.rec.file, tr.rec.from.Format(time.RFC3339), tr.rec.from.AddDate(0, 0, tr.rec.days).Format(time.RFC3339),
		o.step, o.speed, tr.rec.zone, o.opening, trialStart, o.shift, o.points)
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

// TestReplayedRecording is the whole way once: recorded consumption in at the
// meter, and ledger, relay and InfluxDB at the other end.
func TestReplayedRecording(t *testing.T) {
	for _, rec := range recordings(t) {
		t.Run(rec.name, func(t *testing.T) {
			mosquitto, influx := testservers.StartMosquitto(t), testservers.StartInflux(t)
			opts := trialOptions{
				shift: true, step: time.Minute, points: time.Minute, opening: float64(perDay(t, rec)),
				mosquitto: mosquitto, influx: influx, tokens: topUps(t, rec),
			}
			shifted := newTrial(t, rec, opts)
			began := time.Now()
			shifted.run()
			took := time.Since(began)
			opts.shift, opts.mosquitto, opts.influx = false, nil, nil
			plain := newTrial(t, rec, opts)
			plain.run()

			st := shifted.records()
			ledger, site := entriesOf(t, st), intervalsOf(t, st, control.SiteSeries)
			if err := credit.Verify(ledger); err != nil {
				t.Errorf("the ledger's chain: %v", err)
			}
			checkAgainstIntervals(t, rec, ledger, site)
			cuts := checkCuts(t, ledger, influx)
			checkPoints(t, st, influx)
			geyser, washer := checkLoads(t, rec, st, ledger)
			a, b := costOfLoads(t, rec, st), costOfLoads(t, rec, plain.records())
			t.Logf("%s: %d days, %d entries, %d cuts, replayed in %s; geyser %.1f kWh, washer %.1f kWh;\n"+
				"bill %.2f %s for %.1f kWh with shifting, %.2f %s for %.1f kWh without",
				rec.name, rec.days, len(ledger), cuts, took.Round(time.Millisecond), geyser, washer,
				spent(ledger), "GBP", a, spent(entriesOf(t, plain.records())), "GBP", b)
		})
	}
}

// perDay is about what a day of the recording costs, loads included.
func perDay(t *testing.T, rec recording) int {
	t.Helper()
	f, err := os.Open(rec.file)
	if err != nil {
		t.Fatal(err)
	}
	series, err := replay.Parse(f)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	series.Slots(func(slot units.Slot, e units.Energy, ok bool) bool {
		if ok && !slot.Start.Before(rec.from) && slot.Start.Before(rec.from.AddDate(0, 0, rec.days)) {
			sum += e.KWh()
		}
		return true
	})
	return int(sum/float64(rec.days)*0.3) + 3
}

// plenty is when the credit stops being scarce: see topUps.
const plenty = 4

// topUps are tokens that keep the lights on most of the time: too little at
// first, so that the supply is cut, then, from the fourth day, enough.
func topUps(t *testing.T, rec recording) []timedToken {
	t.Helper()
	day := perDay(t, rec)
	out := []timedToken{}
	for n, at := 1, 2; at < rec.days; n, at = n+1, at+2 {
		value := 3 * day
		if n == 1 {
			value = day / 2
		}
		out = append(out, timedToken{rec.from.Add(time.Duration(at)*24*time.Hour + 7*time.Hour + 13*time.Minute), token(t, n, value)})
	}
	return out
}

func spent(ledger []credit.Entry) float64 {
	sum := units.Money(0)
	for _, e := range ledger {
		switch e.Kind {
		case credit.Consumption, credit.Standing, credit.Levy:
			sum -= e.Amount
		default:
		}
	}
	return sum.Float()
}

// checkAgainstIntervals works the bill out again from the stored intervals, by
// rational numbers and none of the agent's code, and compares every interval's
// charge to the millionth.
func checkAgainstIntervals(t *testing.T, rec recording, ledger []credit.Entry, site []store.Interval) {
	t.Helper()
	zone, err := time.LoadLocation(rec.zone)
	if err != nil {
		t.Fatal(err)
	}
	charged := map[string]units.Money{} // by interval start
	for _, e := range ledger {
		if e.Kind == credit.Consumption {
			charged[e.Ref] -= e.Amount
		}
	}
	month, total := monthBill{}, units.Money(0)
	for _, iv := range site {
		start := iv.Slot.Start.In(zone)
		if m := start.Format("2006-01"); m != month.name {
			month = monthBill{name: m, energy: map[string]*big.Int{}}
		}
		before := month.cost()
		month.add(period(start), int64(iv.Import))
		want := month.cost() - before
		total += want
		ref := iv.Slot.Start.UTC().Format(time.RFC3339)
		if charged[ref] != want {
			t.Fatalf("interval %s, %s: charged %s, worked out again %s", ref, iv.Import, charged[ref], want)
		}
		delete(charged, ref)
	}
	for ref, amount := range charged {
		if amount != 0 {
			t.Errorf("%s was charged for interval %s, which is not stored", amount, ref)
		}
	}
	// A standing charge for each local midnight within the recording.
	var standing units.Money
	for _, e := range ledger {
		if e.Kind == credit.Standing {
			standing -= e.Amount
		}
	}
	midnights := 0
	end := rec.from.AddDate(0, 0, rec.days)
	for at := units.NextLocalMidnight(rec.from, zone); !at.After(end); at = units.NextLocalMidnight(at, zone) {
		midnights++
	}
	perDay := units.Money(456700) + units.Money(22835)
	if standing != perDay*units.Money(midnights) {
		t.Errorf("standing charges come to %s, worked out again %d x %s", standing, midnights, perDay)
	}
	t.Logf("%d intervals agree to the millionth; energy %s GBP, standing %s GBP", len(site), total, standing)
}

// period is the trial's calendar, written again.
func period(local time.Time) string {
	weekend := local.Weekday() == time.Saturday || local.Weekday() == time.Sunday || local.Format(time.DateOnly) == "2026-03-27"
	switch h := local.Hour(); {
	case h < 6:
		return "night"
	case h >= 16 && h < 20 && !weekend:
		return "peak"
	}
	return "day"
}

// monthBill is one month's energy in microjoules by period.
type monthBill struct {
	name   string
	energy map[string]*big.Int
}

func (m *monthBill) add(period string, e int64) {
	if m.energy[period] == nil {
		m.energy[period] = new(big.Int)
	}
	m.energy[period].Add(m.energy[period], big.NewInt(e))
}

// cost is the month's energy charges with VAT in millionths, each component
// rounded once and its tax once.
func (m *monthBill) cost() units.Money {
	const kwh = 3_600_000_000_000
	sum := new(big.Int)
	gross := func(microPrice int64, e *big.Int) *big.Int {
		net := halfEven(new(big.Int).Mul(big.NewInt(microPrice), e), kwh)
		tax := halfEven(new(big.Int).Mul(net, big.NewInt(5)), 100)
		return net.Add(net, tax)
	}
	all := new(big.Int)
	for _, p := range []struct {
		name  string
		price int64
	}{{"peak", 412300}, {"day", 241700}, {"night", 95100}} {
		if e := m.energy[p.name]; e != nil {
			sum.Add(sum, gross(p.price, e))
			all.Add(all, e)
		}
	}
	// The block is one component: 60 kWh free, 240 kWh at the first adder, the
	// rest at the second; rounded as one sum of its steps.
	net := new(big.Int)
	for _, s := range []struct{ from, to, price int64 }{{60, 300, 33300}, {300, 1 << 40, 77700}} {
		part := new(big.Int).Sub(all, new(big.Int).Mul(big.NewInt(s.from), big.NewInt(kwh)))
		if top := new(big.Int).Mul(big.NewInt(s.to-s.from), big.NewInt(kwh)); part.Cmp(top) > 0 {
			part = top
		}
		if part.Sign() > 0 {
			net.Add(net, new(big.Int).Mul(part, big.NewInt(s.price)))
		}
	}
	net = halfEven(net, kwh)
	sum.Add(sum, net).Add(sum, halfEven(new(big.Int).Mul(net, big.NewInt(5)), 100))
	return units.Money(sum.Int64())
}

// halfEven is n/d rounded half to even; n >= 0.
func halfEven(n *big.Int, d int64) *big.Int {
	q, r := new(big.Int).QuoRem(n, big.NewInt(d), new(big.Int))
	switch twice := new(big.Int).Lsh(r, 1); twice.Cmp(big.NewInt(d)) {
	case 1:
		q.Add(q, big.NewInt(1))
	case 0:
		q.Add(q, big.NewInt(int64(q.Bit(0))))
	}
	return q
}

// checkCuts sees to it that the supply went off at the first sample that met no
// credit, and came back within a second of the token.
func checkCuts(t *testing.T, ledger []credit.Entry, influx *testservers.Influx) (cuts int) {
	t.Helper()
	balances := map[int64]float64{}
	var times []int64
	for _, s := range influx.Query(`SELECT balance FROM site`) {
		for _, v := range s.Values {
			at, balance := number(t, v[0]), number(t, v[1])
			balances[int64(at)] = balance
			times = append(times, int64(at))
		}
	}
	slices.Sort(times)
	var lastTopup time.Time
	off := false
	for _, e := range ledger {
		switch {
		case e.Kind == credit.Topup:
			lastTopup = e.At
		case e.Kind == credit.Supply && e.Name == string(credit.Disconnected):
			cuts++
			off = true
			i, found := slices.BinarySearch(times, e.At.UnixNano())
			if !found || i == 0 {
				t.Errorf("cut at %s, where there is no sample", e.At)
				continue
			}
			if now, before := balances[times[i]], balances[times[i-1]]; now > 0 || before <= 0 {
				t.Errorf("cut at %s with a balance of %f, %f the sample before", e.At, now, before)
			}
		case e.Kind == credit.Supply && e.Name == string(credit.Connected) && off:
			off = false
			if d := e.At.Sub(lastTopup); d > time.Second {
				t.Errorf("restored at %s, %s after the token", e.At, d)
			}
		}
	}
	if cuts == 0 {
		t.Error("the supply was never cut: the trial shows nothing")
	}
	return cuts
}

func number(t *testing.T, v any) float64 {
	t.Helper()
	f, err := strconv.ParseFloat(fmt.Sprint(v), 64)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// measurements are the telemetry's, each with a field that every point has.
func measurements() map[string]string {
	return map[string]string{
		control.SitePoint: "balance", control.LoadPoint: "on", control.IntervalPoint: "import_kwh",
		control.LedgerPoint: "amount", control.EventPoint: "count", control.QualityPoint: "duration_s",
	}
}

// checkPoints counts the points in InfluxDB against what the outbox sent.
func checkPoints(t *testing.T, st *store.Store, influx *testservers.Influx) {
	t.Helper()
	held := int64(0)
	for m, field := range measurements() {
		held += influx.Count(m, field)
	}
	counts, err := st.Outbox(store.Influx).Counts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if counts.Pending != 0 || counts.Dropped != 0 || counts.Quarantined != 0 || counts.Sent != held {
		t.Errorf("InfluxDB holds %d points, the outbox says %+v", held, counts)
	}
	t.Logf("InfluxDB holds %d points, the outbox sent %d", held, counts.Sent)
}

// checkLoads sees to it that each load got its day's need on every day on which
// the supply stayed on.
func checkLoads(t *testing.T, rec recording, st *store.Store, ledger []credit.Entry) (geyser, washer float64) {
	t.Helper()
	zone, err := time.LoadLocation(rec.zone)
	if err != nil {
		t.Fatal(err)
	}
	// The stretches without supply, and the day before each: then the credit is
	// kept for what cannot wait, and a load may go short.
	var dark [][2]time.Time
	var off time.Time
	end := rec.from.AddDate(0, 0, rec.days)
	for _, e := range ledger {
		switch {
		case e.Kind != credit.Supply:
		case e.Name == string(credit.Connected) && !off.IsZero():
			dark = append(dark, [2]time.Time{off, e.At})
			off = time.Time{}
		case e.Name == string(credit.Disconnected):
			off = e.At
		}
	}
	if !off.IsZero() {
		dark = append(dark, [2]time.Time{off, end})
	}
	for _, l := range []struct {
		id     string
		need   float64
		begins time.Duration // of its need-day, after midnight
		sum    *float64
	}{{"geyser", 6, 16 * time.Hour, &geyser}, {"washer", 2, 6 * time.Hour, &washer}} {
		day := func(at time.Time) string { return at.In(zone).Add(-l.begins).Format(time.DateOnly) }
		without := map[string]bool{day(end): true}
		for d := range plenty + 1 {
			without[day(rec.from.AddDate(0, 0, d))] = true
		}
		for _, d := range dark {
			for at := d[0].Add(-24 * time.Hour); !at.After(d[1].Add(30 * time.Minute)); at = at.Add(30 * time.Minute) {
				without[day(at)] = true
			}
		}
		days := map[string]float64{}
		for _, iv := range intervalsOf(t, st, l.id) {
			days[day(iv.Slot.Start)] += iv.Import.KWh()
			*l.sum += iv.Import.KWh()
		}
		full := 0
		for name, kwh := range days {
			if without[name] {
				continue
			}
			full++
			if kwh < l.need*0.99 || kwh > l.need*1.05 {
				t.Errorf("%s got %.2f kWh on the day from %s, it needs %.0f", l.id, kwh, name, l.need)
			}
		}
		if full == 0 {
			t.Errorf("%s: there is no day to judge by", l.id)
		}
	}
	return geyser, washer
}

// costOfLoads is the energy that the site used, in kWh.
func costOfLoads(t *testing.T, _ recording, st *store.Store) float64 {
	t.Helper()
	sum := 0.0
	for _, iv := range intervalsOf(t, st, control.SiteSeries) {
		sum += iv.Import.KWh()
	}
	return sum
}

// TestKilledOnTheWay kills the agent at random moments: what the ledger says in
// the end is what it says without.
func TestKilledOnTheWay(t *testing.T) {
	rec := recordings(t)[0]
	if os.Getenv("KEEPLIT_SERIES") == "" {
		rec = made(t, 6) // both runs take minutes under the race detector
	}
	kills := envInt(t, "KEEPLIT_KILLS", 8)
	opts := trialOptions{shift: true, step: time.Minute, points: 30 * time.Minute, opening: float64(perDay(t, rec)), tokens: topUps(t, rec)}
	whole := newTrial(t, rec, opts)
	whole.run()
	want := entriesOf(t, whole.records())

	broken := newTrial(t, rec, opts)
	rng := rand.New(rand.NewPCG(3, 4))
	killed := 0
	for {
		cmd, out := broken.start()
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		var wait <-chan time.Time
		if killed < kills {
			wait = time.After(time.Duration(50+rng.IntN(450)) * time.Millisecond)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatalf("agent run after %d kills: %v\n%s", killed, err, out)
			}
		case <-wait:
			if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
				t.Fatal(err)
			}
			<-done
			killed++
			continue
		}
		break
	}
	got := entriesOf(t, broken.records())
	for i := range min(len(got), len(want)) {
		if got[i].Hash != want[i].Hash {
			t.Fatalf("after %d kills entry %d is\n%+v\nwithout it is\n%+v", killed, i+1, got[i], want[i])
		}
	}
	if len(got) != len(want) {
		t.Fatalf("after %d kills the ledger has %d entries, %d without", killed, len(got), len(want))
	}
	t.Logf("killed %d times: %d entries, the same head %.12s", killed, len(got), got[len(got)-1].Hash)
	if killed == 0 {
		t.Error("the run was over before it could be killed: the trial shows nothing")
	}
}
