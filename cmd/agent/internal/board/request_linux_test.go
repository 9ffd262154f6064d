package board

import (
	"testing"
	"unsafe"

	"periph.io/x/conn/v3/gpio"
)

// The sizes are part of the ioctl numbers of linux/gpio.h.
func TestKernelLayout(t *testing.T) {
	var r lineRequest
	var v lineValues
	var i lineInfo
	for _, tc := range []struct {
		what      string
		got, want uintptr
	}{
		{"gpio_v2_line_request", unsafe.Sizeof(r), ioctlGetLine >> 16 & 0x3fff},
		{"gpio_v2_line_values", unsafe.Sizeof(v), ioctlGetValues >> 16 & 0x3fff},
		{"gpio_v2_line_info", unsafe.Sizeof(i), ioctlGetInfo >> 16 & 0x3fff},
		{"info.flags", unsafe.Offsetof(i.flags), 72},
		{"config.flags", unsafe.Offsetof(r.flags), 288},
		{"config.attrs", unsafe.Offsetof(r.attrs), 320},
		{"num_lines", unsafe.Offsetof(r.numLines), 560},
		{"fd", unsafe.Offsetof(r.fd), 588},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: %d, want %d", tc.what, tc.got, tc.want)
		}
	}
}

func TestBuild(t *testing.T) {
	lines := []Line{{Number: 17}, {Number: 27}}
	out := build(request{lines: lines, output: true, first: 0b10})
	if out.flags != flagOutput || out.numAttrs != 1 || out.attrs[0].id != attrOutputValues || out.attrs[0].value != 0b10 || out.attrs[0].mask != 0b11 ||
		out.numLines != 2 || out.offsets[0] != 17 || out.offsets[1] != 27 {
		t.Errorf("outputs: %+v", out)
	}
	if as := build(request{lines: lines, asIs: true}); as.flags != 0 || as.numAttrs != 0 {
		t.Errorf("looking: %+v", as)
	}
	for pull, want := range map[gpio.Pull]uint64{
		gpio.PullUp: flagInput | flagBiasPullUp, gpio.PullDown: flagInput | flagBiasPullDown,
		gpio.Float: flagInput | flagBiasDisabled, gpio.PullNoChange: flagInput,
	} {
		if in := build(request{lines: lines, pull: pull}); in.flags != want {
			t.Errorf("pull %v: flags %x, want %x", pull, in.flags, want)
		}
	}
	if _, err := requestLines(request{chip: Chip{Path: "/dev/null"}, lines: lines}); err == nil {
		t.Error("/dev/null granted GPIO lines")
	}
	if ok, err := allOutputs(request{chip: Chip{Path: "/dev/null"}, lines: lines}); ok || err == nil {
		t.Error("/dev/null has outputs")
	}
}
