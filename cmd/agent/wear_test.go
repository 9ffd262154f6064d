package main

import (
	"database/sql"
	"errors"
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
	pid := cmd.Process.Pid
	tracer := exec.Command("strace", "-f", "-qq", "-p", strconv.Itoa(pid), "-e", "trace=fsync,fdatasync", "-e", "signal=none", "-o", trace)
	if err := tracer.Start(); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(folder, "data")
	before, cpu, size, begin, most := blockBytes(t, pid), processor(t, pid), recordBytes(t, data), time.Now(), int64(0)
	for time.Since(begin) < long {
		time.Sleep(min(10*time.Second, long-time.Since(begin)))
		most = max(most, figure(t, pid, "status", `\nVmRSS:\s*(\d+) kB`))
	}
	bytes, took := blockBytes(t, pid)-before, time.Since(begin)
	cpu, size = processor(t, pid)-cpu, recordBytes(t, data)-size
	_ = tracer.Process.Signal(os.Interrupt)
	_ = tracer.Wait()
	calls, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	days := float64(took) / float64(24*time.Hour)
	megabytes, syncs := float64(bytes)/1e6/days, float64(strings.Count(string(calls), "sync("))/days
	t.Logf("in %s %d bytes: %.1f MB and %.0f syncs a day; at most %d MiB resident, %.1f %% of a processor with the tracer that counts; the records grow by %.1f MB a year, where that was long enough to tell", took.Round(time.Second), bytes, megabytes, syncs,
		most>>10, 100*cpu.Seconds()/took.Seconds(), float64(size)/1e6/days*365)
	if megabytes > 40 || syncs > 1600 {
		t.Errorf("that is more than 40 MB or 1600 syncs\n%s", out)
	}
}

// figure is what a file of /proc says of a process.
func figure(t *testing.T, pid int, file, pattern string) int64 {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(pattern).FindStringSubmatch(string(data))
	if m == nil {
		t.Fatalf("%s", data)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// blockBytes is what a process has had written to the disk.
func blockBytes(t *testing.T, pid int) int64 {
	t.Helper()
	return figure(t, pid, "io", `\nwrite_bytes: (\d+)`)
}

// processor is the time that a process has had a processor.
func processor(t *testing.T, pid int) time.Duration {
	t.Helper()
	const ticks = `^\d+ \(.*\) \S+(?: \S+){10} ` // of 10 ms each: user's, then the system's
	return time.Duration(figure(t, pid, "stat", ticks+`(\d+)`)+figure(t, pid, "stat", ticks+`\d+ (\d+)`)) * 10 * time.Millisecond
}

// recordBytes is how large the records are, without what is only on its way.
func recordBytes(t *testing.T, dir string) (bytes int64) {
	t.Helper()
	for _, name := range []string{"keeplit.db", "intervals.db"} {
		db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, name)+"?mode=ro")
		if err != nil {
			t.Fatal(err)
		}
		var n int64
		err = db.QueryRow("SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size").Scan(&n)
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		bytes += n
	}
	return bytes
}
