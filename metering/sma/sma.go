// Package sma reads an SMA Energy Meter or a Sunny Home Manager 2.0, which tell the whole
// network each second what they measure, in datagrams to a multicast group (Speedwire,
// "SMA Energy Meter Protocol" as the maker publishes it), or to one address if they are
// set so.
//
// Several may speak on one network, and inverters speak there too: a meter is known by its
// kind (SUSy ID) and its serial number, and where none is named there may be only one.
package sma

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/line"
)

const op = "read an SMA meter"

// group and port are where such meters speak.
const (
	group = "239.12.255.254"
	port  = 9522
)

func unhex(data []byte) []byte {
	text := bytes.Join(bytes.Fields(data), nil)
	out := make([]byte, hex.DecodedLen(len(text)))
	if _, err := hex.Decode(out, text); err == nil && len(text) > 0 {
		return out
	}
	return data
}

// Config is one meter in the network.
type Config struct {
	// Listen opens the socket.
	Listen func(ctx context.Context) (net.PacketConn, error)
	Serial uint32 // of the meter; 0 is the only one there is
	SUSy   uint16 // its kind; 0 is any
	// Gap is the least time between two samples: a Home Manager may speak five times a
	// second.  Zero takes 900 ms.
	Gap time.Duration
	// Settle is how long to listen for a second meter, where none is named, before the
	// first is believed; zero takes 3 s.
	Settle time.Duration
	// Patience is how long to wait for the meter before it is reported missing and the
	// socket is opened anew; zero takes 20 s.
	Patience time.Duration
	Now      func() time.Time
	// Seen is told what a telegram tells; nil: nobody looks.
	Seen func([]metering.Seen)
}

// Meter listens to one meter.
type Meter struct{ cfg Config }

// New makes a meter.
func New(cfg Config) (*Meter, error) {
	if cfg.Listen == nil || cfg.Now == nil {
		return nil, errors.New("sma: a socket and a clock are needed")
	}
	if cfg.Gap <= 0 {
		cfg.Gap = 900 * time.Millisecond
	}
	if cfg.Settle <= 0 {
		cfg.Settle = 3 * time.Second
	}
	if cfg.Patience <= 0 {
		cfg.Patience = 20 * time.Second
	}
	return &Meter{cfg: cfg}, nil
}

// Run implements metering.Meter.
func (m *Meter) Run(ctx context.Context, emit func(metering.Reading)) error {
	pace := line.Pace{Every: 100 * time.Millisecond, Spread: line.SpreadOf("sma")}
	for ctx.Err() == nil {
		heard, err := m.session(ctx, emit)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end, not a failure
		}
		emit(metering.Reading{Err: err})
		if !pace.Wait(ctx, heard) {
			break
		}
	}
	return nil
}

// ears are what was heard in one session.
type ears struct {
	meters []string // their names, in the order in which they were first heard
	others int      // datagrams of other protocols
	last   packet
	at     time.Time // of the last sample, or of the last word that there are several
	since  time.Time // when the first meter was heard
	failed time.Time // when the last error was told
}

// session listens until nothing comes for long.  heard tells whether a good datagram came.
func (m *Meter) session(ctx context.Context, emit func(metering.Reading)) (heard bool, err error) {
	conn, err := m.cfg.Listen(ctx)
	if err != nil {
		return false, &metering.Error{Code: metering.Offline, Op: "listen to SMA meters", Err: err, Remedy: "check the interface's name (ip link), and that no other program has port 9522 for itself"}
	}
	defer func() { _ = conn.Close() }() // the failure that counts is err
	var e ears
	buf := make([]byte, maxPayload+64)
	var wait context.Context
	cancel := func() {}
	restart := func() {
		cancel()
		wait, cancel = context.WithTimeout(ctx, m.cfg.Patience) //nolint:contextcheck // it is ctx, with an end
	}
	restart()
	defer func() { cancel() }()
	for {
		n, err := read(wait, conn, buf) //nolint:contextcheck // it is ctx, with an end
		switch {
		case ctx.Err() != nil:
			return heard, ctx.Err()
		case wait.Err() != nil:
			return heard, m.silence(e)
		case err != nil:
			return heard, &metering.Error{Code: metering.Offline, Op: op, Err: err, Remedy: "check the network of this machine"}
		}
		r, told := m.take(buf[:n], &e)
		if !told || r.Err != nil && !e.complain(m.cfg.Now(), m.cfg.Gap) {
			continue
		}
		emit(r)
		if r.Err == nil {
			heard = true
			restart()
		}
	}
}

