// Package wmbus reads electricity meters that send by radio: wireless M-Bus (EN 13757-3,
// -4 and -7) as the Open Metering System has it, modes T and C, through a receiver that
// hands the frames on.
//
// A telegram is of a meter by its number.  Mode 7 proves with the meter's key that it is
// so, and that it is none of before; mode 5 hides what is said and proves nothing of it:
// see docs/metering.md for what then stands against whoever has a transmitter.
package wmbus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/glo"
	"github.com/keeplit/keeplit/metering/line"
	"github.com/keeplit/keeplit/metering/obis"
)

const op = "read a wireless M-Bus telegram"

// Config is one meter on the air.
type Config struct {
	Name string // of the receiver, for messages
	// Number is the meter's, eight digits.  Maker is its three letters; empty: any, as long as
	// one meter alone has the number.
	Number, Maker string
	Key           []byte // AES-128; nil: the meter does not encrypt
	Dialect       obis.Dialect
	// Least is the least time between two telegrams of the meter, by which old ones are
	// told; zero takes a second.
	Least time.Duration
	// Patience is how long to wait for a telegram before it is reported missing; zero
	// takes three minutes.
	Patience time.Duration
	Now      func() time.Time

	// Open opens the receiver, which speaks as Receiver says.
	Open     line.Opener
	Receiver string
	// Topic is where receivers publish what they hear, in place of Open, on the broker of
	// Pool.
	Topic string
	Pool  *device.Pool
}

// Meter listens to one meter.
type Meter struct {
	cfg    Config
	device *device.Device // of a topic, else nil
	bridge *bridge
	memory memory
	ear    ear
	copies copies
	known  address   // of the meter, once a telegram of it was taken
	other  address   // of another meter with our number
	rival  time.Time // when another of our number was heard that nothing tells apart; zero: never
	others []string
	heard  int // frames of any meter since the last one that was taken, or silence
	ours   int // of those, of our number
}

const usualPatience = 3 * time.Minute

// New makes a meter.
func New(cfg Config) (*Meter, error) {
	if cfg.Now == nil {
		return nil, errors.New("wmbus: a clock is needed")
	}
	if cfg.Patience <= 0 {
		cfg.Patience = usualPatience
	}
	if cfg.Least <= 0 {
		cfg.Least = time.Second
	}
	m := &Meter{cfg: cfg, memory: memory{least: cfg.Least}}
	if cfg.Topic != "" {
		m.bridge = &bridge{number: cfg.Number, topic: cfg.Topic}
		var err error
		if m.device, err = cfg.Pool.Device(m.bridge); err != nil {
			return nil, fmt.Errorf("wmbus: %w", err)
		}
	}
	return m, nil
}

// maxBuffer is more than the longest frame as a line of text, with much beside it.
const maxBuffer = 4 << 10

// Run implements metering.Meter.
func (m *Meter) Run(ctx context.Context, emit func(metering.Reading)) error {
	if m.bridge != nil {
		return m.follow(ctx, emit)
	}
	split := receivers()[m.cfg.Receiver].split()
	return line.Listen(ctx, line.Listener{
		Name: m.cfg.Name, Op: op, Open: m.cfg.Open, Patience: m.cfg.Patience, Max: maxBuffer, Missing: m.silence,
		Take: func(data []byte) (total int, out []metering.Reading) {
			for {
				frame, used := split(data[total:])
				total += used
				if frame != nil {
					out = append(out, m.take(frame)...)
				}
				if used == 0 || total == len(data) {
					return total, out
				}
			}
		},
	}, emit)
}

// take reads one frame as it came from the receiver.
func (m *Meter) take(frame []byte) []metering.Reading { return m.takeBy(&m.ear, "", frame) }

// takeBy reads one frame as it came from the receiver of an ear, published under a topic.
func (m *Meter) takeBy(e *ear, from string, frame []byte) []metering.Reading {
	m.heard++
	b, err := e.plain(frame)
	var msg message
	if err == nil {
		msg, err = parse(b)
	} else if len(frame) >= headLen {
		msg.meter = linkAddress(frame[2:])
	}
	if !m.isOurs(msg.meter) {
		m.beside(msg.meter)
		return nil
	}
	if errors.Is(err, errOther) {
		return nil
	}
	if err == nil && m.copies.has(from, b) {
		m.heard--
		return nil
	}
	twin := m.known != (address{}) && m.known != msg.meter
	var words []byte
	var how closed
	opened := err == nil && (!twin || m.cfg.Key != nil)
	if opened {
		words, how, err = msg.open(m.cfg.Key)
	}
	if twin && (err != nil || !msg.meter.electric()) {
		// What is wrong with it says nothing of our meter and its key; and a water meter may
		// have the number of an electricity meter.
		m.beside(msg.meter)
		return nil
	}
	m.ours++
	if err == nil && (twin || m.contested()) {
		return failed(m.twins(msg.meter))
	}
	switch {
	case err != nil && !opened:
		return failed(wrong(err))
	case err != nil && m.memory.some && errors.Is(err, errClear):
		return failed(replayed(err)) // the meter encrypts: its key must not be taken out for this
	case err != nil:
		return failed(unopened(err))
	}
	t, err := msg.telegram(words, m.cfg.Dialect)
	if errors.Is(err, errNothing) {
		return nil // some say now and then what they are, and not what they measure
	}
	if err != nil {
		return failed(err)
	}
	now := m.cfg.Now().UTC()
	fresh, note, err := m.memory.judge(msg, how, now)
	var out []metering.Reading
	if note != nil {
		out = failed(glo.Replayed(op, note))
	}
	if err != nil {
		return append(out, failed(replayed(err))...)
	}
	if !fresh {
		return out
	}
	m.known, m.heard, m.ours = msg.meter, 0, 0
	t.Sample.At, t.Sample.Device = now, t.Meter
	return append(out, metering.Reading{Sample: t.Sample})
}

