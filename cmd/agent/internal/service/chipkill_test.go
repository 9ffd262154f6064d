package service

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/journal"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/internal/store"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering/atm90e32"
)

// chipVictim, set to a folder, makes this test binary an agent that meters with
// an energy chip: see meterWithChip.
const chipVictim = "KEEPLIT_TEST_CHIP_VICTIM"

const chipConfig = `
site: {id: kill, meter: "04000000001"}
data: data
meter: {driver: atm90e32, atm90e32: {bus: SPI0.0, voltage_gain: 7305, current_gain: 27961}}
tariff:
  document:
    name: flat
    currency: EUR
    zone: UTC
    versions: [{energy: [{name: energy, price: 0.3}]}]
credit: {opening: 100000}
tokens: {openpaygo: {key: {file: token.key}, starting_code: 123456789, unit: money}}
schedule: {persist: 1m}
web: {listen: "127.0.0.1:0"}
`

// remoteChip is an SPI port whose chip lives in the process that kills this one.
// Each frame comes back with the world's clock.
type remoteChip struct {
	line net.Conn
	mu   sync.Mutex
	now  time.Time
}

func (c *remoteChip) String() string                    { return "remote chip" }
func (c *remoteChip) Duplex() conn.Duplex               { return conn.Full }
func (c *remoteChip) TxPackets([]spi.Packet) error      { return errors.New("not used") }
func (c *remoteChip) LimitSpeed(physic.Frequency) error { return nil }
func (c *remoteChip) Connect(physic.Frequency, spi.Mode, int) (spi.Conn, error) {
	return c, nil
}

func (c *remoteChip) Tx(w, r []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := c.line.Write(w); err != nil {
		return err
	}
	var answer [12]byte
	if _, err := io.ReadFull(c.line, answer[:]); err != nil {
		return err
	}
	copy(r, answer[:4])
	c.now = time.UnixMilli(int64(binary.BigEndian.Uint64(answer[4:]))).UTC()
	return nil
}

func (c *remoteChip) clock() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// meterWithChip runs the control loop, the store and the driver of the chip, as
// the agent does, until it is killed.
func meterWithChip(dir string) {
	ctx := context.Background()
	must := func(err error) {
		if err != nil {
			fatal{}.Fatal(err)
		}
	}
	line, err := net.Dial("unix", filepath.Join(dir, "spi"))
	must(err)
	chip := &remoteChip{line: line}
	must(chip.Tx([]byte{0, 0xFF, 0, 0}, make([]byte, 4))) // to know the time
	cfg, err := loaded(filepath.Join(dir, "keeplit.yaml"))
	must(err)
	s := blank(cfg, slog.New(slog.DiscardHandler))
	s.store, err = store.Open(ctx, cfg.Path(cfg.Data), store.Options{Ballast: -1})
	must(err)
	s.site, err = SiteOf(cfg)
	must(err)
	s.site.Wall = false // the world's clock is its own
	state, resumed, err := journal.Resume(ctx, s.store)
	must(err)
	var first control.Effects
	if resumed {
		state, err = s.site.Resume(state)
		must(err)
	} else {
		state, first = s.site.Begin(chip.clock())
	}
	s.plans, err = s.plansOf(ctx, nil)
	must(err)
	s.loop = control.NewLoop(control.LoopConfig{
		Site: s.site, State: state, First: first, Planner: s.plans, Journal: journal.New(s.store, nil, false, present.NewWords().Plain(s.site)),
		Now: chip.clock, PersistEvery: cfg.Schedule.Persist, PlanTime: time.Second, Log: s.log,
	})
	given := s.meterEnv(state)
	given.Now = chip.clock
	chipCfg := cfg.Meter.Settings.(*atm90e32.Document).Config(given)
	chipCfg.Port, chipCfg.Every = chip, 200*time.Microsecond
	meter, err := atm90e32.New(chipCfg)
	must(err)
	go func() { must(s.loop.Run(ctx)) }()
	must(meter.Run(ctx, s.feed(ctx)))
}

// world is the chip and the house behind it.  A second passes for each sample.
type world struct {
	regs     [256]uint16
	unlocked bool
	last     uint16
	now      time.Time
	power    units.Power
	inside   units.Energy // counted and not read
	rest     units.Energy
	used     units.Energy // in all
	taken    units.Energy // read out, in all
	reads    []units.Energy
	rng      *rand.Rand
}

// forced is less than what the chip's registers hold when they are read although
// the reading before is not stored: half of what they can.
const forced = count320 << 16 / 2 * 9 / 10

// count is one count of the chip's energy registers.
const count320 = units.WattHour / 320

func (w *world) frame(in []byte) (out [12]byte) {
	address, value := binary.BigEndian.Uint16(in), binary.BigEndian.Uint16(in[2:])
	register := address & 0xFF
	answer := uint16(0)
	switch {
	case address&0x8000 == 0:
		w.last = value
		switch {
		case register == 0x7F:
			w.unlocked = value == 0x55AA
		case register == 0x70 && value == 0x789A:
			w.regs, w.inside = [256]uint16{}, 0
		case w.unlocked:
			w.regs[register] = value
		}
	case register == 0x78:
		answer = w.last
	default:
		if register == 0 && w.regs[0] == 1 {
			w.second()
		}
		answer = w.read(register)
		w.last = answer
	}
	binary.BigEndian.PutUint16(out[2:], answer)
	binary.BigEndian.PutUint64(out[4:], uint64(w.now.UnixMilli()))
	return out
}

