package sunspec

import (
	"context"
	"encoding/binary"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/loadstest"
	"github.com/keeplit/keeplit/loads/modbus"
)

// hybrid is an emulated inverter with a battery.
type hybrid struct {
	port *loadstest.Port

	mu     sync.Mutex
	form   form
	r      map[int]uint16
	at     map[int]int // where models stand
	fault  loadstest.Fault
	until  time.Time // its own ways come back then; zero: never
	charge int       // thousandths
	flow   float64   // W
}

// form is how it tells what it tells.
type form struct {
	whole, wholeScale, rateScale int
	soc                          int  // the model that tells how full it is
	strings                      bool // model 160; else model 701 has what the whole inverter does
	forgets                      bool // RvrtTms reads nothing
}

func newHybrid(f form) *hybrid {
	h := &hybrid{form: f, r: map[int]uint16{}, at: map[int]int{}, charge: 500}
	next := 40000
	put := func(words ...uint16) {
		for _, w := range words {
			h.r[next] = w
			next++
		}
	}
	model := func(id, length int) {
		h.at[id] = next
		put(uint16(id), uint16(length))
		for range length {
			put(noUint)
		}
	}
	put(0x5375, 0x6e53)
	model(1, 66)
	model(701, 153)
	model(124, 24)
	s := h.at[124]
	h.r[s+2], h.r[s+18], h.r[s+25] = uint16(f.whole), uint16(int16(f.wholeScale)), uint16(int16(f.rateScale))
	h.r[s+5], h.r[s+12], h.r[s+13], h.r[s+15], h.r[s+17] = 0, 0, 0, 0, 0
	if f.forgets {
		h.r[s+15] = noUint
	}
	model(713, 7)
	model(802, 62)
	if f.strings {
		model(160, 88)
	}
	put(end, 0)
	h.lay()
	return h
}

func (h *hybrid) lay() {
	soc, scale := map[int]int{124: 8, 713: 4, 802: 11}[h.form.soc], map[int]int{124: 22, 713: 8, 802: 56}[h.form.soc]
	h.r[h.at[h.form.soc]+soc], h.r[h.at[h.form.soc]+scale] = uint16(h.charge), 0xffff // tenths of a per cent
	h.r[h.at[701]+4], h.r[h.at[701]+10], h.r[h.at[701]+116] = 4, uint16(int16(-h.flow)), 0
	if !h.form.strings {
		return
	}
	h.r[h.at[701]+10] = 4321 // the panels, too
	at := h.at[160]
	h.r[at+4], h.r[at+8] = 0, 4
	for i, name := range []string{"String 1", "String 2", "StCha 3", "StDisCha 4"} {
		s := at + 10 + 20*i
		for k := range 8 {
			h.r[s+1+k] = 0
		}
		for k := 0; k+1 < len(name); k += 2 {
			h.r[s+1+k/2] = uint16(name[k])<<8 | uint16(name[k+1])
		}
		h.r[s+11] = []uint16{3000, 1321, uint16(max(0, h.flow)), uint16(max(0, -h.flow))}[i]
	}
}

func (h *hybrid) Does(charge int, flow units.Power) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.charge, h.flow = charge, flow.W()
	h.lay()
}

func (h *hybrid) Fail(f loadstest.Fault) {
	h.mu.Lock()
	h.fault = f
	h.mu.Unlock()
	if f == loadstest.DropsOut {
		h.port.Break()
	}
}

// revert lets it go back to its own ways where nobody spoke to it.
func (h *hybrid) revert() {
	if !h.until.IsZero() && time.Now().After(h.until) {
		h.r[h.at[124]+5], h.until = 0, time.Time{}
	}
}

// Follows is by the registers as an inverter takes them: the least and the most that may flow.
func (h *hybrid) Follows() loads.Setpoint {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.revert()
	s := h.at[124]
	if h.r[s+5] != 3 {
		return loads.Setpoint{}
	}
	watts := func(rate uint16) units.Power {
		w := float64(h.form.whole)
		for range h.form.wholeScale {
			w *= 10
		}
		for range -h.form.rateScale {
			w /= 10
		}
		return units.FromW(float64(int16(rate)) * w / 100)
	}
	most, least := watts(h.r[s+13]), -watts(h.r[s+12]) // of what is taken
	switch {
	case most != least:
		return loads.Setpoint{On: true}
	case most == 0:
		return loads.Setpoint{On: true, Mode: loads.Rests}
	case most > 0 && h.r[s+17] != 1:
		return loads.Setpoint{On: true} // from its panels alone
	}
	return loads.Setpoint{On: true, Power: most}
}