func failed(err error) []metering.Reading { return []metering.Reading{{Err: err}} }

// contestedFor is how long after the last telegram of another meter of our number ours is not
// read, where nothing tells the two apart.
const contestedFor = 24 * time.Hour

// contested tells whether another meter has our number, and nothing says which of them is
// meant: then none is read, for what the first one is is chance.
func (m *Meter) contested() bool {
	return !m.rival.IsZero() && m.cfg.Now().Sub(m.rival) < contestedFor
}

// twins is what is said where another meter has our number.
func (m *Meter) twins(heard address) error {
	if heard != m.known {
		m.other = heard
		if m.cfg.Key == nil && m.cfg.Maker == "" && heard.letters() != m.known.letters() {
			m.rival = m.cfg.Now()
		}
	}
	remedy := "write maker: and the three letters of the meter that is meant"
	switch {
	case m.known.letters() == m.other.letters():
		remedy = "start the agent again where the meter was exchanged; else somebody sends in its name"
	case m.contested():
		remedy += "; until then none of them is read"
	}
	return metering.Fail(metering.UnknownReply, op, remedy,
		"two meters have this number: %s and %s, of versions %02X and %02X", m.known, m.other, m.known.version, m.other.version)
}

// isOurs tells whether an address has our number.
func (m *Meter) isOurs(a address) bool {
	return a.digits() == m.cfg.Number && (m.cfg.Maker == "" || a.letters() == m.cfg.Maker)
}

// mostOthers is how many other meters are remembered, to be named.
const mostOthers = 6

func (m *Meter) beside(a address) {
	if a != (address{}) && a.kind == electricity && len(m.others) < mostOthers && !slices.Contains(m.others, a.String()) {
		m.others = append(m.others, a.String())
	}
}

// silence is that of our meter, with what was heard beside it.
func (m *Meter) silence(received int) error {
	heard, ours := m.heard, m.ours
	m.heard, m.ours = 0, 0
	if m.cfg.Key != nil {
		// What the key opens is the meter's.  Parts of an address can be changed on the way,
		// and such a telegram must not keep all that come after it out.
		m.known = address{}
	}
	switch {
	case received == 0:
		return nil
	case heard == 0:
		return metering.Fail(metering.UnknownReply, op, "check what the receiver is (receiver), its speed, and that it writes frames in hexadecimal",
			"no frame for %v, %d bytes came", m.cfg.Patience, received)
	case ours > 0:
		return metering.Fail(metering.UnknownReply, op, "see what was wrong with them", "no good telegram for %v, %d that could not be taken", m.cfg.Patience, ours)
	}
	also := ""
	if len(m.others) > 0 {
		also = ", electricity meters among them: " + strings.Join(m.others, ", ")
	}
	return metering.Fail(metering.Silent, op, "check the number, that the radio's mode (T or C) is the meter's, and put the receiver nearer to the meter",
		"nothing of meter %s for %v; %d telegrams of others%s", m.cfg.Number, m.cfg.Patience, heard, also)
}

// unopened puts what kept a telegram closed into the meter's terms.
func unopened(err error) error {
	remedy := ""
	switch {
	case errors.Is(err, errNoKey):
		remedy = "ask the grid operator for the meter's key, and write key: {file: PATH}, or agent decode --key FILE"
	case errors.Is(err, errKey), errors.Is(err, errProof):
		return &metering.Error{Code: metering.Checksum, Op: op, Err: err, Remedy: "check the key; a few such telegrams are harmless"}
	case errors.Is(err, errClear):
		remedy = "take the key out of the configuration if the meter does not encrypt"
	default:
		return wrong(err)
	}
	return &metering.Error{Code: metering.UnknownReply, Op: op, Err: err, Remedy: remedy}
}

func replayed(err error) error {
	return &metering.Error{Code: metering.UnknownReply, Op: op, Err: err, Remedy: "a few of them are harmless; if they go on, somebody sends what the meter has sent before, or in its name"}
}

// Decode reads the frames of a recording: lines that hold them in hexadecimal, or in JSON.
func Decode(data []byte) ([]metering.Telegram, []error) { return decodeWith(data, nil) }

// decodeKeyed is Decode of what a key opens.
func decodeKeyed(data []byte, key, authentication string) ([]metering.Telegram, []error) {
	if authentication != "" {
		return nil, []error{errors.New("wireless M-Bus has one key; leave --authentication-key out")}
	}
	k, err := glo.ReadKey(key)
	if err != nil {
		return nil, []error{err}
	}
	return decodeWith(data, k)
}

func decodeWith(data, key []byte) (telegrams []metering.Telegram, errs []error) {
	var e ear
	for _, text := range bytes.Split(data, []byte("\n")) {
		for _, frame := range inMessage(text) {
			t, err := decodeFrame(&e, frame, key)
			switch {
			case errors.Is(err, errOther):
			case err != nil:
				errs = append(errs, err)
			default:
				telegrams = append(telegrams, t)
			}
		}
	}
	return telegrams, errs
}

func decodeFrame(e *ear, frame, key []byte) (t metering.Telegram, err error) {
	b, err := e.plain(frame)
	if err != nil {
		return t, wrong(err)
	}
	msg, err := parse(b)
	if errors.Is(err, errOther) {
		return t, err
	}
	if err != nil {
		return t, wrong(fmt.Errorf("%s: %w", msg.meter, err))
	}
	words, _, err := msg.open(key)
	if err != nil {
		return t, unopened(fmt.Errorf("%s: %w", msg.meter, err))
	}
	return msg.telegram(words, obis.Dialect{})
}
