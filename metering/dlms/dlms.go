// Package dlms reads meters that push COSEM notifications by themselves, as the customer
// interfaces of Norway, Sweden, Denmark, Switzerland, Austria and Slovenia have it: in HDLC
// frames or in M-Bus frames, in one or in several, in clear or encrypted.
//
// Nothing is believed of a telegram before the check sums of all its frames fit.  What the
// values mean stands beside them (OBIS code, scale and unit), or follows from the maker's
// convention where he leaves that out.  Where neither tells, the telegram is refused.
package dlms

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/glo"
	"github.com/keeplit/keeplit/metering/line"
	"github.com/keeplit/keeplit/metering/obis"
)

const op = "read a DLMS telegram"

// decoder is what is known of a meter, and the telegram that is being put together.
type decoder struct {
	keys     glo.Keys
	dialect  obis.Dialect
	counters *glo.Counters // nil: telegrams are read in any order, as of a recording
	now      func() time.Time
	maker    maker // of the telegrams before: not every list of a meter tells it
	assembler
}

// take reads all that is whole in data, and tells how much of it is done with.
func (d *decoder) take(data []byte, atEnd bool, emit func(metering.Telegram, error)) (total int) {
	for {
		p, found, used, err := split(data[total:], atEnd)
		total += used
		if err != nil {
			emit(metering.Telegram{}, err)
		}
		if found && d.now != nil {
			if err := d.came(d.now()); err != nil {
				emit(metering.Telegram{}, err)
			}
		}
		if found {
			telegram, err := d.add(p)
			if err != nil {
				emit(metering.Telegram{}, err)
			}
			if telegram != nil {
				d.telegram(telegram, emit)
			}
		}
		if !found && (used == 0 || total == len(data)) {
			return total
		}
	}
}

// telegram reads one whole telegram.
func (d *decoder) telegram(b []byte, emit func(metering.Telegram, error)) {
	if b[0] == glo.Tag {
		e, used, err := glo.Parse(b)
		if err == nil && used != len(b) {
			err = fmt.Errorf("%d bytes after the encrypted telegram", len(b)-used)
		}
		var plain []byte
		if err == nil {
			plain, err = d.keys.Open(e)
		}
		if err != nil {
			emit(metering.Telegram{}, glo.Fail(op, err))
			return
		}
		if len(plain) == 0 || plain[0] != notificationTag {
			emit(metering.Telegram{}, glo.Nonsense(op, errors.New("what comes out is no notification")))
			return
		}
		t, err := d.notification(plain, e.Title())
		if err != nil {
			emit(metering.Telegram{}, err)
			return
		}
		d.counters.Give(op, e, t, d.now, emit)
		return
	}
	if d.keys.Some() {
		emit(metering.Telegram{}, glo.Clear(op))
		return
	}
	emit(d.notification(b, ""))
}

// notification reads a telegram in clear; title is the system title of an encrypted one.
func (d *decoder) notification(b []byte, title string) (metering.Telegram, error) {
	if b[0] != notificationTag {
		return metering.Telegram{}, metering.Fail(metering.UnknownReply, op, "send what came to the project", "it begins with %02X and is no notification", b[0])
	}
	in := body{dialect: d.dialect, last: d.maker}
	in.c.Speak(d.dialect)
	if letters, err := hex.DecodeString(title); err == nil && title != "" {
		in.maker = makerOf(string(letters))
	}
	if err := in.notification(b); err != nil {
		code, remedy := metering.UnknownReply, "a few such telegrams are harmless; if all are, send one to the project"
		switch {
		case errors.Is(err, errShort):
			code = metering.Short
		case errors.Is(err, errUnit):
			remedy = `compare what agent decode shows with the meter's display, and write factors: {energy: "1"} for Wh, "10" for 10 Wh, "1000" for kWh`
		case title != "":
			remedy = "check the encryption key, if none can be read"
		}
		return metering.Telegram{}, &metering.Error{Code: code, Op: op, Err: err, Remedy: remedy}
	}
	if in.maker != unknown {
		d.maker = in.maker
	}
	t, err := in.done()
	if t.Meter == "" {
		t.Meter = title
	}
	t.Sample.Device = t.Meter
	if title != "" {
		t.Sample.Device = title // the lists of one meter do not all hold its number
	}
	return t, err
}

// Decode reads all telegrams in data, which may begin and end anywhere and be written in
// hexadecimal.
func Decode(data []byte) ([]metering.Telegram, []error) { return DecodeWith(data, glo.Keys{}) }

// DecodeWith is Decode of what the keys open.
func DecodeWith(data []byte, keys glo.Keys) (telegrams []metering.Telegram, errs []error) {
	d := decoder{keys: keys}
	d.take(unhex(data), true, func(t metering.Telegram, err error) {
		if err != nil {
			errs = append(errs, err)
			return
		}
		telegrams = append(telegrams, t)
	})
	if err := d.lost(); err != nil {
		errs = append(errs, err)
	}
	return telegrams, errs
}

// unhex reads a recording that is nothing but hexadecimal.
func unhex(data []byte) []byte {
	text := bytes.Join(bytes.Fields(data), nil)
	out := make([]byte, hex.DecodedLen(len(text)))
	if _, err := hex.Decode(out, text); err == nil && len(text) > 0 {
		return out
	}
	return data
}

// Config is one meter on a line.
type Config struct {
	Name string // of the line, for messages
	Open line.Opener
	// Keys open what the meter encrypts.  With them a telegram in clear is refused.
	Keys glo.Keys
	// Dialect is how the meter tells its values.
	Dialect obis.Dialect
	// Patience is how long to wait for a telegram before it is reported missing;
	// zero takes 35 s, three telegrams of a slow meter.
	Patience time.Duration
	Now      func() time.Time
	// Seen is told what a telegram tells; nil: nobody looks.
	Seen func([]metering.Seen)
}

const usualPatience = 35 * time.Second

// DefaultMode is the line of most meters; some have even parity.
func DefaultMode() line.Mode { return line.Mode{Baud: 2400} }

// Meter listens to one line.
type Meter struct {
	cfg      Config
	counters glo.Counters
}

// New makes a meter.
func New(cfg Config) (*Meter, error) {
	if cfg.Open == nil || cfg.Now == nil {
		return nil, errors.New("dlms: a line and a clock are needed")
	}
	if cfg.Patience <= 0 {
		cfg.Patience = usualPatience
	}
	return &Meter{cfg: cfg}, nil
}

// maxBuffer is more than a cut frame and the good one after it.
const maxBuffer = 16 << 10

// Run implements metering.Meter.
func (m *Meter) Run(ctx context.Context, emit func(metering.Reading)) error {
	d := decoder{keys: m.cfg.Keys, dialect: m.cfg.Dialect, counters: &m.counters, now: m.cfg.Now}
	return line.Listen(ctx, line.Listener{
		Name: m.cfg.Name, Op: op, Open: m.cfg.Open, Patience: m.cfg.Patience, Max: maxBuffer,
		Take: func(data []byte) (int, []metering.Reading) {
			var out []metering.Reading
			used := d.take(data, false, func(t metering.Telegram, err error) {
				t.Sample.At = m.cfg.Now().UTC()
				t.Show(m.cfg.Seen)
				out = append(out, metering.Reading{Sample: t.Sample, Err: err})
			})
			return used, out
		},
	}, emit)
}
