package metermatrix

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/meteringtest"
)

// radioMeter sends wireless M-Bus in security mode 5, as a receiver writes it in lines.
type radioMeter struct {
	block  cipher.Block
	access byte
}

// radioAddress is maker, number, version and kind: APA 12345678, electricity.
const radioAddress = "\x01\x06\x78\x56\x34\x12\x02\x02"

func (m *radioMeter) telegram(f face) []byte {
	m.access++
	words := []byte{0x2F, 0x2F}
	number := func(head string, v int64) {
		words = binary.LittleEndian.AppendUint32(append(words, head...), uint32(v))
	}
	if f.lacks&metering.HasImport == 0 {
		number("\x04\x03", int64(f.imported/units.WattHour))
	}
	number("\x04\x83\x3C", 0)
	if f.lacks&metering.HasPower == 0 {
		number("\x04\x2B", int64(f.power/units.Watt))
	}
	if f.lacks&metering.HasVoltage == 0 {
		number("\x04\xFD\xC9\xFC\x01", volts)
		number("\x04\xFD\xD9\xFC\x01", int64(f.amps()*1000))
	}
	for len(words)%16 != 0 {
		words = append(words, 0x2F)
	}
	iv := []byte(radioAddress)
	for len(iv) < 16 {
		iv = append(iv, m.access)
	}
	closed := make([]byte, len(words))
	cipher.NewCBCEncrypter(m.block, iv).CryptBlocks(closed, words)
	b := append([]byte("\x00\x44"+radioAddress), 0x7A, m.access, 0, byte(len(words)), 5)
	b = append(b, closed...)
	b[0] = byte(len(b) - 1)
	var out []byte
	for size := 10; len(b) > 0; size = 16 {
		n := min(size, len(b))
		out = binary.BigEndian.AppendUint16(append(out, b[:n]...), crcOfRadio(b[:n]))
		b = b[n:]
	}
	return append([]byte(hex.EncodeToString(out)), '\n')
}

// crcOfRadio is the check sum of EN 13757.
func crcOfRadio(b []byte) uint16 {
	sum := uint16(0)
	for _, c := range b {
		for bit := 7; bit >= 0; bit-- {
			one := sum>>15 != uint16(c>>bit&1)
			if sum <<= 1; one {
				sum ^= 0x3D65
			}
		}
	}
	return ^sum
}

// newRadio makes such a meter, and writes its key into a file.
func newRadio(t *testing.T) (m *radioMeter, file string) {
	t.Helper()
	key := strings.Repeat("5A", 16)
	file = filepath.Join(t.TempDir(), "meter.key")
	if err := os.WriteFile(file, []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	raw, _ := hex.DecodeString(key)
	block, err := aes.NewCipher(raw)
	if err != nil {
		t.Fatal(err)
	}
	return &radioMeter{block: block}, file
}

func radio(t *testing.T, w *world) rig {
	t.Helper()
	m, file := newRadio(t)
	s := &speaker{w: w, telegram: m.telegram}
	g := meteringtest.NewGateway(t, s.play)
	return rig{
		meter: fmt.Sprintf("driver: wmbus, every: 10s, rollover: 10000 kWh, wmbus: {number: \"12345678\", key: {file: %q}, port: %q}", file, g.Address()),
		push:  s.push,
	}
}

// radioOver is a receiver that publishes what it hears, in base64 in JSON.
func (m *mosquitto) radioOver(t *testing.T, w *world) rig {
	t.Helper()
	meter, file := newRadio(t)
	told := func(f face) []byte {
		raw, _ := hex.DecodeString(strings.TrimSpace(string(meter.telegram(f))))
		return fmt.Appendf(nil, `{"rssi":-71,"raw":%q}`, base64.StdEncoding.EncodeToString(raw))
	}
	yaml := fmt.Sprintf("driver: wmbus, every: 10s, rollover: 10000 kWh, wmbus: {number: \"12345678\", key: {file: %q}, topic: \"DEVICE/telegram\"}", file)
	return m.on("DEVICE/telegram", yaml, told)(t, w)
}
