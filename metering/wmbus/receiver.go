package wmbus

import (
	"bytes"
	"encoding/hex"

	"github.com/keeplit/keeplit/metering/line"
)

// receiver is a way in which frames come from the radio.
type receiver struct {
	mode line.Mode // of a serial line
	// hello is what it is told when it is opened, by the mode of the radio: T, C or both;
	// nil: nothing.
	hello map[string]string
	// split makes what takes the words of one receiver apart.
	split func() splitter
}

// splitter finds the next frame; everything before used is done with.  What it finds may
// be nothing: then more is needed.
type splitter func(data []byte) (frame []byte, used int)

// alike is a splitter that remembers nothing.
func alike(s splitter) func() splitter { return func() splitter { return s } }

// receivers are those that are known, by their names.
func receivers() map[string]receiver {
	return map[string]receiver{
		"lines": {mode: line.Mode{Baud: 115_200}, split: alike(nextLine)},
		// X21: what is heard is told, with the signal's strength.
		"cul": {mode: line.Mode{Baud: 38_400}, hello: map[string]string{"T": "X21\r\nbrt\r\n", "C": "X21\r\nbrc\r\n"}, split: alike(nextLine)},
		// Set until it has no power: the radio's mode, and that the signal's strength is
		// told and no time.
		"im871a": {
			mode:  line.Mode{Baud: 57_600},
			hello: map[string]string{"T": setting(3), "C": setting(7), "both": setting(10)},
			split: alike(nextHCI),
		},
		"amb8465": {
			mode:  line.Mode{Baud: 9600},
			hello: map[string]string{"T": amberHello(0x08), "C": amberHello(0x0E), "both": amberHello(0x09)},
			split: func() splitter { return new(amber).next },
		},
	}
}

// receiverNames are those names in the order in which they are told.
func receiverNames() []string { return []string{"lines", "cul", "im871a", "amb8465"} }

func setting(radio byte) string {
	return string([]byte{hciStart, 0x01, 0x03, 6, 0, 0x02, radio, 0x30, 1, 0})
}

// nextLine takes the next line.
func nextLine(data []byte) (frame []byte, used int) {
	end := bytes.IndexByte(data, '\n')
	if end < 0 {
		return nil, 0
	}
	return inLine(data[:end]), end + 1
}

// inLine finds a frame in a line of text: the longest run of hexadecimal digits that may be
// one.  Receivers write beside it when it came, how strong it was and the like.
func inLine(text []byte) []byte {
	// rtl_wmbus says with two digits after the mode whether all was received well.
	if f := bytes.SplitN(text, []byte(";"), 4); len(f) == 4 && len(f[0]) == 2 && (len(f[1]) == 1 && f[1][0] != '1' || len(f[2]) == 1 && f[2][0] != '1') {
		return nil
	}
	var best []byte
	for len(text) > 0 {
		n := 0
		for n < len(text) && isHex(text[n]) {
			n++
		}
		run := text[:n]
		if n%2 == 1 && n > 0 && run[0] == 'b' {
			run = run[1:] // a CUL begins its lines so
		}
		if len(run) > len(best) && len(run)%2 == 0 {
			best = run
		}
		text = text[min(n+1, len(text)):]
	}
	if len(best) < 2*(headLen+1) {
		return nil
	}
	out := make([]byte, hex.DecodedLen(len(best)))
	if _, err := hex.Decode(out, best); err != nil {
		return nil
	}
	return out
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// The host controller interface of an iM871A: a start, what it is about and what is added at
// its end, the message, a length.
const (
	hciStart  = 0xA5
	hciHead   = 4
	hciTime   = 0x20 // four bytes of time are added
	hciSignal = 0x40 // a byte of the signal's strength
	hciSum    = 0x80 // two bytes of a check sum, which nobody asks for here
	hciRadio  = 2    // what it is about: the radio
	hciHeard  = 3    // the message: a frame was heard
)

// nextHCI takes the next message of an iM871A.
func nextHCI(data []byte) (frame []byte, used int) {
	at := bytes.IndexByte(data, hciStart)
	if at < 0 {
		return nil, len(data)
	}
	b := data[at:]
	if len(b) < hciHead+1 {
		return nil, at
	}
	about, message := b[1]&0x0F, b[2]
	heard := about == hciRadio && message == hciHeard
	if b[1]&0x10 != 0 || about < 1 || about > 4 || message < 1 || message > 0x27 || heard && !sends(b[hciHead]) {
		return nil, at + 1 // a byte of something else
	}
	size := hciHead + int(b[3])
	end := size
	for bit, n := range map[byte]int{hciTime: 4, hciSignal: 1, hciSum: crcLen} {
		if b[1]&bit != 0 {
			end += n
		}
	}
	if len(b) < end {
		return nil, at
	}
	if !heard {
		return nil, at + end
	}
	return append([]byte{b[3]}, b[hciHead:size]...), at + end
}
