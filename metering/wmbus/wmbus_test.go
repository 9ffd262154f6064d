package wmbus

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/glo"
	"github.com/keeplit/keeplit/metering/meteringtest"
)

const vectors = "testdata/vectors.json"

// keyOf is what a vector is read with: none where it is in clear.
func keyOf(tb testing.TB, v meteringtest.Vector) []byte {
	tb.Helper()
	if v.What == "clear" {
		return nil
	}
	k, err := glo.ReadKey(v.Key)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

// electric are the vectors of electricity meters.
func electric(tb testing.TB) []meteringtest.Vector {
	tb.Helper()
	return append(meteringtest.Vectors(tb, vectors, "read"), meteringtest.Vectors(tb, vectors, "clear")...)
}

func TestTelegramsThatSomebodyElseEncryptedAreRead(t *testing.T) {
	for _, v := range electric(t) {
		got, errs := decodeWith([]byte(v.Hex), keyOf(t, v))
		if len(errs) != 0 || len(got) != 1 || !v.Says.Agrees(got[0].Sample) {
			t.Errorf("%s: %+v, %v", v.Name, got, errs)
		}
	}
}

// The examples of the specification are of a gas meter: what is in them comes out, and is
// refused for what it is.
func TestTheExamplesOfTheSpecificationAreOpened(t *testing.T) {
	for _, v := range meteringtest.Vectors(t, vectors, "annex") {
		b, _, err := plain(v.Data)
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		m, err := parse(b)
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		words, how, err := m.open(keyOf(t, v))
		if err != nil || strings.ToUpper(hex.EncodeToString(words)) != "2F2F0C1427048502046D32371F1502FD1700002F2F2F2F2F2F2F2F2F2F2F2F2F" {
			t.Errorf("%s: %X, %v", v.Name, words, err)
		}
		if profileB := strings.Contains(v.Name, "profile B"); profileB != (how.kind == byProof && how.counter == 0x0AB3) {
			t.Errorf("%s: %+v", v.Name, how)
		}
		all, err := records(words)
		if err != nil || len(all) != 3 || all[0].name() != "0C14" || all[0].text() != "2850427" || m.meter.String() != "ELS-12345678" {
			t.Errorf("%s: %+v, %v", v.Name, all, err)
		}
		if _, errs := decodeWith([]byte(v.Hex), keyOf(t, v)); len(errs) != 1 || !strings.Contains(errs[0].Error(), "a gas meter") {
			t.Errorf("%s: %v", v.Name, errs)
		}
	}
}

// Whatever becomes of a frame with check sums on its way, it is read as it was or not at all.
func TestNoDamagedFrameIsReadWrong(t *testing.T) {
	for _, v := range electric(t) {
		if strings.Contains(v.Name, "check sums taken out") || strings.Contains(v.Name, "tacked on") {
			continue // nothing tells
		}
		key := keyOf(t, v)
		try := func(what string, at int, b []byte) {
			e := ear(enough) // the receiver has handed frames on with their sums
			got, err := decodeFrame(&e, b, key)
			if err == nil && !v.Says.Agrees(got.Sample) {
				t.Fatalf("%s, %s at byte %d: %+v", v.Name, what, at, got)
			}
		}
		meteringtest.Damage(v.Data, try)
	}
}

// Mode 7 proves itself: with the check sums made anew not one bit can be turned over that changes
// what is read.
func TestNothingOfModeSevenCanBeChanged(t *testing.T) {
	n := 0
	for _, v := range meteringtest.Vectors(t, vectors, "read") {
		if !strings.Contains(v.Name, "mode 7") {
			continue
		}
		n++
		b, _, err := plain(v.Data)
		if err != nil {
			t.Fatal(err)
		}
		for i := headLen; i < len(b); i++ {
			for bit := range 8 {
				c := bytes.Clone(b)
				c[i] ^= 1 << bit
				if got, err := decodeFrame(new(ear), c, keyOf(t, v)); err == nil && !v.Says.Agrees(got.Sample) {
					t.Errorf("%s: bit %d of byte %d is turned over, and it is read: %+v", v.Name, bit, i, got)
				}
			}
		}
	}
	if n < 3 {
		t.Errorf("%d vectors of mode 7", n)
	}
}

func TestCMACIsThatOfTheStandard(t *testing.T) {
	key := unhex(t, "2b7e151628aed2a6abf7158809cf4f3c") // RFC 4493, section 4
	text := unhex(t, "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710")
	for _, row := range []struct {
		n    int
		want string
	}{
		{0, "bb1d6929e95937287fa37d129b756746"},
		{16, "070a16b46b4d4144f79bdd9dd04a287c"},
		{40, "dfa66747de9ae63030ca32611497c827"},
		{64, "51f0bebf7e3b9d92fc49741779363cfe"},
	} {
		if got := cmac(block(t, key), text[:row.n]); hex.EncodeToString(got[:]) != row.want {
			t.Errorf("%d bytes: %x", row.n, got)
		}
	}
	if got := crc([]byte("123456789")); got != 0xC2B7 {
		t.Errorf("CRC of EN 13757 is %04X, want C2B7", got)
	}
}

func TestFramesAreFoundInWhatReceiversWrite(t *testing.T) {
	v := meteringtest.Vectors(t, vectors, "read")[0]
	bare, _, err := plain(v.Data)
	if err != nil {
		t.Fatal(err)
	}
	without := hex.EncodeToString(bare)
	for _, row := range []struct {
		name, text string
		n          int
	}{
		{"hexadecimal alone", without, 1},
		{"in capitals, with a carriage return", strings.ToUpper(without) + "\r", 1},
		{"rtl_wmbus", "T1;1;1;2026-11-02 07:14:18.000;117;102;10101010;0x" + without, 1},
		{"rtl_wmbus, received badly", "T1;0;1;2026-11-02 07:14:18.000;117;102;10101010;0x" + without, 0},
		{"rtl_433, one line of JSON", fmt.Sprintf(`{"time" : "2026-11-02 20:40:47", "model" : "Wireless-MBus", "id" : 10101010, "data" : %q, "mic" : "CRC"}`, without), 1},
		{"a CUL in mode T, with its signal", "b" + v.Hex + "8A13\r", 1},
		{"wmbusmeters", "telegram=|" + without + "|+12", 1},
		{"two on two lines", without + "\n" + without, 2},
		{"words", "Found Rafael Micro R820T tuner, exact sample rate is 1600000.033247 Hz", 0},
		{"digits too few", "2E4401061010101002", 0},
		{"nothing", "", 0},
	} {
		got, errs := decodeWith([]byte(row.text+"\n"), keyOf(t, v))
		if len(got) != row.n || len(errs) != 0 {
			t.Errorf("%s: %d telegrams, %v", row.name, len(got), errs)
		}
	}
}

func TestWhatCannotBeReadIsSaid(t *testing.T) {
	of := func(what string, n int) meteringtest.Vector { return meteringtest.Vectors(t, vectors, what)[n] }
	one, clear := of("read", 0), of("clear", 0)
	key := keyOf(t, one)
	other := bytes.Repeat([]byte{1}, 16)
	named := func(part string) meteringtest.Vector {
		for _, v := range meteringtest.Vectors(t, vectors, "read") {
			if strings.Contains(v.Name, part) {
				return v
			}
		}
		t.Fatalf("no vector of %s", part)
		return one
	}
	seven, session := named("eBZ"), named("Kamstrup")
	head := "44" + "0106" + "10101010" + "0202"
	frame := func(body string) string {
		b := unhex(t, head+body)
		return hex.EncodeToString(append([]byte{byte(len(b))}, b...))
	}
	for _, row := range []struct {
		name, hex string
		key       []byte
		code      metering.Code
		says      string
	}{
		{"encrypted, and no key", one.Hex, nil, metering.UnknownReply, "ask the grid operator"},
		{"mode 7, and no key", seven.Hex, nil, metering.UnknownReply, "ask the grid operator"},
		{"the link layer encrypted, and no key", session.Hex, nil, metering.UnknownReply, "ask the grid operator"},
		{"another key", one.Hex, other, metering.Checksum, "check the key"},
		{"mode 7, another key", seven.Hex, other, metering.Checksum, "check the key"},
		{"the link layer encrypted, another key", session.Hex, other, metering.Checksum, "check the key"},
		{"in clear, and a key", clear.Hex, key, metering.UnknownReply, "in clear"},
		{"mode 5 with nothing encrypted, and a key", frame("7A00000005" + "0C0312345678"), key, metering.UnknownReply, "in clear"},
		{"a mode that is not known", frame("7A0000000D"), key, metering.UnknownReply, "security mode 13"},
		{"more blocks than bytes", frame("7A00002005" + strings.Repeat("00", 16)), key, metering.Short, "16 of 32 bytes"},
		{"control information that is not known", frame("A0000000"), nil, metering.UnknownReply, "A0 is not known"},
		{"a compact telegram", frame("79000000"), nil, metering.UnknownReply, "compact"},
		{"in several parts", frame("90020040"), nil, metering.UnknownReply, "several parts"},
		{"cut in its header", frame("7A0000"), nil, metering.Short, "2 of 4 bytes"},
		{"cut in a value", frame("7A000000000C0312"), nil, metering.Short, "within a value"},
		{"a value without an end", frame("7A00000000" + strings.Repeat("8F", 20)), nil, metering.UnknownReply, "without an end"},
		{"a text longer than the telegram", frame("7A000000000DFD11BF41"), nil, metering.Short, "within a value"},
		{"a length that is none", frame("7A000000000DFD11FF41"), nil, metering.UnknownReply, "told as FF"},
		{"no value of electricity", frame("7A000000000C7812345678"), nil, metering.UnknownReply, "neither energy nor power"},
		{"a register below zero", frame("7A000000000403FFFFFFF0"), nil, metering.Range, "import register"},
		{"a voltage beyond any", frame("7A0000000004FD4900000F00"), nil, metering.Range, "voltage"},
		{"a check sum that is wrong", strings.Replace(one.Hex, "0202", "0203", 1), key, metering.Checksum, "check sum"},
		{"longer than it says", "2E" + one.Hex[2:], key, metering.UnknownReply, "says that it has 47"},
	} {
		got, errs := decodeWith([]byte(row.hex), row.key)
		if len(got) != 0 || len(errs) != 1 || metering.CodeOf(errs[0]) != row.code || !strings.Contains(errs[0].Error(), row.says) {
			t.Errorf("%s: %+v, %v", row.name, got, errs)
		}
	}
}

// A value that is not there is not zero, and one of another time is not one of now.
func TestValuesThatAreNotOfNowAreLeftOut(t *testing.T) {
	for _, row := range []struct {
		name, words, want string
	}{
		{"import and power", "0403E8030000 022BF401", "in 1.000, 500 W"},
		{"power that flows out, with a sign", "0403E8030000 022B0CFE", "in 1.000, -500 W"},
		{"power of each way", "022B0000 02AB3CF401", "-500 W"},
		{"power that flows in, said so", "02AB3BF401 02AB3C0000", "500 W"},
		{"a register in error", "3403E8030000 022BF401", "500 W"},
		{"a register that is not available", "040300000080 022BF401", "500 W"},
		{"digits that are none", "0C03EEEEEEEE 022BF401", "500 W"},
		{"a negative number in digits", "0A2B0005F0 022BF401", ""},
		{"the greatest power", "122BE803 022BF401", "500 W"},
		{"a register of the last month", "4403E8030000 022BF401", "500 W"},
		{"a register of a month before", "84010310270000 0403E8030000", "in 1.000"},
		{"tariffs", "84100310270000 842003E8030000", "in 11.000, tariffs"},
		{"tariffs and their sum", "84100310270000 842003E8030000 0403F82A0000", "in 11.000"},
		{"another meter in the box", "8440 03E8030000 022BF401", "500 W"},
		{"the limit of power", "0BABC8FC10000000 022BF401", "500 W"},
		{"power of each phase", "02ABFC01F401 02ABFC02E803 02ABFC030CFE", "1000 W, phases 500 1000 -500"},
		{"a number with a point", "052B00004842 0403E8030000", "in 1.000, 50 W"},
		{"no number with a point", "052B0000C07F 0403E8030000", "in 1.000"},
		{"joules", "040840420F00 022BF401", "in 0.278, 500 W"},
		{"megawatt hours", "04FB0101000000", "in 1000.000"},
		{"tens of kWh", "040764000000", "in 1000.000"},
		{"idle bytes between", "2F2F 022BF401 2F2F2F", "500 W"},
		{"the maker's own after", "022BF401 0F DEADBEEF", "500 W"},
		{"current", "022BF401 04FD5910270000", "500 W, 10000 mA"},
	} {
		words := unhex(t, row.words)
		m := message{meter: linkAddress(unhex(t, "0106101010100202"))}
		got, err := m.telegram(words, dialectOf(t))
		if row.want == "" {
			if err == nil {
				t.Errorf("%s: %+v", row.name, got.Sample)
			}
			continue
		}
		if said := say(got.Sample); err != nil || said != row.want {
			t.Errorf("%s: %s, %v; want %s", row.name, said, err, row.want)
		}
	}
}

func say(s metering.Sample) string {
	var out []string
	if s.Gives(metering.HasImport) {
		out = append(out, fmt.Sprintf("in %.3f", s.Import.KWh()))
	}
	if s.Gives(metering.HasExport) {
		out = append(out, fmt.Sprintf("out %.3f", s.Export.KWh()))
	}
	if s.ImportSum > 1 {
		out = append(out, "tariffs")
	}
	if s.Gives(metering.HasPower) {
		out = append(out, fmt.Sprintf("%.0f W", s.Power.W()))
	}
	if s.Gives(metering.HasCurrent) {
		out = append(out, fmt.Sprintf("%d mA", s.Current))
	}
	if len(s.Phases) == 3 {
		out = append(out, fmt.Sprintf("phases %.0f %.0f %.0f", s.Phases[0].Power.W(), s.Phases[1].Power.W(), s.Phases[2].Power.W()))
	}
	return strings.Join(out, ", ")
}

func TestStatusIsTold(t *testing.T) {
	for s, want := range map[byte]string{0: "ok", 1: "busy", 2: "error", 3: "alarm", 4: "power low", 0x18: "permanent error, temporary error", 0xA0: "maker's A0"} {
		if got := statusText(s); got != want {
			t.Errorf("%02X: %q", s, got)
		}
	}
}
