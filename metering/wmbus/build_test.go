package wmbus

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"encoding/hex"
	"io"
	"strings"
	"testing"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/meteringtest"
	"github.com/keeplit/keeplit/metering/obis"
)

// unhex reads hexadecimal with blanks.
func unhex(tb testing.TB, text string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func block(tb testing.TB, key []byte) cipher.Block {
	tb.Helper()
	b, err := aes.NewCipher(key)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func dialectOf(*testing.T) obis.Dialect { return obis.Dialect{} }

// house is the address of the meter that tests play.
func house() address {
	return address{maker: [2]byte{0x01, 0x06}, number: [4]byte{0x78, 0x56, 0x34, 0x12}, version: 2, kind: electricity}
}

// wordsOf are what a house's meter says.
func wordsOf(t meteringtest.Truth) []byte {
	u32 := func(head []byte, v int64) []byte { return binary.LittleEndian.AppendUint32(head, uint32(v)) }
	out := []byte{idle, idle}
	out = append(out, u32([]byte{0x04, 0x03}, int64(t.Import/units.WattHour))...)
	out = append(out, u32([]byte{0x04, 0x83, 0x3C}, int64(t.Export/units.WattHour))...)
	out = append(out, u32([]byte{0x04, 0x2B}, int64(max(t.Power, 0)/units.Watt))...)
	out = append(out, u32([]byte{0x04, 0xAB, 0x3C}, int64(max(-t.Power, 0)/units.Watt))...)
	out = append(out, u32([]byte{0x04, 0xFD, 0xC6, 0xFC, 0x01}, int64(t.Voltage))...) // mV
	out = append(out, u32([]byte{0x04, 0xFD, 0xD9, 0xFC, 0x01}, int64(t.Current))...) // mA
	for len(out)%16 != 0 {
		out = append(out, idle)
	}
	return out
}

// sender is a meter that encrypts, with numbers that go up.
type sender struct {
	address address
	key     []byte
	access  byte
	counter uint32
}

// frameOf is a frame of some bytes after the address, without check sums.
func frameOf(a address, body []byte) []byte {
	b := append(append([]byte{0, 0x44}, a.wire()...), body...)
	b[0] = byte(len(b) - 1)
	return b
}

// five is the next telegram in mode 5.
func (s *sender) five(words []byte) []byte {
	s.access++
	b, _ := aes.NewCipher(s.key) // its length is right
	iv := s.address.wire()
	for len(iv) < 16 {
		iv = append(iv, s.access)
	}
	out := make([]byte, len(words))
	cipher.NewCBCEncrypter(b, iv).CryptBlocks(out, words)
	return frameOf(s.address, append([]byte{ciShort, s.access, 0, byte(len(words)), 0x05}, out...))
}

// seven is the next one in mode 7.
func (s *sender) seven(words []byte) []byte {
	s.access++
	s.counter++
	m := message{meter: s.address, proof: &proof{counter: s.counter}}
	b, _ := aes.NewCipher(s.key) // its length is right
	enc, _ := m.key(b, 0)
	auth, _ := m.key(b, 1)
	out := make([]byte, len(words))
	cipher.NewCBCEncrypter(enc, make([]byte, 16)).CryptBlocks(out, words)
	body := append([]byte{ciShort, s.access, 0, byte(len(words)), 0x07, 0x10}, out...)
	count := binary.LittleEndian.AppendUint32([]byte{0x25}, s.counter)
	sum := cmac(auth, append(append([]byte{}, count...), body...))
	layer := append([]byte{ciPieces, 0x0F, 0x00, 0x2C}, count...)
	return frameOf(s.address, append(append(layer, sum[:8]...), body...))
}

// summed is a frame with the check sums of format A.
func summed(b []byte) (out []byte) {
	for size := headLen; len(b) > 0; size = blockLen {
		n := min(size, len(b))
		out = append(out, b[:n]...)
		out = binary.BigEndian.AppendUint16(out, crc(b[:n]))
		b = b[n:]
	}
	return out
}

// lineOf is how a receiver writes a frame.
func lineOf(b []byte) []byte { return append([]byte(hex.EncodeToString(b)), '\n') }

// hciOf is how an iM871A tells one.
func hciOf(b []byte) []byte {
	return append(append([]byte{hciStart, hciRadio | hciSignal, hciHeard, b[0]}, b[1:]...), 0x5A)
}

// listenTo plays a receiver that tells what was said to it.
func listenTo(n int, told chan<- string) meteringtest.Play {
	return func(far io.ReadWriter, _ <-chan struct{}) {
		b := make([]byte, n)
		if _, err := io.ReadFull(far, b); err == nil {
			told <- string(b)
		}
	}
}

// run runs a meter until it is stopped.
func run(t *testing.T, m metering.Meter) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx, func(metering.Reading) {}) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
