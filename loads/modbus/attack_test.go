package modbus

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/loads"
)

// Of many units of a line that answer nothing each read takes its whole patience, and the silence after it:
// a command to one that lives is not behind all of them, or what is on stays on.
func TestACommandIsNotBehindTheReadsOfDeadUnits(t *testing.T) {
	t.Parallel()
	s := newSlave(t)
	port, lines := s.tcp(t, true), NewLines()
	t.Cleanup(func() {
		if err := lines.Close(); err != nil {
			t.Error(err)
		}
	})
	d := Document{Port: port, Framing: "rtu", Coil: at(3), Unit: at(7)}
	live := open(t, d, loads.Env{Buses: lines})
	for n := range 8 {
		dead := d
		dead.Unit = at(20 + n)
		open(t, dead, loads.Env{Buses: lines})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := live.Set(ctx, loads.Setpoint{On: true}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond) // all of them wait for the line
	begun := time.Now()
	if err := live.Set(ctx, loads.Setpoint{}); err != nil || s.Closed() {
		t.Error(err)
	}
	if took := time.Since(begun); took > 4*time.Second { // one read, the silence after it, and its own; all would be 13 s
		t.Errorf("off took %v", took)
	}
}

// A register that says what it draws and cannot be read keeps nobody from knowing that it is off.
func TestWhatItDrawsCannotBeRead(t *testing.T) {
	s := newSlave(t)
	x := open(t, Document{Port: s.tcp(t, false), Unit: at(7), Coil: at(3), Measured: &ValueDocument{Register: 0x99}}, loads.Env{})
	if err := x.Set(t.Context(), loads.Setpoint{On: true}); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		o, _ := x.Observed(t.Context())
		if o.Known && o.On && !o.HasPower && strings.Contains(x.Trouble(), "what it draws: ") {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%+v, %q", o, x.Trouble())
		}
	}
}

// A line that is known by two names is one: opened twice, questions would run into each other.
func TestALineOfTwoNames(t *testing.T) {
	folder := t.TempDir()
	port, name := filepath.Join(folder, "ttyUSB0"), filepath.Join(folder, "by-id")
	if err := os.WriteFile(port, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(port, name); err != nil {
		t.Fatal(err)
	}
	lines := NewLines()
	a, err := lines.Bus(loads.BusAt{Port: port, RTU: true, Baud: 9600, Parity: "none"})
	if err != nil {
		t.Fatal(err)
	}
	if b, err := lines.Bus(loads.BusAt{Port: name, RTU: true, Baud: 9600, Parity: "none"}); err != nil || a != b {
		t.Errorf("two lines: %v", err)
	}
}
