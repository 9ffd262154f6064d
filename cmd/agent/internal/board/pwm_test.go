package board

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/loadstest"
	"github.com/keeplit/keeplit/loads/pwm"
)

// chip emulates a chip with two channels in a folder, as Linux has it: what is written is checked as the
// kernel checks it.  A dimmer of 300 to 3000 W, at levels of 20 to 95 percent, hangs on the first.
type chip struct {
	t    *testing.T
	root string

	mu     sync.Mutex
	fault  loadstest.Fault
	errno  syscall.Errno // of Refuses
	writes []string
	bad    []string
}

func newChip(t *testing.T) *chip {
	c := &chip{t: t, root: t.TempDir(), errno: syscall.EBUSY}
	c.mount("pwmchip0", "fe20c000.pwm")
	return c
}

func (c *chip) mount(name, device string) {
	at := filepath.Join(c.root, name)
	if err := os.MkdirAll(at, 0o700); err != nil {
		c.t.Fatal(err)
	}
	if err := os.Symlink("../../../"+device, filepath.Join(at, "device")); err != nil {
		c.t.Fatal(err)
	}
	for file, text := range map[string]string{"export": "", "npwm": "2\n"} {
		c.put(filepath.Join(at, file), text)
	}
}

func (c *chip) put(path, text string) {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		c.t.Error(err)
	}
}

func (c *chip) get(file string) int {
	data, _ := os.ReadFile(filepath.Join(c.root, "pwmchip0", "pwm0", file))
	n, _ := strconv.Atoi(strings.TrimSpace(string(data)))
	return n
}

// write is what the kernel makes of a write.
func (c *chip) write(path, text string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := os.Stat(path); err != nil {
		return err
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return syscall.EINVAL
	}
	folder, file := filepath.Split(path)
	c.writes = append(c.writes, file+" "+text)
	if c.fault == loadstest.Refuses {
		return c.errno
	}
	if file == "export" {
		if n > 1 {
			return syscall.ENODEV
		}
		at := filepath.Join(folder, "pwm"+text)
		if os.Mkdir(at, 0o700) != nil {
			return syscall.EBUSY
		}
		for _, f := range []string{"period", "duty_cycle", "enable"} {
			c.put(filepath.Join(at, f), "0\n")
		}
		return nil
	}
	switch {
	case file == "duty_cycle" && n > c.get("period"), file == "period" && (n <= 0 || n < c.get("duty_cycle")), file == "enable" && c.get("period") == 0:
		c.bad = append(c.bad, file+" "+text)
		return syscall.EINVAL
	case file == "duty_cycle" && c.fault == loadstest.Stuck:
		return nil
	}
	c.put(path, text+"\n")
	return nil
}

func (c *chip) channel(name string) *PWM {
	p := NewPWM(c.root, name, 0)
	p.write = c.write
	return p
}

// Closed implements loadstest.Device.
func (c *chip) Closed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.get("enable") == 1 && c.get("duty_cycle") > 0
}

// Follows implements loadstest.Follower: what the dimmer makes of the level.
func (c *chip) Follows() loads.Setpoint {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.get("enable") != 1 || c.get("duty_cycle") == 0 {
		return loads.Setpoint{}
	}
	level := 100 * float64(c.get("duty_cycle")) / float64(c.get("period"))
	return loads.Setpoint{On: true, Power: units.FromW(math.Round(300 + 2700*(level-20)/75))}
}

// Press implements loadstest.Device: another program writes.
func (c *chip) Press(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	duty := "0\n"
	if on {
		duty = "950000\n"
	}
	at := filepath.Join(c.root, "pwmchip0", "pwm0")
	if err := os.MkdirAll(at, 0o700); err != nil {
		c.t.Error(err)
	}
	c.put(filepath.Join(at, "period"), "1000000\n")
	c.put(filepath.Join(at, "duty_cycle"), duty)
	c.put(filepath.Join(at, "enable"), "1\n")
}

// Fail implements loadstest.Device.
func (c *chip) Fail(f loadstest.Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.fault
	c.fault = f
	at, away := filepath.Join(c.root, "pwmchip0"), c.root+".away"
	switch { // a chip is pulled out, and comes back as it was
	case f == loadstest.DropsOut:
		if err := os.Rename(at, away); err != nil {
			c.t.Error(err)
		}
	case was == loadstest.DropsOut:
		if err := os.Rename(away, at); err != nil {
			c.t.Error(err)
		}
	}
}

// machineOf is a machine that has but the chip.
type machineOf struct {
	loads.Machine
	c *chip
}

func (m machineOf) PWM(name string, _ int) loads.PWM { return m.c.channel(name) }

