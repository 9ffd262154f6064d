package metermatrix

import (
	"crypto/ed25519"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering/waveform"
)

// perSecond is how many samples an input has in a second: a tick holds whole batches of
// the driver then.
const perSecond = 1023

// What a code of the converter stands for.
const (
	voltsPerCode = 452.0 / 2048
	ampsPerCode  = 40.0 / 2048
)

// samples is an MCP3208 on its bus: an input has the voltage, another the current that
// the power makes.  It gives what has passed, and waits where nothing has.
type samples struct {
	w *world

	mu    sync.Mutex
	over  <-chan struct{}
	n     int64        // samples so far
	at    time.Time    // that they are of
	given units.Energy // that was in them
}

func converter(t *testing.T, w *world) rig {
	t.Helper()
	file, err := waveform.Sign(waveform.Calibration{
		Rate: perSecond, Channels: []waveform.Channel{{VoltsPerCode: voltsPerCode, AmpsPerCode: ampsPerCode}},
	}, ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "calibration.json")
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
	s := &samples{w: w, at: w.now()}
	return rig{
		meter: fmt.Sprintf("driver: adc, every: 10s, adc: {chip: mcp3208, bus: SPI0.0, without: [quality], calibration: %q}", name),
		push:  func() {}, gathers: true, paced: true, port: s,
	}
}

// until has it end where it would wait when the agent does.
func (s *samples) until(over <-chan struct{}) *samples {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = over
	return s
}

// now is the machine's clock at the newest sample.
func (s *samples) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	var skew time.Duration
	s.w.change(func(w *world) { skew = w.skew })
	return s.at.Add(skew)
}

// TxPackets implements spi.Conn: a batch of samples.
func (s *samples) TxPackets(p []spi.Packet) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	batch := time.Duration(len(p)/2) * time.Second / perSecond
	for {
		var passed time.Duration
		var owed units.Energy
		var how wire
		s.w.change(func(w *world) { passed, owed, how = w.at.Sub(s.at), w.used-s.given, w.wire })
		if how == silence || how == garbage {
			fill := byte(0) // nothing drives the line, or something else does
			if how == garbage {
				fill = 0xFF
			}
			for _, one := range p {
				for i := range one.R {
					one.R[i] = fill
				}
			}
			s.at, s.given = s.at.Add(passed), s.given+owed // it is gone
			return nil
		}
		keeps := 2 * tick // nothing before is to be had of a converter
		if how == late {  // the machine had other things to do
			keeps = 2 * time.Second
		}
		if gone := passed - keeps; gone > 0 {
			s.at, s.given = s.at.Add(gone), s.given+units.Energy(float64(owed)*float64(gone)/float64(passed))
			continue
		}
		if passed+time.Millisecond >= batch {
			power := float64(owed) / float64(passed) * float64(time.Second) / 1e6
			s.take(p, power)
			s.at = s.at.Add(batch)
			s.given += units.Energy(power * batch.Seconds() * 1e6)
			return nil
		}
		select {
		case <-s.over:
			return os.ErrClosed
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// take fills a batch with the voltage and the current of a power in W.
func (s *samples) take(p []spi.Packet, power float64) {
	for i := range p {
		input := i % 2
		at := (float64(s.n) + float64(input)/2) / perSecond
		code := math.Sin(2*math.Pi*hertz*at) * math.Sqrt2 * volts / voltsPerCode
		if input == 1 {
			code *= power / volts / volts * voltsPerCode / ampsPerCode
			s.n++
		}
		v := uint16(math.Round(2048 + code))
		p[i].R[0], p[i].R[1], p[i].R[2] = 0, byte(v>>8), byte(v)
	}
}

// Connect implements spi.Port.
func (s *samples) Connect(physic.Frequency, spi.Mode, int) (spi.Conn, error) { return s, nil }

// Close implements spi.PortCloser.
func (*samples) Close() error { return nil }

// LimitSpeed implements spi.PortCloser.
func (*samples) LimitSpeed(physic.Frequency) error { return nil }

// Tx implements conn.Conn.
func (*samples) Tx(_, _ []byte) error { return os.ErrInvalid }

// Duplex implements conn.Conn.
func (*samples) Duplex() conn.Duplex { return conn.Full }

func (*samples) String() string { return "samples" }
