package watchdog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// Progress counts what has been done since the start.  Either count only grows.
type Progress struct {
	Metered uint64 // attempts to read the meter that the loop has taken in
	Stored  uint64 // commits that the store has answered
}

// Config is what is fed and when.
type Config struct {
	Device   string        // the kernel's device, "" none
	Timeout  time.Duration // asked of the device; it may have its own
	Patience time.Duration // how long either count may stand still
	// Notify is the service manager's socket, "" none, and Within how soon it
	// wants to hear, 0: it does not watch.
	Notify string
	Within time.Duration

	Progress func() Progress
	Log      *slog.Logger
}

// FromSystemd fills in what the service manager asks for.
func (c Config) FromSystemd(getenv func(string) string, pid int) Config {
	c.Notify = getenv("NOTIFY_SOCKET")
	usec, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64)
	meant := getenv("WATCHDOG_PID")
	if err == nil && usec > 0 && (meant == "" || meant == strconv.Itoa(pid)) {
		c.Within = time.Duration(usec) * time.Microsecond
	}
	return c
}

// Watched tells whether there is anything to feed or to tell.
func (c Config) Watched() bool { return c.Device != "" || c.Notify != "" }

// every is how often it is fed: thrice within the shorter of the two times.
func (c Config) every() time.Duration {
	least := time.Minute
	if c.Device != "" {
		least = min(least, c.Timeout)
	}
	if c.Within > 0 {
		least = min(least, c.Within)
	}
	return max(least/3, 10*time.Millisecond)
}

// judge says whether the agent does its work.
type judge struct {
	patience        time.Duration
	last            Progress
	metered, stored time.Time // when each count moved last
	moved           [2]bool   // since the start
}

// lives takes in the counts at an instant.
func (j *judge) lives(now time.Time, p Progress) bool {
	if p.Metered != j.last.Metered {
		j.metered, j.moved[0] = now, true
	}
	if p.Stored != j.last.Stored {
		j.stored, j.moved[1] = now, true
	}
	j.last = p
	if !j.moved[0] || !j.moved[1] {
		return true
	}
	return now.Sub(j.metered) < j.patience && now.Sub(j.stored) < j.patience
}

// Run feeds until ctx ends, and then tells the device that this is an orderly
// end.  It returns an error only where the device cannot be opened.
func Run(ctx context.Context, c Config) (err error) {
	var dog *device
	if c.Device != "" {
		if dog, err = open(c.Device, c.Timeout, c.Log); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, dog.disarm()) }()
	}
	c.tell("READY=1")
	defer c.tell("STOPPING=1")
	t := time.NewTicker(c.every())
	defer t.Stop()
	j := judge{patience: c.Patience}
	starved := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		p := c.Progress()
		if !j.lives(time.Now(), p) {
			if !starved {
				c.Log.Error("watchdog: no progress, so it is fed no more", "readings", p.Metered, "commits", p.Stored, "patience", c.Patience)
			}
			starved = true
			continue
		}
		starved = false
		if c.Within > 0 {
			c.tell("WATCHDOG=1")
		}
		if dog != nil {
			if err := dog.feed(); err != nil {
				c.Log.Error("watchdog: cannot be fed", "device", c.Device, "error", err)
			}
		}
	}
}

// Tell sends a state to the service manager, for who runs before there is anything to watch:
// READY=1, STATUS=TEXT, WATCHDOG=1 as often as Every says.
func (c Config) Tell(state string) { c.tell(state) }

// Every is how often a service manager that watches is to be told that all is well.
func (c Config) Every() time.Duration { return c.every() }

// tell sends one state to the service manager.
func (c Config) tell(state string) {
	if c.Notify == "" {
		return
	}
	name := c.Notify
	if strings.HasPrefix(name, "@") {
		name = "\x00" + name[1:] // the abstract namespace
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err == nil {
		_, err = conn.Write([]byte(state))
		err = errors.Join(err, conn.Close())
	}
	if err != nil {
		c.Log.Warn("watchdog: the service manager does not hear", "socket", c.Notify, "error", err)
	}
}

// device is the kernel's watchdog.  It runs from the moment it is opened.
type device struct{ f *os.File }

func open(name string, timeout time.Duration, log *slog.Logger) (*device, error) {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("watchdog.device: %w; load the driver of your board's watchdog, let the agent's user write to it, or leave it out", err)
	}
	set, err := setTimeout(f, timeout)
	switch {
	case err != nil:
		log.Warn("watchdog: keeps its own timeout", "device", name, "error", err)
	case set != timeout:
		log.Info("watchdog: has another timeout", "device", name, "asked", timeout, "set", set)
	}
	return &device{f}, nil
}

// feed keeps the machine from being started again.
func (d *device) feed() error {
	_, err := d.f.Write([]byte{0})
	return err
}

// disarm ends the watch in good order: the letter V before the close, without
// which the kernel starts the machine again.
func (d *device) disarm() error {
	_, err := d.f.WriteString("V")
	return errors.Join(err, d.f.Close())
}
