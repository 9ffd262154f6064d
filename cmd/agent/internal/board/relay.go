package board

import (
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/gpio"

	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/relay"
)

// Relay opens the relay that d describes.  It begins at rest, except that a line
// which is an output already (the agent was restarted) goes on as it is: a restart
// neither cuts nor gives supply.  closeLines gives the lines back to the kernel.
func (b *Board) Relay(d loads.RelayDocument, now func() time.Time) (s *relay.Switch, closeLines func() error, err error) {
	c := relay.Config{
		ActiveLow: d.Low, Latching: d.Contact == loads.ContactLatching, Pulse: d.Pulse, Now: now,
	}
	coils := []string{d.Line}
	if c.Latching {
		coils = append(coils, d.Reset)
	}
	var open []Lines
	closeLines = func() error {
		var errs []error
		for _, l := range open {
			errs = append(errs, l.Close())
		}
		return errors.Join(errs...)
	}
	fail := func(err error) (*relay.Switch, func() error, error) {
		return nil, nil, errors.Join(err, closeLines())
	}
	if f := d.Feedback; f != nil { // first, so that nothing moves where it is missing
		chip := f.Chip
		if chip == "" {
			chip = d.Chip
		}
		pull, err := pullOf(f.Pull)
		if err != nil {
			return fail(err)
		}
		in, err := b.Inputs(chip, []string{f.Line}, pull)
		if err != nil {
			return fail(fmt.Errorf("feedback: %w", err))
		}
		open = append(open, in)
		c.Feedback, c.FeedbackLow = in, f.Low
	}
	first, err := b.begin(d, coils, c.Latching)
	if err != nil {
		return fail(err)
	}
	out, err := b.Outputs(d.Chip, coils, first)
	if err != nil {
		return fail(err)
	}
	open = append(open, out)
	c.Out = out
	if s, err = relay.New(c); err != nil {
		return fail(err)
	}
	return s, closeLines, nil
}

// begin is the levels the coils' lines begin with.
func (b *Board) begin(d loads.RelayDocument, coils []string, latching bool) (gpio.GPIOValue, error) {
	var rest gpio.GPIOValue
	if d.Low {
		rest = 1<<len(coils) - 1
	}
	if latching {
		return rest, nil // its contact stays where it is; its coils must not be left driven
	}
	present, ok, err := b.Present(d.Chip, coils)
	if err != nil {
		return 0, err
	}
	if ok {
		return present, nil
	}
	return rest, nil
}

func pullOf(s string) (gpio.Pull, error) {
	switch s {
	case "", "none":
		return gpio.PullNoChange, nil
	case "up":
		return gpio.PullUp, nil
	case "down":
		return gpio.PullDown, nil
	}
	return 0, fmt.Errorf("board: %q is not a pull: write up, down or none", s)
}
