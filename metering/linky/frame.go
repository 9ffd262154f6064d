package linky

import (
	"bytes"
	"math/bits"
	"strings"

	"github.com/keeplit/keeplit/metering"
)

const (
	stx = 0x02 // begins a frame
	etx = 0x03 // ends one
	eot = 0x04 // breaks one off
	ht  = 0x09 // between the parts of a group, in standard mode
	lf  = 0x0A // begins a group
	cr  = 0x0D // ends one
	sp  = 0x20 // between the parts of a group, in historic mode
)

// maxFrame is longer than any meter sends.
const maxFrame = 4 << 10

// split finds the next frame, without STX and ETX.  Everything before used is done with.
// On a line that was read with 8 bits the highest is the parity.
func split(data []byte, atEnd bool) (frame []byte, used int, err error) {
	start := -1
	for at, c := range data {
		switch c & 0x7F {
		case stx:
			if start >= 0 {
				return nil, at, cut("a new frame began %d bytes into one", at-start)
			}
			start = at
		case etx:
			if start >= 0 {
				return data[start+1 : at], at + 1, nil
			}
		case eot:
			if start >= 0 {
				return nil, at + 1, cut("the meter broke it off after %d bytes", at-start)
			}
		}
		if start >= 0 && at-start > maxFrame {
			return nil, at, metering.Fail(metering.UnknownReply, op, "check the speed: 1200 7E1 in historic mode, 9600 7E1 in standard mode", "%d bytes without an end", at-start)
		}
	}
	switch {
	case start < 0:
		return nil, len(data), nil
	case !atEnd:
		return nil, start, nil
	}
	return nil, len(data), cut("it ends after %d bytes", len(data)-start)
}

func cut(format string, n int) error {
	return metering.Fail(metering.Short, op, "check the cable; a few lost frames are harmless", format, n)
}

// longest is the length of the longest label, SMAXSN1-1.
const longest = 9

// group is one line of a frame: a label and its value, in standard mode with a time.
type group struct {
	label, date, value string
	standard           bool
}

// groups reads all groups of a frame.  One that is damaged spoils the frame: its label may
// be what was hit.
func groups(frame []byte) ([]group, error) {
	frame, ok := sevenBits(frame)
	if !ok {
		return nil, damaged("the parity of a letter is wrong")
	}
	var out []group
	for len(frame) > 0 {
		end := bytes.IndexByte(frame, cr)
		if end < 0 || frame[0] != lf {
			return nil, damaged("a line of %d bytes is cut", len(frame))
		}
		g, err := parse(frame[1:end])
		if err != nil {
			return nil, err
		}
		out = append(out, g)
		frame = frame[end+1:]
	}
	return out, nil
}

func damaged(format string, args ...any) error {
	return metering.Fail(metering.Checksum, op, "check the cable and that the adapter is made for this meter; a few wrong frames are harmless", format, args...)
}

// sevenBits takes the parity off, where there is one, and checks it.
func sevenBits(b []byte) (_ []byte, ok bool) {
	if bytes.IndexFunc(b, func(r rune) bool { return r >= 0x80 }) < 0 {
		return b, true
	}
	out := make([]byte, len(b))
	for i, c := range b {
		if bits.OnesCount8(c)%2 != 0 {
			return nil, false
		}
		out[i] = c & 0x7F
	}
	return out, true
}

// parse reads a group and checks its sum: that of its letters, of which six bits are told,
// moved to where letters are.  The separator before it counts in standard mode only.
// Flipped, the seventh bit would not show in the sum; of a digit or a letter of a label it
// makes what is neither, so that only those are taken.
func parse(b []byte) (g group, err error) {
	n := len(b)
	if n < 4 {
		return g, damaged("a line of %d letters", n)
	}
	for _, c := range b {
		if c < sp && c != ht || c > '~' {
			return g, damaged("a letter %02X", c)
		}
	}
	separator, words := b[n-2], b[:n-2]
	sum := byte(0)
	for _, c := range words {
		sum += c
	}
	var parts [][]byte
	switch separator {
	case sp:
		label, value, _ := bytes.Cut(words, []byte{sp})
		parts = [][]byte{label, value}
	case ht:
		g.standard = true
		sum += ht
		parts = bytes.Split(words, []byte{ht})
	default:
		return g, damaged("no separator before the check sum of %q", clip(b))
	}
	if want := sum&0x3F + 0x20; want != b[n-1] {
		return g, damaged("the check sum of %q should be %q", clip(b), want)
	}
	switch len(parts) {
	case 2:
	case 3:
		g.date = string(parts[1])
		if !dated(g.date) {
			return g, damaged("%q is no time", clip(parts[1]))
		}
	default:
		return g, damaged("%q has %d parts", clip(b), len(parts))
	}
	g.label, g.value = string(parts[0]), string(parts[len(parts)-1])
	for _, c := range parts[0] {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '+' && c != '-' {
			return g, damaged("%q is no label", clip(parts[0]))
		}
	}
	if n := len(g.label); n == 0 || n > longest {
		return g, damaged("a label of %d letters", n)
	}
	return g, nil
}

// dated tells whether s is the time of a value: the season and twelve digits, or blanks
// where there is none.
func dated(s string) bool {
	return len(s) == 13 && strings.ContainsRune("EHeh ", rune(s[0])) && (digits(s[1:]) || strings.TrimSpace(s) == "")
}

func clip(b []byte) string { return string(b[:min(len(b), 40)]) }
