package sma

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/meteringtest"
)

// Datagrams as meters sent them, from the tests of public readers, and the power,
// current, voltage and export that stand there beside the first.
const (
	// github.com/joanpujol/smasolar, EMeterContentDecoderTest: an Energy Meter 2.0, one phase
	onePhase = "534d4100000402a000000001024400106069015d71551f2293ee13a200010400000018cb0001080000000003950e518000020400000000000002080000000000036ae9a800030400000002c70003080000000000bb21c1e80004040000000000000408000000000011fd0e8800090400000018f30009080000000003bf62e888000a040000000000000a0800000000000f22b3c0000d0400000003e200150400000018cb0015080000000003950e518000160400000000000016080000000000036ae9a800170400000002c70017080000000000bb21c1e80018040000000000001808000000000011fd0e88001d0400000018f3001d080000000003bf62e888001e040000000000001e0800000000000f22b3c0001f040000000bb700200400000371dd00210400000003e20029040000000000002908000000000000000000002a040000000000002a08000000000000000000002b040000000000002b08000000000000000000002c040000000000002c0800000000000000000000310400000000000031080000000000000000000032040000000000003208000000000000000000003304000000000000340400000000000035040000000000003d040000000000003d08000000000000000000003e040000000000003e08000000000000000000003f040000000000003f08000000000000000000004004000000000000400800000000000000000000450400000000000045080000000000000000000046040000000000004608000000000000000000004704000000000000480400000000000049040000000000900000000200105200000000"
	// The test of a Go reader of the same meters ("DecodeTelegram"): three phases, the
	// second feeding in
	threePhases = "534d4100000402a000000001024400106069015d71551764e5bdd84c0001040000000bf70001080000000002f89109100002040000000000000208000000000dcdc5c87800030400000000000003080000000001f123bc00000404000000014e00040800000000016a2919e80009040000000c09000908000000000397ab5348000a040000000000000a08000000000e84ed5c50000d0400000003e200150400000010a90015080000000005378ef3c800160400000000000016080000000003c80e744800170400000000000017080000000001" +
		"05d3843800180400000001150018080000000000e27d9960001d0400000010b2001d08000000000578325168001e040000000000001e08000000000427f938c0001f0400000008a50020040000038e1200210400000003e600290400000000000029080000000000d60cdf10002a0400000004e6002a080000000009ce538888002b040000000005002b080000000000aac925c0002c040000000000002c08000000000031f7dab000310400000000000031080000000000ec5dc47800320400000004e60032080000000009dd81cc70003304000000023c0034040000038fc200350400000003e8003d" +
		"040000000034003d0800000000013ddc2538003e040000000000003e0800000000048a4abc10003f040000000000003f0800000000005def5bc0004004000000003d0040080000000000731be2e80045040000000050004508000000000181b137d00046040000000000004608000000000494ea5428004704000000002300480400000391f80049040000000286900000000200105200000000"
)

