package watchdog

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Minutes after the start; what has moved by then; whether it is fed.
func TestFedOnlyWhileMeteringAndPersistenceMove(t *testing.T) {
	type beat struct {
		minute          int
		metered, stored uint64
		fed             bool
	}
	for _, c := range []struct {
		name  string
		beats []beat
	}{
		{"all is well", []beat{{0, 1, 1, true}, {1, 30, 2, true}, {2, 60, 3, true}, {60, 90, 4, true}}},
		{"the loop hangs", []beat{{0, 1, 1, true}, {4, 1, 1, true}, {5, 1, 1, false}, {9, 1, 1, false}}},
		{"the store hangs, metering goes on", []beat{{0, 1, 1, true}, {4, 120, 1, true}, {5, 150, 1, false}}},
		{"the driver hangs, commits go on", []beat{{0, 1, 1, true}, {4, 1, 5, true}, {5, 1, 6, false}}},
		{"it comes back in time", []beat{{0, 1, 1, true}, {4, 1, 1, true}, {6, 2, 2, true}, {10, 2, 2, true}, {11, 2, 2, false}, {12, 3, 3, true}}},
		// What a restart does not mend leads to one restart, not to a loop.
		{"nothing ever moves", []beat{{0, 0, 0, true}, {60, 0, 0, true}, {600, 0, 0, true}}},
		{"the store never answers", []beat{{0, 1, 0, true}, {60, 99, 0, true}, {600, 999, 0, true}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
			j := judge{patience: 5 * time.Minute}
			for _, b := range c.beats {
				if fed := j.lives(start.Add(time.Duration(b.minute)*time.Minute), Progress{b.metered, b.stored}); fed != b.fed {
					t.Fatalf("minute %d: fed %v, want %v", b.minute, fed, b.fed)
				}
			}
		})
	}
}

// rig runs a watchdog on a file for a device and a socket for a service manager.
type rig struct {
	device          string
	heard           chan string
	metered, stored atomic.Uint64
	stop            context.CancelFunc
	done            chan error
}

func newRig(t *testing.T) *rig {
	t.Helper()
	dir := t.TempDir()
	r := &rig{device: filepath.Join(dir, "watchdog"), heard: make(chan string, 1000), done: make(chan error, 1)}
	if err := os.WriteFile(r.device, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// A socket's name is short; the folder of a test may not be.
	socket := "@keeplit-test-" + strings.ReplaceAll(t.Name(), "/", "-")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: "\x00" + socket[1:], Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(r.heard)
		b := make([]byte, 100)
		for {
			n, err := conn.Read(b)
			if err != nil {
				return
			}
			r.heard <- string(b[:n])
		}
	}()
	t.Cleanup(func() { conn.Close() })
	var ctx context.Context
	ctx, r.stop = context.WithCancel(t.Context())
	c := Config{
		Device: r.device, Timeout: 15 * time.Second, Patience: 200 * time.Millisecond,
		Progress: func() Progress { return Progress{r.metered.Load(), r.stored.Load()} }, Log: slog.New(slog.DiscardHandler),
	}
	env := map[string]string{"NOTIFY_SOCKET": socket, "WATCHDOG_USEC": "60000"}
	c = c.FromSystemd(func(k string) string { return env[k] }, os.Getpid())
	go func() { r.done <- Run(ctx, c) }()
	return r
}

// next waits for what the service manager hears.
func (r *rig) next(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-r.heard:
		if got != want {
			t.Fatalf("heard %q, want %q", got, want)
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("%s was not said", want)
	}
}

func (r *rig) fed(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(r.device)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestADeviceAndAServiceManagerAreFed(t *testing.T) {
	r := newRig(t)
	r.next(t, "READY=1")
	r.next(t, "WATCHDOG=1") // nothing has moved yet: it is still starting
	r.metered.Add(1)
	r.stored.Add(1)
	for range 3 {
		r.next(t, "WATCHDOG=1")
		r.metered.Add(1)
		r.stored.Add(1)
	}
	// The store hangs: the last words are those of the patience.
	silent := time.NewTimer(time.Second)
	for hears := true; hears; {
		r.metered.Add(1)
		select {
		case <-r.heard:
		case <-silent.C:
			hears = false
		}
	}
	before := len(r.fed(t))
	for range 100 {
		r.metered.Add(1)
		time.Sleep(time.Millisecond)
	}
	if after := len(r.fed(t)); after != before || before < 4 {
		t.Errorf("the device was fed %d times before and %d after the store hung", before, after)
	}
	if len(r.heard) > 0 {
		t.Errorf("%q was said of an agent that hangs", <-r.heard)
	}
	// It goes on, and is fed again.
	r.stored.Add(1)
	r.next(t, "WATCHDOG=1")
	r.stop()
	if err := <-r.done; err != nil {
		t.Fatal(err)
	}
	var last string
	for len(r.heard) > 0 || last != "STOPPING=1" {
		last = <-r.heard
	}
	// The letter that tells the kernel of an orderly end.
	if fed := r.fed(t); !strings.HasSuffix(fed, "V") || strings.Trim(fed, "\x00") != "V" {
		t.Errorf("the device got %q", fed)
	}
}

func TestWhatTheServiceManagerAsks(t *testing.T) {
	for _, c := range []struct {
		name   string
		env    map[string]string
		notify string
		within time.Duration
	}{
		{"not a service", nil, "", 0},
		{"no watch", map[string]string{"NOTIFY_SOCKET": "/run/notify"}, "/run/notify", 0},
		{"a watch", map[string]string{"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, "/run/notify", 30 * time.Second},
		{"of another process", map[string]string{"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, "/run/notify", 0},
		{"nonsense", map[string]string{"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "soon"}, "/run/notify", 0},
	} {
		got := Config{}.FromSystemd(func(k string) string { return c.env[k] }, 7)
		if got.Notify != c.notify || got.Within != c.within || got.Watched() != (c.notify != "") {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	// A device that is not there is a fault of the configuration.
	err := Run(t.Context(), Config{Device: filepath.Join(t.TempDir(), "none"), Timeout: time.Second, Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "watchdog.device") {
		t.Errorf("%v", err)
	}
}
