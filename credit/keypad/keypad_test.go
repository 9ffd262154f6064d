package keypad

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpiotest"
	"periph.io/x/conn/v3/physic"
)

// board is a keypad: pins, and the keys that are down.  It fails the test
// where a driven row is read or two rows are driven at once.
type board struct {
	t       *testing.T
	mu      sync.Mutex
	down    map[byte]bool
	driven  [4]bool
	broken  error
	rows    [4]*line
	columns [4]*line
}

// line is one pin of the board.
type line struct {
	gpiotest.Pin
	b      *board
	row    int // -1: a column
	column int
}

func (l *line) Out(v gpio.Level) error {
	l.b.mu.Lock()
	defer l.b.mu.Unlock()
	if l.row < 0 {
		l.b.t.Error("a column is driven")
		return nil
	}
	for r, driven := range l.b.driven {
		if driven && r != l.row {
			l.b.t.Errorf("rows %d and %d are driven at once", r, l.row)
		}
	}
	if v != gpio.Low {
		l.b.t.Error("a row is driven high")
	}
	l.b.driven[l.row] = true
	return l.b.broken
}

func (l *line) In(pull gpio.Pull, _ gpio.Edge) error {
	l.b.mu.Lock()
	defer l.b.mu.Unlock()
	if pull != gpio.PullUp {
		l.b.t.Errorf("pin %s floats", l.N)
	}
	if l.row >= 0 {
		l.b.driven[l.row] = false
	}
	return nil
}

func (l *line) Read() gpio.Level {
	l.b.mu.Lock()
	defer l.b.mu.Unlock()
	if l.row >= 0 {
		l.b.t.Error("a row is read")
	}
	// A current flows through every key that is down, in both directions.
	live := l.b.driven
	for range 4 {
		var columns [4]bool
		for i := range 16 {
			if l.b.down[keys[i]] && live[i/4] {
				columns[i%4] = true
			}
		}
		for i := range 16 {
			if l.b.down[keys[i]] && columns[i%4] {
				live[i/4] = true
			}
		}
	}
	for r := range 4 {
		if live[r] && l.b.down[keys[4*r+l.column]] {
			return gpio.Low
		}
	}
	return gpio.High
}

func (l *line) PWM(gpio.Duty, physic.Frequency) error { return errors.New("no") }

func newBoard(t *testing.T) (*board, *Matrix) {
	t.Helper()
	b := &board{t: t, down: map[byte]bool{}}
	var rows, columns [4]gpio.PinIO
	for i := range 4 {
		b.rows[i] = &line{b: b, row: i, Pin: gpiotest.Pin{N: fmt.Sprintf("row%d", i)}}
		b.columns[i] = &line{b: b, row: -1, column: i, Pin: gpiotest.Pin{N: fmt.Sprintf("col%d", i)}}
		rows[i], columns[i] = b.rows[i], b.columns[i]
	}
	m, err := NewMatrix(rows, columns)
	if err != nil {
		t.Fatal(err)
	}
	m.wait = func(time.Duration) {}
	return b, m
}

func (b *board) press(down ...byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.down)
	for _, k := range down {
		b.down[k] = true
	}
}

func TestEveryKeyIsReadAndSeveralAreNone(t *testing.T) {
	b, m := newBoard(t)
	for _, c := range []struct {
		down string
		want byte
	}{{"", 0}, {"1", '1'}, {"5", '5'}, {"#", '#'}, {"D", 'D'}, {"12", 0}, {"14", 0}, {"159", 0}, {"124", 0}} {
		b.press([]byte(c.down)...)
		if got, err := m.Scan(); got != c.want || err != nil {
			t.Errorf("%q down: %q, %v, want %q", c.down, got, err, c.want)
		}
	}
	for i := range keys {
		b.press(keys[i])
		if got, err := m.Scan(); got != keys[i] || err != nil {
			t.Errorf("%q down: %q, %v", keys[i], got, err)
		}
	}
	b.broken = errors.New("line is gone")
	if _, err := m.Scan(); err == nil {
		t.Error("a dead pin gives keys")
	}
	if _, err := NewMatrix([4]gpio.PinIO{}, [4]gpio.PinIO{}); err == nil {
		t.Error("a keypad without pins")
	}
}

