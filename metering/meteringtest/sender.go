package meteringtest

import (
	"io"
	"sync"
	"time"
)

// Stage is what a simulated meter shows, and what is wrong with it.
type Stage struct {
	mu    sync.Mutex
	truth Truth
	fault Fault
}

// Show implements Device.
func (s *Stage) Show(t Truth) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.truth = t
}

// Break implements Device.
func (s *Stage) Break(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Now is what it shows now, and its fault.
func (s *Stage) Now() (Truth, Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.truth, s.fault
}

// Sender is a meter that sends a telegram every 20 ms.
type Sender struct {
	Line
	Stage
	Telegram func(Truth) []byte
	Absurd   func(*Truth) // makes of what is shown what no meter can show
	// Spoil makes of a telegram what comes of it with a Cut, Corrupt or Garbage.
	Spoil func(telegram []byte, f Fault) []byte
}

// Break implements Device.
func (s *Sender) Break(f Fault) {
	s.Stage.Break(f)
	s.Line.Break(f)
}

// Play sends, as a Play.
func (s *Sender) Play(far io.ReadWriter, gone <-chan struct{}) {
	for {
		select {
		case <-gone:
			return
		case <-time.After(20 * time.Millisecond):
		}
		t, fault := s.Now()
		if fault == Silence {
			continue
		}
		if fault == Absurd {
			s.Absurd(&t)
		}
		b := s.Telegram(t)
		if fault == Cut || fault == Corrupt || fault == Garbage {
			b = s.Spoil(b, fault)
		}
		if _, err := far.Write(b); err != nil {
			return
		}
	}
}

// Spoiled is a Spoil that cuts in the middle and flips a bit of the byte at an index, from
// the end where that is negative.
func Spoiled(at int) func(telegram []byte, f Fault) []byte {
	return func(b []byte, f Fault) []byte {
		switch f {
		case Cut:
			return b[:len(b)/2]
		case Corrupt:
			i := at
			if i < 0 {
				i += len(b)
			}
			b[i] ^= 4
			return b
		default:
		}
		return []byte("not a meter at all")
	}
}

// TooHigh is an Absurd: a voltage of 99,999 V.
func TooHigh(t *Truth) { t.Voltage = 99_999_000 }
