package metering

import (
	"fmt"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/spi"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
)

// Driver is a kind of meter that the program can read.  It lives in the folder
// of its kind, with its settings, their checks and its protocol; a program has a
// list of them.
type Driver struct {
	// Name is what meter.driver says; the part of the same name holds the
	// driver's settings.
	Name string
	// New makes settings with their defaults.  Settings without any key have no
	// part.
	New func() Settings
	// Recordings are the forms in which such meters' words are recorded.
	Recordings []Recording
	// Probe finds such meters on an MQTT broker; nil: they cannot be found.
	Probe *Probe
}

// Settings are a driver's own part of a Document: a pointer to a struct with yaml
// tags.
type Settings interface {
	// Check is everything wrong with the settings.
	Check() fault.List
	// Label is what the page calls the meter.
	Label() string
	// Needs is what the meter cannot do without.
	Needs() Needs
	// Pace is the usual time between two readings where Document.Every is not
	// given; zero: it is not the driver's to say.
	Pace() time.Duration
	// Open builds the meter.  Only where it needs the machine is anything opened
	// before Run, and that is left with Env.Machine.
	Open(e Env) (Meter, error)
}

// Bounded are settings that do not go with every supply.
type Bounded interface {
	Settings
	// CheckPower is what is wrong with them where the supply carries so much.
	CheckPower(most units.Power) fault.List
}

// Declaring are settings that say for themselves what voltage the supply is declared to have.
type Declaring interface {
	Settings
	// Declared is that voltage, line to neutral; zero: it is not said.
	Declared() units.Voltage
}

// Wired are settings of a meter on a line that nobody else can use.
type Wired interface {
	Settings
	// Line is the serial device; empty where it is none.
	Line() string
}

// Doubtful are settings that may be right and not what is meant.
type Doubtful interface {
	Settings
	// Doubts are what a person should look at again, though it is no fault.
	Doubts() fault.List
}

// NoRegister doubts a description that has power alone.
func NoRegister(l *fault.List, path, remedy string) {
	l.Add(path, remedy+" where the meter has a register", "no energy is read: it is made of power and time, and what is used while nothing is read is not counted")
}

// Needs is what a driver cannot do without.
type Needs uint8

// What a driver may need.
const (
	NeedsBroker     Needs = 1 << iota // it is reached over the site's MQTT broker
	NeedsMachine                      // it hangs on pins or buses of this machine
	NeedsSimulation                   // it is part of a simulated site, which builds it
)

// Calibrated are settings of a meter whose constants somebody has measured: a
// change of them is recorded.
type Calibrated interface {
	Settings
	// Constants reads them, and finds what is wrong with them without the
	// machine.
	Constants(e Env) (Constants, error)
}

// Constants are a meter's measured constants, by their signature.
type Constants struct {
	Signature string
	Made      time.Time
	By        string // the person; may be empty
}

// Env is what a driver is given of the program around it.
type Env struct {
	Now     func() time.Time
	Every   time.Duration // time between readings, as Document.Every has it
	MQTT    *device.Pool  // the devices on the broker, which the program runs; nil without one
	Machine Machine       // opened when something is asked of it
	// Seen is told each value that the driver looks for, as it came, with every attempt to
	// read; nil: nobody looks.
	Seen func([]Seen)
	// Path is where a file lies that the configuration names.
	Path func(name string) string
	// A meter without a register of its own goes on from what was counted last.
	Import, Export units.Energy
	Since          time.Time   // when that was; zero: never
	Stored         func() bool // tells whether all energy that the meter has given away is stored; nil: always
}

// Machine is the hardware that a driver may ask for by name.  What it hands out
// it closes itself when the program ends.
type Machine interface {
	// SPI opens a port.
	SPI(name string) (spi.Port, error)
	// Edges opens an input whose edges can be waited for; the taker sets pull and
	// edge.
	Edges(name string) (gpio.PinIn, error)
	// Line finds a GPIO line: the file of its chip and its number there.
	Line(name string) (chip string, number int, err error)
	// Closes has close called when the program ends.
	Closes(close func() error)
}

// NoBus says what to do where an SPI port does not open, at the path that names it.
func NoBus(path string, err error) error {
	return fmt.Errorf("%s: %w; switch SPI on (on a Raspberry Pi with raspi-config), put the user into group spi; agent probe lists the ports there are", path, err)
}

// Recording is a form in which meters' words are recorded.
type Recording struct {
	Format string // its name, such as p1
	About  string // what its lines are, where the name does not tell
	Decode func(data []byte) ([]Telegram, []error)
	// Keyed is Decode of telegrams that are encrypted, with the encryption key and the
	// authentication key as the grid operator writes them; the second may be empty.
	// nil: this form is never encrypted.
	Keyed func(data []byte, key, authentication string) ([]Telegram, []error)
}

// Probe finds meters that publish on an MQTT broker.
type Probe struct {
	// Filters are the topics to listen to.
	Filters []string
	// Hear takes what came; ok is false where no meter speaks.
	Hear func(topic string, payload []byte) (found Found, ok bool)
}

// Found is a meter that was found.
type Found struct {
	Kind, Name string
	Sample     Sample // what it told
}
