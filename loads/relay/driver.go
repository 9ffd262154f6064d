package relay

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"periph.io/x/conn/v3/gpio"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/loads"
)

// Driver is the driver relay.
func Driver() loads.Driver {
	return loads.Driver{Name: "relay", New: func() loads.Settings { return new(Settings) }}
}

// Settings are the keys of a switch with this driver.
//
// In a configuration: A relay or contactor on a GPIO line of this machine.
// Example: {driver: relay, relay: {line: GPIO17}}
type Settings struct {
	// The relay or contactor on the machine's GPIO lines.
	// Example: {line: GPIO17, feedback: {line: GPIO27, pull: up, active_low: true}}
	Relay *Document `yaml:"relay"`
}

// Document is a relay or contactor on GPIO lines.
type Document struct {
	// Label of the GPIO chip, where more than one has such a line. Left out: any.
	// Example: pinctrl-bcm2711
	Chip string `yaml:"chip"`
	// Name or number of the output line.
	// Example: GPIO17
	Line string `yaml:"line"`
	// Whether low is on. Such a relay closes while the line floats and while the machine starts: avoid it
	// for a supply.
	// Example: true
	Low bool `yaml:"active_low"`
	// no: normally open, falls open without power; latching: stays as the last pulse put it.
	// Default: no
	// Example: latching
	Contact string `yaml:"contact"`
	// Of a latching relay: the line of the coil that opens. line is that of the coil that closes.
	// Example: GPIO18
	Reset string `yaml:"reset_line"`
	// Of a latching relay: length of a pulse, 20ms to 500ms.
	// Default: 80ms
	// Example: 100ms
	Pulse time.Duration `yaml:"pulse"`
	// An auxiliary contact or a voltage detector behind the contact, which tells whether it really is
	// closed.
	// Example: {line: GPIO27, pull: up, active_low: true}
	Feedback *FeedbackInput `yaml:"feedback"`
}

// FeedbackInput is the GPIO input that tells whether the contact is closed.
type FeedbackInput struct {
	// Label of the GPIO chip. Left out: that of the relay.
	// Example: pinctrl-bcm2711
	Chip string `yaml:"chip"`
	// Name or number of the input line.
	// Example: GPIO27
	Line string `yaml:"line"`
	// Whether low means closed, as of a contact to ground.
	// Example: true
	Low bool `yaml:"active_low"`
	// The line's own resistor: up, down or none.
	// Default: none
	// Example: up
	Pull string `yaml:"pull"`
}

// The kinds of contact of a relay.
const (
	ContactNO       = "no"
	ContactLatching = "latching"
)

// Check implements loads.Settings.
func (s *Settings) Check() fault.List {
	var l fault.List
	if s.Relay == nil {
		l.Add("relay", "name the output line, e.g. {chip: pinctrl-bcm2711, line: GPIO17}", "a relay needs its lines")
		return l
	}
	l.Under("relay", s.Relay.Check())
	return l
}

// Check is everything wrong with r.
func (r Document) Check() fault.List {
	var l fault.List
	if r.Line == "" {
		l.Add("line", "write the line's name or number, e.g. GPIO17", "the output line is missing")
	}
	switch r.Contact {
	case "", ContactNO:
		if r.Reset != "" || r.Pulse != 0 {
			l.Add("contact", "write contact: latching, or leave out reset_line and pulse", "a normally-open relay has one coil that is held")
		}
	case ContactLatching:
		if r.Reset == "" || r.Reset == r.Line {
			l.Add("reset_line", "write the line of the coil that opens the contact", "a latching relay has two coils on two lines")
		}
		if r.Pulse != 0 && (r.Pulse < 20*time.Millisecond || r.Pulse > 500*time.Millisecond) {
			l.Add("pulse", "write 20ms to 500ms", "%v is not the length of a coil pulse", r.Pulse)
		}
		if r.Feedback == nil {
			l.Add("feedback", "wire an auxiliary contact or a voltage detector and name its line", "a latching relay's state is known by feedback only")
		}
	default:
		l.Add("contact", "write no (normally open) or latching", "%q is not a kind of contact", r.Contact)
	}
	if f := r.Feedback; f != nil {
		if f.Line == "" {
			l.Add("feedback.line", "write the line's name or number", "the feedback line is missing")
		} else if f.Chip == "" || f.Chip == r.Chip {
			if f.Line == r.Line || f.Line == r.Reset {
				l.Add("feedback.line", "name the line the contact is wired to", "%q is an output of this relay", f.Line)
			}
		}
		if f.Pull != "" && f.Pull != "up" && f.Pull != "down" && f.Pull != "none" {
			l.Add("feedback.pull", "write up, down or none", "%q is not a pull", f.Pull)
		}
	}
	return l
}

// Traits implements loads.Settings.
func (s *Settings) Traits() loads.Traits {
	t := loads.Traits{Needs: loads.NeedsMachine, Blind: true}
	if s.Relay != nil {
		if s.Relay.Line != "" {
			t.Of = strings.TrimSpace("line " + s.Relay.Line + " " + s.Relay.Chip)
		}
		t.Latches, t.Blind = s.Relay.Contact == ContactLatching, s.Relay.Feedback == nil
	}
	return t
}

// Open implements loads.Settings.
func (s *Settings) Open(e loads.Env) (loads.Switch, error) {
	sw, closeLines, err := Open(e.Machine, *s.Relay, e.Now)
	if err != nil {
		return nil, err
	}
	e.Machine.Closes(closeLines)
	return sw, nil
}

// Open opens the relay that d describes.  It begins at rest, except that a line
// which is an output already (the agent was restarted) goes on as it is: a restart
// neither cuts nor gives supply.  closeLines gives the lines back to the kernel.
func Open(pins loads.Pins, d Document, now func() time.Time) (s *Switch, closeLines func() error, err error) {
	c := Config{
		ActiveLow: d.Low, Latching: d.Contact == ContactLatching, Pulse: d.Pulse, Now: now,
	}
	coils := []string{d.Line}
	if c.Latching {
		coils = append(coils, d.Reset)
	}
	var open []loads.Lines
	closeLines = func() error {
		var errs []error
		for _, l := range open {
			errs = append(errs, l.Close())
		}
		return errors.Join(errs...)
	}
	fail := func(err error) (*Switch, func() error, error) {
		return nil, nil, errors.Join(err, closeLines())
	}
	if f := d.Feedback; f != nil { // first, so that nothing moves where it is missing
		chip := f.Chip
		if chip == "" {
			chip = d.Chip
		}
		in, err := pins.Inputs(chip, []string{f.Line}, f.Pull)
		if err != nil {
			return fail(fmt.Errorf("feedback: %w", err))
		}
		open = append(open, in)
		c.Feedback, c.FeedbackLow = in, f.Low
	}
	first, err := begin(pins, d, coils, c.Latching)
	if err != nil {
		return fail(err)
	}
	out, err := pins.Outputs(d.Chip, coils, first)
	if err != nil {
		return fail(err)
	}
	open = append(open, out)
	c.Out = out
	if s, err = New(c); err != nil {
		return fail(err)
	}
	return s, closeLines, nil
}

// begin is the levels the coils' lines begin with.
func begin(pins loads.Pins, d Document, coils []string, latching bool) (gpio.GPIOValue, error) {
	var rest gpio.GPIOValue
	if d.Low {
		rest = 1<<len(coils) - 1
	}
	if latching {
		return rest, nil // its contact stays where it is; its coils must not be left driven
	}
	present, ok, err := pins.Present(d.Chip, coils)
	if err != nil {
		return 0, err
	}
	if ok {
		return present, nil
	}
	return rest, nil
}