func unhexed(tb testing.TB, text string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func say(t metering.Telegram) string {
	s := t.Sample
	out := fmt.Sprintf("%s in %.3f out %.3f %.1f W", t.Meter, s.Import.KWh(), s.Export.KWh(), s.Power.W())
	for _, p := range s.Phases {
		out += fmt.Sprintf(", %.1f W %d mV %d mA", p.Power.W(), p.Voltage, p.Current)
	}
	return out
}

func TestDatagramsOfMetersAreRead(t *testing.T) {
	for _, row := range []struct{ name, hex, want string }{
		{"one phase", onePhase, "349-1901403938 in 4273.790 out 15.927 634.7 W, 634.7 W 225757 mV 2999 mA, 0.0 W 0 mV 0 mA, 0.0 W 0 mV 0 mA"},
		{"three phases", threePhases, "349-1901401956 in 3544.497 out 16468.574 306.3 W, 426.5 W 232978 mV 2213 mA, -125.4 W 233410 mV 572 mA, 5.2 W 233976 mV 35 mA"},
	} {
		for form, data := range map[string][]byte{"in binary": unhexed(t, row.hex), "in hexadecimal": []byte(row.hex[:100] + "\n" + row.hex[100:])} {
			got, errs := Decode(append(bytes.Clone(data), data...))
			if form == "in hexadecimal" {
				got, errs = Decode(data)
			}
			if len(errs) != 0 || len(got) == 0 {
				t.Errorf("%s, %s: %v, %v", row.name, form, got, errs)
			} else if say(got[0]) != row.want {
				t.Errorf("%s, %s:\n got  %s\n want %s", row.name, form, say(got[0]), row.want)
			}
		}
	}
}

// value is one value of a datagram.
func value(index, kind byte, n uint64) []byte {
	b := []byte{0, index, kind, 0}
	if kind == counter {
		return binary.BigEndian.AppendUint64(b, n)
	}
	return binary.BigEndian.AppendUint32(b, uint32(n))
}

// datagram is one of a meter.
func datagram(susy uint16, serial, ticker uint32, values ...[]byte) []byte {
	in := bytes.Join(values, nil)
	b := append([]byte(signature), 0, 4, 2, 0xA0, 0, 0, 0, 1)
	b = binary.BigEndian.AppendUint16(b, uint16(12+len(in)))
	b = append(b, 0, 0x10, 0x60, 0x69)
	b = binary.BigEndian.AppendUint16(b, susy)
	b = binary.BigEndian.AppendUint32(b, serial)
	b = append(binary.BigEndian.AppendUint32(b, ticker), in...)
	return append(b, 0, 0, 0, 0)
}

func house(t meteringtest.Truth, ticker uint32) []byte {
	ws := func(e units.Energy) uint64 { return uint64(e / units.Joule) }
	return datagram(372, 3_000_000_001, ticker,
		value(1, instant, uint64(max(t.Power, 0)/100)), value(1, counter, ws(t.Import)), value(2, instant, uint64(max(-t.Power, 0)/100)), value(2, counter, ws(t.Export)),
		value(14, instant, uint64(t.Frequency)), value(31, instant, uint64(t.Current)), value(32, instant, uint64(t.Voltage)))
}

func TestWhatIsWrongIsSaid(t *testing.T) {
	good := datagram(349, 7, 1, value(1, counter, 3600), value(1, instant, 10))
	change := func(at int, to byte) []byte {
		b := bytes.Clone(good)
		b[at] = to
		return b
	}
	for _, row := range []struct {
		name string
		data []byte
		code metering.Code
	}{
		{"another protocol", change(17, 0x65), ""},
		{"another tag", change(15, 0x11), ""},
		{"another signature", change(2, 'B'), ""},
		{"a length that lies", change(13, 0xFF), metering.Short},
		{"a length of nothing", change(13, 4), metering.UnknownReply},
		{"a value that is cut", datagram(349, 7, 1, value(1, instant, 1), []byte{0, 1, 4}), metering.Short},
		{"a register that is cut", datagram(349, 7, 1, []byte{0, 1, 8, 0, 0, 0, 0, 0}), metering.Short},
		{"a kind that is none", datagram(349, 7, 1, []byte{0, 1, 5, 0, 0, 0, 0, 0}), metering.UnknownReply},
		{"no values", datagram(349, 7, 1), metering.UnknownReply},
		{"a register that is too great", datagram(349, 7, 1, value(1, counter, 1<<63)), metering.Range},
		{"a register beyond what is counted", datagram(349, 7, 1, value(1, counter, 1<<60)), metering.UnknownReply},
		{"a voltage beyond any", datagram(349, 7, 1, value(32, instant, 99_999_000)), metering.Range},
	} {
		got, errs := Decode(row.data)
		if len(got) != 0 || row.code == "" && len(errs) != 0 || row.code != "" && (len(errs) != 1 || metering.CodeOf(errs[0]) != row.code) {
			t.Errorf("%s: %v, %v", row.name, got, errs)
		}
	}
	for i := range good {
		Decode(good[:i])
	}
}

// Two meters on one network: none is taken for the other.
func TestMetersAreToldApart(t *testing.T) {
	a := func(ticker uint32) []byte { return datagram(349, 7, ticker, value(1, counter, 3600)) }
	b := func(ticker uint32) []byte { return datagram(372, 8, ticker, value(1, counter, 7200)) }
	for _, row := range []struct {
		name   string
		serial uint32
		susy   uint16
		in     [][]byte
		want   string
	}{
		{"one", 0, 0, [][]byte{a(1), a(2), a(3)}, "349-7 349-7"},
		{"the same by two ways", 0, 0, [][]byte{a(1), a(2), a(2), a(3), a(3)}, "349-7 349-7"},
		{"two, and none is named", 0, 0, [][]byte{a(1), b(1), a(2), b(2)}, "several several several"},
		{"two, and one is named by its number", 8, 0, [][]byte{a(1), b(1), a(2), b(2)}, "372-8 372-8"},
		{"two, and one is named by its kind", 0, 349, [][]byte{a(1), b(1), a(2), b(2), a(3)}, "349-7 349-7"},
		{"the number of one and the kind of the other", 8, 349, [][]byte{a(1), b(1)}, ""},
	} {
		m, err := New(Config{Listen: Listen("", 0, false), Serial: row.serial, SUSy: row.susy, Gap: time.Nanosecond, Settle: time.Nanosecond, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		var e ears
		var out []string
		for _, d := range row.in {
			r, told := m.take(d, &e)
			switch {
			case !told:
			case r.Err != nil && strings.Contains(r.Err.Error(), "several meters speak here: 349-7, 372-8"):
				out = append(out, "several")
			case r.Err != nil:
				t.Errorf("%s: %v", row.name, r.Err)
			default:
				out = append(out, r.Sample.Device)
			}
			time.Sleep(time.Microsecond)
		}
		if got := strings.Join(out, " "); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
		if row.want == "" && !strings.Contains(m.silence(e).Error(), "others speak: 349-7, 372-8") {
			t.Errorf("%s: %v", row.name, m.silence(e))
		}
	}
}

// Each time the socket is opened anew, whichever meter speaks first is not yet the only one.
func TestNoneIsBelievedBeforeAnotherCouldSpeak(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	m, err := New(Config{Listen: Listen("", 0, false), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	var e ears
	for second := range uint32(10) {
		for _, d := range [][]byte{
			datagram(349, 7, 1000*second, value(1, counter, 3600), value(1, instant, 10)),
			datagram(372, 8, 1000*second, value(1, counter, 7200), value(1, instant, 99)),
		} {
			if r, told := m.take(d, &e); told && r.Err == nil {
				t.Errorf("after %d s: %s is believed, of two that speak", second, r.Sample.Device)
			}
		}
		now = now.Add(time.Second)
	}
	var alone ears
	took := -1
	for second := range 10 {
		if r, told := m.take(datagram(349, 7, uint32(1000*second), value(1, counter, 3600)), &alone); told && r.Err == nil && took < 0 {
			took = second
		}
		now = now.Add(time.Second)
	}
	if took < 1 || took > 5 {
		t.Errorf("the only meter is believed after %d s", took)
	}
}

// Whoever floods the port with what is no telegram does not flood the agent with errors.
func TestAFloodOfBadDatagramsIsNoFloodOfErrors(t *testing.T) {
	far, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	near := make(chan net.Addr, 1)
	m, err := New(Config{Now: time.Now, Serial: 7, Gap: time.Hour, Patience: time.Second, Listen: func(ctx context.Context) (net.PacketConn, error) {
		c, err := Listen("", 0, false)(ctx)
		if err == nil {
			select {
			case near <- &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: c.LocalAddr().(*net.UDPAddr).Port}:
			default:
			}
		}
		return c, err
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var bad, good int
	var wg sync.WaitGroup
	wg.Go(func() {
		to := <-near
		lies := datagram(349, 7, 1, value(1, counter, 3600))
		lies[13] = 0xFF
		for range 200 {
			_, _ = far.WriteTo(lies, to)
			time.Sleep(100 * time.Microsecond)
		}
		for ticker := uint32(5); ctx.Err() == nil; ticker++ {
			_, _ = far.WriteTo(datagram(349, 7, ticker, value(1, counter, 3600)), to)
			time.Sleep(10 * time.Millisecond)
		}
	})
	if err := m.Run(ctx, func(r metering.Reading) {
		if r.Err != nil {
			bad++
			return
		}
		good++
		cancel()
	}); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if good == 0 || bad == 0 || bad > 20 {
		t.Errorf("%d readings and %d errors, of 200 bad datagrams before a good one", good, bad)
	}
}

// speaker plays a meter that speaks each 10 ms.
type speaker struct {
	meteringtest.Stage
	mu sync.Mutex
	at *net.UDPAddr
}

// speak sends until ctx ends.
func (s *speaker) speak(ctx context.Context, conn net.PacketConn) {
	for ticker := uint32(1); ctx.Err() == nil; ticker += 10 {
		t, fault := s.Now()
		s.mu.Lock()
		at := s.at
		s.mu.Unlock()
		if fault == meteringtest.Absurd {
			meteringtest.TooHigh(&t)
		}
		b := house(t, ticker)
		switch fault {
		case meteringtest.Silence:
			b = nil
		case meteringtest.Cut:
			b = b[:len(b)/2]
		case meteringtest.Garbage:
			b = append([]byte(signature), "not a meter at all"...)
		case meteringtest.Refusal: // an inverter's words
			b[17] = 0x65
		}
		if b != nil && at != nil {
			_, _ = conn.WriteTo(b, at) // nobody may be there
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestConformance(t *testing.T) {
	meteringtest.Run(t, meteringtest.Bench{
		Has:    metering.HasImport | metering.HasExport | metering.HasPower | metering.HasVoltage | metering.HasCurrent | metering.HasFrequency,
		Energy: units.WattHour, Power: units.Watt,
		Cases: []meteringtest.Case{
			{Fault: meteringtest.Silence, Codes: []metering.Code{metering.Silent}},
			{Fault: meteringtest.Cut, Codes: []metering.Code{metering.Short}},
			{Fault: meteringtest.Garbage, Codes: []metering.Code{metering.Silent}},
			{Fault: meteringtest.Refusal, Codes: []metering.Code{metering.Silent}},
			{Fault: meteringtest.Absurd, Codes: []metering.Code{metering.Range}},
		},
		New: func(t *testing.T) (metering.Meter, meteringtest.Device) {
			dev := &speaker{}
			conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			var wg sync.WaitGroup
			wg.Go(func() { dev.speak(ctx, conn) })
			t.Cleanup(func() {
				cancel()
				wg.Wait()
				_ = conn.Close()
			})
			listen := func(ctx context.Context) (net.PacketConn, error) {
				c, err := Listen("", 0, false)(ctx)
				if err == nil {
					dev.mu.Lock()
					dev.at = &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: c.LocalAddr().(*net.UDPAddr).Port}
					dev.mu.Unlock()
				}
				return c, err
			}
			m, err := New(Config{Listen: listen, Gap: time.Millisecond, Settle: 5 * time.Millisecond, Patience: 200 * time.Millisecond, Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			return m, dev
		},
	})
}

// Two programs on one machine hear the group on the interface that is named.
func TestTheGroupIsJoinedOnAnInterface(t *testing.T) {
	first, err := Listen("lo", 0, true)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	at := first.LocalAddr().(*net.UDPAddr).Port
	second, err := Listen("lo", at, true)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	out, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	raw, err := out.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	if err := raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptIPMreqn(int(fd), unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &unix.IPMreqn{Ifindex: int32(lo.Index)})
	}); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	if _, err := out.WriteTo(unhexed(t, onePhase), &net.UDPAddr{IP: net.ParseIP(group), Port: at}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]net.PacketConn{"the first": first, "the second": second} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		buf := make([]byte, 2048)
		n, err := read(ctx, c, buf)
		cancel()
		if p, e := parse(buf[:n]); err != nil || e != nil || p.name() != "349-1901403938" {
			t.Errorf("%s: %v, %v", name, err, e)
		}
	}
	if _, err := Listen("nowhere0", 0, true)(t.Context()); err == nil || !strings.Contains(err.Error(), "nowhere0") {
		t.Errorf("an interface that is not there: %v", err)
	}
}

func TestSettings(t *testing.T) {
	for _, row := range []struct {
		name string
		doc  Document
		path string // of its fault; empty: it is good
	}{
		{"a good one", Document{Interface: "eth0", Serial: 7, SUSy: 349}, ""},
		{"any interface", Document{Interface: "any"}, ""},
		{"unicast", Document{Unicast: true}, ""},
		{"no interface", Document{}, "interface"},
		{"both", Document{Interface: "eth0", Unicast: true}, "interface"},
		{"a name that is none", Document{Interface: "the network in the cellar"}, "interface"},
	} {
		meteringtest.Faults(t, row.name, row.doc.Check(), row.path)
		if row.path == "" {
			meteringtest.Opens(t, row.name, &row.doc)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(unhexed(f, onePhase))
	f.Add(unhexed(f, threePhases))
	f.Add(datagram(349, 7, 1, value(1, counter, 1<<63), []byte{0, 1, 5}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var got []metering.Telegram
		var errs []error
		meteringtest.Modest(t, b, func() {
			got, errs = Decode(b)
			if len(b) < maxPayload/2 { // and with a head that is right
				g, e := Decode(datagram(349, 7, 1, b))
				got, errs = append(got, g...), append(errs, e...)
			}
		})
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
