package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// settling is what is left out of a footprint: what is made at a start is not made each day.
const settling = 2 * time.Minute

// footprint runs an agent at default settings, with a load, a broker and InfluxDB in order,
// and answers what it takes, in words.
func footprint(ctx context.Context, agent string, lasts time.Duration) (string, error) {
	dir, err := os.MkdirTemp("", "torture-footprint-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	influx, err := newInflux(filepath.Join(dir, "influx"))
	if err != nil {
		return "", err
	}
	if influx == nil {
		return "", fmt.Errorf("there is no influxd: say where by KEEPLIT_INFLUXD")
	}
	defer influx.end(os.Kill)
	base := fmt.Sprintf("http://127.0.0.1:%d", influx.port)
	if _, err := query(base, "CREATE DATABASE torture"); err != nil {
		return "", err
	}
	h, err := newSite(ctx, agent, dir, settings{
		every: "2s", level: "info", more: fmt.Sprintf("influxdb: {url: %q, bucket: torture/autogen, token: {file: token.key}}", base),
	})
	defer h.close()
	if err != nil {
		return "", err
	}
	syncsOf := filepath.Join(dir, "syncs")
	h.before = []string{"strace", "-f", "-qq", "--seccomp-bpf", "-e", "signal=none", "-e", "trace=fsync,fdatasync", "-o", syncsOf}
	if err := h.start(); err != nil {
		return "", err
	}
	h.house.use(500)
	sleep := func(d time.Duration) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-h.done:
			h.done <- err
			return fmt.Errorf("the agent ended by itself: %w", err)
		case <-time.After(d):
			return nil
		}
	}
	if err := sleep(settling); err != nil {
		return "", err
	}
	before, began, most := usageOf(h, syncsOf), time.Now(), 0
	for time.Since(began) < lasts {
		if err := sleep(10 * time.Second); err != nil {
			return "", err
		}
		most = max(most, resident(h.pid()))
		h.house.use(int64(300 + 400*(time.Now().Unix()/60%3)))
	}
	after, took := usageOf(h, syncsOf), time.Since(began)
	days := took.Hours() / 24
	return fmt.Sprintf("In %s after the first %s (%s): at most %d MiB resident, %.1f %% of one processor with the tracer that counts, %.0f MB and %.0f syncs a day written to the disk; the ledger grows by %.0f kB a day.\n", took.Round(time.Minute), settling, time.Now().UTC().Format("2 January 2006"),
		most/1024, 100*(after.cpu-before.cpu)/took.Seconds(), float64(after.written-before.written)/1e6/days, float64(after.syncs-before.syncs)/days,
		float64(after.ledger-before.ledger)/1e3/days), nil
}

// usage is what a process has taken so far.
type usage struct {
	cpu             float64 // s
	written, ledger int64   // bytes
	syncs           int
}

func usageOf(h *site, syncsOf string) usage {
	var u usage
	if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", h.pid())); err == nil {
		_, after, _ := strings.Cut(string(text), ") ")
		if f := strings.Fields(after); len(f) > 12 {
			user, _ := strconv.ParseFloat(f[11], 64)
			system, _ := strconv.ParseFloat(f[12], 64)
			u.cpu = (user + system) / 100
		}
	}
	if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", h.pid())); err == nil {
		_, after, _ := strings.Cut(string(text), "\nwrite_bytes: ")
		u.written, _ = strconv.ParseInt(strings.Fields(after + " 0")[0], 10, 64)
	}
	if text, err := os.ReadFile(syncsOf); err == nil {
		u.syncs = strings.Count(string(text), "sync(")
	}
	if rec, err := read(filepath.Join(h.dir, "data")); err == nil {
		for _, e := range rec.entries {
			u.ledger += int64(120 + len(e.kind) + len(e.name) + len(e.cause) + len(e.ref) + len(e.prev) + len(e.hash))
		}
	}
	return u
}
