// Package pwm tells a dimmer, or a converter into 0 to 10 V, how much it may draw, by the share of a
// period for which a channel of the machine's pulse-width modulation is high.
//
// There is no dead man in it: a kernel leaves a channel as it is when the program ends.
package pwm

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// Driver is the driver pwm.
func Driver() loads.Driver {
	return loads.Driver{Name: "pwm", New: func() loads.Settings { return new(Document) }}
}

// Document is a channel and the levels on it.
//
// In a configuration: A dimmer, or a converter into 0-10 V, on a channel of this machine's pulse-width modulation, for kind power.
// Example: {driver: pwm, chip: fe20c000.pwm}
type Document struct {
	// The kernel's device, or pwmchip0 as it numbers them. Left out: the only one.
	// Example: fe20c000.pwm
	Chip string `yaml:"chip"`
	// The channel of the chip.
	// Default: 0
	// Example: 1
	Channel int `yaml:"channel"`
	// How long a period is.
	// Default: 1ms
	// Example: 500us
	Period time.Duration `yaml:"period"`
	// For how much of the period, in percent, it is high at the least power.
	// Default: 10
	// Example: 20
	Least *float64 `yaml:"least"`
	// The same at the most power.
	// Default: 100
	// Example: 95
	Most *float64 `yaml:"most"`
	// The same while the load is off.
	// Default: 0
	// Example: 2
	Off *float64 `yaml:"off"`
}

const (
	usualPeriod   = time.Millisecond
	shortest      = time.Microsecond
	longest       = time.Second
	follows       = 200 // the part of a period within which a level is the one that was told
	leastDistance = 2.0 // % between off and what is on
)

func or(v *float64, otherwise float64) float64 {
	if v == nil {
		return otherwise
	}
	return *v
}

func (d *Document) levels() (least, most, off float64) {
	return or(d.Least, 10), or(d.Most, 100), or(d.Off, 0)
}

// Check implements loads.Settings.
func (d *Document) Check() fault.List {
	var l fault.List
	if d.Channel < 0 || d.Channel > 63 {
		l.Add("channel", "write 0 for the first", "%d is no channel", d.Channel)
	}
	if d.Period != 0 && (d.Period < shortest || d.Period > longest) {
		l.Add("period", "write 1us to 1s, e.g. 1ms", "%v is no period", d.Period)
	}
	least, most, off := d.levels()
	for _, x := range []struct {
		key   string
		level float64
	}{{"least", least}, {"most", most}, {"off", off}} {
		if !(x.level >= 0 && x.level <= 100) { // nor no number
			l.Add(x.key, "write 0 to 100", "%v is no part of a period in percent", x.level)
		}
	}
	if math.Abs(most-least) < leastDistance {
		l.Add("most", "write levels that lie apart, e.g. least: 10 and most: 100", "there is nothing between %v and %v", least, most)
	} else if off > min(least, most)-leastDistance && off < max(least, most)+leastDistance {
		l.Add("off", "write a level outside of least and most, e.g. 0", "off, at %v, is not told from on, at %v to %v", off, least, most)
	}
	return l
}

// Traits implements loads.Settings.
func (d *Document) Traits() loads.Traits {
	return loads.Traits{Of: fmt.Sprintf("PWM channel %d %s", d.Channel, d.Chip), Needs: loads.NeedsMachine, Latches: true, Powers: true, Told: true}
}

// Open implements loads.Settings.  The channel stays as it is until something is told.
func (d *Document) Open(e loads.Env) (loads.Switch, error) {
	if len(e.Powers) == 0 {
		return nil, errors.New("pwm: what the load may draw is not known of one that is not of kind power")
	}
	s := &Switch{pwm: e.Machine.PWM(d.Chip, d.Channel), period: d.Period, powers: e.Powers, now: e.Now}
	s.least, s.most, s.off = d.levels()
	if s.period == 0 {
		s.period = usualPeriod
	}
	return s, nil
}

// Switch is a dimmer.  It is a loads.Switch, and Capable.
type Switch struct {
	pwm              loads.PWM
	period           time.Duration
	least, most, off float64
	powers           []loads.PowerRange
	now              func() time.Time

	mu   sync.Mutex
	told units.Power // the power that the level last told stands for
}

// Takes implements loads.Capable.
func (s *Switch) Takes() loads.Capability { return loads.Capability{Powers: s.powers, ReadBack: true} }

// high is for how long of a period a level is high.
func (s *Switch) high(level float64) time.Duration {
	return time.Duration(math.Round(float64(s.period) * level / 100))
}

func (s *Switch) ends() (from, to units.Power) { return s.powers[0].From, s.powers[len(s.powers)-1].To }

// level is that of a power.
func (s *Switch) level(p units.Power) float64 {
	from, to := s.ends()
	if to <= from {
		return s.most
	}
	return s.least + (s.most-s.least)*float64(p-from)/float64(to-from)
}

// power is that of a level, as near as it can be told.
func (s *Switch) power(level float64) units.Power {
	from, to := s.ends()
	share := max(0, min(1, (level-s.least)/(s.most-s.least)))
	return from + units.Power(math.Round(share*float64(to-from)))
}

// Set implements loads.Switch.
func (s *Switch) Set(ctx context.Context, p loads.Setpoint) error {
	if err := s.Takes().Check(p); err != nil {
		return fmt.Errorf("pwm: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	level := s.off
	if p.On {
		if p.Power == 0 {
			_, p.Power = s.ends()
		}
		level, s.told = s.level(p.Power), p.Power
	}
	if err := s.pwm.Write(s.period, s.high(level)); err != nil {
		return fmt.Errorf("pwm: %w", err)
	}
	return nil
}

// Observed implements loads.Switch: it is what the kernel holds.  A channel that stands still is at
// nothing, whatever its level.
func (s *Switch) Observed(context.Context) (loads.Observation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	period, high, runs, err := s.pwm.Read()
	if err != nil {
		return loads.Observation{}, fmt.Errorf("pwm: %w", err)
	}
	level := 0.0
	if runs && period > 0 {
		level = 100 * float64(high) / float64(period)
	}
	o := loads.Observation{Known: true, At: s.now(), HasSet: true}
	near := func(to float64) bool { return math.Abs(level-to) <= 100.0/follows }
	// What lies between off and the least draws something, or may.
	if near(s.off) || (level < s.off) != (s.least < s.off) {
		return o, nil
	}
	o.On = true
	if o.Set = (loads.Setpoint{On: true, Power: s.told}); s.told == 0 || !near(s.level(s.told)) {
		o.Set.Power = s.power(level)
	}
	return o, nil
}
