package board

import (
	"testing"

	"periph.io/x/conn/v3/gpio"

	"github.com/keeplit/keeplit/internal/gpiochip"
)

func TestBuild(t *testing.T) {
	lines := []Line{{Number: 17}, {Number: 27}}
	out := build(request{lines: lines, output: true, first: 0b10})
	if out.Flags != gpiochip.Output || out.NumAttrs != 1 || out.Attrs[0].ID != gpiochip.OutputValues || out.Attrs[0].Value != 0b10 || out.Attrs[0].Mask != 0b11 ||
		out.NumLines != 2 || out.Offsets[0] != 17 || out.Offsets[1] != 27 {
		t.Errorf("outputs: %+v", out)
	}
	if as := build(request{lines: lines, asIs: true}); as.Flags != 0 || as.NumAttrs != 0 {
		t.Errorf("looking: %+v", as)
	}
	for pull, want := range map[gpio.Pull]uint64{
		gpio.PullUp: gpiochip.Input | gpiochip.BiasPullUp, gpio.PullDown: gpiochip.Input | gpiochip.BiasPullDown,
		gpio.Float: gpiochip.Input | gpiochip.BiasDisabled, gpio.PullNoChange: gpiochip.Input,
	} {
		if in := build(request{lines: lines, pull: pull}); in.Flags != want {
			t.Errorf("pull %v: flags %x, want %x", pull, in.Flags, want)
		}
	}
	if _, err := requestLines(request{chip: Chip{Path: "/dev/null"}, lines: lines}); err == nil {
		t.Error("/dev/null granted GPIO lines")
	}
	if ok, err := allOutputs(request{chip: Chip{Path: "/dev/null"}, lines: lines}); ok || err == nil {
		t.Error("/dev/null has outputs")
	}
}
