package dlms

import (
	"testing"

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
