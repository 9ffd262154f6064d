package modbus

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/meteringtest"
)

// exchange is a question and the slave's answer to it, as lines.
func exchange(s *slave, unit byte, address, count int) string {
	q := request{unit: unit, function: readInput, address: uint16(address), count: uint16(count)}
	reply := append([]byte{unit}, s.answer(q.pdu())...)
	reply = binary.LittleEndian.AppendUint16(reply, crc(reply))
	return fmt.Sprintf("%x\n%x\n", q.rtu(), reply)
}

func TestDecodeDialog(t *testing.T) {
	sdm := &slave{model: "sdm630", truth: meteringtest.Truth{Import: 10909 * units.KilowattHour, Export: units.KilowattHour, Power: 1500 * units.Watt, Voltage: 230_000, Current: 6_522, Frequency: 50_000}}
	pz := &slave{model: "pzem004t", truth: sdm.truth}
	whole := exchange(sdm, 1, 0, 0x4C)
	lines := strings.Split(whole, "\n")
	tcp := func(b string) string {
		raw, _ := hex.DecodeString(b)
		raw = raw[:len(raw)-2]
		return fmt.Sprintf("00010000%04x%x", len(raw), raw)
	}
	for _, row := range []struct {
		name   string
		pzem   bool
		in     string
		n      int
		faults []metering.Code
		first  string
	}{
		{"all in one question", false, whole, 1, nil, "10909.000 1.000 1500 230000 6522 50000 3"},
		{"value by value", false, exchange(sdm, 1, 0x48, 2) + exchange(sdm, 1, 0x34, 2) + exchange(sdm, 1, 0x46, 2), 1, nil, "10909.000 0.000 1500 0 0 50000 0"},
		{"twice the same: two readings", false, whole + whole, 2, nil, ""},
		{"two units: two readings", false, exchange(sdm, 1, 0x48, 2) + exchange(sdm, 2, 0x48, 2), 2, nil, ""},
		{"a PZEM", true, exchange(pz, 0xF8, 0, 10), 1, nil, "10909.000 0.000 1500 230000 6522 50000 1"},
		{"with blanks, labels, comments and upper case", false, "# SDM630\nTX: " + strings.ToUpper(lines[0]) + "\nsome noise\nRX: " + lines[1][:10] + " " + lines[1][10:] + " # ok\n", 1, nil, "10909.000 1.000 1500 230000 6522 50000 3"},
		{"over TCP", false, tcp(lines[0]) + "\n" + tcp(lines[1]) + "\n", 1, nil, "10909.000 1.000 1500 230000 6522 50000 3"},
		{"the answer is cut", false, lines[0] + "\n" + lines[1][:60] + "\n", 0, []metering.Code{metering.Short}, ""},
		{"the answer is missing", false, lines[0] + "\n", 0, []metering.Code{metering.Short}, ""},
		{"the question is missing", false, lines[1] + "\n", 0, []metering.Code{metering.UnknownReply}, ""},
		{"a wrong check sum, then a whole exchange", false, lines[0] + "\n" + strings.Replace(lines[1], "4366", "4367", 1) + "\n" + whole, 1, []metering.Code{metering.Checksum}, ""},
		{"an exception", false, lines[0] + "\n018402c2c1\n", 0, []metering.Code{metering.Exception}, ""},
		{"nothing", false, "", 0, nil, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, errs := DecodeDialog(row.pzem, []byte(row.in))
			var codes []metering.Code
			for _, e := range errs {
				codes = append(codes, metering.CodeOf(e))
			}
			if len(got) != row.n || fmt.Sprint(codes) != fmt.Sprint(row.faults) {
				t.Fatalf("%d readings, errors %v; want %d, %v", len(got), errs, row.n, row.faults)
			}
			if row.first == "" {
				return
			}
			s := got[0].Sample
			if text := fmt.Sprintf("%.3f %.3f %.0f %d %d %d %d", s.Import.KWh(), s.Export.KWh(), s.Power.W(), s.Voltage, s.Current, s.Frequency, len(s.Phases)); text != row.first {
				t.Errorf("got  %s\nwant %s", text, row.first)
			}
		})
	}
}

func FuzzDialog(f *testing.F) {
	sdm := &slave{model: "sdm630", truth: meteringtest.Truth{Import: 5 * units.KilowattHour, Voltage: 230_000}}
	pz := &slave{model: "pzem004t", truth: sdm.truth}
	f.Add([]byte(exchange(sdm, 1, 0, 0x4C)), false)
	f.Add([]byte(exchange(pz, 1, 0, 10)), true)
	f.Add([]byte("TX: 01 04 00 00 00 0C\nRX: 01 84 02 c2 c1\n"), false)
	f.Fuzz(func(t *testing.T, b []byte, pzem bool) {
		var got []metering.Telegram
		var errs []error
		meteringtest.Modest(t, b, func() { got, errs = DecodeDialog(pzem, b) })
		for _, e := range errs {
			if metering.CodeOf(e) == "" {
				t.Fatalf("error without a code: %v", e)
			}
		}
		for _, g := range got {
			if err := g.Sample.Sane("fuzz"); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func BenchmarkDecodeDialog(b *testing.B) {
	sdm := &slave{model: "sdm630", truth: meteringtest.Truth{Import: 5 * units.KilowattHour, Voltage: 230_000}}
	data := []byte(strings.Repeat(exchange(sdm, 1, 0, 0x4C), 100))
	meteringtest.Throughput(b, len(data), func() {
		if got, errs := DecodeDialog(false, data); len(got) != 100 || len(errs) != 0 {
			b.Fatal(len(got), errs)
		}
	})
}
