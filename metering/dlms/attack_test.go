package dlms

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/meteringtest"
)

// What a frame holds may be nothing but a head.
func TestATelegramOfNothingIsPassedOver(t *testing.T) {
	good := hdlcOf(append([]byte{0xE6, 0xE7, 0}, houseOf(meteringtest.Truth{})...), false)
	for name, empty := range map[string][]byte{
		"a frame without data":  hdlcOf([]byte{0xE6, 0xE7, 0}, false),
		"a block without bytes": hdlcOf([]byte{0xE6, 0xE7, 0, blockTag, lastBlock, 0, 1, 0, 0, 0}, false),
	} {
		var n int
		d := decoder{}
		for _, b := range [][]byte{good, empty, good} {
			d.take(b, false, func(_ metering.Telegram, err error) {
				if err == nil {
					n++
				}
			})
		}
		if n != 2 {
			t.Errorf("%s: %d good telegrams are read, want 2", name, n)
		}
	}
}

// The adapter lost its power for 10 s: what began before is not ended by what came after.
func TestTwoHalvesAreNoTelegram(t *testing.T) {
	of := func(used units.Energy) (first, second []byte) {
		data := houseOf(meteringtest.Truth{Import: used})
		frames := mbusOf(data, 100)
		return frames[:100+11], frames[100+11:]
	}
	before, _ := of(0x0001_FFFF * units.WattHour)
	_, after := of(0x0002_0000 * units.WattHour)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	d := decoder{now: func() time.Time { return now }}
	read := func(b []byte) (n int) {
		d.take(b, false, func(_ metering.Telegram, err error) {
			if err == nil {
				n++
			}
		})
		return n
	}
	if n := read(before); n != 0 {
		t.Fatal("half a telegram is read")
	}
	now = now.Add(10 * time.Second)
	if n := read(after); n != 0 {
		t.Error("the halves of two telegrams are read as one")
	}
	first, second := of(0x0002_0001 * units.WattHour)
	now = now.Add(10 * time.Second)
	n := read(first)
	now = now.Add(time.Second)
	if n += read(second); n != 1 {
		t.Errorf("%d of a whole one are read", n)
	}
}

// Kaifa's shortest list is one number, the power; within another list a number is no power.
func TestANumberWithinAListIsNoPower(t *testing.T) {
	for _, row := range []struct {
		name, body string
		n          int
	}{
		{"the list of one number", "00 0201 0600001000", 1},
		{"a list of one number within another", "00 0202 0A0441424344 0201 0600001000", 0},
	} {
		if got, errs := Decode(telegramOf(t, row.body)); len(got) != row.n {
			t.Errorf("%s: %v, %v", row.name, got, errs)
		}
	}
}
