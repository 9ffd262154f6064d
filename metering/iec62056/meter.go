package iec62056

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/line"
	"github.com/keeplit/keeplit/metering/obis"
)

// usualEvery is between two samples where nothing else is said.
const usualEvery = time.Minute

// Config is one meter on an optical head or a current loop.
type Config struct {
	Name    string // of the line, for messages
	Open    line.Opener
	Address string // the meter's, empty for the only one
	// MaxBaud is the fastest speed to change to; zero takes what is offered, or on
	// a line whose speed cannot be changed (a serial server's) the one of sign-on.
	MaxBaud int
	// Dialect is how the meter tells its values.
	Dialect obis.Dialect
	// Every is the time between readouts; zero takes a minute.  A readout of a
	// large table takes half a minute at a slow speed.
	Every time.Duration
	// Timeout is how long the meter may be silent within a readout; zero takes
	// two seconds, a little more than the standard's 1.5.
	Timeout time.Duration
	// Settle is how long to wait after the acknowledgement before the speed
	// is changed; zero takes 300 ms.
	Settle time.Duration
	Now    func() time.Time
	// Seen is told what a telegram tells; nil: nobody looks.
	Seen func([]metering.Seen)
}

// signOn is the line of the first question: 300 baud with 7 bits and even parity.
func signOn() line.Mode { return line.Mode{Baud: 300, DataBits: 7, Parity: "even"} }

// DefaultMode is the line at sign-on.
func DefaultMode() line.Mode { return signOn() }

// Meter reads one meter.
type Meter struct {
	cfg  Config
	conn line.Conn
}

// New makes a meter.
func New(cfg Config) (*Meter, error) {
	if cfg.Open == nil || cfg.Now == nil {
		return nil, errors.New("iec62056: a line and a clock are needed")
	}
	if len(cfg.Address) > 32 {
		return nil, errors.New("iec62056: an address has at most 32 characters")
	}
	if cfg.Every <= 0 {
		cfg.Every = usualEvery
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 2 * time.Second
	}
	if cfg.Settle <= 0 {
		cfg.Settle = 300 * time.Millisecond
	}
	return &Meter{cfg: cfg}, nil
}

// Run implements metering.Meter.
func (m *Meter) Run(ctx context.Context, emit func(metering.Reading)) error {
	defer m.hangUp()
	return line.Poll(ctx, line.Pace{Every: m.cfg.Every, Spread: line.SpreadOf(m.cfg.Name)}, emit, m.read)
}

func (m *Meter) hangUp() {
	if m.conn != nil {
		_ = m.conn.Close() // nothing depends on it any more
		m.conn = nil
	}
}

// read signs on and reads the table once.
func (m *Meter) read(ctx context.Context) (metering.Sample, error) {
	s, err := m.readout(ctx)
	if err != nil {
		m.hangUp() // begin the next one with a fresh line at 300 baud
	}
	return s, err
}

func (m *Meter) readout(ctx context.Context) (metering.Sample, error) {
	if m.conn == nil {
		conn, err := m.cfg.Open(ctx)
		if err != nil {
			return metering.Sample{}, line.OpenError(m.cfg.Name, err)
		}
		m.conn = conn
	}
	if err := m.setMode(signOn()); err != nil {
		return metering.Sample{}, err
	}
	line.Drain(ctx, m.conn, m.cfg.Timeout/20)
	if err := m.write([]byte(request(m.cfg.Address))); err != nil {
		return metering.Sample{}, err
	}
	var data []byte
	ident, err := m.collect(ctx, &data, func(b []byte) int {
		at := findIdent(b) // an echo of the question comes first on an optical head
		if at < 0 {
			return 0
		}
		if n := bytes.IndexByte(b[at:], '\n'); n >= 0 {
			return at + n + 1
		}
		return 0
	})
	if err != nil {
		return metering.Sample{}, err
	}
	letter := data[findIdent(data)+4] & 0x7F
	if err := m.changeSpeed(ctx, letter); err != nil {
		return metering.Sample{}, err
	}
	head := len(ident)
	if _, err := m.collect(ctx, &data, func(b []byte) int {
		b = b[head:]
		if n := bytes.IndexByte(b, etx); n >= 0 && n+1 < len(b) {
			return head + n + 2
		}
		if bytes.IndexByte(b, stx) < 0 {
			if n := bytes.Index(b, []byte("\n!")); n >= 0 && bytes.IndexByte(b[n+1:], '\n') > 0 {
				return len(b) + head
			}
		}
		return 0
	}); err != nil {
		return metering.Sample{}, err
	}
	f, _, err := split(data, true)
	if err != nil {
		return metering.Sample{}, err
	}
	if f == nil {
		return metering.Sample{}, metering.Fail(metering.UnknownReply, op, "check what is connected", "no readout in %d bytes", len(data))
	}
	t, err := f.decode(m.cfg.Dialect)
	if err != nil {
		return metering.Sample{}, err
	}
	t.Sample.At = m.cfg.Now().UTC()
	t.Sample.Device = t.Meter
	t.Show(m.cfg.Seen)
	return t.Sample, nil
}

// changeSpeed answers the identification and follows the meter to its speed.
func (m *Meter) changeSpeed(ctx context.Context, letter byte) error {
	baud, modeC := speed(letter)
	most := m.cfg.MaxBaud
	if _, settable := m.conn.(line.ModeSetter); !settable && most == 0 {
		most = signOn().Baud
		if !modeC && baud > most {
			return metering.Fail(metering.UnknownReply, op, "connect the optical head to this machine, or write max_baud where the serial server follows the meter by itself",
				"the meter goes on at %d baud, and the serial server stays at %d", baud, most)
		}
	}
	if modeC {
		for most > 0 && baud > most && letter > '0' {
			letter--
			baud, _ = speed(letter)
		}
		if err := m.write(acknowledge(letter)); err != nil {
			return err
		}
	}
	if baud == 300 {
		return nil
	}
	if modeC {
		// The acknowledgement goes out at 300 baud: 200 ms for its 6 letters,
		// then the standard's pause.
		settle, cancel := context.WithTimeout(ctx, m.cfg.Settle)
		<-settle.Done()
		cancel()
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	mode := signOn()
	mode.Baud = baud
	return m.setMode(mode)
}

func (m *Meter) setMode(mode line.Mode) error {
	s, ok := m.conn.(line.ModeSetter)
	if !ok {
		return nil // a serial server keeps its speed, or follows by itself
	}
	if err := s.SetMode(mode); err != nil {
		return &metering.Error{Code: metering.Offline, Op: "set " + m.cfg.Name + " to " + mode.String(), Err: err, Remedy: "check the adapter"}
	}
	return nil
}

func (m *Meter) write(b []byte) error {
	if _, err := m.conn.Write(b); err != nil {
		return line.Broken(op, err)
	}
	return nil
}

// collect reads until enough finds the end of something, and answers it.
func (m *Meter) collect(ctx context.Context, data *[]byte, enough func([]byte) int) ([]byte, error) {
	chunk := make([]byte, 1024)
	for {
		if n := enough(*data); n > 0 {
			return (*data)[:n], nil
		}
		if len(*data) > maxReadout {
			return nil, tooLong(len(*data))
		}
		wait, cancel := context.WithTimeout(ctx, m.cfg.Timeout)
		n, err := line.Read(wait, m.conn, chunk)
		cancel()
		*data = append(*data, chunk[:n]...)
		if err != nil {
			return nil, line.ReadError(op, len(*data), err)
		}
	}
}