// second lets a second pass: a house that mostly draws little, and now and then
// what a chip's register holds in half a minute.
func (w *world) second() {
	w.now = w.now.Add(time.Second)
	if w.rng.IntN(40) == 0 {
		w.power = units.Power(w.rng.IntN(2500)) * units.Watt
		if w.rng.IntN(4) == 0 {
			w.power = units.Power(8000+w.rng.IntN(16_000)) * units.Watt
		}
	}
	e := w.power.Over(time.Second)
	w.used += e
	w.rest += e
	n := w.rest / count320
	w.rest -= n * count320
	w.inside += n * count320
}

func (w *world) read(register uint16) uint16 {
	power := uint32(units.MulDiv(int64(w.power), 100, 32)) // 0.32 mW, all on phase 1
	switch register {
	case 0x80:
		n := uint16(w.inside / count320) // wraps as the chip does
		w.inside = 0
		w.taken += units.Energy(n) * count320
		w.reads = append(w.reads, units.Energy(n)*count320)
		return n
	case 0xB1:
		return uint16(power >> 16)
	case 0xC1:
		return uint16(power)
	case 0xD9, 0xDA, 0xDB:
		return 23000
	case 0xF8:
		return 5000
	}
	return w.regs[register]
}

// TestChipEnergySurvivesKills kills an agent at any moment, half of the time
// right after it has taken energy out of the chip: whatever it has taken before
// that is stored, nothing is counted twice, and the register never goes back.
// KEEPLIT_KILLS=100 for as many kills.
func TestChipEnergySurvivesKills(t *testing.T) {
	kills := 15
	if os.Getenv("KEEPLIT_KILLS") == "100" {
		kills = 100
	}
	dir, err := os.MkdirTemp("", "chip") //nolint:usetesting // a socket's name is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for name, text := range map[string]string{"keeplit.yaml": chipConfig, "token.key": "00112233445566778899aabbccddeeff"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	socket, err := net.Listen("unix", filepath.Join(dir, "spi"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	w := &world{now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), power: 500 * units.Watt, rng: rand.New(rand.NewPCG(8, 9))}
	var lost, before units.Energy
	bitten := 0
	for kill := range kills {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), chipVictim+"="+dir)
		var said syncBuffer
		cmd.Stdout, cmd.Stderr = &said, &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := socket.Accept()
		if err != nil {
			t.Fatal(err)
		}
		first := len(w.reads)
		samples := 30 + w.rng.IntN(400)
		afterEnergy := kill%2 == 0
		in := make([]byte, 4)
		for frames, since := 0, 0; ; frames++ {
			if _, err := io.ReadFull(line, in); err != nil {
				t.Fatalf("kill %d: the agent ended by itself: %v\n%s", kill, err, said.String())
			}
			n := len(w.reads)
			out := w.frame(in)
			if _, err := line.Write(out[:]); err != nil {
				t.Fatal(err)
			}
			if frames/30 < samples {
				continue
			}
			if !afterEnergy || len(w.reads) > n {
				since = 1
			}
			if since > 0 {
				// Anywhere between the read and its storing.
				time.Sleep(time.Duration(w.rng.IntN(3000)) * time.Microsecond)
				break
			}
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
		line.Close()

		st, err := store.Open(t.Context(), filepath.Join(dir, "data"), store.Options{ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		state, ok, err := journal.Resume(t.Context(), st)
		if err != nil || !ok {
			t.Fatalf("kill %d: nothing is stored: %v\n%s", kill, err, said.String())
		}
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
		stored, _ := state.Meter.Shown()
		// What was read last may be lost.  Where the disk was slower than the
		// house's clock, so may what was read before: only because the chip's
		// registers would have overflowed otherwise.
		missing := w.taken - lost - stored
		unstored, n := units.Energy(0), 0
		for ; unstored < missing && n < len(w.reads)-first; n++ {
			if n > 0 && w.reads[len(w.reads)-n] < forced {
				break // it would have waited for this one
			}
			unstored += w.reads[len(w.reads)-1-n]
		}
		if unstored != missing {
			t.Fatalf("kill %d after %d reads: %d uJ taken out of the chip are not stored; the last reads were %v", kill, len(w.reads)-first, missing, w.reads[max(first, len(w.reads)-6):])
		}
		if lost += missing; n > 0 {
			bitten++
		}
		if state.Meter.Registers.Import < before {
			t.Fatalf("kill %d: the register went from %d back to %d", kill, before, state.Meter.Registers.Import)
		}
		before = state.Meter.Registers.Import
		if more := before - w.used; more > 0 {
			t.Fatalf("kill %d: %d uJ more were counted than used", kill, more)
		}
	}
	most := units.Energy(0)
	for _, e := range w.reads {
		most = max(most, e)
	}
	if missing := w.used - before; missing > lost+w.inside+w.rest+most+100*units.WattHour {
		t.Errorf("used %v, counted %v", w.used, before)
	}
	if bitten == 0 {
		t.Error("no kill came between a read and its storing: the test does not bite")
	}
	t.Logf("%d kills over %v: used %v, %d reads, at most %v at once; %d kills between a read and its storing lost %v", kills, w.now.Sub(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)), w.used, len(w.reads), most, bitten, lost)
}

// syncBuffer is what a child says.
type syncBuffer struct {
	mu   sync.Mutex
	text []byte
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text = append(b.text, p...)
	return len(p), nil
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return fmt.Sprintf("%.2000s", b.text)
}