func (h *hybrid) answer(_ byte, q []byte) []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.revert()
	switch h.fault {
	case loadstest.Silent, loadstest.Offline:
		return nil
	case loadstest.Refuses:
		return []byte{q[0] | 0x80, 6}
	}
	at, n := int(binary.BigEndian.Uint16(q[1:])), int(binary.BigEndian.Uint16(q[3:]))
	if q[0] == 16 {
		if h.fault == loadstest.Garbled {
			return []byte{16, 9, 9, 9, 9}
		}
		for i := range n {
			if _, ok := h.r[at+i]; !ok {
				return []byte{q[0] | 0x80, 2}
			}
			if at+i == h.at[124]+15 && h.form.forgets {
				continue
			}
			h.r[at+i] = binary.BigEndian.Uint16(q[6+2*i:])
		}
		h.until = time.Time{}
		if s := h.r[h.at[124]+15]; s != 0 && s != noUint {
			h.until = time.Now().Add(time.Duration(s) * time.Second)
		}
		return q[:5]
	}
	a := []byte{3, byte(2 * n)}
	for i := range n {
		w, ok := h.r[at+i]
		if !ok {
			return []byte{q[0] | 0x80, 2}
		}
		if h.fault == loadstest.Garbled {
			w ^= 0x5a5a
		}
		a = binary.BigEndian.AppendUint16(a, w)
	}
	return a
}

func (h *hybrid) open(t *testing.T, deadMan time.Duration) loads.Switch {
	t.Helper()
	h.port = loadstest.Listen(t, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.fault == loadstest.DropsOut
	}, func(c net.Conn) { loadstest.ServeModbus(c, h.answer) })
	d, lines := quick(), modbus.NewLines()
	d.Port = h.port.Addr
	s, err := d.Open(loads.Env{ID: "store", Buses: lines, DeadMan: deadMan, Store: loads.Store{Capacity: 10 * units.KilowattHour, Charge: 3 * units.Kilowatt, Discharge: 4 * units.Kilowatt}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.(loads.Runner).Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := lines.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestBatteries(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]form{
		"hundredths of a per cent, with strings": {whole: 5120, rateScale: -2, soc: 124, strings: true},
		"per cents, of 713":                      {whole: 330, wholeScale: 1, soc: 713},
		"of 802":                                 {whole: 5000, rateScale: -1, soc: 802},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			loadstest.RunStore(t, func(t *testing.T) loadstest.StoreTarget {
				h, deadMan, faults := newHybrid(f), time.Duration(0), []loadstest.Fault{loadstest.Silent}
				if f.strings { // what takes its time, and is of all alike
					deadMan, faults = 2*time.Second, append(faults, loadstest.Offline, loadstest.Garbled, loadstest.Refuses, loadstest.DropsOut)
				}
				return loadstest.StoreTarget{
					Switch: h.open(t, deadMan), Store: h, Stale: stale, DeadMan: deadMan, Faults: faults,
				}
			})
		})
	}
}

// That an inverter goes back to its own ways without the agent is believed where it says so itself, and else said.
func TestADeadManIsProven(t *testing.T) {
	t.Parallel()
	for forgets, want := range map[bool]string{false: "", true: "RvrtTms"} {
		h := newHybrid(form{whole: 5000, soc: 124, forgets: forgets})
		s := h.open(t, 2*time.Second)
		loadstest.Says(t, s, "it is known", func(o loads.Observation) bool { return o.Known })
		if err := s.Set(context.Background(), loads.Setpoint{On: true, Power: units.Kilowatt}); err != nil {
			t.Fatal(err)
		}
		loadstest.Says(t, s, "it is told", func(o loads.Observation) bool { return o.On })
		time.Sleep(250 * time.Millisecond)
		if got := s.(loads.Troubled).Trouble(); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("where it forgets %t: %q", forgets, got)
		}
	}
}

// An inverter without a battery that can be steered, or that does not tell its size, is told nothing.
func TestWhatCannotBeSteered(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(h *hybrid)
		want   string
	}{
		"no model 124": {func(h *hybrid) { h.r[h.at[124]] = 123 }, "no battery that can be steered"},
		"no size":      {func(h *hybrid) { h.r[h.at[124]+2] = noUint }, "WChaMax"},
		"no scale":     {func(h *hybrid) { h.r[h.at[124]+25] = noScale }, "InWRte"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHybrid(form{whole: 5000, soc: 124})
			c.change(h)
			s := h.open(t, 0)
			for end := time.Now().Add(5 * time.Second); !strings.Contains(s.(loads.Troubled).Trouble(), c.want); time.Sleep(5 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%q", s.(loads.Troubled).Trouble())
				}
			}
			if err := s.Set(context.Background(), loads.Setpoint{On: true, Power: units.Kilowatt}); err == nil {
				t.Error("it is told something")
			}
		})
	}
}

// Left to itself a battery is not let take from the grid where it was not before.
func TestWhatWasLentIsTakenBack(t *testing.T) {
	t.Parallel()
	for _, own := range []uint16{0, 1} {
		h := newHybrid(form{whole: 5000, soc: 124})
		h.r[h.at[124]+17] = own
		s := h.open(t, 0)
		loadstest.Says(t, s, "it is known", func(o loads.Observation) bool { return o.Known })
		for _, set := range []loads.Setpoint{{On: true, Power: units.Kilowatt}, {On: true, Mode: loads.Rests}, {On: true, Power: 2 * units.Kilowatt}, {}} {
			if err := s.Set(context.Background(), set); err != nil {
				t.Fatal(err)
			}
			loadstest.Says(t, s, "it does as it is told", func(o loads.Observation) bool { return o.HasSet && o.Set == set })
		}
		h.mu.Lock()
		if got := h.r[h.at[124]+17]; got != own {
			t.Errorf("ChaGriSet was %d and is %d", own, got)
		}
		h.mu.Unlock()
	}
}
