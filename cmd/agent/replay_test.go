package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/unraced"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/store"
	"github.com/keeplit/keeplit/internal/testservers"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering/replay"
)

// TestReplayedRecording is the whole way once: recorded consumption in at the
// meter, and ledger, relay and InfluxDB at the other end.
func TestReplayedRecording(t *testing.T) {
	unraced.Only(t)
	t.Parallel()
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
			ledger, site := entriesOf(t, st), intervalsOf(t, st, planning.SiteSeries)
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
	checkPointsBut(t, st, influx, "")
}

// checkPointsBut does so where InfluxDB refuses those of one measurement: all of them, and
// nothing else, are set aside.
func checkPointsBut(t *testing.T, st *store.Store, influx *testservers.Influx, refused string) {
	t.Helper()
	held, aside := int64(0), int64(0)
	for m, field := range measurements() {
		if m != refused {
			held += influx.Count(m, field)
		}
	}
	box := st.Outbox(store.Influx)
	counts, err := box.Counts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	set, err := box.Quarantined(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range set {
		if aside++; refused == "" || !strings.HasPrefix(string(m.Payload), refused+",") {
			t.Errorf("set aside: %s: %s", m.Payload, m.Reason)
		}
	}
	if counts.Pending != 0 || counts.Dropped != 0 || counts.Quarantined != aside || counts.Sent != held || counts.Added != held+aside || refused != "" && aside == 0 {
		t.Errorf("InfluxDB holds %d points and %d are set aside, the outbox says %+v", held, aside, counts)
	}
	t.Logf("InfluxDB holds %d points, the outbox sent %d and set %d aside", held, counts.Sent, aside)
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
	for _, iv := range intervalsOf(t, st, planning.SiteSeries) {
		sum += iv.Import.KWh()
	}
	return sum
}
