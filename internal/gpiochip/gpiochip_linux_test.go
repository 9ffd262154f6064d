package gpiochip

import (
	"testing"
	"time"
	"unsafe"
)

// The sizes are part of the ioctl numbers of linux/gpio.h.
func TestKernelLayout(t *testing.T) {
	var r Request
	var v values
	var i info
	for _, tc := range []struct {
		what      string
		got, want uintptr
	}{
		{"gpio_v2_line_request", unsafe.Sizeof(r), getLine >> 16 & 0x3fff},
		{"gpio_v2_line_values", unsafe.Sizeof(v), getValues >> 16 & 0x3fff},
		{"gpio_v2_line_info", unsafe.Sizeof(i), getInfo >> 16 & 0x3fff},
		{"info.flags", unsafe.Offsetof(i.flags), 72},
		{"config.flags", unsafe.Offsetof(r.Flags), 288},
		{"config.attrs", unsafe.Offsetof(r.Attrs), 320},
		{"num_lines", unsafe.Offsetof(r.NumLines), 560},
		{"fd", unsafe.Offsetof(r.FD), 588},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: %d, want %d", tc.what, tc.got, tc.want)
		}
	}
}

func TestDebounceIsTheFirstFourBytesOfItsValue(t *testing.T) {
	var r Request
	r.Debounce(20 * time.Millisecond)
	if b := (*[8]byte)(unsafe.Pointer(&r.Attrs[0].Value)); r.NumAttrs != 1 || r.Attrs[0].ID != 3 || r.Attrs[0].Mask != 1 || b[4]|b[5]|b[6]|b[7] != 0 || *(*uint32)(unsafe.Pointer(b)) != 20_000 {
		t.Errorf("%+v", r.Attrs[0])
	}
}

func TestWhatIsNoChipGrantsNothing(t *testing.T) {
	r := Request{NumLines: 1}
	if err := r.Open("/dev/null"); err == nil {
		t.Error("/dev/null granted a line")
	}
	if _, err := FlagsOf("/dev/null", 0); err == nil {
		t.Error("/dev/null has a line")
	}
}