// complain tells whether an error may be told: a flood of bad datagrams is no flood of errors.
func (e *ears) complain(now time.Time, gap time.Duration) bool {
	if since := now.Sub(e.failed); since >= 0 && since < gap {
		return false
	}
	e.failed = now
	return true
}

// read reads one datagram, and ends when ctx does.
func read(ctx context.Context, conn net.PacketConn, buf []byte) (int, error) {
	const slice = 100 * time.Millisecond
	for {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		short, cancel := context.WithTimeout(ctx, slice)
		deadline, _ := short.Deadline()
		err := conn.SetReadDeadline(deadline)
		var n int
		if err == nil {
			n, _, err = conn.ReadFrom(buf)
		}
		cancel()
		var network net.Error
		if err == nil || !errors.As(err, &network) || !network.Timeout() {
			return n, err
		}
	}
}

// take reads one datagram.  told is false where it says nothing new of our meter.
func (m *Meter) take(b []byte, e *ears) (r metering.Reading, told bool) {
	p, err := parse(b)
	switch {
	case errors.Is(err, errOther):
		e.others++
		return r, false
	case errors.Is(err, errShort):
		return metering.Reading{Err: wrong(metering.Short, "%v", err)}, true
	case err != nil:
		return metering.Reading{Err: wrong(metering.UnknownReply, "%v", err)}, true
	}
	if !slices.Contains(e.meters, p.name()) && len(e.meters) < 16 {
		e.meters = append(e.meters, p.name())
	}
	if m.cfg.Serial != 0 && p.serial != m.cfg.Serial || m.cfg.SUSy != 0 && p.susy != m.cfg.SUSy {
		return r, false
	}
	now := m.cfg.Now().UTC()
	soon := now.Sub(e.at) < m.cfg.Gap && !now.Before(e.at)
	if e.since.IsZero() {
		e.since = now
	}
	if m.cfg.Serial == 0 {
		if ours := m.ours(e); len(ours) > 1 {
			if soon {
				return r, false
			}
			e.at = now
			return metering.Reading{Err: metering.Fail(metering.UnknownReply, op, "write serial: NUMBER of the one that measures the house, the number after the dash", "several meters speak here: %s", strings.Join(ours, ", "))}, true
		}
		if since := now.Sub(e.since); since >= 0 && since < m.cfg.Settle {
			return r, false // another may speak yet
		}
	}
	if same := p.ticker == e.last.ticker && p.name() == e.last.name(); same || soon {
		return r, false // it came by two ways, or too soon
	}
	t, err := p.telegram()
	if err != nil {
		return metering.Reading{Err: err}, true
	}
	e.last, e.at = p, now
	e.last.values = nil
	t.Sample.At, t.Sample.Device = now, t.Meter
	t.Show(m.cfg.Seen)
	return metering.Reading{Sample: t.Sample}, true
}

// ours are the meters that were heard and that the configuration does not leave out.
func (m *Meter) ours(e *ears) (out []string) {
	for _, name := range e.meters {
		if m.cfg.SUSy == 0 || strings.HasPrefix(name, fmt.Sprintf("%d-", m.cfg.SUSy)) {
			out = append(out, name)
		}
	}
	return out
}

// silence is that of our meter, with what was heard beside it.
func (m *Meter) silence(e ears) error {
	remedy := "check that the meter and this machine are in one network, and that its switches pass multicast (IGMP snooping often stops it); name the interface, or have the Home Manager send to this machine's address"
	switch {
	case len(e.meters) > 0:
		return metering.Fail(metering.Silent, op, "check serial and susy, which are the numbers after and before the dash", "nothing of it for %v; others speak: %s", m.cfg.Patience, strings.Join(e.meters, ", "))
	case e.others > 0:
		return metering.Fail(metering.Silent, op, "check that the meter has power; other SMA devices are heard", "no meter for %v, %d datagrams of other protocols", m.cfg.Patience, e.others)
	}
	return metering.Fail(metering.Silent, op, remedy, "nothing for %v", m.cfg.Patience)
}
