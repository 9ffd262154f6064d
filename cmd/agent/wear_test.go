package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/testservers"
)

// TestWear counts what an agent at default settings writes to the disk, with a load,
// a broker and InfluxDB: KEEPLIT_WEAR=30m counts for so long.  A memory card lives
// by it.
func TestWear(t *testing.T) {
	long, err := time.ParseDuration(os.Getenv("KEEPLIT_WEAR"))
	if err != nil {
		t.Skip("it counts for as long as KEEPLIT_WEAR says: 30m")
	}
	mosquitto, influx := testservers.StartMosquitto(t), testservers.StartInflux(t)
	folder := t.TempDir()
	file := filepath.Join(folder, "keeplit.yaml")
	text := fmt.Sprintf(`site: {id: home, name: Home, meter: "1", zone: UTC}
meter: {driver: house}
simulation: {speed: 1, step: 1s, per_day: 12 kWh}
tariff: {catalogue: za-eskom-homelight-20a}
credit: {opening: 1000}
tokens: {openpaygo: {key: {file: k}, starting_code: 516959010}}
supply: {switch: {driver: house}}
loads:
  - {id: geyser, name: Geyser, power: 3 kW, need: {for: 2h}, switch: {driver: house}}
web: {listen: "127.0.0.1:0"}
mqtt: {url: %q, username: %s, password: {file: p}}
influxdb: {url: %q, bucket: %q, token: {file: t}}
`, mosquitto.URL, mosquitto.User, influx.URL, influx.Bucket)
	for name, content := range map[string]string{"keeplit.yaml": text, "k": "bc41ec9530f6dac86b1a29ab82edc5fb", "p": mosquitto.Password, "t": influx.Token} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(os.Args[0], "run", file)
	cmd.Env = append(os.Environ(), asAgent+"=1")
	out := &output{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}()
	time.Sleep(time.Minute) // what is made at a start is not made each day
	trace := filepath.Join(t.TempDir(), "trace")
	tracer := exec.Command("strace", "-f", "-qq", "-p", strconv.Itoa(cmd.Process.Pid), "-e", "trace=fsync,fdatasync", "-o", trace)
	if err := tracer.Start(); err != nil {
		t.Fatal(err)
	}
	before, begin := blockBytes(t, cmd.Process.Pid), time.Now()
	time.Sleep(long)
	bytes, took := blockBytes(t, cmd.Process.Pid)-before, time.Since(begin)
	_ = tracer.Process.Signal(os.Interrupt)
	_ = tracer.Wait()
	calls, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	days := float64(took) / float64(24*time.Hour)
	megabytes, syncs := float64(bytes)/1e6/days, float64(strings.Count(string(calls), "sync("))/days
	t.Logf("in %s %d bytes: %.1f MB and %.0f syncs a day", took.Round(time.Second), bytes, megabytes, syncs)
	if megabytes > 50 || syncs > 1800 {
		t.Errorf("that is more than 50 MB or 1800 syncs\n%s", out)
	}
}

// blockBytes is what a process has had written to the disk.
func blockBytes(t *testing.T, pid int) int64 {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`\nwrite_bytes: (\d+)`).FindStringSubmatch(string(data))
	if m == nil {
		t.Fatalf("%s", data)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
