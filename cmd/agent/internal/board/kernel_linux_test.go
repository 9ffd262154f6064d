package board

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/relay"
	"github.com/keeplit/keeplit/metering"
)

// simulated is a GPIO chip of a real kernel whose lines are pulled and looked at
// through files (gpio-sim).  metering/pulse/uml.sh boots a kernel that has one.
type simulated struct {
	t     *testing.T
	chip  string // gpiochip0
	lines string // the folder of its lines
}

func newSimulated(t *testing.T) simulated {
	t.Helper()
	chip, pull := os.Getenv("KEEPLIT_GPIO_CHIP"), os.Getenv("KEEPLIT_GPIO_PULL")
	if chip == "" || pull == "" {
		t.Skip("KEEPLIT_GPIO_CHIP and KEEPLIT_GPIO_PULL are not set")
	}
	return simulated{t, filepath.Base(chip), filepath.Dir(filepath.Dir(pull))}
}

// level is what is on a line, whoever drives it.
func (s simulated) level(line int) string {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.lines, fmt.Sprintf("sim_gpio%d", line), "value"))
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

func (s simulated) pull(line int, how string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.lines, fmt.Sprintf("sim_gpio%d", line), "pull"), []byte(how), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func TestRelayOnAKernel(t *testing.T) {
	sim := newSimulated(t)
	b, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name         string
		line         int // of the coil: one that was an output goes on as it is
		low          bool
		open, closed string // its levels
	}{{"active high", 1, false, "0", "1"}, {"active low", 4, true, "1", "0"}} {
		t.Run(row.name, func(t *testing.T) {
			sim.t = t
			sim.pull(2, "pull-down")
			sw, closeLines, err := relay.Open(b, relay.Document{
				Chip: sim.chip, Line: fmt.Sprint(row.line), Low: row.low, Contact: relay.ContactNO, Feedback: &relay.FeedbackInput{Line: "2"},
			}, time.Now)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := closeLines(); err != nil {
					t.Error(err)
				}
			}()
			if got := sim.level(row.line); got != row.open {
				t.Errorf("it begins at %s, which closes it", got)
			}
			for range 3 {
				if err := sw.Set(t.Context(), loads.Setpoint{On: true}); err != nil {
					t.Fatal(err)
				}
				if got := sim.level(row.line); got != row.closed {
					t.Errorf("closed, the line is %s", got)
				}
				// What the coil does is not taken for what the contact does.
				if o, err := sw.Observed(t.Context()); err != nil || !o.Known || o.On {
					t.Errorf("the contact has not moved, yet %+v, %v", o, err)
				}
				sim.pull(2, "pull-up")
				if o, err := sw.Observed(t.Context()); err != nil || !o.Known || !o.On {
					t.Errorf("the contact is closed, yet %+v, %v", o, err)
				}
				if got := sim.level(row.line); got != row.closed {
					t.Errorf("looked at, the line is %s", got)
				}
				if err := sw.Set(t.Context(), loads.Setpoint{}); err != nil {
					t.Fatal(err)
				}
				if got := sim.level(row.line); got != row.open {
					t.Errorf("open, the line is %s", got)
				}
				sim.pull(2, "pull-down")
			}
			if _, _, err := relay.Open(b, relay.Document{Chip: sim.chip, Line: fmt.Sprint(row.line)}, time.Now); err == nil {
				t.Error("a line that is in use was given twice")
			}
		})
	}
}

func TestContactOnAKernel(t *testing.T) {
	sim := newSimulated(t)
	b, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	for _, low := range []bool{false, true} {
		read, closeLine, err := b.Contact(metering.ContactDocument{Chip: sim.chip, Line: "3", Low: low})
		if err != nil {
			t.Fatal(err)
		}
		for _, how := range []string{"pull-up", "pull-down", "pull-up"} {
			sim.pull(3, how)
			if alarm, err := read(); err != nil || alarm != ((how == "pull-up") != low) {
				t.Errorf("%s, active low %v: alarm %v, %v", how, low, alarm, err)
			}
		}
		if err := closeLine(); err != nil {
			t.Error(err)
		}
	}
}