func dimmer(t *testing.T, c *chip, d pwm.Document) loads.Switch {
	t.Helper()
	if l := d.Check(); len(l) > 0 {
		t.Fatal(l)
	}
	s, err := d.Open(loads.Env{Machine: machineOf{c: c}, Now: time.Now, Powers: []loads.PowerRange{{From: 300 * units.Watt, To: 3000 * units.Watt, Step: 50 * units.Watt}}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func number(v float64) *float64 { return &v }

func curve() pwm.Document { return pwm.Document{Least: number(20), Most: number(95)} }

func TestPWMConforms(t *testing.T) {
	loadstest.Run(t, func(t *testing.T) loadstest.Target {
		c := newChip(t)
		t.Cleanup(func() {
			if len(c.bad) > 0 {
				t.Errorf("the kernel refused %v", c.bad)
			}
		})
		return loadstest.Target{
			Switch: dimmer(t, c, curve()), Device: c,
			Faults: []loadstest.Fault{loadstest.Stuck, loadstest.Refuses, loadstest.DropsOut},
		}
	})
}

// A start goes on with what is there, and moves nothing; a period of before is changed without one that
// is shorter than its level.
func TestPWMGoesOnAsItIs(t *testing.T) {
	c := newChip(t)
	told := loads.Setpoint{On: true, Power: 1200 * units.Watt}
	if err := dimmer(t, c, curve()).Set(t.Context(), told); err != nil {
		t.Fatal(err)
	}
	n := len(c.writes)
	again := dimmer(t, c, curve())
	if o, err := again.Observed(t.Context()); err != nil || !o.On || o.Set != told || len(c.writes) != n {
		t.Errorf("after a start: %+v, %v, written %v", o, err, c.writes[n:])
	}
	for _, period := range []time.Duration{200 * time.Microsecond, 20 * time.Millisecond} {
		d := curve()
		d.Period = period
		other := dimmer(t, c, d)
		if err := other.Set(t.Context(), told); err != nil {
			t.Fatal(err)
		}
		if o, err := other.Observed(t.Context()); err != nil || o.Set != told || c.Follows() != told || c.get("period") != int(period) {
			t.Errorf("of a period of %v: %+v, %v, follows %v", period, o, err, c.Follows())
		}
	}
	if len(c.bad) > 0 {
		t.Errorf("the kernel refused %v", c.bad)
	}
}

// A converter that turns the level over is full on where the channel stands still.
func TestPWMTurnedOver(t *testing.T) {
	c := newChip(t)
	s := dimmer(t, c, pwm.Document{Least: number(80), Most: number(5), Off: number(100)})
	full := loads.Setpoint{On: true, Power: 3000 * units.Watt}
	if o, err := s.Observed(t.Context()); err != nil || !o.On || o.Set != full {
		t.Errorf("it stands still: %+v, %v", o, err)
	}
	for _, row := range []struct {
		set  loads.Setpoint
		duty int
	}{{loads.Setpoint{}, 1_000_000}, {loads.Setpoint{On: true, Power: 300 * units.Watt}, 800_000}, {loads.Setpoint{On: true}, 50_000}} {
		if err := s.Set(t.Context(), row.set); err != nil || c.get("duty_cycle") != row.duty {
			t.Errorf("%v: %d, %v", row.set, c.get("duty_cycle"), err)
		}
		if o, err := s.Observed(t.Context()); err != nil || o.On != row.set.On {
			t.Errorf("%v: %+v, %v", row.set, o, err)
		}
	}
}

// What is wrong with the chip is said with what to do.
func TestWhatKeepsAPWMFromWorkingIsSaid(t *testing.T) {
	c := newChip(t)
	for what, row := range map[string]struct {
		chip    string
		channel int
		errno   syscall.Errno
		want    string
	}{
		"another name": {"pwmchip7", 0, 0, "there are pwmchip0 fe20c000.pwm"},
		"no channel":   {"", 5, 0, "no PWM channel 5"},
		"busy":         {"fe20c000.pwm", 1, syscall.EBUSY, "held by another part"},
		"forbidden":    {"pwmchip0", 1, syscall.EACCES, "permission denied"},
	} {
		p := NewPWM(c.root, row.chip, row.channel)
		p.write = c.write
		if row.errno != 0 {
			p.write = func(string, string) error { return row.errno }
		}
		if err := p.Write(time.Millisecond, 0); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", what, err, row.want)
		}
	}
	c.mount("pwmchip2", "1f00098000.pwm")
	if err := c.channel("").Write(time.Millisecond, 0); err == nil || !strings.Contains(err.Error(), "several") {
		t.Errorf("two chips: %v", err)
	}
	if err := c.channel("fe20c000.pwm").Write(time.Millisecond, 0); err != nil {
		t.Errorf("by its device: %v", err)
	}
	if _, _, _, err := NewPWM(filepath.Join(c.root, "none"), "", 0).Read(); err == nil || !strings.Contains(err.Error(), "dtoverlay") {
		t.Errorf("none: %v", err)
	}
	p := NewPWM(c.root, "pwmchip0", 0) // on files as they are
	if err := p.Write(time.Millisecond, 500*time.Microsecond); err != nil {
		t.Error(err)
	}
	if period, high, _, err := p.Read(); err != nil || fmt.Sprint(period, high) != "1ms 500µs" {
		t.Errorf("%v of %v, %v", high, period, err)
	}
}
