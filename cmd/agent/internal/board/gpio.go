package board

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/host/v3/gpioioctl"

	"github.com/keeplit/keeplit/loads"
)

// Chip is a GPIO chip.  Its label tells what it is (pinctrl-bcm2711 on a
// Raspberry Pi 4, pinctrl-rp1 on a 5), whatever number it has on this boot.
type Chip struct {
	Name  string // gpiochip0
	Label string
	Path  string // /dev/gpiochip0
	Lines []Line
}

// Line is a line of a chip.
type Line struct {
	Number int
	Name   string // may be empty
	User   string // what held it when the board was opened, empty: nothing
}

// Lines is a set of GPIO lines requested together.  It must be closed.
type Lines = loads.Lines

// Chips are the GPIO chips of the machine.
func (b *Board) Chips() []Chip { return b.chips }

// request is what the kernel is asked for.
type request struct {
	chip   Chip
	lines  []Line
	output bool
	asIs   bool // change nothing: only look
	first  gpio.GPIOValue
	pull   gpio.Pull
}

// kernel grants requests of lines.
type kernel interface {
	// lineSet is a request by periph: by name, and outputs begin low.
	lineSet(request) (Lines, error)
	// request is one of our own: by number, and outputs begin as asked for.
	request(request) (Lines, error)
	// outputs tells whether all the lines are outputs now.
	outputs(request) (bool, error)
}

// Outputs requests lines of a chip as outputs that have the levels of first from
// the beginning: a relay does not even twitch.  The chip is named by its label,
// name or path, or may be empty where only one chip has the lines; a line by its
// name or number.
func (b *Board) Outputs(chip string, lines []string, first gpio.GPIOValue) (Lines, error) {
	c, ls, err := b.find(chip, lines)
	if err != nil {
		return nil, err
	}
	return b.grant(request{chip: c, lines: ls, output: true, first: first})
}

// Inputs requests lines of a chip as inputs, pulled up, down or none; see Outputs
// for the names.
func (b *Board) Inputs(chip string, lines []string, pull string) (Lines, error) {
	bias, err := pullOf(pull)
	if err != nil {
		return nil, err
	}
	c, ls, err := b.find(chip, lines)
	if err != nil {
		return nil, err
	}
	return b.grant(request{chip: c, lines: ls, pull: bias})
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

// Present is the levels that lines have as outputs now, and changes nothing; ok
// is false where any of them is not an output.  After a crash the kernel of a
// Raspberry Pi keeps outputs as they were: asked for again with these levels, a
// closed contactor stays closed.  What an input reads is not taken for a level: at
// power-on some lines are pulled up.
func (b *Board) Present(chip string, lines []string) (levels gpio.GPIOValue, ok bool, err error) {
	c, ls, err := b.find(chip, lines)
	if err != nil {
		return 0, false, err
	}
	r := request{chip: c, lines: ls, asIs: true}
	if ok, err = b.kernel.outputs(r); err != nil || !ok {
		return 0, false, err
	}
	got, err := b.grant(r)
	if err != nil {
		return 0, false, err
	}
	levels, err = got.Read(0)
	if err = errors.Join(err, got.Close()); err != nil {
		return 0, false, err
	}
	return levels, true, nil
}

// grant asks the kernel.  periph's LineSet names its lines and has no first
// value (its request leaves it out, so the kernel drives them low), so what it
// cannot say is asked for directly.
func (b *Board) grant(r request) (Lines, error) {
	ask := b.kernel.lineSet
	if r.asIs || r.first != 0 {
		ask = b.kernel.request
	}
	for _, l := range r.lines {
		if l.Name == "" {
			ask = b.kernel.request
		}
	}
	got, err := ask(r)
	if err != nil {
		var names []string
		for _, l := range r.lines {
			names = append(names, l.String())
		}
		return nil, fmt.Errorf("board: request %s of %s: %s", strings.Join(names, ", "), r.chip.Label, reason(err))
	}
	return got, nil
}

// String is the line's name or else its number.
func (l Line) String() string {
	if l.Name != "" {
		return l.Name
	}
	return strconv.Itoa(l.Number)
}

// find resolves names.
func (b *Board) find(chip string, names []string) (Chip, []Line, error) {
	if len(names) == 0 || len(names) > 64 {
		return Chip{}, nil, fmt.Errorf("board: %d GPIO lines are asked for, 1 to 64 can be", len(names))
	}
	if len(b.chips) == 0 {
		return Chip{}, nil, fmt.Errorf("board: line %s: there is no GPIO chip on this machine that the user may open; add the user to the group gpio", names[0])
	}
	var labels []string
	var matches []Chip
	var missing error
	for _, c := range b.chips {
		labels = append(labels, c.Label)
		if chip != "" && chip != c.Label && chip != c.Name && chip != c.Path {
			continue
		}
		if _, err := c.resolve(names); err != nil {
			missing = err
			continue
		}
		matches = append(matches, c)
	}
	switch {
	case len(matches) == 1:
		ls, err := matches[0].resolve(names)
		return matches[0], ls, err
	case len(matches) > 1:
		return Chip{}, nil, fmt.Errorf("board: line %s is on several chips; name one of %s", names[0], strings.Join(labels, ", "))
	case missing != nil:
		return Chip{}, nil, missing
	default:
		return Chip{}, nil, fmt.Errorf("board: there is no GPIO chip %q; there is %s", chip, strings.Join(labels, ", "))
	}
}

// resolve finds lines by name, or by number where no line has that name.
func (c Chip) resolve(names []string) ([]Line, error) {
	var out []Line
	seen := map[int]string{}
	for _, n := range names {
		l, ok := c.line(n)
		if !ok {
			return nil, fmt.Errorf("board: %s has no line %q", c.Label, n)
		}
		if other, twice := seen[l.Number]; twice {
			return nil, fmt.Errorf("board: %q and %q are the same line of %s", other, n, c.Label)
		}
		seen[l.Number] = n
		out = append(out, l)
	}
	return out, nil
}

func (c Chip) line(name string) (Line, bool) {
	for _, l := range c.Lines {
		if l.Name != "" && l.Name == name {
			return l, true
		}
	}
	if n, err := strconv.Atoi(name); err == nil {
		for _, l := range c.Lines {
			if l.Number == n {
				return l, true
			}
		}
	}
	return Line{}, false
}

// system is the kernel of this machine.
type system struct{}

func (system) lineSet(r request) (Lines, error) {
	dir := gpioioctl.LineInput
	if r.output {
		dir = gpioioctl.LineOutput
	}
	var names []string
	for _, l := range r.lines {
		names = append(names, l.Name)
	}
	for _, c := range gpioioctl.Chips {
		if c.Path() == r.chip.Path {
			ls, err := c.LineSet(dir, gpio.NoEdge, r.pull, names...)
			if err != nil {
				return nil, err
			}
			return ls, nil
		}
	}
	return nil, errors.New("the chip is gone")
}

func (system) request(r request) (Lines, error) { return requestLines(r) }

func (system) outputs(r request) (bool, error) { return allOutputs(r) }