func TestBouncesAreOnePress(t *testing.T) {
	for _, c := range []struct {
		name  string
		scans string // a scan each; . is no key
		want  string
	}{
		{"a clean press", "...1111...", "1"},
		{"held down", "...11111111111111", "1"},
		{"bouncing as it goes down", "...1.1.11.1111...", "1"},
		{"bouncing as it comes up", "...1111.1.1..1...", "1"},
		{"twice", "...111...111...", "11"},
		{"too short", "...11...", ""},
		{"rolled over from one to the next", "...1112222...", "1"},
		{"two, one after the other", "...111...222...", "12"},
		{"down when the scan begins", "11111", ""},
	} {
		var d debounce
		got := ""
		for _, k := range []byte(c.scans) {
			if k == '.' {
				k = 0
			}
			if p := d.next(k); p != 0 {
				got += string(p)
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestTypingAToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, m := newBoard(t)
		ctx, stop := context.WithCancel(t.Context())
		var events []Event
		done := make(chan error)
		go func() { done <- m.Run(ctx, func(e Event) { events = append(events, e) }) }()
		key := func(k byte) {
			b.press(k)
			time.Sleep(80 * time.Millisecond)
			b.press()
			time.Sleep(80 * time.Millisecond)
		}
		time.Sleep(time.Second)
		for _, k := range []byte("5938*8#") {
			key(k)
		}
		key('A')
		key('B')
		key('D')
		key('1')
		key('C')
		key('2')
		time.Sleep(2 * time.Minute)
		for range longest + 6 {
			key('7')
		}
		key('#')
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		var got []string
		for _, e := range events {
			got = append(got, fmt.Sprintf("%s %s%s", e.Kind, e.Typed, e.Token))
		}
		want := "typing 5|typing 59|typing 593|typing 5938|typing 593|typing 5938|enter 5938|emergency |balance |confirm |typing 1|typing |typing 2|forgotten |"
		if all := strings.Join(got, "|"); !strings.HasPrefix(all, want) || !strings.HasSuffix(all, "|enter "+strings.Repeat("7", longest)) {
			t.Errorf("events\n%s, want\n%s...", all, want)
		}
	})
}

// panel is a model of the display: it takes what the expander's bits say at
// each fall of enable.
type panel struct {
	last  byte
	four  bool
	high  byte
	have  bool
	cells map[byte]byte
	at    byte
	fail  bool
}

func (p *panel) String() string                  { return "panel" }
func (p *panel) SetSpeed(physic.Frequency) error { return nil }

func (p *panel) Tx(addr uint16, w, _ []byte) error {
	if p.fail || addr != 0x27 {
		return errors.New("no acknowledge")
	}
	for _, v := range w {
		if p.last&bitEnable != 0 && v&bitEnable == 0 {
			p.strobe(p.last)
		}
		p.last = v
	}
	return nil
}

func (p *panel) strobe(v byte) {
	if !p.four {
		p.four = v&0xf0 == 0x20
		return
	}
	if !p.have {
		p.high, p.have = v&0xf0, true
		return
	}
	p.have = false
	b := p.high | v>>4
	switch {
	case v&bitData != 0:
		p.cells[p.at] = b
		p.at++
	case b == cmdClear:
		clear(p.cells)
		p.at = 0
	case b&0x80 != 0:
		p.at = b & 0x7f
	}
}

func (p *panel) line(start byte) string {
	var out bytes.Buffer
	for i := range byte(columnsShown) {
		out.WriteByte(p.cells[start+i])
	}
	return out.String()
}

func TestDisplayShowsWhatIsTyped(t *testing.T) {
	p := &panel{cells: map[byte]byte{}}
	d, err := newDisplay(p, 0x27, func(time.Duration) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ first, second, line1, line2 string }{
		{"Credit 12.50", "", "Credit 12.50    ", "                "},
		{"Token", Echo("59386323472137426967"), "Token           ", "6323 4721 3742 6967"[3:]},
		{"naïve", "x", "na?ve           ", "x               "},
	} {
		if err := d.Show(c.first, c.second); err != nil {
			t.Fatal(err)
		}
		if p.line(0) != c.line1 || p.line(0x40) != c.line2 {
			t.Errorf("shown %q and %q, want %q and %q", p.line(0), p.line(0x40), c.line1, c.line2)
		}
	}
	p.fail = true
	if err := d.Show("a", "b"); err == nil {
		t.Error("a display that is gone shows things")
	}
	if _, err := NewDisplay(p, 0x27); err == nil {
		t.Error("a display that is gone was switched on")
	}
}
