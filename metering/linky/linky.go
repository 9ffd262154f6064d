// Package linky reads the customer information (TIC, tele-information client) of French
// meters: Linky in both of its modes, and the electronic meters before it, which have the
// historic one.
//
// A frame is lines of a label, a value and a check sum, 1200 baud in historic mode and 9600
// in standard mode.  The meter tells no active power: PAPP and SINSTS are apparent power,
// in VA, which is more wherever the current does not follow the voltage.  Power is
// therefore what the register moves by.
package linky

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/line"
)

const op = "read a TIC frame"

func decode(frame []byte) (metering.Telegram, error) {
	list, err := groups(frame)
	if err != nil {
		return metering.Telegram{}, err
	}
	return read(list)
}

// Decode reads all frames in data, which may begin and end anywhere.  A recording of
// nothing but lines, as terminals show them, is taken for frames that begin with the
// meter's address.
func Decode(data []byte) (telegrams []metering.Telegram, errs []error) {
	if bytes.IndexByte(data, stx) < 0 && bytes.IndexByte(data, stx|0x80) < 0 {
		data = framed(data)
	}
	for len(data) > 0 {
		frame, used, err := split(data, true)
		if frame != nil {
			var t metering.Telegram
			if t, err = decode(frame); err == nil {
				telegrams = append(telegrams, t)
			}
		}
		if err != nil {
			errs = append(errs, err)
		}
		data = data[used:]
	}
	return telegrams, errs
}

// framed puts frames about lines.
func framed(text []byte) (out []byte) {
	open := false
	for _, l := range bytes.Split(text, []byte{'\n'}) {
		l = bytes.TrimLeft(bytes.Trim(l, "\r"), " ")
		if len(l) < 4 {
			continue
		}
		if bytes.HasPrefix(l, []byte("ADCO")) || bytes.HasPrefix(l, []byte("ADSC")) {
			if open {
				out = append(out, etx)
			}
			out, open = append(out, stx), true
		}
		if open {
			out = append(append(append(out, lf), l...), cr)
		}
	}
	if open {
		out = append(out, etx)
	}
	return out
}

// Config is one meter on a line.
type Config struct {
	Name string // of the line, for messages
	Open line.Opener
	// Modes are the speeds to try, in turn, on a line whose speed can be changed; where
	// there is one it stays.
	Modes []line.Mode
	// Try is how long a speed is tried; zero takes 6 s, three frames of a slow meter.
	Try time.Duration
	// Patience is how long to wait for a frame before it is reported missing; zero
	// takes 30 s.
	Patience time.Duration
	Now      func() time.Time
	// Seen is told what a telegram tells; nil: nobody looks.
	Seen func([]metering.Seen)
}

// Historic and Standard are the lines of the two modes.
func Historic() line.Mode { return line.Mode{Baud: 1200, DataBits: 7, Parity: "even"} }

// Standard is the line of standard mode.
func Standard() line.Mode { return line.Mode{Baud: 9600, DataBits: 7, Parity: "even"} }

// Meter listens to one line.
type Meter struct{ cfg Config }

// New makes a meter.
func New(cfg Config) (*Meter, error) {
	if cfg.Open == nil || cfg.Now == nil {
		return nil, errors.New("linky: a line and a clock are needed")
	}
	if cfg.Try <= 0 {
		cfg.Try = 6 * time.Second
	}
	if cfg.Patience <= 0 {
		cfg.Patience = 30 * time.Second
	}
	return &Meter{cfg: cfg}, nil
}

// tuner turns the line to the next speed where nothing of use comes at one.
type tuner struct {
	modes []line.Mode
	at    int
	since time.Time // when a good frame came, or the speed was changed
	conn  line.ModeSetter
}

// heard tells the tuner what has come of it so far.
func (t *tuner) heard(good bool, now time.Time, try time.Duration) error {
	if good || t.since.IsZero() {
		t.since = now
		return nil
	}
	if t.conn == nil || len(t.modes) < 2 || now.Sub(t.since) < try {
		return nil
	}
	t.at, t.since = (t.at+1)%len(t.modes), now
	return t.conn.SetMode(t.modes[t.at])
}

// Run implements metering.Meter.
func (m *Meter) Run(ctx context.Context, emit func(metering.Reading)) error {
	tune := tuner{modes: m.cfg.Modes}
	open := func(ctx context.Context) (line.Conn, error) {
		conn, err := m.cfg.Open(ctx)
		if err != nil {
			return nil, err
		}
		tune.since = time.Time{}
		tune.conn, _ = conn.(line.ModeSetter)
		if tune.conn != nil && len(tune.modes) > 1 {
			if err := tune.conn.SetMode(tune.modes[tune.at]); err != nil {
				return nil, errors.Join(err, conn.Close())
			}
		}
		return conn, nil
	}
	return line.Listen(ctx, line.Listener{
		Name: m.cfg.Name, Op: op, Open: open, Patience: m.cfg.Patience, Max: 2 * maxFrame,
		Take: func(data []byte) (total int, out []metering.Reading) {
			good := false
			for {
				frame, used, err := split(data[total:], false)
				total += used
				if frame != nil {
					var t metering.Telegram
					t, err = decode(frame)
					t.Sample.Device, t.Sample.At = t.Meter, m.cfg.Now().UTC()
					t.Show(m.cfg.Seen)
					out = append(out, metering.Reading{Sample: t.Sample, Err: err})
					good = good || err == nil
				} else if err != nil {
					out = append(out, metering.Reading{Err: err})
				}
				if frame == nil && err == nil {
					break
				}
			}
			if err := tune.heard(good, m.cfg.Now(), m.cfg.Try); err != nil {
				out = append(out, metering.Reading{Err: line.Broken(op, err)})
			}
			return total, out
		},
	}, emit)
}
