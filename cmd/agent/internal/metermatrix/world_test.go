package metermatrix

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// tick is how far the world goes on from one reading to the next.
const tick = 10 * time.Second

// world is what truly happens: a household uses energy, and a meter shows it.
type world struct {
	mu    sync.Mutex
	at    time.Time // the true time
	skew  time.Duration
	rng   *rand.Rand
	power units.Power // now
	big   int         // ticks for which a geyser is still on
	used  units.Energy

	register units.Energy        // the meter's own, which shows used from somewhere on
	wrap     units.Energy        // where it begins again at zero
	wire     wire                // what is wrong on the way
	show     func(*face)         // what is wrong with what the meter shows; nil: nothing
	frozen   *face               // it has stood still since
	clockOf  func(time.Time) int // seconds by which the meter's own clock is wrong; nil: it is right
	local    bool                // its clock shows the time of the place, and no zone where it has none to tell
}

// face is what the meter shows.
type face struct {
	imported units.Energy
	power    units.Power
	clock    time.Time       // in the zone of the place where it says so
	lacks    metering.Fields // what it does not tell
	part     bool            // a part of the register is missing, where it is told in parts
}

const (
	volts = 230
	hertz = 50
)

// shown is the clock as a display shows it that tells no zone: what stands there, in UTC.
func (f face) shown() time.Time {
	_, off := f.clock.Zone()
	return f.clock.Add(time.Duration(off) * time.Second).UTC()
}

func (f face) amps() float64 { return f.power.W() / volts }

// home is where they live.
func home() *time.Location {
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		panic(err)
	}
	return zone
}

func newWorld(seed uint64, at time.Time, shows, wrap units.Energy) *world {
	return &world{
		at: at, rng: rand.New(rand.NewPCG(seed, 2)),
		power: 500 * units.Watt, register: shows, wrap: wrap,
	}
}

// pass lets time go on by up to a tick.
func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if d >= tick || w.rng.IntN(int(tick/d)) == 0 {
		w.turn()
	}
	e := w.power.Over(d)
	w.used += e
	w.register += e
	if w.wrap > 0 {
		w.register %= w.wrap
	}
	w.at = w.at.Add(d)
}

// turn has the household use something else.
func (w *world) turn() {
	w.power = units.Power(300+w.rng.IntN(600)) * units.Watt
	if w.big > 0 {
		w.big--
		w.power += 3 * units.Kilowatt
	} else if w.rng.IntN(12) == 0 {
		w.big = 6
	}
}

// now is what the machine's clock shows.
func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at.Add(w.skew)
}

// truth is what was used so far.
func (w *world) truth() units.Energy {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.used
}

// shows is what the meter shows now, and what is wrong on the way.
func (w *world) shows() (face, wire) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := face{imported: w.register, power: w.power, clock: w.at}
	if w.clockOf != nil {
		f.clock = f.clock.Add(time.Duration(w.clockOf(w.at)) * time.Second)
	}
	if w.local {
		f.clock = f.clock.In(home())
	}
	if w.frozen != nil {
		f = *w.frozen
	}
	if w.show != nil {
		w.show(&f)
	}
	return f, w.wire
}

// change changes the world.
func (w *world) change(f func(*world)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(w)
}

// wire is what can be wrong between a meter and its driver.
type wire string

const (
	sound     wire = ""
	silence   wire = "silence"
	garbage   wire = "garbage"
	echo      wire = "echo"
	before    wire = "a stray byte before"
	after     wire = "a stray byte after"
	checksum  wire = "a bad check sum"
	late      wire = "late"
	short     wire = "short"
	duplicate wire = "twice"
)

// noise is nothing that any protocol knows.
const noise = "\x00\xff\x01hello, I am no meter at all\r\n"

// framed is a frame as it comes through.  ok is false where nothing does.
func (w wire) framed(frame []byte) (out []byte, ok bool) {
	switch w {
	case silence:
		return nil, false
	case garbage:
		return []byte(noise), true
	case before:
		return append([]byte{0}, frame...), true
	case after:
		return append(frame[:len(frame):len(frame)], 0), true
	case checksum:
		out = append([]byte{}, frame...)
		out[len(out)*2/3] ^= 0x04
		return out, true
	case short:
		return frame[:len(frame)/2], true
	case duplicate:
		return append(frame[:len(frame):len(frame)], frame...), true
	case sound, echo, late:
	}
	return frame, true
}
