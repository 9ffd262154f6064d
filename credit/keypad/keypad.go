// Package keypad takes tokens from a 4x4 matrix keypad on GPIO pins and shows
// what is typed on a small display.
//
// Nobody trusts the wall box in a dark corridor to have heard a key, so every
// key is echoed, bounces never count as a second press, and a half-typed token
// is forgotten after a while instead of spoiling the next customer's.
//
//	1 2 3 A     digits build tokens, # enters them, * takes the last digit back
//	4 5 6 B     A accepts emergency credit, B shows the balance,
//	7 8 9 C     C clears what was typed, D switches an armed supply on
//	* 0 # D
package keypad

import (
	"context"
	"fmt"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// Event is what a person did at the keypad.
type Event struct {
	Kind  Kind
	Token string // of Enter: the digits; "" where # was pressed alone
	Typed string // what is typed so far, for the echo
}

// Kind of event.
type Kind string

// The kinds of event.
const (
	Typing    Kind = "typing"    // a digit came, went, or all were cleared
	Enter     Kind = "enter"     // Token is to be entered
	Emergency Kind = "emergency" // accept emergency credit
	Balance   Kind = "balance"   // show the balance
	Confirm   Kind = "confirm"   // switch an armed supply on
	Forgotten Kind = "forgotten" // what was typed is too old and gone
)

// Timing of the scan.
const (
	scanEvery  = 10 * time.Millisecond
	steady     = 3                // scans that a key must be down, or up, to count
	forgetTime = 60 * time.Second // a token half typed is forgotten after
	longest    = 240              // digits that are kept: a change of tariff may bring nine tokens of 20 in one go
	settling   = 20 * time.Microsecond
)

// keys by row and column.
const keys = "123A456B789C*0#D"

// Matrix reads the pins.  Rows idle as inputs with a pull-up and are driven
// low one at a time: with two keys down, two driven rows would fight through
// them.  A row that is driven is never read, for on the kernel's GPIO
// interface a read turns an output into an input.
type Matrix struct {
	rows, columns [4]gpio.PinIO
	wait          func(time.Duration)
}

// NewMatrix prepares the pins, rows from the top and columns from the left.
func NewMatrix(rows, columns [4]gpio.PinIO) (*Matrix, error) {
	m := &Matrix{rows: rows, columns: columns, wait: time.Sleep}
	for _, p := range append(rows[:], columns[:]...) {
		if p == nil {
			return nil, fmt.Errorf("keypad: a 4x4 keypad needs four row pins and four column pins")
		}
		if err := p.In(gpio.PullUp, gpio.NoEdge); err != nil {
			return nil, fmt.Errorf("keypad: pin %s: %w", p, err)
		}
	}
	return m, nil
}

// Scan is the one key that is down: 0 for none, and also for several, for with
// three keys down a matrix shows a fourth that is not.
func (m *Matrix) Scan() (byte, error) {
	var down byte
	count := 0
	for r, row := range m.rows {
		if err := row.Out(gpio.Low); err != nil {
			return 0, fmt.Errorf("keypad: row %s: %w", row, err)
		}
		m.wait(settling)
		for c, column := range m.columns {
			if column.Read() == gpio.Low {
				down = keys[4*r+c]
				count++
			}
		}
		if err := row.In(gpio.PullUp, gpio.NoEdge); err != nil {
			return 0, fmt.Errorf("keypad: row %s: %w", row, err)
		}
	}
	if count != 1 {
		return 0, nil
	}
	return down, nil
}

// debounce turns scans into presses: a key counts once it has been down for
// steady scans in a row, and again only after as many with no key.
type debounce struct {
	last  byte
	same  int
	armed bool
}

func (d *debounce) next(key byte) (pressed byte) {
	if key != d.last {
		d.last, d.same = key, 0
	}
	if d.same < steady {
		d.same++
	}
	switch {
	case d.same < steady:
	case key == 0:
		d.armed = true
	case d.armed:
		d.armed = false
		return key
	}
	return 0
}

// entry gathers presses into tokens.
type entry struct {
	typed string
	at    time.Duration // of the last key, on a clock that never steps
}

func (e *entry) press(key byte, at time.Duration) Event {
	e.at = at
	switch key {
	case '#':
		token := e.typed
		e.typed = ""
		return Event{Kind: Enter, Token: token}
	case '*':
		e.typed = e.typed[:max(0, len(e.typed)-1)]
	case 'A':
		return Event{Kind: Emergency, Typed: e.typed}
	case 'B':
		return Event{Kind: Balance, Typed: e.typed}
	case 'C':
		e.typed = ""
	case 'D':
		return Event{Kind: Confirm, Typed: e.typed}
	default:
		if len(e.typed) < longest {
			e.typed += string(key)
		}
	}
	return Event{Kind: Typing, Typed: e.typed}
}

// idle forgets what was typed too long ago.
func (e *entry) idle(at time.Duration) (Event, bool) {
	if e.typed == "" || at-e.at < forgetTime {
		return Event{}, false
	}
	e.typed = ""
	return Event{Kind: Forgotten}, true
}

// Run scans until ctx ends and calls on for every event, one at a time.  It
// returns nil then, or the error of a pin.
func (m *Matrix) Run(ctx context.Context, on func(Event)) error {
	tick := time.NewTicker(scanEvery)
	defer tick.Stop()
	start := time.Now()
	d := debounce{}
	e := entry{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		at := time.Since(start) // monotonic: a clock that steps forgets nothing
		key, err := m.Scan()
		if err != nil {
			return err
		}
		if pressed := d.next(key); pressed != 0 {
			on(e.press(pressed, at))
		} else if event, ok := e.idle(at); ok {
			on(event)
		}
	}
}
