package pulse

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpiotest"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/meteringtest"
)

const perKWh = 1000

// kernel plays the kernel's side of a line request over a pipe.
type kernel struct {
	mu    sync.Mutex
	w     *os.File
	seq   uint32
	clock uint64
	count int64
	drop  bool
}

func (k *kernel) event(id uint32) []byte {
	b := make([]byte, eventSize)
	k.clock += 50_000_000
	binary.NativeEndian.PutUint64(b, k.clock)
	binary.NativeEndian.PutUint32(b[8:], id)
	k.seq++
	binary.NativeEndian.PutUint32(b[16:], k.seq)
	binary.NativeEndian.PutUint32(b[20:], k.seq)
	return b
}

// pulse makes n pulses, of which all but the last are dropped while drop is on.
func (k *kernel) pulse(n int64) {
	for i := range n {
		b := k.event(2)
		if k.drop && i < n-1 {
			continue
		}
		if _, err := k.w.Write(b); err != nil {
			return
		}
	}
	k.count += n
}

func (k *kernel) Show(t meteringtest.Truth) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pulse(Count(t.Import, perKWh) - k.count)
}

func (k *kernel) Break(f meteringtest.Fault) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.drop = f == meteringtest.Silence
	if f == meteringtest.Garbage {
		_, _ = k.w.Write(k.event(77))
		k.seq--
	}
}

func TestConformanceLine(t *testing.T) {
	meteringtest.Run(t, meteringtest.Bench{
		Has: metering.HasImport, Counts: true,
		Cases: []meteringtest.Case{
			{Fault: meteringtest.Silence}, // the kernel drops events
			{Fault: meteringtest.Garbage, Codes: []metering.Code{metering.Offline}},
		},
		New: func(t *testing.T) (metering.Meter, meteringtest.Device) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { r.Close(); w.Close() })
			m, err := New(NewLine(r), Config{PerKWh: perKWh, Start: 1234 * units.KilowattHour, Every: 10 * time.Millisecond, Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			return m, &kernel{w: w, count: 1_234_000}
		},
	})
}

// onPin plays a contact on a periph pin.
type onPin struct {
	pin   *gpiotest.Pin
	count int64
}

func (p *onPin) Show(t meteringtest.Truth) {
	for n := Count(t.Import, perKWh); p.count < n; p.count++ {
		p.pin.EdgesChan <- gpio.Low
		time.Sleep(time.Millisecond)
	}
}

func (p *onPin) Break(meteringtest.Fault) {}

func TestConformancePin(t *testing.T) {
	meteringtest.Run(t, meteringtest.Bench{
		Has: metering.HasImport, Counts: true,
		New: func(t *testing.T) (metering.Meter, meteringtest.Device) {
			pin := &gpiotest.Pin{N: "GPIO17", EdgesChan: make(chan gpio.Level, 64)}
			src, err := NewPin(pin, time.Microsecond, time.Now)
			if err != nil {
				t.Fatal(err)
			}
			m, err := New(src, Config{PerKWh: perKWh, Start: 1234 * units.KilowattHour, Every: 10 * time.Millisecond, Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			return m, &onPin{pin: pin, count: 1_234_000}
		},
	})
}

// A contact that bounces gives one pulse.
func TestPinDebounce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pin := &gpiotest.Pin{N: "GPIO17", EdgesChan: make(chan gpio.Level, 64)}
		src, err := NewPin(pin, 0, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				p, err := src.Next(ctx)
				if err != nil {
					return
				}
				n += p.N
			}
		}()
		for range 10 { // ten pulses, each with four bounces in 4 ms
			for range 5 {
				pin.EdgesChan <- gpio.Low
				time.Sleep(time.Millisecond)
			}
			time.Sleep(100 * time.Millisecond)
		}
		cancel()
		<-done
		if n != 10 {
			t.Errorf("counted %d pulses, want 10", n)
		}
	})
}

// A clock that is set back by an hour makes no bounces of the pulses of an hour.
func TestPulsesAreCountedWhereTheClockWasPutBack(t *testing.T) {
	pin := &gpiotest.Pin{N: "GPIO17", EdgesChan: make(chan gpio.Level, 1)}
	now := time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)
	src, err := NewPin(pin, 0, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	last := time.Duration(0)
	for i, passed := range []time.Duration{0, 10 * time.Second, -time.Hour, 10 * time.Second, 365 * 24 * time.Hour, 10 * time.Second} {
		now = now.Add(passed)
		pin.EdgesChan <- gpio.Low
		p, err := src.Next(t.Context())
		if err != nil || p.N != 1 || p.At < last || passed > 0 && p.At != last+passed {
			t.Errorf("pulse %d: %+v, %v after %v", i, p, err, last)
		}
		last = p.At
	}
}

