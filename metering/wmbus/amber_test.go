package wmbus

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/keeplit/keeplit/metering"
)

// amberOf is how an AMB8465 tells a frame, with the signal's strength or without.
func amberOf(frame []byte, signal bool) []byte {
	body := bytes.Clone(frame[1:])
	if signal {
		body = append(body, 0x12)
	}
	return []byte(amberCommand(amberHeard, body...))
}

// amberSays is its answer to what it was told at the beginning.
func amberSays(signal byte) []byte {
	return []byte(amberCommand(amberMode|amberAnswer, 0) + amberCommand(amberGet|amberAnswer, amberSignals, 1, signal))
}

// heardBy are the frames that a splitter finds in a stream that comes so many bytes at a time.
func heardBy(next splitter, stream []byte, size int) (frames [][]byte, left int) {
	var buf []byte
	for at := 0; at < len(stream); at += size {
		buf = append(buf, stream[at:min(at+size, len(stream))]...)
		for {
			got, used := next(buf)
			buf = buf[used:]
			if got != nil {
				frames = append(frames, bytes.Clone(got))
			}
			if used == 0 {
				break
			}
		}
	}
	return frames, len(buf)
}

// Messages and frames alone, with the signal's strength and without, in pieces of any size,
// and whatever stands before them: the rest of a message among it.
func TestAnAmberStickIsReadHoweverItIsSet(t *testing.T) {
	s := &sender{address: house(), key: houseKey(), counter: 1}
	frame := s.seven(kWh(1))
	alone := func(signal bool) []byte {
		b := bytes.Clone(frame)
		if signal {
			b[0]++
			b = append(b, 0x12)
		}
		return b
	}
	for _, row := range []struct {
		name   string
		stream [][]byte
		frames int
	}{
		{"messages with the signal's strength", [][]byte{amberSays(1), amberOf(frame, true), amberOf(frame, true)}, 2},
		{"messages without", [][]byte{amberSays(0), amberOf(frame, false), amberOf(frame, false)}, 2},
		{"messages before it has answered", [][]byte{amberOf(frame, true), amberSays(1), amberOf(frame, true)}, 2},
		{"frames alone with the signal's strength", [][]byte{amberSays(1), alone(true), alone(true)}, 2},
		{"frames alone without", [][]byte{amberSays(0), alone(false), alone(false)}, 2},
		{"the rest of a message, then messages", [][]byte{amberOf(frame, true)[9:], amberSays(0), amberOf(frame, false)}, 1},
		{"the rest of a message that looks as a frame alone", [][]byte{{0x30, 0x44, 1, 2, 3}, amberSays(0), amberOf(frame, false)}, 1},
		{"other bytes between", [][]byte{{0, 0xFF, 0xFF, 7}, amberSays(1), {0xFF, 0x03}, amberOf(frame, true), {0xFF}, amberOf(frame, true)}, 2},
		{"a message whose sum is wrong, then a good one", [][]byte{amberSays(1), append(amberOf(frame, true)[:20:20], amberOf(frame, true)...)}, 1},
	} {
		stream := append(bytes.Join(row.stream, nil), make([]byte, 300)...) // what does not end is not waited for for ever
		for size := 1; size <= len(stream); size += 1 + size/2 {
			frames, _ := heardBy(receivers()["amb8465"].split(), stream, size)
			n := 0
			for _, f := range frames {
				if bytes.Equal(f, frame) {
					n++
				}
			}
			if n != row.frames {
				t.Errorf("%s, %d bytes at a time: %d frames, want %d", row.name, size, n, row.frames)
			}
		}
	}
}

// The forms are those that people have recorded of sticks: a parameter of all, and a telegram
// whose length counts the signal's strength.
func TestAnAmberStickIsToldAsItsManualHasIt(t *testing.T) {
	for hello, want := range map[string]string{"both": "ff040109f3" + "ff0a024501b3", "T": "ff040108f2" + "ff0a024501b3", "C": "ff04010ef4" + "ff0a024501b3"} {
		if got := hex.EncodeToString([]byte(receivers()["amb8465"].hello[hello])); got != want {
			t.Errorf("mode %s: %s, want %s", hello, got, want)
		}
	}
	if got := hex.EncodeToString([]byte(amberCommand(amberMode|amberAnswer, 0))); got != "ff8401007a" {
		t.Errorf("its answer is %s", got)
	}
}

func TestConformanceOfAnAmberStick(t *testing.T) {
	conformsOverStick(t, "amb8465", metering.UnknownReply, func(telegram []byte) []byte { return amberOf(telegram, true) })
}

// A byte of noise that looks like the beginning of a long message holds up no telegram behind
// it until the next ones have come: they would be minutes late, and all at once.
func TestNoiseHoldsUpNoTelegram(t *testing.T) {
	s := &sender{address: house(), key: houseKey(), counter: 1}
	for _, noise := range [][]byte{nil, {0xFF}, {0xFF, 0xFF}, {0xFF, amberHeard, 0xFF}, {0xFF, 0x83, 0xFF}, {0xFE, 0x44}, {0x44, 0x44}} {
		frame := s.seven(kWh(1))
		frames, left := heardBy(new(amber).next, append(noise, amberOf(frame, true)...), 1)
		if len(frames) != 1 || !bytes.Equal(frames[0], frame) || left != 0 {
			t.Errorf("after %X %X is read of %X, and %d bytes wait", noise, frames, frame, left)
		}
	}
}
