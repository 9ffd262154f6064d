package dlms

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering/meteringtest"
)

// unhexed reads hexadecimal with blanks.
func unhexed(tb testing.TB, text string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// hdlcOf is a frame about some information.
func hdlcOf(info []byte, more bool) []byte {
	address := []byte{0x41, 0x08, 0x83}
	size := 2 + len(address) + 1 + 2 + len(info) + 2
	kind := byte(0xA0)
	if more {
		kind |= 8
	}
	b := append([]byte{kind | byte(size>>8), byte(size)}, address...)
	b = append(b, 0x13)
	b = binary.LittleEndian.AppendUint16(b, x25(b))
	b = append(b, info...)
	b = binary.LittleEndian.AppendUint16(b, x25(b))
	return append(append([]byte{flag}, b...), flag)
}

// telegramOf is a notification in one frame, with or without a time.
func telegramOf(tb testing.TB, body string) []byte {
	tb.Helper()
	return hdlcOf(append([]byte{0xE6, 0xE7, 0, notificationTag, 0x40, 0, 0, 0}, unhexed(tb, body)...), false)
}

// mbusOf are the frames about some data, so much in each.
func mbusOf(data []byte, most int) (out []byte) {
	for seq := byte(0); len(data) > 0; seq++ {
		n := min(most, len(data))
		ci := seq
		if n == len(data) {
			ci |= 0x10
		}
		body := append([]byte{0x53, 0xFF, ci, 1, 0x67}, data[:n]...)
		sum := byte(0)
		for _, c := range body {
			sum += c
		}
		out = append(out, start, byte(len(body)), byte(len(body)), start)
		out = append(append(out, body...), sum, stop)
		data = data[n:]
	}
	return out
}

// entryOf is a value with its code, scale and unit.
func entryOf(code string, number []byte, scale int8, unit byte) []byte {
	c, _ := hex.DecodeString(code)
	b := append([]byte{tagStructure, 3, tagOctets, 6}, c...)
	return append(append(b, number...), tagStructure, 2, tagInt8, byte(scale), tagEnum, unit)
}

func u32(v int64) []byte { return binary.BigEndian.AppendUint32([]byte{tagUint32}, uint32(v)) }
func u16(v int64) []byte { return binary.BigEndian.AppendUint16([]byte{tagUint16}, uint16(v)) }

// houseOf is what a house's meter says, as Aidon meters in Sweden do.
func houseOf(t meteringtest.Truth) []byte {
	entries := [][]byte{
		entryOf("0100010700FF", u32(int64(max(t.Power, 0)/units.Watt)), 0, 27),
		entryOf("0100020700FF", u32(int64(max(-t.Power, 0)/units.Watt)), 0, 27),
		entryOf("01001F0700FF", u16(int64(t.Current)/10), -2, 33),
		entryOf("0100200700FF", u32(int64(t.Voltage)/100), -1, 35),
		entryOf("0100010800FF", u32(int64(t.Import/units.WattHour)), 0, 30),
		entryOf("0100020800FF", u32(int64(t.Export/units.WattHour)), 0, 30),
		append(append([]byte{tagStructure, 2, tagOctets, 6, 0, 0, 96, 1, 0, 255}, tagVisible, 8), "12345678"...),
	}
	b := []byte{notificationTag, 0x40, 0, 0, 0, 0, tagArray, byte(len(entries))}
	return append(b, bytes.Join(entries, nil)...)
}