func TestLineEvents(t *testing.T) {
	ev := func(id, seq uint32) []byte {
		k := kernel{seq: seq - 1}
		return k.event(id)
	}
	for _, row := range []struct {
		name      string
		begun     bool
		last      uint32
		in        []byte
		n, missed int
		fails     bool
	}{
		{"first of all", false, 0, ev(2, 1), 1, 0, false},
		{"two were dropped before the first", false, 0, ev(2, 3), 3, 2, false},
		{"next", true, 7, ev(2, 8), 1, 0, false},
		{"84 dropped", true, 7, ev(2, 92), 85, 84, false},
		{"the number wraps", true, 0xFFFFFFFF, ev(2, 2), 3, 2, false},
		{"half an event", true, 7, ev(2, 8)[:20], 0, 0, false},
		{"a rising edge", true, 7, ev(1, 8), 0, 0, true},
		{"the same number again", true, 7, ev(2, 7), 0, 0, true},
		{"an old number", true, 7, ev(2, 3), 0, 0, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			l := Line{begun: row.begun, seq: row.last}
			l.have = copy(l.buf[:], row.in)
			p, err := l.take()
			if p.N != row.n || p.Missed != row.missed || (err != nil) != row.fails {
				t.Errorf("take = %+v, %v", p, err)
			}
		})
	}
}

// list plays pulses from a list.
type list struct {
	pulses []Pulses
	err    error
}

func (l *list) Next(ctx context.Context) (Pulses, error) {
	if len(l.pulses) > 0 {
		p := l.pulses[0]
		l.pulses = l.pulses[1:]
		return p, nil
	}
	if l.err != nil {
		return Pulses{}, l.err
	}
	<-ctx.Done()
	return Pulses{}, ctx.Err()
}

func TestPower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &list{pulses: []Pulses{{N: 1, At: time.Second}, {N: 1, At: 3 * time.Second}}}
		m, err := New(src, Config{PerKWh: 1000, Every: 2 * time.Second, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var got []metering.Sample
		err = m.Run(ctx, func(r metering.Reading) {
			if r.Err != nil {
				t.Error(r.Err)
			}
			if got = append(got, r.Sample); len(got) == 4 {
				cancel()
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		// 3600 J in 2 s; then nothing more for 2, 4, 6 s.
		if s := got[1]; s.Import != 2*units.WattHour || s.Power != 1800*units.Watt {
			t.Errorf("after 2 s: %v, %v", s.Import, s.Power)
		}
		if s := got[3]; s.Import != 2*units.WattHour || s.Power != 600*units.Watt {
			t.Errorf("after 6 s: %v, %v", s.Import, s.Power)
		}
	})
}

func TestSourceFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, err := New(&list{err: errors.New("line is gone")}, Config{PerKWh: 1000, Export: true, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		fails := 0
		_ = m.Run(ctx, func(r metering.Reading) {
			if metering.CodeOf(r.Err) == metering.Offline {
				if fails++; fails == 3 {
					cancel()
				}
			}
		})
		if fails != 3 {
			t.Errorf("%d failures told", fails)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	for _, cfg := range []Config{{PerKWh: 0}, {PerKWh: -1}, {PerKWh: 1000, Start: -1}} {
		if _, err := New(&list{}, cfg); err == nil {
			t.Errorf("New(%+v): no error", cfg)
		}
	}
}

// A year of pulses, with the program started anew again and again and the
// kernel dropping events now and then, is counted to the pulse.  Set
// KEEPLIT_PULSES=10000000 for the whole year.
func TestYearOfPulses(t *testing.T) {
	total := int64(200_000)
	if s := os.Getenv("KEEPLIT_PULSES"); s != "" {
		var err error
		if total, err = strconv.ParseInt(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	for _, constant := range []int{800, 1000, 3200, 10_000} {
		var regs metering.Registers
		var counted units.Energy
		var sent int64
		at := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
		limits := metering.Limits{MaxGap: time.Hour, MaxPower: 100 * units.Kilowatt, Slack: time.Minute}
		stepTime := 365 * 24 * time.Hour / time.Duration(total/100+1)
		now := func() time.Time { return at }
		for run := 0; sent < total; run++ {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			k := &kernel{w: w}
			src := NewLine(r)
			m, err := New(src, Config{PerKWh: constant, Start: regs.ImportCounter.Value, Now: now})
			if err != nil {
				t.Fatal(err)
			}
			for batch := range 97 {
				regs = sample(t, m, regs, limits, &counted)
				n := min(100, total-sent)
				k.drop = (batch+run)%7 == 0
				k.pulse(n)
				sent += n
				for got := 0; got < int(n); {
					p, err := src.Next(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					m.take(p, nil)
					got += p.N
				}
				at = at.Add(stepTime)
			}
			regs = sample(t, m, regs, limits, &counted)
			r.Close()
			w.Close()
		}
		if want := Energy(sent, constant); counted != want || Count(regs.Import, constant) != sent {
			t.Errorf("%d imp/kWh: counted %d uJ, want %d (%d pulses)", constant, counted, want, sent)
		}
		t.Logf("%d imp/kWh: %d pulses over %v, %v", constant, sent, at.Sub(time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)), counted)
		if total > 1_000_000 {
			break
		}
	}
}

func sample(t *testing.T, m *Meter, regs metering.Registers, limits metering.Limits, sum *units.Energy) metering.Registers {
	t.Helper()
	r := m.reading()
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	regs, c, events := regs.Take(r.Sample, limits)
	for _, e := range events {
		if e.Kind != metering.MeterGap {
			t.Fatalf("event %+v", e)
		}
	}
	*sum += c.Import
	return regs
}
